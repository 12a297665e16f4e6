"""Trades, liquidity moves and other deeds on pools, from what programs told of them.

Events say what happened, instructions only what was wished; an instruction is used where the
program tells no event with the pool in it. Reserves are those behind the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from streams.solana.concentrated import concentrated_in
from streams.solana.decode import Call, Reading, Told
from streams.solana.programs import TOKEN_PROGRAMS
from streams.solana.sightings import NOBODY, Kind, SeenActivity, address, curve_of
from streams.solana.transaction import Transaction

__all__ = ["LpMints", "activity_in", "lp_mints_of"]

Fields = Mapping[str, Any]


LpMints = Mapping[str, tuple[str, str]]
"""LP token to the venue and pool that it is of."""


def activity_in(
    transaction: Transaction, reading: Reading, lp_mints: LpMints
) -> list[SeenActivity]:
    """What was done on pools in a transaction, in its order.

    ``lp_mints`` are those of pools seen before, so that a later burn of their LP tokens is known.
    """
    found = list(_from_events(reading))
    if not found:
        found = [deed for call in reading.calls for deed in _wished(call)]
    found += _burns(transaction, reading, lp_mints)
    for deed in found:
        if deed.user is UNSET and transaction.payer:
            deed.user = transaction.payer  # the program names nobody: whoever signed and paid
        deed.signature = transaction.signature or UNSET
        deed.slot = UNSET if transaction.slot is None else transaction.slot
        deed.at = UNSET if transaction.time is None else transaction.time
    return found


def _from_events(reading: Reading) -> Iterator[SeenActivity]:
    raydium = _Raydium(reading)
    for event in reading.told:
        if event.program.venue == "raydium-v4":
            yield from raydium.deed(event)
        elif reader := READERS.get((event.program.venue, event.name)):
            yield from reader(event.fields)
    yield from concentrated_in(reading)


def lp_mints_of(reading: Reading) -> dict[str, tuple[str, str]]:
    """The LP tokens named in a transaction beside their pools."""
    return {
        mint: (call.program.venue, pool)
        for call in reading.calls
        if (mint := call.accounts.get("lp_mint"))
        and (pool := next((call.accounts[n] for n in POOL_NAMES if n in call.accounts), None))
    }


POOL_NAMES = ("pool", "pool_state", "amm")


def _burns(transaction: Transaction, reading: Reading, known: LpMints) -> Iterator[SeenActivity]:
    """LP tokens destroyed for nothing in return: liquidity that nobody can take out any more."""
    mints = {**known, **lp_mints_of(reading)}
    withdrawn = [call.accounts.get("lp_mint") for call in reading.calls if call.name == "withdraw"]
    for instruction in transaction.instructions if mints and not transaction.failed else ():
        if instruction.program not in TOKEN_PROGRAMS:
            continue
        mint = instruction.accounts[1]
        if mint in withdrawn:
            withdrawn.remove(mint)  # a withdrawal burns what it is paid with
        elif mint in mints:
            venue, pool = mints[mint]
            amount = int.from_bytes(instruction.data[1:9], "little")
            owner = instruction.accounts[2] or UNSET
            yield SeenActivity(venue=venue, kind="lp-burn", pool=pool, user=owner, lp_amount=amount)


def _curve_trade(fields: Fields) -> Iterator[SeenActivity]:
    quoted = address(fields.get("quote_mint", NOBODY)) != NOBODY and "quote_amount" in fields
    mint = address(fields["mint"])
    reserve = "virtual_quote_reserves" if quoted else "virtual_sol_reserves"
    yield SeenActivity(
        venue="pump-fun",
        kind="buy" if fields["is_buy"] else "sell",
        pool=curve_of(mint),
        token=mint,
        user=address(fields["user"]),
        amount0=fields["token_amount"],
        amount1=fields["quote_amount"] if quoted else fields["sol_amount"],
        reserve0=fields["virtual_token_reserves"],
        reserve1=fields.get(reserve, UNSET),
    )


def _curve_end(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue="pump-fun",
        kind="complete",
        pool=address(fields["bonding_curve"]),
        token=address(fields["mint"]),
        user=address(fields["user"]),
    )


def _curve_migrated(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue="pump-fun",
        kind="migrate",
        pool=address(fields["bonding_curve"]),
        token=address(fields["mint"]),
        user=address(fields["user"]),
        amount0=fields["mint_amount"],
        amount1=fields["sol_amount"],
        to_pool=address(fields["pool"]),
    )


def _new_creator(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue="pump-fun",
        kind="creator-changed",
        pool=address(fields["bonding_curve"]),
        token=address(fields["mint"]),
        user=address(fields.get("new_creator") or fields["creator"]),
    )


def _pump_swap(kind: Kind, base: str, quote: str, sign: tuple[int, int]) -> _Reader:
    """A PumpSwap event tells the reserves before it; those behind it follow by the amounts.

    The part of the fee that goes to the liquidity providers stays in the pool, so the amounts are
    those with it.
    """

    def read(fields: Fields) -> Iterator[SeenActivity]:
        lp_name = {"deposit": "lp_token_amount_out", "withdraw": "lp_token_amount_in"}.get(kind, "")
        yield SeenActivity(
            venue="pump-swap",
            kind=kind,
            pool=address(fields["pool"]),
            user=address(fields["user"]),
            amount0=fields[base],
            amount1=fields[quote],
            reserve0=max(0, fields["pool_base_token_reserves"] + sign[0] * fields[base]),
            reserve1=max(0, fields["pool_quote_token_reserves"] + sign[1] * fields[quote]),
            lp_amount=fields.get(lp_name, UNSET),
            lp_supply=fields.get("lp_mint_supply", UNSET),
        )

    return read


def _cpmm_liquidity(fields: Fields) -> Iterator[SeenActivity]:
    sign = -1 if fields["change_type"] else 1
    amounts = fields["token_0_amount"], fields["token_1_amount"]
    yield SeenActivity(
        venue="raydium-cpmm",
        kind="withdraw" if fields["change_type"] else "deposit",
        pool=address(fields["pool_id"]),
        amount0=amounts[0],
        amount1=amounts[1],
        reserve0=max(0, fields["token_0_vault_before"] + sign * amounts[0]),
        reserve1=max(0, fields["token_1_vault_before"] + sign * amounts[1]),
        lp_supply=UNSET,
    )


def _cpmm_swap(fields: Fields) -> Iterator[SeenActivity]:
    """Sides are in the order of their mints' bytes; older versions do not name the mints.

    The reserves before it are without the fees that the pool keeps for others, so those behind it
    are too.
    """
    if "output_mint" not in fields:
        return
    pays_0 = fields["input_mint"] < fields["output_mint"]
    amounts = fields["input_amount"], fields["output_amount"]
    reserves = (
        fields["input_vault_before"] + amounts[0],
        max(0, fields["output_vault_before"] - amounts[1]),
    )
    yield SeenActivity(
        venue="raydium-cpmm",
        kind="swap",
        pool=address(fields["pool_id"]),
        amount0=amounts[not pays_0],
        amount1=amounts[pays_0],
        reserve0=reserves[not pays_0],
        reserve1=reserves[pays_0],
        pays_0=pays_0,
    )


def _launchlab_trade(fields: Fields) -> Iterator[SeenActivity]:
    bought = fields["trade_direction"] == "buy"
    paid, got = fields["amount_in"], fields["amount_out"]
    yield SeenActivity(
        venue="raydium-launchlab",
        kind="buy" if bought else "sell",
        pool=address(fields["pool_state"]),
        amount0=got if bought else paid,
        amount1=paid if bought else got,
        reserve0=max(0, fields["virtual_base"] - fields["real_base_after"]),
        reserve1=fields["virtual_quote"] + fields["real_quote_after"],
    )


def _damm_liquidity(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue="meteora-damm-v2",
        kind="withdraw" if fields.get("change_type") else "deposit",
        pool=address(fields["pool"]),
        user=address(fields["owner"]),
        amount0=fields["token_a_amount"],
        amount1=fields["token_b_amount"],
        reserve0=fields.get("reserve_a_amount", UNSET),
        reserve1=fields.get("reserve_b_amount", UNSET),
    )


def _damm_swap(fields: Fields) -> Iterator[SeenActivity]:
    """Direction 0 pays side a (cp-amm ``TradeDirection::AtoB``)."""
    pays_0 = fields["trade_direction"] == 0
    amounts = fields["included_transfer_fee_amount_in"], fields["included_transfer_fee_amount_out"]
    yield SeenActivity(
        venue="meteora-damm-v2",
        kind="swap",
        pool=address(fields["pool"]),
        amount0=amounts[not pays_0],
        amount1=amounts[pays_0],
        reserve0=fields["reserve_a_amount"],
        reserve1=fields["reserve_b_amount"],
        pays_0=pays_0,
    )


def _damm_lock(fields: Fields) -> Iterator[SeenActivity]:
    amount = fields.get("lock_liquidity_amount", fields.get("cliff_unlock_liquidity"))
    yield SeenActivity(
        venue="meteora-damm-v2",
        kind="lock",
        pool=address(fields["pool"]),
        user=address(fields["owner"]) if "owner" in fields else UNSET,
        lp_amount=UNSET if amount is None else amount,
    )


class _Raydium:
    """Raydium's logs name no pool: the n-th log is of the n-th call that writes one."""

    def __init__(self, reading: Reading) -> None:
        calls = [call for call in reading.calls if call.program.venue == "raydium-v4"]
        logs = [event for event in reading.told if event.program.venue == "raydium-v4"]
        self._calls = iter(calls if len(calls) == len(logs) else [])

    def deed(self, event: Told) -> Iterator[SeenActivity]:
        call = next(self._calls, None)
        if call is None or event.name == "InitLog" or not call.accounts.get("amm"):
            return
        kind, change = _raydium_change(event)
        swapped = kind == "swap"
        yield SeenActivity(
            venue="raydium-v4",
            kind=kind,
            pool=call.accounts["amm"],
            amount0=abs(change[0]),
            amount1=abs(change[1]),
            reserve0=max(0, event.fields["pool_coin"] + change[0]),
            reserve1=max(0, event.fields["pool_pc"] + change[1]),
            lp_amount=event.fields.get("mint_lp", event.fields.get("withdraw_lp", UNSET)),
            pays_0=change[0] > 0 if swapped else UNSET,
        )


