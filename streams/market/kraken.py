"""Kraken, version 2 of its socket: the channels ``trade`` and ``heartbeat``, which comes unasked.

Trades are numbered a pair, and ``side`` is the taker's. A snapshot of the last 50 trades comes
after each subscription and fills a short gap; what repeats is known by its number. Source:
docs.kraken.com, WebSocket v2, trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from streams.errors import Invalid, Retry
from streams.feeds.backoff import Rule, Rules
from streams.feeds.faults import Limited
from streams.market.binance import positive
from streams.market.trade import Pair, Ticker, Trade

__all__ = ["NAME", "RULES", "SILENCE_S", "URL", "address", "decode", "first_words"]

NAME = "kraken"
URL = "wss://ws.kraken.com/v2"
SILENCE_S = 10.0
"""A heartbeat comes each second while nothing else does."""
RULES: Rules = {
    "network": Rule(1.0, 60.0, factor=2.0),
    "silence": Rule(1.0, 60.0, factor=2.0),
    "http": Rule(5.0, 300.0, factor=2.0),
}
"""Kraken asks for five seconds between attempts while it is in maintenance."""


class _Trade(msgspec.Struct):
    symbol: str
    side: str
    qty: float
    price: float
    trade_id: int
    timestamp: str


class _Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    method: str = ""
    success: bool = True
    error: str = ""


_decoder = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(list[_Trade])


def address(url: str, pairs: Sequence[Pair]) -> str:  # noqa: ARG001 - every venue's shape
    """Where to connect."""
    return url


def first_words(pairs: Sequence[Pair]) -> list[str]:
    """What is said on a new connection; the snapshot covers what a short break left out."""
    symbols = [f"{pair.base}/{pair.quote}" for pair in pairs]
    params = {"channel": "trade", "symbol": symbols, "snapshot": True}
    body = {"method": "subscribe", "params": params, "req_id": 1}
    return [msgspec.json.encode(body).decode()]


def decode(frame: str | bytes, pairs: dict[str, Pair]) -> list[Trade | Ticker]:
    """A frame's news; ``pairs`` by ``<BASE>/<QUOTE>``.

    Raises ``Invalid`` for what is no frame, ``Retry`` for an error that the server tells.
    """
    try:
        said = _decoder.decode(frame)
        if said.error or not said.success:
            if "rate" in said.error.lower():
                raise Limited("kraken was asked too often", status=429)
            if "currency pair" in said.error.lower() or "subscription" in said.error.lower():
                return []  # one pair that it does not have; the others go on
            raise Retry("the server tells an error")
        if said.channel != "trade":
            return []
        found = []
        for each in _trades.decode(said.data):
            pair = pairs.get(each.symbol)
            if pair is None:
                continue
            price, size = positive(each.price), positive(each.qty)
            at = datetime.fromisoformat(each.timestamp).timestamp()
            found.append(Trade(NAME, pair, each.trade_id, price, size, at, each.side == "buy"))
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no frame of Kraken", reason="shape") from error
    return list(found)
