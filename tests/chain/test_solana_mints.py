"""Mints made by the real token programs: each extension is reported, and its twin is clean."""

from __future__ import annotations

import struct
from hashlib import sha256
from pathlib import Path

import pytest

from heft_model.traps import traps_in
from tests.chain.launchpad import CREATOR, Launchpad, asked, opened
from tests.chain.minted import COMMON, TABLE, TITLE, differences, examined, section, values
from tests.chain.token_bank import BOSS, EXTENSIONS, TOKEN_2022, metadata

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


@pytest.mark.anyio
async def test_every_extension_is_reported_and_nothing_else() -> None:
    """What differs from the plain twin is what the table says, on both programs where both can.

    A finding of the mint or of trades that a row does not name is as the twin's; the page of the
    checks tells the same.
    """
    every = await examined()
    for (name, program), found in every.items():
        twin, row = every["plain", program], TABLE[name]
        assert differences(found, twin) == pytest.approx(row.found), name
        assert {trap.kind for trap in traps_in(found.findings)} - COMMON == row.traps, name
    for program in ("token-2022", "spl-token"):
        assert {trap.kind for trap in traps_in(every["plain", program].findings)} <= COMMON
    _, title, told = PAGE.read_text().partition(TITLE)
    assert title + told == section(every), "make checks-page writes it again"


@pytest.mark.anyio
async def test_metadata_of_the_mint_itself() -> None:
    """Token-2022's own: name, symbol, uri, whoever may change it; renounced, it is immutable."""
    for authority in (BOSS, None):
        pad = Launchpad()
        mint = pad.bank.mint(extensions=[EXTENSIONS["metadata-pointer"]])
        metadata(pad.bank, mint, BOSS, ["USD Coin", "USDC", "https://a.example/x.json"])
        if authority is None:
            data = struct.pack("<8s32s", _interface("update_the_authority"), bytes(32))
            pad.bank.act(TOKEN_2022, data, (mint, "w"), (BOSS, "s"))
        async with opened(pad) as nodes:
            found = await asked(pad, pad.launch("raydium-cpmm", mint), nodes)
        assert (found.name, found.symbol, found.decimals) == ("USD Coin", "USDC", 6)
        assert found.creator == str(CREATOR)
        told = values(found)
        assert told["token.impersonates"] == "USDC"
        assert told["metadata.kind"] == "token-2022"
        assert told["metadata.uri"] == "https://a.example/x.json"
        assert told["metadata.is_mutable"] is (authority is not None)
        assert told["metadata.authority"] == (str(BOSS) if authority else False)
        assert told["metadata.has_json"] is None
        assert "off" in found.findings["metadata.has_json"].why


def _interface(name: str) -> bytes:
    return sha256(f"spl_token_metadata_interface:{name}".encode()).digest()[:8]
