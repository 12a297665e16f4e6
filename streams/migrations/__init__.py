"""Brings a database to the tables that this program needs, by Alembic: forwards, and whole or not.

One file a step under ``versions``, in order: ``v0001_...``. ``make migration`` writes the next one
from what the modules declare; a test holds the two against each other on both databases.

Alembic itself is imported only when there is something to do, which is once a version: a service of
many processes does not hold it in memory for its whole life.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from streams.errors import Broken

__all__ = ["FOLDER", "migrate", "newest"]

FOLDER: Final = Path(__file__).parent
LAST_UNMIGRATED: Final = 2
"""The one state of before these migrations that they take up; older ones were never released."""

log = structlog.get_logger(__name__)


def migrate(connection: Connection) -> None:
    """Bring the database to ``newest()`` within the caller's transaction, which is alone in it.

    Raises ``Broken``, and touches nothing, when a newer heft or one too old has written it.
    """
    known, found = _known(), _revision(connection)
    if found == known[-1]:
        return
    if found is not None and found not in known:
        raise Broken(
            f"the state was written by a newer heft (revision {found}, known to {known[-1]}): "
            "upgrade heft or name another state.url"
        )
    if found is None:
        _refuse_what_is_older(connection)
    _upgrade(connection)
    log.info("state_migrated", before=found or "none", after=known[-1])


def newest() -> str:
    """The revision that this program works on."""
    return _known()[-1]


def _known() -> list[str]:
    """Every revision, in order: their files are named by them."""
    return sorted(path.name[1:5] for path in (FOLDER / "versions").glob("v[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _refuse_what_is_older(connection: Connection) -> None:
    """Before there were migrations, a number of ours stood where Alembic's revision stands now."""
    if not inspect(connection).has_table("state_version"):
        return
    found = connection.execute(text("SELECT version FROM state_version")).scalar()
    if found not in (None, LAST_UNMIGRATED):
        raise Broken(
            f"the state was written by a heft too old to be taken over (state version {found}, "
            f"at least {LAST_UNMIGRATED}): name a new state.dir or state.url"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see the docstring of this module
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
