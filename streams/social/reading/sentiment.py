"""How glad a text is, -1 to 1: VADER's lexicon and rules [1], with the words of this trade.

[1] C. Hutto, E. Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social
    media text", ICWSM 2014.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["sentiment"]

MOST_CHARS = 1_000
WORDS = {
    "moon": 2.0, "mooning": 2.4, "bullish": 2.4, "bull": 1.0, "gem": 2.0, "lfg": 2.4, "pump": 1.2,
    "pumping": 1.6, "100x": 2.4, "1000x": 2.6, "wagmi": 2.0, "ath": 1.6, "based": 1.2, "hodl": 0.8,
    "rug": -3.0, "rugged": -3.4, "rugpull": -3.4, "honeypot": -3.0, "scam": -3.2, "scammer": -3.2,
    "dump": -2.0, "dumped": -2.2, "dumping": -2.2, "bearish": -2.2, "rekt": -2.6, "ngmi": -2.0,
    "jeet": -1.6, "jeets": -1.6, "drained": -2.8, "exploit": -2.2, "hacked": -2.8, "ponzi": -3.0,
}  # fmt: skip


def sentiment(text: str) -> float:
    """Of a plain text."""
    return float(_analyser().polarity_scores(text[:MOST_CHARS])["compound"])


@cache
def _analyser() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - on use

    analyser = SentimentIntensityAnalyzer()
    analyser.lexicon.update(WORDS)
    return analyser
