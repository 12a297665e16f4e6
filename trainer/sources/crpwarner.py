"""CRPWarner's codes as examples of kinds: what a contract's code alone says of mints and limits.

Runtime code of 13,553 tokens (Lin et al., IEEE TSE 2024). People labelled some: 70 confirmed rugs,
and samples of what the authors' tool reported. *Mint* is our hidden mint, *limit* (whatever keeps
holders from selling) our honeypot; *leak* is no kind of ours. Codes have no times: each gets one
drawn from its likeness to others, so that a split by time keeps whole families on one side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import openpyxl

from heft_model.partial import Partial, completed
from streams.checks.bytecode import Code, code_from
from streams.checks.contract import code_findings
from streams.checks.likeness import closest
from streams.errors import Invalid
from streams.events import TokenFacts
from trainer.dataset import Example
from trainer.sources.table import read_parquet, text_of

__all__ = ["load_codes"]

KINDS = {"mint": "hidden-mint", "limit": "honeypot"}
ALIKE = 0.8
"""Likeness from which two codes are of one family."""


def load_codes(folder: Path, first: datetime, last: datetime) -> list[Example]:
    """Each labelled code as a dossier of nothing else, dated between ``first`` and ``last``.

    Raises ``Invalid`` when the folder is not in this layout.
    """
    labels = _labels(folder)
    rows = read_parquet(folder, "bytecode", ["address", "bytecode"])
    families: list[tuple[str, str]] = []  # sketch and name
    found = []
    for row in sorted(rows, key=lambda each: str(each["address"])):
        address = text_of(row["address"]).lower()
        code = _read(row["bytecode"]) if address in labels else None
        if code is not None:
            at = _drawn(_family(code.sketch, address, families), first, last)
            found.append(_example(address, code, labels[address], at))
    if not found:
        raise Invalid(f"{folder} holds no labelled code", reason="empty")
    return found


def _example(address: str, code: Code, kinds: dict[str, bool], at: datetime) -> Example:
    told = Partial(
        chain="ethereum", pool=f"code:{address}", token=TokenFacts(), findings=code_findings(code)
    )
    facts = msgspec.structs.replace(completed(told), at=at, launched_at=at)
    return Example(facts, False, kinds=kinds, told=False)


def _read(code: Any) -> Code | None:
    try:
        return code_from(bytes(code or b""))
    except Invalid:
        return None


def _family(sketch: str, name: str, families: list[tuple[str, str]]) -> str:
    for known, family in families:
        if sketch == known or (closest(sketch, [known]) or 0.0) >= ALIKE:
            return family
    families.append((sketch, name))
    return name


def _drawn(family: str, first: datetime, last: datetime) -> datetime:
    share = int(hashlib.sha256(family.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    return first + timedelta(seconds=round(share * (last - first).total_seconds()))


def _labels(folder: Path) -> dict[str, dict[str, bool]]:
    """What people said of each address, of those kinds that they were asked of."""
    found: dict[str, dict[str, bool]] = {}
    for name, kind in KINDS.items():
        for address, answer in _sheet(folder / f"{name}.xlsx", ("Address", "TP?")):
            found.setdefault(address, {})[kind] = str(answer).strip().lower() == "yes"
    for address, *answers in _sheet(folder / "groundTruth.xlsx", ("address", "Mint", "Limit")):
        found.setdefault(address, {}).update(
            {kind: bool(said) for kind, said in zip(KINDS.values(), answers, strict=True)}
        )
    return found


def _sheet(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows of a workbook's first sheet, with their addresses in lower case."""
    try:
        rows = openpyxl.load_workbook(path, read_only=True).active.values
        names = [str(name) for name in next(rows)]
        places = [names.index(column) for column in columns]
    except (OSError, KeyError, ValueError, StopIteration) as error:
        raise Invalid(f"{path} cannot be read: {error}", reason="unreadable") from error
    for row in rows:
        if row[places[0]]:
            yield text_of(row[places[0]]).lower(), *(row[place] for place in places[1:])
