"""Mints made by the real token programs, and what is to be found of each: the table of checks.md.

``TABLE`` says of each what is found beyond what is found of a plain mint of the same program, and
which traps follow. Trades run on a pool of Raydium CPMM whose vaults are real token accounts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from heft_model.traps import traps_in
from streams.events import Examination
from streams.examine.solana.checklist import checklist
from tests.chain.launchpad import SUPPLY, Launchpad, asked, opened
from tests.chain.token_bank import (
    BOSS,
    EXTENSIONS,
    TOKEN,
    TOKEN_2022,
    Bank,
    Extension,
    associated,
    wallet,
)

__all__ = ["COMMON", "TABLE", "Row", "differences", "examined", "section", "values"]

BOSS_ = str(BOSS)
HOLDERS = [wallet(100 + number) for number in range(3)]


class Row(NamedTuple):
    """A mint, and what is to be found of it."""

    says: str
    extensions: tuple[str, ...]
    found: dict[str, Any]
    """Beyond the twin's; ``None`` is unknown."""
    traps: set[str]
    after: Callable[[Bank, Pubkey], None] | None = None
    """What its maker does once people hold it."""
    freezer: bool = False


def _by_boss(data: bytes) -> Callable[[Bank, Pubkey], None]:
    return lambda bank, mint: bank.act(TOKEN_2022, data, (mint, "w"), (BOSS, "s"))


def _freeze(bank: Bank, mint: Pubkey) -> None:
    """All holders' accounts."""
    for holder in HOLDERS:
        account = associated(holder, mint, bank.program_of(mint))
        bank.act(bank.program_of(mint), b"\x0a", (account, "w"), (mint, ""), (BOSS, "s"))


def _only(extension: str) -> dict[str, Any]:
    return {"mint.extensions": extension}


NO_SALE = ("trade.can_sell", "trade.can_sell_all", "trade.sell_tax", "trade.buy_tax",
           "trade.can_transfer", "trade.transfer_tax", "trade.is_honeypot")  # fmt: skip
NOT_BOUGHT = {"trade.can_buy": False, "trade.outcome": "buy-fail"} | dict.fromkeys(NO_SALE)
NOT_RUN = dict.fromkeys((*NO_SALE, "trade.can_buy", "trade.outcome", "trade.reason",
                         "trade.holders_tested", "trade.holders_failed"))  # fmt: skip
FEE = {"mint.extensions": "transfer-fee", "mint.fee_authority": BOSS_}
TAXES = ("trade.buy_tax", "trade.sell_tax", "trade.transfer_tax")


def _fee(points: int, most: int = 2**63) -> Extension:
    data = b"\x1a\x00" + (b"\x01" + bytes(BOSS)) * 2 + struct.pack("<HQ", points, most)
    return Extension(108, data)


MADE = {**EXTENSIONS, "fee-of-2": _fee(200), "fee-of-100": _fee(10_000)}

