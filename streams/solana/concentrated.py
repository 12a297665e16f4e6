"""Trades and liquidity of the venues that tell no reserves: Raydium CLMM, Orca Whirlpool, DLMM.

Each tells amounts, and the price behind a trade; what a pool holds is summed from them
(``streams.enrich.concentrated``). Fees stay in the sum until they are collected, which is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isqrt
from typing import Any

from msgspec import UNSET

from streams.solana.decode import Call, Reading, Told
from streams.solana.sightings import Kind, SeenActivity, address

__all__ = ["concentrated_in"]

Fields = Mapping[str, Any]
_Reader = Callable[[Fields], Iterator[SeenActivity]]

CLMM, ORCA, DLMM = "raydium-clmm", "orca-whirlpool", "meteora-dlmm"


def concentrated_in(reading: Reading) -> Iterator[SeenActivity]:
    """What was done on pools of these venues in a transaction."""
    newer = {event.fields["lb_pair"] for event in reading.told if event.name == "Swap2Evt"}
    positions = _Positions(reading.calls)
    for event in reading.told:
        venue = event.program.venue
        if venue == CLMM and event.name in POSITION_CALLS:
            yield from positions.deed(event)
        elif venue == DLMM and event.name == "Swap" and event.fields["lb_pair"] in newer:
            continue  # told again, in the newer form
        elif reader := READERS.get((venue, event.name)):
            yield from reader(event.fields)


POSITION_CALLS: Mapping[str, Kind] = {
    "IncreaseLiquidityEvent": "deposit",
    "DecreaseLiquidityEvent": "withdraw",
}


class _Positions:
    """CLMM's events of a position name no pool: the n-th is of the n-th call of its kind."""

    def __init__(self, calls: Sequence[Call]) -> None:
        clmm = [call for call in calls if call.program.venue == CLMM]
        self._calls: Mapping[str, Iterator[Call]] = {
            "deposit": iter([e for e in clmm if e.name.startswith("increase_liquidity")]),
            "withdraw": iter([e for e in clmm if e.name.startswith("decrease_liquidity")]),
        }

    def deed(self, event: Told) -> Iterator[SeenActivity]:
        kind = POSITION_CALLS[event.name]
        call = next(self._calls[kind], None)
        pool = call.accounts.get("pool_state") if call else None
        if call is None or not pool:
            return
        prefix = "decrease_" if kind == "withdraw" else ""
        yield SeenActivity(
            venue=CLMM,
            kind=kind,
            pool=pool,
            user=call.accounts.get("nft_owner", UNSET),
            amount0=event.fields[f"{prefix}amount_0"],
            amount1=event.fields[f"{prefix}amount_1"],
        )


def _clmm_position(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue=CLMM,
        kind="deposit",
        pool=address(fields["pool_state"]),
        user=address(fields["nft_owner"]),
        amount0=fields["deposit_amount_0"],
        amount1=fields["deposit_amount_1"],
        lower=fields["tick_lower_index"],
        upper=fields["tick_upper_index"],
    )


def _clmm_swap(fields: Fields) -> Iterator[SeenActivity]:
    yield SeenActivity(
        venue=CLMM,
        kind="swap",
        pool=address(fields["pool_state"]),
        user=address(fields["sender"]),
        amount0=fields["amount_0"],
        amount1=fields["amount_1"],
        pays_0=fields["zero_for_one"],
        sqrt_price=fields["sqrt_price_x64"],
    )


def _orca_liquidity(kind: Kind) -> _Reader:
    def read(fields: Fields) -> Iterator[SeenActivity]:
        yield SeenActivity(
            venue=ORCA,
            kind=kind,
            pool=address(fields["whirlpool"]),
            amount0=fields["token_a_amount"],
            amount1=fields["token_b_amount"],
            lower=fields["tick_lower_index"],
            upper=fields["tick_upper_index"],
        )

    return read