def _raydium_change(event: Told) -> tuple[Kind, tuple[int, int]]:
    """What came into the pool (+) or left it (-), coin and pc."""
    fields = event.fields
    if event.name == "DepositLog":
        return "deposit", (fields["deduct_coin"], fields["deduct_pc"])
    if event.name == "WithdrawLog":
        return "withdraw", (-fields["out_coin"], -fields["out_pc"])
    given = fields["amount_in"] if event.name == "SwapBaseInLog" else fields["deduct_in"]
    taken = fields["out_amount"] if event.name == "SwapBaseInLog" else fields["amount_out"]
    coin_in = fields["direction"] == RAYDIUM_COIN_IN
    return "swap", (given, -taken) if coin_in else (-taken, given)


RAYDIUM_COIN_IN = 2
"""``direction`` of a swap that pays coin; 1 pays pc (raydium-amm ``SwapDirection``)."""


def _wished(call: Call) -> Iterator[SeenActivity]:
    """A trade of which no event was sent: who, where, and of how many tokens at most."""
    where = "bonding_curve" if call.program.venue == "pump-fun" else "pool"
    kind = WISHED.get(call.name.split("_")[0])
    pool = call.accounts.get(where)
    if pool and kind:
        yield SeenActivity(
            venue=call.program.venue,
            kind=kind,
            pool=pool,
            token=call.accounts.get("mint", call.accounts.get("base_mint", UNSET)),
            user=call.accounts.get("user", UNSET),
            amount0=call.fields.get("amount", UNSET),
        )


