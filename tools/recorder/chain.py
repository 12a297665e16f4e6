"""A local chain whose clock moves only when told to: anvil, run straight from its npm package.

Every transaction waits in the pool until ``mine`` makes the next block at a chosen second, so
days of trading pass in seconds and a second run makes the same chain.
"""

from __future__ import annotations

import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from web3 import IPCProvider, Web3
from web3.types import RPCEndpoint

from streams.errors import Broken, Invalid, Retry

__all__ = ["Chain", "local_chain"]

MODULES: Final = Path(__file__).parents[1] / "node_modules"
MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The development mnemonic that every local node knows: these keys guard nothing."""
ACCOUNTS: Final = 480
GENESIS_BLOCK: Final = 24_000_000
GAS: Final = 8_000_000
STARTUP_S: Final = 30.0
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Chain:
    """One anvil: unlocked accounts, a pool of waiting transactions, a clock moved by hand."""

    def __init__(self, pipe: Path) -> None:
        self.web3 = Web3(IPCProvider(pipe, timeout=60))
        self.nonces: Counter[str] = Counter()
        self.waiting: list[tuple[str, bool]] = []

    def wait_until_up(self) -> None:
        """Return once the node answers; raises ``Retry`` when it does not in time."""
        deadline = time.monotonic() + STARTUP_S
        while not self.web3.is_connected():
            if time.monotonic() > deadline:
                raise Retry(f"anvil did not answer within {STARTUP_S:.0f} s; run it again")
            time.sleep(0.05)

    def send(self, sender: str, call: Any, *, value: int = 0, fails: bool = False) -> None:
        """Queue a contract call (or construction) for the next block.

        ``fails`` says that it must revert: ``mine`` holds the chain to either promise. Nonces
        are explicit because anvil races its own for several transactions of one account.
        """
        options = {
            "from": sender,
            "nonce": self.nonces[sender],
            "value": value,
            "gas": GAS,
            "gasPrice": 0,
            "chainId": 31337,
        }
        self.nonces[sender] += 1
        self.request("eth_sendTransaction", _in_hex(call.build_transaction(options)))
        self.waiting.append((f"{call} from {sender}", fails))

    def mine(self, at: int) -> list[str]:
        """Make the block of second ``at``; the addresses of contracts it made, in order.

        Raises ``Broken`` when a transaction did not end as its sender promised.
        """
        self.request("evm_mine", at)
        receipts = self.request("eth_getBlockReceipts", "latest")
        for (what, fails), receipt in zip(self.waiting, receipts, strict=True):
            if (receipt["status"] == "0x0") != fails:
                outcome = "went through" if fails else "reverted"
                raise Broken(f"{what} {outcome} at {at}; mend the cast or the contract")
        self.waiting.clear()
        return [r["contractAddress"] for r in receipts if r["contractAddress"]]

    def place_code(self, address: str, runtime: str) -> None:
        """Put a contract's runtime code at a chosen address."""
        self.request("anvil_setCode", address, runtime)

    def request(self, method: str, *params: Any) -> Any:
        """The result of a raw call, without web3's costly formatting; ``Broken`` when refused."""
        reply = self.web3.provider.make_request(RPCEndpoint(method), list(params))
        if "error" in reply:
            raise Broken(f"anvil refused {method}: {reply['error']}; is it the pinned version?")
        return reply.get("result")


@contextmanager
def local_chain(start: int) -> Iterator[Chain]:
    """A fresh chain whose genesis stands at ``start`` (UNIX seconds); stopped on leaving."""
    options = {
        "--port": 0,
        "--threads": 1,
        "--accounts": ACCOUNTS,
        "--mnemonic": MNEMONIC,
        "--order": "fifo",
        "--number": GENESIS_BLOCK,
        "--timestamp": start,
        "--base-fee": 0,
        "--gas-price": 0,
        "--gas-limit": 1_000_000_000,
    }
    command = [str(_anvil()), "--no-mining", "--prune-history", "--silent"]
    command += [str(word) for option in options.items() for word in option]
    with TemporaryDirectory() as folder:
        pipe = Path(folder) / "anvil.ipc"
        process = subprocess.Popen([*command, "--ipc", str(pipe)], stdout=subprocess.DEVNULL)
        try:
            chain = Chain(pipe)
            chain.wait_until_up()
            yield chain
        finally:
            process.terminate()
            process.wait()


def _anvil() -> Path:
    machine = _MACHINES.get(platform.machine().lower(), "amd64")
    package = f"anvil-{platform.system().lower()}-{machine}"
    binary = MODULES / "@foundry-rs" / package / "bin" / "anvil"
    if not binary.exists():
        raise Invalid(
            f"{package} is not installed; run: npm install --prefix tools", reason="no-node"
        )
    return binary


def _in_hex(transaction: Mapping[str, Any]) -> dict[str, str]:
    """The transaction as JSON-RPC wants it; a construction has no ``to``."""
    given = ((k, v) for k, v in transaction.items() if v not in ("", b""))
    return {k: v if isinstance(v, str) else Web3.to_hex(v) for k, v in given}