TABLE: dict[str, Row] = {
    "plain": Row("What every mint here is: half pooled, half with three holders; no powers.",
        (), {}, set()),
    "mintable": Row("Its maker can still mint.",
        (), {"mint.authority": str(Bank().payer)}, {"mintable"}),
    "freezable": Row("Somebody can freeze accounts; none is frozen.",
        (), {"mint.freeze_authority": BOSS_}, {"freezable"}, freezer=True),
    "frozen": Row(
        "The same, once every holder is frozen.",
        (),
        {"mint.freeze_authority": BOSS_, "trade.holders_failed": 1.0},
        {"freezable", "holders-cannot-sell"}, _freeze, freezer=True,
    ),
    "transfer-fee": Row(
        "2 % of every transfer, and somebody who can change it.",
        ("fee-of-2",),
        FEE | {"mint.transfer_fee": 0.02, "mint.next_transfer_fee": 0.02,
               "mint.most_transfer_fee": 2**63 / 1e6} | dict.fromkeys(TAXES, 0.02),
        {"changeable-tax"},
    ),
    "transfer-fee-scheduled": Row(
        "The same, once 99 % are set for two epochs later.",
        ("fee-of-2",),
        FEE | {"mint.transfer_fee": 0.02, "mint.next_transfer_fee": 0.99,
               "mint.next_fee_epoch": 2.0, "mint.most_transfer_fee": 2**63 / 1e6}
        | dict.fromkeys(TAXES, 0.02),
        {"changeable-tax", "ruinous-fee-scheduled"},
        _by_boss(b"\x1a\x05" + struct.pack("<HQ", 9900, 2**62)),
    ),
    "transfer-fee-of-everything": Row(
        "A fee of 100 %: nothing arrives.",
        ("fee-of-100",),
        FEE | {"mint.transfer_fee": 1.0, "mint.next_transfer_fee": 1.0,
               "mint.most_transfer_fee": 2**63 / 1e6, "trade.reason": "nothing arrives"}
        | NOT_BOUGHT | {"trade.buy_tax": 1.0},
        {"ruinous-transfer-fee", "ruinous-buy-tax", "changeable-tax"},
    ),
    "permanent-delegate": Row(
        "Somebody moves or burns everybody's tokens.",
        ("permanent-delegate",),
        _only("permanent-delegate") | {"mint.permanent_delegate": BOSS_},
        {"permanent-delegate"},
    ),
    "default-frozen": Row(
        "New accounts are frozen until their maker thaws them.",
        ("default-state",),
        _only("default-state") | {"mint.freeze_authority": BOSS_, "mint.is_default_frozen": True,
                                  "trade.reason": "Account is frozen"} | NOT_BOUGHT,
        {"freezable", "default-frozen"}, freezer=True,
    ),
    "non-transferable": Row(
        "Tokens stay where they are minted.",
        ("non-transferable",),
        _only("non-transferable") | {"mint.is_transferable": False,
        "trade.reason": "Transfer is disabled for this mint",
        "trade.holders_failed": 1.0} | NOT_BOUGHT,
        {"non-transferable", "holders-cannot-sell"},
    ),
    "transfer-hook": Row(
        "Another program is called at every transfer; it is not run here.",
        ("transfer-hook",),
        _only("transfer-hook") | {"mint.transfer_hook": str(wallet(66)),
                                  "mint.hook_authority": BOSS_} | NOT_RUN,
        {"transfer-hook"},
    ),
    "pausable": Row(
        "Somebody can stop everything.",
        ("pausable",), _only("pausable") | {"mint.pause_authority": BOSS_}, {"mint-pausable"}
    ),
    "paused": Row(
        "The same, once it is stopped.",
        ("pausable",),
        _only("pausable") | {"mint.pause_authority": BOSS_, "mint.is_paused": True,
        "trade.reason": "Transferring, minting, and burning is paused on this mint",
        "trade.holders_failed": 1.0} | NOT_BOUGHT,
        {"mint-pausable", "mint-paused", "holders-cannot-sell"},
        _by_boss(b"\x2c\x01"),
    ),
    "close-authority": Row(
        "Twin: the mint can be closed, once no token is left.",
        ("close-authority",), _only("close-authority") | {"mint.close_authority": BOSS_}, set()
    ),
    "scaled-amount": Row(
        "Twin: what wallets show can be scaled; it is not.",
        ("scaled-amount",), _only("scaled-amount") | {"mint.scale_authority": BOSS_}, set()
    ),
    "rescaled": Row(
        "The same, once a hundredth is shown of what is held.",
        ("scaled-amount",),
        _only("scaled-amount") | {"mint.scale_authority": BOSS_, "mint.multiplier": 0.01,
                                  "mint.next_multiplier": 0.01},
        {"rescaled"},
        _by_boss(b"\x2b\x01" + struct.pack("<dq", 0.01, 0)),
    ),
    "rescaling": Row(
        "The same, but from a later moment on.",
        ("scaled-amount",),
        _only("scaled-amount") | {"mint.scale_authority": BOSS_, "mint.next_multiplier": 0.01},
        {"rescaled"},
        _by_boss(b"\x2b\x01" + struct.pack("<dq", 0.01, 2**40)),
    ),
    "interest-bearing": Row(
        "Twin: wallets show 5 % more a year.",
        ("interest-bearing",),
        _only("interest-bearing") | {"mint.interest_rate": 0.05, "mint.interest_authority": BOSS_},
        set(),
    ),
    "confidential": Row(
        "Twin: amounts may be hidden.",
        ("confidential-transfer",), _only("confidential-transfer") | {"mint.is_confidential": True},
        set(),
    ),
    "metadata-pointer": Row(
        "Twin: somebody may say where its metadata is.",
        ("metadata-pointer",), _only("metadata-pointer") | {"mint.pointer_authority": BOSS_}, set()
    ),
    "group": Row("Twin: may belong to a group of mints.",
        ("group-pointer", "member-pointer"),
                 {"mint.extensions": "group-pointer, member-pointer"}, set()),
    "several": Row(
        "Three powers at once.",
        ("permanent-delegate", "fee-of-2", "pausable"),
        {"mint.extensions": "pausable, permanent-delegate, transfer-fee",
         "mint.permanent_delegate": BOSS_, "mint.fee_authority": BOSS_, "mint.transfer_fee": 0.02,
         "mint.next_transfer_fee": 0.02, "mint.most_transfer_fee": 2**63 / 1e6,
         "mint.pause_authority": BOSS_} | dict.fromkeys(TAXES, 0.02),
        {"permanent-delegate", "changeable-tax", "mint-pausable"},
    ),
}  # fmt: skip


