"""The wire: what was ever written decodes for ever, and nothing else decodes at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.errors import Invalid
from streams.events import (
    MOST_AMOUNT,
    Alert,
    DeadLetter,
    Event,
    Examination,
    Facts,
    Head,
    Launch,
    Listening,
    LpTransfer,
    Market,
    Mention,
    Position,
    Retraction,
    Swap,
    Sync,
    TokenFacts,
    Verdict,
    decode,
    encode,
)
from streams.labels import Label
from streams.markets import Candle
from streams.posts import Deletion, Post
from streams.topics import ACTIVITY, TOPICS
from tests.unit.streams.activity import POOL, START, Script, dossiers, head

GOLDEN = Path(__file__).parents[2] / "golden" / "events_v1.jsonl"
LINES = GOLDEN.read_bytes().splitlines()
TYPES: list[Any] = [*(topic.event for topic in TOPICS), DeadLetter]
WIRE: dict[str, Any] = {
    str(each.__struct_config__.tag): each
    for each in (
        *get_args(ACTIVITY.event),
        Facts,
        Verdict,
        Alert,
        Label,
        DeadLetter,
        Post,
        Deletion,
        Candle,
    )
}


NUMBERED = [f"{number}-{json.loads(line)['type']}" for number, line in enumerate(LINES)]


def kind_of(line: bytes) -> str:
    """The tag of a recorded event."""
    return str(json.loads(line)["type"])


def with_fields(line: bytes, **fields: Any) -> bytes:
    """The recorded event with some fields changed; ``None`` removes one."""
    changed = {**json.loads(line), **fields}
    return json.dumps({key: value for key, value in changed.items() if value is not None}).encode()


def line_of(kind: str) -> bytes:
    """The first recorded event of that tag."""
    return next(line for line in LINES if kind_of(line) == kind)


def refusal(data: bytes, type_: Any) -> Invalid | None:
    """Why the bytes are no event, if they are none."""
    try:
        decode(data, type_)
    except Invalid as error:
        return error
    return None


def contains(written: Any, known: Any) -> bool:
    """Whether all that was ``known`` is still ``written``; fields may have been added."""
    if isinstance(known, dict):
        return all(key in written and contains(written[key], known[key]) for key in known)
    if isinstance(known, list):
        return len(written) == len(known) and all(map(contains, written, known))
    return bool(written == known)


@pytest.mark.parametrize("line", LINES, ids=NUMBERED)
def test_version_1_decodes_for_ever(line: bytes) -> None:
    """Recorded bytes of version 1 decode to their type and lose nothing when written again."""
    event = decode(line, WIRE[kind_of(line)])
    assert contains(json.loads(encode(event)), json.loads(line))


def test_every_kind_of_event_is_recorded() -> None:
    """No event type of a topic lacks its golden line, nor do its optional parts."""
    assert {kind_of(line) for line in LINES} == set(WIRE)
    names = {field for line in LINES for field in json.loads(line)}
    assert {field for event in WIRE.values() for field in event.__struct_fields__} <= names


def test_activity_is_told_apart_by_its_tag() -> None:
    """One topic holds many kinds of event, and each record decodes to its own."""
    kinds = [Launch, Launch, Sync, Swap, LpTransfer, Head]
    assert [type(decode(line, ACTIVITY.event)) for line in LINES[:6]] == kinds


amounts = st.one_of(st.integers(0, MOST_AMOUNT), st.sampled_from([0, 1, 2**64, MOST_AMOUNT]))
counts = st.integers(0, 2**63 - 1)
EPOCH, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), END - EPOCH - timedelta(seconds=1)).map(EPOCH.__add__)
texts = st.text(max_size=256)
addresses = st.from_regex(r"[!-~]{1,128}", fullmatch=True)
unknown = st.just(msgspec.UNSET)
where: dict[str, Any] = {
    "chain": st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    "pool": addresses,
    "block": counts,
    "log_index": counts,
    "at": moments,
}
launches = st.builds(
    Launch,
    **where,
    venue=where["chain"],
    token_is_0=st.booleans(),
    name=texts | unknown,
    symbol=texts | unknown,
    decimals=st.integers(0, 255) | unknown,
    total_supply=amounts | unknown,
    deployer=addresses | unknown,
)
syncs = st.builds(Sync, **where, reserve0=amounts, reserve1=amounts)
swaps = st.builds(
    Swap,
    **where,
    sender=addresses,
    to=addresses,
    amount0_in=amounts,
    amount1_in=amounts,
    amount0_out=amounts,
    amount1_out=amounts,
)
transfers = st.builds(LpTransfer, **where, sender=addresses, to=addresses, value=amounts)
heads = st.builds(Head, chain=where["chain"], block=counts, at=moments, last=st.booleans())
letters = st.builds(
    DeadLetter,
    topic=texts,
    partition=st.integers(0, 1000),
    offset=counts,
    stage=texts,
    reason=texts,
    detail=texts,
    key=st.binary(),
    value=st.binary(),
    at=moments,
)


@given(st.one_of(launches, syncs, swaps, transfers, heads, letters))
def test_what_is_written_is_read(event: Event) -> None:
    """Encoding and decoding gives an equal event, whatever it holds."""
    assert decode(encode(event), type(event)) == event
    if not isinstance(event, DeadLetter):
        assert decode(encode(event), ACTIVITY.event) == event


@given(texts, texts, amounts | unknown, st.floats(0, 1e300))
def test_a_dossier_that_is_written_is_read(name: str, symbol: str, supply: Any, age: float) -> None:
    """Dossiers round-trip too, with hostile names and any number."""
    facts = msgspec.structs.replace(
        decode(line_of("facts"), Facts),
        token=TokenFacts(name=name, symbol=symbol, total_supply=supply),
        age=age,
    )
    assert decode(encode(facts), Facts) == facts


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A recorded event with some fields replaced by anything, or some bytes of it."""
    line = draw(st.sampled_from(LINES))
    if draw(st.booleans()):
        fields = st.sampled_from(sorted(json.loads(line)))
        return with_fields(line, **draw(st.dictionaries(fields, json_values, max_size=3)))
    start = draw(st.integers(0, len(line)))
    return line[:start] + draw(st.binary(max_size=6)) + line[start + draw(st.integers(0, 6)) :]


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()) | spoilt())
@example(b"[" * 100_000)
@example(b'{"type":' * 100_000)
@example(b"\xff\xfe")
@example(b'{"type":"a\\nb"}')
@example(b'{"type":"' + b"x" * 5000 + b'"}')
@example(b'{"v":' + b"9" * 4000 + b"}")
@example(b'{"v":' + b"9" * 5000 + b"}")
def test_any_bytes_are_an_event_or_invalid(data: bytes) -> None:
    """No bytes raise anything but ``Invalid`` with one line and a reason fit for a label."""
    for type_ in TYPES:
        error = refusal(data, type_)
        if error is not None:
            assert error.reason in {"json", "schema", "unknown-version", "amount", "time"}
            assert len(str(error).splitlines()) == 1
            assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("kind", "fields", "path"),
    [
        ("sync", {"reserve0": -1}, "$.reserve0"),
        ("sync", {"reserve0": "5"}, "$.reserve0"),
        ("sync", {"reserve0": 1.5}, "$.reserve0"),
        ("sync", {"reserve0": True}, "$.reserve0"),
        ("sync", {"reserve0": float("nan")}, "malformed"),
        ("sync", {"reserve0": [1]}, "$.reserve0"),
        ("sync", {"block": 2**63}, "$.block"),
        ("sync", {"log_index": -1}, "$.log_index"),
        ("sync", {"pool": ""}, "$.pool"),
        ("sync", {"pool": "x" * 129}, "$.pool"),
        ("sync", {"pool": "0x\0"}, "$.pool"),
        ("sync", {"pool": "0x1\n"}, "$.pool"),
        ("swap", {"to": "0x 1"}, "$.to"),
        ("launch", {"token": "0x\u20ac"}, "$.token"),
        ("sync", {"pool": None}, "`pool`"),
        ("sync", {"chain": "Ethereum"}, "$.chain"),
        ("sync", {"chain": "ethereum\n"}, "$.chain"),
        ("sync", {"at": "2026-05-04T12:00:00"}, "$.at"),
        ("sync", {"at": 1777896000}, "$.at"),
        ("sync", {"type": "unheard-of"}, "$.type"),
        ("launch", {"name": "x" * 257}, "$.name"),
        ("launch", {"quote_decimals": 37}, "$.quote_decimals"),
        ("facts", {"trigger": "2h"}, "$.trigger"),
        ("facts", {"age": -1.0}, "$.age"),
        ("facts", {"age": float("inf")}, "malformed"),
        ("facts", {"sequence": -1}, "$.sequence"),
        ("verdict", {"probability": 1.01}, "$.probability"),
        ("verdict", {"probability": float("nan")}, "malformed"),
        ("alert", {"action": "deleted"}, "$.action"),
        ("dead-letter", {"key": "not base64!"}, "$.key"),
    ],
)
def test_a_wrong_field_is_named(kind: str, fields: dict[str, Any], path: str) -> None:
    """A value of the wrong type or out of its range is refused, and the reason names it."""
    with pytest.raises(Invalid) as error:
        decode(with_fields(line_of(kind), **fields), WIRE[kind])
    assert path in str(error.value)
    assert error.value.reason == ("json" if path == "malformed" else "schema")


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("sync", {"reserve1": 2**256}, "amount"),
        ("swap", {"amount0_out": 10**400}, "amount"),
        ("lp-transfer", {"value": 2**256}, "amount"),
        ("launch", {"total_supply": 2**256}, "amount"),
        ("facts", {"token": {"total_supply": 2**256}}, "amount"),
        ("sync", {"at": "1969-12-31T23:59:59Z"}, "time"),
        ("sync", {"at": "1970-01-01T00:00:00+23:59"}, "time"),
        ("launch", {"at": "1970-01-01T00:00:00+00:01"}, "time"),
        ("head", {"at": "9000-01-01T00:00:00Z"}, "time"),
        ("head", {"at": "8999-12-31T23:59:59-00:01"}, "time"),
        ("facts", {"at": "9000-01-03T00:00:00Z"}, "time"),
        ("verdict", {"at": "9999-12-31T23:59:59.999999Z"}, "time"),
    ],
)
def test_what_arithmetic_could_not_bear_is_refused(
    kind: str, fields: dict[str, Any], reason: str
) -> None:
    """Amounts over 256 bits and moments outside of the calendar are no events."""
    with pytest.raises(Invalid) as error:
        decode(with_fields(line_of(kind), **fields), WIRE[kind])
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("sync", "1970-01-01T23:59:00+23:59"),
        ("sync", "1969-12-31T23:59:59-00:01"),
        ("head", "9000-01-01T00:00:00+00:01"),
        ("facts", "9000-01-02T23:59:59Z"),
    ],
)
def test_a_moment_counts_in_utc(kind: str, at: str) -> None:
    """The first and last moments are legal at any offset, and dossiers have room for an age."""
    assert decode(with_fields(line_of(kind), at=at), WIRE[kind]).at.utcoffset() is not None


