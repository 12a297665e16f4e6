"""Programs as they may be tomorrow: longer, with more accounts, with what nobody knows yet."""

from __future__ import annotations

import base64
from typing import Any

import based58
import pytest

from streams.solana.decode import READ_PROGRAMS, Call, Reading, Told, read
from streams.solana.documents import transactions_in
from streams.solana.drift import REPEATED, Drift
from streams.solana.programs import ANCHOR_EVENT
from streams.solana.reader import Reader
from streams.solana.standing import Standing
from tests.unit.streams.solana.making import (
    ITEMS,
    LAYOUTS,
    Writer,
    cpi_event,
    data_of,
    instruction,
    key,
    transaction,
)

CALLED = [(venue, item["name"]) for venue, kind, item in ITEMS if kind == "instructions"]
TOLD = [
    (venue, item["name"])
    for venue, kind, item in ITEMS
    if kind == "events" and venue != "raydium-v4"  # which has a log of its own (test_layouts)
]
ENUMS = [
    (venue, kind, item, place)
    for venue, kind, item in ITEMS
    for place, (_, type_) in enumerate(item["fields"])
    if kind != "accounts"
    and isinstance(type_, dict)
    and "enum" in LAYOUTS[venue]["types"].get(type_.get("defined"), {})
]


def _reading(document: Any) -> Reading:
    (piece,) = transactions_in(document, READ_PROGRAMS)
    assert piece.transaction is not None
    return read(piece.transaction)


@pytest.mark.parametrize(("venue", "name"), CALLED)
def test_every_instruction_may_grow(venue: str, name: str) -> None:
    """Bytes and accounts behind today's: the same fields and the same accounts by name."""
    today = instruction(venue, name, {})
    grown = instruction(venue, name, {}, extra=b"\x07" * 33)
    grown["accounts"] = [*grown["accounts"], key(70), key(71), key(72)]
    (before,), (after,) = _reading(transaction(today)).calls, _reading(transaction(grown)).calls
    assert after == before
    assert before.name == name


@pytest.mark.parametrize(("venue", "name"), TOLD)
def test_every_event_may_grow(venue: str, name: str) -> None:
    """Bytes behind today's, told by a self-call or in the log: the same fields."""
    router = {"programId": key(5), "accounts": [], "data": ""}
    told = cpi_event(venue, name)
    raw = based58.b58decode(told["data"].encode()) + b"\x07" * 33
    grown = {**told, "data": based58.b58encode(raw).decode()}
    program = LAYOUTS[venue]["program"]
    text = base64.b64encode(raw[len(ANCHOR_EVENT) :]).decode()
    logs = [f"Program {program} invoke [1]", f"Program data: {text}", f"Program {program} success"]
    (before,) = _reading(transaction(router, inner=[told])).told
    assert _reading(transaction(router, inner=[grown])).told == [before]
    assert _reading(transaction(router, logs=logs)).told == [before]


@pytest.mark.parametrize(("venue", "kind", "item", "place"), ENUMS)
def test_every_enum_may_grow(venue: str, kind: str, item: dict[str, Any], place: int) -> None:
    """A variant that nobody knows: what stands before it is read, or it is counted."""
    written, before = Writer(venue).fields(item["fields"][:place], {})
    head = bytes.fromhex(item["discriminator"]) + before + b"\xfa" + b"\x01" * 40
    data = head if kind == "instructions" else ANCHOR_EVENT + head
    call = {
        "programId": LAYOUTS[venue]["program"],
        "accounts": [key(1)],
        "data": based58.b58encode(data).decode(),
    }
    router = {"programId": key(5), "accounts": [], "data": ""}
    top = kind == "instructions"
    found = _reading(transaction(call) if top else transaction(router, inner=[call]))
    read_: list[Call | Told] = [*found.calls, *found.told]
    assert sum(found.outcomes.values()) == 1
    assert bool(read_) == (found.outcomes.get((venue, "decoded")) == 1)
    for one in read_:
        assert written.items() <= dict(one.fields).items()


BYTES = ("u8", "bool")


def _calls(venue: str) -> list[bytes]:
    """Instructions that the venue's program does not have, and those of its own cut short."""
    width = len(LAYOUTS[venue]["instructions"][0]["discriminator"]) // 2
    cut = [
        data_of(venue, "instructions", item["name"])[: width + 1]
        for item in LAYOUTS[venue]["instructions"]
        if item["fields"]
        and item.get("required") != 0
        and item["fields"][0][1] not in ("u8", "bool")
    ]
    return [b"\xfe" * max(width, 9), *cut[:1]]


STRANGE = [(venue, data) for venue in sorted(LAYOUTS) for data in _calls(venue)]


@pytest.mark.parametrize(("venue", "data"), STRANGE)
def test_what_nobody_knows_is_an_alarm(venue: str, data: bytes) -> None:
    """An unknown or cut instruction in blocks, among many others: an alarm within seconds."""
    call = {
        "programId": LAYOUTS[venue]["program"],
        "accounts": [key(1)],
        "data": based58.b58encode(data).decode(),
    }
    now = [0.0]
    drift = Drift(clock=lambda: now[0])
    reader = Reader(drift)
    for slot in range(REPEATED):
        assert not drift.alarmed
        reader.events([transaction(call)], slot, 1_780_000_000.0, Standing())
        now[0] += 0.4
    assert drift.alarmed == {venue}
