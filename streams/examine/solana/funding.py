"""Where a wallet comes from: its first transaction, and who paid it there.

Nodes list what an address had part in from the newest backwards, a thousand at a time: the first is
found of wallets that are young, as those of a maker's helpers are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams.errors import Invalid, Retry
from streams.examine.solana.slotview import SlotView

__all__ = ["First", "first_of", "payer_of", "sender_of_tokens"]

MOST_KEYS = 256
"""Accounts of one transaction: its index of each is a byte."""


class First(msgspec.Struct, frozen=True):
    """A wallet's first transaction."""

    at: float
    """UNIX seconds."""
    funder: str
    """Who paid it then; empty where it paid for itself."""
    transactions: int
    """How many it has had part in."""


async def first_of(view: SlotView, wallet: str) -> First:
    """Its first transaction. Raises ``Invalid`` for a wallet with a long past, and ``Retry``."""
    listed, whole = await view.signatures(wallet)
    if not whole:
        raise Invalid("it has more than 1,000 transactions", reason="too-large")
    if not listed:
        raise Invalid("it has no transactions", reason="creator")
    oldest = listed[-1]
    node = await view.transaction(oldest.signature)
    at = oldest.block_time or node.get("blockTime")
    if not isinstance(at, int | float):
        raise Retry("a node does not say when a block was made")
    return First(float(at), payer_of(node, wallet), len(listed))


def payer_of(node: Mapping[str, Any], wallet: str) -> str:
    """Whoever lost most SOL where the wallet gained some; empty for nobody else.

    Raises ``Invalid`` for a transaction without balances.
    """
    keys, before, after = _balances(node)
    changes = {key: b - a for key, a, b in zip(keys, before, after, strict=False)}
    if changes.pop(wallet, 0) <= 0 or not changes:
        return ""
    payer = min(changes, key=lambda each: changes[each])
    return payer if changes[payer] < 0 else ""


def _balances(node: Mapping[str, Any]) -> tuple[list[str], Sequence[int], Sequence[int]]:
    """Accounts, and their lamports before and after a transaction; raises ``Invalid``."""
    meta, body = _mapping(node.get("meta")), _mapping(node.get("transaction"))
    listed = _mapping(body.get("message")).get("accountKeys")
    loaded = _mapping(meta.get("loadedAddresses"))
    found = [*_list(listed), *_list(loaded.get("writable")), *_list(loaded.get("readonly"))]
    keys = [each.get("pubkey") if isinstance(each, dict) else each for each in found[:MOST_KEYS]]
    before, after = _list(meta.get("preBalances")), _list(meta.get("postBalances"))
    if not all(isinstance(each, int) for each in (*before, *after)):
        raise Invalid("a node's transaction has no balances", reason="garbage")
    return [each if isinstance(each, str) else "" for each in keys], before, after


def sender_of_tokens(node: Mapping[str, Any], mint: str, to: str) -> str:
    """Who had less of ``mint`` after a transaction in which ``to`` got some; empty for nobody."""
    meta = _mapping(node.get("meta"))
    change: dict[str, int] = {}
    for sign, name in ((-1, "preTokenBalances"), (1, "postTokenBalances")):
        for each in _list(meta.get(name)):
            row = _mapping(each)
            amount = _mapping(row.get("uiTokenAmount")).get("amount")
            owner = row.get("owner")
            if row.get("mint") == mint and isinstance(owner, str):
                change[owner] = change.get(owner, 0) + sign * _whole(amount)
    if change.pop(to, 0) <= 0 or not change:
        return ""
    sender = min(change, key=lambda each: change[each])
    return sender if change[sender] < 0 else ""


def _whole(text: Any) -> int:
    fits = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 20
    return int(text) if fits else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
