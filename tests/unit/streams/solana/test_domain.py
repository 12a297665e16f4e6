"""Sightings to the events that every stage knows, in positions that only grow; and drift."""

from __future__ import annotations

from typing import Any

import pytest

from streams.enrich.fold import Fold
from streams.errors import Invalid
from streams.events import Activity, Facts, Head, Launch, LiquidityChange, Swap, Sync
from streams.onpool import OnPool
from streams.solana.decode import Outcome
from streams.solana.domain import EVENTS_A_TRANSACTION, events_from
from streams.solana.drift import FEWEST, REPEATED, WINDOW_S, Drift
from streams.solana.sightings import WSOL, SeenActivity, SeenLaunch
from tests.unit.streams.solana.making import key

MINT, POOL, USER = key(10), key(11), key(12)
TIME = 1_780_000_000


def _launch(**changed: Any) -> SeenLaunch:
    given: dict[str, Any] = {
        "venue": "pump-fun",
        "pool": POOL,
        "token": MINT,
        "quote": WSOL,
        "token_is_0": True,
        "token_amount": 1_073_000_000_000_000,
        "quote_amount": 30_000_000_000,
        "name": "A",
        "symbol": "B",
        "deployer": USER,
        "signature": "5sig",
    }
    return SeenLaunch(**{**given, **changed})


def _trade(kind: Any, reserve0: int, reserve1: int) -> SeenActivity:
    return SeenActivity(
        venue="pump-fun", kind=kind, pool=POOL, user=USER, amount0=5, amount1=7,
        reserve0=reserve0, reserve1=reserve1,
    )  # fmt: skip


def _events(launches: Any, activity: Any, slot: int = 9, place: int = 2) -> list[Activity]:
    return events_from(launches, activity, slot=slot, place=place, time=TIME)


def test_a_curve_and_its_first_buy() -> None:
    """Launch, its reserves, reserves behind the buy, the buyer: in order, each at its own place."""
    events = _events([_launch()], [_trade("buy", 1_000, 40)])
    assert [type(event) for event in events] == [Launch, Sync, Sync, Swap]
    positions = [event.position for event in events if isinstance(event, OnPool)]
    assert positions == sorted(set(positions))
    assert positions[0].block == 9
    assert positions[0].log_index == 2 * EVENTS_A_TRANSACTION
    launch, _, _, swap = events
    assert isinstance(launch, Launch)
    assert isinstance(swap, Swap)
    assert (launch.quote_symbol, launch.quote_decimals, launch.tx_hash) == ("SOL", 9, "5sig")
    assert (swap.amount1_in, swap.amount0_out, swap.to) == (7, 5, USER)


def test_reserves_stand_on_the_programs_sides() -> None:
    """Where the token is the program's second asset, its reserve is the second too."""
    events = _events([_launch(token_is_0=False, token_amount=8, quote_amount=3)], [])
    sync = events[1]
    assert isinstance(sync, Sync)
    assert (sync.reserve0, sync.reserve1) == (3, 8)


def test_a_sale_and_a_withdrawal() -> None:
    """A seller pays the token; a provider takes out."""
    sale = _events([], [_trade("sell", 1, 2)])[1]
    assert isinstance(sale, Swap)
    assert (sale.amount0_in, sale.amount1_out) == (5, 7)
    change = _events([], [_trade("withdraw", 1, 2)])[1]
    assert isinstance(change, LiquidityChange)
    assert not change.added


def test_dossiers_come_of_it() -> None:
    """The fold that serves every chain makes a dossier of a curve: price, buyers, age."""
    fold, facts = Fold(), list[Facts]()
    first = _events([_launch()], [_trade("buy", 1_000_000_000_000_000, 33_000_000_000)])
    for event in first:
        fold.feed(event, facts)
    head = {"chain": "solana", "block": 900}
    for second in (TIME + 200, TIME + 400):
        at = first[0].at.fromtimestamp(second, first[0].at.tzinfo)
        fold.feed(Head(**head, at=at), facts)  # type: ignore[arg-type]
    launch, five = facts
    assert (launch.trigger, five.trigger, five.venue) == ("launch", "5m", "pump-fun")
    assert (five.trading.buys, five.trading.buyers, five.quote_symbol) == (1, 1, "SOL")
    assert five.liquidity.reserve == pytest.approx(33.0)


def test_a_time_that_no_event_can_have_is_refused() -> None:
    """A transaction of a wild time is ``Invalid``, not a crash."""
    with pytest.raises(Invalid):
        events_from([_launch()], [], slot=1, place=0, time=250_000_000_000)


@pytest.mark.parametrize("outcome", ["unknown", "undecodable"])
def test_drift_is_an_alarm_within_a_minute(outcome: Outcome) -> None:
    """A program of which a share cannot be read is named, others are not, and it ends again."""
    now = [0.0]
    drift = Drift(clock=lambda: now[0])
    drift.note({("pump-fun", "decoded"): FEWEST, ("raydium-v4", "decoded"): FEWEST})
    drift.note({("pump-fun", outcome): 1})
    assert not drift.alarmed
    now[0] += WINDOW_S
    drift.note({("raydium-v4", "decoded"): 1})
    assert drift.alarmed == {"pump-fun"}
    assert WINDOW_S * 2 <= 60
    now[0] += WINDOW_S
    drift.note({("pump-fun", "decoded"): FEWEST})
    assert not drift.alarmed


def test_a_new_way_of_making_pools_is_an_alarm_at_once() -> None:
    """The same unknown thing a few times is one, though trades are a thousand times as many."""
    now = [0.0]
    drift = Drift(clock=lambda: now[0])
    drift.note({("pump-fun", "decoded"): 5000})
    for _ in range(REPEATED):
        assert not drift.alarmed
        drift.note({("pump-fun", "unknown"): 1}, [("pump-fun", "0102030405060708")])
    assert drift.alarmed == {"pump-fun"}
    for alarmed in (True, False):  # it stands to the end of a window without it
        now[0] += WINDOW_S
        drift.look()
        assert bool(drift.alarmed) == alarmed


def test_strange_things_that_differ_are_no_drift() -> None:
    """Single instructions that nobody knows alarm nobody."""
    drift = Drift(clock=lambda: 0.0)
    for number in range(REPEATED + 1):
        drift.note({("pump-fun", "unknown"): 1}, [("pump-fun", f"{number:016x}")])
    assert not drift.alarmed


def test_one_strange_instruction_is_no_drift() -> None:
    """Fewer instructions than mean anything alarm nobody."""
    now = [0.0]
    drift = Drift(clock=lambda: now[0])
    now[0] += WINDOW_S
    drift.note({("pump-fun", "unknown"): 3})
    assert not drift.alarmed
