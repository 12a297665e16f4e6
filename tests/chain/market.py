"""Launches that can be traded on the local chain: tokens of ours, WETH where Ethereum has it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from eth_abi import encode  # type: ignore[attr-defined]

from tests.chain.devnet import Devnet, selector
from tools.recorder.contracts import Artifact, compiled, published

__all__ = ["ETHER", "WETH", "Market", "strangers"]

ETHER = 10**18
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
UNCX = "0x663a5c229c09b049e36dcc11a9b0d4a8eb9db214"
"""UNCX's V2 locker on Ethereum: a local chain has Ethereum's addresses."""


@cache
def strangers() -> dict[str, Artifact]:
    """Tokens that spoil what they say of themselves, a launchpad and a locker, by name."""
    return compiled(Path(__file__).parent / "contracts")


class Market:
    """Makes pairs with WETH on a chain that has the factory. Blocks are made as it goes."""

    def __init__(self, net: Devnet) -> None:
        self.net = net
        net.ask("anvil_setCode", WETH, published("v2-periphery", "WETH9").runtime)
        self.launchpad = net.deploy(strangers()["Launchpad"].bytecode)

    def call(self, to: str, signature: str, *arguments: object, value: int = 0) -> str:
        """Queue a transaction for the next block."""
        types = signature[signature.index("(") + 1 : -1]
        data = selector(signature) + (encode(types.split(","), arguments) if types else b"")
        call = {
            "from": self.net.sender, "to": to, "data": f"0x{data.hex()}", "gas": hex(6_000_000),
            "value": hex(value),
        }  # fmt: skip
        return str(self.net.ask("eth_sendTransaction", call))

    def read(self, to: str, signature: str, *arguments: object) -> int:
        """A view function's first word."""
        types = signature[signature.index("(") + 1 : -1]
        data = selector(signature) + (encode(types.split(","), arguments) if types else b"")
        answer = self.net.ask("eth_call", {"to": to, "data": f"0x{data.hex()}"}, "latest")
        return int(answer[:66], 16)

    def open(self, token: str, tokens: int = 10**26, weth: int = 10 * ETHER) -> str:
        """Give a deployed token a pair and its first liquidity, in one block; the pair."""
        if self.pair_of(token) is None:
            self.call(self.net.factory, "createPair(address,address)", token, WETH)
            self.net.mine()
        pair = self.pair_of(token)
        assert pair is not None
        self.call(WETH, "deposit()", value=weth)
        self.call(WETH, "transfer(address,uint256)", pair, weth)
        self.call(token, "transfer(address,uint256)", pair, tokens)
        self.call(pair, "mint(address)", self.net.sender)
        self.net.mine(2)
        return pair

    def launch(self, weth: int = 10 * ETHER) -> str:
        """Queue a token with its pair and liquidity, all in one transaction."""
        return self.call(
            self.launchpad, "launch(address,address,uint256)", self.net.factory, WETH, 9 * 10**26,
            value=weth,
        )  # fmt: skip

    def pair_of(self, token: str) -> str | None:
        """The token's pair with WETH, if there is one."""
        found = self.read(self.net.factory, "getPair(address,address)", token, WETH)
        return f"0x{found:040x}" if found else None
