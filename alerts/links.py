"""Where to look a token up: explorers and charts that we chose, never a link from a token.

Pure. An address that is not made of letters and digits alone gets no link.
"""

from __future__ import annotations

import re

from msgspec import UnsetType

from streams.events import Verdict

__all__ = ["links"]

EXPLORERS = {
    "ethereum": "https://etherscan.io/token/",
    "base": "https://basescan.org/token/",
    "bsc": "https://bscscan.com/token/",
    "polygon": "https://polygonscan.com/token/",
    "arbitrum": "https://arbiscan.io/token/",
    "optimism": "https://optimistic.etherscan.io/token/",
    "avalanche": "https://snowtrace.io/token/",
    "solana": "https://solscan.io/token/",
}
CHARTS = "https://dexscreener.com/"
CHART_CHAINS = frozenset(EXPLORERS)
"""DEX Screener calls these chains as we do."""

_PLAIN = re.compile(r"[0-9A-Za-z]{1,128}")


def links(verdict: Verdict) -> dict[str, str]:
    """Name to address: ``explorer`` and ``chart``, as far as the chain has them."""
    found: dict[str, str] = {}
    token = "" if isinstance(verdict.token_address, UnsetType) else verdict.token_address
    if verdict.chain in EXPLORERS and _PLAIN.fullmatch(token):
        found["explorer"] = EXPLORERS[verdict.chain] + token
    if verdict.chain in CHART_CHAINS and _PLAIN.fullmatch(verdict.pool):
        found["chart"] = f"{CHARTS}{verdict.chain}/{verdict.pool}"
    return found
