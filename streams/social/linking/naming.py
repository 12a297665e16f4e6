"""Everything in a post that may name a token, read once; pure, and bounded whatever is posted."""

from __future__ import annotations

from typing import NamedTuple

from streams.posts import Post
from streams.social.linking.addresses import Found, addresses_in
from streams.social.linking.plain import folded, plain
from streams.social.linking.sites import Linked, linked, links_in
from streams.social.linking.tickers import hinted_chains, tickers_in

__all__ = ["Named", "named"]

MOST_NAMED = 12
"""Of each kind: a post that names more is a list, or means harm."""


class Named(NamedTuple):
    """What a post names, and what helps to tell which token that is."""

    links: list[Linked]
    addresses: list[Found]
    """Those of no link."""
    tickers: list[str]
    hints: frozenset[str]
    urls: list[str]
    """Every link of the post, whatever it leads to."""

    @property
    def anything(self) -> bool:
        """Whether it can speak of a token at all."""
        return bool(self.links or self.addresses or self.tickers)


def named(post: Post) -> Named:
    """What ``post`` names."""
    seen = plain(post.text)
    told = (each if "://" in each else f"https://{each}" for each in post.links)
    urls = list(dict.fromkeys([*told, *links_in(seen)]))
    links = list(dict.fromkeys(linked(urls)))[:MOST_NAMED]
    linked_to = {each.found.address for each in links}
    text = folded(seen)
    addresses = [each for each in addresses_in(text) if each.address not in linked_to][:MOST_NAMED]
    tickers = tickers_in(seen)[:MOST_NAMED]
    return Named(links, addresses, tickers, hinted_chains(text), urls)
