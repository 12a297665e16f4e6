"""Text that strangers wrote comes out as one visible line."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.text import MARKS_PER_LETTER, sanitise

HOSTILE = st.text(
    st.one_of(
        st.characters(),  # surrogates too
        st.sampled_from(
            "\u202e\u2066\u200b\ufeff\x00\x1b\n\t\u034f\u0301\u20dd\u3164\ufe0f\ufdfa "
        ),
    ),
    max_size=200,
)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("PEPE 2.0", "PEPE 2.0"),
        ("  two \t\r\n lines\u2028and more\u00a0", "two lines and more"),
        ("safe\u202egnur\u202c", "safegnur"),
        ("\u2066iso\u2069late", "isolate"),
        ("a\u200bb\u200dc\ufeffd\u00ade", "abcde"),
        ("\x1b[31mred\x07\x00", "[31mred"),
        ("\ue000private\U000f0000", "private"),
        ("\ud800lone\udfff", "lone"),
        ("\u0378unassigned", "unassigned"),
        ("Ｆｕｌｌ Ｗｉｄｔｈ ①", "Full Width 1"),
        ("e\u0301", "é"),
        ("a" + "\u0316" * 50 + "b", "a" + "\u0316" * MARKS_PER_LETTER + "b"),
        ("\u0301\u0301 \u0301name", "name"),
        ("\u3164\u2800\ufe0f\u034f", ""),
        ("hidden\U000e0041\U000e0042\U000e0100", "hidden"),
        ("🚀 moon", "🚀 moon"),
        ("狗币", "狗币"),
        ("", ""),
    ],
)
def test_known_tricks_are_disarmed(dirty: str, clean: str) -> None:
    """Each trick that deployers use leaves only what a person can see."""
    assert sanitise(dirty, 64) == clean


def test_length_is_capped_without_a_trailing_space() -> None:
    """The cap counts what comes out, and cutting between words leaves no space behind."""
    assert sanitise("abc def", 4) == "abc"
    assert sanitise("x" * 10_000_000, 8) == "x" * 8
    assert sanitise("anything", 0) == ""


@given(HOSTILE, st.integers(0, 80))
@example("\u00a8\u0301x", 8)
@example("\u1100\u0301\u0301\u0301\u0301\u1161", 8)
def test_any_text_becomes_one_visible_line(text: str, limit: int) -> None:
    """Whatever goes in: short enough, printable, no outer or double space, normal form."""
    out = sanitise(text, limit)
    assert len(out) <= limit
    assert out == " ".join(out.split(" ")).strip()
    assert "  " not in out
    assert out.isprintable()
    assert unicodedata.is_normalized("NFKC", out)
    assert not any(unicodedata.category(char).startswith("C") for char in out)


@given(HOSTILE, st.integers(0, 80))
def test_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    """A stage need not know whether the stage before it has cleaned."""
    once = sanitise(text, limit)
    assert sanitise(once, limit) == once


def test_every_code_point_is_safe_alone_and_between_letters() -> None:
    """No single character of Unicode survives in an unprintable form or joins two lines."""
    for code in range(sys.maxunicode + 1):
        out = sanitise(f"a{chr(code)}b", 64)
        assert out.isprintable(), hex(code)
        assert out[0] != " ", hex(code)
        assert unicodedata.is_normalized("NFKC", out), hex(code)
