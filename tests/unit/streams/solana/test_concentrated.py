"""Venues without reserves get dossiers: deposits, trades and withdrawals summed to what is held."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

import based58
import pytest

from streams.enrich.fold import Fold
from streams.events import Activity, Facts, Head, Launch, LiquidityChange, Swap, Sync
from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.domain import events_from
from streams.solana.launches import launches_in
from streams.solana.sightings import WSOL
from streams.solana.transaction import transaction_from
from tests.unit.streams.solana.making import LAYOUTS, instruction, item, key, logged, transaction

MINT, POOL, USER = key(10), key(11), key(12)
TIME = 1_780_000_000
SOL = 10**9
TOKENS = 10**12
"""A million tokens of six decimals."""
LAUNCH_PRICE = 10 * SOL / TOKENS
"""Ten SOL for all of them, in base units."""


def _sqrt(price: float) -> int:
    return int(price**0.5 * 2**64)


def _events(nodes: Sequence[dict[str, Any]]) -> list[Activity]:
    """What a chain's blocks with one transaction each tell, one a minute."""
    out: list[Activity] = []
    for place, node in enumerate(nodes):
        time = TIME + 60 * place
        found = transaction_from(node, slot=100 + place, time=time, programs=READ_PROGRAMS)
        reading = read(found)
        out += events_from(
            launches_in(found, reading), activity_in(found, reading, {}),
            slot=100 + place, place=0, time=time,
        )  # fmt: skip
    return out


def _facts(events: Sequence[Activity]) -> Facts:
    """The last dossier an hour behind the last event."""
    fold = Fold()
    told = [facts for event in events for facts in fold.feed(event)]
    last = events[-1]
    end = Head(chain="solana", block=10_000, at=last.at.replace(year=last.at.year + 1))
    return [*told, *fold.feed(end)][-1]


def _clmm() -> list[dict[str, Any]]:
    pool = {"pool_state": POOL, "nft_owner": USER}
    return [
        transaction(
            instruction(
                "raydium-clmm", "create_pool",
                {"pool_creator": USER, "pool_state": POOL, "token_mint_0": MINT,
                 "token_mint_1": WSOL},
            ),
            logs=logged(
                "raydium-clmm", "PoolCreatedEvent", token_mint_0=MINT, token_mint_1=WSOL,
                pool_state=POOL, sqrt_price_x64=_sqrt(LAUNCH_PRICE),
            ),
        ),
        transaction(
            logs=logged(
                "raydium-clmm", "CreatePersonalPositionEvent", pool_state=POOL, nft_owner=USER,
                tick_lower_index=-1000, tick_upper_index=1000, deposit_amount_0=TOKENS,
                deposit_amount_1=8 * SOL,
            ),
        ),
        transaction(
            instruction("raydium-clmm", "increase_liquidity_v2", pool),
            logs=logged(
                "raydium-clmm", "IncreaseLiquidityEvent", amount_0=0, amount_1=2 * SOL
            ),
        ),
        transaction(
            logs=logged(
                "raydium-clmm", "SwapEvent", pool_state=POOL, sender=USER, amount_0=TOKENS // 10,
                amount_1=SOL, zero_for_one=0, sqrt_price_x64=_sqrt(1.21 * LAUNCH_PRICE),
            ),
        ),
        transaction(
            instruction("raydium-clmm", "decrease_liquidity_v2", pool),
            logs=logged(
                "raydium-clmm", "DecreaseLiquidityEvent", decrease_amount_0=0,
                decrease_amount_1=10 * SOL,
            ),
        ),
    ]  # fmt: skip


def _orca() -> list[dict[str, Any]]:
    ticks = {"tick_lower_index": -1000, "tick_upper_index": 1000}
    return [
        transaction(
            instruction(
                "orca-whirlpool", "initialize_pool_v2",
                {"whirlpool": POOL, "token_mint_a": MINT, "token_mint_b": WSOL, "funder": USER},
            ),
            logs=logged(
                "orca-whirlpool", "PoolInitialized", whirlpool=POOL, token_mint_a=MINT,
                token_mint_b=WSOL, initial_sqrt_price=_sqrt(LAUNCH_PRICE),
            ),
        ),
        transaction(
            logs=logged(
                "orca-whirlpool", "LiquidityIncreased", whirlpool=POOL, token_a_amount=TOKENS,
                token_b_amount=10 * SOL, **ticks,
            ),
        ),
        transaction(
            logs=logged(
                "orca-whirlpool", "Traded", whirlpool=POOL, a_to_b=0, input_amount=SOL,
                output_amount=TOKENS // 10, post_sqrt_price=_sqrt(1.21 * LAUNCH_PRICE),
            ),
        ),
        transaction(
            logs=logged(
                "orca-whirlpool", "LiquidityDecreased", whirlpool=POOL, token_a_amount=0,
                token_b_amount=10 * SOL, **ticks,
            ),
        ),
    ]  # fmt: skip


