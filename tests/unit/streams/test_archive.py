"""The archive: nothing lost, nothing twice, files that are whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import anyio
import pyarrow.parquet as pq
import pytest

from streams.archive import SCHEMA, ArchiveTransform, archive_stage, read_archive
from streams.broker import Message, Record
from streams.clock import SystemClock
from streams.errors import Invalid, Retry
from streams.events import Activity, Head, Launch, Sync, encode
from streams.memory import MemoryBroker
from streams.stage import Brake, Drain, Received, Turn, message, run_stage
from streams.topics import ACTIVITY, TOPICS

pytestmark = pytest.mark.anyio

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
EPOCH = "c0ffee"


def sync(number: int, chain: str = "ethereum") -> Sync:
    """One change of reserves a minute, around a midnight."""
    return Sync(
        chain=chain, pool=f"0x{number % 3}", block=number, log_index=0,
        at=MIDNIGHT + timedelta(minutes=number - 10), reserve0=2**112 - 1, reserve1=number,
    )  # fmt: skip


def received(events: Sequence[Activity], start: int = 0, partition: int = 0) -> list[Received]:
    """The events as records of one partition."""
    return [
        Received(event, Record(ACTIVITY.name, partition, start + place, b"", encode(event)))
        for place, event in enumerate(events)
    ]


def archive(root: Path) -> ArchiveTransform:
    """An archive of the activity."""
    return ArchiveTransform(root / ACTIVITY.name, EPOCH)


def files(root: Path) -> list[str]:
    """All files below, relative and sorted."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def keep(root: Path, batch: list[Received]) -> None:
    """One batch through the archive."""
    transform = archive(root)
    await transform.open(frozenset({0}))
    assert (await transform.apply(batch)).messages == []
    await transform.save()


async def test_a_batch_becomes_one_file_a_partition_day_and_chain(tmp_path: Path) -> None:
    """Events go to the day of their own time, under the first offset of their batch."""
    batch = received([sync(n) for n in range(20)], 100) + received([sync(5, "base")], 7, 2)
    await keep(tmp_path, batch)
    assert files(tmp_path) == [
        "heft.activity.v1/day=2026-01-01/chain=base/c0ffee-0002-000000000007.parquet",
        "heft.activity.v1/day=2026-01-01/chain=ethereum/c0ffee-0000-000000000100.parquet",
        "heft.activity.v1/day=2026-01-02/chain=ethereum/c0ffee-0000-000000000100.parquet",
    ]
    table = pq.read_table(tmp_path / files(tmp_path)[1], partitioning=None)
    assert table.schema.equals(SCHEMA)
    assert table.column("block").to_pylist() == list(range(10))


async def test_what_was_kept_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    """Every event comes back as it was, those of several kinds and chains among each other."""
    head = Head(chain="base", block=9, at=MIDNIGHT)
    launch = Launch(
        chain="ethereum", pool="0xa", block=1, log_index=2, at=MIDNIGHT - timedelta(days=1),
        venue="uniswap-v2", token_is_0=True, name="\x00\U0001f680", total_supply=2**256 - 1,
    )  # fmt: skip
    events = [sync(n) for n in reversed(range(20))]
    batch: list[Activity] = [*events, head, launch]
    await keep(tmp_path, received(batch))
    found = list(read_archive(tmp_path, ACTIVITY))
    assert found == sorted(batch, key=lambda event: (event.at, event.chain))


async def test_days_and_chains_can_be_chosen(tmp_path: Path) -> None:
    """Only the files of the asked days and chain are read."""
    await keep(tmp_path, received([*(sync(n) for n in range(20)), sync(3, "base")]))
    second = date(2026, 1, 2)
    assert len(list(read_archive(tmp_path, ACTIVITY, since=second))) == 10
    assert len(list(read_archive(tmp_path, ACTIVITY, until=second - timedelta(days=1)))) == 11
    assert list(read_archive(tmp_path, ACTIVITY, chain="base")) == [sync(3, "base")]
    assert list(read_archive(tmp_path, ACTIVITY, chain="solana")) == []


