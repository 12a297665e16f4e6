"""Whom a token pretends to be: a name that looks like a known one, at another address.

Pure. Two names look alike when their skeletons are the same (Unicode UTS 39, section 4): look-alike
letters, invisible ones and case make no difference. That many tokens honestly share a short name is
for the reader to weigh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import disarm
import msgspec

from streams.quotes import QUOTES

__all__ = ["impersonated", "known_symbols"]


class _Token(msgspec.Struct, frozen=True):
    name: str
    symbol: str
    addresses: dict[str, str] = {}


class _Table(msgspec.Struct, frozen=True):
    coins: tuple[str, ...]
    tokens: tuple[_Token, ...]


_table = msgspec.toml.decode(files(__package__).joinpath("known.toml").read_bytes(), type=_Table)


def impersonated(chain: str, token: str, texts: Iterable[str]) -> str:
    """The symbol of the known token that ``texts`` pretend to; empty for none, and for itself."""
    known = _known(chain)
    for text in texts:
        found = known.get(_skeleton(text))
        if found is not None and token not in found[1]:
            return found[0]
    return ""


def known_symbols() -> frozenset[str]:
    """The tickers of coins and tokens that everybody knows, in upper case."""
    quotes = {quote.symbol for table in QUOTES.values() for quote in table.values()}
    tokens = {token.symbol for token in _table.tokens}
    return frozenset(each.upper() for each in {*_table.coins, *tokens, *quotes})


@cache
def _known(chain: str) -> Mapping[str, tuple[str, frozenset[str]]]:
    """By skeleton: the symbol as its owners write it, and where on ``chain`` it really is."""
    at: dict[str, set[str]] = {}
    written: dict[str, str] = {}

    def add(text: str, symbol: str, addresses: Iterable[str]) -> None:
        written.setdefault(_skeleton(text), symbol)
        at.setdefault(_skeleton(text), set()).update(addresses)

    for coin in _table.coins:
        add(coin, coin, ())
    for address, quote in QUOTES.get(chain, {}).items():
        add(quote.symbol, quote.symbol, [address])
    for token in _table.tokens:
        here = {
            *(address for address, quote in QUOTES.get(chain, {}).items()
              if quote.symbol.startswith(token.symbol)),
            *([token.addresses[chain]] if chain in token.addresses else []),
        }  # fmt: skip
        add(token.name, token.symbol, here)
        add(token.symbol, token.symbol, here)
    return {key: (written[key], frozenset(at[key])) for key in at}


def _skeleton(text: str) -> str:
    return str(disarm.skeleton_key(disarm.strip_accents(text))).strip()