@pytest.mark.parametrize("kind", sorted(WIRE))
@pytest.mark.parametrize("version", [0, 2, 10**30])
def test_an_unknown_version_is_named_as_such(kind: str, version: int) -> None:
    """A newer writer is not a broken one: the reason is its version, whatever else it changed."""
    newer = with_fields(line_of(kind), v=version)
    changed = with_fields(newer, chain=5, at=None, type="unheard-of")
    for data in (newer, changed):
        with pytest.raises(Invalid, match=f"schema version {version} is not known") as error:
            decode(data, WIRE[kind])
        assert error.value.reason == "unknown-version"


@pytest.mark.parametrize("version", ["1", 1.5, True, [1]])
def test_a_version_that_is_none_is_a_wrong_field(version: Any) -> None:
    """What is not a number is no version that a writer could have meant."""
    with pytest.raises(Invalid) as error:
        decode(with_fields(line_of("sync"), v=version), Sync)
    assert error.value.reason == "schema"


def test_unknown_fields_are_ignored() -> None:
    """Fields are only added: an older reader skips those that it does not know."""
    event = decode(with_fields(line_of("sync"), added_later={"a": [1]}), Sync)
    assert event == decode(line_of("sync"), Sync)


def test_absent_is_unknown_and_never_null() -> None:
    """A fact that is not known is left out; ``null`` is not a way to say so."""
    bare = decode(LINES[1], Launch)
    assert bare.token is msgspec.UNSET
    assert b"null" not in encode(bare)
    with pytest.raises(Invalid):
        decode(LINES[1].replace(b'"token_is_0"', b'"token":null,"token_is_0"'), Launch)


