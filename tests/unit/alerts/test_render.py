"""What a person reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from alerts.render import details, inert, one_line, plain_text, title
from streams.events import Evidence, Finding, Trap
from tests.unit.alerts.making import a_verdict, alerts_of, an_alert

RAISED = """\
RAISED  "Pepe Classic" "PEPEC" on ethereum, uniswap-v2
  risk 93.0%: of 100 such tokens about 93 rug
  age 1 min, liquidity 10 WETH
  because holders.lp_top_share = 1.00 (+0.31)
  because trading.sells = 0 (+0.12)
  because liquidity.removed = 2.5 WETH (-0.05)
  analysis: One account can take all of the liquidity, and nobody has sold yet.
  unknown: 10 of 100 facts: token.total_supply, trading.buyers, trading.seconds_to_first_sell
  pool 0x00000000000000000000000000000000000000aa, \
token 0x00000000000000000000000000000000000000bb, creator 0x00000000000000000000000000000000000000cc
  bundle nano-1, alert ethereum:0x00000000000000000000000000000000000000aa:rug:0"""

CONFIRMED = """\
CONFIRMED  "Pepe Classic" on ethereum, uniswap-v2
  risk 99.4%: of 100 such tokens about 99 rug
  it happened: 9.97 left the pool, 1 h 5 min after the warning
  age 1 h 5 min, liquidity 0.03 (at most 10)
  unknown: 10 of 100 facts
  pool 0x00000000000000000000000000000000000000aa
  bundle nano-1, alert ethereum:0x00000000000000000000000000000000000000aa:rug:1"""


def test_a_raised_alert_reads_like_this() -> None:
    """The golden text of a warning."""
    assert plain_text(an_alert()) == RAISED


def test_a_confirmed_alert_reads_like_this() -> None:
    """The golden text of the last word, with all that can be unknown unknown."""
    bare = {
        "symbol": UNSET,
        "token_address": UNSET,
        "creator": UNSET,
        "unknown": [],
        "quote_symbol": UNSET,
        "evidence": [],
        "analysis": "",
        "probability": 0.994,
        "liquidity": 0.03,
        "age": 3900.0,
    }
    assert plain_text(alerts_of(a_verdict(0), a_verdict(65, **bare))[1]) == CONFIRMED


def test_what_was_over_at_once_claims_no_warning() -> None:
    """A confirmation without lead does not pretend that anybody was warned."""
    confirmed = alerts_of(a_verdict(0, liquidity=0.0))[1]
    assert "it happened: 10 WETH left the pool before it could be told" in plain_text(confirmed)
    assert one_line(confirmed) == (
        'CONFIRMED  "Pepe Classic" "PEPEC" on ethereum, uniswap-v2: '
        "it happened: 10 WETH left the pool before it could be told"
    )


def test_a_retraction_says_that_the_chain_took_the_block_back() -> None:
    """Before any figure, and in the line of a digest: nobody knows what "retracted" means."""
    why = "the chain took the launch's block back: what was said of this pool is void"
    retracted = replace(an_alert(), action="retracted", sequence=1)
    assert details(retracted)[0] == why
    assert one_line(retracted).endswith(f"uniswap-v2: {why}")
    assert why not in plain_text(an_alert())


def test_one_line_carries_the_risk() -> None:
    """A log line alone says which token and how likely."""
    assert one_line(an_alert()) == (
        'RAISED  "Pepe Classic" "PEPEC" on ethereum, uniswap-v2: '
        "risk 93.0%: of 100 such tokens about 93 rug"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h 0 min"),
        (86_400 * 3.25, "3 d 6 h"),
    ],
)
def test_ages_are_said_in_their_largest_units(seconds: float, text: str) -> None:
    """Nobody divides by 86,400 in the head."""
    assert f"age {text}," in plain_text(an_alert(age=seconds))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0, "0"), (1.23456e-5, "1.23e-05"), (0.5, "0.5"), (99.96, "100"), (1234567.8, "1,234,568")],
)
def test_amounts_are_said_with_the_digits_that_matter(amount: float, text: str) -> None:
    """Three digits for the small, thousands separators for the large."""
    alert = an_alert(trigger="5m", liquidity=amount, liquidity_max=amount)
    assert f"liquidity {text} WETH" in plain_text(alert)


def test_a_token_without_a_name_is_still_named() -> None:
    """Unknown and emptied names leave a readable title."""
    assert title(an_alert(name=UNSET)).startswith('RAISED  unnamed token "PEPEC" on')
    assert title(an_alert(name="\u200b", symbol=UNSET)).startswith("RAISED  unnamed token on")


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("Claim at https://evil.com/x", "Claim at https[:]//evil[.]com/x"),
        ("t.me/pump", "t[.]me/pump"),
        ("www.evil.com", "www[.]evil[.]com"),
        ("evil．com", "evil[.]com"),
        ("evil。com", "evil[.]com"),
        ("203.0.113.7/x", "203[.]0[.]113[.]7/x"),
        ("PEPE 2.0", "PEPE 2.0"),
        ("Mr. Pepe", "Mr. Pepe"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_links_are_defanged_and_plain_names_are_not(hostile: str, shown: str) -> None:
    """No attacker's address can be clicked; honest dots stay."""
    assert inert(hostile, 64) == shown


