"""A service that is asked again and again, as a connection: what it answers are the frames."""

from __future__ import annotations

from collections.abc import AsyncGenerator

__all__ = ["Polled"]


class Polled:
    """Nothing is open between two questions, so that there is nothing to watch or to close."""

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """None: whoever polls asks by itself."""
        return
        yield b""

    async def send(self, text: str) -> None:
        """Nothing can be said."""
        raise NotImplementedError(text)

    async def close(self) -> None:
        """Nothing is open."""