async def test_a_redelivered_batch_overwrites_its_files(tmp_path: Path) -> None:
    """After a crash between save and commit, the same records make the same files."""
    batch = received([sync(n) for n in range(20)])
    await keep(tmp_path, batch)
    before = files(tmp_path)
    await keep(tmp_path, batch)
    assert files(tmp_path) == before


async def test_a_redelivered_batch_of_another_length_doubles_nothing(tmp_path: Path) -> None:
    """Cut shorter the second time, its rest comes in files of their own."""
    events = [sync(n) for n in range(20)]
    await keep(tmp_path, received(events))
    await keep(tmp_path, received(events[:4]))
    await keep(tmp_path, received(events[4:], 4))
    assert list(read_archive(tmp_path, ACTIVITY)) == events


async def test_an_event_published_twice_is_kept_once(tmp_path: Path) -> None:
    """At least once upstream is once here."""
    await keep(tmp_path, received([sync(1), sync(2), sync(1)]))
    assert list(read_archive(tmp_path, ACTIVITY)) == [sync(1), sync(2)]


async def test_open_forgets_a_batch_that_was_not_saved(tmp_path: Path) -> None:
    """When the partitions moved, their new owner keeps the records."""
    transform = archive(tmp_path)
    await transform.apply(received([sync(1)]))
    await transform.open(frozenset())
    await transform.save()
    assert files(tmp_path) == []


async def test_a_disk_that_fails_is_retried_without_loss(tmp_path: Path) -> None:
    """The batch is kept until it is written."""
    (tmp_path / ACTIVITY.name).touch()
    transform = archive(tmp_path)
    await transform.apply(received([sync(1)]))
    with pytest.raises(Retry, match="cannot be written"):
        await transform.save()
    (tmp_path / ACTIVITY.name).unlink()
    await transform.save()
    assert list(read_archive(tmp_path, ACTIVITY)) == [sync(1)]


async def test_a_draft_of_a_crash_is_not_read(tmp_path: Path) -> None:
    """Half a file has another name."""
    await keep(tmp_path, received([sync(1)]))
    whole = tmp_path / files(tmp_path)[0]
    whole.with_suffix(".new").write_bytes(b"PAR1 half")
    assert list(read_archive(tmp_path, ACTIVITY)) == [sync(1)]


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A truncated Parquet file is one line, not a traceback of the engine."""
    await keep(tmp_path, received([sync(1)]))
    path = tmp_path / files(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(Invalid, match="cannot be read") as caught:
        list(read_archive(tmp_path, ACTIVITY))
    assert "\n" not in str(caught.value)


async def test_the_stage_keeps_a_topic_and_flushes_when_it_is_drained(tmp_path: Path) -> None:
    """Few records wait for more; a shutdown does not leave them behind."""
    broker, drain = MemoryBroker(), Drain()
    await broker.ensure_topics(TOPICS, 2)
    events = [sync(n) for n in range(20)]
    await broker.publish([message(ACTIVITY, event) for event in events])
    await broker.publish([Message(ACTIVITY.name, "k", b"{bad")])
    turns: list[Turn] = []
    async with anyio.create_task_group() as tasks:

        async def go() -> None:
            await run_stage(
                archive_stage(ACTIVITY, tmp_path, EPOCH),
                broker,
                clock=SystemClock(),
                brake=Brake(),
                progress=turns.append,
                drain=drain,
            )

        tasks.start_soon(go)
        await anyio.wait_all_tasks_blocked()
        assert turns == []
        drain.ask()
    assert list(read_archive(tmp_path, ACTIVITY)) == events
    assert [(turn.records, turn.refused, turn.lag) for turn in turns] == [(21, 1, 0)]