def test_another_time_zone_is_the_same_moment() -> None:
    """A foreign writer's offset is understood."""
    event = decode(with_fields(line_of("sync"), at="2026-05-04T14:00:00+02:00"), Sync)
    assert event.at == START
    assert event.at.tzinfo == timezone(timedelta(hours=2))


def test_ids_come_from_chain_pool_and_position_alone() -> None:
    """The same event seen twice has one id; every kind has its own form (invariant 2)."""
    ids: dict[type, Callable[[Any], str]] = {
        Sync: lambda e: f"{e.chain}:{e.pool}:{e.block}:{e.log_index}",
        Head: lambda e: f"ethereum:head:{e.block}",
        Retraction: lambda e: f"base:{e.pool}:retraction:7:{e.at.timestamp():.0f}",
        Examination: lambda e: f"base:{e.pool}:examination:{e.launched.timestamp():.0f}:{e.round}",
        Mention: lambda e: f"{e.chain}:{e.pool}:mention:{e.post}",
        Listening: lambda e: f"posts:listening:{e.at.timestamp():.0f}",
        Market: lambda e: f"base:market:{e.at.timestamp():.0f}",
        Post: lambda e: f"bluesky:{e.post}",
        Deletion: lambda e: f"bluesky:{e.author}:deletion",
        Candle: lambda e: f"kraken:ETH-USD:{e.at.timestamp():.0f}",
        Facts: lambda e: f"ethereum:{POOL}:facts:{e.sequence}",
        Verdict: lambda e: e.facts_id,
        Alert: lambda e: f"{e.alert_id}:{e.sequence}",
        Label: lambda e: f"{e.key}:label:{e.who}:{e.at.timestamp():.3f}",
        DeadLetter: lambda e: f"{e.stage}:{e.topic}:{e.partition}:{e.offset}",
    }
    for line in LINES:
        type_ = WIRE[kind_of(line)]
        event = decode(line, type_)
        assert event.id == ids.get(type_, ids[Sync])(event)


def test_key_and_position_order_a_pool() -> None:
    """Every event of a pool has one key, and its positions are ordered by block, then log."""
    events = dossiers(Script().launch().sync(0, 10, 100).events, head(400))
    assert {event.key for event in events} == {f"ethereum:{POOL}"}
    assert Position(1, 9) < Position(2, 0) < Position(2, 1)
    sync = decode(line_of("sync"), Sync)
    assert sync.position == Position(sync.block, sync.log_index)
