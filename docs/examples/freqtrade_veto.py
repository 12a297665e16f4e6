"""A Freqtrade strategy that asks HEFT before every entry, and takes silence for no.

Freqtrade (https://www.freqtrade.io) calls ``confirm_trade_entry`` as the last step before an order
and drops the order when it returns ``False``:
https://www.freqtrade.io/en/stable/strategy-callbacks/#trade-entry-buy-order-confirmation

Mix it into a strategy of yours, name the tokens behind its pairs, and keep the rest:

    class MyStrategy(HeftVeto, IStrategy):
        heft_tokens = {"PEPE/USDT": ("ethereum", "0x6982508145454ce325ddbe47a25d4ec3d2311933")}
"""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any, ClassVar

log = logging.getLogger(__name__)


class HeftVeto:
    """Vetoes an entry unless the service says ``clear``; a token without an address is not ours."""

    heft_url: ClassVar[str] = "http://127.0.0.1:9465"
    heft_tokens: ClassVar[dict[str, tuple[str, str]]] = {}
    heft_max_age_seconds: ClassVar[int] = 3_600
    heft_timeout_seconds: ClassVar[float] = 1.0

    def confirm_trade_entry(self, pair: str, *arguments: Any, **named: Any) -> bool:
        """Freqtrade's callback: the veto first, then whatever the strategy itself says."""
        if pair in self.heft_tokens and self._is_vetoed(pair):
            return False
        rest = getattr(super(), "confirm_trade_entry", None)
        return True if rest is None else bool(rest(pair, *arguments, **named))

    def _is_vetoed(self, pair: str) -> bool:
        chain, address = self.heft_tokens[pair]
        url = f"{self.heft_url}/v1/veto/{chain}/{address}"
        try:
            with urllib.request.urlopen(  # noqa: S310 - the URL is your own setting
                f"{url}?max_age_seconds={self.heft_max_age_seconds}",
                timeout=self.heft_timeout_seconds,
            ) as answer:
                ruling = json.load(answer)
        except (OSError, ValueError) as error:
            log.warning("no entry into %s: HEFT did not answer (%s)", pair, error)
            return True
        if ruling["veto"]:
            log.warning("no entry into %s: %s", pair, ruling["why"])
        return bool(ruling["veto"])
