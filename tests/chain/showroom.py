"""Every token of the table on a local chain: deployed, its pair filled, and two holders paid."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from eth_abi import encode  # type: ignore[attr-defined]

from streams.events import Launch
from tests.chain.devnet import Devnet, selector
from tools.recorder.contracts import Artifact, compiled

__all__ = ["HOLDERS", "Showroom", "artifacts"]

TOKENS = Path(__file__).parent / "tokens"
HOLDERS = ("0x" + "a1" * 20, "0x" + "b2" * 20)
"""Wallets that the deployer paid before anybody looked."""
POOLED, PAID = 4 * 10**23, 10**22
QUOTE = 10**21
"""Quote in every pair: a thousand."""
_PROXIES = {"Upgradeable": "SlotProxy", "Beaconed": "BeaconProxy"}


@cache
def artifacts() -> dict[str, Artifact]:
    """Our tokens, compiled."""
    return compiled(TOKENS)


class Showroom(NamedTuple):
    """The launches by the token's name, and the block as of which all stand."""

    launches: dict[str, Launch]
    block: int

    @classmethod
    def of(cls, net: Devnet, names: list[str]) -> Showroom:
        """Launch ``names`` on a chain that mines when told to."""
        quote = net.tokens[0]
        tokens = {name: _made(net, name, quote) for name in names}
        pairs = {name: _pair(net, token, quote) for name, token in tokens.items()}
        for name, token in tokens.items():
            _fill(net, token, quote, pairs[name])
        if "OpensOnce" in tokens:
            net.send(tokens["OpensOnce"], selector("openTrading()"))
        net.mine()
        block = int(net.ask("eth_blockNumber"), 16)
        launches = {
            name: _launch(token, quote, pairs[name], block) for name, token in tokens.items()
        }
        return cls(launches, block)


def _made(net: Devnet, name: str, quote: str) -> str:
    """A token's address; ``Unopened`` is ``OpensOnce`` that nobody opened."""
    kinds = artifacts()
    if name in _PROXIES:
        target = net.deploy(kinds["Logic"].bytecode)
        if name == "Beaconed":
            target = net.deploy(kinds["Beacon"].bytecode, encode(["address"], [target]))
        made = net.deploy(kinds[_PROXIES[name]].bytecode, encode(["address"], [target]))
        net.send(made, selector("initialize()"))
        return made
    if name == "Cloned":
        target = net.deploy(kinds["PlainLogic"].bytecode)
        made = net.deploy(
            f"3d602d80600a3d3981f3363d3d373d3d3d363d73{target[2:]}5af43d82803e903d91602b57fd5bf3"
        )
        net.send(made, selector("initialize()"))
        return made
    kind = "OpensOnce" if name == "Unopened" else name
    arguments = encode(["address", "address"], [net.factory, quote])
    return net.deploy(kinds[kind].bytecode, arguments)


def _pair(net: Devnet, token: str, quote: str) -> str:
    asked = selector("getPair(address,address)") + encode(["address", "address"], [token, quote])
    call = {"to": net.factory, "data": f"0x{asked.hex()}"}
    found = f"0x{net.ask('eth_call', call, 'latest')[-40:]}"
    if int(found, 16):
        return found
    net.launch(token, quote)
    net.mine()
    return f"0x{net.ask('eth_call', call, 'latest')[-40:]}"


def _fill(net: Devnet, token: str, quote: str, pair: str) -> None:
    send = selector("transfer(address,uint256)")
    net.send(token, send + encode(["address", "uint256"], [pair, POOLED]))
    net.send(quote, send + encode(["address", "uint256"], [pair, QUOTE]))
    net.send(pair, selector("mint(address)") + encode(["address"], [net.sender]))
    for holder in HOLDERS:
        net.send(token, send + encode(["address", "uint256"], [holder, PAID]))
    net.mine()


def _launch(token: str, quote: str, pair: str, block: int) -> Launch:
    return Launch(
        chain="devnet", pool=pair, block=block, log_index=0, at=datetime.now(UTC),
        venue="uniswap-v2", token=token, quote=quote, token_is_0=int(token, 16) < int(quote, 16),
    )  # fmt: skip
