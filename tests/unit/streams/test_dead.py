"""Dead letters: listed, retried and dropped in order, each dealt with once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from streams import dead
from streams.broker import Message, Record
from streams.errors import Invalid
from streams.events import DeadLetter, Launch, decode
from streams.memory import MemoryBroker
from streams.topics import ACTIVITY, DAY_MS, Topic

pytestmark = pytest.mark.anyio

TOPIC = Topic(name="heft.test.v1", event=Launch, purpose="a test", retention_ms=DAY_MS)
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory answers at once, so an empty batch needs no three seconds."""
    monkeypatch.setattr(dead, "WAIT_SECONDS", 0.02)


def letter(number: int, value: bytes | None = None) -> Message:
    """The dead letter of a record on partition 2 with a key that is not UTF-8."""
    body = str(number).encode() if value is None else value
    record = Record(TOPIC.name, 2, number, b"\xffkey", body)
    error = Invalid("not a usable event", reason="json")
    return dead.dead_message(dead.dead_letter(record, error, "enrich", AT))


async def broker_with(*messages: Message) -> MemoryBroker:
    """A broker with these dead letters."""
    broker = MemoryBroker()
    await broker.ensure_topics([TOPIC], 4)
    await broker.publish(messages)
    return broker


async def test_listing_shows_the_oldest_first_and_changes_nothing() -> None:
    """Two looks see the same."""
    broker = await broker_with(*map(letter, range(3)))
    for _ in range(2):
        assert [each.offset for each in await dead.listed(broker, TOPIC)] == [0, 1, 2]


async def test_nothing_dead_is_nothing_to_do() -> None:
    """An empty dead-letter topic is no error."""
    broker = await broker_with()
    assert await dead.listed(broker, TOPIC) == []
    assert await dead.retry(broker, TOPIC) == 0
    assert await dead.drop(broker, TOPIC) == 0


async def test_a_retried_record_is_what_it_was() -> None:
    """Same topic, partition, key and bytes; and it is dealt with."""
    broker = await broker_with(*map(letter, range(3)))
    assert await dead.retry(broker, TOPIC) == 3
    again = broker.logs(TOPIC.name)[2]
    assert [(record.key, record.value) for record in again] == [
        (b"\xffkey", str(number).encode()) for number in range(3)
    ]
    assert await dead.listed(broker, TOPIC) == []
    assert await dead.retry(broker, TOPIC) == 0


async def test_a_limit_takes_the_oldest() -> None:
    """Retry one, drop one, and the last remains."""
    broker = await broker_with(*map(letter, range(3)))
    assert await dead.retry(broker, TOPIC, 1) == 1
    assert await dead.drop(broker, TOPIC, 1) == 1
    assert [each.offset for each in await dead.listed(broker, TOPIC)] == [2]
    assert [record.value for record in broker.logs(TOPIC.name)[2]] == [b"0"]


async def test_a_letter_without_bytes_stops_the_retry_before_it() -> None:
    """Those before it are done with; it must be dropped by hand."""
    broker = await broker_with(letter(0), letter(1, b""), letter(2))
    with pytest.raises(Invalid, match="drop it"):
        await dead.retry(broker, TOPIC)
    assert [each.offset for each in await dead.listed(broker, TOPIC)] == [1, 2]
    assert await dead.drop(broker, TOPIC, 1) == 1
    assert await dead.retry(broker, TOPIC) == 1


async def test_a_message_of_ours_goes_back_by_its_key() -> None:
    """A letter without a place was never in the topic, so the key chooses the partition."""
    refused = Message(TOPIC.name, "ethereum:0x1", b"x")
    light = dead.lightened(refused, Invalid("too large", reason="too-large"), "score", AT)
    assert decode(light.value, DeadLetter).partition == -1
    kept = DeadLetter(
        topic=TOPIC.name, partition=-1, offset=-1, stage="score", reason="too-large",
        detail="", key=b"ethereum:0x1", value=b"x", at=AT,
    )  # fmt: skip
    broker = await broker_with(dead.dead_message(kept))
    assert await dead.retry(broker, TOPIC) == 1
    assert sum(len(log) for log in broker.logs(TOPIC.name)) == 1


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_of_none_is_refused(limit: int) -> None:
    """Zero is not all of them."""
    broker = await broker_with(letter(0))
    for deal in (dead.retry, dead.drop):
        with pytest.raises(Invalid, match="at least 1"):
            await deal(broker, TOPIC, limit)
    assert len(await dead.listed(broker, TOPIC)) == 1


@pytest.mark.parametrize("value", [b"", b"\xff", b'{"type":"dead-letter","v":9}'])
async def test_a_record_that_is_no_letter_blocks_nobody(value: bytes) -> None:
    """It is listed as such, passed over aloud by a retry, and dropped like any other."""
    spoilt = Message(TOPIC.dead, "", value, 0)
    first, last = (replace(letter(number), partition=0) for number in (0, 1))
    broker = await broker_with(first, spoilt, last, spoilt)
    found = await dead.listed(broker, TOPIC)
    assert [each.reason for each in found] == ["json", "undecodable", "json", "undecodable"]
    assert [(each.topic, each.offset) for each in found[1::2]] == [(TOPIC.dead, 1), (TOPIC.dead, 3)]
    with capture_logs() as lines:
        assert await dead.retry(broker, TOPIC, 3) == 2
    assert [(each["event"], each["offset"]) for each in lines] == [
        ("undecodable_letter_passed_over", 1)
    ]
    assert [each.value for each in broker.logs(TOPIC.name)[2]] == [b"0", b"1"]
    assert await dead.drop(broker, TOPIC) == 1
    assert await dead.listed(broker, TOPIC) == []


async def test_activity_is_not_put_back() -> None:
    """Its pool has gone on without it: an old event would be ignored, or do harm."""
    record = Record(ACTIVITY.name, 0, 5, b"ethereum:0x1", b"{}")
    broker = MemoryBroker()
    await broker.ensure_topics([ACTIVITY], 1)
    made = dead.dead_letter(record, Invalid("not a usable event", reason="json"), "enrich", AT)
    await broker.publish([dead.dead_message(made)])
    with pytest.raises(Invalid, match=r"drop .*replay its source") as error:
        await dead.retry(broker, ACTIVITY)
    assert error.value.reason == "order"
    assert broker.logs(ACTIVITY.name) == [[]]
    assert await dead.drop(broker, ACTIVITY) == 1


def test_the_detail_is_one_short_line_without_secrets() -> None:
    """Whatever an error says of hostile input, the letter stays fit for a terminal and a log."""
    text = "cannot fetch https://user:hunter2@node/v3/" + "a1" * 20 + "\x1b[2J\n\ud800" + "x" * 500
    record = Record(TOPIC.name, 0, 0, b"", b"")
    made = dead.dead_letter(record, Invalid(text), "enrich", AT)
    assert len(made.detail) <= 200
    assert made.detail.isprintable()
    assert "hunter2" not in made.detail
    assert "a1a1" not in made.detail
