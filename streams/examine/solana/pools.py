"""A pool's account: which venue, which vaults, what it holds, which LP token it has.

Anchor programs' accounts are read by their layouts (``streams.solana.programs``). Raydium's AMM v4
is older than Anchor: its 752 bytes are ``liquidityStateV4Layout`` of Raydium's SDK (npm, 0.2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from streams.errors import Invalid
from streams.solana.programs import PROGRAMS, program_of
from streams.solana.sightings import NOBODY, WSOL, address

__all__ = ["VENUES_OF_MINTS", "Pool", "pool_from", "progress_of", "real_quote_of"]

Fields = Mapping[str, Any]

RAYDIUM_V4 = "raydium-v4"
V4_SIZE = 752
_V4_KEYS_AT = 336
_V4_KEYS = (
    "coin_vault", "pc_vault", "coin_mint", "pc_mint", "lp_mint", "open_orders", "market",
    "market_program", "target_orders", "withdraw_queue", "lp_vault", "owner",
)  # fmt: skip
_V4_LP_AT = 720
PUMP_FIRST_TOKENS = 793_100_000 * 10**6
"""Tokens that a pump.fun curve sells (``initial_real_token_reserves`` of its ``Global``)."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as its account says it. Sides are the venue's: 0 base, coin, a or x; 1 the other."""

    address: str
    venue: str
    mint0: str
    mint1: str
    vault0: str = ""
    vault1: str = ""
    """Empty where the venue's account does not name them."""
    lp_mint: str = ""
    lp_supply: int = 0
    """LP tokens that were ever made and not redeemed: one that was burnt still counts."""
    fields: Fields = {}

    def vaults_of(self, token: str) -> tuple[str, str]:
        """The vault of ``token`` and that of the other asset; raises ``Invalid``."""
        if token == self.mint0:
            return self.vault0, self.vault1
        if token == self.mint1:
            return self.vault1, self.vault0
        raise Invalid("the pool is of other tokens", reason="pool")


class _Sides(msgspec.Struct, frozen=True):
    """The names of a venue's fields, and where its account has them."""

    account: str
    mint0: str
    mint1: str
    vault0: str
    vault1: str
    lp_mint: str = ""
    offsets: tuple[int, int] = (0, 0)
    """Of the mints, for a search."""


_VENUES: Mapping[str, _Sides] = {
    "pump-swap": _Sides(
        "Pool", "base_mint", "quote_mint", "pool_base_token_account", "pool_quote_token_account",
        "lp_mint", (43, 75),
    ),
    "raydium-cpmm": _Sides(
        "PoolState", "token_0_mint", "token_1_mint", "token_0_vault", "token_1_vault", "lp_mint",
        (168, 200),
    ),
    "raydium-clmm": _Sides(
        "PoolState", "token_mint_0", "token_mint_1", "token_vault_0", "token_vault_1",
        offsets=(73, 105),
    ),
    "raydium-launchlab": _Sides(
        "PoolState", "base_mint", "quote_mint", "base_vault", "quote_vault", offsets=(205, 237)
    ),
    "orca-whirlpool": _Sides(
        "Whirlpool", "token_mint_a", "token_mint_b", "token_vault_a", "token_vault_b",
        offsets=(101, 181),
    ),
    "meteora-dlmm": _Sides(
        "LbPair", "token_x_mint", "token_y_mint", "reserve_x", "reserve_y", offsets=(88, 120)
    ),
    "meteora-damm-v2": _Sides(
        "Pool", "token_a_mint", "token_b_mint", "token_a_vault", "token_b_vault",
        offsets=(168, 200),
    ),
}  # fmt: skip

VENUES_OF_MINTS: Mapping[str, tuple[str, tuple[int, int]]] = {
    **{venue: (program_of(venue).id, sides.offsets) for venue, sides in _VENUES.items()},
    RAYDIUM_V4: (program_of(RAYDIUM_V4).id, (400, 432)),
}
"""By venue: its program, and where its pools' accounts have their two mints. A pump.fun curve has
none: its address follows from the mint."""


def pool_from(where: str, owner: str, data: bytes, *, mint: str = "") -> Pool:
    """The pool in an account of ``owner``; raises ``Invalid`` for what is none that we know.

    A pump.fun curve does not name its ``mint``, which must then be given.
    """
    program = PROGRAMS.get(owner)
    if program is None:
        raise Invalid("it belongs to no venue that heft knows", reason="pool")
    if program.venue == RAYDIUM_V4:
        return _raydium_v4(where, data)
    name, fields = program.account(data)
    if program.venue == "pump-fun":
        return _curve(where, name, fields, mint)
    sides = _VENUES[program.venue]
    if name != sides.account:
        raise Invalid(f"{where} is no pool of {program.venue}", reason="pool")
    return Pool(
        address=where, venue=program.venue, mint0=address(fields[sides.mint0]),
        mint1=address(fields[sides.mint1]), vault0=address(fields[sides.vault0]),
        vault1=address(fields[sides.vault1]),
        lp_mint=address(fields[sides.lp_mint]) if sides.lp_mint else "",
        lp_supply=fields.get("lp_supply", 0), fields=fields,
    )  # fmt: skip


def _raydium_v4(where: str, data: bytes) -> Pool:
    if len(data) != V4_SIZE:
        raise Invalid("it is no pool of raydium-v4", reason="pool")
    raw = struct.unpack_from("<" + "32s" * len(_V4_KEYS), data, _V4_KEYS_AT)
    fields = {name: address(key) for name, key in zip(_V4_KEYS, raw, strict=True)}
    (lp_supply,) = struct.unpack_from("<Q", data, _V4_LP_AT)
    return Pool(
        address=where, venue=RAYDIUM_V4, mint0=fields["coin_mint"], mint1=fields["pc_mint"],
        vault0=fields["coin_vault"], vault1=fields["pc_vault"], lp_mint=fields["lp_mint"],
        lp_supply=lp_supply, fields=fields,
    )  # fmt: skip


def _curve(where: str, name: str, fields: Fields, mint: str) -> Pool:
    if name != "BondingCurve" or not mint:
        raise Invalid(f"{where} is no curve of a token that we know", reason="pool")
    quote = address(fields.get("quote_mint", NOBODY))
    return Pool(
        address=where, venue="pump-fun", mint0=mint, mint1=WSOL if quote == NOBODY else quote,
        fields=fields,
    )  # fmt: skip


_REAL_QUOTE: Mapping[str, Callable[[Fields], int]] = {
    "pump-fun": lambda fields: int(fields["real_quote_reserves"]),
    "raydium-launchlab": lambda fields: int(fields["real_quote"]),
}


def real_quote_of(pool: Pool) -> int | None:
    """What was really paid into a curve, in base units; ``None`` for a pool with vaults to ask."""
    read = _REAL_QUOTE.get(pool.venue)
    return read(pool.fields) if read else None


def progress_of(pool: Pool) -> tuple[float, bool] | None:
    """How much of a curve is sold, 0..1, and whether it is over; ``None`` for what is no curve."""
    fields = pool.fields
    if pool.venue == "pump-fun":
        over = bool(fields["complete"])
        sold = 1.0 - fields["real_token_reserves"] / PUMP_FIRST_TOKENS
        return (1.0 if over else min(1.0, max(0.0, sold))), over
    if pool.venue == "raydium-launchlab":
        wanted = fields["total_quote_fund_raising"]
        raised = fields["real_quote"] / wanted if wanted else 0.0
        return min(1.0, raised), fields["status"] != 0
    return None
