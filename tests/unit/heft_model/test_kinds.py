"""Kinds of rug: their odds agree with the rug's, findings outrank them, silence is no zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.kinds import HEADS, KINDS, LABELS, kinds_of
from heft_model.traps import traps_in
from streams.events import Finding

ODDS = st.dictionaries(st.sampled_from(HEADS), st.floats(0, 1))


def seen(value: bool | float) -> Finding:
    """A finding of the simulation."""
    return Finding(source="simulation", block=1, value=value)


@given(st.floats(0, 1), ODDS)
def test_a_rug_is_a_pull_or_a_dump(rug: float, odds: dict[str, float]) -> None:
    """The two ways in which a pool is drained are together as likely as that it is."""
    told = {each.kind: each.probability for each in kinds_of(rug, odds, [])}
    assert set(told) <= set(KINDS)
    if "liquidity-pull" in odds:
        assert told["liquidity-pull"] + told["dump"] == pytest.approx(rug, abs=2e-6)


@given(st.floats(0, 1), ODDS)
def test_the_likeliest_comes_first(rug: float, odds: dict[str, float]) -> None:
    """Whoever shows only the first shows the likeliest."""
    chances = [each.probability for each in kinds_of(rug, odds, [])]
    assert chances == sorted(chances, reverse=True)


def test_what_was_not_taught_is_not_told() -> None:
    """A kind without a head is absent, which is not a probability of zero."""
    assert kinds_of(0.9, {}, []) == []
    assert [each.kind for each in kinds_of(0.9, {"honeypot": 0.0}, [])] == ["honeypot"]


@pytest.mark.parametrize(
    ("findings", "kind"),
    [
        ({"trade.can_buy": seen(True), "trade.can_sell": seen(False)}, "honeypot"),
        ({"trade.sell_tax": seen(0.9)}, "tax"),
        ({"contract.has_hidden_mint": seen(True)}, "hidden-mint"),
    ],
)
def test_findings_outrank_the_model(findings: dict[str, Finding], kind: str) -> None:
    """What was seen at work is certain, whatever the model thinks."""
    told = kinds_of(0.1, {"honeypot": 0.01, "hidden-mint": 0.01}, traps_in(findings))
    assert (told[0].kind, told[0].probability, told[0].shown) == (kind, 1.0, True)


def test_every_kind_says_where_its_labels_are_from() -> None:
    """The card names the source of each, and that there is none for taxes."""
    assert set(LABELS) == set(KINDS)
    assert LABELS["tax"].startswith("none")
    assert "tax" not in HEADS