def _launched(pad: Launchpad, name: str, program: Pubkey) -> Any:
    """A launch of such a mint, half of it pooled, the rest with three holders."""
    row, bank = TABLE[name], pad.bank
    freezer = BOSS if row.freezer else None
    mint = bank.mint(program, [MADE[each] for each in row.extensions], freezer=freezer)
    bank.thaws = BOSS if name == "default-frozen" else None
    for holder in HOLDERS:
        bank.give(holder, mint, SUPPLY // 6)
    launch = pad.launch("raydium-cpmm", mint)
    if name != "mintable":
        bank.act(program, b"\x06\x00\x00", (mint, "w"), (bank.payer, "s"))  # nobody mints any more
    if row.after is not None:
        row.after(bank, mint)
    return launch


PROGRAMS = {"token-2022": TOKEN_2022, "spl-token": TOKEN}
COMMON = {"deployer-holds-liquidity"}
"""The creator of these pools keeps the LP tokens, of every twin too."""


async def examined() -> dict[tuple[str, str], Examination]:
    """Every row, by its name and program; a mint without extensions on both programs.

    All mints are of one bank: what is found of one has nothing of another's.
    """
    pad = Launchpad()
    async with opened(pad) as nodes:
        return {
            (name, program): await asked(pad, _launched(pad, name, PROGRAMS[program]), nodes)
            for name, row in TABLE.items()
            for program in (("token-2022",) if row.extensions else PROGRAMS)
        }


def values(found: Examination) -> dict[str, Any]:
    """The findings; ``None`` is unknown."""
    return {name: each.value if each.known else None for name, each in found.findings.items()}


def differences(found: Examination, twin: Examination) -> dict[str, Any]:
    """What is found of a mint and of trades with it beyond what is found of its twin."""
    mine, its = values(found), values(twin)
    own = [each for each in mine if each.startswith(("mint.", "trade."))]
    return {each: mine[each] for each in own if mine[each] != its[each]}


TITLE = "# What is found of mints of Solana"
SPOKEN = f"""{TITLE}

Each mint below is made in LiteSVM by the real SPL Token and Token-2022 programs, launched on a pool
whose vaults are real token accounts, and examined (`streams/examine/solana`). Trades move by the
real programs too; the pool's own arithmetic is the test's. `tests/chain/test_solana_mints.py` holds
every answer to the table, and this page to what is found. WHO is an account; a trap in bold is
proven.

"""


def section(found: Mapping[tuple[str, str], Examination]) -> str:
    """The part of ``docs/checks.md`` that tells of Solana."""
    twin = found["plain", "token-2022"]
    lines = ["| mint | what it is | what is found | traps |", "|---|---|---|---|"]
    for name, row in TABLE.items():
        told = differences(found[name, "token-2022"], twin)
        known = [f"{_short(k)} {_shown(v)}" for k, v in told.items() if v is not None]
        unknown = [_short(k) for k, v in told.items() if v is None]
        text = ", ".join(known) + (f"; unknown: {', '.join(unknown)}" if unknown else "")
        traps = [
            f"**{trap.kind}**" if trap.proven else trap.kind
            for trap in traps_in(found[name, "token-2022"].findings)
            if trap.kind not in COMMON
        ]
        lines.append(f"| {name} | {row.says} | {text} | {', '.join(traps)} |")
    names = ", ".join(f"`{each}`" for check in checklist(None) for each in check.names)
    table = "\n".join(lines)
    return f"{SPOKEN}{table}\n\n## Every finding of Solana\n\n{names}\n"


def _short(name: str) -> str:
    return name if name.endswith("transfer_fee") else name.partition(".")[2]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "**yes**" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "WHO" if 32 <= len(value) <= 44 and value.isalnum() else str(value)
