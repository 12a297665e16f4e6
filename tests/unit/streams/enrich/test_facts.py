"""A dossier by hand: every number of it, and a reason for every one that is unknown."""

from __future__ import annotations

from math import log
from statistics import pstdev
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from streams.enrich.facts import NO_SWAPS, NOT_SENT, NOT_YET, facts_from_pool
from streams.enrich.pool import Pool
from streams.enrich.surroundings import NO_MARKET
from streams.enrich.talk import NOT_LISTENING
from streams.events import (
    Facts,
    Holders,
    Launch,
    Liquidity,
    Position,
    Sync,
    TokenFacts,
    Trading,
    Trigger,
    decode,
    encode,
)
from tests.unit.streams.activity import (
    ANN,
    BEN,
    CEM,
    DEAD,
    LOCKER,
    POOL,
    START,
    ZERO,
    Script,
    moment,
)

TOKEN = TokenFacts(name="Pepe", symbol="PEPE", decimals=9, total_supply=2000, pooled_share=0.5)


def facts_of(script: Script, at: float, trigger: Trigger = "1h") -> Facts:
    """The dossier ``at`` so many seconds after the start, of the events so far."""
    launch, *events = script.events
    assert isinstance(launch, Launch)
    pool = Pool(launch=launch, position=Position(-1, -1), sequence=4)
    for event in events:
        pool.apply(event)  # type: ignore[arg-type]
    return facts_from_pool(pool, trigger, START.timestamp() + at)


def life(**launch: Any) -> Script:
    """Two hours of a pool: bought in its first block, sold, added to, locked, burnt, removed."""
    named: dict[str, Any] = {"name": "Pepe", "symbol": "PEPE", "decimals": 9, "total_supply": 2000}
    script = Script(**launch, **named).launch()
    script.lp(0, ZERO, ZERO, 1000).lp(0, ZERO, ANN, 9000).sync(0, 10, 1000)
    script.sync(0, 12, 840).swap(0, BEN, bought=160)
    script.sync(600, 11, 920).swap(600, BEN, sold=80)
    script.lp(1200, ZERO, CEM, 5000).sync(1200, 22, 1840)
    script.lp(2400, ANN, LOCKER, 4500).lp(3000, ANN, DEAD, 1500)
    script.lp(4000, CEM, POOL, 3000).lp(4000, POOL, ZERO, 3000).sync(4000, 17.6, 1472)
    return script.sync(7200, 20, 1300).swap(7200, CEM, bought=172)


@pytest.mark.parametrize("token_is_0", [True, False], ids=["token-first", "quote-first"])
@pytest.mark.parametrize("quote_decimals", [6, 18])
def test_every_number_of_a_dossier(token_is_0: bool, quote_decimals: int) -> None:
    """Computed by hand; the same on either side of the pair and for USDC and WETH alike."""
    script = life(token_is_0=token_is_0, quote_decimals=quote_decimals)
    facts = facts_of(script, 7500)
    assert facts.token == TOKEN
    assert close(
        facts.liquidity,
        Liquidity(
            reserve=20.0,
            reserve_initial=10.0,
            reserve_max=22.0,
            added=11.0,
            removed=4.4,
            adds=1,
            removes=1,
            largest_removal_share=0.2,
            seconds_since_removal=3500.0,
        ),
    )
    prices = [10 / 1000, 12 / 840, 11 / 920, 20 / 1300]
    steps = [log(prices[1] / prices[0]), log(prices[2] / prices[1]), log(prices[3] / prices[2])]
    assert close(
        facts.trading,
        Trading(
            buys=2,
            sells=1,
            buys_last_hour=1,
            sells_last_hour=0,
            buys_first_block=1,
            buy_volume=4.4,
            sell_volume=1.0,
            largest_buy=2.4,
            largest_sell_share=1 / 12,
            price_to_initial=prices[3] / prices[0],
            price_to_max=1.0,
            price_to_hour_ago=prices[3] / prices[2],
            price_volatility=pstdev(steps),
            seconds_to_first_buy=0.0,
            seconds_to_first_sell=600.0,
            seconds_since_trade=300.0,
            seconds_since_sell=6900.0,
            buyers=2,
        ),
    )
    assert facts.holders == Holders(
        lp_holders=3,
        lp_top_share=0.25,
        lp_burnt_share=2500 / 12_000,
        lp_locked_share=0.375,
        lp_removed_share=0.2,
        lp_mints=2,
        lp_burns=1,
        lp_transfers=7,
        seconds_since_lp_move=3500.0,
    )
    assert facts.missing.keys() == {"social", "market"}


def close(found: msgspec.Struct, expected: msgspec.Struct) -> bool:
    """Equal but for the last bits of a division."""
    return bool(msgspec.structs.asdict(found) == pytest.approx(msgspec.structs.asdict(expected)))


