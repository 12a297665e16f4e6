"""A mint: supply, decimals, who may mint, freeze and more; and a token account: whose, how much.

Source: spl-token's ``state.rs`` and Token-2022's. The first 82 (mint) and 165 (account) bytes are
the same in both programs; Token-2022 puts a byte that says which of the two it is at 165, and its
extensions behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import based58
import msgspec

from streams.errors import Invalid
from streams.solana.spl.extensions import Fields, entries, extensions_in

__all__ = ["SPL_TOKEN", "TOKEN_2022", "Mint", "TokenAccount", "mint_from", "token_account_from"]

SPL_TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - a program's address
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"  # noqa: S105 - a program's address

_MINT = struct.Struct("<I32sQBBI32s")
_ACCOUNT = struct.Struct("<32s32sQI32sBIQQI32s")
_KIND_AT = 165
_IS_MINT, _IS_ACCOUNT = 1, 2
_FROZEN = 2
_FEE_AMOUNT = 2
_NOTHING: Fields = {}


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """What a mint's account says. ``None`` is nobody."""

    program: str
    supply: int
    decimals: int
    mint_authority: str | None
    freeze_authority: str | None
    extensions: Mapping[str, Fields] = {}
    """By name; see ``streams.solana.spl.extensions``."""

    def extension(self, name: str) -> Fields:
        """The fields of an extension; none where the mint does not have it."""
        return self.extensions.get(name, _NOTHING)


class TokenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds how much of which mint."""

    mint: str
    owner: str
    amount: int
    frozen: bool = False
    withheld: int = 0
    """What transfers to it lost: Token-2022 keeps the fee in the receiving account."""


def mint_from(data: bytes, program: str) -> Mint:
    """The mint in an account of ``program``; raises ``Invalid`` for bytes that are none."""
    if program not in (SPL_TOKEN, TOKEN_2022):
        raise Invalid("it belongs to no token program, so it is no mint", reason="not-a-mint")
    if len(data) < _MINT.size or (program == SPL_TOKEN and len(data) != _MINT.size):
        raise Invalid(f"{len(data):,} bytes are no mint", reason="not-a-mint")
    may_mint, minter, supply, decimals, ready, may_freeze, freezer = _MINT.unpack_from(data)
    if ready != 1 or may_mint > 1 or may_freeze > 1:
        raise Invalid("it is no mint that was set up", reason="not-a-mint")
    return Mint(
        program=program,
        supply=supply,
        decimals=decimals,
        mint_authority=_key(minter) if may_mint else None,
        freeze_authority=_key(freezer) if may_freeze else None,
        extensions=_extensions(data),
    )


def token_account_from(data: bytes, program: str) -> TokenAccount:
    """The token account in an account of ``program``; raises ``Invalid`` for bytes that are none.

    Of its extensions only the withheld fee is read.
    """
    if program not in (SPL_TOKEN, TOKEN_2022) or len(data) < _ACCOUNT.size:
        raise Invalid("it is no token account", reason="not-a-token-account")
    if len(data) > _KIND_AT and data[_KIND_AT] != _IS_ACCOUNT:
        raise Invalid("it is no token account", reason="not-a-token-account")
    mint, owner, amount, _, _, state, *_ = _ACCOUNT.unpack_from(data)
    if state not in (1, _FROZEN):
        raise Invalid("it is no token account that was set up", reason="not-a-token-account")
    return TokenAccount(
        mint=_key(mint), owner=_key(owner), amount=amount, frozen=state == _FROZEN,
        withheld=_withheld(data),
    )  # fmt: skip


def _extensions(data: bytes) -> dict[str, Fields]:
    if len(data) == _MINT.size:
        return {}
    if len(data) <= _KIND_AT or data[_KIND_AT] != _IS_MINT or any(data[_MINT.size : _KIND_AT]):
        raise Invalid("it is no mint: something else stands behind it", reason="not-a-mint")
    return extensions_in(data[_KIND_AT + 1 :])


def _withheld(data: bytes) -> int:
    """``TransferFeeAmount``, wherever it stands among an account's extensions; 0 without one."""
    for number, value in entries(data[_KIND_AT + 1 :]):
        if number == _FEE_AMOUNT and len(value) >= 8:
            return int.from_bytes(value[:8], "little")
    return 0


def _key(raw: bytes) -> str:
    return based58.b58encode(raw).decode()
