"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.state import State


@pytest.fixture
def state_url(tmp_path: Path) -> str:
    """Where a state lies on disk; opening it again is what a restart sees."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[State]:
    """An open state."""
    opened = await State.open(state_url)
    yield opened
    await opened.close()
