"""A pool's life as a test writes it down: whole quote units, seconds since the start."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.enrich.fold import Fold
from streams.events import Activity, Facts, Head, Launch, LpTransfer, Swap, Sync

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
POOL = "0x00000000000000000000000000000000000000aa"
ZERO = "0x0000000000000000000000000000000000000000"
DEAD = "0x000000000000000000000000000000000000dead"
LOCKER = "0x663a5c229c09b049e36dcc11a9b0d4a8eb9db214"
ANN, BEN, CEM = "0xann", "0xben", "0xcem"
TRADER = "0x7a250d5630b4cf539739df2c5dacb4c659f2488d"


def moment(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


class Script:
    """Writes one pool's events down in order, each at the next log position of its block."""

    def __init__(self, pool: str = POOL, *, token_is_0: bool = True, **launch: Any) -> None:
        self.events: list[Activity] = []
        self._where: dict[str, Any] = {"chain": launch.pop("chain", "ethereum"), "pool": pool}
        self._token_is_0 = token_is_0
        self._launch = {"venue": "uniswap-v2", "token_is_0": token_is_0, **launch}
        self._scale = 10 ** self._launch.get("quote_decimals", 18)
        self._block = self._log_index = 0

    def launch(self, at: float = 0) -> Script:
        """The pool appears."""
        return self._add(Launch(**self._at(at), **self._launch))

    def sync(self, at: float, quote: float, token: int) -> Script:
        """The reserves become so: ``quote`` in whole units, ``token`` in base units."""
        reserves = [token, round(quote * self._scale)]
        first, second = reserves if self._token_is_0 else reversed(reserves)
        return self._add(Sync(**self._at(at), reserve0=first, reserve1=second))

    def lp(self, at: float, sender: str, to: str, value: int) -> Script:
        """LP tokens move."""
        return self._add(LpTransfer(**self._at(at), sender=sender, to=to, value=value))

    def swap(self, at: float, to: str, *, bought: int = 0, sold: int = 0) -> Script:
        """So many tokens leave the pool, or enter it."""
        amounts = [sold, 1 if bought else 0, bought, 1 if sold else 0]
        if not self._token_is_0:
            amounts = [amounts[1], amounts[0], amounts[3], amounts[2]]
        names = ("amount0_in", "amount1_in", "amount0_out", "amount1_out")
        named: dict[str, Any] = dict(zip(names, amounts, strict=True))
        return self._add(Swap(**self._at(at), sender=TRADER, to=to, **named))

    def _at(self, at: float) -> dict[str, Any]:
        self._log_index += 1
        self._block = max(self._block, 1000 + int(at) // 12)
        position = {"block": self._block, "log_index": self._log_index}
        return {**self._where, **position, "at": moment(at)}

    def _add(self, event: Activity) -> Script:
        self.events.append(event)
        return self


def head(at: float, *, chain: str = "ethereum") -> Head:
    """The chain's clock stands at ``at``."""
    return Head(chain=chain, block=1000 + int(at) // 12, at=moment(at))


def dossiers(*activity: Iterable[Activity] | Activity, fold: Fold | None = None) -> list[Facts]:
    """What a fold makes of the events, in order."""
    fold = Fold() if fold is None else fold
    facts: list[Facts] = []
    for part in activity:
        for event in [part] if isinstance(part, Activity) else part:
            facts += fold.feed(event)
    return facts


def seconds(facts: Facts) -> float:
    """The moment that a dossier speaks of, since the start."""
    return (facts.at - START).total_seconds()
