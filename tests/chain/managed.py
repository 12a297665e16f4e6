"""Tokens in pools of the real Uniswap V4, with and without hooks of our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from eth_abi import encode  # type: ignore[attr-defined]

from streams.events import Launch
from streams.evm.decode import decode_log
from streams.evm.logs import Log, place_of
from streams.evm.venues import Factory
from streams.quotes import NATIVE
from tests.chain.devnet import Devnet, selector
from tests.chain.market import WETH, Market
from tests.chain.showroom import artifacts
from tools.recorder.chain import MODULES

__all__ = [
    "BLOCKER",
    "COUNTER",
    "LIQUIDITY",
    "ROUTER_ONLY",
    "TAKER",
    "Hook",
    "Managed",
    "manager_on",
]

MANAGER = "@uniswap/v4-core/out/PoolManager.sol/PoolManager.json"
LIQUIDITY = 10**20
FEE, SPACING = 3_000, 60
WHOLE = 887_272 // SPACING * SPACING
"""Ticks to either side of a price of one."""
_KEY = "(address,address,uint24,int24,address)"
_PLACED = iter(range(1, 1_000))


class Hook(NamedTuple):
    """A hook of ours, and the bits of what it may do (v4-core ``Hooks.sol``)."""

    name: str
    permissions: int


BLOCKER = Hook("SaleBlocker", 1 << 7)
ROUTER_ONLY = Hook("RouterOnly", 1 << 7)
TAKER = Hook("SaleTaker", 1 << 6 | 1 << 2)
COUNTER = Hook("TradeCounter", 1 << 6)


class Managed(NamedTuple):
    """A launch on the manager, as the follower would tell it, and who put the liquidity in."""

    launch: Launch
    filler: str

    @classmethod
    def of(
        cls,
        market: Market,
        manager: str,
        name: str,
        quote: str = WETH,
        hook: Hook | None = None,
        reach: int = WHOLE,
        behind: int = 0,
    ) -> Managed:
        """Launch a token for WETH or another quote that the market can pay.

        ``behind`` so many empty pools of it that strangers opened before.
        """
        net = market.net
        filler = net.deploy(artifacts()["ManagerFiller"].bytecode)
        token = _token(net, filler, name)
        for fee in range(behind):
            _open(net, manager, token, quote, NATIVE, fee)
        made = cls.opened(net, manager, filler, token, quote, hook)
        net.ask("anvil_setBalance", filler, hex(2 * LIQUIDITY))
        if quote != NATIVE:
            market.call(WETH, "deposit()", value=2 * LIQUIDITY)
            market.call(WETH, "transfer(address,uint256)", filler, 2 * LIQUIDITY)
        types = ["address", _KEY, "int24", "int256"]
        filled = encode(types, [manager, made.key, reach, LIQUIDITY])
        net.send(filler, selector(f"fill({','.join(types)})") + filled)
        net.mine()
        return made

    @classmethod
    def opened(
        cls,
        net: Devnet,
        manager: str,
        filler: str,
        token: str,
        quote: str,
        hook: Hook | None = None,
    ) -> Managed:
        """A pool at a price of one, with nothing in it."""
        sale = int(token, 16) < int(quote, 16)
        hooks = _placed(net, hook, manager, sale=sale) if hook else NATIVE
        sent = _open(net, manager, token, quote, hooks, FEE)
        net.mine()
        return cls(_told(net, sent, manager), filler)

    @property
    def key(self) -> tuple[str, str, int, int, str]:
        """What names the pool."""
        launch = self.launch
        return str(launch.token0), str(launch.token1), FEE, SPACING, str(launch.hooks)


def _open(net: Devnet, manager: str, token: str, quote: str, hooks: str, fee: int) -> str:
    """Ask for a pool at a price of one; gives the transaction."""
    sides = sorted((token, quote), key=lambda side: int(side, 16))
    key = (*sides, fee, SPACING, hooks)
    data = selector(f"initialize({_KEY},uint160)") + encode([_KEY, "uint160"], [key, 2**96])
    return net.send(manager, data)


def manager_on(net: Devnet) -> str:
    """The real PoolManager, deployed."""
    code = json.loads((MODULES / MANAGER).read_bytes())["bytecode"]["object"]
    return net.deploy(code, encode(["address"], [net.sender]))


def _placed(net: Devnet, hook: Hook, manager: str, *, sale: bool) -> str:
    """A hook at an address whose low bits are what it may do."""
    code, arguments = artifacts()[hook.name].bytecode, [manager, sale]
    made = net.deploy(code, encode(["address", "bool"], arguments))
    place = f"0x{0xA << 60 | next(_PLACED) << 20 | hook.permissions:040x}"
    net.ask("anvil_setCode", place, net.ask("eth_getCode", made, "latest"))
    return place


def _token(net: Devnet, filler: str, name: str) -> str:
    arguments = encode(["address", "address"], [net.factory, net.tokens[0]])
    code = bytes.fromhex(artifacts()[name].bytecode[2:]) + arguments
    net.send(filler, selector("make(bytes)") + encode(["bytes"], [code]))
    net.mine()
    call = {"to": filler, "data": f"0x{selector('made()').hex()}"}
    return f"0x{net.ask('eth_call', call, 'latest')[-40:]}"


def _told(net: Devnet, sent: str, manager: str) -> Launch:
    """The launch that our decoder makes of the manager's own log."""
    receipt = net.ask("eth_getTransactionReceipt", sent)
    log = msgspec.convert(receipt["logs"][0], Log)
    factories = {manager: Factory("uniswap-v4", "v4")}
    event = decode_log(log, place_of("devnet", log, datetime.now(UTC)), factories)
    assert isinstance(event, Launch)
    return event
