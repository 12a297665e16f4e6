"""Where control can go in runtime code, by evmole's graph of it."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["CALLS", "SENDING", "Flow", "alive", "writes"]

CALLS: Final = frozenset({"CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"})
SENDING: Final = frozenset({"CALL", "CALLCODE", "DELEGATECALL", "SELFDESTRUCT"})
"""What can send coin or tokens away."""


def writes(each: Any) -> bool:
    """Whether a function, as evmole tells it, may change anything."""
    return each.state_mutability not in {"view", "pure"}


class Flow:
    """Where control can go from a place in the code.

    A return is followed only to callers that were passed on the way (``DynamicJump.path``), so that
    a function that others share does not lead into those others.
    """

    def __init__(self, found: Any) -> None:
        self._blocks = {block.id: block for block in found.control_flow_graph.blocks}
        self._starts = {block.start: block.id for block in self._blocks.values()}
        self._opcodes = _opcodes_of(found.disassembled, self._blocks.values())
        writing = (each for each in found.functions or () if writes(each))
        self._entries = [each.bytecode_offset for each in writing]
        self._seen: dict[int | None, set[int]] = {}
        self._alive = alive(self._blocks)

    def reaches(self, offset: int, opcodes: frozenset[str]) -> bool:
        """Whether a block with one of ``opcodes`` can be come to from the block at ``offset``."""
        return any(self._opcodes[block] & opcodes for block in self._from(self._starts.get(offset)))

    def strays(self, opcodes: frozenset[str]) -> bool:
        """Whether a block with one of ``opcodes`` is in the code, and no entry leads to it."""
        known = set[int]().union(*(self._from(self._starts.get(entry)) for entry in self._entries))
        return any(names & opcodes for block, names in self._opcodes.items()
                   if block in self._alive and block not in known)  # fmt: skip

    def _from(self, entry: int | None) -> set[int]:
        """Every block that control can come to from one; remembered."""
        if entry not in self._seen:
            seen: set[int] = set()
            waiting, pending = [entry], list[Any]()
            while waiting:
                pending += self._walked(waiting, seen)
                passed = [jump for jump in pending if seen.issuperset(jump.path)]
                pending = [jump for jump in pending if jump.to not in seen]
                waiting = [jump.to for jump in passed if jump.to not in seen]
            self._seen[entry] = seen
        return self._seen[entry]

    def _walked(self, waiting: list[int | None], seen: set[int]) -> list[Any]:
        """Add to ``seen`` all that always follows; gives the jumps that may follow."""
        jumps: list[Any] = []
        while waiting:
            place = waiting.pop()
            if place is not None and place not in seen and place in self._blocks:
                seen.add(place)
                following, found = _after(self._blocks[place].btype)
                waiting += following
                jumps += found
        return jumps


def _opcodes_of(disassembled: Any, blocks: Any) -> dict[int, frozenset[str]]:
    """The opcodes of each block that calls or ends."""
    ordered = sorted(blocks, key=lambda block: block.start)
    found: dict[int, set[str]] = {block.id: set() for block in ordered}
    place = 0
    for offset, text in disassembled:
        while place < len(ordered) and ordered[place].end < offset:
            place += 1
        if place == len(ordered):
            break
        if ordered[place].start <= offset:
            found[ordered[place].id].add(text.split(" ", 1)[0])
    return {key: frozenset(names & (CALLS | SENDING)) for key, names in found.items()}


def _after(kind: Any) -> tuple[list[int], list[Any]]:
    """The blocks that follow one of this kind wherever control came from, and those by a return."""
    following: list[int] = []
    jumps: list[Any] = []
    for name in ("to", "true_to", "false_to"):
        target = getattr(kind, name, None)
        if isinstance(target, int):
            following.append(target)
        elif target is not None:
            jumps += [jump for jump in target if jump.to is not None]
    return following, jumps


def alive(blocks: dict[int, Any]) -> set[int]:
    """The blocks that control can come to at all, returning wherever a return is known to go."""
    waiting, seen = [0], set[int]()
    while waiting:
        block = blocks.get(waiting.pop())
        if block is not None and block.id not in seen:
            seen.add(block.id)
            waiting += _next(block.btype)
    return seen


def _next(kind: Any) -> list[int]:
    """Every block that may follow one of this kind."""
    following, jumps = _after(kind)
    return [*following, *(jump.to for jump in jumps)]
