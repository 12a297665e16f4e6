"""Who wrote a post, as a keyed hash: posts of one person look alike, and no one can be named."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Column, LargeBinary, String, Table, select

from streams.state import State, metadata

__all__ = ["Authors", "key_of"]

_keys = Table(
    "author_keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)


class Authors:
    """Makes marks of 16 hex digits under a key that never leaves this installation."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()

    def mark(self, feed: str, name: str) -> str:
        """Of an author, or of a post's id."""
        text = f"{feed}\0{name}".encode("utf-8", "replace")
        return hashlib.blake2b(text, key=self._key, digest_size=8).hexdigest()


async def key_of(state: State, chosen: str = "") -> bytes:
    """The chosen key, or this installation's own, which is drawn once and kept in the state."""
    if chosen:
        return chosen.encode()
    async with state.begin() as connection:
        row = {"name": "authors", "key": secrets.token_bytes(32)}
        known = (await connection.execute(select(_keys.c.key))).scalar()
        if known is None:
            await state.upsert(connection, _keys, [row])
        return bytes(known or row["key"])  # type: ignore[arg-type]
