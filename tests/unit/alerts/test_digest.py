"""A digest names every critical alert and counts the rest, whatever the room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.digest import digest, first_part
from alerts.limits import SLACK_TEXT, TELEGRAM_TEXT
from streams.events import Alert
from tests.unit.alerts.making import an_alert


def alerts(critical: int, others: int) -> list[Alert]:
    """So many of each, mixed, each on a pool of its own."""
    return [
        an_alert(pool=f"0x{n:040x}", symbol=f"S{n}", probability=0.99 if n < critical else 0.9)
        for n in range(critical + others)
    ][::-1]


@pytest.mark.parametrize("room", [TELEGRAM_TEXT, SLACK_TEXT, 160])
@pytest.mark.parametrize("critical", [0, 1, 12, 13, 500])
def test_every_critical_alert_is_named_in_time(room: int, critical: int) -> None:
    """Chunk by chunk, each within the service's limit; none is left over, none named twice."""
    waiting, named = alerts(critical, 40), list[str]()
    for _ in range(critical + 1):
        many = digest(waiting, room, len)
        if room > 160:
            assert len("\n".join([many.title, *many.lines])) <= room
        text = "\n".join(many.lines)
        said = [each for each in waiting if each.alert_id not in many.left]
        named += [each.alert_id for each in said if f'"{each.verdict.symbol}" ' in text]
        assert f"DIGEST  {len(waiting):,} alerts" in many.title
        waiting = [each for each in waiting if each.alert_id in many.left]
        if not waiting:
            break
    ours = {each.alert_id for each in alerts(critical, 40) if each.verdict.probability > 0.95}
    assert waiting == []
    assert ours <= set(named)
    assert len(named) == len(set(named))


@given(critical=st.integers(0, 60), others=st.integers(0, 60), room=st.integers(300, 5000))
def test_what_is_named_and_what_is_counted_is_all(critical: int, others: int, room: int) -> None:
    """Nobody falls between the lines."""
    waiting = alerts(critical, others)
    if not waiting:
        return
    many = digest(waiting, room, len)
    named = sum(line.startswith("- ") for line in many.lines)
    counted = [line for line in many.lines if line.startswith("and ")]
    rest = int(counted[0].split()[1].replace(",", "")) if counted else 0
    assert named + rest + len(many.left) == len(waiting)
    assert critical == 0 or named > 0


@given(critical=st.integers(0, 9), others=st.integers(0, 9))
def test_parts_get_smaller_until_one_alert_is_left(critical: int, others: int) -> None:
    """The critical go first; whatever is split, no part is empty and none is the whole."""
    waiting = alerts(critical, others)
    first = first_part(waiting)
    if len(waiting) < 2:
        assert not first
    else:
        assert 0 < len(first) < len(waiting)
    if critical and others:
        assert first == {each.alert_id for each in waiting if each.verdict.probability > 0.95}
