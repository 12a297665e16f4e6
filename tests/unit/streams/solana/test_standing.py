"""What was told of Solana, and how firmly it stands: moments, early launches, stale news."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import Launch, Swap
from streams.solana.ledger import Early
from streams.solana.listen import heard_in
from streams.solana.rpc import Block
from streams.solana.sightings import curve_of
from streams.solana.spoken import Spoken, may_launch, spoken_events, unspoken
from streams.solana.standing import MOST_AHEAD, Standing
from tests.unit.streams.solana.making import key, logged

MINT, POOL, USER = key(10), key(11), key(12)
GIVEN: dict[str, Any] = {"mint": MINT, "bonding_curve": POOL, "user": USER, "creator": USER}


def _block(slot: int, time: int | None = 1_780_000_000) -> Block:
    return Block(
        blockhash=f"h{slot}", previous_blockhash=f"h{slot - 1}", parent_slot=slot - 1,
        block_time=time, slot=slot,
    )  # fmt: skip


def _standing(*slots: int) -> Standing:
    standing = Standing()
    for slot in slots:
        block = _block(slot)
        standing.add(standing.told(block, standing.time_of(block), ()))
    return standing


@given(st.lists(st.none() | st.integers(0, 2_000_000_000), min_size=1, max_size=20))
def test_moments_only_go_forward(times: list[int | None]) -> None:
    """Whatever block times nodes give, each block and each early launch is later than the last."""
    standing, moments = Standing(), []
    for slot, time in enumerate(times, 5):
        block = _block(slot, time)
        moments.append(standing.time_of(block))
        standing.add(standing.told(block, moments[-1], ()))
        moments.append(standing.early_time())
        standing.say([Early(key(slot), slot + 1)])
    assert moments == sorted(set(moments))
    assert standing.head().at.timestamp() == pytest.approx(moments[-1], abs=1e-5)


def test_only_what_is_new_and_near_is_early() -> None:
    """Not before the first block, of told slots, far ahead, twice, or again once it was lost."""
    assert not Standing().may_be_early(POOL, 8)
    standing = _standing(7)
    assert standing.may_be_early(POOL, 8)
    assert not standing.may_be_early(POOL, 7)
    assert not standing.may_be_early(POOL, 8 + MOST_AHEAD)
    standing.say([Early(POOL, 8)])
    assert not standing.may_be_early(POOL, 9)
    assert standing.overdue(8, ()) == [Early(POOL, 8)]
    assert standing.overdue(8, {POOL}) == []
    standing.settle([POOL])
    assert not standing.may_be_early(POOL, 8)  # a notification of the lost branch, repeated
    assert standing.may_be_early(POOL, 9)


def test_a_log_tells_a_launch_and_its_first_trade() -> None:
    """Pool, maker, reserves, the purchase; another pool's trade in the same log is left out."""
    trades = [
        *logged("pump-fun", "TradeEvent", mint=MINT, user=USER, is_buy=True),
        *logged("pump-fun", "TradeEvent", mint=key(40), user=USER, is_buy=True),
    ]
    given = {**GIVEN, "bonding_curve": curve_of(MINT)}
    spoken = Spoken(9, "5sig", [*logged("pump-fun", "CreateEvent", **given), *trades])
    events = spoken_events(spoken, 1_780_000_000.0)
    assert [type(each).__name__ for each in events] == ["Launch", "Sync", "Sync", "Swap"]
    launch = events[0]
    assert isinstance(launch, Launch)
    assert (launch.pool, launch.deployer, launch.block, launch.log_index) == (
        given["bonding_curve"], USER, 9, 0,
    )  # fmt: skip
    assert unspoken(events, events) == []
    assert [type(each) for each in unspoken(events, events[:3])] == [Swap]


def test_a_log_without_a_maker_is_not_told() -> None:
    """Orca's log names pool and mints, and not who made it: its block does."""
    logs = logged("orca-whirlpool", "PoolInitialized")
    assert spoken_events(Spoken(9, "5sig", logs), 1_780_000_000.0) == []


def test_only_logs_of_launches_are_looked_at() -> None:
    """The beginning of the event in base64 tells, wherever it stands."""
    assert may_launch("\n".join(logged("pump-fun", "CreateEvent", **GIVEN)).encode())
    assert may_launch("\n".join(logged("pump-swap", "CreatePoolEvent")).encode())
    assert not may_launch("\n".join(logged("pump-fun", "TradeEvent")).encode())


@given(st.binary(max_size=60) | st.sampled_from([b'{"slot":5}', b'{"value":{"block":{}}}', b"[]"]))
def test_any_notification_is_heard_or_passed_over(notice: bytes) -> None:
    """Nonsense of a node is nothing, and never raises."""
    heard = heard_in(notice)
    assert heard is None or isinstance(heard, int)
