"""News to many readers at once; one that does not keep up is let go, and costs nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from daemon.page.board import Summary

__all__ = ["Hub", "Item"]

MOST_READERS = 1_000
MOST_WAITING = 256
"""Items that a reader may be behind; a browser that lost its place connects again by itself."""


class Item(msgspec.Struct, frozen=True):
    """One piece of news, written once for all readers."""

    kind: str
    """``launch``, ``facts``, ``verdict``, ``retraction`` or ``alert``."""
    summary: Summary
    text: str
    """The summary as JSON."""


class Hub:
    """Hands every item to every reader."""

    def __init__(self, most: int = MOST_READERS) -> None:
        """Take at most ``most`` readers."""
        self._most = most
        self._readers: set[MemoryObjectSendStream[Item]] = set()

    def __len__(self) -> int:
        """How many read now."""
        return len(self._readers)

    @property
    def is_full(self) -> bool:
        """Whether another reader would be too many."""
        return len(self._readers) >= self._most

    def tell(self, kind: str, summary: Summary) -> None:
        """Hand it out at once; whoever is too far behind is let go."""
        if not self._readers:
            return
        item = Item(kind, summary, msgspec.json.encode(summary).decode())
        for reader in tuple(self._readers):
            try:
                reader.send_nowait(item)
            except (anyio.WouldBlock, anyio.BrokenResourceError):
                self._readers.discard(reader)
                reader.close()

    @contextmanager
    def reading(self) -> Iterator[MemoryObjectReceiveStream[Item]]:
        """The items from now on; the stream ends when the reader falls behind."""
        send, receive = anyio.create_memory_object_stream[Item](MOST_WAITING)
        self._readers.add(send)
        try:
            yield receive
        finally:
            self._readers.discard(send)
            send.close()
            receive.close()
