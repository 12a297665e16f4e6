"""``heft topics``, ``heft dead`` and ``heft watch`` against a running broker."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text

from daemon import cli
from daemon.jobs.collect import events_of
from streams.broker import KafkaSettings, Record
from streams.dead import dead_letter, dead_message
from streams.errors import Invalid
from streams.kafka import KafkaBroker
from streams.kafka.offsets import group_lag
from streams.labels import Label
from streams.stage import SystemClock, message
from streams.state import State
from streams.topics import ACTIVITY, FACTS, LABELS, TOPICS
from tests.unit.heft_model.making import facts, many
from tests.unit.streams.activity import START

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]


@pytest.fixture
def settings(
    elsewhere: Path, embedded_address: str, monkeypatch: pytest.MonkeyPatch
) -> KafkaSettings:
    """A broker with our topics, named to the commands by the environment."""
    _ = elsewhere
    monkeypatch.setenv("HEFT_KAFKA__BOOTSTRAP_SERVERS", embedded_address)
    monkeypatch.setenv("COLUMNS", "160")
    return KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50)


async def prepare(settings: KafkaSettings) -> None:
    """Three dossiers of which one is read, and two dead letters of the same topic."""
    broker = KafkaBroker(settings)
    await broker.ensure_topics(TOPICS, 4)
    await broker.publish([message(FACTS, dossier) for dossier in many(3)])
    refused = [Record(FACTS.name, 0, offset, facts(9).key.encode(), b"spoilt") for offset in (7, 8)]
    error, now = Invalid("spoilt \x1b[31m\n", reason="json"), SystemClock().now()
    await broker.publish([dead_message(dead_letter(each, error, "score", now)) for each in refused])
    await broker.close()


async def test_lag_is_asked_from_outside_the_group(settings: KafkaSettings) -> None:
    """Asking neither joins nor moves the group; an unread topic is behind by all of it."""
    await prepare(settings)
    broker = KafkaBroker(settings)
    group = "heft.lag-test"
    behind = partial(group_lag, settings, FACTS.name, 4, group)
    before = await behind()
    assert before >= 3
    subscription = await broker.subscribe(FACTS.name, group, max_records=2)
    records = await subscription.batch()
    generation = subscription.generation
    await subscription.commit()
    assert await behind() == before - len(records) == await subscription.lag()
    assert subscription.generation == generation
    await subscription.close()
    await broker.close()


def test_topics_are_made_when_asked(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a Kafka in the settings, as often as one likes; without one it is a misuse."""
    assert [cli.run(["topics", "--create"]) for _ in range(2)] == [0, 0]
    (line,) = (row for row in capsys.readouterr().out.splitlines()[-12:] if FACTS.name in row)
    assert " 4 " in line
    monkeypatch.delenv("HEFT_KAFKA__BOOTSTRAP_SERVERS")
    assert cli.run(["topics", "--create"]) == 2
    assert settings.bootstrap_servers not in capsys.readouterr().err


def test_topics_are_listed_with_their_lag(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each topic, who reads it, and how far that reader is behind."""
    anyio.run(prepare, settings)
    assert cli.run(["topics"]) == 0
    shown = capsys.readouterr().out
    for topic in TOPICS:
        assert topic.name in shown
    (line,) = (line for line in shown.splitlines() if FACTS.name in line)
    assert " score " in line
    (line,) = (line for line in shown.splitlines() if ACTIVITY.name in line)
    assert " examine " in line
    assert any(" enrich " in line for line in shown.splitlines())


def test_dead_letters_are_listed_put_back_and_dropped(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The oldest first; what was dealt with is not listed again; escape codes are not obeyed."""
    anyio.run(prepare, settings)
    only = ["--topic", FACTS.name]
    assert cli.run(["dead", "list", *only]) == 0
    shown = capsys.readouterr().out
    assert "json" in shown
    assert "\x1b[31m" not in shown
    assert cli.run(["dead", "retry", *only, "--limit", "1"]) == 0
    assert "1 put back" in capsys.readouterr().out
    assert cli.run(["dead", "drop", *only]) == 0
    assert "dropped" in capsys.readouterr().out
    assert cli.run(["dead", "list", *only]) == 0
    assert "none" in capsys.readouterr().out


def test_activity_is_not_put_back(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says why; where no topic was named, the others' letters go back all the same."""

    async def prepare_both() -> None:
        await prepare(settings)
        broker = KafkaBroker(settings)
        letter = dead_letter(
            Record(ACTIVITY.name, 0, 7, b"", b"spoilt"), Invalid("spoilt"), "enrich", START
        )
        await broker.publish([dead_message(letter)])
        await broker.close()

    anyio.run(prepare_both)
    assert cli.run(["dead", "retry"]) == 0
    shown = capsys.readouterr().out
    assert f"{ACTIVITY.name}: activity is not put back" in shown
    put_back = re.search(rf"{FACTS.name}: (\d+) put back", shown)
    assert put_back
    assert int(put_back[1]) >= 2  # other tests leave letters on the same broker
    assert cli.run(["dead", "retry", "--topic", ACTIVITY.name]) == 1
    assert "replay its source" in capsys.readouterr().err
    assert cli.run(["dead", "drop", "--limit", "0"]) == 2


def test_an_unknown_topic_is_refused(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name; exit code 2."""
    _ = settings
    assert cli.run(["dead", "list", "--topic", "heft.nothing.v1"]) == 2
    assert "heft.nothing.v1" in capsys.readouterr().err


def test_without_a_cluster_topics_are_listed_all_the_same(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What there is to subscribe to is known without asking anybody."""
    _ = elsewhere
    assert cli.run(["topics"]) == 0
    assert FACTS.name in capsys.readouterr().out


@pytest.mark.parametrize("named", ["", ":rug", ":rug:3"], ids=["pool", "alert", "message"])
def test_a_persons_word_is_a_label(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    """By the pool or by what a message shows; a muted alert has no more messages."""
    anyio.run(prepare, settings)
    key = f"ethereum:0x{len(named):040x}"
    for what in ("false-alarm", "mute"):
        assert cli.run(["label", f"{key}{named}", what, "--who", "ann", "--why", "seen"]) == 0
    assert capsys.readouterr().out.endswith(f"{key}: mute, by cli:ann\n")
    labels, muted = anyio.run(labels_on, settings, key)
    assert [(each.what, each.who, each.why) for each in labels] == [
        ("false-alarm", "cli:ann", "seen"),
        ("mute", "cli:ann", "seen"),
    ]
    assert muted


async def labels_on(settings: KafkaSettings, key: str) -> tuple[list[Label], bool]:
    """The labels on a pool, and whether its alert is muted in the state of the commands."""
    broker = KafkaBroker(settings)
    labels = [each for each in await events_of(broker, LABELS) if each.key == key]
    await broker.close()
    state = await State.open(f"sqlite:///{Path('.heft') / 'state.sqlite'}")
    async with state.begin() as connection:
        query = text("select count(*) from muted where alert_id = :id")
        muted = (await connection.execute(query, {"id": f"{key}:rug"})).scalar()
    await state.close()
    return sorted(labels, key=lambda each: each.at), bool(muted)


@pytest.mark.parametrize("pool", ["nowhere", ":", "Ethereum:0x1", "ethereum:", "ethereum:\x00"])
def test_a_label_on_no_pool_is_a_misuse(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str], pool: str
) -> None:
    """What nobody could read is not published."""
    anyio.run(prepare, settings)
    assert cli.run(["label", pool, "rug"]) == 2
    assert "is no pool: give chain:pool" in capsys.readouterr().err
