"""Recorded logs in whatever wrapping they were kept: found, and brought into one form.

Known are ``eth_getLogs`` results, JSON-RPC responses and batches of them, subscription notices,
receipts (one or a list), blocks with receipts, ``{"logs": [...]}``, Etherscan's answers, and the
rows of public data sets in snake case (``block_number``, ``topic0``, ...). Numbers may be hex,
decimal or JSON numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from msgspec import convert
from msgspec.json import Decoder

from streams.errors import Invalid
from streams.evm.logs import Log, number

__all__ = ["documents", "logs_in", "time_of"]

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "address": ("address", "contractAddress", "contract_address"),
    "topics": ("topics",),
    "data": ("data",),
    "blockNumber": ("blockNumber", "block_number", "blocknumber"),
    "blockHash": ("blockHash", "block_hash", "blockhash"),
    "logIndex": ("logIndex", "log_index", "logindex", "index"),
    "transactionHash": ("transactionHash", "transaction_hash", "tx_hash", "txHash", "hash"),
    "blockTimestamp": (
        "blockTimestamp", "block_timestamp", "timeStamp", "timestamp", "block_time",
        "evt_block_time",
    ),
    "removed": ("removed",),
}  # fmt: skip
_INHERITED = ("blockNumber", "blockHash", "transactionHash", "blockTimestamp")
"""What a log may leave to the receipt or block around it."""
_TOPICS = ("topic0", "topic1", "topic2", "topic3")
DEEPEST = 24
_BYTES = re.compile(r"(?:HexBytes|bytes)?\(?['\"]?(0[xX][0-9a-fA-F]*)['\"]?\)?")
_BARE = re.compile(r"[0-9a-fA-F]{40,}")
_json = Decoder()


def documents(text: str) -> Iterator[Any]:
    """The JSON documents of a file: one in all, or one a line.

    An ``Invalid`` is given, not raised, for a line that is no JSON: others may be.
    """
    try:
        yield _json.decode(text)
    except (ValueError, RecursionError):
        if "\n" not in text.strip():
            yield Invalid("the file holds no JSON", reason="json")
            return
    else:
        return
    yield from _many(text)


def logs_in(document: Any, above: Mapping[str, Any] | None = None, depth: int = 0) -> Iterator[Any]:
    """Every log in a document, as a ``Log``, or as an ``Invalid`` where one is spoilt."""
    if depth > DEEPEST:
        yield Invalid("it is nested too deeply", reason="json")
    elif isinstance(document, list):
        for each in document:
            yield from logs_in(each, above, depth + 1)
    elif isinstance(document, Mapping):
        if _is_log(document):
            yield _log(document, above or {})
            return
        around = {**(above or {}), **_around(document)}
        for value in document.values():
            if isinstance(value, list | Mapping):
                yield from logs_in(value, around, depth + 1)


def time_of(log: Log) -> datetime | None:
    """When the block was made, if the log says so. Raises ``Invalid`` for nonsense."""
    said = log.block_timestamp
    if said is None or said == "":
        return None
    try:
        if isinstance(said, str) and not said.startswith("0x") and not said.isdigit():
            moment = datetime.fromisoformat(said.removesuffix(" UTC"))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = number(said)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(f"{str(said)[:40]!r} is no time", reason="log-shape") from error


def _many(text: str) -> Iterator[Any]:
    """Documents a line; or one behind another, each over several lines."""
    try:
        first = json.JSONDecoder().raw_decode(text.lstrip())[1]
        spread = "\n" in text.lstrip()[:first]
    except (ValueError, RecursionError):
        spread = False
    if spread:
        yield from _concatenated(text)
        return
    for line in text.splitlines():
        if stripped := line.strip().rstrip(","):
            try:
                yield _json.decode(stripped)
            except (ValueError, RecursionError):
                yield Invalid("a line is no JSON", reason="json")


def _concatenated(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(), 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        try:
            document, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield Invalid("the rest of the file is no JSON", reason="json")
            return
        yield document


def _is_log(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("topics"), list | str) or (
        "topic0" in document and any(name in document for name in _ALIASES["address"])
    )


def _around(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a receipt says of its logs, or a block, whose own ``number`` and ``hash`` they share."""
    found = {name: _first(document, name) for name in _INHERITED}
    if "transactionHash" not in document and ("parentHash" in document or "number" in document):
        found["transactionHash"] = None
        found["blockNumber"] = document.get("number", found["blockNumber"])
        found["blockHash"] = document.get("hash", found["blockHash"])
    return {name: value for name, value in found.items() if value is not None}


def _first(document: Mapping[str, Any], name: str) -> Any:
    return next((document[a] for a in _ALIASES[name] if document.get(a) is not None), None)


def _log(document: Mapping[str, Any], above: Mapping[str, Any]) -> Log | Invalid:
    found = {name: _first(document, name) for name in _ALIASES}
    for name in _INHERITED:
        found[name] = above.get(name) if found[name] is None else found[name]
    topics = found["topics"]
    if topics is None:
        topics = [document[name] for name in _TOPICS if document.get(name)]
    elif isinstance(topics, str):
        topics = re.findall(r"0x[0-9a-fA-F]+", topics)
    elif not isinstance(topics, list):
        return Invalid("its topics are no list", reason="log-shape")
    found["topics"] = [_plain(topic) for topic in topics if topic is not None]
    found["data"] = _plain(found["data"] or "0x")
    if isinstance(found["blockTimestamp"], float) and isfinite(found["blockTimestamp"]):
        found["blockTimestamp"] = int(found["blockTimestamp"])
    found["removed"] = found["removed"] in (True, "true", "True")
    for name in ("address", "transactionHash", "blockHash"):
        found[name] = _plain(found[name])
    try:
        return convert(found, Log)
    except ValueError as error:
        return Invalid(f"a log is of another shape: {str(error)[:80]}", reason="log-shape")


def _plain(value: Any) -> Any:
    """Hex as nodes write it, where a tool has put its own dress around it."""
    if not isinstance(value, str):
        return value
    if match := _BYTES.fullmatch(value.strip()):
        return match.group(1)
    return f"0x{value.strip()}" if _BARE.fullmatch(value.strip()) else value