def test_where_and_when_a_dossier_stands() -> None:
    """It names its launch, its moment and age, its number, and the last event that it has seen."""
    launch: dict[str, Any] = {
        "venue": "sushiswap-v2",
        "chain": "polygon",
        "token": "0x01",
        "quote_symbol": "USDC",
    }
    facts = facts_of(Script(**launch).launch(3).sync(63, 10, 1000), 363, "5m")
    assert (facts.chain, facts.pool, facts.venue) == ("polygon", POOL, "sushiswap-v2")
    assert (facts.block, facts.log_index) == (1005, 2)
    assert (facts.trigger, facts.sequence, facts.id) == ("5m", 4, f"polygon:{POOL}:facts:4")
    assert (facts.launched_at, facts.at, facts.age) == (moment(63), moment(363), 300.0)
    assert (facts.quote_symbol, facts.token_address) == ("USDC", "0x01")


def test_what_is_unknown_has_its_reason() -> None:
    """Not sent, not yet happened, and no traders named are three different things."""
    silent = facts_of(Script(lp_visible=False).launch().sync(0, 10, 1000), 60)
    assert silent.token == TokenFacts()
    assert silent.holders is UNSET
    assert silent.missing == {
        **{f"token.{name}": NOT_SENT for name in TokenFacts.__struct_fields__},
        "trading.seconds_to_first_buy": NOT_YET,
        "trading.seconds_to_first_sell": NOT_YET,
        "trading.seconds_since_trade": NOT_YET,
        "trading.seconds_since_sell": NOT_YET,
        "trading.buyers": NOT_YET,
        "holders": NOT_SENT,
        "social": NOT_LISTENING,
        "market": NO_MARKET,
    }
    bought = facts_of(Script().launch().sync(0, 10, 1000).sync(12, 11, 900), 60)
    assert bought.missing["trading.buyers"] == NO_SWAPS
    assert bought.missing["holders"] == NOT_YET
    assert "trading.seconds_to_first_buy" not in bought.missing


def test_a_known_false_is_not_missing() -> None:
    """No transfer seen is unknown, a supply of nothing has no share, no sale yet is zero sales."""
    facts = facts_of(Script(total_supply=0, name="").launch().sync(0, 10, 1000), 60)
    assert (facts.token.total_supply, facts.token.pooled_share) == (0, UNSET)
    assert facts.token.name == ""
    assert facts.trading.sells == 0
    assert facts.missing["token.pooled_share"] == NOT_SENT
    assert "token.name" not in facts.missing


def test_holders_need_a_transfer_and_a_source_that_sends_them() -> None:
    """LP facts are there from the first transfer on, unless the source does not promise them."""
    seen = Script().launch().lp(0, ZERO, ANN, 5).sync(0, 10, 1000)
    unseen = Script(lp_visible=False).launch().lp(0, ZERO, ANN, 5).sync(0, 10, 1000)
    assert isinstance(facts_of(seen, 60).holders, Holders)
    assert facts_of(unseen, 60).holders is UNSET


def test_the_hour_ago_is_the_launch_for_a_young_pool() -> None:
    """Within the first hour the price is held against the initial one."""
    facts = facts_of(Script().launch().sync(0, 10, 1000).sync(1800, 20, 500), 3599)
    assert facts.trading.price_to_hour_ago == facts.trading.price_to_initial == 4.0
    assert facts.trading.buys_last_hour == 1


def test_time_passes_for_a_quiet_pool() -> None:
    """A day later the same events are older, the last hour is empty, the price did not move."""
    facts = facts_of(life(), 93_600, "24h")
    assert facts.trading.seconds_since_trade == 86_400.0
    assert (facts.trading.buys_last_hour, facts.trading.sells_last_hour) == (0, 0)
    assert facts.trading.price_to_hour_ago == 1.0
    assert isinstance(facts.holders, Holders)
    assert facts.holders.seconds_since_lp_move == 89_600.0


def test_a_pool_before_its_first_reserves_has_no_age() -> None:
    """A dossier of a pool that cannot be traded yet is all zero and known to be so."""
    facts = facts_of(Script().launch(), 60)
    assert (facts.age, facts.at, facts.launched_at) == (0.0, moment(60), moment(60))
    assert facts.liquidity.reserve == facts.trading.price_to_initial == 0.0


reserves = st.one_of(
    st.sampled_from([0, 1, 2**112 - 2, 2**112 - 1, 2**256 - 1, 10**18]), st.integers(0, 2**112)
)


@given(
    st.lists(st.tuples(st.integers(0, 7200), reserves, reserves), min_size=1, max_size=12),
    st.sampled_from([0, 6, 18, 36]),
    st.sampled_from([0, 1, 2**256 - 1]),
    st.integers(0, 10**9),
)
def test_every_dossier_fits_the_wire(
    syncs: list[tuple[int, int, int]], decimals: int, supply: int, later: int
) -> None:
    """No reserves make a number that is negative, infinite or none: what is sent is read."""
    script = Script(quote_decimals=decimals, total_supply=supply).launch()
    for number, (at, reserve0, reserve1) in enumerate(syncs):
        script.events.append(
            Sync(
                chain="ethereum", pool=POOL, block=number, log_index=0, at=moment(at),
                reserve0=reserve0, reserve1=reserve1,
            )
        )  # fmt: skip
    facts = facts_of(script, 7200 + later)
    assert decode(encode(facts), Facts) == facts
    shares = (facts.liquidity.largest_removal_share, facts.trading.largest_sell_share)
    assert all(0 <= share <= 1 for share in shares)