WISHED: Mapping[str, Kind] = {
    "buy": "buy",
    "sell": "sell",
    "deposit": "deposit",
    "withdraw": "withdraw",
}

_Reader = Callable[[Fields], Iterator[SeenActivity]]

READERS: Mapping[tuple[str, str], _Reader] = {
    ("pump-fun", "TradeEvent"): _curve_trade,
    ("pump-fun", "CompleteEvent"): _curve_end,
    ("pump-fun", "CompletePumpAmmMigrationEvent"): _curve_migrated,
    ("pump-fun", "SetCreatorEvent"): _new_creator,
    ("pump-fun", "AdminCtoEvent"): _new_creator,
    ("pump-swap", "BuyEvent"): _pump_swap(
        "buy", "base_amount_out", "quote_amount_in_with_lp_fee", (-1, 1)
    ),
    ("pump-swap", "SellEvent"): _pump_swap(
        "sell", "base_amount_in", "quote_amount_out_without_lp_fee", (1, -1)
    ),
    ("pump-swap", "DepositEvent"): _pump_swap(
        "deposit", "base_amount_in", "quote_amount_in", (1, 1)
    ),
    ("pump-swap", "WithdrawEvent"): _pump_swap(
        "withdraw", "base_amount_out", "quote_amount_out", (-1, -1)
    ),
    ("raydium-cpmm", "LpChangeEvent"): _cpmm_liquidity,
    ("raydium-launchlab", "TradeEvent"): _launchlab_trade,
    ("raydium-cpmm", "SwapEvent"): _cpmm_swap,
    ("meteora-damm-v2", "EvtLiquidityChange"): _damm_liquidity,
    ("meteora-damm-v2", "EvtSwap2"): _damm_swap,
    ("meteora-damm-v2", "EvtLockPosition"): _damm_lock,
    ("meteora-damm-v2", "EvtPermanentLockPosition"): _damm_lock,
}
