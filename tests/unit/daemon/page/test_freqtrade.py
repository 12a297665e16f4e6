"""The worked example of docs/veto.md, against a real page: it asks, and takes silence for no."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import anyio.to_thread
import msgspec
import pytest

from daemon.page.board import Board
from daemon.page.hub import Hub
from tests.chain.devnet import free_port
from tests.unit.alerts.making import a_verdict
from tests.unit.daemon.page.test_api import served

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "freqtrade_veto.py"
ENTRY = {"order_type": "limit", "amount": 1.0, "rate": 1.0, "side": "long"}
HONEST = msgspec.structs.replace(a_verdict(3), probability=0.1, threshold=0.8, traps=[])


class Plain:
    """What the strategy itself says."""

    says = True

    def confirm_trade_entry(self, pair: str, **_: Any) -> bool:
        """As Freqtrade's own."""
        return self.says


def strategy(url: str) -> Any:
    """The example mixed into a strategy, as a user would."""
    spec = importlib.util.spec_from_file_location("freqtrade_veto", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Mine(module.HeftVeto, Plain):  # type: ignore[misc,name-defined]
        heft_url = url
        heft_max_age_seconds = 300_000_000
        heft_tokens: ClassVar = {
            "GOOD/USDT": (HONEST.chain, HONEST.pool),
            "NEW/USDT": ("base", "0x1"),
        }

    return Mine()


async def may_enter(mine: Any, pair: str) -> bool:
    """What Freqtrade would be told."""
    return bool(await anyio.to_thread.run_sync(lambda: mine.confirm_trade_entry(pair, **ENTRY)))


async def test_an_entry_needs_a_clear_ruling() -> None:
    """A judged token passes, one never heard of does not, other pairs are not asked about."""
    board = Board()
    board.note(HONEST)
    async with served(board, Hub()) as client:
        mine = strategy(str(client.base_url).rstrip("/"))
        assert await may_enter(mine, "GOOD/USDT")
        assert not await may_enter(mine, "NEW/USDT")
        assert await may_enter(mine, "BTC/USDT")
        mine.says = False
        assert not await may_enter(mine, "GOOD/USDT"), "the strategy has a say of its own"


async def test_silence_is_a_veto() -> None:
    """Nobody answers: no entry."""
    assert not await may_enter(strategy(f"http://127.0.0.1:{free_port()}"), "GOOD/USDT")
