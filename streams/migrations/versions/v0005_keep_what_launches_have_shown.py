"""Keep what launches have shown, for the rulings on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.create_table(
        "tracks",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.Column("track", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("tracks_due", "tracks", ["partition", "chain", "due"])
