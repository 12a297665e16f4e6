"""Block times from a few known ones."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.blocktime import ANCHORS, time_of_block
from streams.errors import Invalid

ANCHORS_OF = ANCHORS["ethereum"]


@pytest.mark.parametrize(("block", "time"), ANCHORS_OF)
def test_an_anchor_has_its_own_time(block: int, time: int) -> None:
    """At each known block the time is the known one."""
    assert time_of_block("ethereum", block) == time


def test_between_anchors_time_goes_evenly() -> None:
    """Half-way between two anchors in blocks is half-way in time, to the second."""
    (block0, time0), (block1, time1) = ANCHORS_OF[0], ANCHORS_OF[1]
    half = time_of_block("ethereum", (block0 + block1) // 2)
    assert abs(half - (time0 + time1) / 2) <= 1


@pytest.mark.parametrize(
    ("block", "time"), [(9_199_000, 1_577_940_517), (35_537_393, 1_903_224_162)]
)
def test_outside_of_the_anchors_the_pace_goes_on(block: int, time: int) -> None:
    """Before the first and after the last anchor the nearest pace holds."""
    assert time_of_block("ethereum", block) == pytest.approx(time, abs=5)


@given(st.integers(0, 2**40), st.integers(0, 10_000))
def test_time_never_goes_back(block: int, later: int) -> None:
    """A later block is never earlier, and times are whole seconds."""
    first, second = time_of_block("ethereum", block), time_of_block("ethereum", block + later)
    assert first <= second
    assert first.is_integer()


def test_the_anchors_are_plausible() -> None:
    """Blocks took 12 to 14 seconds between any two anchors: a wrong digit would show."""
    for (block0, time0), (block1, time1) in pairwise(ANCHORS_OF):
        assert 12 <= (time1 - time0) / (block1 - block0) < 14


def test_a_chain_without_anchors_says_what_to_do() -> None:
    """A recording of another chain has to bring its times."""
    with pytest.raises(Invalid, match="add a `timestamp` column") as error:
        time_of_block("atlantis", 1)
    assert error.value.reason == "no-time"


@pytest.mark.data
def test_pools_of_autumn_2020_were_created_when_we_say(data_dir: object) -> None:
    """Half of the recorded creation dates lie within 15 minutes, nine in ten within 45."""
    source = f"{data_dir}/data/uniswap_v2_pool_events/pools_part1.parquet"
    rows = duckdb.execute(
        "select first_block, pair_created_date from read_parquet($1)"
        " where pair_created_date is not null and first_block < 11200000",
        [source],
    ).fetchall()
    errors = sorted(abs(date - time_of_block("ethereum", block)) for block, date in rows)
    assert errors[len(errors) // 2] < 15 * 60
    assert errors[len(errors) * 9 // 10] < 45 * 60
