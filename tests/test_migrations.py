"""Migrations: a new state, one of before there were any, several openers, and a newer one."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from alerts.tables import plain
from streams.errors import Broken
from streams.migrations import newest
from streams.state import DRIVERS, State, metadata
from tools.migration import declared

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
ROWS: dict[str, dict[str, object]] = {
    "checkpoints": {"source": "base", "position": 2**40, "incarnation": "external"},
    "pools": {"key": "base:0x1", "partition": 3, "due": 1.5, "touched": 2.5, "pool": b"{}"},
    "muted": {"alert_id": "base:0x1:rug"},
    "deliveries": {
        "position": 7,
        "message": "m",
        "sink": "webhook",
        "pool": "base:0x1",
        "partition": 3,
        "status": "pending",
        "reason": "",
        "attempts": 2,
        "queued_at": "2026-11-24T00:00:00+00:00",
        "payload": b"{}",
    },
}


async def _run(url: str, statements: list[tuple[str, dict[str, object]]]) -> None:
    """Plain SQL on a database that no heft has opened."""
    parsed = make_url(url)
    engine = create_async_engine(parsed.set(drivername=DRIVERS[parsed.drivername]))
    async with engine.begin() as connection:
        for statement, values in statements:
            await connection.execute(text(statement), values)
    await engine.dispose()


async def make_version_two(url: str) -> None:
    """The very tables of the last heft without migrations, and rows in some of them."""
    dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
    script = (ROOT / "tests" / "golden" / f"state_v2_{dialect}.sql").read_text()
    made: list[tuple[str, dict[str, object]]] = [(line, {}) for line in script.splitlines()]
    for table, row in ROWS.items():
        columns = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        made.append((f"INSERT INTO {table} ({columns}) VALUES ({values})", dict(row)))
    await _run(url, made)


async def rows(state: State, table: str) -> list[dict[str, object]]:
    """All rows of a table."""
    async with state.begin() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table}"))
        return [plain(row) for row in found.mappings()]


def _differences(connection: Connection) -> list[object]:
    """But for the one table that no module declares: it shuts out a heft of before."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found = compare_metadata(context, metadata)
    return [each for each in found if "state_version" not in str(each)]


async def _assert_is_current(state: State) -> None:
    declared()
    async with state.begin() as connection:
        assert await connection.run_sync(_differences) == []
    assert await rows(state, "alembic_version") == [{"version_num": newest()}]


async def test_a_new_state_has_what_the_modules_declare(state_url: str) -> None:
    """Tables, columns, types, keys and indexes; who changed a module runs ``make migration``."""
    state = await State.open(state_url)
    await _assert_is_current(state)
    await state.close()


async def test_a_state_of_before_is_taken_up_with_its_rows(state_url: str) -> None:
    """Every row is there, a table that no process had made is made, and it is current."""
    await make_version_two(state_url)
    state = await State.open(state_url)
    for table, row in ROWS.items():
        assert await rows(state, table) == [row]
    assert await rows(state, "rugs") == []
    await _assert_is_current(state)
    await state.close()


async def test_a_heft_of_before_refuses_what_was_taken_up(state_url: str) -> None:
    """It knew state versions to 2, and called a higher one newer."""
    await make_version_two(state_url)
    state = await State.open(state_url)
    assert await rows(state, "state_version") == [{"version": 3}]
    await state.close()


async def test_a_newer_state_is_refused_untouched(state_url: str) -> None:
    """One line that names both revisions, whatever else the newer heft has changed."""
    await (await State.open(state_url)).close()
    await _run(state_url, [("UPDATE alembic_version SET version_num = '9999'", {})])
    with pytest.raises(Broken, match=r"newer heft \(revision 9999, known to") as refused:
        await State.open(state_url)
    assert "\n" not in str(refused.value)


async def test_a_state_too_old_is_refused_untouched(state_url: str) -> None:
    """State version 1 had other tables under the same names."""
    await make_version_two(state_url)
    await _run(state_url, [("UPDATE state_version SET version = 1", {})])
    with pytest.raises(Broken, match="too old"):
        await State.open(state_url)
    with pytest.raises(Broken, match="too old"):  # still: nothing was begun
        await State.open(state_url)


async def test_processes_that_start_at_once_migrate_once(state_url: str) -> None:
    """Three processes on a state of before: all open it, one says that it migrated."""
    await make_version_two(state_url)
    program = f"""
import asyncio, sys
from streams.state import State
from streams.telemetry import configure_logging
configure_logging(as_json=True)
async def main():
    sys.stdin.readline()
    await (await State.open({state_url!r})).close()
asyncio.run(main())
"""
    said: list[str] = []

    async def start(gate: anyio.Event) -> None:
        command = [sys.executable, "-c", program]
        async with await anyio.open_process(command, cwd=ROOT) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            await gate.wait()
            await process.stdin.send(b"\n")
            said.append(b"".join([chunk async for chunk in process.stderr]).decode())
            assert await process.wait() == 0, said

    gate = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(start, gate)
        gate.set()
    assert "".join(said).count('"state_migrated"') == 1
    state = await State.open(state_url)
    assert await rows(state, "pools") == [ROWS["pools"]]
    await state.close()


async def test_a_step_that_fails_leaves_nothing_behind(
    state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a migration is none, on SQLite as well, whose DDL commits by itself elsewhere."""
    await make_version_two(state_url)
    monkeypatch.setattr("alembic.op.execute", _fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        await State.open(state_url)
    monkeypatch.undo()
    url = make_url(state_url)
    engine = create_async_engine(url.set(drivername=DRIVERS[url.drivername]))
    async with engine.begin() as connection:
        tables = await connection.run_sync(lambda each: inspect(each).get_table_names())
    await engine.dispose()
    assert "rugs" not in tables
    assert "alembic_version" not in tables
    state = await State.open(state_url)
    await _assert_is_current(state)
    await state.close()


def _fail(*_: object) -> None:
    raise RuntimeError("in the middle")


async def test_a_current_state_is_opened_without_alembic(tmp_path: Path) -> None:
    """It costs memory and a start's time: only who migrates imports it."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    await (await State.open(url)).close()
    program = f"""
import asyncio, sys
from streams.state import State
async def main():
    await (await State.open({url!r})).close()
asyncio.run(main())
sys.exit("alembic" in sys.modules)
"""
    await anyio.run_process([sys.executable, "-c", program], cwd=ROOT)
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (1,)
    database.close()
