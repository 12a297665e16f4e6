"""Purchases and sales as venues take them: the instructions of a wallet that trades for SOL.

Built from a pool's account alone, by the programs' own account orders (npm @pump-fun/pump-sdk 2.0.0
and pump-swap-sdk 1.20.0, @raydium-io/raydium-sdk-v2 0.2). Nothing here is ever signed or sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from solders.instruction import AccountMeta, Instruction

from streams.errors import Invalid
from streams.examine.solana.pools import Pool
from streams.solana.programs import discriminator, program_of
from streams.solana.sightings import NOBODY, WSOL, address
from streams.solana.spl.addresses import ASSOCIATED, SYSTEM, associated, derived, pubkey
from streams.solana.spl.mint import SPL_TOKEN

__all__ = ["GLOBALS", "Desk", "Order", "desk_for", "transfer_of"]

PUMP, PUMP_SWAP = program_of("pump-fun").id, program_of("pump-swap").id
CPMM, V4 = program_of("raydium-cpmm").id, program_of("raydium-v4").id
PUMP_FEES = "pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ"
GLOBALS: Mapping[str, str] = {
    "pump-fun": derived(PUMP, b"global"),
    "pump-swap": derived(PUMP_SWAP, b"global_config"),
}
"""The account of each program that names who gets fees."""
MARGIN = 0.9
"""Of what a curve would give, that much is asked for: fees and a trade in between fit into it."""

Account = tuple[str, str]
"""An address, and how it is used: ``w`` written, ``s`` signs, both or neither."""


class Order(NamedTuple):
    """What a wallet wants of a pool."""

    wallet: str
    amount: int
    """Lamports to spend, or base units of the token to sell."""
    pool: Pool
    token: str
    program: str
    """The token's program."""
    reserves: tuple[int, int] = (0, 0)
    """Of the token and of SOL, where a venue wants the amount that is bought."""
    settings: Mapping[str, Any] = {}
    """The fields of the venue's account in ``GLOBALS``."""


class Desk(msgspec.Struct, frozen=True):
    """How a venue is traded with."""

    buy: Callable[[Order], Instruction]
    sell: Callable[[Order], Instruction]
    wraps: bool
    """Whether it wants SOL as a token."""


def desk_for(pool: Pool, token: str) -> Desk:
    """How this pool's token is bought for SOL and sold; raises ``Invalid`` where we cannot."""
    desk = _DESKS.get(pool.venue)
    if desk is None:
        raise Invalid(f"trades on {pool.venue} are not simulated", reason="venue")
    other = pool.mint1 if token == pool.mint0 else pool.mint0
    if other != WSOL:
        raise Invalid("trades for anything but SOL are not simulated", reason="venue")
    if pool.venue.startswith("pump") and token != pool.mint0:
        raise Invalid("its pool has the token on the wrong side", reason="venue")
    if pool.venue == "pump-fun" and pool.fields["complete"]:
        raise Invalid("its curve is sold out: it trades elsewhere", reason="venue")
    return desk


def transfer_of(order: Order, to: str, amount: int, decimals: int) -> Instruction:
    """``TransferChecked`` of the wallet's own tokens to another token account."""
    data = struct.pack("<BQB", 12, amount, decimals)
    own = associated(order.wallet, order.token, order.program)
    return _call(
        order.program, data, (own, "w"), (order.token, ""), (to, "w"), (order.wallet, "s")
    )  # fmt: skip


def opened(payer: str, owner: str, mint: str, program: str) -> Instruction:
    """The own token account of a wallet, made unless it is there (``CreateIdempotent``)."""
    return _call(
        ASSOCIATED, b"\x01", (payer, "ws"), (associated(owner, mint, program), "w"), (owner, ""),
        (mint, ""), (SYSTEM, ""), (program, ""),
    )  # fmt: skip


def paid(payer: str, to: str, lamports: int) -> Instruction:
    """SOL from one account to another."""
    return _call(SYSTEM, struct.pack("<IQ", 2, lamports), (payer, "ws"), (to, "w"))


def synced(owner: str) -> Instruction:
    """SOL that was sent to a wallet's account of wrapped SOL counts as its tokens."""
    return _call(SPL_TOKEN, b"\x11", (associated(owner, WSOL, SPL_TOKEN), "w"))


def _call(program: str, data: bytes, *accounts: Account) -> Instruction:
    metas = [
        AccountMeta(pubkey(key), is_signer="s" in how, is_writable="w" in how)
        for key, how in accounts
    ]
    return Instruction(pubkey(program), data, metas)


