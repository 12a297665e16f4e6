"""One pool folded by hand: trades, liquidity, prices, the last hour, material changes."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, log

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrich.pool import BUCKETS_KEPT, BUYERS_KEPT, Material, Pool
from streams.events import Launch, Position, Sync
from tests.unit.streams.activity import ANN, BEN, POOL, START, Script, moment

T0 = START.timestamp()
assert T0 % 300 == 0  # the start is the start of a five-minute bucket


def pool_of(script: Script) -> tuple[Pool, list[Material | None]]:
    """The pool after the script, and what each event after the launch was."""
    launch, *events = script.events
    assert isinstance(launch, Launch)
    pool = Pool(launch=launch, position=Position(-1, -1))
    return pool, [pool.apply(event) for event in events]  # type: ignore[arg-type]


def after(*syncs: tuple[float, float, int], **launch: object) -> Pool:
    """A pool after these (seconds, quote, token) reserves."""
    return pool_of(scripted(*syncs, **launch))[0]


def scripted(*syncs: tuple[float, float, int], **launch: object) -> Script:
    """A launch and these (seconds, quote, token) reserves."""
    script = Script(**launch).launch()  # type: ignore[arg-type]
    for at, quote, token in syncs:
        script.sync(at, quote, token)
    return script


def changes(*syncs: tuple[float, float, int]) -> list[tuple[float, Material]]:
    """When which material change was seen."""
    found = pool_of(scripted(*syncs))[1]
    return [(at, what) for (at, _, _), what in zip(syncs, found, strict=True) if what]


def test_the_first_reserves_begin_it() -> None:
    """The first sync sets the launch time, the first reserves and the first price."""
    pool = after((5, 10, 1000))
    assert pool.launched == T0 + 5
    assert (pool.quote, pool.quote_initial, pool.quote_max) == (10, 10, 10)
    assert (pool.token, pool.token_initial) == (1000, 1000)
    assert pool.price == pool.price_initial == pool.price_max == 0.01
    assert (pool.adds, pool.buys, pool.sells, pool.removes) == (0, 0, 0, 0)


@pytest.mark.parametrize("token_is_0", [True, False])
@pytest.mark.parametrize("decimals", [0, 6, 18, 36])
def test_reserves_are_oriented_and_scaled(token_is_0: bool, decimals: int) -> None:
    """Whichever side the token is on, the quote is in whole units of its own decimals."""
    pool = after((0, 20, 1000), (1, 25, 800), token_is_0=token_is_0, quote_decimals=decimals)
    assert (pool.quote, pool.token, pool.quote_initial) == (25, 800, 20)
    assert (pool.buys, pool.buy_volume) == (1, 5)


@pytest.mark.parametrize(
    ("quote", "token", "kind"),
    [
        (12, 900, "buys"),
        (8, 1200, "sells"),
        (12, 1200, "adds"),
        (12, 1000, "adds"),
        (8, 900, "removes"),
        (8, 1000, "removes"),
        (10, 1000, None),
        (10, 1200, None),
        (10, 900, None),
    ],
)
def test_a_change_of_reserves_is_read(quote: float, token: int, kind: str | None) -> None:
    """Each combination of the two sides' moves is one kind of event, or none at all."""
    pool = after((0, 10, 1000), (60, quote, token))
    counts = {name: getattr(pool, name) for name in ("buys", "sells", "adds", "removes")}
    assert counts == {name: int(name == kind) for name in counts}
    assert (pool.quote, pool.token) == (quote, token)


def test_trades_add_up() -> None:
    """Volumes, extremes and times over two buys and two sells."""
    pool = after((0, 10, 1000), (0, 12, 840), (10, 13, 780), (20, 12, 840), (30, 9, 1120))
    assert (pool.buys, pool.sells, pool.buys_first_block) == (2, 2, 1)
    assert (pool.buy_volume, pool.sell_volume) == (3, 4)
    assert (pool.largest_buy, pool.largest_sell) == (2, 0.25)
    assert (pool.first_buy, pool.first_sell) == (T0, T0 + 20)
    assert (pool.last_trade, pool.last_sell, pool.touched) == (T0 + 30, T0 + 30, T0 + 30)
    assert pool.quote_max == 13


def test_liquidity_adds_up() -> None:
    """An addition of 5, then removals of a third and of a tenth."""
    pool = after((0, 10, 1000), (10, 15, 1500), (20, 10, 1000), (30, 9, 900))
    assert (pool.adds, pool.removes) == (1, 2)
    assert (pool.added, pool.removed) == (5, 6)
    assert pool.largest_removal == pytest.approx(1 / 3)
    assert pool.last_removal == T0 + 30
    assert pool.quote_max == 15
    assert pool.last_trade is None


