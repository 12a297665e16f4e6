"""What a text is like: copies, promises, phishing, sentiment, and how new its author is."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import UNSET

from streams.errors import Invalid
from streams.posts import Post
from streams.social.reading.copies import Copies
from streams.social.reading.newcomers import Newcomers
from streams.social.reading.phishing import Phishing, read_hosts
from streams.social.reading.promises import promises_returns
from streams.social.reading.sentiment import sentiment

START = datetime(2026, 1, 1, tzinfo=UTC)
PUSH = (
    "LAST CHANCE to buy $GEM before it moons, guaranteed 100x, join our telegram right now friends"
)


def test_near_copies_are_of_one_kind_and_others_are_not() -> None:
    """A word more, another link or case makes no other text; other words do."""
    copies = Copies()
    first = copies.kind(PUSH)
    assert copies.kind(PUSH.lower() + " !!!") == first
    assert copies.kind(PUSH + " dont sleep") == first
    assert copies.kind("I had soup for lunch and the cat is asleep on my keyboard again") != first


def test_an_exact_copy_agrees_after_a_restart() -> None:
    """The kind of a text follows from its words."""
    assert Copies().kind(PUSH) == Copies().kind(PUSH)
    assert len(Copies().kind("")) == 16


def test_kinds_are_kept_in_bounded_memory() -> None:
    """However many texts there are, two generations are remembered."""
    copies, chance = Copies(most=50), random.Random(1)
    for _ in range(2_000):
        copies.kind(" ".join(f"w{chance.randrange(10**9)}" for _ in range(12)))
    assert len(copies._young) + len(copies._old) <= 2 * 50 * 8 + 16


@pytest.mark.parametrize("text", [
    "easy 100x", "guaranteed profits daily", "this is risk-free money", "double your ETH today",
    "5% daily returns", "send 0.5 ETH and receive 1 ETH", "next 1000x gem", "financial freedom",
])  # fmt: skip
def test_promises_of_returns_are_seen(text: str) -> None:
    """Multiples, guarantees, doubled deposits."""
    assert promises_returns(text)


@pytest.mark.parametrize("text", [
    "I bought 100 of them", "the contract has 2x the supply", "it might go up or down",
    "my camera has a 10x zoom", "we returned home", "interest is 3% a year at my bank",
])  # fmt: skip
def test_plain_talk_promises_nothing(text: str) -> None:
    """Numbers alone are no promise."""
    assert not promises_returns(text)


@pytest.mark.parametrize("link", [
    "https://etherscan.io@evil.io/token", "https://dexscreener.com.evil.io/x",
    "https://uniswop.org/claim", "http://ethersc\u0430n.io/x", "https://kraken-login.com",
    "https://coinbase.com-help.net", "https://sub.listed.example/x",
    "https://xn--etherscn-76g.io/x",
])  # fmt: skip
def test_disguised_and_listed_hosts_phish(link: str) -> None:
    """A user's name, a prefix, a wrong letter, a Cyrillic one, bait, and a listed domain's part."""
    assert Phishing(["listed.example"]).in_links(["https://fine.example", link])


@pytest.mark.parametrize("link", [
    "https://etherscan.io/token/0x1", "https://www.binance.com/en", "https://app.uniswap.org/swap",
    "https://example.org/etherscan.io", "https://binance.us", "https://notlisted.example", "x",
    "https://[broken", "https://unison.org",
])  # fmt: skip
def test_honest_hosts_do_not(link: str) -> None:
    """The real ones, their parts, a path that names one, and what is no link."""
    assert not Phishing(["listed.example"]).in_links([link])


def test_lists_of_others_are_read(tmp_path: Path) -> None:
    """Lines, a JSON list, and the shape of eth-phishing-detect; another file is one clear line."""
    lines, wallet = tmp_path / "a", tmp_path / "b"
    lines.write_text("# hosts\nevil.example\n\n")
    wallet.write_text('{"blacklist": ["evil.example", 3], "whitelist": []}')
    assert read_hosts(lines) == read_hosts(wallet) == ["evil.example"]
    wallet.write_text("{broken")
    for bad in (wallet, tmp_path / "absent"):
        with pytest.raises(Invalid, match="no list of hosts"):
            read_hosts(bad)


def test_sentiment_knows_the_words_of_the_trade() -> None:
    """The moon is glad, a rug is not, and plain words are neither."""
    assert sentiment("to the moon, absolute gem, lfg") > 0.5
    assert sentiment("dev rugged, total scam, got rekt") < -0.5
    assert abs(sentiment("the pool has two tokens")) < 0.2


def post(author: str, hours: float, since: datetime | None = None) -> Post:
    """A word of somebody."""
    at = START + timedelta(hours=hours)
    return Post(feed="x", post="1", author=author, text="", said_at=at, at=at,
                author_since=since or UNSET)  # fmt: skip


def test_new_accounts_are_told_by_age_or_by_never_having_been_heard() -> None:
    """An account's age decides where it is known; else the first day nobody knows."""
    people = Newcomers()
    old, young = START - timedelta(days=90), START - timedelta(days=2)
    assert people.is_fresh(post("a" * 16, 0)) is UNSET
    assert people.is_fresh(post("b" * 16, 0, old)) is False
    assert people.is_fresh(post("c" * 16, 0, young)) is True
    assert people.is_fresh(post("a" * 16, 30)) is False
    assert people.is_fresh(post("d" * 16, 30)) is True
