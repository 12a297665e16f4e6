# ruff: noqa: S608 - SQL is put together from column names of ours; file names are quoted
"""A folder of recorded pools, read as rows in chain order: the one reader of recordings.

Two layouts are known, both Parquet:

- ``pools*``, ``sync*``, optional ``lp_transfers*`` and ``swaps*``: pool, block, log_index, ...;
- ``<prefix>_pools``, ``<prefix>_sync``, optional ``<prefix>_transfer`` and ``<prefix>_swap``:
  pair or pool, block_number, timestamps, no log index.

Rows come sorted by block, log index and pool, the same at every reading, so that a count of rows
is a source checkpoint; where log indexes are missing or name several events, the order in the files
decides. Amounts may be numbers or decimal strings; events of pools that no pools
file names are left out, as are pools without events, and the log says how many. DuckDB sorts on
disk when memory is short. A folder that cannot be read as a recording is ``Invalid`` with the
reason in one line.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import structlog

from streams.blocktime import time_of_block
from streams.errors import Invalid
from streams.events import MOST_AMOUNT, MOST_NAME, MOST_QUOTE_SYMBOL
from streams.onpool import Address, Slug
from streams.quotes import QUOTES, WRAPPED_COIN, Quote, quote_of

__all__ = ["End", "PoolRow", "Recording", "Row", "open_recording"]

log = structlog.get_logger(__name__)

ROWS_PER_FETCH = 10_000
EVM_CHAIN = "ethereum"
UNKNOWN_QUOTE = Quote("", 18)
LATEST_S = 32_503_680_000.0
"""The year 3000: milliseconds of any year since 1971 lie beyond."""


class PoolRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording says of one pool; ``None`` where it is silent."""

    pool: Address
    file: str
    """Stem of the file that it stands in, such as ``pools_part1``."""
    chain: Slug
    venue: Slug
    token: Address | None
    quote: Address | None
    quote_symbol: str | None
    quote_decimals: int
    token_is_0: bool
    """Guessed from the first reserves where no addresses are recorded."""
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: int | None
    deployer: Address | None
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


class End(NamedTuple):
    """The last block of a chain that a recording has events of, and its time."""

    block: int
    time: float


class Recording(msgspec.Struct, frozen=True):
    """An opened recording: its pools by address, how many events it holds, where it ends."""

    folder: Path
    pools: dict[str, PoolRow]
    count: int
    ends: dict[str, End]
    """By chain."""
    timed: bool
    """Whether every event has a recorded time; if not, none counts and blocks tell the time."""
    database: duckdb.DuckDBPyConnection

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Every event from number ``skip`` on, in chain order; raises ``Invalid``."""
        chain_of = {address: pool.chain for address, pool in self.pools.items()}
        for batch in self._batches(skip):
            for kind, pool, block, log_index, time, *rest in batch:
                known = time if self.timed else time_of_block(chain_of[pool], block)
                yield Row(kind, pool, block, log_index, known, *rest)

    def first_time(self, pool: str) -> float:
        """UNIX time of the pool's first event."""
        row = self.pools[pool]
        if not self.timed:
            return time_of_block(row.chain, row.first_block)
        query = "select min(time) from events where pool = $1"
        with _readable(self.folder):
            return float(_one(self.database.cursor(), query, pool)[0])

    def _batches(self, skip: int) -> Iterator[list[Any]]:
        cursor = self.database.cursor()
        with _readable(self.folder):
            cursor.execute(f"{_QUERY} offset {skip}")
            while batch := cursor.fetchmany(ROWS_PER_FETCH):
                yield batch


def open_recording(folder: Path, *, limit_pools: int | None = None) -> Recording:
    """Open ``folder``; with ``limit_pools`` only the first so many pools by launch.

    Raises ``Invalid`` when the folder is missing, holds no recording, lacks a column, has a file
    that cannot be read or says what cannot be.
    """
    if not folder.is_dir():
        raise Invalid(f"no such folder: {folder}", reason="no-folder")
    with _readable(folder):
        database = duckdb.connect(config=_CONFIG)
        tables = _tables(database, folder)
        _create_events(database, tables)
        _tell_left_out(database, tables["pools"])
        pools = _pools(database, tables, limit_pools)
        _keep(database, pools)
        return _checked(folder, pools, database)


