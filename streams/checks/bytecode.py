"""What runtime code says of itself, without its source: functions, storage, opcodes, its likeness.

evmole reads it; its full reading of a large contract takes hundreds of milliseconds and its input
is hostile, so ``read_code`` runs it in a process of its own that ends with the time it is given.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import anyio
import evmole
import msgspec
from anyio import to_process
from anyio.lowlevel import RunVar
from eth_hash.auto import keccak

from streams.checks.flow import CALLS, SENDING, Flow, alive, writes
from streams.checks.likeness import sketch
from streams.errors import Invalid

__all__ = ["Code", "Function", "Stored", "code_from", "read_code"]

MOST_BYTES = 64 * 1024
"""EIP-170 allows 24,576; some chains more. Beyond this it is no token's code."""
PATIENCE_S = 5.0
"""For one reading: CRPWarner's slowest takes 0.4 s."""
READINGS_KEPT = 256
_WORKERS = 2
"""Readings at a time: each takes a core."""


class Function(msgspec.Struct, frozen=True):
    """An external function: its selector (8 hex digits), argument types, and what it may do."""

    selector: str
    arguments: str
    writes: bool
    sends: bool
    """Whether control flows from it to what can send coin or tokens away."""


class Stored(msgspec.Struct, frozen=True):
    """A place in storage: its slot, byte offset, type, and the selectors that read and write it."""

    slot: int
    offset: int
    type: str
    reads: frozenset[str]
    writes: frozenset[str]


class Code(msgspec.Struct, frozen=True):
    """What a reading of runtime code found."""

    size: int
    functions: tuple[Function, ...]
    storage: tuple[Stored, ...]
    opcodes: dict[str, int]
    """How often each opcode stands in code that can be reached."""
    sketch: str
    """What likeness to other code is judged by (``likeness.sketch`` of its reachable opcodes)."""
    addresses: tuple[str, ...]
    """Constants that may be addresses: immutables and hard-wired wallets."""
    constants: tuple[int, ...]
    """Small numbers that the code compares with: where a function acts on one number alone."""
    calls_out: bool
    """Whether a transfer can come to a call of another contract."""
    strays: bool
    """Whether a call that can send something was found, but not which function comes to it."""
    hash: str
    """keccak256 of the code without its compiler's metadata, as 0x hex."""

    def function(self, selector: str) -> Function | None:
        """The function of this selector, if there is one."""
        return next((each for each in self.functions if each.selector == selector), None)


async def read_code(code: bytes) -> Code:
    """``code_from`` in another process. Raises ``Invalid`` for code that cannot be read in time."""
    if len(code) > MOST_BYTES:
        raise Invalid(f"the code has {len(code)} bytes: too large to read", reason="code")
    if code in _readings:
        _readings.move_to_end(code)
        return _readings[code]
    reading = _readings[code] = await _read(code)
    while len(_readings) > READINGS_KEPT:
        _readings.popitem(last=False)
    return reading


async def _read(code: bytes) -> Code:
    try:
        with anyio.fail_after(PATIENCE_S):
            return await to_process.run_sync(code_from, code, cancellable=True, limiter=_limiter())
    except TimeoutError as error:
        raise Invalid(f"the code is not read within {PATIENCE_S:g} s", reason="code") from error
    except anyio.BrokenWorkerProcess as error:
        raise Invalid("reading the code ended its process", reason="code") from error


_readings: OrderedDict[bytes, Code] = OrderedDict()
"""The newest by code: launchpads deploy the same one again and again."""
_limiters: RunVar[anyio.CapacityLimiter] = RunVar("_limiters")


def _limiter() -> anyio.CapacityLimiter:
    """One an event loop: a limiter belongs to the loop that it was made in."""
    try:
        return _limiters.get()
    except LookupError:
        _limiters.set(anyio.CapacityLimiter(_WORKERS))
        return _limiters.get()


