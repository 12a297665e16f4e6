"""Binance spot: ``<pair>@trade`` and ``<pair>@miniTicker`` over one combined stream.

The server pings every 20 s and wants the pong within a minute, which the library gives; it ends
every connection after 24 hours at the latest and announces its shutdowns (``serverShutdown``),
after which we go at once. At most 300 connections in five minutes from one address, so a second
lies between two. Trades are numbered without gaps a pair; ``m`` says that the buyer made the order,
so the taker sold. Source: binance-spot-api-docs, web-socket-streams.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import msgspec

from streams.errors import Invalid, Retry
from streams.feeds.backoff import Rule, Rules
from streams.market.trade import Pair, Ticker, Trade

__all__ = ["NAME", "RULES", "SILENCE_S", "URL", "address", "decode", "first_words"]

NAME = "binance"
URL = "wss://data-stream.binance.vision"
"""Market data alone; ``wss://stream.binance.com:9443`` has the same streams."""
SILENCE_S = 60.0
RULES: Rules = {
    "network": Rule(1.0, 60.0, factor=2.0),
    "silence": Rule(1.0, 60.0, factor=2.0),
    "limit": Rule(300.0, 3_600.0, factor=2.0),
}
MOST_STREAMS = 1_024


class _Data(msgspec.Struct):
    e: str = ""
    E: int = 0
    s: str = ""
    t: int = 0
    p: str = ""
    q: str = ""
    T: int = 0
    m: bool = False
    c: str = ""


class _Frame(msgspec.Struct):
    stream: str = ""
    data: _Data | None = None
    e: str = ""
    error: dict[str, str | int] | None = None


_decoder = msgspec.json.Decoder(_Frame)


def address(url: str, pairs: Sequence[Pair]) -> str:
    """Where to connect: the streams stand in the address, so that nothing need be said."""
    names = [f"{pair.base}{pair.quote}".lower() for pair in pairs]
    streams = [f"{name}@{kind}" for name in names for kind in ("trade", "miniTicker")]
    return f"{url.rstrip('/')}/stream?streams={'/'.join(streams[:MOST_STREAMS])}"


def first_words(pairs: Sequence[Pair]) -> list[str]:  # noqa: ARG001 - every venue's shape
    """What is said on a new connection: nothing."""
    return []


def decode(frame: str | bytes, pairs: dict[str, Pair]) -> list[Trade | Ticker]:
    """A frame's news; ``pairs`` by ``<BASE><QUOTE>``.

    Raises ``Invalid`` for what is no frame, ``Retry`` when the server announces its end.
    """
    try:
        said = _decoder.decode(frame)
        data = said.data
        if said.e == "serverShutdown" or (data is not None and data.e == "serverShutdown"):
            raise Retry("the server shuts down")
        pair = pairs.get(data.s) if data is not None else None
        if data is None or pair is None:
            return []
        if data.e == "trade":
            price, size = positive(data.p), positive(data.q)
            return [Trade(NAME, pair, data.t, price, size, data.T / 1000, not data.m)]
        if data.e == "24hrMiniTicker":
            return [Ticker(NAME, pair, positive(data.c), data.E / 1000)]
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no frame of Binance", reason="shape") from error
    return []


def positive(text: str | float) -> float:
    """A price or size; raises ``ValueError`` for what is none."""
    value = float(text)
    if not (isfinite(value) and value > 0):
        raise ValueError(text)
    return value
