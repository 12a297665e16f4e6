"""A local chain with the real Uniswap V2 factory on it, and somebody who trades there."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
from eth_abi import encode  # type: ignore[attr-defined]
from eth_hash.auto import keccak

from tests.npm import require_npm
from tools.recorder.chain import _anvil
from tools.recorder.contracts import compiled, published

__all__ = ["Devnet", "devnet", "free_port"]

GAS = hex(8_000_000)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Devnet:
    """One anvil: blocks are made when asked for; every launch is a pair of the real factory."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ws, self.http = f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        self._client = httpx2.Client(timeout=30, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None
        self.sender = ""
        self.factory = ""
        self.tokens: list[str] = []
        self.pair = ""

    def start(self, *options: str) -> None:
        """Start the node and wait until it answers."""
        command = [str(_anvil()), "--port", str(self.port), "--silent", "--no-mining", *options]
        self._process = subprocess.Popen([*command, "--order", "fifo"])
        deadline = time.monotonic() + 20
        while True:
            try:
                self.sender = self.ask("eth_accounts")[0]
            except httpx2.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Kill the node as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._client.close()

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a call made straight to the node."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        reply = self._client.post(self.http, json=body).json()
        assert "error" not in reply, reply
        return reply["result"]

    def mine(self, blocks: int = 1) -> None:
        """Make blocks of what waits."""
        for _ in range(blocks):
            self.ask("evm_mine")

    def send(self, to: str | None, data: bytes) -> str:
        """Queue a transaction for the next block."""
        call = {"from": self.sender, "data": f"0x{data.hex()}", "gas": GAS}
        return str(self.ask("eth_sendTransaction", call | ({"to": to} if to else {})))

    def deploy(self, bytecode: str, arguments: bytes = b"") -> str:
        """Make a contract in a block of its own."""
        sent = self.send(None, bytes.fromhex(bytecode.removeprefix("0x")) + arguments)
        self.mine()
        return str(self.ask("eth_getTransactionReceipt", sent)["contractAddress"])

    def settle(self) -> None:
        """Put the factory there, and a pair of two tokens that can be traded."""
        factory = published("v2-core", "UniswapV2Factory")
        self.factory = self.deploy(factory.bytecode, encode(["address"], [self.sender]))
        self.open_pair()

    def open_pair(self) -> None:
        """Make two tokens and their pair, which deposits go to from now on."""
        token = compiled()["Token"].bytecode
        name = ["string", "string", "uint8", "uint256"]
        self.tokens = [
            self.deploy(token, encode(name, [symbol, symbol, 18, 10**30])) for symbol in "AB"
        ]
        self.launch(*self.tokens)
        self.mine()
        self.pair = self.launches()[-1]

    def launch(self, token0: str, token1: str) -> None:
        """Queue the making of a pair."""
        arguments = encode(["address", "address"], [token0, token1])
        self.send(self.factory, selector("createPair(address,address)") + arguments)

    def launch_random(self, chance: random.Random) -> None:
        """Queue a pair of two addresses that nobody has."""
        self.launch(*(f"0x{chance.getrandbits(160):040x}" for _ in range(2)))

    def deposit(self, amount: int) -> None:
        """Queue liquidity for the pair: two transfers and a mint, three events on the pair."""
        for token in self.tokens:
            arguments = encode(["address", "uint256"], [self.pair, amount])
            self.send(token, selector("transfer(address,uint256)") + arguments)
        arguments = encode(["address"], [self.sender])
        self.send(self.pair, selector("mint(address)") + arguments)

    def launches(self) -> list[str]:
        """Every pair that the factory says it made, in order."""
        logs = self.logs(self.factory)
        return ["0x" + log["data"][26:66] for log in logs]

    def logs(self, address: str | Sequence[str]) -> list[dict[str, Any]]:
        """A recount: what the node itself says these contracts logged."""
        return list(self.ask("eth_getLogs", {"fromBlock": "0x0", "address": address}))


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return bytes(keccak(signature.encode())[:4])


@contextmanager
def devnet(*options: str) -> Iterator[Devnet]:
    """A fresh chain with the factory and a pair on it."""
    require_npm()
    net = Devnet(free_port())
    try:
        net.start(*options)
        net.settle()
        yield net
    finally:
        net.stop()
