"""Durable state: what survives, what is refused, and in which words."""

from __future__ import annotations

import signal
import socket
import sqlite3
import sys
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

from streams import state as state_module
from streams.errors import Broken, Invalid, Retry
from streams.state import State, _upsert

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
NOTES = Table(
    "notes",
    MetaData(),
    Column("pool", String, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("text", String),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state lies; the folder does not exist yet."""
    return tmp_path / "deep" / "state.sqlite"


async def opened(path: Path) -> State:
    """The state with a table of the tests."""
    state = await State.open(f"sqlite:///{path}")
    async with state.begin() as connection:
        await connection.run_sync(NOTES.create, checkfirst=True)
    return state


async def noted(state: State) -> list[tuple[str, int, str | None]]:
    """All rows of the tests' table."""
    async with state.begin() as connection:
        rows = await connection.execute(select(NOTES).order_by(NOTES.c.pool))
        return [(row.pool, row.sequence, row.text) for row in rows]


async def save(state: State, *rows: dict[str, object]) -> None:
    """One transaction with these rows."""
    async with state.begin() as connection:
        await state.upsert(connection, NOTES, rows)


async def test_rows_are_there_after_a_restart(path: Path) -> None:
    """What a transaction ended with is read by the next process."""
    state = await opened(path)
    await save(state, {"pool": "a", "sequence": 1, "text": "x"})
    await state.close()
    again = await State.open(f"sqlite:///{path}")
    assert await noted(again) == [("a", 1, "x")]
    await again.close()


async def test_an_exception_undoes_its_transaction(path: Path) -> None:
    """Half a save is no save."""
    state = await opened(path)

    async def fail_half_way() -> None:
        async with state.begin() as connection:
            await state.upsert(connection, NOTES, [{"pool": "a", "sequence": 1}])
            raise Retry("the world failed")

    with pytest.raises(Retry, match="the world"):
        await fail_half_way()
    assert await noted(state) == []
    await state.close()


async def test_upsert_replaces_by_the_primary_key(path: Path) -> None:
    """Saving twice is saving once, and later values win; no rows are no statement."""
    state = await opened(path)
    await save(state, *({"pool": pool, "sequence": 0} for pool in "abc"))
    await save(state, {"pool": "b", "sequence": 7, "text": "x"})
    await save(state)
    assert await noted(state) == [("a", 0, None), ("b", 7, "x"), ("c", 0, None)]
    await state.close()


def test_upsert_speaks_postgres_too() -> None:
    """The same helper on the other database, also for a table that is all key."""
    statement = _upsert("postgresql", NOTES, ["pool", "sequence"])
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert "ON CONFLICT (pool) DO UPDATE SET sequence = excluded.sequence" in str(
        statement.compile(dialect=dialect)
    )
    assert "DO NOTHING" in str(_upsert("sqlite", NOTES, ["pool"]))


async def test_writers_wait_for_each_other(path: Path) -> None:
    """Two connections, as of two stages, that read and then write do not fail each other."""
    state = await opened(path)
    await save(state, {"pool": "a", "sequence": 0})

    async def count_up() -> None:
        for _ in range(10):
            async with state.begin() as connection:
                found = (await connection.execute(select(NOTES.c.sequence))).scalar_one()
                await state.upsert(connection, NOTES, [{"pool": "a", "sequence": found + 1}])

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(count_up)
    assert await noted(state) == [("a", 40, None)]
    await state.close()


async def test_sqlite_is_set_to_survive_a_power_cut(path: Path) -> None:
    """WAL, and a commit that reaches the disk before it is reported."""
    state = await opened(path)
    async with state.begin() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
    await state.close()


async def test_a_kill_loses_only_the_open_transaction(path: Path) -> None:
    """Killed in the middle of a save: all before is there, nothing of it is."""
    state = await opened(path)
    await state.close()
    program = f"""
import asyncio, os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from sqlalchemy import text
from streams.state import State

async def main():
    state = await State.open("sqlite:///{path}")
    async with state.begin() as connection:
        await connection.execute(text("insert into notes values ('kept', 1, null)"))
    async with state.begin() as connection:
        await connection.execute(text("insert into notes values ('lost', 1, null)"))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    ended = await anyio.run_process([sys.executable, "-c", program], check=False)
    assert ended.returncode == -signal.SIGKILL
    again = await State.open(f"sqlite:///{path}")
    assert await noted(again) == [("kept", 1, None)]
    await again.close()


def _damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.write_bytes(b"\x00garbage" * 512 if how == "garbage" else content[: len(content) // 2])


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
async def test_a_corrupt_file_is_one_clear_line(path: Path, damage: str) -> None:
    """The line names the file and what to do; the file is left as it is."""
    state = await opened(path)
    await save(state, *({"pool": str(n), "sequence": n, "text": "x" * 500} for n in range(200)))
    await state.close()
    _damage(path, damage)

    async def read() -> None:
        damaged = await State.open(f"sqlite:///{path}")
        try:
            await noted(damaged)
        finally:
            await damaged.close()

    with pytest.raises(Broken, match=r"corrupt: move the file away") as caught:
        await read()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


async def test_a_locked_file_is_waited_for_and_then_retried(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program's lock is the outside world: it may go away."""
    monkeypatch.setattr(state_module, "BUSY_SECONDS", 0.05)
    await (await State.open(f"sqlite:///{path}")).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Retry, match="locked"):
        await State.open(f"sqlite:///{path}")
    holder.close()
    await (await State.open(f"sqlite:///{path}")).close()


async def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder that is a file, and a file that is a folder."""
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="cannot be opened"):
        await State.open(f"sqlite:///{tmp_path}/file/state.sqlite")
    with pytest.raises(Invalid, match="cannot be opened"):
        await State.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["", "mysql://x/y", "state.sqlite", "sqlite"])
async def test_other_urls_are_refused(url: str) -> None:
    """Only what is tested is accepted, and the message shows both forms."""
    with pytest.raises(Invalid, match="sqlite:///path"):
        await State.open(url)


async def test_an_unreachable_postgres_is_a_retry_without_the_password() -> None:
    """The line names the server and not the secret."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Retry) as caught:
        await State.open(f"postgresql://heft:hunter2@127.0.0.1:{port}/heft")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