def _amounts(name: str, first: int, second: int, more: bytes = b"") -> bytes:
    return discriminator("global", name) + struct.pack("<QQ", first, second) + more


def _bought(order: Order) -> int:
    """What a constant product gives for the SOL, less the margin; at least one unit."""
    token, quote = order.reserves
    return max(1, int(MARGIN * token * order.amount / max(1, quote + order.amount)))


def _recipient(order: Order, name: str) -> str:
    """The first of the accounts that the venue pays fees to."""
    found = order.settings.get(name)
    for raw in found if isinstance(found, Sequence) and not isinstance(found, bytes) else [found]:
        if raw and (key := address(raw)) != NOBODY:
            return key
    raise Invalid("the venue does not name who gets its fees", reason="venue")


def _fee_config(program: str) -> str:
    return derived(PUMP_FEES, b"fee_config", bytes(pubkey(program)))


def _event_authority(program: str) -> str:
    return derived(program, b"__event_authority")


def _of_curve(order: Order) -> tuple[list[Account], list[Account], list[Account]]:
    """pump.fun's accounts that both ways begin with, that both end with, and those behind."""
    fields, pool = order.pool.fields, order.pool
    mayhem = bool(fields.get("is_mayhem_mode"))
    recipient = _recipient(order, "reserved_fee_recipient" if mayhem else "fee_recipient")
    begin: list[Account] = [
        (GLOBALS["pump-fun"], ""), (recipient, "w"), (order.token, ""), (pool.address, "w"),
        (associated(pool.address, order.token, order.program), "w"),
        (associated(order.wallet, order.token, order.program), "w"), (order.wallet, "ws"),
        (SYSTEM, ""),
    ]  # fmt: skip
    end: list[Account] = [(_fee_config(PUMP), ""), (PUMP_FEES, "")]
    behind: list[Account] = [
        (derived(PUMP, b"bonding-curve-v2", bytes(pubkey(order.token))), ""),
        (_recipient(order, "buyback_fee_recipients"), "w"),
    ]
    return begin, end, behind


def _curve_vault(order: Order) -> str:
    return derived(PUMP, b"creator-vault", order.pool.fields["creator"])


def _volume(program: str, wallet: str) -> str:
    return derived(program, b"user_volume_accumulator", bytes(pubkey(wallet)))


def _curve_buy(order: Order) -> Instruction:
    begin, end, behind = _of_curve(order)
    accounts = [
        *begin, (order.program, ""), (_curve_vault(order), "w"), (_event_authority(PUMP), ""),
        (PUMP, ""), (derived(PUMP, b"global_volume_accumulator"), ""),
        (_volume(PUMP, order.wallet), "w"), *end, *behind,
    ]  # fmt: skip
    return _call(PUMP, _amounts("buy", _bought(order), order.amount, b"\x01"), *accounts)


def _curve_sell(order: Order) -> Instruction:
    begin, end, behind = _of_curve(order)
    cashback = bool(order.pool.fields.get("is_cashback_coin"))
    volume: list[Account] = [(_volume(PUMP, order.wallet), "w")] if cashback else []
    accounts = [
        *begin, (_curve_vault(order), "w"), (order.program, ""), (_event_authority(PUMP), ""),
        (PUMP, ""), *end, *volume, *behind,
    ]  # fmt: skip
    return _call(PUMP, _amounts("sell", order.amount, 0), *accounts)


def _of_pump_swap(order: Order) -> tuple[list[Account], list[Account], list[Account]]:
    """PumpSwap's accounts that both ways begin with, that both end with, and those behind."""
    pool, fields = order.pool, order.pool.fields
    mayhem = bool(fields.get("is_mayhem_mode"))
    recipient = _recipient(order, "reserved_fee_recipient" if mayhem else "protocol_fee_recipients")
    creator = fields.get("coin_creator", bytes(32))
    authority = derived(PUMP_SWAP, b"creator_vault", creator)
    begin: list[Account] = [
        (pool.address, "w"), (order.wallet, "ws"), (GLOBALS["pump-swap"], ""), (order.token, ""),
        (WSOL, ""), (associated(order.wallet, order.token, order.program), "w"),
        (associated(order.wallet, WSOL, SPL_TOKEN), "w"), (pool.vault0, "w"), (pool.vault1, "w"),
        (recipient, ""), (associated(recipient, WSOL, SPL_TOKEN), "w"), (order.program, ""),
        (SPL_TOKEN, ""), (SYSTEM, ""), (ASSOCIATED, ""), (_event_authority(PUMP_SWAP), ""),
        (PUMP_SWAP, ""), (associated(authority, WSOL, SPL_TOKEN), "w"), (authority, ""),
    ]  # fmt: skip
    buyback = _recipient(order, "buyback_fee_recipients")
    behind: list[Account] = [(buyback, ""), (associated(buyback, WSOL, SPL_TOKEN), "w")]
    if any(creator):
        behind.insert(0, (derived(PUMP_SWAP, b"pool-v2", bytes(pubkey(order.token))), ""))
    return begin, [(_fee_config(PUMP_SWAP), ""), (PUMP_FEES, "")], behind


