"""What an HTTP answer means for a delivery: sent, try again (when), or never.

Pure, and shared by every sink that speaks HTTP. Source of the classes: RFC 9110 chapter 15 and,
for 425 and 429, RFC 8470 and RFC 6585.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from alerts.sink import Answer, Refusal, Sent

__all__ = ["answer_to", "retry_after_seconds"]

RETRY_AFTER_MAX_SECONDS = 86_400.0
"""A receiver that asks for more than a day is taken to mean a day."""

AUTH = frozenset({401, 403})
TRY_AGAIN = frozenset({408, 425, 429})


def answer_to(status: int, retry_after: str | None, now: datetime) -> Answer:
    """The answer behind an HTTP status and its ``Retry-After`` header.

    Redirects are refused, not followed: a signed message goes where the user said, or nowhere.
    """
    if 200 <= status < 300:
        return Sent()
    if status in TRY_AGAIN or status >= 500:
        reason = "rate-limited" if status == 429 else f"http-{status}"
        return Refusal(reason, retry_after_seconds(retry_after, now))
    if status in AUTH:
        return Refusal("auth", permanent=True)
    reason = "redirected" if 300 <= status < 400 else f"http-{status}"
    return Refusal(reason, permanent=True)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header: a number or an HTTP date (RFC 9110, 10.2.3).

    ``None`` when there is none or it makes no sense; never negative, never over a day.
    """
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        seconds = _seconds_until(value, now)
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)


def _number(value: str) -> float | None:
    """Whole seconds by the RFC; some services send a fraction."""
    try:
        return float(value)
    except ValueError:
        return None


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": UTC by RFC 5322
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