_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "preserve_insertion_order": False,
    "threads": 2,
    "temp_directory": tempfile.gettempdir(),
}


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say in one line what DuckDB finds wrong with the files."""
    try:
        yield
    except duckdb.Error as error:
        line = str(error).strip().splitlines()[0]
        raise Invalid(
            f"the recording in {folder} cannot be read: {line}", reason="unreadable"
        ) from error


def _checked(
    folder: Path, pools: dict[str, PoolRow], database: duckdb.DuckDBPyConnection
) -> Recording:
    count, times, bad = _one(
        database,
        """
        select count(*), count(time), count(*) filter (
            pool is null or block is null or log_index is null or block < 0 or log_index < 0
            or a is null or b is null or c is null or d is null or least(a, b, c, d) < 0
        ) from events
        """,
    )
    if not count:
        raise Invalid(f"the recording in {folder} holds no events", reason="empty")
    if bad:
        raise Invalid(
            f"{bad} events in {folder} have no pool, or no or a negative block or amount",
            reason="amounts",
        )
    timed = times == count
    if times and not timed:
        log.warning("times_not_used", without=count - times, instead="blocks")
    return Recording(folder, pools, count, _ends(database, folder, pools, timed), timed, database)


def _ends(
    database: duckdb.DuckDBPyConnection, folder: Path, pools: dict[str, PoolRow], timed: bool
) -> dict[str, End]:
    """Where each chain ends; raises ``Invalid`` for times that are none."""
    ends: dict[str, End] = {}
    query = "select pool, min(time), max(time), max(block) from events group by pool"
    for pool, earliest, latest, block in database.execute(query).fetchall():
        chain = pools[pool].chain
        last = latest if timed else time_of_block(chain, block)
        if not (0 <= last <= LATEST_S and (not timed or earliest >= 0)):
            raise Invalid(f"times in {folder} are not UNIX seconds: {last:.0f}", reason="time")
        before = ends.get(chain, End(block, last))
        ends[chain] = End(max(before.block, block), max(before.time, last))
    return ends


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
_LOWERED, _AS_IS = "nullif(lower({}::varchar), '')", "{}"
_SAID = {
    "chain": _LOWERED,
    "venue": _LOWERED,
    "token": _LOWERED,
    "token0": _LOWERED,
    "token1": _LOWERED,
    "is_weth_pair": "{}::boolean",
    "quote_symbol": _AS_IS,
    "name": _AS_IS,
    "symbol": _AS_IS,
    "decimals": _AS_IS,
    "totalSupply": _AS_IS,
    "deployer": _LOWERED,
}
"""What a pools file may say of a pool, each once under this name, and how it is read."""
_RENAMED = {"pair": "pool", "block_number": "block", "timestamps": "timestamp"}


class _Table(msgspec.Struct, frozen=True):
    """The files of one kind, and which columns they have under our names."""

    source: str
    columns: dict[str, str]
    types: dict[str, str]
    """DuckDB's, by our names."""

    def get(self, column: str, otherwise: str = "null") -> str:
        """SQL for ``column`` by our name, or ``otherwise`` where the files lack it."""
        return f'"{self.columns[column]}"' if column in self.columns else otherwise

    def time(self) -> str:
        """SQL for UNIX seconds, which files hold as numbers or as timestamps."""
        dated = self.types.get("timestamp", "").startswith("TIMESTAMP")
        return f"{'epoch' if dated else ''}({self.get('timestamp')})::double"


def _tables(database: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, _Table]:
    is_flat = any(list(folder.glob(f"{name}*.parquet")) for name in ("sync", "pools"))
    patterns = _FLAT if is_flat else _PREFIXED
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
    options = "union_by_name = true, filename = true, file_row_number = true"
    source = f"read_parquet([{listed}], {options})"
    described = database.execute(f"describe select * from {source}").fetchall()
    columns = {_RENAMED.get(name, name): name for name, *_ in described}
    absent = _REQUIRED[kind] - set(columns)
    if absent:
        names = ", ".join(sorted(absent))
        raise Invalid(f"{files[0].name} lacks the column(s) {names}", reason="columns")
    types = {_RENAMED.get(name, name): type_ for name, type_, *_ in described}
    return _Table(source, columns, types)


def _create_events(database: duckdb.DuckDBPyConnection, tables: dict[str, _Table]) -> None:
    """One table of every event; where no log index is recorded, file order within the block."""
    kinds = [kind for kind in ("lp", "sync", "swap") if kind in tables]
    parts = [_select(kind, turn, tables[kind]) for turn, kind in enumerate(kinds)]
    union = " union all ".join(parts)
    indexed = all("log_index" in tables[kind].columns for kind in kinds)
    if indexed and (shared := _one(database, _SHARED_PLACES.format(union))[0]):
        log.warning("log_indexes_repeat", places=shared, told_apart_by="order in the files")
        indexed = False
    order = "log_index, turn, filename, place"
    placed = f"row_number() over (partition by pool, block order by {order})"
    database.execute(
        f"""
        create table events as
        with placed as (
            select * replace (({"log_index" if indexed else placed})::bigint as log_index)
            from ({union})
        )
        select kind, pool, block, log_index, time, sender, "to", a, b, c, d,
               row_number() over (partition by pool order by block, log_index, turn) = 1 as first
        from placed
        """
    )


_SHARED_PLACES = """
select count(*) from (
    select pool, block, log_index from ({})
    group by all having count(distinct (kind, sender, "to", a, b, c, d)) > 1
)
"""
"""Log positions that hold more than one event, which no chain has: the later would be ignored."""


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
        f"select '{kind}' kind, lower({table.get('pool')}) pool, "
        f"{table.get('block')}::bigint block, "
        f"{table.get('log_index', '0')} log_index, {table.time()} as time, "
        f'lower({sender}::varchar) sender, lower({table.get("to")}::varchar) "to", '
        f"{a} a, {b} b, {c} c, {d} d, {turn} turn, filename, file_row_number place "
        f"from {table.source}"
    )


