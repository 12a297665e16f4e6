"""``heft scan`` of tokens whose only pools are on the real Uniswap V4."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from daemon.cli import run
from streams.quotes import NATIVE
from tests.chain.devnet import Devnet, devnet
from tests.chain.managed import BLOCKER, LIQUIDITY, Managed, manager_on
from tests.chain.market import ETHER, WETH, Market


@pytest.fixture(scope="module")
def net() -> Iterator[Devnet]:
    """One chain for all: each test makes launches of its own."""
    with devnet("--gas-limit", "1000000000") as running:
        yield running


@pytest.fixture(scope="module")
def manager(net: Devnet) -> str:
    """The real PoolManager."""
    return manager_on(net)


@pytest.mark.parametrize("by", ["token", "id"])
def test_a_token_that_trades_on_v4_alone_is_scanned_whole(
    net: Devnet,
    manager: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by: str,
) -> None:
    """Named by token or by pool: its pool is found, its liquidity told, and its trap proven.

    A pool for the coin that has nothing in it but was opened too is not the one that is taken.
    """
    market = Market(net)
    launch, filler = Managed.of(market, manager, "Plain", WETH, BLOCKER)
    empty = Managed.opened(net, manager, filler, str(launch.token), NATIVE)
    known = [f"devnet/uniswap-v4={manager}"]
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", json.dumps(known))
    wanted = str(launch.token) if by == "token" else launch.pool
    code = run(["scan", "devnet", wanted, "--rpc", net.ws, "--json"])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    found = json.loads(said.out)
    assert found["examination"]["pool"] == launch.pool != empty.launch.pool
    findings = found["examination"]["findings"]
    assert findings["liquidity.quote"]["value"] == pytest.approx(LIQUIDITY / ETHER, rel=1e-6)
    assert findings["trade.is_honeypot"]["value"] is True
    assert findings["lp.free_share"]["value"] == 1.0
    assert found["facts"]["liquidity"]["reserve"] == pytest.approx(LIQUIDITY / ETHER, rel=1e-6)
    assert found["verdict"]["traps"][0]["kind"] == "honeypot"


def test_empty_pools_of_strangers_do_not_hide_the_one_that_trades(
    net: Devnet, manager: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Opening a pool costs next to nothing: the 301st, which has liquidity, is the one taken."""
    launch, _ = Managed.of(Market(net), manager, "Plain", behind=300)
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", json.dumps([f"devnet/uniswap-v4={manager}"]))
    code = run(["scan", "devnet", str(launch.token), "--rpc", net.ws, "--json"])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert json.loads(said.out)["examination"]["pool"] == launch.pool


def test_no_pool_of_that_id_is_a_line(
    net: Devnet, manager: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id that the PoolManager never told of."""
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", json.dumps([f"devnet/uniswap-v4={manager}"]))
    code = run(["scan", "devnet", f"0x{7:064x}", "--rpc", net.ws])
    said = capsys.readouterr()
    assert code != 0
    assert said.out == ""
    assert "no pool of" in said.err
    assert len(said.err.splitlines()) == 1
