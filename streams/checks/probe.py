"""The probe of ours that acts beside a token inside one ``eth_call``, and its puppets.

``solidity/Probe.sol`` is placed at an address that nobody has, ``Puppet`` at every wallet that acts
in it. Addresses are drawn anew for every call, so that no contract can know them. The program is
told in the Solidity source; this module owns its words: what is asked and what is answered.

The compiled code lies in ``solidity/probe.json``; ``python -m tools.probe`` makes it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from eth_abi import decode, encode  # type: ignore[attr-defined]
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from streams.errors import Invalid
from streams.evm.rpc import Rpc, RpcError

__all__ = [
    "ABSENT",
    "FAILED",
    "GAS",
    "MARKET",
    "NOBODY",
    "ONE",
    "Act",
    "Market",
    "Overrides",
    "Scene",
    "address_in",
    "ask",
    "encoded",
    "fresh_address",
    "split_types",
    "unpacked",
]

GAS = 30_000_000
"""Of one ``eth_call``: below the cap of every public node that we know (geth's is 50 million)."""
GAS_CAP = 2_500_000
"""The most that one call into a token may burn; a swap with a sale of collected fees takes 0.5."""
FAILED = 2**256 - 1
"""In an answer of the probe: the call reverted."""
ABSENT = FAILED - 1
"""In an answer of the probe: nothing to measure."""
ONE = 10**18
"""In an answer of the probe: all of it."""

_codes: dict[str, str] = json.loads(
    files(__package__).joinpath("solidity", "probe.json").read_bytes()
)
_PLACEHOLDER = "beefbeef" * 5
"""Where the puppet's code names its probe."""
_MOST_TAIL = 64
"""Bytes behind the code of probe and puppets, drawn anew: no contract can know them by its hash."""

Overrides = dict[str, dict[str, Any]]
"""State by address as ``eth_call`` takes it: ``code``, ``balance``, ``stateDiff``."""


NOBODY = "0x" + "00" * 20
MARKET = "(address,address,address,uint8,bool,uint256,uint24,int24,address)"
"""A ``Market`` as an ABI type."""


class Market(NamedTuple):
    """Where a token trades, as the probe takes it.

    ``kind``: 0 nowhere, 1 reserves, 2 ranges, 3 a pool of Uniswap V4, whose ``pool`` is the
    PoolManager and which ``fee``, ``tick_spacing`` and ``hooks`` name; ``quote`` may be the coin.
    """

    token: str
    quote: str
    pool: str
    kind: int
    token_is_0: bool
    gas_cap: int = GAS_CAP
    fee: int = 0
    tick_spacing: int = 0
    hooks: str = NOBODY


_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


class Act(NamedTuple):
    """A call into the token by ``actor``; without data, nothing is done."""

    actor: str
    data: bytes = b""


def fresh_address() -> str:
    """An address that nobody has and no contract can foresee."""
    return "0x" + secrets.token_hex(20)


def address_in(text: str) -> str:
    """An address of an EVM chain, in lower case. Raises ``Invalid`` for anything else."""
    address = text.lower()
    if not _ADDRESS.fullmatch(address):
        raise Invalid("that is no address of an EVM chain", reason="address")
    return address


class Scene:
    """One ``eth_call`` in the making: the probe, who acts in it, and the state they find."""

    def __init__(self) -> None:
        self.probe = fresh_address()
        self.overrides: Overrides = {self.probe: {"code": _codes["Probe"] + _tail()}}

    def puppet(self, address: str) -> str:
        """Let the probe act as ``address``."""
        code = _codes["Puppet"].replace(_PLACEHOLDER, self.probe[2:])
        self.overrides.setdefault(address, {})["code"] = code + _tail()
        return address

    def idle(self, hook: str) -> None:
        """Let a hook of Uniswap V4 agree to everything and take nothing."""
        self.overrides.setdefault(hook, {})["code"] = _codes["IdleHook"]

    def endow(self, address: str, coin: int) -> None:
        """Let ``address`` have so much of the chain's coin."""
        self.overrides.setdefault(address, {})["balance"] = hex(coin)

    def store(self, contract: str, values: dict[str, int]) -> None:
        """Let ``contract`` find these values in its storage, by 0x key."""
        found = self.overrides.setdefault(contract, {}).setdefault("stateDiff", {})
        found.update({key: f"0x{value:064x}" for key, value in values.items()})

    def call(self, signature: str, arguments: Sequence[Any], sender: str) -> dict[str, str]:
        """The transaction that asks the probe; ``sender`` is what contracts see as origin."""
        return self.called(encoded(signature, arguments), sender)

    def called(self, data: bytes, sender: str) -> dict[str, str]:
        """As ``call``, of calldata that is there already."""
        return {"from": sender, "to": self.probe, "data": f"0x{data.hex()}", "gas": hex(GAS)}


def _tail() -> str:
    """Bytes that are never run, behind an opcode that ends whatever runs on (``INVALID``)."""
    return "fe" + secrets.token_hex(1 + secrets.randbelow(_MOST_TAIL))


def encoded(signature: str, arguments: Sequence[Any]) -> bytes:
    """The calldata of a function."""
    types = signature[signature.index("(") + 1 : -1]
    return bytes(keccak(signature.encode())[:4]) + bytes(encode(split_types(types), arguments))


async def ask(
    rpc: Rpc,
    scene: Scene,
    call: dict[str, str],
    at: Any,
    *,
    world: dict[str, str] | None = None,
) -> bytes:
    """What the probe answers at block ``at``; ``world`` overrides the block's own fields.

    Raises ``Retry`` when no node answers, ``Invalid`` when one will not or cannot.
    """
    params: list[Any] = [call, at, scene.overrides]
    try:
        answer = await rpc.call("eth_call", [*params, world] if world else params, str)
    except RpcError as error:
        if error.code == -32602 or error.refusal == "unsupported":
            raise Invalid("the node takes no state override", reason="no-override") from error
        raise
    try:
        data = bytes.fromhex(answer.removeprefix("0x"))
    except ValueError as error:
        raise Invalid("the node's answer is no hex", reason="answer") from error
    if not data:
        raise Invalid("the node does not heed state overrides", reason="no-override")
    return data


def unpacked(types: Sequence[str], data: bytes, *lengths: int) -> tuple[Any, ...]:
    """What the probe encoded: arrays of ``lengths``. Raises ``Invalid`` for anything else."""
    try:
        values = tuple(decode(types, data))
    except (DecodingError, OverflowError, ValueError, RecursionError, MemoryError) as error:
        raise Invalid("the simulation's answer cannot be read", reason="answer") from error
    if any(len(value) != length for value, length in zip(values, lengths, strict=False)):
        raise Invalid("the simulation's answer is not what was asked for", reason="answer")
    return values


def split_types(types: str) -> list[str]:
    """The arguments' types at the top level of a signature."""
    parts, depth = [""], 0
    for char in types:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part]