def _cashback(order: Order, *, selling: bool) -> list[Account]:
    if not order.pool.fields.get("is_cashback_coin"):
        return []
    volume = _volume(PUMP_SWAP, order.wallet)
    own: list[Account] = [(associated(volume, WSOL, SPL_TOKEN), "w")]
    return [*own, (volume, "w")] if selling else own


def _pump_swap_buy(order: Order) -> Instruction:
    begin, end, behind = _of_pump_swap(order)
    accounts = [
        *begin, (derived(PUMP_SWAP, b"global_volume_accumulator"), ""),
        (_volume(PUMP_SWAP, order.wallet), "w"), *end, *_cashback(order, selling=False), *behind,
    ]  # fmt: skip
    return _call(PUMP_SWAP, _amounts("buy", _bought(order), order.amount, b"\x01"), *accounts)


def _pump_swap_sell(order: Order) -> Instruction:
    begin, end, behind = _of_pump_swap(order)
    accounts = [*begin, *end, *_cashback(order, selling=True), *behind]
    return _call(PUMP_SWAP, _amounts("sell", order.amount, 0), *accounts)


def _ways(order: Order, *, selling: bool) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Mint, token program and vault of what is paid, and of what is got."""
    vault, quote_vault = order.pool.vaults_of(order.token)
    token, quote = (order.token, order.program, vault), (WSOL, SPL_TOKEN, quote_vault)
    return (token, quote) if selling else (quote, token)


def _cpmm(order: Order, *, selling: bool) -> Instruction:
    """``swap_base_input``: so much is paid, whatever comes."""
    pays, gets = _ways(order, selling=selling)
    fields = order.pool.fields
    return _call(
        CPMM, _amounts("swap_base_input", order.amount, 0), (order.wallet, "s"),
        (derived(CPMM, b"vault_and_lp_mint_auth_seed"), ""), (address(fields["amm_config"]), ""),
        (order.pool.address, "w"), (associated(order.wallet, pays[0], pays[1]), "w"),
        (associated(order.wallet, gets[0], gets[1]), "w"), (pays[2], "w"), (gets[2], "w"),
        (pays[1], ""), (gets[1], ""), (pays[0], ""), (gets[0], ""),
        (address(fields["observation_key"]), "w"),
    )  # fmt: skip


V4_SWAP_IN = 16
"""``SwapBaseInV2``, which needs no accounts of an order book."""


def _v4(order: Order, *, selling: bool) -> Instruction:
    pays, gets = _ways(order, selling=selling)
    pool = order.pool
    return _call(
        V4, struct.pack("<BQQ", V4_SWAP_IN, order.amount, 0), (SPL_TOKEN, ""), (pool.address, "w"),
        (derived(V4, b"amm authority"), ""), (pool.vault0, "w"), (pool.vault1, "w"),
        (associated(order.wallet, pays[0], pays[1]), "w"),
        (associated(order.wallet, gets[0], gets[1]), "w"), (order.wallet, "s"),
    )  # fmt: skip


_DESKS: Mapping[str, Desk] = {
    "pump-fun": Desk(_curve_buy, _curve_sell, wraps=False),
    "pump-swap": Desk(_pump_swap_buy, _pump_swap_sell, wraps=True),
    "raydium-cpmm": Desk(
        lambda order: _cpmm(order, selling=False), lambda order: _cpmm(order, selling=True),
        wraps=True,
    ),
    "raydium-v4": Desk(
        lambda order: _v4(order, selling=False), lambda order: _v4(order, selling=True), wraps=True
    ),
}  # fmt: skip
