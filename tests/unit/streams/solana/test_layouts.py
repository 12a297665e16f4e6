"""Layouts against bytes: every instruction, event and account, whole, cut, and grown."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Invalid
from streams.solana.borsh import Fields, compile_layout
from streams.solana.programs import PROGRAMS, Shape, program_of
from tests.unit.streams.solana.making import ITEMS, LAYOUTS, Writer

NAMES = [f"{venue}-{item['name']}" for venue, _, item in ITEMS]


def _shape(venue: str, kind: str, item: dict[str, Any]) -> Shape:
    shapes = getattr(program_of(venue), kind)
    shape = shapes[bytes.fromhex(item["discriminator"])]
    assert isinstance(shape, Shape)
    return shape


@pytest.mark.parametrize(("venue", "kind", "item"), ITEMS, ids=NAMES)
def test_what_is_written_is_read(venue: str, kind: str, item: dict[str, Any]) -> None:
    """Every field of every shape comes back as an independent writer wrote it."""
    values, data = Writer(venue, seed=3).fields(item["fields"], {})
    assert _shape(venue, kind, item).layout.read(data) == values


@pytest.mark.parametrize(("venue", "kind", "item"), ITEMS, ids=NAMES)
def test_a_newer_version_is_still_read(venue: str, kind: str, item: dict[str, Any]) -> None:
    """Bytes behind the last known field change nothing."""
    values, data = Writer(venue, seed=4).fields(item["fields"], {})
    assert _shape(venue, kind, item).layout.read(data + b"\xff" * 40) == values


@pytest.mark.parametrize(("venue", "kind", "item"), ITEMS, ids=NAMES)
def test_an_older_version_is_still_read(venue: str, kind: str, item: dict[str, Any]) -> None:
    """Data that ends behind the required fields is whole; one that ends before them is not."""
    fields = item["fields"]
    required = item.get("required", len(fields))
    values, data = Writer(venue, seed=5).fields(fields[:required], {})
    layout = _shape(venue, kind, item).layout
    assert layout.read(data) == values
    if required and data:
        with pytest.raises(Invalid):
            layout.read(data[:-1])


@pytest.mark.parametrize("venue", sorted(set(LAYOUTS) - {"raydium-v4"}))
def test_discriminators_are_anchors(venue: str) -> None:
    """Each discriminator is the hash that Anchor makes of the name."""
    spaces = {"instructions": "global", "events": "event", "accounts": "account"}
    for kind, space in spaces.items():
        for item in LAYOUTS[venue][kind]:
            expected = sha256(f"{space}:{item['name']}".encode()).digest()[:8].hex()
            assert item["discriminator"] == expected, item["name"]


@given(st.binary(max_size=400), st.sampled_from(ITEMS))
def test_no_bytes_raise_anything_but_invalid(data: bytes, which: Any) -> None:
    """Arbitrary bytes are read or refused, by every layout."""
    venue, kind, item = which
    try:
        _shape(venue, kind, item).layout.read(data)
    except Invalid:
        return


def test_an_unknown_variant_ends_the_reading() -> None:
    """What came before an enum's unknown variant is kept; a plain enum's is named by its number."""
    types = {"E": {"enum": [["a", [["x", "u8"]]]]}, "P": {"enum": [["a", []]]}}
    fields: Fields = [("n", "u8"), ("e", {"defined": "E"}), ("z", "u8")]
    assert compile_layout(fields, 1, types).read(b"\x05\x07\x01") == {"n": 5}
    plain = compile_layout([("p", {"defined": "P"}), ("z", "u8")], None, types)
    assert plain.read(b"\x09\x02") == {"p": "variant-9", "z": 2}


def test_a_length_beyond_the_data_is_refused_at_once() -> None:
    """A vector that claims four thousand million elements costs nothing."""
    layout = compile_layout([("v", {"vec": "u8"})], None, {})
    with pytest.raises(Invalid):
        layout.read(b"\xff\xff\xff\xff\x01")


def test_an_account_is_known_by_its_discriminator() -> None:
    """A program's account is read by name; bytes of nobody are refused."""
    program = program_of("pump-fun")
    curve = next(i for v, _, i in ITEMS if v == "pump-fun" and i["name"] == "BondingCurve")
    values, data = Writer("pump-fun").fields(curve["fields"], {})
    assert program.account(bytes.fromhex(curve["discriminator"]) + data) == ("BondingCurve", values)
    with pytest.raises(Invalid):
        program.account(b"\0" * 40)
    assert program.id in PROGRAMS
