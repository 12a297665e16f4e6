"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.state import State


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[State]:
    """An open state."""
    opened = await State.open(state_url)
    yield opened
    await opened.close()
