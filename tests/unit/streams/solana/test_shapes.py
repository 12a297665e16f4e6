"""Whatever form a transaction is sent in, the same events come of it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import based58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.jobs.decoding_solana import Decoding
from streams.solana.launches import CALLS
from tests.unit.streams.solana.making import cpi_event, instruction, key, logged, transaction
from tests.unit.streams.solana.shapes import ENCODINGS, ENVELOPES, FILES, SLOT, TIME, compiled

MINT, POOL, USER = (key(n) for n in range(20, 23))
SHAPES = list(itertools.product(ENCODINGS, ENVELOPES))


def _events(text: str) -> list[Any]:
    decoding = Decoding()
    events = list(decoding.events(text.encode()))
    assert not decoding.spoilt, list(decoding.told())
    return events


def _made(which: tuple[str, str], *, inner: bool) -> dict[str, Any]:
    """A pool maker, called by the payer or by a router; a curve's creation; burnt LP tokens."""
    rule = CALLS[which]
    accounts = {rule.pool: POOL, rule.mint0: MINT, rule.mint1: key(30), "lp_mint": key(31)}
    made = instruction(*which, accounts)
    curve: dict[str, Any] = {"mint": MINT, "bonding_curve": POOL, "user": USER, "creator": USER}
    create = instruction("pump-fun", "create_v2", curve)
    told = cpi_event("pump-fun", "TradeEvent", mint=MINT, user=USER, is_buy=True)
    token = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
    data = based58.b58encode(b"\x08" + (77).to_bytes(8, "little")).decode()
    burn = {"programId": token, "accounts": [key(3), key(31), USER], "data": data}
    router = {"programId": key(5), "accounts": [], "data": ""}
    calls, called = ([router, burn], [made, create, told]) if inner else ([made, create, burn], [])
    logs = [] if inner else logged("pump-fun", "CreateEvent", **curve)
    return compiled(transaction(*calls, inner=called, logs=logs))


@pytest.mark.parametrize(("encoding", "envelope"), SHAPES)
def test_every_shape_is_the_same(encoding: str, envelope: str) -> None:
    """Each encoding in each envelope: the events, the slot, the time and the payer."""
    node = _made(("raydium-v4", "initialize2"), inner=True)
    expected = _events(json.dumps({"slot": SLOT, "blockTime": TIME, **node}))
    assert len(expected) >= 4
    assert {event.slot for event in expected} == {SLOT}
    assert _events(json.dumps(ENVELOPES[envelope](ENCODINGS[encoding](node)))) == expected


@given(
    which=st.sampled_from(sorted(CALLS)),
    inner=st.booleans(),
    shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4),
    file=st.sampled_from(sorted(FILES)),
)
def test_files_of_any_mixture(
    which: tuple[str, str], shapes: list[tuple[str, str]], file: str, *, inner: bool
) -> None:
    """One transaction recorded in several shapes, in any kind of file, is told once."""
    node = _made(which, inner=inner)
    expected = _events(json.dumps({"slot": SLOT, "blockTime": TIME, **node}))
    documents = [ENVELOPES[envelope](ENCODINGS[encoding](node)) for encoding, envelope in shapes]
    assert _events(FILES[file](documents)) == expected


@pytest.mark.data
@pytest.mark.parametrize(("encoding", "envelope"), SHAPES)
def test_recorded_transactions_in_every_shape(data_dir: Path, encoding: str, envelope: str) -> None:
    """Mainnet's own transactions, converted: what is found in them stays the same."""
    folder = data_dir / "fixtures" / "solana"
    if not folder.is_dir():
        pytest.skip(f"no recorded Solana transactions in {folder}")
    for name in ("tx1", "tx2", "tx3"):
        result = json.loads((folder / "agavesim" / f"{name}.json").read_text())["result"]
        node = {name: result[name] for name in ("transaction", "meta")}
        node["meta"].setdefault("loadedAddresses", {"writable": [], "readonly": []})
        node["transaction"]["message"].setdefault("addressTableLookups", [])
        expected = _events(json.dumps({"slot": SLOT, "blockTime": TIME, **node}))
        assert _events(json.dumps(ENVELOPES[envelope](ENCODINGS[encoding](node)))) == expected