def _dlmm() -> list[dict[str, Any]]:
    pair = {"lb_pair": POOL, "from": USER}
    trade = {"amount_in": SOL, "amount_out": TOKENS // 10, "swap_for_y": 0, **pair}
    newer = logged("meteora-dlmm", "Swap2Evt", **trade, amount_left=0)
    return [
        transaction(
            logs=logged("meteora-dlmm", "LbPairCreate", lb_pair=POOL, token_x=MINT, token_y=WSOL),
        ),
        transaction(logs=_amounts("AddLiquidity", TOKENS, 10 * SOL)),
        transaction(logs=[*logged("meteora-dlmm", "Swap", **trade, fee=0), *newer]),
        transaction(logs=_amounts("RemoveLiquidity", 0, 10 * SOL)),
    ]


def _amounts(name: str, amount0: int, amount1: int) -> list[str]:
    """The events of DLMM with an array of two amounts, which the writer draws at random."""
    keys = b"".join(based58.b58decode(each.encode()) for each in (POOL, USER, key(13)))
    data = bytes.fromhex(item("meteora-dlmm", "events", name)["discriminator"]) + keys
    data += struct.pack("<QQi", amount0, amount1, 0)
    program = LAYOUTS["meteora-dlmm"]["program"]
    line = f"Program data: {base64.b64encode(data).decode()}"
    return [f"Program {program} invoke [1]", line, f"Program {program} success"]


@pytest.mark.parametrize("made", [_clmm, _orca, _dlmm], ids=lambda each: each.__name__[1:])
def test_a_pull_on_a_venue_without_reserves_is_seen(made: Any) -> None:
    """Ten SOL and a million tokens in, one SOL of buys, ten SOL out: one is left."""
    events = _events(made())
    assert isinstance(events[0], Launch)
    assert not any(isinstance(event, Sync) for event in events)
    facts = _facts(events)
    assert facts.venue in ("raydium-clmm", "orca-whirlpool", "meteora-dlmm")
    assert facts.liquidity.reserve == pytest.approx(1.0)
    assert facts.liquidity.reserve_max == pytest.approx(11.0)
    assert (facts.liquidity.removes, facts.trading.buys, facts.trading.sells) == (1, 1, 0)
    assert facts.liquidity.largest_removal_share == pytest.approx(10 / 11)
    assert facts.trading.buyers == 1


def test_a_trade_has_the_price_that_the_venue_tells() -> None:
    """CLMM's and Orca's Q64.64 in our Q64.96; DLMM's is what was paid for what."""
    for made, price in ((_clmm, 1.21), (_orca, 1.21), (_dlmm, 1.0)):
        (swap,) = [event for event in _events(made()) if isinstance(event, Swap)]
        assert isinstance(swap.sqrt_price, int)
        assert (swap.sqrt_price / 2**96) ** 2 == pytest.approx(price * LAUNCH_PRICE, rel=1e-6)
        assert (swap.amount1_in, swap.amount0_out) == (SOL, TOKENS // 10)


def test_a_moved_position_is_taken_out_and_put_in() -> None:
    """Orca's ``LiquidityRepositioned``: both ranges with their amounts."""
    node = transaction(
        logs=logged(
            "orca-whirlpool", "LiquidityRepositioned", whirlpool=POOL,
            existing_range_token_a_amount=5, existing_range_token_b_amount=6,
            new_range_token_a_amount=3, new_range_token_b_amount=4,
        ),
    )  # fmt: skip
    moved = [event for event in _events([node]) if isinstance(event, LiquidityChange)]
    assert [(e.added, e.amount0, e.amount1) for e in moved] == [(False, 5, 6), (True, 3, 4)]


def test_venues_with_reserves_tell_them_behind_a_swap() -> None:
    """Raydium CPMM by the order of its mints, DAMM v2 as it says: reserves, who paid what."""
    low, high = sorted((MINT, WSOL))
    cpmm = logged(
        "raydium-cpmm", "SwapEvent", pool_id=POOL, input_vault_before=100, output_vault_before=900,
        input_amount=10, output_amount=70, input_mint=high, output_mint=low,
    )  # fmt: skip
    damm = logged(
        "meteora-damm-v2", "EvtSwap2", pool=POOL, trade_direction=0, reserve_a_amount=110,
        reserve_b_amount=830, included_transfer_fee_amount_in=10,
        included_transfer_fee_amount_out=70,
    )  # fmt: skip
    found = {}
    for name, lines in (("cpmm", cpmm), ("damm", damm)):
        sync, swap = _events([transaction(logs=lines)])
        assert isinstance(sync, Sync)
        assert isinstance(swap, Swap)
        found[name] = (sync.reserve0, sync.reserve1, swap.amount0_in, swap.amount0_out)
        assert swap.sender == key(1)  # the program names nobody: the payer
    assert found == {"cpmm": (830, 110, 0, 70), "damm": (110, 830, 10, 0)}
