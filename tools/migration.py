"""Writes the next migration from what the modules declare: ``python -m tools.migration "why"``.

Read what it wrote before committing it: Alembic takes a renamed column for one that went and one
that came, and its data with it. ``tests/test_migrations.py`` then holds both databases against the
modules.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import alerts
import streams
from streams.migrations import FOLDER, migrate, newest
from streams.state import metadata

__all__ = ["declared", "main"]

NO_TABLES: Final = ("streams.migrations.",)
"""Alembic alone can run those."""


def declared() -> None:
    """Import every module that may declare a table."""
    for package in (streams, alerts):
        _import(package)
    importlib.import_module("trainer.labelling")  # the others of its package need torch


def main(arguments: list[str]) -> int:
    """Write it, formatted; the exit code."""
    if len(arguments) != 1:
        print('usage: python -m tools.migration "what changes, and why"', file=sys.stderr)
        return 2
    declared()
    number = f"{int(newest()) + 1:04d}"
    with create_engine("sqlite://").connect() as connection:
        migrate(connection)
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        config.attributes |= {"connection": connection, "metadata": metadata}
        command.revision(config, arguments[0], autogenerate=True, rev_id=number)
    written = next((FOLDER / "versions").glob(f"v{number}_*.py"))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(written)], check=True)
    print(f"read it, then commit it: {written}")
    return 0


def _import(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.startswith(NO_TABLES):
            importlib.import_module(module.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
