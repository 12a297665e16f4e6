"""The tables of the settings file about feeds of posts and of markets; as ``daemon.sections``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from daemon.sections import Port, Seconds, Section

__all__ = ["Market", "Social"]

Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FeedName = Literal["bluesky", "rss", "x", "reddit", "farcaster", "telegram", "intake"]
VenueName = Literal["binance", "coinbase", "kraken"]


class Bluesky(Section):
    """Bluesky's Jetstream; needs no key."""

    hosts: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
    )
    version: Literal[1, 2] = 1
    compress: bool = False
    dictionary: Path | None = None


class RssFeeds(Section):
    """News and Medium; needs no key."""

    urls: tuple[str, ...] = (
        "https://cointelegraph.com/rss",
        "https://www.coindesk.com/arc/outboundfeeds/rss/",
        "https://medium.com/feed/tag/memecoins",
    )
    every_seconds: Annotated[float, Field(ge=60, allow_inf_nan=False)] = 300.0


class XFeed(Section):
    """X's filtered stream; off without a token."""

    token: SecretStr = SecretStr("")
    queries: tuple[str, ...] = ()
    newest_tokens: Annotated[int, Field(ge=0, le=10_000)] = 500
    backfill: bool = False
    base_url: str = "https://api.x.com"


class RedditFeed(Section):
    """Reddit's newest posts; off without an app's id and secret."""

    client_id: str = ""
    secret: SecretStr = SecretStr("")
    subreddits: tuple[str, ...] = ("CryptoMoonShots", "memecoins", "solana")


class FarcasterFeed(Section):
    """A Farcaster hub's events; off without a key or a hub of one's own."""

    key: SecretStr = SecretStr("")
    base_url: str = "https://snapchain-api.neynar.com"


class TelegramFeed(Section):
    """Channels that a bot is in; off without its token."""

    token: SecretStr = SecretStr("")
    base_url: str = "https://api.telegram.org"


class Intake(Section):
    """Posts that others send us over HTTP or a WebSocket; off without a token."""

    host: str = "127.0.0.1"
    port: Port = 9466
    token: SecretStr = SecretStr("")


class Social(Section):
    """Which posts are heard, and what is kept of them."""

    follow: tuple[FeedName, ...] = ()
    author_key: SecretStr = SecretStr("")
    text_hours: Hours = 72.0
    wait_hours: Hours = 72.0
    phishing_list: Path | None = None
    bluesky: Bluesky = Bluesky()
    rss: RssFeeds = RssFeeds()
    x: XFeed = XFeed()
    reddit: RedditFeed = RedditFeed()
    farcaster: FarcasterFeed = FarcasterFeed()
    telegram: TelegramFeed = TelegramFeed()
    intake: Intake = Intake()


class Market(Section):
    """Which exchanges are listened to, and for which pairs."""

    follow: tuple[VenueName, ...] = ()
    every_seconds: Seconds = 60.0
    listings_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3_600.0
    binance: tuple[str, ...] = (
        "ETH-USDT", "BTC-USDT", "BNB-USDT", "SOL-USDT", "POL-USDT", "AVAX-USDT", "CAKE-USDT",
        "USDC-USDT",
    )  # fmt: skip
    coinbase: tuple[str, ...] = (
        "ETH-USD", "BTC-USD", "SOL-USD", "POL-USD", "AVAX-USD", "AERO-USD", "USDT-USD",
    )  # fmt: skip
    kraken: tuple[str, ...] = (
        "ETH/USD", "BTC/USD", "SOL/USD", "POL/USD", "AVAX/USD", "BNB/USD", "USDT/USD", "USDC/USD",
        "DAI/USD",
    )  # fmt: skip
