"""Keep the pools of Solana that were told early."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.create_table(
        "solana_early",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "pool"),
        if_not_exists=True,  # a state of before migrations may have it
    )
