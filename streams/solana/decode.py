"""A transaction to what our programs did in it: their instructions and events, as named fields.

Pure. An event is told in three ways, often in two of them at once: ``Program data:`` in the log,
``emit_cpi!`` as a call of the program to itself, Raydium's ``ray_log``. Equal bytes of one program
in one transaction are one event, since no two trades leave equal reserves behind.

Whatever cannot be read is counted by program, not raised: ``unknown`` for a discriminator that no
layout names, ``undecodable`` for data that ends too early. ``streams.solana.drift`` watches them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from streams.errors import Invalid
from streams.solana.logs import TRUNCATED, Said, events_said
from streams.solana.programs import ANCHOR_EVENT, PROGRAMS, Program
from streams.solana.transaction import Instruction, Transaction

__all__ = ["READ_PROGRAMS", "Call", "Outcome", "Reading", "Told", "decode_call", "read"]

READ_PROGRAMS = frozenset(PROGRAMS)
RAYDIUM_V4 = "raydium-v4"

Outcome = Literal["decoded", "unknown", "undecodable"]
Outcomes = dict[tuple[str, Outcome], int]
"""How many instructions and events there were, by venue and what became of them."""


class Call(NamedTuple):
    """An instruction of a program that we read."""

    program: Program
    name: str
    fields: Mapping[str, Any]
    accounts: Mapping[str, str]
    """By the layout's names; those that were not sent are absent, surplus ones unnamed."""


class Told(NamedTuple):
    """An event of a program that we read."""

    program: Program
    name: str
    fields: Mapping[str, Any]


class Reading(NamedTuple):
    """What was done and told in a transaction, and how much of it could be read."""

    calls: Sequence[Call]
    told: Sequence[Told]
    outcomes: Outcomes
    """By venue."""
    strange: Sequence[tuple[str, str]] = ()
    """What could not be read: its venue, and its name or its discriminator in hex."""


def read(transaction: Transaction) -> Reading:
    """Everything of ours in a transaction; nothing in one that failed. Never raises."""
    if transaction.failed:
        return Reading((), (), {})
    said = list(events_said(transaction.logs, READ_PROGRAMS)) if transaction.logs else []
    if not said and not transaction.instructions:
        return Reading((), (), {})
    tally = _Tally({}, [])
    calls: list[Call] = []
    told_cpi = _told_by_call(transaction, said)
    for place, instruction in enumerate(transaction.instructions):
        if instruction.program not in PROGRAMS or place in told_cpi:
            continue
        if call := _call(instruction, tally):
            calls.append(call)
    events = dict.fromkeys([*said, *(each for each in told_cpi.values() if each)])
    told = [event for program, data in events if (event := _event(program, data, tally))]
    return Reading(calls, told, *tally)


class _Tally(NamedTuple):
    """Counts of one transaction."""

    outcomes: Outcomes
    strange: list[tuple[str, str]]

    def note(self, venue: str, outcome: Outcome, what: str = "") -> None:
        self.outcomes[venue, outcome] = self.outcomes.get((venue, outcome), 0) + 1
        if what:
            self.strange.append((venue, what))


def decode_call(instruction: Instruction) -> Call | None:
    """One instruction; ``None`` if known and of no use. Raises ``Invalid`` if it cannot be read."""
    program = PROGRAMS[instruction.program]
    data = instruction.data
    head = data[: program.width]
    shape = program.instructions.get(head)
    if shape is None:
        if head in program.ignored or (program.venue == RAYDIUM_V4 and head <= RAYDIUM_LAST):
            return None
        raise Invalid(f"{program.venue} has no instruction {head.hex()}", reason="unknown")
    accounts = dict(zip(shape.accounts, instruction.accounts, strict=False))
    return Call(program, shape.name, shape.layout.read(data, program.width), accounts)


RAYDIUM_LAST = b"\x11"
"""``SwapBaseOutV2``, the last instruction of Raydium's AMM v4; they are numbered from 0."""


def _call(instruction: Instruction, tally: _Tally) -> Call | None:
    program = PROGRAMS[instruction.program]
    try:
        call = decode_call(instruction)
    except Invalid as error:
        unknown = error.reason == "unknown"
        tally.note(program.venue, "unknown" if unknown else "undecodable", _named(instruction))
        return None
    tally.note(program.venue, "decoded")
    return call


def _named(instruction: Instruction) -> str:
    program = PROGRAMS[instruction.program]
    try:
        head = instruction.data[: program.width]
    except Invalid:
        return "no-base58"
    shape = program.instructions.get(head)
    return shape.name if shape else head.hex() or "empty"


def _told_by_call(transaction: Transaction, said: Sequence[Said]) -> dict[int, Said | None]:
    """Instructions that are events, by their place; without bytes where the log has told them all.

    base58 of a long event costs more than reading the whole rest of a transaction, so it is only
    decoded when the log is cut or has fewer events of that program than it made such calls.
    """
    own = [(i, each) for i, each in enumerate(transaction.instructions) if _may_be_event(each)]
    if not own:
        return {}
    cut = bool(transaction.logs) and transaction.logs[-1] == TRUNCATED
    logged = Counter(program for program, _ in said)
    called = Counter(each.program for _, each in own)
    out: dict[int, Said | None] = {}
    for place, each in own:
        if not cut and logged[each.program] >= called[each.program]:
            out[place] = None
        elif (data := _event_data(each)) is not None:
            out[place] = (each.program, data)
    return out


def _may_be_event(instruction: Instruction) -> bool:
    """``emit_cpi!`` passes the event authority alone, and never as the transaction's own call."""
    ours = instruction.program in PROGRAMS
    return ours and instruction.depth > 1 and len(instruction.accounts) == 1


def _event_data(instruction: Instruction) -> bytes | None:
    try:
        data = instruction.data
    except Invalid:
        return None
    return data[len(ANCHOR_EVENT) :] if data.startswith(ANCHOR_EVENT) else None


def _event(program_id: str, data: bytes, tally: _Tally) -> Told | None:
    program = PROGRAMS[program_id]
    head = data[: program.width]
    shape = program.events.get(head)
    if shape is None:
        if head not in program.ignored:
            tally.note(program.venue, "unknown", head.hex() or "empty")
        return None
    try:
        fields = shape.layout.read(data, program.width)
    except Invalid:
        tally.note(program.venue, "undecodable", shape.name)
        return None
    tally.note(program.venue, "decoded")
    return Told(program, shape.name, fields)
