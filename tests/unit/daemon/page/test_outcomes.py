"""How right the alerts were: from what happened, and from what people say."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.example import example
from daemon.page.outcomes import Outcomes
from streams.events import Action, Alert
from streams.labels import Label, Word
from tests.unit.alerts.making import LAUNCHED_AT


def alert(pool: int, action: Action) -> Alert:
    """One message about an alert on a pool."""
    return msgspec.structs.replace(example(LAUNCHED_AT, pool=f"0x{pool}"), action=action)


def label(pool: int, what: Word) -> Label:
    """One person's word on it."""
    return Label(chain="ethereum", pool=f"0x{pool}", what=what, who="cli:a", at=LAUNCHED_AT)


EVENTS = [
    *(alert(pool, "raised") for pool in range(6)),
    alert(1, "confirmed"),
    label(2, "rug"),
    label(3, "false-alarm"),
    alert(4, "confirmed"),
    label(4, "false-alarm"),
    alert(5, "retracted"),
    label(0, "mute"),
    label(9, "rug"),
]


@given(st.permutations(EVENTS))
def test_each_alerted_pool_has_one_outcome(order: list[Alert | Label]) -> None:
    """Drained or called a rug is right, even if somebody disagrees; nobody's word is open."""
    outcomes = Outcomes()
    for event in [*order, *order]:
        outcomes.note(event)
    assert outcomes.counts() == {"right": 3, "wrong": 1, "open": 1}
