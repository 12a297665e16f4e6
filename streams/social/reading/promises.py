"""Whether a text promises returns: multiples, guarantees, doubled deposits, named future prices."""

from __future__ import annotations

import re

__all__ = ["promises_returns"]

_PROMISE = re.compile(
    r"(?i)\b(?:(?:easy|next|min(?:imum)?|guaranteed|going|will|potential|could)"
    r"\s+\d{2,5}\s?x\b|\d{3,5}\s?x\b(?:\s+(?:gem|potential|soon|guaranteed|coming))?"
    r"|\d{2,5}\s?x\s+(?:gem|potential|soon|guaranteed|coming|play|easy)"
    r"|guaranteed?\s+(?:profit|return|gain|income|pump)s?"
    r"|risk[- ]?free|can(?:'|no)t\s+(?:lose|go wrong)"
    r"|double\s+your|(?:\d+(?:\.\d+)?\s?%|daily|weekly)\s+(?:profit|return|roi|gain)s?"
    r"|(?:profit|return|roi)s?\s+of\s+\d+|\d+\s?%\s+(?:a|per)\s+(?:day|week|month)"
    r"|(?:send|deposit)\s+[\d.]+\s*\w+\s+(?:and\s+)?(?:get|receive)|passive\s+income"
    r"|(?:get|become)\s+rich|financial\s+freedom|millionaire)"
)


def promises_returns(text: str) -> bool:
    """Of a plain text."""
    return _PROMISE.search(text) is not None
