"""Transactions out of whatever a node or provider sends, found by their form.

A ``getTransaction`` or ``getBlock`` result, alone or in its JSON-RPC answer; ``blockNotification``,
``logsNotification``, a provider's ``transactionNotification``; a list or batch of any of these.
Which method was asked is not needed: a transaction has a ``message``, a block ``transactions``, a
log notification ``logs`` beside a ``signature``. What is around them tells slot and time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from streams.errors import Invalid
from streams.solana.transaction import Transaction, transaction_from, transaction_from_logs

__all__ = ["Pieces", "documents", "transactions_in"]

DEEPEST = 12
"""How deep a transaction lies in the deepest wrapping known (8), and some more."""
WRAPPINGS = (
    *("result", "params", "value", "block", "transaction", "data", "payload"),
    *("message", "body", "event", "events", "tx", "blocks", "notification"),
)


class Pieces(NamedTuple):
    """Something found: a transaction, or why what looked like one is none."""

    transaction: Transaction | None
    trouble: Invalid | None = None


class _Place(NamedTuple):
    slot: int | None = None
    time: int | None = None


def documents(text: bytes) -> Iterator[Any]:
    """The JSON documents of a file: one in all, one a line, or one behind another.

    An ``Invalid`` is given, not raised, for what is no JSON: the rest may be.
    """
    whole = _parsed(text)
    if not isinstance(whole, Invalid):
        yield whole
        return
    lines = [line for line in text.splitlines() if line.strip()]
    parsed = [_parsed(line) for line in lines]
    if len(lines) > 1 and isinstance(parsed[0], dict | list):
        yield from parsed
    else:
        yield from _one_behind_another(text.decode("utf-8", "replace"))


def _parsed(text: bytes) -> Any:
    """The document, or an ``Invalid`` in its place."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Invalid("this is not JSON", reason="json")


def _one_behind_another(text: str) -> Iterator[Any]:
    """Objects that each start on a line of their own; other text between them is told once."""
    decoder, at, strange = json.JSONDecoder(), 0, False
    while found := STARTS.search(text, at):
        try:
            document, at = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            at, strange = found.end(), True
        else:
            yield document
    if strange or not text.strip() or STARTS.search(text) is None:
        yield Invalid("this is not JSON", reason="json")


STARTS = re.compile(r"^[{\[]", re.MULTILINE)


def transactions_in(document: Any, programs: frozenset[str]) -> Iterator[Pieces]:
    """Every transaction in a document, in order; nothing for one that holds none."""
    return _walk(document, _Place(), programs, DEEPEST)


def _walk(node: Any, around: _Place, programs: frozenset[str], left: int) -> Iterator[Pieces]:
    if left == 0:
        return
    if isinstance(node, list):
        for each in node:
            yield from _walk(each, around, programs, left - 1)
    elif isinstance(node, dict):
        yield from _look(node, _placed(node, around), programs, left)


def _look(
    node: Mapping[str, Any], place: _Place, programs: frozenset[str], left: int
) -> Iterator[Pieces]:
    if isinstance(node.get("transactions"), list):
        for number, each in enumerate(node["transactions"]):
            if isinstance(each, dict) and not _is_transaction(each):
                yield from _look(each, _placed(each, place), programs, left - 1)
            else:
                yield _one(each, place, programs, number)
    elif _is_transaction(node):
        yield _one(node, place, programs, None)
    elif isinstance(node.get("logs"), list) and "signature" in node:
        yield Pieces(transaction_from_logs(node, slot=place.slot, time=place.time))
    else:
        for name in WRAPPINGS:
            yield from _walk(node.get(name), place, programs, left - 1)


def _one(node: Any, place: _Place, programs: frozenset[str], number: int | None) -> Pieces:
    if not isinstance(node, dict):
        return Pieces(None, Invalid("a block's transaction is no object", reason="shape"))
    slot, time = _placed(node, place)
    try:
        found = transaction_from(node, slot=slot, time=time, programs=programs, place=number)
    except Invalid as error:
        return Pieces(None, error)
    return Pieces(found)


def _is_transaction(node: Mapping[str, Any]) -> bool:
    """Whether this is ``{transaction, meta}``, or the inside of one sent without its outcome."""
    if isinstance(message := node.get("message"), dict):
        return not KEY_NAMES.isdisjoint(message)
    body = node.get("transaction")
    if isinstance(body, dict):
        if isinstance(message := body.get("message"), dict):
            return not KEY_NAMES.isdisjoint(message)
        return isinstance(body.get("accountKeys"), list)
    return isinstance(body, str) or (
        isinstance(body, list) and bool(body) and isinstance(body[0], str)
    )


KEY_NAMES = frozenset(("accountKeys", "staticAccountKeys", "instructions", "compiledInstructions"))


def _placed(node: Mapping[str, Any], around: _Place) -> _Place:
    """Slot and time as said here, else as said around."""
    slot, time = node.get("slot"), node.get("blockTime")
    if slot is None and isinstance(context := node.get("context"), dict):
        slot = context.get("slot")
    if isinstance(time, dict):  # protobuf's ``UnixTimestamp``
        time = time.get("timestamp")
    if slot is None and time is None:
        return around
    return _Place(_count(slot, around.slot), _count(time, around.time))


def _count(value: Any, otherwise: int | None) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return otherwise
