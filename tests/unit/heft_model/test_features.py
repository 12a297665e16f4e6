"""Facts become numbers in one table, and nothing unusable gets through."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from heft_model.features import CODE, FEATURES, FOUND, measure
from streams.checks.capabilities import READ
from streams.errors import Invalid
from streams.finding import Finding
from tests.unit.heft_model.making import NAMES, facts


def test_names_are_unique_words() -> None:
    """A name is one prompt word's stem, so it holds no space and no sign of the word's own."""
    assert len(set(NAMES)) == len(NAMES)
    assert not any(set(name) & set(" =?:") for name in NAMES)


def test_plain_names_are_paths_of_the_schema() -> None:
    """Whoever reads the evidence finds the fact under that name in the published dossier."""
    for row in FEATURES:
        if row in CODE:  # found by an examination, under the name of the finding
            assert row.name.removeprefix("found.") in READ
        elif "." in row.name:
            group, name = row.name.split(".")
            assert name in getattr(facts(), group).__struct_fields__


def test_phrases_take_one_value() -> None:
    """Every fact can be said to people."""
    assert all("42" in row.phrase.format("42") for row in FEATURES)


def test_unknown_is_none_never_zero() -> None:
    """A fact or a whole group that the source did not send stays unknown."""
    values = measure(facts(holders=UNSET), NAMES)
    assert values["holders.lp_holders"] is None
    assert values["liquidity.seconds_since_removal"] is None
    assert values["liquidity.reserve_initial"] == 10.0


def test_quotients_of_nothing_are_unknown() -> None:
    """A pool that never held anything has no share of its peak."""
    empty = msgspec.structs.replace(facts().liquidity, reserve=0.0, reserve_max=0.0)
    assert measure(facts(liquidity=empty), ["reserve_to_max"]) == {"reserve_to_max": None}


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 10**400])
def test_numbers_beyond_use_are_refused(number: float) -> None:
    """What no model was trained on is a dead letter with the fact's name, not a guess."""
    odd = msgspec.structs.replace(facts().liquidity, reserve=number)
    with pytest.raises(Invalid, match=r"liquidity\.reserve of .* is not a finite number"):
        measure(facts(liquidity=odd), ["liquidity.reserve"])


@pytest.mark.parametrize("decimals", [-1, 256, 10**9])
def test_absurd_decimals_cost_nothing(decimals: int) -> None:
    """An attacker's ``decimals`` never makes us compute a power of ten of that size."""
    token = msgspec.structs.replace(facts().token, decimals=decimals)
    assert measure(facts(token=token), ["supply"]) == {"supply": None}


def test_supply_is_in_whole_tokens() -> None:
    """Base units are taken out by the decimals."""
    assert measure(facts(), ["supply"]) == {"supply": 1e9}


def test_stable_quotes_are_told_from_coins() -> None:
    """What a reserve is worth depends on what it is counted in."""
    quotes = {"USDC": 1.0, "WETH": 0.0, UNSET: None}
    for quote, told in quotes.items():
        assert measure(facts(quote_symbol=quote), ["quote_is_stable"])["quote_is_stable"] == told


def test_an_unknown_name_says_what_to_do() -> None:
    """A bundle from a newer version asks for facts that this one cannot compute."""
    with pytest.raises(Invalid, match="upgrade heft"):
        measure(facts(), ["moon_phase"])


def test_what_an_examination_found_can_be_a_fact() -> None:
    """A bundle may name them; unknown is none, an address is somebody, nobody is no."""
    names = {row.name for row in FOUND}
    assert not names & set(NAMES)
    assert all("42" in row.phrase.format("42") for row in FOUND)
    values: dict[str, str | float | bool] = {
        "mint.authority": "So111", "mint.freeze_authority": False, "mint.transfer_fee": 0.25,
    }  # fmt: skip
    found = {k: Finding(source="call", block=1, value=v) for k, v in values.items()}
    found["trade.can_sell"] = Finding(source="call", block=1, why="no venue")
    measured = measure(facts(findings=found), sorted(names))
    assert measured["found.mint.authority"] == 1.0
    assert measured["found.mint.freeze_authority"] == 0.0
    assert measured["found.mint.transfer_fee"] == 0.25
    assert measured["found.trade.can_sell"] is None
    assert measured["found.bundle.share"] is None
