"""Trades on pools of the real Uniswap V4: with the chain's coin, with taxes, and past hooks."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from streams.checks.contract import contract_findings
from streams.checks.trade import trade_findings
from streams.evm.http import Http
from streams.finding import Finding
from streams.quotes import NATIVE
from tests.chain.devnet import Devnet, devnet
from tests.chain.managed import BLOCKER, COUNTER, ROUTER_ONLY, TAKER, Managed, manager_on
from tests.chain.market import WETH, Market

Found = dict[str, dict[str, Finding]]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """A few tokens on V4 pools, examined."""
    with devnet("--gas-limit", "1000000000") as net:
        market, manager = Market(net), manager_on(net)
        of = {
            "plain": Managed.of(market, manager, "Plain"),
            "coin": Managed.of(market, manager, "Plain", NATIVE),
            "taxed": Managed.of(market, manager, "TransferTax"),
            "minting": Managed.of(market, manager, "Mintable"),
            "blocked": Managed.of(market, manager, "Plain", WETH, BLOCKER),
            "taken": Managed.of(market, manager, "Plain", NATIVE, TAKER),
            "gated": Managed.of(market, manager, "Plain", WETH, ROUTER_ONLY),
            "shallow": Managed.of(market, manager, "Plain", reach=600),
            "counted": Managed.of(market, manager, "Plain", WETH, COUNTER),
        }
        yield anyio.run(_examined, net, of)


async def _examined(net: Devnet, of: dict[str, Managed]) -> Found:
    rpc = Http(net.http)
    block = int(net.ask("eth_blockNumber"), 16)
    found = {}
    try:
        for name, (launch, filler) in of.items():
            found[name] = await trade_findings(rpc, launch, block, holders=[filler])
            if name == "minting":
                token = str(launch.token)
                found[name] |= await contract_findings(rpc, token, block, launch=launch)
    finally:
        await rpc.close()
    return found


@pytest.mark.parametrize("name", ["plain", "coin", "counted"])
def test_an_honest_token_trades_without_tax(found: Found, name: str) -> None:
    """Bought and sold through the manager, for WETH, for the coin, and past an honest hook."""
    plain = found[name]
    assert plain["trade.outcome"].value == "ok"
    assert plain["trade.buy_tax"].value == plain["trade.sell_tax"].value == 0
    assert plain["trade.is_buy_limited"].value is False
    assert plain["trade.holders_failed"].value == 0
    assert plain["trade.is_honeypot"].value is False


def test_a_tax_is_measured_on_the_way_in_and_out(found: Found) -> None:
    """The probe pays before it swaps, so that what arrives is what is swapped: 1 % each way."""
    taxed = found["taxed"]
    assert taxed["trade.outcome"].value == "ok"
    assert taxed["trade.buy_tax"].value == taxed["trade.sell_tax"].value == 0.01


def test_an_owners_powers_are_tried_on_the_pool(found: Found) -> None:
    """Acts of the owner are tried beside purchases and sales on V4, as on any pool."""
    assert found["minting"]["contract.can_mint"].value is True
    assert found["minting"]["contract.can_pause"].value is False
    assert found["minting"]["contract.can_withdraw"].value is False


def test_a_hook_that_refuses_sales_is_a_trap(found: Found) -> None:
    """The token is honest and its pool is not: bought, never sold, with the hook's own reason."""
    blocked = found["blocked"]
    assert blocked["trade.outcome"].value == "sell-fail"
    assert blocked["trade.reason"].value == "not for you"
    assert blocked["trade.is_honeypot"].value is True


def test_what_a_hook_takes_is_a_tax(found: Found) -> None:
    """Three fifths of each sale are taken by the hook, nothing of a purchase."""
    taken = found["taken"]
    assert taken["trade.buy_tax"].value == 0
    assert taken["trade.sell_tax"].value == pytest.approx(0.6, abs=1e-3)
    assert taken["trade.is_honeypot"].value is True


def test_a_hook_that_knows_its_routers_leaves_trades_unknown(found: Found) -> None:
    """Past an idle hook one could buy: what refuses our probe need not refuse a router."""
    gated = found["gated"]
    assert not gated["trade.can_buy"].known
    assert "unknown router" in str(gated["trade.can_buy"].why)
    assert not gated["trade.is_honeypot"].known


def test_the_end_of_a_pools_liquidity_is_no_trap(found: Found) -> None:
    """A holder with far more than the pool can pay for sells a part, and no tax is seen in it."""
    shallow = found["shallow"]
    assert shallow["trade.outcome"].value == "ok"
    assert shallow["trade.holders_tested"].value == 1
    assert shallow["trade.holders_failed"].value == shallow["trade.holders_siphoned"].value == 0
    assert shallow["trade.holders_highest_tax"].value == 0
    assert shallow["trade.is_honeypot"].value is False
