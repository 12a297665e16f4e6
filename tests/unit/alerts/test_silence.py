"""What nobody wants to hear for a while, and one alert for a wave of launches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from alerts.example import example
from alerts.hearers import Audience, Hearers
from alerts.ledger import Ledger
from alerts.outbox import Queued
from alerts.route import Route, Router
from alerts.silence import Silence
from alerts.silences import Silences
from alerts.wave import Waves
from streams.errors import Invalid
from streams.events import Alert
from streams.state import State

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
CREATOR = "0x00000000000000000000000000000000000000cc"


def silence(**changes: Any) -> Silence:
    """One of two hours on the chain of the example, changed."""
    fields: dict[str, Any] = {
        "id": "s",
        "who": "ann",
        "why": "test",
        "until": LATER,
        "chain": "ethereum",
    }
    return Silence(**(fields | changes))


def on_pool(number: int, **changes: Any) -> Alert:
    """An alert on a pool of its own."""
    return example(changes.pop("at", NOON), pool=f"0x{number:040x}", **changes)


@pytest.mark.parametrize(
    ("changes", "token", "is_held"),
    [
        ({}, {}, True),
        ({}, {"chain": "base"}, False),
        ({"venue": "uniswap-v2"}, {}, True),
        ({"venue": "uniswap-v3"}, {}, False),
        ({"token": "exmpl"}, {}, True),
        ({"token": "0x00000000000000000000000000000000000000BB"}, {}, True),
        ({"token": "0x00000000000000000000000000000000000000aa"}, {}, True),
        ({"token": "PEPE"}, {}, False),
        ({"creator": CREATOR.upper().replace("X", "x")}, {}, True),
        ({"creator": CREATOR}, {"creator": UNSET}, False),
        ({"severity": "warning"}, {}, True),
        ({"severity": "info"}, {}, False),
        ({}, {"probability": 0.99}, False),
        ({"critical": True}, {"probability": 0.99}, True),
        ({"severity": "critical"}, {"probability": 0.99}, True),
        ({"until": NOON}, {}, False),
        ({"since": NOON + timedelta(seconds=1)}, {}, False),
        ({"hours": "11:00-13:00"}, {}, True),
        ({"hours": "13:00-11:00"}, {}, False),
        ({"hours": "22:00-12:01", "until": None}, {}, True),
    ],
)
def test_a_silence_holds_what_fits(
    changes: dict[str, Any], token: dict[str, Any], is_held: bool
) -> None:
    """All that it names must fit, in its time; a critical alert passes unless it is named."""
    assert silence(**changes).holds(example(NOON, **token), NOON) == is_held


def test_what_takes_a_message_back_is_not_silenced() -> None:
    """A message that stays up while its alert is void would be a lie."""
    raised = example(NOON)
    held = [
        silence(critical=True).holds(replace(raised, action=action), NOON)
        for action in ("raised", "updated", "confirmed", "cleared", "retracted")
    ]
    assert held == [True, True, True, False, False]


@pytest.mark.parametrize("changes", [{"chain": ""}, {"until": None}])
def test_a_silence_of_everything_or_for_ever_is_refused(changes: dict[str, Any]) -> None:
    """Nobody means that; a daily window needs no end."""
    with pytest.raises(Invalid, match="a silence"):
        silence(**changes)


async def test_silences_outlive_a_restart_and_can_be_lifted(state_url: str) -> None:
    """Kept with who, until when and why; over or lifted, they hold nothing more."""
    state = await State.open(state_url)
    await Silences(state).add(silence(id="short", until=NOON + timedelta(minutes=1)))
    await Silences(state).add(silence(id="long"))
    await state.close()
    state = await State.open(state_url)
    kept = Silences(state, [silence(id="settings-1")])
    assert [each.id for each in await kept.current(NOON)] == ["settings-1", "short", "long"]
    assert (await kept.current(NOON))[-1] == silence(id="long")
    assert [each.id for each in await kept.current(NOON + timedelta(minutes=1))][1:] == ["long"]
    assert await kept.lift("long", "bob")
    assert not await kept.lift("long", "bob")
    assert [each.id for each in await kept.current(NOON)] == ["settings-1", "short"]
    await state.close()


async def test_a_silenced_alert_is_in_the_history_with_its_reason(state: State) -> None:
    """Held from those who heard before, too; nothing of it is ever sent; then they hear again."""
    ledger = Ledger(state)
    hearers = Hearers(Audience(silences=(silence(),)), state, ledger)
    raised = on_pool(1)
    updated, later = replace(raised, action="updated", sequence=1), replace(raised, sequence=2)
    await ledger.write({}, [Queued(raised, 0)], ["chat"], NOON)
    await ledger.write({}, await hearers.of([(updated, 0)], NOON), ["chat"], NOON)
    after = await hearers.of([(replace(later, action="updated"), 0)], LATER)
    await ledger.write({}, after, ["chat"], LATER)
    waiting = await ledger.pending("chat", {0}, after=0, limit=9)
    assert [each.message for each in waiting] == [raised.id, later.id]
    rows = await ledger.history("chat", refused=False, limit=9)
    assert [row[3:5] for row in rows][1] == ("held", "silence s of ann")


async def told(ledger: Ledger, hearers: Hearers, at: datetime, *alerts: Alert) -> list[str]:
    """Whom of these alerts the chat is to hear."""
    queued = await hearers.of([(alert, 0) for alert in alerts], at)
    await ledger.write({}, queued, ["chat"], at)
    return [each.alert.id for each in queued if each.sinks is None]


async def test_one_alert_speaks_for_its_wave_over_a_restart(state: State) -> None:
    """Ten launches of one creator: one message, also from another process; later one again."""
    audience = Audience(waves=Waves(seconds=600))
    launches = [on_pool(number, symbol=f"S{number}") for number in range(5)]
    ledger = Ledger(state)
    hearers = Hearers(audience, state, ledger)
    assert await told(ledger, hearers, NOON, *launches) == [launches[0].id]
    again = Hearers(audience, state, Ledger(state))
    soon, late = NOON + timedelta(seconds=599), NOON + timedelta(seconds=600)
    followers = [on_pool(number, at=soon) for number in range(5, 10)]
    assert await told(ledger, again, soon, *followers) == []
    other = on_pool(11, creator="0xdd", at=soon)
    assert await told(ledger, again, soon, other) == [other.id]
    next_ones = [on_pool(number, at=late) for number in (12, 13)]
    assert await told(ledger, again, late, *next_ones) == [next_ones[0].id]


async def test_without_a_creator_a_symbol_is_the_wave(state: State) -> None:
    """Copies of one name are spoken for; a token without name and creator never is."""
    ledger = Ledger(state)
    hearers = Hearers(Audience(waves=Waves(seconds=600)), state, ledger)
    copies = [on_pool(1, creator=UNSET), on_pool(2, creator=UNSET, symbol="exmpl")]
    assert await told(ledger, hearers, NOON, *copies) == [copies[0].id]
    unnamed = [on_pool(n, creator=UNSET, symbol=UNSET) for n in (3, 4)]
    assert await told(ledger, hearers, NOON, *unnamed) == [each.id for each in unnamed]


async def test_a_critical_alert_passes_its_wave_unless_told_otherwise(state: State) -> None:
    """And follow-ups of a pool that was told go where its first message went."""
    ledger = Ledger(state)
    alerts = [on_pool(1), on_pool(2, probability=0.99), on_pool(3)]
    lax, strict = (
        Hearers(Audience(waves=Waves(seconds=600, critical=critical)), state, ledger)
        for critical in (False, True)
    )
    assert await told(ledger, lax, NOON, *alerts) == [alerts[0].id, alerts[1].id]
    fourth = on_pool(4, probability=0.99)
    assert await told(ledger, strict, NOON, fourth) == []
    update = replace(alerts[0], action="updated", sequence=1)
    await told(ledger, strict, NOON, update)
    waiting = await ledger.pending("chat", {0}, after=0, limit=9)
    assert [each.message for each in waiting] == [alerts[0].id, alerts[1].id, update.id]


@pytest.mark.parametrize(
    ("route", "waves", "reason"),
    [
        ({"mute_hours": "11:00-13:00"}, 0.0, "mute-hours of r"),
        ({"repeat_seconds": 600.0}, 0.0, "repeat of r"),
        ({"most_per_minute": 1}, 0.0, "capped of r"),
        ({}, 600.0, f"wave of ethereum:0x{1:040x}"),
    ],
)
async def test_what_is_kept_from_a_sink_is_in_the_history(
    state: State, route: dict[str, Any], waves: float, reason: str
) -> None:
    """With the reason, and for those alone whom the alert concerns."""
    ledger, sinks = Ledger(state), ["chat", "other"]
    router = Router([Route(**{"name": "r", "to": ["chat"], **route})])
    audience = Audience(router=router, waves=Waves(seconds=waves))
    hearers = Hearers(audience, state, ledger, sinks)
    for number in (1, 2):
        queued = await hearers.of([(on_pool(number), 0)], NOON)
        await ledger.write({}, queued, sinks, NOON)
    rows = await ledger.history(None, refused=False, limit=9)
    assert (rows[0][1], *rows[0][2:5]) == ("chat", on_pool(2).id, "held", reason)
    assert {row[1] for row in rows} == {"chat"}
    waiting = await ledger.pending("chat", {0}, after=0, limit=9)
    assert on_pool(2).id not in [each.message for each in waiting]


async def test_what_is_muted_is_in_the_history(state: State) -> None:
    """Of those who would have heard, and of no one else."""
    ledger = Ledger(state)
    await ledger.mute(on_pool(1).alert_id)
    await ledger.write({}, [Queued(on_pool(1), 0, ("chat",))], ["chat", "other"], NOON)
    rows = await ledger.history(None, refused=False, limit=9)
    assert [(row[1], *row[3:5]) for row in rows] == [("chat", "held", "muted")]
    assert await ledger.pending("chat", {0}, after=0, limit=9) == []