def _tell_left_out(database: duckdb.DuckDBPyConnection, pools: _Table) -> None:
    """Warn of what is in the files and is not played, with or without a limit of pools."""
    listed = f"(select distinct lower({pools.get('pool')}) as pool from {pools.source})"
    query = "select count(distinct pool), count(pool) from {} a anti join {} b using (pool)"
    unlisted, events = _one(database, query.format("events", listed))
    if unlisted:
        log.warning("pools_unlisted", pools=unlisted, events=events)
    silent, _ = _one(database, query.format(listed, "events"))
    if silent:
        log.warning("pools_without_events", pools=silent)


def _pools(
    database: duckdb.DuckDBPyConnection, tables: dict[str, _Table], limit: int | None
) -> dict[str, PoolRow]:
    table = tables["pools"]
    told = ", ".join(f"{sql.format(table.get(name))} as {name}" for name, sql in _SAID.items())
    rows = database.execute(
        f"""
        with told as (
            select lower({table.get("pool")}) as pool, filename, {told}
            from {table.source}
            qualify row_number() over (partition by pool order by filename, file_row_number) = 1
        ),
        seen as (
            select pool, min(block) first_block, bool_or(kind = 'lp') lp,
                   min_by([a, b], [block, log_index]) filter (kind = 'sync') reserves
            from events group by pool
        )
        select pool, filename, first_block, lp, reserves, {", ".join(_SAID)}
        from told join seen using (pool)
        order by first_block, pool {"" if limit is None else f"limit {limit}"}
        """
    ).fetchall()
    found = (
        _Found(pool, file, first_block, lp, reserves, dict(zip(_SAID, said, strict=True)))
        for pool, file, first_block, lp, reserves, *said in rows
    )
    return {each.pool: _pool(each) for each in found}


class _Found(NamedTuple):
    """A row of a pools file, beside what its events say."""

    pool: str
    file: str
    first_block: int
    lp: bool
    reserves: list[int] | None
    """Of the first sync."""
    said: dict[str, Any]


def _pool(found: _Found) -> PoolRow:
    stem, said = Path(found.file).stem, found.said
    chain = said["chain"] or _chain(stem, said)
    token, quote = _sides(chain, said)
    known = QUOTES.get(chain, {}).get(quote or "", UNKNOWN_QUOTE)
    row = {
        "pool": found.pool,
        "file": stem,
        "chain": chain,
        "venue": said["venue"] or _venue(stem),
        "token": token,
        "quote": quote,
        "quote_symbol": _cut(said["quote_symbol"], MOST_QUOTE_SYMBOL) or known.symbol or None,
        "quote_decimals": known.decimals,
        "token_is_0": token < quote if token and quote else _looks_like_token(found.reserves),
        "name": _cut(said["name"], MOST_NAME),
        "symbol": _cut(said["symbol"], MOST_NAME),
        "decimals": _integer(said["decimals"], most=255),
        "total_supply": _integer(said["totalSupply"], most=MOST_AMOUNT),
        "deployer": said["deployer"],
        "lp_visible": found.lp,
        "first_block": found.first_block,
    }
    try:
        return msgspec.convert(row, PoolRow)
    except msgspec.ValidationError as error:
        raise Invalid(f"pool {found.pool} in {stem}: {error}", reason="pools") from error


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


def _looks_like_token(reserves: list[int] | None) -> bool:
    """Whether the first of a pool's first reserves is the token, where no address tells.

    The reserve that looks like a first deposit is the quote: 0.001 to 10,000 wrapped coins. Where
    both or neither look so, the smaller is, since tokens are minted in millions. Right for 97 %
    of the pools of known orientation in the recording that needs it.
    """
    if reserves is None:
        return True
    first, second = (10**15 <= reserve <= 10**22 for reserve in reserves)
    return reserves[0] > reserves[1] if first == second else second


def _cut(said: object, most: int) -> str | None:
    """Text cut to what an event may carry: a long name must not hide its pool."""
    return None if said is None else str(said)[:most]


def _integer(said: object, *, most: int) -> int | None:
    """A recorded number, also as text or double; ``None`` for anything else or out of range."""
    try:
        value = Decimal(str(said))
    except InvalidOperation:
        return None
    in_range = value.is_finite() and 0 <= value <= most
    return int(value) if in_range and value == value.to_integral_value() else None


def _keep(database: duckdb.DuckDBPyConnection, pools: dict[str, PoolRow]) -> None:
    """Forget the events of pools that are not played."""
    database.execute("create table kept as select unnest($1::varchar[]) as pool", [list(pools)])
    database.execute("delete from events where pool not in (from kept)")


def _one(database: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> Any:
    """The only row of a query that has one."""
    return database.execute(query, parameters).fetchall()[0]
