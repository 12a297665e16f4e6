"""What Alembic runs: our connection, and its transaction around every step on both databases.

SQLite undoes DDL like any other statement as long as nobody but us says ``BEGIN`` (``State`` does);
Alembic must be told so.
"""

from __future__ import annotations

from typing import Any

from alembic import context

SHUTS_OUT = "state_version"
"""The table that a heft of before migrations looks at; no module of ours declares it."""


def _is_declared(name: str | None, type_: str, _parents: Any) -> bool:
    """What ``tools.migration`` compares: it must not drop what is there on purpose."""
    return type_ != "table" or name != SHUTS_OUT


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),  # of ``tools.migration`` alone
    include_name=_is_declared,
    transactional_ddl=True,
)
context.run_migrations()