def test_volatility_is_of_log_prices_between_trades() -> None:
    """The running variance equals the textbook one, and liquidity moves are no steps."""
    pool = after((0, 10, 1000), (10, 11, 900), (20, 22, 1800), (30, 20, 2000), (40, 21, 1900))
    prices = [10 / 1000, 11 / 900, 20 / 2000, 21 / 1900]
    steps = [log(b / a) for a, b in pairwise(prices)]
    mean = sum(steps) / 3
    assert pool.steps == 3
    assert pool.step_mean == pytest.approx(mean)
    assert pool.step_m2 == pytest.approx(sum((step - mean) ** 2 for step in steps))
    assert pool.price_max == pytest.approx(11 / 900)


def test_the_last_hour_in_buckets() -> None:
    """Trades are counted by five minutes; a moment an hour ago divides within from before."""
    pool = after((0, 10, 1000), (60, 11, 900), (299, 10, 1000), (300, 11, 900), (3700, 12, 800))
    assert [(b.index - T0 // 300, b.buys, b.sells) for b in pool.buckets] == [
        (0, 1, 1),
        (1, 1, 0),
        (12, 1, 0),
    ]
    at_3700 = pool.buckets_within_hour(T0 + 3700)
    assert sum(b.buys for b in at_3700) == 2
    assert pool.bucket_before(T0 + 3700) == pool.buckets[0]
    assert pool.bucket_before(T0 + 3599) is None
    assert len(pool.buckets_within_hour(T0 + 3599)) == 3
    assert pool.bucket_before(T0 + 3900) == pool.buckets[1]
    assert pool.buckets_within_hour(T0 + 3900) == pool.buckets[2:]


def test_an_old_bucket_stays_until_a_newer_one_is_an_hour_old() -> None:
    """The price an hour ago is known however long nobody traded before."""
    pool = after((0, 10, 1000), (10, 11, 900), (90_000, 12, 800), (90_300, 13, 700))
    assert [b.index - T0 // 300 for b in pool.buckets] == [0, 300, 301]
    before = pool.bucket_before(T0 + 90_300)
    assert before is not None
    assert before.close == 11 / 900


def test_buckets_are_bounded() -> None:
    """A trade every minute for a day leaves little more than an hour of buckets."""
    quotes = [(60.0 * n, 10 + n % 2, 1000 - 90 * (n % 2)) for n in range(1440)]
    pool = after(*quotes)
    assert pool.buys + pool.sells == 1439
    assert len(pool.buckets) <= BUCKETS_KEPT + 1
    last = quotes[-1][0]
    assert 55 <= sum(b.buys + b.sells for b in pool.buckets_within_hour(T0 + last)) <= 60


def test_buyers_are_counted_once_and_up_to_a_limit() -> None:
    """Receivers of bought tokens are distinct; sellers are none; state is bounded."""
    script = scripted((0, 10, 1000))
    script.swap(1, ANN, bought=5).swap(2, ANN, bought=5).swap(3, BEN, sold=5)
    pool, _ = pool_of(script)
    assert pool.buyers == {ANN}
    for number in range(3 * BUYERS_KEPT):
        script.swap(4, f"0x{number:x}", bought=1)
    assert len(pool_of(script)[0].buyers) == BUYERS_KEPT


def test_buyers_of_the_other_orientation() -> None:
    """Where the token is the second asset, its amounts are the second ones."""
    script = scripted((0, 10, 1000), token_is_0=False)
    script.swap(1, ANN, bought=5).swap(3, BEN, sold=5)
    assert pool_of(script)[0].buyers == {ANN}


def test_lp_transfers_go_to_the_book() -> None:
    """They move the book and the clock, and are not material."""
    script = scripted((0, 10, 1000)).lp(7, ANN, BEN, 5)
    pool, found = pool_of(script)
    assert (pool.book.transfers, pool.book.last_move, found) == (1, T0 + 7, [None, None])


def test_redelivery_is_known_by_position() -> None:
    """An event at or before the last applied position was seen; a later one was not."""
    pool = after((0, 10, 1000), (60, 11, 900))
    assert pool.position == Position(1005, 3)
    assert pool.has_seen(Position(1005, 3))
    assert pool.has_seen(Position(1004, 9))
    assert not pool.has_seen(Position(1005, 4))


def test_time_of_a_pool_never_goes_back() -> None:
    """A source whose clock jumps back cannot make an age or a pause negative."""
    pool = after((100, 10, 1000), (40, 11, 900))
    assert (pool.launched, pool.touched, pool.last_trade) == (T0 + 100, T0 + 100, T0 + 100)


@pytest.mark.parametrize(
    ("left", "material"), [(8.0, True), (7.9, True), (8.1, False), (10.0, False)]
)
def test_removal_of_a_fifth_is_material(left: float, material: bool) -> None:
    """Exactly 20 % counts, less does not."""
    assert bool(changes((0, 10, 1000), (60, left, round(left * 100)))) is material


def test_removals_add_up_until_they_are_told() -> None:
    """Two removals of a tenth leave 81 %; a third completes a fifth, and the count restarts."""
    removals = [(0, 10, 1000), (60, 9, 900), (120, 8.1, 810), (180, 7.29, 729), (800, 6.561, 656)]
    assert changes(*removals) == [(180, "liquidity-removed")]


def test_removals_in_a_row_are_told_once_a_pause() -> None:
    """Within ten minutes nothing is repeated; then what was taken since is told at once."""
    assert changes(
        (0, 100, 1000), (60, 70, 700), (120, 40, 400), (659, 39, 390), (660, 38, 380)
    ) == [(60, "liquidity-removed"), (660, "liquidity-removed")]


def test_adding_does_not_undo_a_removal() -> None:
    """Liquidity that came back does not make what was taken unsaid."""
    assert changes((0, 10, 1000), (60, 8.5, 850), (120, 20, 2000), (180, 18, 1800)) == [
        (180, "liquidity-removed")
    ]


def test_a_fall_to_half_within_an_hour_is_material() -> None:
    """The price is held against the highest of the last hour, not against the first."""
    rise_and_fall = [(0, 10, 1000), (60, 20, 500), (120, 15, 667), (180, 14.1, 709)]
    assert changes(*rise_and_fall) == [(180, "price-fell")]


def test_a_slow_fall_is_not_material() -> None:
    """Half the price in three hours is no fall within an hour."""
    assert changes((0, 10, 1000), (3700, 9, 1112), (7400, 8, 1250), (11100, 7, 1430)) == []


def test_falls_are_told_once_an_hour() -> None:
    """A second fall within the pause is not told; one after it is."""
    assert changes(
        (0, 100, 1000), (60, 70, 1430), (120, 49, 2045), (3650, 33, 3040), (3700, 34, 2950)
    ) == [(60, "price-fell"), (3700, "price-fell")]
    assert changes(
        (0, 100, 1000), (60, 70, 1430), (3600, 71, 1410), (3660, 50, 2010), (3672, 49, 2045)
    ) == [(60, "price-fell"), (3660, "price-fell")]


@pytest.mark.parametrize("token", [50, 20_000], ids=["pulled", "dumped"])
def test_a_drain_is_told_once(token: int) -> None:
    """At 5 % of the maximum nothing is left, whether liquidity was pulled or tokens dumped."""
    assert changes((0, 10, 1000), (60, 0.5, token), (4000, 0.4, token + 9)) == [(60, "drained")]


def test_a_drain_is_measured_by_the_maximum() -> None:
    """What others paid in counts: back to the initial reserve can be a drain."""
    assert changes((0, 1, 1000), (60, 100, 10), (120, 5.1, 197), (180, 5, 200)) == [
        (120, "price-fell"),
        (180, "drained"),
    ]


def test_a_drain_silences_the_lesser_changes() -> None:
    """The gravest change is told, and with it the removal and the fall that it also is."""
    assert changes((0, 10, 1000), (60, 0.1, 990), (120, 0.05, 2000)) == [(60, "drained")]


def test_a_pool_that_was_never_filled_is_not_drained() -> None:
    """Without a quote there is nothing to lose, no price to fall, and no division by zero."""
    assert changes((0, 0, 1000), (60, 0, 2000), (120, 0, 500)) == []
    pool = after((0, 0, 0), (60, 0, 0), (120, 5, 0), (180, 5, 1000), (240, 0, 0))
    assert (pool.price, pool.price_initial, pool.adds, pool.removes) == (0, 0, 1, 1)


reserves = st.one_of(
    st.sampled_from([0, 1, 2, 2**112 - 2, 2**112 - 1, 2**256 - 1, 10**18]), st.integers(0, 2**112)
)


@given(
    st.lists(st.tuples(st.integers(0, 90_000), reserves, reserves), max_size=30),
    st.booleans(),
    st.sampled_from([0, 6, 18, 36]),
)
def test_state_stays_finite_and_survives_storage(
    syncs: list[tuple[int, int, int]], token_is_0: bool, decimals: int
) -> None:
    """Whatever the reserves, no number is negative, infinite or none, and JSON keeps them all."""
    script = Script(token_is_0=token_is_0, quote_decimals=decimals).launch()
    pool, _ = pool_of(script)
    for number, (at, reserve0, reserve1) in enumerate(syncs):
        pool.apply(
            Sync(
                chain="ethereum", pool=POOL, block=number, log_index=0, at=moment(at),
                reserve0=reserve0, reserve1=reserve1,
            )
        )  # fmt: skip
        numbers = [v for v in msgspec.structs.asdict(pool).values() if isinstance(v, float)]
        assert all(isfinite(value) for value in numbers)
        assert all(value >= 0 for value in numbers if value is not pool.step_mean)
        assert 0 <= pool.kept <= 1
        assert pool.largest_sell <= 1
        assert pool.largest_removal <= 1
    assert msgspec.json.decode(msgspec.json.encode(pool), type=Pool) == pool
