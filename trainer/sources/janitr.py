"""Janitr: posts on X, and whether they are labelled a scam (alone or among other labels)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from heft_model.scamtext import text_numbers, text_words
from streams.errors import Invalid
from trainer.sources.table import Table

__all__ = ["load"]


def load(folder: Path) -> Table:
    """Every post of ``folder``'s JSON lines; raises ``Invalid``.

    A post that stands twice (by id or by text) is of one group; ids on X rise with time.
    """
    rows = [row for file in _files(folder) for row in _read(file)]
    texts = [str(row.get("text", "")) for row in rows]
    numbers = [text_numbers(text) for text in texts]
    count = len(rows)
    return Table(
        ids=[str(row.get("id", place)) for place, row in enumerate(rows)],
        labels=np.array(["scam" in row.get("labels", ()) for row in rows]),
        names=tuple(numbers[0]),
        numbers=np.array([list(row.values()) for row in numbers]),
        texts=[text_words(text) for text in texts],
        groups=[frozenset({f"text:{_plain(text)}"}) for text in texts],
        times=np.zeros(count),
        weights=np.ones(count),
        judged=np.ones(count, dtype=bool),
        lead=np.full(count, np.nan),
        slices={"length": ["short" if len(text) < 140 else "long" for text in texts]},
    )


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    if not files:
        raise Invalid(f"{folder} holds no *.jsonl", reason="no-files")
    return files


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines if line.strip()]
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"{file} cannot be read: {error}", reason="unreadable") from error


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
