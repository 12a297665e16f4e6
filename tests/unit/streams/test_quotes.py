"""Which of a pool's two assets it is priced in."""

from __future__ import annotations

import based58
import pytest

from streams.quotes import QUOTES, WRAPPED_COIN, quote_of

TOKEN = "0xffffffffffffffffffffffffffffffffffffffff"
WETH, _, USDC = list(QUOTES["ethereum"])[:3]


@pytest.mark.parametrize("chain", sorted(QUOTES))
def test_every_quote_is_found_on_either_side(chain: str) -> None:
    """Each known quote asset is the quote against a stranger, whichever side it is on."""
    for quote in QUOTES[chain]:
        assert quote_of(chain, quote, TOKEN) == quote
        assert quote_of(chain, TOKEN, quote) == quote


def test_the_better_known_asset_is_the_quote() -> None:
    """Of two quote assets the one listed first is the quote, whatever the order."""
    assert quote_of("ethereum", USDC, WETH) == WETH
    assert quote_of("ethereum", WETH, USDC) == WETH


def test_strangers_have_no_quote() -> None:
    """Two unknown assets have no quote, nor has any pool of an unknown chain."""
    assert quote_of("ethereum", TOKEN, "0x01") is None
    assert quote_of("atlantis", WETH, TOKEN) is None


@pytest.mark.parametrize("chain", sorted(QUOTES))
def test_addresses_are_in_the_form_that_events_have(chain: str) -> None:
    """Addresses are as events have them: lower-case hex of 20 bytes, or Solana's base58 of 32."""
    for address, quote in QUOTES[chain].items():
        if chain == "solana":
            assert len(based58.b58decode(address.encode())) == 32
            continue
        assert address == address.lower()
        assert len(bytes.fromhex(address.removeprefix("0x"))) == 20
        assert 0 < quote.decimals <= 18


def test_the_wrapped_coin_is_the_best_known_quote() -> None:
    """A chain's wrapped native coin comes first in its list."""
    assert QUOTES["ethereum"][WRAPPED_COIN["ethereum"]].symbol == "WETH"
    assert QUOTES["polygon"][WRAPPED_COIN["polygon"]].symbol == "WMATIC"
