"""The bundled recording is what ``tools/README.md`` says of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from streams.recording import open_recording

FOLDER = Path(__file__).parents[3] / "daemon" / "recordings" / "demo"
EVENTS = {
    "sync": {"reserve0", "reserve1"},
    "lp_transfers": {"from", "to", "value"},
    "swaps": {"sender", "to", "amount0In", "amount1In", "amount0Out", "amount1Out"},
}
POOL = {
    "pool", "token0", "token1", "creation_block", "token", "is_weth_pair", "quote_symbol", "n_sync",
    "first_block", "last_block", "name", "symbol", "decimals", "totalSupply", "timestamp",
    "deployer", "chain", "venue", "planted", "trapped_timestamp", "rug_timestamp",
}  # fmt: skip
LEAST = {"honest": 6, "liquidity-pull": 3, "honeypot": 3, "hidden-mint": 2, "tax": 2}
HOSTILE = "<b>Free</b> \u202epordria\u202c @everyone\nALERT [all clear](https://example.invalid)"

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tables() -> dict[str, Rows]:
    """Every table of the recording, as rows."""
    return {name: pq.read_table(FOLDER / f"{name}.parquet").to_pylist() for name in _files()}


@pytest.fixture(scope="module")
def pools(tables: dict[str, Rows]) -> Rows:
    """Each pool's row, with its trades as ``trades`` and WETH reserves as ``weth``."""
    trades, weth = defaultdict(list), defaultdict(list)
    for row in tables["swaps"]:
        trades[row["pool"]].append(row)
    sides = {row["pool"]: 1 if row["token0"] == row["token"] else 0 for row in tables["pools"]}
    for row in tables["sync"]:
        reserve = int(row[f"reserve{sides[row['pool']]}"])
        weth[row["pool"]].append((row["timestamp"], reserve))
    return [
        {
            **row,
            "side": sides[row["pool"]],
            "trades": trades[row["pool"]],
            "weth": weth[row["pool"]],
        }
        for row in tables["pools"]
    ]


def test_files_have_the_published_columns() -> None:
    """A reader of the layout finds every column, beside those that say what was planted."""
    for name in _files():
        columns = set(pq.read_schema(FOLDER / f"{name}.parquet").names)
        expected = {"pool", "block", "log_index", "timestamp"} | EVENTS.get(name, set())
        assert columns == (POOL if name == "pools" else expected)


def test_recording_is_small() -> None:
    """It ships in the wheel, so it stays well below 2 MB."""
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_000_000


def test_the_product_reads_it_whole(tables: dict[str, Rows]) -> None:
    """The reader of recordings takes every pool and every event."""
    recording = open_recording(FOLDER)
    assert set(recording.pools) == {row["pool"] for row in tables["pools"]}
    assert recording.count == sum(len(tables[name]) for name in EVENTS)
    assert {pool.chain for pool in recording.pools.values()} == {"devnet"}


def test_every_kind_is_planted(pools: Rows) -> None:
    """There are enough of each kind, and only rugs have a moment of loss."""
    kinds = Counter(row["planted"] for row in pools)
    assert set(kinds) == set(LEAST)
    assert all(kinds[kind] >= least for kind, least in LEAST.items())
    for row in pools:
        assert (row["rug_timestamp"] is None) == (row["planted"] == "honest")
        assert (row["trapped_timestamp"] or 0) <= (row["rug_timestamp"] or 0)


def test_a_hostile_name_is_kept_as_it_is(pools: Rows) -> None:
    """Markup, a direction override, a mention and a line break wait for whoever prints them."""
    assert [row["planted"] for row in pools if row["name"] == HOSTILE] == ["honeypot"]


def test_positions_increase_and_time_follows_blocks(tables: dict[str, Rows]) -> None:
    """No two events of a chain share a position, and a block has one time, later than the last."""
    rows = [row for name in EVENTS for row in tables[name]]
    positions = Counter((row["block"], row["log_index"]) for row in rows)
    assert max(positions.values()) == 1
    times = sorted({(row["block"], row["timestamp"]) for row in rows})
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(times))
    for name in EVENTS:
        placed = [(row["pool"], row["block"], row["log_index"]) for row in tables[name]]
        assert placed == sorted(placed)


def test_swaps_explain_reserves(tables: dict[str, Rows]) -> None:
    """Each swap moves the reserves by its amounts and never lowers their product."""
    after = {_place(row): _reserves(row) for row in tables["sync"]}
    before = {
        _place(row): _reserves(last)
        for last, row in pairwise(tables["sync"])
        if last["pool"] == row["pool"]
    }
    for swap in tables["swaps"]:
        place = (swap["pool"], swap["block"], swap["log_index"] - 1)
        old, new = before[place], after[place]
        moved = [int(swap[f"amount{i}In"]) - int(swap[f"amount{i}Out"]) for i in (0, 1)]
        assert new == (old[0] + moved[0], old[1] + moved[1])
        assert new[0] * new[1] >= old[0] * old[1]


def test_the_money_goes_when_the_recording_says(pools: Rows) -> None:
    """A rug's WETH falls to 5 % of its maximum at ``rug_timestamp``; an honest pool's never."""
    for row in pools:
        most, drained = 0, None
        for time, weth in row["weth"]:
            most = max(most, weth)
            drained = drained or (time if weth * 20 <= most else None)
        assert drained == row["rug_timestamp"]


def test_honest_launches_trade_both_ways_for_two_days(pools: Rows) -> None:
    """Each has many traders, purchases and sales, and goes on for at least 48 hours."""
    for row in (row for row in pools if row["planted"] == "honest"):
        sales = sum(_weth_out(row, trade) > 0 for trade in row["trades"])
        assert min(sales, len(row["trades"]) - sales) >= 100
        assert len({trade["to"] for trade in row["trades"]}) >= 60
        assert row["trades"][-1]["timestamp"] - row["timestamp"] >= 48 * 3600


def test_nobody_but_the_owner_sells_a_honeypot(pools: Rows) -> None:
    """At most the owner's own sale is recorded: those of others reverted."""
    for row in (row for row in pools if row["planted"] == "honeypot"):
        assert len(row["trades"]) > 20
        assert sum(_weth_out(row, trade) > 0 for trade in row["trades"]) <= 1


def test_a_hidden_mint_sells_more_than_there_is(pools: Rows) -> None:
    """The tokens that end up in the pool exceed the supply that the token admits to."""
    for row in (row for row in pools if row["planted"] == "hidden-mint"):
        token = 1 - row["side"]
        sold = sum(int(trade[f"amount{token}In"]) for trade in row["trades"])
        assert sold > int(row["totalSupply"])


def test_sales_yield_nothing_after_a_tax_switch(pools: Rows) -> None:
    """Between the switch and the owner's dump no sale takes a thousandth of the pool."""
    for row in (row for row in pools if row["planted"] == "tax"):
        late = [t for t in row["trades"] if t["timestamp"] > row["trapped_timestamp"]]
        yields = sorted(filter(None, (_weth_out(row, trade) for trade in late)))
        most = max(weth for _, weth in row["weth"])
        assert len(yields) >= 4
        assert all(weth * 1000 < most for weth in yields[:-1])


def _files() -> list[str]:
    return ["pools", *EVENTS]


def _place(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["pool"], row["block"], row["log_index"]


def _reserves(row: dict[str, Any]) -> tuple[int, int]:
    return int(row["reserve0"]), int(row["reserve1"])


def _weth_out(pool: dict[str, Any], trade: dict[str, Any]) -> int:
    return int(trade[f"amount{pool['side']}Out"])
