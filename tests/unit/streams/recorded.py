"""Small recordings as Parquet files: rows with what every row needs, changed where a test says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.streams.activity import ANN, START, ZERO

WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
TOKEN = "0x00000000000000000000000000000000000000aa"
LATE_TOKEN = "0xff000000000000000000000000000000000000bb"
FIRST_BLOCK = 25_000_000
T0 = int(START.timestamp())

Row = dict[str, Any]


def write(folder: Path, **tables: Sequence[Row]) -> Path:
    """The recording with one file for each table, named as given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = dict.fromkeys(column for row in rows for column in row)
        table = pa.table({column: [row.get(column) for row in rows] for column in columns})
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def pool(address: str = "0xp1", **fields: Any) -> Row:
    """A row of a pools file: the token is the first asset."""
    return {"pool": address, "token0": TOKEN, "token1": WETH, **fields}


def sync(address: str = "0xp1", number: int = 0, **fields: Any) -> Row:
    """Reserves of 1,000 tokens and 10 WETH, ``number`` blocks after the first, timed."""
    row = {
        "pool": address,
        "block": FIRST_BLOCK + number,
        "log_index": 7,
        "reserve0": str(1000 + number),
        "reserve1": str(10**19),
        "timestamp": T0 + 12 * number,
    }
    return {**row, **fields}


def transfer(address: str = "0xp1", number: int = 0, **fields: Any) -> Row:
    """LP tokens minted just before the reserves of the same block."""
    row = {
        "pool": address,
        "block": FIRST_BLOCK + number,
        "log_index": 5,
        "from": ZERO,
        "to": ANN,
        "value": "9000",
        "timestamp": T0 + 12 * number,
    }
    return {**row, **fields}


def swap(address: str = "0xp1", number: int = 0, **fields: Any) -> Row:
    """A purchase just after the reserves of the same block."""
    row = {
        "pool": address,
        "block": FIRST_BLOCK + number,
        "log_index": 8,
        "sender": "0xrouter",
        "to": ANN,
        "amount0In": "0",
        "amount1In": "5",
        "amount0Out": "6",
        "amount1Out": "0",
        "timestamp": T0 + 12 * number,
    }
    return {**row, **fields}


def without(rows: Sequence[Row], *columns: str) -> list[Row]:
    """The rows as a file has them that lacks some columns."""
    return [{name: row[name] for name in row if name not in columns} for row in rows]


def renamed(rows: Sequence[Row], **names: str) -> list[Row]:
    """The rows with some columns under other names."""
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]
