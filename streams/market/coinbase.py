"""Coinbase Exchange: the channels ``matches`` and ``heartbeat``, subscribed to within five seconds.

A heartbeat comes each second for each pair and names the last trade, by which a gap is found where
nothing is traded any more. ``side`` is the maker's, so that ``sell`` means a taker that bought.
Types that are not known are passed over. Source: docs.cdp.coinbase.com, Exchange WebSocket
channels.
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

__all__ = ["NAME", "RULES", "SILENCE_S", "URL", "Heartbeat", "address", "decode", "first_words"]

NAME = "coinbase"
URL = "wss://ws-feed.exchange.coinbase.com"
SILENCE_S = 10.0
"""Heartbeats come each second."""
RULES: Rules = {"network": Rule(1.0, 60.0, factor=2.0), "silence": Rule(1.0, 60.0, factor=2.0)}


class Heartbeat(msgspec.Struct, frozen=True):
    """That a pair's last trade is the one of this number."""

    pair: Pair
    last: int


class _Frame(msgspec.Struct):
    type: str = ""
    trade_id: int = 0
    last_trade_id: int = 0
    product_id: str = ""
    time: str = ""
    size: str = ""
    price: str = ""
    side: str = ""
    message: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(_Frame)


def address(url: str, pairs: Sequence[Pair]) -> str:  # noqa: ARG001 - every venue's shape
    """Where to connect."""
    return url


def first_words(pairs: Sequence[Pair]) -> list[str]:
    """What is said on a new connection."""
    products = [f"{pair.base}-{pair.quote}" for pair in pairs]
    channels = ["matches", "heartbeat"]
    body = {"type": "subscribe", "product_ids": products, "channels": channels}
    return [msgspec.json.encode(body).decode()]


def decode(frame: str | bytes, pairs: dict[str, Pair]) -> list[Trade | Ticker | Heartbeat]:
    """A frame's news; ``pairs`` by ``<BASE>-<QUOTE>``.

    Raises ``Invalid`` for what is no frame, ``Retry`` for an error that the server tells.
    """
    try:
        said = _decoder.decode(frame)
        if said.type == "error":
            limited = "rate" in f"{said.message} {said.reason}".lower()
            raise (
                Limited("coinbase was asked too often", status=429)
                if limited
                else Retry("the server tells an error")
            )
        pair = pairs.get(said.product_id)
        if pair is None:
            return []
        if said.type in ("match", "last_match"):
            at = datetime.fromisoformat(said.time).timestamp()
            price, size = positive(said.price), positive(said.size)
            return [Trade(NAME, pair, said.trade_id, price, size, at, said.side == "sell")]
        if said.type == "heartbeat":
            return [Heartbeat(pair, said.last_trade_id)]
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no frame of Coinbase", reason="shape") from error
    return []