def _orca_moved(fields: Fields) -> Iterator[SeenActivity]:
    """A position that gets another range: all of it taken out, and put in again."""
    for kind, which in MOVES:
        yield SeenActivity(
            venue=ORCA,
            kind=kind,
            pool=address(fields["whirlpool"]),
            amount0=fields[f"{which}_token_a_amount"],
            amount1=fields[f"{which}_token_b_amount"],
            lower=fields[f"{which}_tick_lower_index"],
            upper=fields[f"{which}_tick_upper_index"],
        )


MOVES: tuple[tuple[Kind, str], ...] = (("withdraw", "existing_range"), ("deposit", "new_range"))


def _orca_swap(fields: Fields) -> Iterator[SeenActivity]:
    pays_0 = fields["a_to_b"]
    amounts = fields["input_amount"], fields["output_amount"]
    yield SeenActivity(
        venue=ORCA,
        kind="swap",
        pool=address(fields["whirlpool"]),
        amount0=amounts[not pays_0],
        amount1=amounts[pays_0],
        pays_0=pays_0,
        sqrt_price=fields["post_sqrt_price"],
    )


def _dlmm_liquidity(kind: Kind) -> _Reader:
    def read(fields: Fields) -> Iterator[SeenActivity]:
        yield SeenActivity(
            venue=DLMM,
            kind=kind,
            pool=address(fields["lb_pair"]),
            user=address(fields["from"]),
            amount0=fields["amounts"][0],
            amount1=fields["amounts"][1],
        )

    return read


def _dlmm_rebalanced(fields: Fields) -> Iterator[SeenActivity]:
    for kind, what in REBALANCED:
        amounts = fields[f"x_{what}_amount"], fields[f"y_{what}_amount"]
        if any(amounts):
            yield SeenActivity(
                venue=DLMM,
                kind=kind,
                pool=address(fields["lb_pair"]),
                user=address(fields["owner"]),
                amount0=amounts[0],
                amount1=amounts[1],
            )


REBALANCED: tuple[tuple[Kind, str], ...] = (("withdraw", "withdrawn"), ("deposit", "added"))


def _dlmm_swap(fields: Fields) -> Iterator[SeenActivity]:
    """A bin has one price, so what was paid for what, less the fee, is the price."""
    pays_0 = fields["swap_for_y"]
    paid, got = fields["amount_in"], fields["amount_out"]
    if "fee" in fields:
        fee = fields["fee"]
    else:
        on_input = fields.get("fees_on_input", True)
        fee = sum(fields.get(name, 0) for name in FEES) if on_input else 0
    amounts = (paid, got) if pays_0 else (got, paid)
    net = (paid - fee, got) if pays_0 else (got, paid - fee)
    yield SeenActivity(
        venue=DLMM,
        kind="swap",
        pool=address(fields["lb_pair"]),
        user=address(fields["from"]),
        amount0=amounts[0],
        amount1=amounts[1],
        pays_0=pays_0,
        sqrt_price=isqrt((net[1] << 128) // net[0]) if min(net) > 0 else UNSET,
    )


FEES = ("mm_fee", "protocol_fee", "limit_order_fee", "host_fee")

READERS: Mapping[tuple[str, str], _Reader] = {
    (CLMM, "CreatePersonalPositionEvent"): _clmm_position,
    (CLMM, "SwapEvent"): _clmm_swap,
    (ORCA, "LiquidityIncreased"): _orca_liquidity("deposit"),
    (ORCA, "LiquidityDecreased"): _orca_liquidity("withdraw"),
    (ORCA, "LiquidityRepositioned"): _orca_moved,
    (ORCA, "Traded"): _orca_swap,
    (DLMM, "AddLiquidity"): _dlmm_liquidity("deposit"),
    (DLMM, "RemoveLiquidity"): _dlmm_liquidity("withdraw"),
    (DLMM, "Rebalancing"): _dlmm_rebalanced,
    (DLMM, "Swap"): _dlmm_swap,
    (DLMM, "Swap2Evt"): _dlmm_swap,
}
