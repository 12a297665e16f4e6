# ruff: noqa: S608 - SQL is put together from column names of ours; file names are quoted
"""A folder of recorded pools, read as rows in chain order: the one reader of recordings.

Two layouts are known, both Parquet:

- ``pools*``, ``sync*``, optional ``lp_transfers*`` and ``swaps*``: pool, block, log_index, ...;
- ``<prefix>_pools``, ``<prefix>_sync``, optional ``<prefix>_transfer`` and ``<prefix>_swap``:
  pair or pool, block_number, timestamps, no log index.

Rows come sorted by block, log index and pool, the same at every reading, so that a count of rows
is a source checkpoint. DuckDB sorts on disk when memory is short. A folder that cannot be read
as a recording is ``Invalid`` with the reason in one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec

from streams.blocktime import time_of_block
from streams.errors import Invalid
from streams.quotes import QUOTES, WRAPPED_COIN, Quote, quote_of

__all__ = ["PoolRow", "Recording", "Row", "open_recording"]

ROWS_PER_FETCH = 10_000
EVM_CHAIN = "ethereum"
UNKNOWN_QUOTE = Quote("", 18)


class PoolRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording says of one pool; ``None`` where it is silent."""

    pool: str
    file: str
    """Stem of the file that it stands in, such as ``pools_part1``."""
    chain: str
    venue: str
    token: str | None
    quote: str | None
    quote_symbol: str | None
    quote_decimals: int
    token_is_0: bool | None
    """``None`` when no address is recorded: the first reserves must tell."""
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: int | None
    deployer: str | None
    lp_visible: bool
    first_block: int


class Row(msgspec.Struct, frozen=True):
    """One recorded event; ``first`` marks its pool's first.

    ``kind`` is ``sync`` (a, b are the reserves), ``lp`` (a is the value) or ``swap`` (a to d are
    the amounts in and out).
    """

    kind: str
    pool: str
    block: int
    log_index: int
    time: float
    first: bool
    sender: str | None
    to: str | None
    a: int
    b: int
    c: int
    d: int


