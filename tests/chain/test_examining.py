"""The examining stage on a live chain: behind the activity, over restarts and reorganisations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from streams.events import Examination, Launch, Retraction, Sync
from streams.examine.examiner import ExamineSettings
from streams.topics import ACTIVITY
from tests.chain.asking import Tampered, launches
from tests.chain.devnet import Devnet, devnet
from tests.chain.market import WETH, Market, strangers
from tests.chain.service import Service, until


@pytest.fixture(scope="module")
def net() -> Iterator[Devnet]:
    """One chain for all; each test has launches and a service of its own."""
    with devnet() as running:
        yield running


def launch(net: Devnet, market: Market) -> str:
    """A launchpad's launch in a block of its own; its pool."""
    market.launch()
    net.mine()
    return launches(net)[-1].pool


@pytest.mark.anyio
async def test_findings_reach_the_verdict(net: Devnet, tmp_path: Path) -> None:
    """What is found stands behind the launch, gives a dossier with the token's name, and a verdict.

    The examination speaks of no later block than what stands before it.
    """
    market, service = Market(net), Service(net, tmp_path)
    async with service.run():
        pool = launch(net, market)
        await until(lambda: any(v.trigger == "examined" for v in service.verdicts(pool)))
    (found,) = service.examinations(pool)
    dossier = next(each for each in service.dossiers(pool) if each.trigger == "examined")
    assert (dossier.token.name, dossier.token.total_supply) == ("Plain Stone", 10**27)
    assert dossier.token.pooled_share == pytest.approx(0.9)
    assert dossier.creator == net.sender.lower()
    assert dossier.findings == found.findings
    assert "token.name" not in dossier.missing
    verdict = next(each for each in service.verdicts(pool) if each.trigger == "examined")
    assert {trap.kind for trap in verdict.traps} == {"deployer-holds-liquidity"}
    kinds = [type(each) for each in service.told(ACTIVITY, Launch, Sync, Examination)]
    assert kinds.index(Examination) > kinds.index(Sync)
    before = [each.at for each in service.told(ACTIVITY, object)]
    assert found.at <= max(before)


@pytest.mark.anyio
async def test_a_pair_is_examined_when_it_opens(net: Devnet, tmp_path: Path) -> None:
    """A pair without liquidity waits, over a restart too; its first deposit has it examined."""
    market, service = Market(net), Service(net, tmp_path)
    token = net.deploy(strangers()["Plain"].bytecode)
    async with service.run():
        market.call(net.factory, "createPair(address,address)", token, WETH)
        net.mine(2)
        pool = market.pair_of(token)
        assert pool is not None
        await until(lambda: any(each.pool == pool for each in service.told(ACTIVITY, Launch)))
        await anyio.sleep(0.5)
        assert service.examinations(pool) == []
    async with service.run():
        market.open(token)
        await until(lambda: len(service.examinations(pool)) == 1)


@pytest.mark.anyio
async def test_what_is_due_survives_a_restart(net: Devnet, tmp_path: Path) -> None:
    """A launch that was told while no node answered is examined by the next life, and again later.

    The later age comes with the chain's clock, not with ours.
    """
    market = Market(net)
    service = Service(net, tmp_path, settings=ExamineSettings(deadline=60.0, ages=(0.0, 300.0)))
    silent = dict.fromkeys(("eth_getLogs", "eth_getBlockByNumber"), anyio.sleep_forever)
    async with service.run(between=lambda rpc: Tampered(rpc, silent)):
        pool = launch(net, market)
        await until(lambda: any(each.pool == pool for each in service.told(ACTIVITY, Launch)))
        await anyio.sleep(0.3)
    assert service.examinations(pool) == []
    async with service.run():
        net.mine()
        await until(lambda: len(service.examinations(pool)) == 1)
        net.ask("evm_increaseTime", 301)
        net.mine(2)
        await until(lambda: len(service.examinations(pool)) == 2)
        await until(lambda: [d.trigger for d in service.dossiers(pool)].count("examined") == 2)
    assert [each.round for each in service.examinations(pool)] == [0, 1]


@pytest.mark.anyio
async def test_a_reorganisation_takes_examinations_back(net: Devnet, tmp_path: Path) -> None:
    """A launch that its chain takes back is examined no more; launched again, it is again."""
    market, service = Market(net), Service(net, tmp_path)
    async with service.run():
        net.mine(2)
        pool = launch(net, market)
        await until(lambda: any(d.trigger == "examined" for d in service.dossiers(pool)))
        net.ask("anvil_reorg", 2, [])
        net.mine(2)
        await until(lambda: any(e.pool == pool for e in service.told(ACTIVITY, Retraction)))
        told = len(service.examinations(pool))
        net.ask("evm_increaseTime", 400)
        net.mine(2)
        await anyio.sleep(1.0)
        assert len(service.examinations(pool)) == told
        again = launch(net, market)
        await until(lambda: len(service.examinations(again)) == (told + 1 if again == pool else 1))
    kept = [each for each in service.dossiers(again) if each.trigger == "examined"]
    assert kept[-1].findings == service.examinations(again)[-1].findings


@pytest.mark.anyio
async def test_a_copy_of_a_rug_is_known_when_it_launches(net: Devnet, tmp_path: Path) -> None:
    """Once a pool is found empty its token's code is remembered: the next life knows a copy."""
    market = Market(net)
    service = Service(net, tmp_path, settings=ExamineSettings(deadline=20.0, ages=(0.0, 300.0)))
    likeness = "contract.likeness_to_rugs"
    async with service.run():
        pool = launch(net, market)
        await until(lambda: len(service.examinations(pool)) == 1)
        held = market.read(pool, "balanceOf(address)", net.sender)
        market.call(pool, "transfer(address,uint256)", pool, held)
        market.call(pool, "burn(address)", net.sender)
        net.ask("evm_increaseTime", 301)
        net.mine(2)
        await until(lambda: len(service.examinations(pool)) == 2)
    assert not any(each.findings[likeness].known for each in service.examinations(pool))
    async with service.run():
        copy = launch(net, market)
        await until(lambda: len(service.examinations(copy)) == 1)
    assert service.examinations(copy)[0].findings[likeness].value == 1.0
