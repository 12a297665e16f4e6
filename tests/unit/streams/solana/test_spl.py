"""Readers of token accounts, mints, metadata and pools: hostile bytes are refused, never more."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.errors import Invalid
from streams.examine.solana.funding import payer_of, sender_of_tokens
from streams.examine.solana.network import networks
from streams.examine.solana.pools import V4_SIZE, pool_from
from streams.examine.solana.powers import changed, powers_of, snapshot_of
from streams.solana.programs import PROGRAMS
from streams.solana.spl.extensions import extensions_in
from streams.solana.spl.metaplex import metadata_from
from streams.solana.spl.mint import SPL_TOKEN, TOKEN_2022, mint_from, token_account_from
from tests.unit.streams.solana.making import LAYOUTS, key

MINT = struct.pack("<I32sQBBI32s", 1, b"\x07" * 32, 10**15, 6, 1, 0, bytes(32))
BEHIND = bytes(83) + b"\x01"
"""Zeros up to the byte that says that it is a mint."""


def _texts(*texts: str, fill: int = 0) -> bytes:
    return b"".join(
        struct.pack("<I", len(each) + fill) + each.encode() + bytes(fill) for each in texts
    )


def test_metaplex_metadata_is_read() -> None:
    """Texts without the zeros that fill them up, creators passed over, whether it is mutable."""
    for creators, mutable in ((b"\0", 1), (b"\1" + struct.pack("<I", 2) + bytes(68), 0)):
        data = b"\x04" + b"\x09" * 32 + b"\x08" * 32
        data += _texts("Stone", "STN", "https://a.example", fill=7) + b"\0\0" + creators
        data += bytes([0, mutable, 255])
        found = metadata_from(data, _key(b"\x08" * 32))
        assert (found.name, found.symbol, found.uri) == ("Stone", "STN", "https://a.example")
        assert found.mutable is bool(mutable)
        assert found.authority == _key(b"\x09" * 32)
        with pytest.raises(Invalid):
            metadata_from(data, key(1))


def _key(raw: bytes) -> str:
    from streams.solana.sightings import address  # noqa: PLC0415 - the one that all use

    return address(raw)


def test_an_unknown_extension_is_kept_by_its_number() -> None:
    """A later program's power is counted, a known one that grew is read as far as we know it."""
    data = struct.pack("<HH", 77, 3) + b"abc" + struct.pack("<HH", 6, 4) + b"\x02???"
    found = mint_from(MINT + BEHIND + data, TOKEN_2022)
    assert dict(found.extensions) == {"extension-77": {}, "default-state": {"state": 2}}
    powers = powers_of(found, epoch=0, now=0.0)
    assert powers["mint.unknown_extensions"] == 1.0
    assert powers["mint.is_default_frozen"] is True


def test_extensions_that_no_mint_of_the_tests_has() -> None:
    """By the published layouts: group, member, permissioned burn, confidential fees and minting."""
    boss, other = b"\x05" * 32, b"\x06" * 32
    values = {
        16: boss + bytes(100), 21: boss + other + struct.pack("<QQ", 2, 9), 24: bytes(160),
        23: other + boss + struct.pack("<Q", 3), 28: boss,
    }  # fmt: skip
    data = b"".join(struct.pack("<HH", n, len(value)) + value for n, value in values.items())
    found = mint_from(MINT + BEHIND + data, TOKEN_2022)
    assert found.extension("group")["authority"] == found.extension("member")["group"] == _key(boss)
    assert (found.extension("group")["most"], found.extension("member")["number"]) == (9, 3)
    powers = powers_of(found, epoch=0, now=0.0)
    assert powers["mint.burn_authority"] == _key(boss)
    assert (powers["mint.group"], powers["mint.is_confidential"]) == ("itself", True)
    assert powers["mint.unknown_extensions"] == 0.0


def test_words_do_not_hide_powers() -> None:
    """Long or spoilt metadata stands beside a delegate that is reported all the same."""
    delegate = struct.pack("<HH", 12, 32) + b"\x05" * 32
    long = b"\x09" * 64 + _texts("N" * 60_000, "S", "u") + bytes(4)
    for words in (long, long[:900], b"", b"\xff" * 200):
        data = struct.pack("<HH", 19, len(words)) + words + delegate
        found = mint_from(MINT + BEHIND + data, TOKEN_2022)
        assert powers_of(found, epoch=0, now=0.0)["mint.permanent_delegate"] == _key(b"\x05" * 32)
    assert (
        mint_from(MINT + BEHIND + struct.pack("<HH", 19, len(long)) + long, TOKEN_2022).extension(
            "metadata"
        )["name"]
        == "N" * 4096
    )


