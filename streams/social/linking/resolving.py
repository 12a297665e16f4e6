"""Which launched token is meant by what a post names: pure, and never a guess.

An address is the token that has it, or whose pool has it. Where several chains have one at the same
address, the post must say which. A ticker is a token of that symbol which could be traded when the
post was written, not too long ago, on the chain that the post speaks of if it does; of several the
one that holds ten times what any other does; and never one that merely shares its ticker with a
coin that everybody knows. Everything else stays unresolved, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import disarm

from streams.mentions import How
from streams.social.linking.addresses import Found
from streams.social.linking.naming import Named

__all__ = ["Resolution", "Token", "Unresolved", "Who", "resolve"]

TICKER_DAYS = 30
AHEAD_HOURS = 72
"""So long before its launch a token may be spoken of by its ticker."""
DOMINANCE = 10.0
WORTH_A_WORD_USD = 50.0
"""A pool that holds less is dead: nobody's post is about it."""
DAY_S, HOUR_S = 86_400.0, 3_600.0
STABLE = frozenset({"USDC", "USDT", "DAI", "BUSD", "USDBC", "USDC.E", "USDT.E", "USDT0", "USD1"})


class Token(NamedTuple):
    """A launched token, as far as linking needs to know it."""

    chain: str
    token: str
    pool: str
    symbol: str
    launched: float
    """UNIX time."""
    reserve: float
    """What its pool holds, in whole quote units."""
    quote: str

    def usd(self, worth: Mapping[str, float]) -> float | None:
        """What its pool holds in dollars; ``None`` where nobody says what the quote is worth."""
        price = 1.0 if self.quote.upper() in STABLE else worth.get(self.quote.upper())
        return None if price is None else self.reserve * price


class Unresolved(NamedTuple):
    """What may name a token that is not known yet: an address or a ticker, and why it is open."""

    name: str
    chain: str
    """Where the post says so; else empty."""
    how: How
    why: str


class Resolution(NamedTuple):
    """The tokens of a post, each once, and what is left."""

    links: list[tuple[Token, How]]
    unresolved: list[Unresolved]


class Who(NamedTuple):
    """What is known of tokens."""

    by_address: Callable[[str], Sequence[Token]]
    by_symbol: Callable[[str], Sequence[Token]]
    worth: Mapping[str, float]
    """Dollars of a whole unit of each quote, by its symbol in upper case."""
    majors: Collection[str]
    """Tickers of coins that everybody knows."""


def resolve(named: Named, at: float, who: Who) -> Resolution:
    """The tokens that are meant, as of ``at`` (UNIX time), and what is not told."""
    links: dict[tuple[str, str], tuple[Token, How]] = {}
    left: list[Unresolved] = []
    for each in named.links:
        _by_address(each.found, each.chain, "link", named, who, links, left)
    for found in named.addresses:
        _by_address(found, "", "address", named, who, links, left)
    for ticker in named.tickers:
        _by_ticker(ticker, at, named, who, links, left)
    return Resolution(list(links.values()), left)


def _by_address(
    found: Found,
    chain: str,
    how: How,
    named: Named,
    who: Who,
    links: dict[tuple[str, str], tuple[Token, How]],
    left: list[Unresolved],
) -> None:
    known = [each for each in who.by_address(found.address) if chain in ("", each.chain)]
    tokens = {(each.chain, each.token): each for each in known}
    if len(tokens) > 1:
        tokens = {key: each for key, each in tokens.items() if each.chain in named.hints}
        if len(tokens) != 1:
            left.append(Unresolved(found.address, chain, how, "several-chains"))
            return
    for key, token in tokens.items():
        links.setdefault(key, (token, how))
    if not tokens:
        left.append(
            Unresolved(found.address, chain, how, "not-launched" if found.sure else "checksum")
        )


def _by_ticker(
    ticker: str,
    at: float,
    named: Named,
    who: Who,
    links: dict[tuple[str, str], tuple[Token, How]],
    left: list[Unresolved],
) -> None:
    if any(token.symbol.upper() == ticker for token, _ in links.values()):
        return  # said already which one is meant
    why = ""
    token = None
    if ticker in who.majors:
        why = "known-coin"
    elif any(each.how != "cashtag" for each in left):
        why = "may-be-another"  # of an address beside it that nobody knows yet
    else:
        token, why = _chosen(list(who.by_symbol(ticker)), at, named.hints, who.worth)
        if why == "not-launched" and _seems(ticker, who):
            why = "homograph"
    if token is not None:
        links[token.chain, token.token] = (token, "cashtag")
    else:
        chain = next(iter(named.hints)) if len(named.hints) == 1 else ""
        left.append(Unresolved(ticker, chain, "cashtag", why))


def _chosen(
    tokens: list[Token], at: float, hints: Collection[str], worth: Mapping[str, float]
) -> tuple[Token | None, str]:
    if not tokens:
        return None, "not-launched"
    timely = [each for each in tokens
              if -AHEAD_HOURS * HOUR_S <= at - each.launched <= TICKER_DAYS * DAY_S]  # fmt: skip
    there = [each for each in timely if not hints or each.chain in hints]
    if not there:
        return None, "other-chain" if timely else "other-time"
    if len({(each.chain, each.token) for each in there}) == 1:
        best = max(there, key=lambda each: each.reserve)
        usd = best.usd(worth)
        dead = best.reserve <= 0 or (usd is not None and usd < WORTH_A_WORD_USD)
        return (None, "dead") if dead else (best, "")
    valued = [(each.usd(worth), each) for each in there]
    if any(usd is None for usd, _ in valued):
        return None, "ambiguous"
    ranked = sorted(((usd or 0.0, each) for usd, each in valued), key=lambda one: -one[0])
    usd, best = ranked[0]
    others = [
        value for value, each in ranked if each.token != best.token or each.chain != best.chain
    ]
    if usd < WORTH_A_WORD_USD or usd < DOMINANCE * max(others):
        return None, "ambiguous"
    return best, ""


def _seems(ticker: str, who: Who) -> bool:
    """Whether a ticker of other letters looks like one that is known."""
    if ticker.isascii():
        return False
    skeleton = str(disarm.normalize_confusables(ticker)).upper()
    return skeleton in who.majors or bool(who.by_symbol(skeleton))
