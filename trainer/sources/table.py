"""A labelled set as detectors take it: one row a case, whatever it was read from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from streams.errors import Invalid

__all__ = ["Table", "number", "read_parquet", "take", "text_of"]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in columns; every sequence has one entry a row."""

    ids: list[str]
    labels: NDArray[np.bool_]
    names: tuple[str, ...]
    """Of the columns of ``numbers``."""
    numbers: NDArray[np.float64]
    """``[rows, names]``; NaN where a fact is not known."""
    texts: list[str]
    """Words parted by spaces: identifiers, names, posts. Written by strangers."""
    groups: list[frozenset[str]]
    """What a row shares with others (address, source, text): none of it may be on two sides."""
    times: NDArray[np.float64]
    """When each row could be judged, in a unit of its own; equal where order means nothing."""
    weights: NDArray[np.float64]
    """What a row counts while teaching."""
    judged: NDArray[np.bool_]
    """Whether a row is one that metrics count: of a stated age, with the outcome still ahead."""
    lead: NDArray[np.float64]
    """Seconds from the row's moment to the rug; NaN where there is none, or no time is known."""
    slices: dict[str, list[str]]
    """Names of ways to part the rows (chain, age, kind), and each row's part."""

    def __len__(self) -> int:
        return len(self.ids)


def take(table: Table, chosen: NDArray[Any]) -> Table:
    """The rows at ``chosen`` (indices or flags)."""
    index = np.arange(len(table))[chosen]
    return msgspec.structs.replace(
        table,
        ids=[table.ids[i] for i in index],
        labels=table.labels[index],
        numbers=table.numbers[index],
        texts=[table.texts[i] for i in index],
        groups=[table.groups[i] for i in index],
        times=table.times[index],
        weights=table.weights[index],
        judged=table.judged[index],
        lead=table.lead[index],
        slices={name: [part[i] for i in index] for name, part in table.slices.items()},
    )


def read_parquet(
    folder: Path, stem: str, columns: Sequence[str], *, optional: bool = False
) -> list[dict[str, Any]]:
    """The rows of ``stem.parquet``, ``stem_part1.parquet`` and so on in ``folder``.

    Raises ``Invalid`` when there is none (unless ``optional``), or one lacks a column.
    """
    if not folder.is_dir():
        raise Invalid(f"no such folder: {folder}", reason="no-folder")
    files = sorted(folder.glob(f"{stem}*.parquet"))
    if not files and not optional:
        raise Invalid(f"{folder} holds no {stem}*.parquet", reason="no-files")
    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            known = set(pq.read_schema(file).names)
            lacks = sorted(set(columns) - known)
            if lacks:
                raise Invalid(f"{file.name} lacks the column(s) {', '.join(lacks)}")
            rows += pq.read_table(file).to_pylist()
        except (OSError, pa.ArrowException) as error:
            line = str(error).splitlines()[0]
            raise Invalid(f"{file} cannot be read: {line}", reason="unreadable") from error
    return rows


def number(value: object) -> float:
    """A number out of a cell, NaN when it holds none (``1,492,842`` is one)."""
    try:
        return float(str(value).replace(",", "").strip())
    except ValueError:
        return float("nan")


def text_of(value: object) -> str:
    """A cell's text; nothing for an empty cell."""
    return "" if value is None else str(value).strip()
