"""Cashtags of a text: a ``$`` and a ticker, and not one of the many prices that look like one."""

from __future__ import annotations

import re

__all__ = ["hinted_chains", "tickers_in"]

_CASHTAG = re.compile(r"(?<![\w$])\$([^\W_]{2,15})(?![\w$])")
_PRICE = re.compile(
    r"(?i)\d+(?:[kmbt]|mm|bn|mn|tn|mil|mill|million|billion|trillion|usd[tc]?|eth|sol|bnb|btc|eur|x"
    r"|c|cents?|ish|s|hr|h|d|day|week|month|mo|yr|pa|pm|am|each|ea|mc|mcap|fdv|liq|vol|ath|only|off"
    r"|plus|per|to|in|at|and|a)?"
)
_HINTS = re.compile(
    r"(?i)(?:\b(?P<ethereum>ethereum|erc-?20|(?:on|#)\s?eth(?:\s+(?:chain|mainnet))?|eth\s+chain)\b"
    r"|(?:(?:\bon\s+|#)(?P<base>base)\b|\b(?:base\s?chain|base\s+network|coinbase\s+l2)\b)"
    r"|\b(?P<solana>solana|spl\s+token|pump\.?fun)\b|(?:\bon\s+|#)(?P<sol>sol)\b"
    r"|\b(?P<bnb>bsc|bep-?20|bnb\s+chain|binance\s+smart\s+chain)\b|(?:\bon\s+|#)(?P<bnb2>bnb)\b"
    r"|\b(?P<arbitrum>arbitrum)\b|(?:\bon\s+|#)(?P<arb>arb)\b"
    r"|\b(?P<polygon>polygon)\b|\b(?P<avalanche>avalanche|avax\s+chain)\b|(?:\bon\s+|#)(?P<avax>avax)\b"
    r"|\bon\s+(?P<optimism>optimism)\b|\b(?P<unichain>unichain)\b)"
)
_CHAIN_OF = {"sol": "solana", "bnb2": "bnb", "arb": "arbitrum", "avax": "avalanche"}


def tickers_in(text: str) -> list[str]:
    """The tickers of a plain text in upper case, in order and once; prices are none."""
    if "$" not in text:
        return []
    found = [match[1] for match in _CASHTAG.finditer(text)]
    return list(dict.fromkeys(
        ticker.upper() for ticker in found
        if not _PRICE.fullmatch(ticker) and not ticker.isdigit() and any(map(str.isalpha, ticker))
    ))  # fmt: skip


def hinted_chains(text: str) -> frozenset[str]:
    """The chains that the text speaks of in words that mean little else."""
    found = {
        name for match in _HINTS.finditer(text) for name, said in match.groupdict().items() if said
    }
    if re.search(r"(?i)\bbase\s?chain\b|\bbase\s+network\b|\bcoinbase\s+l2\b", text):
        found.add("base")
    return frozenset(_CHAIN_OF.get(name, name) for name in found)