class Recording(msgspec.Struct, frozen=True):
    """An opened recording: its pools by address, and how many events it holds."""

    folder: Path
    pools: dict[str, PoolRow]
    count: int
    query: str
    database: duckdb.DuckDBPyConnection

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Every event from number ``skip`` on, in chain order."""
        cursor = self.database.cursor()
        cursor.execute(f"{self.query} offset {skip}")
        chain_of = {address: pool.chain for address, pool in self.pools.items()}
        while batch := _fetch(cursor, self.folder):
            for kind, pool, block, log_index, time, *rest in batch:
                known = time_of_block(chain_of[pool], block) if time is None else time
                yield Row(kind, pool, block, log_index, known, *rest)


def open_recording(folder: Path, *, limit_pools: int | None = None) -> Recording:
    """Open ``folder``; with ``limit_pools`` only the first so many pools by launch.

    Raises ``Invalid`` when the folder is missing, holds no recording, lacks a column or has a
    file that cannot be read.
    """
    if not folder.is_dir():
        raise Invalid(f"no such folder: {folder}", reason="no-folder")
    database = duckdb.connect()
    database.execute("set preserve_insertion_order = false; set threads = 2")
    tables = _tables(database, folder)
    _create_events(database, folder, tables)
    pools = _pools(database, folder, tables, limit_pools)
    _keep(database, pools)
    count = _scalar(database, "select count(*) from events")
    if not pools or not count:
        raise Invalid(f"the recording in {folder} holds no events", reason="empty")
    return Recording(folder, pools, count, _QUERY, database)


_QUERY = """
select kind, pool, block, log_index, time, first, sender, "to", a, b, c, d from events
order by block, log_index, pool, kind
"""

_FLAT = {"pools": "pools*", "sync": "sync*", "lp": "lp_transfers*", "swap": "swaps*"}
_PREFIXED = {"pools": "*_pools", "sync": "*_sync", "lp": "*_transfer", "swap": "*_swap"}
_REQUIRED = {
    "pools": {"pool"},
    "sync": {"pool", "block", "reserve0", "reserve1"},
    "lp": {"pool", "block", "from", "to", "value"},
    "swap": {"pool", "block", "sender", "to", "amount0In", "amount1In", "amount0Out", "amount1Out"},
}
_RENAMED = {"pair": "pool", "block_number": "block", "timestamps": "timestamp"}


class _Table(msgspec.Struct, frozen=True):
    """The files of one kind, and which columns they have under our names."""

    source: str
    columns: dict[str, str]

    def get(self, column: str, otherwise: str = "null") -> str:
        """SQL for ``column`` by our name, or ``otherwise`` where the files lack it."""
        return f'"{self.columns[column]}"' if column in self.columns else otherwise


def _tables(database: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, _Table]:
    patterns = _FLAT if list(folder.glob("sync*.parquet")) else _PREFIXED
    tables: dict[str, _Table] = {}
    for kind, pattern in patterns.items():
        files = sorted(folder.glob(f"{pattern}.parquet"))
        if files:
            tables[kind] = _table(database, files, kind)
    for kind in ("pools", "sync"):
        if kind not in tables:
            raise Invalid(f"{folder} holds no {patterns[kind]}.parquet", reason="no-files")
    return tables


def _table(database: duckdb.DuckDBPyConnection, files: list[Path], kind: str) -> _Table:
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    source = f"read_parquet([{listed}], union_by_name = true, filename = true)"
    source = source.replace("filename = true", "filename = true, file_row_number = true")
    described = _execute(database, f"describe select * from {source}", files[0].parent)
    columns = {_RENAMED.get(name, name): name for name, *_ in described}
    absent = _REQUIRED[kind] - set(columns)
    if absent:
        names = ", ".join(sorted(absent))
        raise Invalid(f"{files[0].name} lacks the column(s) {names}", reason="columns")
    return _Table(source, columns)


def _create_events(
    database: duckdb.DuckDBPyConnection, folder: Path, tables: dict[str, _Table]
) -> None:
    """One table of every event; where no log index is recorded, file order within the block."""
    kinds = [kind for kind in ("lp", "sync", "swap") if kind in tables]
    parts = [_select(kind, turn, tables[kind]) for turn, kind in enumerate(kinds)]
    indexed = all("log_index" in tables[kind].columns for kind in kinds)
    placed = "row_number() over (partition by pool, block order by turn, place)"
    _execute(
        database,
        f"""
        create table events as
        with placed as (
            select * replace (({"log_index" if indexed else placed})::bigint as log_index)
            from ({" union all ".join(parts)})
        )
        select kind, pool, block, log_index, time, sender, "to", a, b, c, d,
               row_number() over (partition by pool order by block, log_index, turn) = 1 as first
        from placed
        """,
        folder,
    )
    bad = _scalar(
        database,
        """
        select count(*) from events
        where pool is null or block is null or a is null or b is null or c is null or d is null
        """,
    )
    if bad:
        raise Invalid(f"{bad} events in {folder} lack a pool, block or amount", reason="nulls")


def _select(kind: str, turn: int, table: _Table) -> str:
    amounts = {
        "sync": ("reserve0", "reserve1"),
        "lp": ("value",),
        "swap": ("amount0In", "amount1In", "amount0Out", "amount1Out"),
    }[kind]
    values = [f"cast({table.get(name)} as hugeint)" for name in amounts]
    values += ["0::hugeint"] * (4 - len(values))
    a, b, c, d = values
    sender = table.get("sender", table.get("from"))
    return (
        f"select '{kind}' kind, {table.get('pool')} pool, {table.get('block')}::bigint block, "
        f"{table.get('log_index', '0')} log_index, {table.get('timestamp')}::double as time, "
        f'{sender}::varchar sender, {table.get("to")}::varchar "to", '
        f"{a} a, {b} b, {c} c, {d} d, {turn} turn, file_row_number place from {table.source}"
    )


def _pools(
    database: duckdb.DuckDBPyConnection,
    folder: Path,
    tables: dict[str, _Table],
    limit: int | None,
) -> dict[str, PoolRow]:
    table = tables["pools"]
    wanted = (
        "chain", "venue", "token", "token0", "token1", "is_weth_pair",
        "name", "symbol", "decimals", "totalSupply", "deployer",
    )  # fmt: skip
    selected = ", ".join(f"{table.get(column)} as {column}" for column in wanted)
    rows = _execute(
        database,
        f"""
        with told as (select {table.get("pool")} as pool, filename, {selected} from {table.source}),
        seen as (
            select pool, min(block) first_block, bool_or(kind = 'lp') lp from events group by 1
        )
        select pool, filename, first_block, lp, {", ".join(wanted)} from told join seen using (pool)
        order by first_block, pool {f"limit {int(limit)}" if limit else ""}
        """,
        folder,
    )
    found = (
        _Found(pool, file, first_block, lp, dict(zip(wanted, said, strict=True)))
        for pool, file, first_block, lp, *said in rows
    )
    return {each.pool: _pool(each) for each in found}


class _Found(NamedTuple):
    """A row of a pools file, beside what its events say."""

    pool: str
    file: str
    first_block: int
    lp: bool
    said: dict[str, Any]


def _pool(found: _Found) -> PoolRow:
    stem, said = Path(found.file).stem, found.said
    chain = said["chain"] or _chain(stem, said)
    token, quote = _sides(chain, said)
    known = QUOTES.get(chain, {}).get(quote or "", UNKNOWN_QUOTE)
    return PoolRow(
        pool=found.pool,
        file=stem,
        chain=chain,
        venue=said["venue"] or _venue(stem),
        token=token,
        quote=quote,
        quote_symbol=known.symbol or None,
        quote_decimals=known.decimals,
        token_is_0=token < quote if token and quote else None,
        name=said["name"],
        symbol=said["symbol"],
        decimals=_integer(said["decimals"], most=255),
        total_supply=_integer(said["totalSupply"], most=2**256 - 1),
        deployer=said["deployer"],
        lp_visible=found.lp,
        first_block=found.first_block,
    )


def _chain(stem: str, said: dict[str, Any]) -> str:
    """The chain whose quote assets the pool uses; Ethereum where nothing tells."""
    sides = {said["token0"], said["token1"]}
    for chain, quotes in QUOTES.items():
        if sides & set(quotes):
            return chain
    return "polygon" if stem.startswith(("sushi", "univ2fork")) else EVM_CHAIN


def _venue(stem: str) -> str:
    return "sushiswap-v2" if stem.startswith(("sushi", "univ2fork")) else "uniswap-v2"


def _sides(chain: str, said: dict[str, Any]) -> tuple[str | None, str | None]:
    """The token and the quote, as far as addresses were recorded."""
    token0, token1, token = said["token0"], said["token1"], said["token"]
    if token0 and token1:
        quote = quote_of(chain, token0, token1)
        if quote is None:
            quote = token1 if token in (None, token0) else token0
        return (token1 if quote == token0 else token0), quote
    quote = WRAPPED_COIN.get(chain) if said["is_weth_pair"] else None
    return token, quote


def _integer(text: object, *, most: int) -> int | None:
    """A recorded decimal number, or ``None`` for anything that is not one in range."""
    try:
        value = int(str(text))
    except ValueError:
        return None
    return value if 0 <= value <= most else None


def _keep(database: duckdb.DuckDBPyConnection, pools: dict[str, PoolRow]) -> None:
    """Forget the events of pools that are not played."""
    database.execute("create table kept as select unnest($1::varchar[]) as pool", [list(pools)])
    database.execute("delete from events where pool not in (from kept)")


def _scalar(database: duckdb.DuckDBPyConnection, query: str) -> int:
    row = database.execute(query).fetchone()
    return int(row[0]) if row else 0


def _execute(database: duckdb.DuckDBPyConnection, query: str, folder: Path) -> list[Any]:
    try:
        return database.execute(query).fetchall()
    except duckdb.Error as error:
        raise _unreadable(error, folder) from error


def _fetch(cursor: duckdb.DuckDBPyConnection, folder: Path) -> list[Any]:
    try:
        return cursor.fetchmany(ROWS_PER_FETCH)
    except duckdb.Error as error:
        raise _unreadable(error, folder) from error


def _unreadable(error: duckdb.Error, folder: Path) -> Invalid:
    line = str(error).strip().splitlines()[0]
    return Invalid(f"the recording in {folder} cannot be read: {line}", reason="unreadable")