def test_what_is_no_mint_is_refused() -> None:
    """An account, a mint that was never set up, extensions on the old program, a cut value."""
    for data, program in (
        (MINT[:45] + b"\0" + MINT[46:], SPL_TOKEN),
        (MINT + BEHIND, SPL_TOKEN),
        (MINT + bytes(83) + b"\x02", TOKEN_2022),
        (MINT + BEHIND + struct.pack("<HH", 6, 9) + b"\x02", TOKEN_2022),
        (MINT + BEHIND + struct.pack("<HH", 12, 4) + bytes(4), TOKEN_2022),
        (MINT + BEHIND + struct.pack("<HHB", 6, 1, 2) * 2, TOKEN_2022),
        (MINT, key(1)),
    ):
        with pytest.raises(Invalid):
            mint_from(data, program)


HOSTILE: tuple[Callable[[bytes], Any], ...] = (
    lambda data: mint_from(data, TOKEN_2022),
    lambda data: mint_from(data, SPL_TOKEN),
    lambda data: mint_from(MINT + BEHIND + data, TOKEN_2022),
    lambda data: token_account_from(data, TOKEN_2022),
    lambda data: token_account_from(bytes(108) + b"\x01" + bytes(56) + b"\x02" + data, TOKEN_2022),
    lambda data: metadata_from(b"\x04" + bytes(32) + b"\x08" * 32 + data, _key(b"\x08" * 32)),
    lambda data: metadata_from(data, key(1)),
    extensions_in,
    lambda data: extensions_in(struct.pack("<HH", 19, len(data) % 65_536) + data),
    lambda data: pool_from(key(1), "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8", data),
)


@given(st.binary(max_size=1_200))
@example(bytes(V4_SIZE))
@example(b"\xff" * 400)
@example(struct.pack("<HH", 25, 56) + b"\xff" * 56)
def test_arbitrary_bytes_raise_nothing_but_invalid(data: bytes) -> None:
    """Mints, extensions, token accounts, metadata and Raydium's pools out of noise."""
    for read in HOSTILE:
        with suppress(Invalid):
            read(data)


@given(st.data(), st.binary(max_size=900))
def test_arbitrary_bytes_behind_a_discriminator(data: st.DataObject, noise: bytes) -> None:
    """Every account that a layout names, with anything behind its first bytes."""
    program = data.draw(st.sampled_from(sorted(PROGRAMS)))
    heads = [
        bytes.fromhex(each["discriminator"])
        for each in LAYOUTS[PROGRAMS[program].venue]["accounts"]
    ]
    head = data.draw(st.sampled_from(heads)) if heads else b""
    with suppress(Invalid):
        pool_from(key(1), program, head + noise, mint=key(2))


@given(st.binary(max_size=600), st.integers(0, 2**64 - 1), st.floats(0, 2**40))
def test_powers_of_whatever_is_a_mint(data: bytes, epoch: int, now: float) -> None:
    """Answers are finite and fit for JSON; a mint differs from itself in nothing."""
    with suppress(Invalid):
        mint = mint_from(MINT + BEHIND + data, TOKEN_2022)
        answers = powers_of(mint, epoch=epoch, now=now)
        json.dumps(answers, allow_nan=False)
        assert list(changed(snapshot_of(mint), snapshot_of(mint))) == []


NODE_FIELDS = (
    "meta", "preTokenBalances", "postTokenBalances", "mint", "owner", "uiTokenAmount", "amount",
    "transaction", "message", "accountKeys", "preBalances", "postBalances",
)  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(NODE_FIELDS), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_json_for_a_transaction(node: Any) -> None:
    """A node's answer of any shape names a sender or nobody."""
    if isinstance(node, dict):
        assert isinstance(sender_of_tokens(node, "m", "o"), str)
        with suppress(Invalid):
            assert isinstance(payer_of(node, "o"), str)


@given(st.lists(st.tuples(*[st.sampled_from("abcdef")] * 2), max_size=12))
def test_networks_are_the_connected_groups(edges: list[tuple[str, str]]) -> None:
    """Disjoint, of two wallets or more, and whoever an edge joins is in one; ``f`` is no member."""
    found = networks("abcde", edges)
    members = [each for group in found for each in group]
    assert len(members) == len(set(members))
    assert "f" not in members
    for one, other in edges:
        if one != other and "f" not in (one, other):
            assert any({one, other} <= group for group in found)
    joined = {each for edge in edges for each in edge}
    assert set(members) <= joined
    assert [len(each) for each in found] == sorted(map(len, found), reverse=True)
