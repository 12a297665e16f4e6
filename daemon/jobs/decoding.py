"""A file of recorded logs to events as JSON lines, and a count of what is none."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from streams.errors import Invalid
from streams.events import Activity, Launch, OnToken, Sync
from streams.evm.decode import TOPICS, decode_log
from streams.evm.launches import LAUNCHES
from streams.evm.logs import Log, place_of
from streams.evm.shapes import documents, logs_in, time_of
from streams.evm.venues import Factory, chain_named, with_factories

__all__ = ["decode_file", "lines_from", "read_bytes"]

UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that a log does not say; such an event is printed without one."""


def decode_file(chain: str, file: Path, extra: Sequence[str] = ()) -> int:
    """Print the events of ``file``; 1 when part of it could not be decoded.

    ``extra`` are factories beyond those of the table, as ``chain/venue=0xaddress``.

    Raises ``Invalid`` for a chain that is unknown and a file that cannot be read.
    """
    slug = chain_named(chain)
    counts: Counter[str] = Counter()
    factories = with_factories(slug, extra)
    for line in lines_from(slug, _read(file), factories, counts):
        print(line)
    spoilt = {name: n for name, n in counts.items() if name not in _TOLD}
    told = ", ".join(f"{counts[name]:,} {about}" for name, about in _TOLD.items())
    print(f"{told}, {sum(spoilt.values()):,} not decodable", file=sys.stderr)
    for reason, many in sorted(spoilt.items()):
        print(f"  not decodable, {reason}: {many:,}", file=sys.stderr)
    return int(bool(spoilt))


_TOLD = {
    "launch": "launches",
    "activity": "activity",
    "retraction": "retractions",
    "unknown-factory": "pools of factories that heft does not know",
    "other": "other logs",
}


def lines_from(
    chain: str, text: str, factories: Mapping[str, Factory], counts: Counter[str]
) -> Iterator[str]:
    """The events of a file's ``text`` in order; ``counts`` tells what became of each log."""
    logs = list(_logs(text, counts))
    events = list(_events(chain, logs, factories, counts))
    pairs = {e.pool for _, e in events if isinstance(e, Sync)} | {
        e.pool for _, e in events if isinstance(e, Launch) and e.lp_visible
    }
    pools: dict[str, dict[str, None]] = defaultdict(dict)  # in the order of their launches
    for _, event in events:
        if isinstance(event, Launch) and isinstance(event.token, str):
            pools[event.token][event.pool] = None
    for log, event in events:
        if isinstance(event, OnToken):
            yield from _of_token(chain, log, event, pairs, pools, counts)
        else:
            yield _line(log, event, counts)


def _of_token(
    chain: str, log: Log, event: OnToken, pairs: set[str], pools: Mapping[str, Iterable[str]],
    counts: Counter[str],
) -> Iterator[str]:  # fmt: skip
    """A token's own event, once for each pool that the file launches it on, else without one."""
    if event.token in pairs:
        place = place_of(chain, log, event.at)
        again = decode_log(log, place, {}, pairs)
        yield _line(log, again or event, counts)
        return
    for pool in pools.get(event.token, ("",)):
        yield _line(log, msgspec.structs.replace(event, pool=pool), counts)


def _logs(text: str, counts: Counter[str]) -> Iterator[Log]:
    for document in documents(text):
        found = [document] if isinstance(document, Invalid) else logs_in(document)
        for log in found:
            if isinstance(log, Invalid):
                counts[log.reason] += 1
            else:
                yield log


def _events(
    chain: str, logs: Iterable[Log], factories: Mapping[str, Factory], counts: Counter[str]
) -> Iterator[tuple[Log, Any]]:
    for log in logs:
        topic = log.topics[0].lower() if log.topics else ""
        if topic not in TOPICS:
            counts["other"] += 1
            continue
        try:
            event = decode_log(log, place_of(chain, log, time_of(log) or UNTOLD), factories)
        except Invalid as error:
            counts[error.reason] += 1
            continue
        if event is None:
            counts["unknown-factory" if topic in LAUNCHES else "other"] += 1
        else:
            yield log, event


def _line(log: Log, event: Activity | OnToken, counts: Counter[str]) -> str:
    said: dict[str, Any] = msgspec.to_builtins(event)
    kind = said.pop("type")
    type_ = "retraction" if log.removed else "launch" if kind == "launch" else "activity"
    counts[type_] += 1
    line = {"type": type_} if type_ == "launch" else {"type": type_, "kind": kind}
    if said["at"] == msgspec.to_builtins(UNTOLD):
        del said["at"]
    if not said["pool"]:
        del said["pool"]
    line |= said
    if log.transaction_hash:
        line["tx_hash"] = log.transaction_hash.lower()
    if log.block_hash:
        line["block_hash"] = log.block_hash.lower()
    return msgspec.json.encode(line).decode()


def _read(file: Path) -> str:
    return read_bytes(file).decode("utf-8-sig", "replace")


def read_bytes(file: Path) -> bytes:
    """A file, or standard input for ``-``; raises ``Invalid``."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", reason="usage") from error
