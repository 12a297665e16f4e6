"""What Alembic runs: our connection, and its transaction around every step on both databases.

SQLite undoes DDL like any other statement as long as nobody but us says ``BEGIN`` (``State`` does);
Alembic must be told so.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),  # of ``tools.migration`` alone
    transactional_ddl=True,
)
context.run_migrations()
