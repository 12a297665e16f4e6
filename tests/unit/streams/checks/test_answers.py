"""Failures as reasons: one short line that names no node."""

from __future__ import annotations

from streams.checks.answers import MOST_TEXT, told
from streams.errors import Retry


def test_a_reason_names_no_node() -> None:
    """A provider's host may be as good as a key; why it did not answer is kept."""
    said = told(Retry("base wss://abc123.quiknode.pro:443: no answer within 10 s"))
    assert said == "base a node: no answer within 10 s"


def test_a_reason_is_short() -> None:
    """A stranger's text does not make it longer."""
    assert len(told(Retry("x" * 10_000))) == MOST_TEXT
