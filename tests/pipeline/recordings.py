"""Tiny recordings in the published layout, and what must come of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["FIRST_BLOCK", "RUG_AFTER_BLOCKS", "address", "is_rug", "write_recording"]

FIRST_BLOCK = 11_000_000
RUG_AFTER_BLOCKS = 900
"""About three hours."""

ETHER = 10**18


def address(number: int) -> str:
    """The address of pool ``number``, which no other test uses."""
    return f"0x5eed{number:036x}"


def is_rug(pool: str) -> bool:
    """Every other pool is drained."""
    return _number(pool) % 2 == 0


def write_recording(folder: Path, pools: int = 6) -> Path:
    """Pools launched one after the other; each trades for a while, then half of them rug."""
    folder.mkdir(parents=True, exist_ok=True)
    addresses = [address(number) for number in range(pools)]
    rows = [row for number, pool in enumerate(addresses) for row in _events(number, pool)]
    _write(folder / "pools_tiny.parquet", [_pool(pool) for pool in addresses])
    _write(folder / "sync_tiny.parquet", rows)
    return folder


def _number(pool: str) -> int:
    return int(pool.removeprefix("0x5eed"), 16)


def _pool(pool: str) -> dict[str, object]:
    return {
        "pool": pool,
        "token": f"0x{'a' * 38}{pool[-2:]}",
        "is_weth_pair": 1,
        "name": f"Token {_number(pool)}",
        "symbol": f"TKN{_number(pool)}",
        "decimals": "18",
        "totalSupply": str(1_000_000 * ETHER),
    }


def _events(number: int, pool: str) -> list[dict[str, object]]:
    """Token and quote reserves over time: liquidity, buys, a sell, and at last a drain or not."""
    launched = FIRST_BLOCK + 10 * number
    reserves = [(1_000_000, 10.0), (900_000, 11.1), (800_000, 12.5), (820_000, 12.2)]
    rows = [
        _sync(pool, launched + 20 * step, 1, token, quote)
        for step, (token, quote) in enumerate(reserves)
    ]
    end = (990_000_000, 0.01) if is_rug(pool) else (810_000, 12.4)
    return [*rows, _sync(pool, launched + RUG_AFTER_BLOCKS, 1, *end)]


def _sync(pool: str, block: int, log_index: int, token: int, quote: float) -> dict[str, object]:
    return {
        "pool": pool,
        "block": block,
        "log_index": log_index,
        "reserve0": float(token * ETHER),
        "reserve1": quote * ETHER,
    }


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)
