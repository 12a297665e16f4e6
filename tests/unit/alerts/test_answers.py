"""An HTTP answer is one of: sent, try again, never."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.answers import RETRY_AFTER_MAX_SECONDS, answer_to, retry_after_seconds
from alerts.sink import Answer, Refusal, Sent

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Sent()),
        (204, Sent()),
        (301, Refusal("redirected", permanent=True)),
        (307, Refusal("redirected", permanent=True)),
        (400, Refusal("http-400", permanent=True)),
        (401, Refusal("auth", permanent=True)),
        (403, Refusal("auth", permanent=True)),
        (404, Refusal("http-404", permanent=True)),
        (408, Refusal("http-408")),
        (413, Refusal("http-413", permanent=True)),
        (425, Refusal("http-425")),
        (429, Refusal("rate-limited")),
        (500, Refusal("http-500")),
        (503, Refusal("http-503")),
        (999, Refusal("http-999")),
    ],
)
def test_each_class_of_status_has_its_consequence(status: int, answer: Answer) -> None:
    """What may pass is tried again; what will not is not."""
    assert answer_to(status, None, NOW) == answer


def test_a_wait_that_is_asked_for_is_kept() -> None:
    """The receiver's own wait goes with every refusal that may pass."""
    assert answer_to(429, "30", NOW) == Refusal("rate-limited", 30.0)
    assert answer_to(503, "1.5", NOW) == Refusal("http-503", 1.5)
    assert answer_to(400, "30", NOW) == Refusal("http-400", permanent=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("0", 0.0),
        ("10072", 10072.0),
        ("-5", 0.0),
        ("inf", RETRY_AFTER_MAX_SECONDS),
        ("1e300", RETRY_AFTER_MAX_SECONDS),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 12:01:30 -0000", 90.0),
        ("Sunday, 22-Nov-26 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 13:01:30 +0100", 90.0),
        ("Sun, 22 Nov 2020 12:00:00 GMT", 0.0),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """Both forms of RFC 9110, the past, the absurd and the unreadable."""
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ .{0,6}"))
def test_any_header_gives_a_sane_wait_or_none(value: str) -> None:
    """No server can make us wait a negative time, for ever, or stop."""
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER_MAX_SECONDS
