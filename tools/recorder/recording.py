"""Reads what happened back from the chain's own logs and writes it in the recordings' layout.

One Parquet file a kind of event, one row a log, sorted by pool and position. Amounts do not fit
64 bits and so are decimal strings. Times are those of the blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from streams.errors import Broken
from tools.recorder.chain import GENESIS_BLOCK
from tools.recorder.players import Launched, Players

__all__ = ["Tables", "record", "write"]

CHAIN: Final = "devnet"
VENUE: Final = "uniswap-v2"
DRAINED_SHARE: Final = 0.05
"""WETH left against the most there ever was, at which what buyers had paid in is gone."""
EVENTS: Final = {
    "sync": ("Sync", ("reserve0", "reserve1")),
    "lp_transfers": ("Transfer", ("from", "to", "value")),
    "swaps": (
        "Swap",
        ("sender", "to", "amount0In", "amount1In", "amount0Out", "amount1Out"),
    ),
}
POOLS: Final = pa.schema(
    {
        "pool": pa.string(),
        "token0": pa.string(),
        "token1": pa.string(),
        "creation_block": pa.int64(),
        "token": pa.string(),
        "is_weth_pair": pa.bool_(),
        "quote_symbol": pa.string(),
        "n_sync": pa.int64(),
        "first_block": pa.int64(),
        "last_block": pa.int64(),
        "name": pa.string(),
        "symbol": pa.string(),
        "decimals": pa.string(),
        "totalSupply": pa.string(),
        "timestamp": pa.int64(),
        "deployer": pa.string(),
        "chain": pa.string(),
        "venue": pa.string(),
        "planted": pa.string(),
        "trapped_timestamp": pa.int64(),
        "rug_timestamp": pa.int64(),
    }
)

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def record(players: Players) -> Tables:
    """Every table of the recording; raises ``Broken`` when a launch did not end as planned."""
    pairs = {players.market.pair(launch.token).address: launch for launch in players.launches}
    tables = _events(players, list(pairs))
    syncs = defaultdict(list)
    for row in tables["sync"]:
        syncs[row["pool"]].append(row)
    created = _created(players)
    tables["pools"] = [
        _pool(launch, created[address.lower()], syncs[address.lower()])
        for address, launch in pairs.items()
    ]
    return tables


def write(tables: Tables, folder: Path) -> None:
    """Write one file a table; the same tables and pyarrow version make the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        schema = POOLS if name == "pools" else _schema(EVENTS[name][1])
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", compression_level=9)


def _schema(arguments: Sequence[str]) -> Any:
    position = {"pool": pa.string(), "block": pa.int64(), "log_index": pa.int64()}
    return pa.schema({**position, **dict.fromkeys(arguments, pa.string()), "timestamp": pa.int64()})


def _events(players: Players, pairs: list[Any]) -> Tables:
    contract = players.market.contract(pairs[0], players.market.pair_artifact)
    readers = {
        bytes.fromhex(contract.events[event]().topic[2:]): (name, contract.events[event](), columns)
        for name, (event, columns) in EVENTS.items()
    }
    tables: Tables = {name: [] for name in EVENTS}
    for log in _logs(players, pairs):
        if reader := readers.get(bytes(log["topics"][0])):
            name, event, columns = reader
            args = event.process_log(log)["args"]
            tables[name].append(_row(log, {column: args[column] for column in columns}))
    for rows in tables.values():
        rows.sort(key=lambda row: (row["pool"], row["block"], row["log_index"]))
    return tables


def _logs(players: Players, addresses: list[Any]) -> Sequence[Any]:
    web3 = players.chain.web3
    logs: Sequence[Any] = web3.eth.get_logs(
        {"fromBlock": GENESIS_BLOCK, "toBlock": "latest", "address": addresses}
    )
    return logs


def _row(log: Any, arguments: dict[str, Any]) -> Row:
    return {
        "pool": log["address"].lower(),
        "block": log["blockNumber"],
        "log_index": log["logIndex"],
        **{name: str(value).lower() for name, value in arguments.items()},
        "timestamp": int(log["blockTimestamp"], 16),
    }


def _created(players: Players) -> dict[str, Row]:
    """Each pool's ``PairCreated``, by its address."""
    event = players.market.factory.events.PairCreated()
    rows = {}
    for log in _logs(players, [players.market.factory.address]):
        args = event.process_log(log)["args"]
        rows[args["pair"].lower()] = _row(log, {k: args[k] for k in ("token0", "token1")})
    return rows


def _pool(launch: Launched, created: Row, syncs: list[Row]) -> Row:
    part, token = launch.part, launch.token.address.lower()
    return {
        "pool": syncs[0]["pool"],
        "token0": created["token0"],
        "token1": created["token1"],
        "creation_block": created["block"],
        "token": token,
        "is_weth_pair": True,
        "quote_symbol": "WETH",
        "n_sync": len(syncs),
        "first_block": syncs[0]["block"],
        "last_block": syncs[-1]["block"],
        "name": part.name,
        "symbol": part.symbol,
        "decimals": str(part.decimals),
        "totalSupply": str(part.supply * 10**part.decimals),
        "timestamp": created["timestamp"],
        "deployer": launch.deployer.lower(),
        "chain": CHAIN,
        "venue": VENUE,
        "planted": part.kind,
        **_loss(launch, "reserve1" if created["token0"] == token else "reserve0", syncs),
    }


def _loss(launch: Launched, weth: str, syncs: list[Row]) -> Row:
    """When the buyers' money was gone, as the pool shows it, and since when it was out of reach."""
    most, drained = 0, None
    for row in syncs:
        most = max(most, int(row[weth]))
        if drained is None and int(row[weth]) <= DRAINED_SHARE * most:
            drained = row["timestamp"]
    if (drained is None) != (launch.part.kind == "honest"):
        raise Broken(f"{launch.part.symbol} is {launch.part.kind} but its pool says otherwise")
    return {"trapped_timestamp": launch.trapped or drained, "rug_timestamp": drained}
