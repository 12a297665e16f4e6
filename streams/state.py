"""Small durable state by SQLAlchemy Core: SQLite by default, Postgres by URL.

Modules declare their own tables on ``metadata``; ``streams.migrations`` makes and changes them when
a state is opened: by itself, by one process while the others wait. Kafka and Parquet hold the
facts; here is only what must be known again after a crash: what was said to whom, how far a source
has come, what a pool has been through.

SQLite runs in WAL mode with ``synchronous=FULL``: an offset is committed to Kafka only after
``save()``, so a save must survive a power cut too, which ``NORMAL`` does not promise
(https://sqlite.org/pragma.html#pragma_synchronous). A transaction takes its write lock at
``BEGIN IMMEDIATE``, since SQLite does not wait when a reader wants to become a writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import MetaData, Table, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError
from sqlalchemy.exc import OperationalError as SqlOperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from streams.errors import Broken, Invalid, Retry
from streams.migrations import migrate

__all__ = ["State", "metadata"]

BUSY_SECONDS = 10.0
"""How long a transaction waits for another's write lock on SQLite."""

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}

metadata = MetaData()


class State:
    """An open database; ``begin()`` gives one transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    async def open(cls, url: str) -> State:
        """Open, and bring the tables to what this program needs.

        ``url`` is ``sqlite:///path`` or ``postgresql://user:password@host/database``. Raises
        ``Invalid`` for another kind of URL, ``Retry`` when the database is out of reach or
        locked, ``Broken`` when it is corrupt or was written by a newer version of this program.
        """
        state = cls(_engine(_parsed(url)))
        try:
            async with state.begin() as connection:
                await state.lock(connection, "heft.migrations")
                await connection.run_sync(migrate)
        except BaseException:
            await state.close()
            raise
        return state

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, undone by an exception.

        Keep it short: it is shielded from cancellation, since a connection that is cancelled in
        the middle of a statement cannot be used, nor closed in order, afterwards.
        """
        with _told(self.engine.url), anyio.CancelScope(shield=True):
            async with self.engine.begin() as connection:
                yield connection

    async def upsert(
        self, connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]
    ) -> None:
        """Insert rows, or replace those with the same primary key; all rows have equal columns."""
        if rows:
            statement = _upsert(self.engine.dialect.name, table, list(rows[0]))
            await connection.execute(statement, list(rows))

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Wait until no other transaction holds this lock, and hold it to the end of this one.

        On SQLite every transaction is alone anyhow.
        """
        if self.engine.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))

    async def close(self) -> None:
        """Give the connections back."""
        await self.engine.dispose()


def _upsert(dialect: str, table: Table, columns: list[str]) -> Any:
    """An insert that replaces what has the same key; each database has its own name for it."""
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in columns if name not in keys}
    if rest:
        return statement.on_conflict_do_update(index_elements=keys, set_=rest)
    return statement.on_conflict_do_nothing(index_elements=keys)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        return parsed.set(drivername=DRIVERS[parsed.drivername.split("+")[0]])
    except (ArgumentError, KeyError) as error:
        raise Invalid(
            "state.url must be sqlite:///path or postgresql://host/database", reason="state-url"
        ) from error


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True)
    if url.database and url.database != ":memory:":
        _prepare(Path(url.database))
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _prepare(path: Path) -> None:
    """Make the folder, and open the file once.

    When a first opening fails, aiosqlite's thread may end in a traceback of its own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sqlite3.connect(path).close()
    except (OSError, sqlite3.Error) as error:
        raise Invalid(
            f"the state file {path} cannot be opened ({error}): check state.url and its rights",
            reason="state-url",
        ) from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    cursor = connection.cursor()
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()  # or its thread outlives us: SQLAlchemy forgets it at this point
        raise
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _told(url: URL) -> Iterator[None]:
    """Turn what a driver raises into one of our three kinds, in one line without the password."""
    where = url.render_as_string(hide_password=True)
    try:
        yield
    except DBAPIError as error:
        raise _kind(str(error.orig), error, where) from error
    except NoSuchModuleError as error:
        raise Invalid(f"state {where}: the driver is not installed", reason="state-url") from error
    except OSError as error:
        raise Retry(f"state {where} is out of reach: {error.strerror or error}") from error


def _kind(text: str, error: DBAPIError, where: str) -> Exception:
    line = text.split("\n", maxsplit=1)[0][:200]
    if "malformed" in text or "not a database" in text:
        return Broken(f"state {where} is corrupt: move the file away or restore a backup")
    if "readonly" in text:
        return Broken(f"state {where} cannot be written ({line}): check the path and its rights")
    if isinstance(error, (SqlOperationalError, InterfaceError)) or error.connection_invalidated:
        return Retry(f"state {where}: {line}")
    return Broken(f"state {where} refused a statement: {line}")
