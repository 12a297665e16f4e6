"""Trades on pools of the real Uniswap V3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import anyio
import pytest
from eth_abi import encode  # type: ignore[attr-defined]

from streams.checks.trade import trade_findings
from streams.events import Launch
from streams.evm.http import Http
from streams.finding import Finding
from tests.chain.devnet import Devnet, devnet, selector
from tests.chain.showroom import artifacts
from tools.recorder.chain import MODULES

Found = dict[str, dict[str, Finding]]
FACTORY = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
LIQUIDITY = 10**21
WHOLE, SHALLOW = 887_220, 600
"""Ticks to either side of a price of one."""
_WHOLE = ("Plain", "TransferTax", "MaxTx", "TradeOnly")
TOKENS = [*((name, name, WHOLE) for name in _WHOLE), ("shallow", "Plain", SHALLOW)]


def _made(net: Devnet, name: str, quote: str) -> tuple[str, str]:
    """A token, and the contract that deployed it and holds all of it."""
    filler = net.deploy(artifacts()["RangeFiller"].bytecode)
    arguments = encode(["address", "address"], [net.factory, quote])
    code = bytes.fromhex(artifacts()[name].bytecode[2:]) + arguments
    net.send(filler, selector("make(bytes)") + encode(["bytes"], [code]))
    net.mine()
    call = {"to": filler, "data": f"0x{selector('made()').hex()}"}
    return f"0x{net.ask('eth_call', call, 'latest')[-40:]}", filler


def _pool(
    net: Devnet, factory: str, token: str, quote: str, filler: str, reach: int = WHOLE
) -> str:
    """A pool at a price of one, with a thousand of either side."""
    arguments = encode(["address", "address", "uint24"], [token, quote, 3_000])
    sent = net.send(factory, selector("createPool(address,address,uint24)") + arguments)
    net.mine()
    log = net.ask("eth_getTransactionReceipt", sent)["logs"][0]
    pool = f"0x{log['data'][-40:]}"
    net.send(pool, selector("initialize(uint160)") + encode(["uint160"], [2**96]))
    paid = encode(["address", "uint256"], [filler, 2 * LIQUIDITY])
    net.send(quote, selector("transfer(address,uint256)") + paid)
    filled = encode(["address", "int24", "uint128"], [pool, reach, LIQUIDITY])
    net.send(filler, selector("fill(address,int24,uint128)") + filled)
    net.mine()
    return pool


async def _examined(net: Devnet, launches: dict[str, tuple[Launch, str]]) -> Found:
    rpc = Http(net.http)
    try:
        return {
            name: await trade_findings(rpc, launch, launch.block, holders=[filler])
            for name, (launch, filler) in launches.items()
        }
    finally:
        await rpc.close()


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """A few tokens on V3 pools, examined."""
    with devnet("--gas-limit", "1000000000") as net:
        factory = net.deploy(json.loads((MODULES / FACTORY).read_bytes())["bytecode"])
        quote = net.tokens[0]
        launches = {}
        for name, kind, reach in TOKENS:
            token, filler = _made(net, kind, quote)
            pool = _pool(net, factory, token, quote, filler, reach)
            launch = Launch(
                chain="devnet", pool=pool, block=int(net.ask("eth_blockNumber"), 16), log_index=0,
                at=datetime.now(UTC), venue="uniswap-v3", token=token, quote=quote,
                token_is_0=int(token, 16) < int(quote, 16),
            )  # fmt: skip
            launches[name] = launch, filler
        yield anyio.run(_examined, net, launches)


def test_an_honest_token_trades_without_tax(found: Found) -> None:
    """Bought and sold through the callback, both taxes nothing, no limit."""
    plain = found["Plain"]
    assert plain["trade.outcome"].value == "ok"
    assert plain["trade.buy_tax"].value == plain["trade.sell_tax"].value == 0
    assert plain["trade.is_buy_limited"].value is False
    assert plain["trade.is_honeypot"].value is False


def test_a_taxed_token_can_be_bought_but_the_pool_refuses_its_sale(found: Found) -> None:
    """V3 demands all that it is owed: a token that takes 1 % of transfers cannot be sold there."""
    taxed = found["TransferTax"]
    assert taxed["trade.buy_tax"].value == 0.01
    assert taxed["trade.outcome"].value == "sell-fail"
    assert taxed["trade.reason"].value == "IIA"
    assert taxed["trade.is_honeypot"].value is True


def test_limits_and_refusals_are_told_apart(found: Found) -> None:
    """A limit of size leaves small trades; a token that knows another pool alone leaves none."""
    assert found["MaxTx"]["trade.outcome"].value == "ok"
    assert found["TradeOnly"]["trade.outcome"].value == "buy-fail"


def test_the_end_of_a_pools_liquidity_is_no_trap(found: Found) -> None:
    """A holder with far more than the pool can pay for sells a part, and no tax is seen in it."""
    shallow = found["shallow"]
    assert shallow["trade.outcome"].value == "ok"
    assert shallow["trade.holders_tested"].value == 1
    assert shallow["trade.holders_failed"].value == shallow["trade.holders_siphoned"].value == 0
    assert shallow["trade.holders_highest_tax"].value == 0
    assert shallow["trade.is_honeypot"].value is False
