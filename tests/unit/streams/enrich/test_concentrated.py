"""Reserves of pools that tell none, what the fold makes of them, and launches taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrich.fold import Fold
from streams.events import (
    Activity,
    Collected,
    Facts,
    Head,
    Launch,
    LiquidityChange,
    Retraction,
    Swap,
    Sync,
    TokenTransfer,
)

POOL, TOKEN, SOMEBODY = ("0x" + digit * 40 for digit in "abc")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
E18 = 10**18
PRICE = 2**96 // 1000
"""sqrt(1e-6): a millionth of a quote unit a token, both of 18 decimals."""


def where(block: int, index: int = 1) -> dict[str, Any]:
    """A place twelve seconds a block from noon."""
    at = NOON + timedelta(seconds=12 * block)
    return {"chain": "base", "pool": POOL, "block": block, "log_index": index, "at": at}


def launch(block: int = 0, sqrt_price: int = PRICE) -> Launch:
    """A V4-like pool that starts with a price."""
    return Launch(
        **where(block, 0), venue="uniswap-v4", token_is_0=True, lp_visible=False,
        sqrt_price=sqrt_price,
    )  # fmt: skip


def change(block: int, *, added: bool, **amounts: Any) -> LiquidityChange:
    """Liquidity over the whole range."""
    return LiquidityChange(
        **where(block), added=added, owner=SOMEBODY, lower=-887_220, upper=887_220, **amounts
    )


def swap(block: int, in1: int = 0, out1: int = 0, *, sqrt_price: int = PRICE) -> Swap:
    """A buy when the quote goes in, a sale when it comes out; a million tokens a quote unit."""
    return Swap(
        **where(block), sender=SOMEBODY, to=SOMEBODY, amount0_in=out1 * 10**6,
        amount0_out=in1 * 10**6, amount1_in=in1, amount1_out=out1, sqrt_price=sqrt_price,
        liquidity=1, tick=0,
    )  # fmt: skip


def fed(*events: Activity) -> tuple[Fold, list[Facts]]:
    """A fold that was given these, and what it told."""
    fold, facts = Fold(), list[Facts]()
    for event in events:
        fold.feed(event, facts)
    return fold, facts


def test_v3_reserves_are_what_went_in_and_out() -> None:
    """Deposits, trades and removals add up; fees leave by a collection that is no removal."""
    fold, _ = fed(
        launch(),
        change(1, added=True, amount0=10**7 * E18, amount1=10 * E18, liquidity=5),
        swap(2, in1=E18),
        swap(3, out1=E18 // 2),
        Collected(**where(4), owner=SOMEBODY, to=SOMEBODY, amount0=0, amount1=E18 // 10),
        change(5, added=False, amount0=10**6 * E18, amount1=5 * E18, liquidity=2),
        Collected(**where(6), owner=SOMEBODY, to=SOMEBODY, amount0=10**6 * E18, amount1=5 * E18),
    )
    pool = fold.pools[f"base:{POOL}"]
    assert pool.quote == pytest.approx(10 + 1 - 0.5 - 0.1 - 5)
    assert (pool.buys, pool.sells, pool.removes) == (1, 1, 1)
    assert pool.largest_removal == pytest.approx(5 / 10.4)


def test_v4_amounts_follow_from_liquidity_and_price() -> None:
    """At the price p over the whole range, liquidity L holds L/sqrt(p) and L*sqrt(p)."""
    fold, _ = fed(launch(), change(1, added=True, liquidity=10_000 * E18))
    pool = fold.pools[f"base:{POOL}"]
    assert pool.quote == pytest.approx(10.0, rel=1e-4)
    assert pool.token == pytest.approx(10_000 * E18 * 1000, rel=1e-4)
    assert pool.price == pytest.approx(1e-6 / 1e18 * 1e18 / 1e18, rel=1e-4)


def test_a_pull_from_v4_is_told() -> None:
    """All liquidity taken out is a drained pool, as on V2."""
    _, facts = fed(
        launch(), change(1, added=True, liquidity=10_000 * E18), swap(2, in1=E18),
        change(3, added=False, liquidity=10_000 * E18),
    )  # fmt: skip
    assert [each.trigger for each in facts][-1] in ("drained", "liquidity-removed")


def test_what_happens_on_the_token_is_counted() -> None:
    """Transfers and the like change no reserve and are counted by kind."""
    moved = TokenTransfer(**where(1), token=TOKEN, sender=SOMEBODY, to=POOL, value=1)
    fold, facts = fed(launch(), moved)
    assert fold.pools[f"base:{POOL}"].acts == {"TokenTransfer": 1}
    assert facts == []


def test_a_taken_back_launch_tells_nothing_and_its_numbers_go_on() -> None:
    """After a retraction no dossier is due; the next launch goes on with the next number."""
    first = Sync(**where(1), reserve0=10**7 * E18, reserve1=10 * E18)
    head = Head(chain="base", block=2, at=NOON + timedelta(seconds=30))
    fold, before = fed(launch(), first, head)
    assert [each.sequence for each in before] == [0]
    taken_back = Retraction(**{**where(0), "at": NOON + timedelta(seconds=31)})
    assert fold.feed(taken_back) == []
    assert fold.feed(Head(chain="base", block=9000, at=NOON + timedelta(hours=30))) == []
    fold.feed(launch(10_000))
    fold.feed(Sync(**where(10_001), reserve0=10**7 * E18, reserve1=10 * E18))
    after = fold.feed(Head(chain="base", block=10_002, at=NOON + timedelta(hours=35)))
    assert after[0].sequence == 1
    assert after[0].launched_at == where(10_001)["at"]


amounts = st.integers(0, 2**256 - 1)
ticks = st.integers(-(2**23), 2**23)
hostile = st.one_of(
    st.builds(
        LiquidityChange, **{k: st.just(v) for k, v in where(1).items()}, added=st.booleans(),
        owner=st.just(SOMEBODY), liquidity=amounts, lower=ticks, upper=ticks,
    ),
    st.builds(
        Swap, **{k: st.just(v) for k, v in where(1).items()}, sender=st.just(SOMEBODY),
        to=st.just(SOMEBODY), amount0_in=amounts, amount1_in=amounts, amount0_out=amounts,
        amount1_out=amounts, sqrt_price=amounts,
    ),
)  # fmt: skip


@given(st.lists(hostile, max_size=6), st.integers(0, 2**256 - 1))
def test_no_numbers_break_the_fold(events: list[Any], sqrt_price: int) -> None:
    """Whatever a hostile pool logs, reserves stay numbers of zero or more."""
    fold, _ = fed(launch(sqrt_price=sqrt_price))
    for block, event in enumerate(events, 1):
        fold.feed(type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__},
                                 "block": block}))  # fmt: skip
        pool = fold.pools[f"base:{POOL}"]
        assert pool.quote >= 0
        assert pool.token >= 0
