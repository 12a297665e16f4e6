"""Makes the bundled recording of the demo again: ``python -m tools.record_demo``.

Needs Node 20 or newer, ``npm install --prefix tools`` and the Python package ``web3``. Starts a
local chain, acts out the launches of ``recorder/cast.py`` on the real Uniswap V2 contracts and
writes what the chain logged to Parquet. The same versions and seed make the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from streams.errors import HeftError
from tools.recorder.cast import CAST
from tools.recorder.chain import local_chain
from tools.recorder.players import Players, perform
from tools.recorder.recording import Tables, record, write

__all__ = ["main"]

START: Final = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
SEED: Final = "heft"
FOLDER: Final = Path(__file__).parents[1] / "daemon" / "recordings" / "demo"


def main() -> int:
    """Record the demo; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the Parquet files")
    parser.add_argument("--seed", default=SEED, help="another seed makes another crowd")
    options = parser.parse_args()
    try:
        with local_chain(START) as chain:
            players = perform(chain, CAST, START, options.seed)
            tables = record(players)
    except HeftError as error:
        print(f"record_demo: {error}", file=sys.stderr)
        return 1
    write(tables, options.out)
    for line in _summary(players, tables):
        print(line)
    return 0


def _summary(players: Players, tables: Tables) -> list[str]:
    """One line a launch, as it was recorded, in Markdown."""
    purchases, sales = _trades(tables)
    head = "| name | kind | opened | rug after | buys | sells | refused | WETH | liquidity |"
    lines = [head, "|---" * 9 + "|"]
    for launch, pool in zip(players.launches, tables["pools"], strict=True):
        part, rug = launch.part, pool["rug_timestamp"]
        after = "-" if rug is None else _duration(rug - launch.opened)
        trades = f"{purchases[pool['pool']]} | {sales[pool['pool']]} | {launch.failed_sells}"
        lines.append(
            f"| {part.name!a} | {part.kind} | {datetime.fromtimestamp(launch.opened, UTC):%d %H:%M}"
            f" | {after} | {trades} | {part.weth:g} | {part.liquidity} |"
        )
    return lines


def _trades(tables: Tables) -> tuple[Counter[str], Counter[str]]:
    """Purchases and sales of the token, by pool."""
    token_is_0 = {pool["pool"]: pool["token0"] == pool["token"] for pool in tables["pools"]}
    purchases: Counter[str] = Counter()
    sales: Counter[str] = Counter()
    for swap in tables["swaps"]:
        spent: Any = swap["amount1In" if token_is_0[swap["pool"]] else "amount0In"]
        (purchases if int(spent) else sales)[swap["pool"]] += 1
    return purchases, sales


def _duration(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02} min"


if __name__ == "__main__":
    sys.exit(main())
