"""Verdicts as JSON lines, one a line: what ``heft score`` and ``heft replay --verdicts`` write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from streams.errors import Invalid
from streams.events import Verdict, encode

__all__ = ["in_order", "write_line", "write_verdicts"]


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """By the moment that they speak of, then by pool: the same order at every run."""
    return sorted(verdicts, key=lambda each: (each.at, each.chain, each.pool, each.sequence))


def write_verdicts(path: Path, verdicts: Iterable[Verdict]) -> int:
    """Write them in order and return their number; raises ``Invalid`` when that cannot be."""
    try:
        with path.open("wb") as file:
            ordered = in_order(verdicts)
            for verdict in ordered:
                write_line(file, verdict)
    except OSError as error:
        raise Invalid(f"cannot write {path}: {error.strerror}", reason="output") from error
    return len(ordered)


def write_line(file: BinaryIO, verdict: Verdict) -> None:
    """One verdict in the published schema, and a line's end."""
    file.write(encode(verdict))
    file.write(b"\n")
