"""Topics to Parquet, one folder a day and chain; and the reader of it.

    <root>/<topic>/day=2026-01-31/chain=ethereum/<epoch>-<partition>-<first offset>.parquet

There is no buffer here. A stage commits what ``save()`` made durable, so records that wait to
become a decent file wait in the subscription, read and not committed: the stage's batch is complete
at 20,000 records or after five minutes, and one batch is one file for each partition, day and
chain. After a crash the batch comes again from the same offset and overwrites its files. It may
be cut shorter then, and events may have been published twice before they came here, so the reader
gives each event once, by its id. ``epoch`` names the broker's incarnation, since offsets begin
anew with an embedded broker.

This module does not own what the events mean; the payload is kept as it travelled, as JSON.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any

import anyio.to_thread
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from streams.broker import Record
from streams.errors import Invalid, Retry
from streams.events import decode, encode
from streams.stage import Outcome, Received, Stage
from streams.topics import Topic

__all__ = ["SCHEMA", "ArchiveTransform", "archive_stage", "keep_events", "read_archive"]

FILE_RECORDS = 20_000
FILE_SECONDS = 300.0
READ_ROWS = 5_000

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("chain", pa.string()),
        ("pool", pa.string()),
        ("block", pa.int64()),
        ("log_index", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("event", pa.string()),
    ]
)
"""The columns to choose by, and the whole event as JSON. A head has no pool, a label no block."""

ONCE_IN_ORDER = """
select event from read_parquet($files, hive_partitioning = false)
qualify row_number() over (partition by id order by "partition", "offset") = 1
order by "at", chain, block, log_index nulls last, id
"""

OFF_CHAIN = "off-chain"
Batch = list[Received]


def archive_stage(topic: Topic, root: Path, epoch: str) -> Stage:
    """The stage that keeps a topic; ``epoch`` is the broker's incarnation, if it has one."""
    return Stage(
        name=f"archive.{topic.name}",
        topic=topic,
        transform=ArchiveTransform(root / topic.name, epoch),
        max_records=FILE_RECORDS,
        min_records=FILE_RECORDS,
        max_wait=FILE_SECONDS,
    )


class ArchiveTransform:
    """Writes each batch to files under ``folder``; publishes nothing."""

    def __init__(self, folder: Path, epoch: str) -> None:
        self._folder = folder
        self._epoch = epoch[:12]
        self._files: dict[Path, Batch] = {}

    async def open(self, partitions: frozenset[int]) -> None:  # noqa: ARG002 - the protocol's
        """Nothing is remembered from batch to batch."""
        self._files = {}

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """Sort the batch's events into files; ``save`` writes them."""
        self.sort(batch)
        return Outcome()

    def sort(self, batch: Iterable[Received]) -> None:
        """Which events belong into which file."""
        first: dict[int, int] = {}
        files: dict[Path, Batch] = defaultdict(list)
        for received in batch:
            record = received.record
            offset = first.setdefault(record.partition, record.offset)
            name = f"{self._epoch}-{record.partition:04}-{offset:012}.parquet"
            files[self._place(received.event) / name].append(received)
        self._files = files

    def flush(self) -> None:
        """Write the files, durably; raises ``Retry`` when the disk does not take them."""
        _write_all(self._files)
        self._files = {}

    async def save(self) -> None:
        """Write the files, durably; raises ``Retry`` when the disk does not take them."""
        if self._files:
            await anyio.to_thread.run_sync(self.flush)

    def _place(self, event: Any) -> Path:
        day = event.at.astimezone(UTC).date()
        return self._folder / f"day={day}" / f"chain={_chain(event)}"


def keep_events(root: Path, topic: Topic, events: Sequence[Any], *, epoch: str, first: int) -> None:
    """Keep events that no broker carried, such as a simulation's; ``first`` is their offset.

    Raises ``Retry`` when the disk does not take them.
    """
    transform = ArchiveTransform(root / topic.name, epoch)
    transform.sort(
        Received(event, Record(topic.name, 0, first + place, event.key.encode(), encode(event)))
        for place, event in enumerate(events)
    )
    transform.flush()


def read_archive(
    root: Path,
    topic: Topic,
    *,
    chain: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Iterator[Any]:
    """The topic's archived events, each once, in the order of their time.

    ``since`` and ``until`` are days in UTC, both included. Raises ``Invalid`` when a file cannot
    be read, and for an event of a version that is not known here.
    """
    files = [str(path) for path in _files(root / topic.name, chain, since, until)]
    if not files:
        return
    try:
        with duckdb.connect() as database:
            found = database.execute(ONCE_IN_ORDER, {"files": files})
            while rows := found.fetchmany(READ_ROWS):
                for (event,) in rows:
                    yield decode(event.encode(), topic.event)
    except duckdb.Error as error:
        line = str(error).split("\n", maxsplit=1)[0][:200]
        raise Invalid(f"the archive {root} cannot be read: {line}", reason="archive") from error


def _files(
    folder: Path, chain: str | None, since: date | None, until: date | None
) -> Iterator[Path]:
    for path in sorted(folder.glob(f"day=*/chain={chain or '*'}/*.parquet")):
        day = date.fromisoformat(path.parts[-3].removeprefix("day="))
        if (since is None or since <= day) and (until is None or day <= until):
            yield path


def _chain(event: Any) -> str:
    """Of no chain is what is said on exchanges."""
    return str(getattr(event, "chain", OFF_CHAIN))


def _table(batch: Batch) -> pa.Table:
    events = [received.event for received in batch]
    records = [received.record for received in batch]
    columns: list[list[Any]] = [
        [event.id for event in events],
        [event.__struct_config__.tag for event in events],
        [_chain(event) for event in events],
        [getattr(event, "pool", None) for event in events],
        [getattr(event, "block", None) for event in events],
        [getattr(event, "log_index", None) for event in events],
        [event.at for event in events],
        [record.partition for record in records],
        [record.offset for record in records],
        [record.value.decode() for record in records],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _write_all(files: dict[Path, Batch]) -> None:
    for path, batch in files.items():
        try:
            _write(path, batch)
        except OSError as error:
            raise Retry(
                f"the archive {path.parent} cannot be written: {error.strerror or error}"
            ) from error


def _write(path: Path, batch: Batch) -> None:
    """All or nothing: a reader, or a power cut, never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        pq.write_table(_table(batch), file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
