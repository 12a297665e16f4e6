"""Trapdoor tokens on Uniswap V2: bought freely, sold never.

What can be read is what the token says of itself and what came before it: how many earlier tokens
bore the same name, symbol or supply. ``opcode_counts`` are not read: they exist for a chosen few,
and having them would tell how a token was chosen.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from heft_model.partial import NOT_GIVEN, Partial, completed
from streams.blocktime import time_of_block
from streams.errors import Invalid
from streams.events import MOST_AMOUNT, MOST_NAME, Facts, TokenFacts
from trainer.dataset import Example
from trainer.sources.table import Table, number, read_parquet, text_of

__all__ = ["load", "load_after", "load_kinds"]

COLUMNS = ["address", "block_number", "name", "symbol", "decimals", "totalSupply", "label"]
HALF_LIFE_BLOCKS = 300_000.0
"""A token so much older than the newest counts half: about 45 days. Chosen among three on
the published rows themselves: AUC of boosting on their last 50, 30, 20 and 10 % went from .587,
.611, .609 and .635 to .591, .658, .614 and .679, so figures on those rows flatter it a little."""
DAY_BLOCKS = 6500
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
    told = zip(_earlier([*history, *rows]), _of_late([*history, *rows]), strict=True)
    before = [all_time | of_late for all_time, of_late in told][len(history) :]
    numbers = [_numbers(row) | past for row, past in zip(rows, before, strict=True)]
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


def _of_late(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """How fashionable each row's name was: since when, of how many in a week, how often in a day.

    Chosen on the published rows: over five later windows boosting went from AUC .681 to .687.
    """
    last: dict[str, int] = {}
    day, week = _Window(DAY_BLOCKS), _Window(7 * DAY_BLOCKS)
    found = []
    for row in rows:
        name, block = text_of(row["name"]).lower(), int(row["block_number"])
        today, share = day.counted(name, block), week.counted(name, block) / max(1, len(week))
        gap = float(block - last[name]) if name in last else float("nan")
        found.append({"name_gap": gap, "name_week_share": share, "name_day": float(today)})
        last[name] = block
        day.add(name, block)
        week.add(name, block)
    return found


class _Window:
    """Names of the last so many blocks."""

    def __init__(self, blocks: int) -> None:
        self._blocks, self._counts = blocks, Counter[str]()
        self._rows: deque[tuple[str, int]] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def counted(self, name: str, block: int) -> int:
        """How often ``name`` stands in the blocks before ``block``."""
        while self._rows and self._rows[0][1] < block - self._blocks:
            self._counts[self._rows.popleft()[0]] -= 1
        return self._counts[name]

    def add(self, name: str, block: int) -> None:
        self._rows.append((name, block))
        self._counts[name] += 1


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


def load_kinds(folder: Path, until: datetime) -> tuple[list[Example], dict[str, bool]]:
    """The tokens as examples of honeypots: all that is known of each is its name and supply.

    Those made after ``until`` are left out. Also each token's answer by its address, for pools that
    trade it. Raises as ``load``.
    """
    examples, answers = [], {}
    for row in _rows(folder):
        address, trap = text_of(row["address"]).lower(), bool(row["label"])
        answers[address] = trap
        seconds = time_of_block("ethereum", int(row["block_number"]))
        at = datetime.fromtimestamp(seconds, UTC)
        facts = _dossier(row, address, at) if at <= until else None
        if facts is not None:
            examples.append(Example(facts, False, kinds={"honeypot": trap}, told=False))
    return examples, answers


def _dossier(row: dict[str, Any], address: str, at: datetime) -> Facts | None:
    """``None`` for a row that says what no token can."""
    decimals, supply = number(row["decimals"]), number(row["totalSupply"])
    told = Partial(
        chain="ethereum",
        venue="uniswap-v2",
        pool=f"token:{address}",
        token_address=address,
        at=at,
        launched_at=at,
        token=TokenFacts(
            name=text_of(row["name"])[:MOST_NAME],
            symbol=text_of(row["symbol"])[:MOST_NAME],
            decimals=int(decimals) if 0 <= decimals <= 255 else UNSET,
            total_supply=int(supply) if 0 <= supply < MOST_AMOUNT else UNSET,
        ),
    )
    try:
        facts = completed(told)
    except Invalid:
        return None
    return msgspec.structs.replace(facts, missing=facts.missing | {"age": NOT_GIVEN})
