"""Launches put to a real node: honest ones, traps, and strangers that spoil what they can."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from eth_abi import encode  # type: ignore[attr-defined]
from eth_hash.auto import keccak

from daemon.cli import run
from heft_model.traps import traps_in
from streams import telemetry
from streams.events import Examination, Launch
from streams.evm.rpc import Rpc
from streams.examine.identity import Identity
from streams.examine.origins import Origin, Origins
from streams.examine.positions import positions_of
from streams.examine.question import Question
from streams.examine.view import View
from streams.quotes import QUOTES
from streams.state import State
from tests.chain.asking import ANY_TIME, Tampered, examined, launches, nodes
from tests.chain.devnet import Devnet, devnet, selector
from tests.chain.market import ETHER, UNCX, WETH, Market, strangers
from tests.chain.test_checks_ranges import FACTORY, LIQUIDITY, _made, _pool
from tools.recorder.chain import MODULES
from tools.recorder.contracts import compiled

NAME = f"0x{selector('name()').hex()}"


@pytest.fixture(scope="module")
def net() -> Iterator[Devnet]:
    """One chain for all: each test makes launches of its own."""
    with devnet() as running:
        yield running


@pytest.fixture(scope="module")
def market(net: Devnet) -> Market:
    """WETH and a launchpad on it."""
    return Market(net)


def stranger(net: Devnet, market: Market, name: str) -> str:
    """The pool of a token from ``Strangers.sol``."""
    return market.open(net.deploy(strangers()[name].bytecode))


def asked(net: Devnet, pool: str) -> Examination:
    """One examination through the node."""

    async def ask() -> Examination:
        async with nodes(net) as rpc:
            return await examined(net, rpc, pool)

    return asyncio.run(ask())


def values(found: Examination) -> dict[str, object]:
    """What is known, by name."""
    return {name: each.value for name, each in found.findings.items() if each.known}


def faults() -> float:
    """Questions of identity that were counted as not answered."""
    return sum(
        sample.value
        for metric in telemetry.EXAMINE_FAULTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["check"] == "identity"
    )


def test_an_honest_launch_is_known(net: Devnet, market: Market) -> None:
    """A token that a launchpad made with its pair: answers are right, none is missing silently."""
    market.launch()
    net.mine(2)
    found = asked(net, launches(net)[-1].pool)
    assert (found.name, found.symbol, found.decimals) == ("Plain Stone", "STONE", 18)
    assert found.total_supply == 10**27
    assert found.creator == net.sender.lower()
    known = values(found)
    assert known["deployer.launcher"] == net.sender.lower()
    assert known["holders.pool_share"] == pytest.approx(0.9)
    assert known["holders.creator_share"] == known["holders.top10_share"] == pytest.approx(0.1)
    assert (known["holders.count"], known["holders.seen_share"]) == (1.0, 1.0)
    assert known["lp.creator_share"] == known["lp.free_share"] == pytest.approx(1.0)
    assert known["liquidity.quote"] == 10.0
    assert (known["trade.can_buy"], known["trade.can_sell"]) == (True, True)
    assert known["token.impersonates"] is False
    assert all(each.known != bool(each.why) for each in found.findings.values())
    assert 0.75 < found.coverage < 1
    assert [trap for trap in traps_in(found.findings) if trap.proven] == []


def test_a_honeypot_is_proven(net: Devnet, market: Market) -> None:
    """A token that only its owner can sell is a proven trap, with what was seen."""
    arguments = ["string", "string", "uint8", "uint256", "address", "address"]
    given = ["Pot", "POT", 18, 10**27, net.factory, WETH]
    token = net.deploy(compiled()["HoneypotToken"].bytecode, encode(arguments, given))
    found = asked(net, market.open(token))
    trap = traps_in(found.findings)[0]
    assert (trap.kind, trap.proven) == ("honeypot", True)
    assert trap.evidence["trade.can_sell"].value is False
    assert trap.evidence["trade.reason"].value == "cooldown"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Reverting", "reverts"),
        ("Burning", ""),
        ("Garbage", "no text"),
        ("Huge", "reverts"),
        ("Long", "bytes"),
    ],
)
def test_a_spoilt_name_costs_only_itself(net: Devnet, market: Market, name: str, says: str) -> None:
    """A name that reverts, burns gas, is garbage or megabytes: one counted fault, no more."""
    pool = stranger(net, market, name)
    before = faults()

    async def ask() -> tuple[Examination, bool]:
        async with nodes(net) as rpc:
            found = await examined(net, rpc, pool)
            return found, any(each.failures or each.pace for each in rpc.known)

    found, rested = asyncio.run(ask())
    if name == "Burning":  # it burns what it is given, and then answers
        assert found.name == "ash"
    else:
        assert not found.findings["token.name"].known
        assert says in found.findings["token.name"].why
        assert faults() == before + 1
    assert not rested
    known = values(found)
    assert (known["token.symbol"], known["token.supply"]) == ("STONE", 1e9)
    assert known["trade.can_sell"] is True
    assert {"holders.count", "lp.free_share", "deployer.address"} <= known.keys()


def test_names_of_old_and_of_others(net: Devnet, market: Market) -> None:
    """Bytes32 names of old tokens are read; a Cyrillic letter does not hide who is imitated."""
    assert asked(net, stranger(net, market, "Old")).name == "Maker"
    pretender = asked(net, stranger(net, market, "Pretender"))
    assert values(pretender)["token.impersonates"] == "USDT"
    assert "impersonation" in {trap.kind for trap in traps_in(pretender.findings)}


def test_locked_and_burnt_liquidity(net: Devnet, market: Market) -> None:
    """LP tokens in a known locker count as locked until its date, those burnt as burnt."""
    pool = stranger(net, market, "Plain")
    net.ask("anvil_setCode", UNCX, strangers()["UncxLocker"].runtime)
    has = market.read(pool, "balanceOf(address)", net.sender)
    until = 1_900_000_000
    market.call(pool, "transfer(address,uint256)", UNCX, has // 2)
    market.call(UNCX, "note(address,uint256,uint256)", pool, has // 2, until)
    market.call(pool, "transfer(address,uint256)", f"0x{0xDEAD:040x}", has // 4)
    net.mine()
    known = values(asked(net, pool))
    assert known["lp.locked_share"] == pytest.approx(0.5)
    assert known["lp.burnt_share"] == pytest.approx(0.25)
    assert known["lp.free_share"] == pytest.approx(0.25)
    assert (known["lp.unlocks_at"], known["lp.locker"]) == (float(until), "UNCX")


def test_a_pool_is_worth_dollars(net: Devnet, market: Market) -> None:
    """WETH is priced by the deepest pool with a stablecoin; a shallow one is not believed."""
    usdc = list(QUOTES["ethereum"])[2]
    net.ask("anvil_setCode", usdc, strangers()["Plain"].runtime)
    balance = keccak(encode(["address", "uint256"], [net.sender, 0]))
    net.ask("anvil_setStorageAt", usdc, f"0x{balance.hex()}", f"0x{10**15:064x}")
    market.open(usdc, 5_000 * 10**6, 2 * ETHER)
    pool = stranger(net, market, "Plain")
    assert "10,000 dollars" in asked(net, pool).findings["quote.usd"].why
    market.open(usdc, 45_000 * 10**6, 18 * ETHER)
    known = values(asked(net, pool))
    assert known["quote.usd"] == pytest.approx(2_500)
    assert known["liquidity.quote_usd"] == pytest.approx(25_000)


def test_positions_of_a_range_pool(net: Devnet, market: Market) -> None:
    """On the real Uniswap V3 the owner of a position is who can take its liquidity out."""
    factory = net.deploy(json.loads((MODULES / FACTORY).read_bytes())["bytecode"])
    block = int(net.ask("eth_blockNumber"), 16)
    token, owner = _made(net, "Plain", net.tokens[0])
    pool = _pool(net, factory, token, net.tokens[0], owner)
    launch = Launch(
        chain="devnet", pool=pool, block=block, log_index=0, at=ANY_TIME, venue="uniswap-v3",
        token=token, quote=net.tokens[0], token_is_0=True,
    )  # fmt: skip

    async def ask() -> dict[str, int]:
        async with nodes(net) as rpc:
            view = View(rpc, int(net.ask("eth_blockNumber"), 16))
            return await positions_of(
                Question(
                    launch=launch,
                    token=token,
                    quote=net.tokens[0],
                    view=view,
                    at=ANY_TIME,
                    factories={},
                )
            )

    held = asyncio.run(ask())
    assert set(held) == {owner}
    assert held[owner] == LIQUIDITY


def test_earlier_launches_of_a_deployer(net: Devnet, market: Market, tmp_path: Path) -> None:
    """Of two earlier pools of our archive one holds what it held, and one is drained."""
    kept, drained = stranger(net, market, "Plain"), stranger(net, market, "Plain")
    fresh = stranger(net, market, "Plain")
    who, most = net.sender.lower(), {kept: 10 * ETHER, drained: 1_000 * ETHER}

    async def ask() -> Examination:
        state = await State.open(f"sqlite:///{tmp_path}/state.sqlite")
        try:
            await Origins(state).note(
                [
                    Origin(
                        chain="devnet", creator=who, pool=pool, quote=WETH, at=1.0, most=float(held)
                    )
                    for pool, held in most.items()
                ]
            )
            async with nodes(net) as rpc:
                return await examined(net, rpc, fresh, state=state)
        finally:
            await state.close()

    known = values(asyncio.run(ask()))
    assert (known["deployer.past_launches"], known["deployer.past_rugs"]) == (2.0, 1.0)


def test_a_silent_node_costs_the_deadline_and_no_more(net: Devnet, market: Market) -> None:
    """When logs never come, what needs them is unknown in time, and the rest is there."""
    pool = stranger(net, market, "Plain")

    async def ask() -> tuple[Examination, float]:
        async with nodes(net) as rpc:
            silent = Tampered(rpc, {"eth_getLogs": anyio.sleep_forever})
            started = time.monotonic()
            found = await examined(net, silent, pool, deadline=1.0)
            return found, time.monotonic() - started

    found, seconds = asyncio.run(ask())
    assert seconds < 10
    assert found.name == "Plain Stone"
    assert found.findings["holders.count"].why == "not answered within 1 s"
    assert 0.1 < found.coverage < 0.6


def test_a_hostile_node_sends_ten_megabytes(net: Devnet, market: Market) -> None:
    """A name of 10 MB from a node is refused by its size, and counted once."""
    pool, before = stranger(net, market, "Plain"), faults()

    async def ask() -> Examination:
        async with nodes(net) as rpc:
            hostile: Rpc = Tampered(rpc, {NAME: "0x" + "41" * 10_000_000})
            return await examined(net, hostile, pool, checks=[Identity()])

    found = asyncio.run(ask())
    assert "10,000,000 bytes" in found.findings["token.name"].why
    assert found.symbol == "STONE"
    assert faults() == before + 1


def scan(
    net: Devnet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """``heft scan devnet`` with these words: exit code, output, errors."""
    known = json.dumps([f"devnet/uniswap-v2={net.factory}"])
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", known)
    code = run(["scan", "devnet", *words, "--rpc", net.ws])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_scan_tells_all_of_a_token(
    net: Devnet, market: Market, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token or its pool gives dossier and verdict as JSON, and tables in which nothing is markup.

    The model reads what was seen in the pool's whole past.
    """
    token = net.deploy(strangers()["Pretender"].bytecode)
    pool = market.open(token)
    code, out, err = scan(net, monkeypatch, capsys, token, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["examination"]["pool"] == found["facts"]["pool"] == pool
    assert found["facts"]["liquidity"]["reserve"] == 10.0
    assert found["verdict"]["facts_id"].startswith(f"devnet:{pool}:facts:")
    assert found["verdict"]["traps"][0]["kind"] == "impersonation"
    code, out, _ = scan(net, monkeypatch, capsys, pool)
    assert code == 0
    assert "it bears the name of another token" in out
    assert "trade.can_sell" in out


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("0xab", "is no address"),
        (f"0x{0xAB:040x}", "no contract at"),
        ("launchpad", "no pool of"),
    ],
)
def test_scan_says_in_a_line_what_is_wrong(
    net: Devnet,
    market: Market,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    says: str,
) -> None:
    """What is no address, no contract, or trades nowhere is one line on stderr."""
    named = {"launchpad": market.launchpad}
    code, out, err = scan(net, monkeypatch, capsys, named.get(address, address))
    assert code != 0
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1
