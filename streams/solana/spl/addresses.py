"""Addresses that follow from others: a wallet's own token account, and who is no wallet."""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

from streams.errors import Invalid

__all__ = ["ASSOCIATED", "INCINERATOR", "SYSTEM", "associated", "derived", "is_wallet", "pubkey"]

ASSOCIATED = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
SYSTEM = "11111111111111111111111111111111"
INCINERATOR = "1nc1nerator11111111111111111111111111111111"
"""What is sent there is destroyed at the end of the slot (Agave), or can be moved by nobody."""


def pubkey(address: str) -> Pubkey:
    """The key of an address; raises ``Invalid`` for text that is none."""
    try:
        return Pubkey.from_string(address)
    except ValueError as error:
        raise Invalid("it is no Solana address", reason="address") from error


@lru_cache(maxsize=16_384)
def derived(program: str, *seeds: bytes) -> str:
    """The address that a program derives from seeds."""
    return str(Pubkey.find_program_address(list(seeds), pubkey(program))[0])


def associated(owner: str, mint: str, program: str) -> str:
    """The token account that wallets make for ``owner``, of a mint of token program ``program``."""
    return derived(ASSOCIATED, bytes(pubkey(owner)), bytes(pubkey(program)), bytes(pubkey(mint)))


def is_wallet(address: str) -> bool:
    """Whether a key of it may exist: what a program derives lies off the curve."""
    return bool(pubkey(address).is_on_curve())
