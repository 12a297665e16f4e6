"""Every token of the table on a local chain: deployed, its pair filled, and two holders paid."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from eth_abi import encode  # type: ignore[attr-defined]

from streams.checks.contract import contract_findings
from streams.checks.trade import trade_findings
from streams.events import Launch
from streams.evm.http import Http
from streams.finding import Finding
from tests.chain.devnet import Devnet, selector
from tools.recorder.contracts import Artifact, compiled

__all__ = [
    "EXPECTED",
    "HOLDERS",
    "UNKNOWN",
    "Showroom",
    "artifacts",
    "compared",
    "examine",
    "expected",
]

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
        clone = f"363d3d373d3d3d363d73{target[2:]}5af43d82803e903d91602b57fd5bf3"  # EIP-1167
        made = net.deploy(f"3d602d80600a3d3981f3{clone}")
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


EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((TOKENS / "expected.toml").read_text())
"""What every check must say of each token, as its differences from Plain."""
UNKNOWN = "?"
_NOT_COMPARED = (
    "_gas",
    ".code_",
    ".opcodes.",
    ".functions",
    ".selectors",
    ".implementation",
    ".address",
)
_NEVER_KNOWN = ("contract.is_open_source", "contract.likeness_to_rugs")


async def examine(net: Devnet, room: Showroom) -> dict[str, dict[str, Finding]]:
    """Everything that both checks find of each token."""
    rpc = Http(net.http)
    found = {}
    try:
        for name, launch in room.launches.items():
            trade = await trade_findings(rpc, launch, room.block, holders=HOLDERS)
            assert launch.token
            contract = await contract_findings(rpc, launch.token, room.block, launch=launch)
            found[name] = trade | contract
    finally:
        await rpc.close()
    return found


def compared(findings: dict[str, Finding]) -> dict[str, Any]:
    """The answers that ``EXPECTED`` speaks of; unknown ones as ``UNKNOWN``."""
    return {
        name: finding.value if finding.known else UNKNOWN
        for name, finding in findings.items()
        if name not in _NEVER_KNOWN and not any(part in name for part in _NOT_COMPARED)
    }


def expected(name: str) -> dict[str, Any]:
    """What every check must say of one token."""
    return EXPECTED["Plain"] | EXPECTED[name]
