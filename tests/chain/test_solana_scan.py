"""``heft scan solana``: a token of the test chain, found, read back, examined and judged."""

from __future__ import annotations

import json
from collections.abc import Sequence

import anyio
import anyio.to_thread
import pytest

from daemon.cli import run
from tests.chain.launchpad import CREATOR, SUPPLY, Launchpad
from tests.chain.solana_node import Faults, refuse, served
from tests.chain.token_bank import BOSS, EXTENSIONS, TOKEN, metadata, wallet

BUYERS = [wallet(100 + number) for number in range(3)]


async def _scan(pad: Launchpad, words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What ``heft scan solana`` prints; it asks the chain's node."""
    async with served(pad.chain, Faults()) as node:
        line = ["scan", "solana", *words, "--rpc", f"http://{node.address}/"]
        code = await anyio.to_thread.run_sync(run, line)
    said = capsys.readouterr()
    assert (code, said.err) == (0, ""), said.err
    return said.out


@pytest.mark.anyio
async def test_a_mint_gets_a_dossier_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """By its mint: the curve is found, its past read back, traps told beside the model's verdict.

    The verdict says that the model has learnt from no launch of Solana.
    """
    pad = Launchpad()
    mint = pad.bank.mint(extensions=[EXTENSIONS[e] for e in ("permanent-delegate",
                                                             "metadata-pointer")])  # fmt: skip
    metadata(pad.bank, mint, BOSS, ["Stone", "STN", "ipfs://x"])
    for buyer in BUYERS:
        pad.bank.give(buyer, mint, SUPPLY // 100)
    launch = pad.launch("pump-fun", mint, buys=[(each, SUPPLY // 100) for each in BUYERS])
    found = json.loads(await _scan(pad, [str(mint), "--json"], capsys))
    assert found["examination"]["pool"] == found["facts"]["pool"] == launch.pool
    assert (found["gap"], found["facts"]["venue"]) == ("", "pump-fun")
    assert found["facts"]["trading"]["buyers"] == 3
    assert found["facts"]["creator"] == str(CREATOR)
    assert found["facts"]["token"]["name"]
    assert found["facts"]["findings"]["mint.permanent_delegate"]["value"] == str(BOSS)
    assert found["verdict"]["facts_id"].startswith(f"solana:{launch.pool}:facts:")
    assert "learnt from no launch of this chain" in found["verdict"]["analysis"]
    kinds = {trap["kind"] for trap in found["verdict"]["traps"]}
    assert {"permanent-delegate", "mintable"} <= kinds
    shown = await _scan(pad, [str(mint)], capsys)
    assert "somebody can take or burn what others hold" in shown
    assert "mint.permanent_delegate" in shown


@pytest.mark.anyio
async def test_the_deepest_pool_is_taken_or_the_one_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a token's pools on two venues the deeper is scanned; the other by its own address."""
    pad = Launchpad()
    mint = pad.bank.mint(TOKEN)
    shallow = pad.launch("raydium-v4", mint, pooled=SUPPLY // 4, lamports=10**9)
    deep = pad.launch("raydium-cpmm", mint, pooled=SUPPLY // 4, lamports=5 * 10**9)
    found = json.loads(await _scan(pad, [str(mint), "--json"], capsys))
    assert (found["examination"]["pool"], found["pools"]) == (deep.pool, 2)
    found = json.loads(await _scan(pad, [shallow.pool, "--json"], capsys))
    assert (found["examination"]["pool"], found["facts"]["venue"]) == (shallow.pool, "raydium-v4")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("0xabc", "is no Solana address"),
        (str(wallet(4_000)), "there is no such mint"),
        (str(CREATOR), "so it is no mint"),
        ("mint", "no pool of"),
    ],
)
async def test_what_cannot_be_scanned_is_one_line(
    address: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No address, nothing there, a wallet, a mint that trades nowhere."""
    pad = Launchpad()
    named = {"mint": str(pad.bank.mint(TOKEN))}
    async with served(pad.chain, Faults()) as node:
        words = ["scan", "solana", named.get(address, address), "--rpc", f"http://{node.address}/"]
        code = await anyio.to_thread.run_sync(run, words)
    said = capsys.readouterr()
    assert code != 0
    assert said.out == ""
    assert says in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.anyio
async def test_a_node_that_does_not_search(capsys: pytest.CaptureFixture[str]) -> None:
    """A curve is found by its address all the same; of others it is said what was not searched."""
    pad = Launchpad()
    pad.chain.answers["getProgramAccounts"] = refuse
    curve, pooled = pad.bank.mint(TOKEN), pad.bank.mint(TOKEN)
    launch = pad.launch("pump-fun", curve)
    pad.launch("raydium-cpmm", pooled)
    found = json.loads(await _scan(pad, [str(curve), "--json"], capsys))
    assert found["examination"]["pool"] == launch.pool
    async with served(pad.chain, Faults()) as node:
        words = ["scan", "solana", str(pooled), "--rpc", f"http://{node.address}/"]
        assert await anyio.to_thread.run_sync(run, words) != 0
    assert "do not search pump-swap, raydium-cpmm" in capsys.readouterr().err
