"""Keep what was first found of each mint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.create_table(
        "first_findings",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        if_not_exists=True,  # a state of before migrations may have it
    )
