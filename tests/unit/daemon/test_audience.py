"""Who hears what, from the settings; and what the page's desk does with a label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from alerts.example import example
from alerts.history import alert_id
from alerts.ledger import Ledger
from alerts.outbox import Queued
from alerts.silence import silenced_by
from daemon.audience import audience_from
from daemon.parts.showing import desk_from
from daemon.plant import Cluster, plant_on
from daemon.sections import Page
from daemon.settings import Settings, load_settings
from streams.errors import Invalid
from streams.events import decode
from streams.labels import Label
from streams.memory import MemoryBroker
from streams.state import State
from streams.topics import LABELS, TOPICS

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOML = """
[alerts]
wave_seconds = 60.0
routes = [{name = "all", to = ["chat"]}]

[[alerts.silences]]
who = "ann"
why = "our own test token"
chain = "ethereum"
until = 2026-11-25T00:00:00Z

[[alerts.silences]]
who = "bob"
why = "nights"
severity = "info"
hours = "22:00-06:30"
"""


def settings_of(folder: Path, text: str) -> Settings:
    """The settings of a file with this text."""
    (folder / "heft.toml").write_text(text)
    return load_settings(folder / "heft.toml")


def test_silences_and_waves_of_the_settings(tmp_path: Path) -> None:
    """Each with who and why; the first ends, the second is a mute window."""
    audience = audience_from(settings_of(tmp_path, TOML), quiet=True)
    assert (audience.waves.seconds, audience.waves.critical) == (60.0, False)
    held = silenced_by(audience.silences, example(NOON), NOON)
    assert held is not None
    assert (held.id, held.who, held.why) == ("settings-1", "ann", "our own test token")
    tomorrow = NOON + timedelta(days=1)
    assert silenced_by(audience.silences, example(tomorrow), tomorrow) is None
    night, mild = tomorrow.replace(hour=23), 0.5
    assert silenced_by(audience.silences, example(night, probability=mild), night) is not None


@pytest.mark.parametrize(
    ("silence", "told"),
    [
        ('{who = "a", why = "b", until = 2026-11-25T00:00:00Z}', "a silence of everything"),
        ('{who = "a", why = "b", chain = "base"}', "a silence without an end"),
        ('{who = "a", why = "b", chain = "base", until = 2026-11-25T00:00:00}', "timezone"),
        ('{who = "a", why = "b", hours = "26:00-27:00"}', "silences.0.hours"),
        ('{why = "b", chain = "base"}', "silences.0.who"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(tmp_path: Path, silence: str, told: str) -> None:
    """In one line that says which, before anything starts."""
    with pytest.raises(Invalid, match=told):
        audience_from(settings_of(tmp_path, f"[alerts]\nsilences = [{silence}]"), quiet=True)


async def test_a_label_of_the_page_goes_to_the_topic_and_a_mute_is_heeded(state_url: str) -> None:
    """Under its pool's key; nothing more is queued about a muted alert."""
    state, broker = await State.open(state_url), MemoryBroker()
    await broker.ensure_topics(TOPICS, 1)
    settings = Settings(page=Page(token=SecretStr("x" * 32)))
    desk = desk_from(plant_on(settings, Cluster(broker=broker, address=""), state))
    assert desk is not None
    label = Label(chain="ethereum", pool="0xaa", what="mute", who="api:ann", at=NOON)
    await desk.take(label)
    subscription = await broker.subscribe(LABELS.name, "test", max_records=9)
    (record,) = await subscription.batch()
    assert decode(record.value, Label) == label
    await subscription.close()
    ledger, alert = Ledger(state), example(NOON, pool="0xaa")
    assert alert.alert_id == alert_id(label.key)
    await ledger.write({}, [Queued(alert, 0)], ["chat"], NOON)
    assert await ledger.pending("chat", {0}, after=0, limit=9) == []
    assert desk_from(plant_on(Settings(), Cluster(broker=broker, address=""), state)) is None
    await state.close()
