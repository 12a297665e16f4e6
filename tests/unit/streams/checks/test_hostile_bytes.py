"""Arbitrary bytes as code or as answers: findings or ``Invalid``, never anything else."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.checks.acts import Cast, acts_of
from streams.checks.answers import Unknown
from streams.checks.bytecode import Code, code_from
from streams.checks.capabilities import MEASURED, READ, measured, read, taking
from streams.checks.effects import Observation, effects, observation_from
from streams.checks.judging import TRADE_NAMES, judged
from streams.checks.layout import layout_of
from streams.checks.likeness import likeness, sketch
from streams.checks.probe import unpacked
from streams.checks.proxy import clone_target
from streams.checks.trips import Trip, reason_in, trip_from
from streams.errors import Invalid

WORD = st.integers(0, 2**256 - 1) | st.sampled_from([0, 1, 2**256 - 1, 2**256 - 2, 10**18])
FRAGMENTS = st.sampled_from(
    [
        bytes.fromhex(each)
        for each in (
            "5b600056", "6000355b80600101806003575b", "5b6000355760003556", "363d3d373d3d3d363d73",
            "63a9059cbb1461", "6370a0823114", "7f" + "ff" * 32, "73" + "11" * 20, "54", "55", "20",
            "a264697066735822", "0033", "fd", "f3", "5f3560e01c", "8063",
        )
    ]
)  # fmt: skip
CODE = st.binary(max_size=600) | st.lists(FRAGMENTS | st.binary(max_size=4), max_size=200).map(
    b"".join
)
CAST = Cast("0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20, 10**24)
FIELDS = len(Observation.__struct_fields__)


def _code(data: bytes) -> Code | None:
    try:
        return code_from(data)
    except Invalid:
        return None


@given(CODE)
@settings(max_examples=200)
def test_any_bytes_as_code_give_answers(data: bytes) -> None:
    """Whatever the bytes, there is an answer to every question, and acts that can be encoded."""
    clone_target(data)
    code = _code(data)
    if code is None:
        return
    assert set(read(code, None, [code.sketch])) == set(READ)
    tried = "nothing was tried"
    shown = measured(tried, layout_of(code), foreign=False) | taking(tried, code)
    assert set(shown) == set(MEASURED)
    for selector, act in acts_of(code, CAST.victim, CAST):
        assert act.data[:4].hex() == selector


@given(st.binary(max_size=800))
def test_any_bytes_as_an_answer_give_a_trip_or_invalid(data: bytes) -> None:
    """What the node answers for the probe is a trip, nothing, or ``Invalid``."""
    reason_in(data)
    for types in (["bytes[]", "bytes[]"], ["uint256[]", "uint256[][]"], ["uint256[]"]):
        with contextlib.suppress(Invalid):
            unpacked(types, data)
    with contextlib.suppress(Invalid):
        trip_from(data)


TRIPS = st.builds(
    Trip,
    step=st.integers(0, 9) | WORD,
    reason=st.binary(max_size=192),
    move_reason=st.binary(max_size=192),
    **{
        name: WORD
        for name in Trip.__struct_fields__
        if name not in {"step", "reason", "move_reason"}
    },
)


@given(
    st.lists(TRIPS, min_size=1, max_size=4),
    TRIPS | st.none(),
    st.lists(TRIPS, max_size=3),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 255),
)
def test_any_trips_are_judged(
    trips: list[Trip],
    endowed: Trip | None,
    holders: list[Trip],
    opens_later: bool | None,
    decimals: int | None,
) -> None:
    """Whatever numbers a token makes the probe see, each question is answered; taxes are shares."""
    answers = judged(trips, endowed, holders, opens_later=opens_later, decimals=decimals)
    assert set(answers) <= set(TRADE_NAMES)
    assert set(TRADE_NAMES) - set(answers) <= {"trade.max_buy", "trade.max_sell"}
    for name in ("trade.buy_tax", "trade.sell_tax", "trade.transfer_tax"):
        tax = answers[name]
        assert isinstance(tax, Unknown) or (isinstance(tax, float) and 0 <= tax <= 1)


@given(st.lists(WORD, min_size=FIELDS, max_size=FIELDS), st.lists(WORD, max_size=FIELDS + 1))
def test_any_observations_have_effects(before: list[int], after: list[int]) -> None:
    """Two observations of any numbers compare; one of another length is none."""
    one, other = observation_from(before), observation_from(after)
    assert one is not None
    assert (other is not None) == (len(after) == FIELDS)
    effects(one, other or one)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_likeness_is_a_share_and_one_for_itself(one: bytes, other: bytes) -> None:
    """The same opcodes are wholly alike, any two between not at all and wholly."""
    first, second = sketch(one), sketch(other)
    assert likeness(first, first) == 1
    assert 0 <= likeness(first, second) <= 1
