"""Whom a name pretends to be: by its looks, not by its letters, and never itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.examine.impersonation import impersonated
from streams.quotes import QUOTES

STRANGER = "0x00000000000000000000000000000000000000cc"
PEPE = "0x6982508145454ce325ddbe47a25d4ec3d2311933"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("USDT", "USDT"),
        ("usd\u0422", "USDT"),  # Cyrillic
        ("T\u0435ther USD", "USDT"),
        ("P\u00e9pe", "PEPE"),
        ("USDT\u200b", "USDT"),  # zero width
        ("Ethereum", "Ethereum"),
        ("Glass Pineapple", ""),
        ("", ""),
    ],
)
def test_looks_decide(text: str, symbol: str) -> None:
    """Look-alike letters, accents, invisible ones and case make no difference."""
    assert impersonated("ethereum", STRANGER, [text]) == symbol


def test_nobody_impersonates_themselves() -> None:
    """The real token at its own address is none, whichever of its names is asked about."""
    assert impersonated("ethereum", PEPE, ["Pepe", "PEPE"]) == ""
    for chain, quotes in QUOTES.items():
        for address, quote in quotes.items():
            if chain != "solana" and int(address, 16):
                assert impersonated(chain, address, [quote.symbol]) == ""


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    """Nothing that a stranger can write raises."""
    assert isinstance(impersonated("base", STRANGER, [text]), str)
