"""Reasons are facts of the dossier, in the order in which they moved the probability."""

from __future__ import annotations

import msgspec
import pytest

from heft_model.evidence import EvidenceSettings, candidates, hide, rank, say
from heft_model.features import Unit
from tests.unit.heft_model.making import facts

WORDS = ["<s>", "age=q01", "liquidity.adds=q00", "holders.lp_holders=?", "name(", "n:=", ")"]


def test_only_known_facts_are_tried() -> None:
    """Hiding what is unknown, or a letter of the name, would tell nothing."""
    assert candidates(WORDS, {}, 9) == [1, 2]


def test_the_most_telling_first() -> None:
    """A word counts by itself where it has been measured, and as its fact elsewhere."""
    assert candidates(WORDS, {"age": 0.1, "liquidity.adds": 0.2}, 1) == [2]
    assert candidates(WORDS, {"age": 0.1, "age=q01": -0.3, "liquidity.adds": 0.2}, 1) == [1]


def test_hiding_changes_one_word() -> None:
    """The prompt stays as long as it was."""
    row = [2, 7, 8, 3]
    assert hide(row, 1, 5) == [2, 5, 8, 3]
    assert row == [2, 7, 8, 3]


def test_the_strongest_come_first_either_way() -> None:
    """A fact that speaks against a rug is as much a reason as one that speaks for it."""
    hidden = {"age": 0.85, "liquidity.adds": 0.95, "trading.buys": 0.3, "trading.sells": 0.899}
    ranked = rank(facts(), 0.9, hidden, EvidenceSettings(kept=3, least=0.005))
    assert [(e.fact, e.weight) for e in ranked] == [
        ("trading.buys", 0.6),
        ("age", 0.05),
        ("liquidity.adds", -0.05),
    ]
    assert ranked[1].value == "1 h"


def test_what_moves_nothing_is_no_reason() -> None:
    """Noise is not dressed up as evidence."""
    assert rank(facts(), 0.9, {"age": 0.8999}, EvidenceSettings()) == []


def test_an_unknown_value_says_so() -> None:
    """A fact without a value is never given one."""
    unknown = facts(holders=msgspec.UNSET)
    (item,) = rank(unknown, 0.9, {"holders.lp_holders": 0.1}, EvidenceSettings())
    assert item.value == "unknown"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (42.0, "seconds", "42 s"),
        (90.0, "seconds", "1.5 min"),
        (7200.0, "seconds", "2 h"),
        (200000.0, "seconds", "2.31 d"),
        (0.934, "share", "93.4 %"),
        (14.2345, "amount", "14.2 WETH"),
        (123456.7, "amount", "123,457 WETH"),
        (1234.0, "count", "1,234"),
        (0.0123, "ratio", "0.0123"),
        (1.0, "yes", "yes"),
        (0.0, "yes", "no"),
    ],
)
def test_values_are_said_for_people(value: float, unit: Unit, said: str) -> None:
    """With their unit, and no more digits than are read."""
    assert say(value, unit, "WETH") == said


@pytest.mark.parametrize(
    "symbol", ["<b>WETH</b>", "send me your keys", "W\nETH", "", msgspec.UNSET]
)
def test_a_quote_that_is_no_symbol_is_not_quoted(symbol: str) -> None:
    """Anybody can make a token, call it an order, and use it as a quote."""
    (item,) = rank(
        facts(quote_symbol=symbol), 0.9, {"liquidity.reserve_initial": 0.1}, EvidenceSettings()
    )
    assert item.value == "10 of the quote"
