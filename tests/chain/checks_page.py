"""Writes docs/checks.md: what the checks say of every purpose-made token, as it was found.

python -m tests.chain.checks_page
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import anyio

from streams.checks.capabilities import CALLED, MEASURED, READ
from streams.checks.judging import TRADE_NAMES
from streams.finding import Finding
from tests.chain.devnet import devnet
from tests.chain.mints_page import write as write_solana
from tests.chain.showroom import EXPECTED, TOKENS, UNKNOWN, Showroom, compared, examine

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
SPOKEN = re.compile(r"((?:^/// .*\n)+)(?:abstract )?contract (\w+)", re.MULTILINE)
_MADE_OF = {
    "Unopened": "OpensOnce, which its owner has not opened yet.",
    "Upgradeable": "Mintable behind a proxy of EIP-1967.",
    "Beaconed": "Mintable behind a beacon.",
    "Cloned": "Twin: Plain behind a clone of EIP-1167.",
}
HEAD = """# What the checks find

Every token below was written for this table, compiled, and launched on a local chain with the real
Uniswap V2 contracts; then both checks of `streams/checks` looked at it. `make checks-page` writes
the table again, and `tests/chain/test_checks.py` holds each answer to
`tests/chain/tokens/expected.toml`.

A trap and its honest twin stand beside each other. What a row does not name is as for `Plain`: it
can be bought, moved and sold without tax, limit or owner, and nobody can do anything to holders.
`?` is unknown: the finding itself says why.

Trades are simulated in one `eth_call` by a probe of ours under state override; the owner's powers
are every function of the token, called as its owner, and what changed. A function that writes
balances, or what transfers read, and that could not be made to show an effect leaves the answers
that hang on it unknown.

What an owner can take out of the contract (`can_withdraw`) is found by giving the contract coin,
quote and liquidity first: a fact and no trap, since fetching back what was sent by mistake is the
same power. How that stands to the *leak* of other tools, and why their labels were not fitted, is
told in [decision 53](decisions/0053-tell-what-an-owner-can-take-out.md).

"""


def main() -> None:
    """Examine every token and write the page."""
    with devnet("--gas-limit", "1000000000") as net:
        found = anyio.run(examine, net, Showroom.of(net, list(EXPECTED)))
    PAGE.write_text(page(found))
    write_solana()


def page(found: Mapping[str, Mapping[str, Finding]]) -> str:
    """The page's text."""
    told = {name: compared(dict(findings)) for name, findings in found.items()}
    plain = told["Plain"]
    rows = [
        f"| {name} | {_spoken().get(name, '')} | {_differences(answers, plain)} |"
        for name, answers in told.items()
    ]
    table = "\n".join(["| token | what it does | what is found |", "|---|---|---|", *rows])
    names = ", ".join(f"`{name}`" for name in (*TRADE_NAMES, *CALLED, *READ, *MEASURED))
    return f"{HEAD}{table}\n\n## Every finding\n\n{names}\n"


def _differences(answers: Mapping[str, object], plain: Mapping[str, object]) -> str:
    """What differs from Plain; a kind of which all is unknown is told as one."""
    different = {name: each for name, each in answers.items() if each != plain.get(name)}
    trades = [name for name in TRADE_NAMES if name in answers]
    if all(answers[name] == UNKNOWN for name in trades):
        different = {k: v for k, v in different.items() if k not in trades} | {
            "every trade.": UNKNOWN
        }
    if different.get("owner.renounced") is False:  # every token with an owner
        del different["owner.renounced"]
    known = [f"{_short(n)} {_shown(v)}" for n, v in different.items() if v != UNKNOWN]
    unknown = [_short(name) for name, value in different.items() if value == UNKNOWN]
    return ", ".join(known) + (f"; unknown: {', '.join(unknown)}" if unknown else "")


def _short(name: str) -> str:
    """A finding's name without its group, but where two groups share it."""
    return name if name.endswith("has_cooldown") else name.partition(".")[2] or name


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "**yes**" if value else "**no**"
    return f"{value:.3g}" if isinstance(value, float) else f"{value}"


def _spoken() -> dict[str, str]:
    """What the sources say of each contract above its name."""
    found = dict(_MADE_OF)
    for path in sorted(TOKENS.glob("*.sol")):
        for comment, name in SPOKEN.findall(path.read_text()):
            found[name] = " ".join(line.removeprefix("/// ") for line in comment.splitlines())
    return found


if __name__ == "__main__":
    main()
