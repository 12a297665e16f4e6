"""TM-RugPull: projects of many chains with source and bytecode, scam or normal.

The table as published knows the end. Prices of the third and fourth quarter, the end date, counts
at half of the duration and lifetime totals (transactions, holders, variances, balances) lie after
the moment of judgement and are not read. Neither is whether a site's link leads to an archive:
collectors archive what is gone. Comments leave the source first, since explorers write the day of
verification into them. Rows that share a source or an address are of one group.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np

from streams.errors import Invalid
from trainer.sources.table import Table, number, read_parquet, text_of

__all__ = ["LEAKY", "identifiers", "load", "without_comments"]

LEAKY = (
    "MaxPrice (Quarter 3)",
    "MaxPrice (Quarter 4)",
    "project end date",
    "the number of Transactions",
    "Token concentration ratio per holder",
    "Total Variance",
    "Variance of holders with more than 1% tokens",
    "Token balance",
    "Google results for project title (project duration/2)",
    "Google results for project website (duration/2)",
    "Google results for project x profile (duration/2)",
)
NUMBERS = {
    "price_q1": "MaxPrice (Quarter 1)",
    "price_q2": "MaxPrice (Quarter 2)",
    "first_deposits": "first deposits",
    "hits_title": "Google results for project title (first day)",
    "hits_website": "Google results for project website (first day)",
    "hits_profile": "Google results for project x profile (first days)",
}
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_CHAINS = ("eth", "bsc", "polygon", "arbi", "fantom", "crono", "base")
MOST_SELECTORS = 400


def load(folder: Path) -> Table:
    """Every project of ``folder``; raises ``Invalid`` when it is not in this layout."""
    projects = read_parquet(folder, "projects", ["row", "Project Title", "class"])
    sources = _by_row(read_parquet(folder, "source_code", ["row", "source_code"], optional=True))
    codes = _by_row(read_parquet(folder, "bytecode", ["row", "bytecode"], optional=True))
    if not projects:
        raise Invalid(f"{folder} holds no projects", reason="empty")
    parts = [_project(p, sources.get(p["row"], {}), codes.get(p["row"], {})) for p in projects]
    rows = len(parts)
    chains = [chain for *_, chain in parts]
    return Table(
        ids=[str(project["row"]) for project in projects],
        labels=np.array([text_of(p["class"]).lower() == "scam" for p in projects]),
        names=tuple(parts[0][0]),
        numbers=np.array([list(numbers.values()) for numbers, *_ in parts]),
        texts=[text for _, text, *_ in parts],
        groups=[group for _, _, group, _ in parts],
        times=np.zeros(rows),
        weights=np.ones(rows),
        judged=np.ones(rows, dtype=bool),
        lead=np.full(rows, np.nan),
        slices={"chain": [chain if chain in _CHAINS else "other" for chain in chains]},
    )


def without_comments(source: str) -> str:
    """Solidity without its comments."""
    return _COMMENT.sub(" ", source)


def identifiers(source: str) -> list[str]:
    """The words of a source in their order."""
    return _WORD.findall(without_comments(source))


def _project(
    project: dict[str, Any], source: dict[str, Any], code: dict[str, Any]
) -> tuple[dict[str, float], str, frozenset[str], str]:
    solidity = text_of(source.get("source_code"))
    bytecode = bytes(code.get("bytecode") or b"")
    chain = text_of(code.get("chain")).lower()
    words = identifiers(solidity)
    started = project.get("project starting date")
    numbers = {name: number(project.get(column)) for name, column in NUMBERS.items()}
    numbers |= {
        "started": started.year + started.month / 12 if started else np.nan,
        "chain": float(_CHAINS.index(chain)) if chain in _CHAINS else -1.0,
        "code_bytes": float(len(bytecode)) or np.nan,
        "source_chars": float(len(without_comments(solidity))) or np.nan,
        "distinct_words": float(len(set(words))) or np.nan,
        "is_disassembly": float("PUSH1" in words),
        "has_profile": float(_is_link(project.get("x profile"))),
        "has_website": float(_is_link(project.get("website"))),
        "title_chars": float(len(text_of(project.get("Project Title")))),
        "symbol_chars": float(len(text_of(project.get("Sign")))),
    }
    selectors = [f"selector_{selector}" for selector in _selectors(bytecode)]
    named = re.findall(r"\w+", f"{text_of(project.get('Project Title'))}".lower())
    text = " ".join([f"chain_{chain}", *(f"title_{word}" for word in named), *words, *selectors])
    return numbers, text, _group(project, words, bytecode, code), chain


def _group(
    project: dict[str, Any], words: list[str], bytecode: bytes, code: dict[str, Any]
) -> frozenset[str]:
    keys = {f"title:{text_of(project.get('Project Title')).lower()}"}
    if words:
        keys.add("source:" + hashlib.sha256(" ".join(words).encode()).hexdigest())
    if len(bytecode) > 2:
        keys.add("code:" + hashlib.sha256(bytecode).hexdigest())
    address = text_of(code.get("address")).lower()
    return frozenset(keys | ({f"address:{address}"} if address else set()))


def _selectors(bytecode: bytes) -> list[str]:
    """Operands of PUSH4, by walking the opcodes: function selectors, mostly."""
    found: dict[str, None] = {}
    place = 0
    while place < len(bytecode) and len(found) < MOST_SELECTORS:
        opcode = bytecode[place]
        if opcode == 0x63:
            found.setdefault(bytecode[place + 1 : place + 5].hex())
        place += 1 + (opcode - 0x5F if 0x60 <= opcode <= 0x7F else 0)
    return list(found)


def _is_link(value: object) -> bool:
    return text_of(value).lower().startswith(("http", "www"))


def _by_row(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {row["row"]: row for row in rows}
