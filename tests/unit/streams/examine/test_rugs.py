"""Our archive of drained tokens' contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.examine import rugs as module
from streams.examine.rugs import Rug, Rugs
from streams.state import State

pytestmark = pytest.mark.anyio


async def test_the_newest_are_kept_and_a_token_is_not_like_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, each sketch once, over a restart, and without the token that asks."""
    monkeypatch.setattr(module, "MOST_RUGS", 3)
    state = await State.open(f"sqlite:///{tmp_path}/state.sqlite")
    told = [Rug(token=f"devnet:{n}", sketch=f"{n // 2:032x}", at=float(n)) for n in range(6)]
    await Rugs(state).note(told)
    await Rugs(state).note(told[-1:])
    assert await Rugs(state).sketches(but="") == [f"{2:032x}", f"{1:032x}"]
    assert await Rugs(state).sketches(but="devnet:3") == [f"{2:032x}"]
    await state.close()
