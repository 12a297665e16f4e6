"""Verdicts as JSON lines, one a line: what ``heft score`` and ``heft replay --verdicts`` write."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from streams.errors import Invalid
from streams.events import Verdict, encode

__all__ = ["check_writable", "in_order", "write_line", "write_verdicts"]


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """By the moment that they speak of, then by pool: the same order at every run."""
    return sorted(verdicts, key=lambda each: (each.at, each.chain, each.pool, each.sequence))


def check_writable(path: Path) -> None:
    """Raise ``Invalid`` when ``write_verdicts`` could not write there; changes nothing."""
    target = path.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        return  # a pipe or a device: opening it to see would be a promise to its reader
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with _part(target).open("wb"):
            pass
        _part(target).unlink()
    except OSError as error:
        raise Invalid(f"cannot write {path}: {error.strerror}", reason="output") from error


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def write_verdicts(path: Path, verdicts: Iterable[Verdict]) -> int:
    """Write them in order and return their number; raises ``Invalid`` when that cannot be."""
    ordered = in_order(verdicts)
    target = path.resolve()
    is_stream = target.exists() and not target.is_file()  # a pipe, a device: nothing to keep whole
    part = target if is_stream else _part(target)
    try:
        with part.open("wb") as file:
            for verdict in ordered:
                write_line(file, verdict)
        if part != target:
            part.replace(target)
    except OSError as error:
        if part != target:
            part.unlink(missing_ok=True)
        raise Invalid(f"cannot write {path}: {error.strerror}", reason="output") from error
    return len(ordered)


def write_line(file: BinaryIO, verdict: Verdict) -> None:
    """One verdict in the published schema, and a line's end."""
    file.write(encode(verdict))
    file.write(b"\n")
