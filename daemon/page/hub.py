"""News to many readers at once; one that does not keep up is let go, and costs nothing more."""

from __future__ import annotations

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from daemon.page.board import Summary

__all__ = ["Hub", "Item", "Reading"]

MOST_READERS = 2_000
MOST_WAITING = 256
"""Items that a reader may be behind; a browser that lost its place connects again by itself."""


class Item(msgspec.Struct, frozen=True):
    """One piece of news, written once for all readers."""

    kind: str
    """``launch``, ``facts``, ``verdict``, ``retraction`` or ``alert``."""
    summary: Summary
    text: str
    """The summary as JSON."""


Reading = MemoryObjectReceiveStream[Item]


class Hub:
    """Hands every item to every reader."""

    def __init__(self, most: int = MOST_READERS) -> None:
        """Take at most ``most`` readers."""
        self._most = most
        self._readers: dict[Reading, MemoryObjectSendStream[Item]] = {}

    def __len__(self) -> int:
        """How many read now."""
        return len(self._readers)

    def tell(self, kind: str, summary: Summary) -> None:
        """Hand it out at once; whoever is too far behind is let go."""
        if not self._readers:
            return
        item = Item(kind, summary, msgspec.json.encode(summary).decode())
        for reader, send in tuple(self._readers.items()):
            try:
                send.send_nowait(item)
            except anyio.WouldBlock:
                del self._readers[reader]
                send.close()

    def join(self) -> Reading | None:
        """The items from now on, or ``None`` when there are too many readers.

        The stream ends when its reader falls behind; a reader ``leave``s when it is done.
        """
        if len(self._readers) >= self._most:
            return None
        send, receive = anyio.create_memory_object_stream[Item](MOST_WAITING)
        self._readers[receive] = send
        return receive

    def leave(self, reader: Reading) -> None:
        """Nothing more for this reader."""
        reader.close()
        send = self._readers.pop(reader, None)
        if send is not None:
            send.close()