def code_from(code: bytes) -> Code:
    """A reading of runtime code. Raises ``Invalid`` for what evmole cannot read."""
    try:
        found = evmole.contract_info(
            code,
            selectors=True, arguments=True, state_mutability=True, storage=True,
            disassemble=True, control_flow_graph=True, metadata=True,
        )  # fmt: skip
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise Invalid("the code cannot be read", reason="code") from error
    reached, flow = _reached(found), Flow(found)
    functions = tuple(_function(each, flow) for each in found.functions or ())
    return Code(
        size=len(code),
        functions=functions,
        storage=tuple(_stored(each) for each in found.storage or ()),
        opcodes=_counted(name for name, _ in reached),
        sketch=sketch([code[offset] for _, offset in reached]),
        addresses=_addresses(code, reached),
        constants=_constants(code, reached),
        calls_out=_calls_out(found, flow),
        strays=flow.strays(SENDING),
        hash=f"0x{keccak(_without_metadata(code, found.metadata)).hex()}",
    )


def _function(each: Any, flow: Flow) -> Function:
    sends = writes(each) and flow.reaches(each.bytecode_offset, SENDING)
    return Function(each.selector, each.arguments or "", writes(each), sends)


def _stored(each: Any) -> Stored:
    return Stored(
        int(each.slot, 16), each.offset, each.type, frozenset(each.reads), frozenset(each.writes)
    )


def _counted(names: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _reached(found: Any) -> list[tuple[str, int]]:
    """Opcodes in blocks that control flow reaches, with their offsets: data behind code is none."""
    blocks = {block.id: block for block in found.control_flow_graph.blocks}
    ranges = sorted((blocks[each].start, blocks[each].end) for each in alive(blocks))
    return list(_within(found.disassembled, ranges))


_TRANSFERS = ("a9059cbb", "23b872dd")  # transfer, transferFrom


def _calls_out(found: Any, flow: Flow) -> bool:
    """Whether control flows from a transfer to a call."""
    entries = [f.bytecode_offset for f in found.functions or () if f.selector in _TRANSFERS]
    return any(flow.reaches(entry, CALLS) for entry in entries)


def _within(disassembled: Any, ranges: list[tuple[int, int]]) -> Any:
    place = 0
    for offset, text in disassembled:
        while place < len(ranges) and ranges[place][1] < offset:
            place += 1
        if place == len(ranges):
            return
        if ranges[place][0] <= offset:
            yield text.split(" ", 1)[0], offset


_PLAIN = re.compile(r"0{12,}|f{16,}")


def _addresses(code: bytes, reached: list[tuple[str, int]]) -> tuple[str, ...]:
    """Constants of 20 bytes, and of 32 whose first 12 are zero (immutables)."""
    found: dict[str, None] = {}
    for name, offset in reached:
        width = {"PUSH20": 20, "PUSH32": 32}.get(name)
        if width is None:
            continue
        word = code[offset + 1 : offset + 1 + width].rjust(32, b"\0")
        if not any(word[:12]) and not _PLAIN.search(word[12:].hex()):
            found[f"0x{word[12:].hex()}"] = None
    return tuple(found)


MOST_CONSTANTS = 4
_COMPARING = frozenset({"EQ", "SUB", "XOR"})


def _constants(code: bytes, reached: list[tuple[str, int]]) -> tuple[int, ...]:
    """What is compared for equality: pushed in 2, 3 or 5 to 12 bytes (4 are selectors)."""
    found: dict[int, None] = {}
    for place, (name, offset) in enumerate(reached):
        width = int(name[4:]) if name.startswith("PUSH") and name[4:].isdigit() else 0
        near = {after for after, _ in reached[place + 1 : place + 3]}
        if width in (2, 3, *range(5, 13)) and near & _COMPARING:
            number = int.from_bytes(code[offset + 1 : offset + 1 + width], "big")
            found[number] = None
    return tuple(found)[:MOST_CONSTANTS]


def _without_metadata(code: bytes, metadata: Any) -> bytes:
    """The code up to the CBOR tail that names its source: it differs where nothing else does."""
    return code[: metadata.bytecode_offset] if metadata is not None else code