def test_a_name_cannot_pretend_to_end() -> None:
    """A quotation mark inside a name would let it speak for us."""
    assert "\"X' is safe. '\"" in title(an_alert(name='X" is safe. "'))


@given(st.text(max_size=300))
def test_hostile_words_stay_on_their_line(words: str) -> None:
    """Whatever stands in any outside field, the shape of the message holds."""
    alert = an_alert(
        name=words,
        symbol=words,
        quote_symbol=words,
        analysis=words,
        token_address=words,
        bundle=words,
        evidence=[Evidence(fact=words, value=words, weight=0.5)],
    )
    assert all(line.isprintable() for line in [title(alert), *details(alert)])
    assert plain_text(alert).count("\n") == len(details(alert))
    assert "://" not in plain_text(alert)


def test_what_is_unknown_is_named() -> None:
    """By name, as far as a message has room; the rest is counted; a hostile name is inert."""
    names = ["evil://x", *(f"token.fact_{n}" for n in range(9))]
    shown = plain_text(an_alert(unknown=names, coverage=0.5))
    assert "unknown: 50 of 100 facts: evil[:]//x, token.fact_0, token.fact_1" in shown
    assert "token.fact_6, 2 more" in shown


def test_look_alike_letters_are_shown() -> None:
    """A Cyrillic PEPE is told from the Latin one, letter by letter."""
    shown = plain_text(an_alert(name="\u0420\u0415\u0420\u0415", symbol="PEPE"))
    assert "look-alike letters: \u0420 is Cyrillic (U+0420), \u0415 is Cyrillic (U+0415)" in shown
    assert "look-alike" not in plain_text(an_alert(name="Pepe", symbol="PEPE"))


def test_proven_traps_are_named_first() -> None:
    """What was seen stands under the risk with its block; what is possible is one line of few."""
    seen = {
        "trade.can_sell": Finding(source="simulation", block=7, value=False),
        "trade.reason": Finding(source="simulation", block=7, value="see evil.com"),
    }
    proven = Trap(kind="honeypot", proven=True, says="it can be bought, and not be sold",
                  evidence=seen)  # fmt: skip
    possible = [Trap(kind=f"w-{n}", proven=False, says=f"warning {n}") for n in range(6)]
    lines = details(an_alert(traps=[proven, *possible]))
    assert lines[1] == (
        "proven: it can be bought, and not be sold "
        "(trade.can_sell = no, trade.reason = see evil[.]com, block 7)"
    )
    assert lines[2] == "warning: warning 0; warning 1; warning 2; warning 3; and 2 more"
    assert "proven: it can be bought" in one_line(an_alert(traps=[proven]))
