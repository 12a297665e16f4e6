"""Keep what feeds of posts and markets remember."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.create_table(
        "author_keys",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "feed_cursors",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("incarnation", sa.String(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("feed"),
    )
    op.create_table(
        "listings",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("seen", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol"),
    )
    _mentions()
    op.create_table(
        "surroundings",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("surroundings", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition"),
    )
    op.create_table(
        "tokens",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ticker", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("launched", sa.Float(), nullable=False),
        sa.Column("reserve", sa.Float(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "pool"),
    )
    op.create_index("tokens_folded", "tokens", ["folded"], unique=False)
    op.create_index("tokens_pool", "tokens", ["pool"], unique=False)
    op.create_index("tokens_ticker", "tokens", ["ticker"], unique=False)
    op.create_index("tokens_token", "tokens", ["token"], unique=False)


def _mentions() -> None:
    op.create_table(
        "mentions_made",
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("kept_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("post", "chain", "pool"),
    )
    op.create_index("mentions_made_author", "mentions_made", ["author"], unique=False)
    op.create_index("mentions_made_until", "mentions_made", ["kept_until"], unique=False)
    op.create_table(
        "mentions_waiting",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("waits_until", sa.Float(), nullable=False),
        sa.Column("waiting", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", "post"),
    )
    op.create_index("mentions_waiting_author", "mentions_waiting", ["author"], unique=False)
    op.create_index("mentions_waiting_post", "mentions_waiting", ["post"], unique=False)
    op.create_index("mentions_waiting_until", "mentions_waiting", ["waits_until"], unique=False)
