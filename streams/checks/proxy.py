"""Whether a contract runs another's code, and whose.

Known forms: EIP-1167 clones, the slots of EIP-1967 (implementation and beacon), of EIP-1822 and of
OpenZeppelin before 1967, and ``implementation()`` as Gnosis-like and beacon proxies answer it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from streams.checks.chainstate import Block, calldata
from streams.errors import Invalid
from streams.evm.rpc import Rpc, RpcError

__all__ = ["Proxy", "clone_target", "code_at", "proxied"]

_CLONE = re.compile(
    rb"\x36\x3d\x3d\x37\x3d\x3d\x3d\x36\x3d(?:\x73(?P<whole>.{20})|(?:[\x60-\x72])(?P<short>.{1,19}))"
    rb"\x5a\xf4\x3d\x82\x80\x3e\x90\x3d\x91\x60.\x57\xfd\x5b\xf3",
    re.DOTALL,
)
"""The code of EIP-1167, with addresses that begin with zeros pushed short."""
_ZERO_PUSH_CLONE = re.compile(
    rb"\x36\x5f\x5f\x37\x5f\x5f\x36\x5f\x73(?P<whole>.{20})\x5a\xf4\x3d\x5f\x5f\x3e\x5f\x3d\x91\x60.\x57\xfd\x5b\xf3",
    re.DOTALL,
)
"""The same with PUSH0 (Solady, OpenZeppelin 5)."""
_SLOTS = {
    "eip-1967": "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc",
    "eip-1822": "0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7",
    "zeppelinos": "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3",
}
_BEACON = "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50"
_ADMIN = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103"


class Proxy(NamedTuple):
    """Whose code a contract runs, by which form, and who may change that (if it says so)."""

    implementation: str
    form: str
    admin: str | None = None


def clone_target(code: bytes) -> str | None:
    """The address that an EIP-1167 clone runs; ``None`` for other code."""
    match = _CLONE.search(code[:64]) or _ZERO_PUSH_CLONE.search(code[:64])
    if match is None:
        return None
    groups = match.groupdict()
    return f"0x{(groups['whole'] or groups['short']).rjust(20, bytes(1)).hex()}"


async def code_at(rpc: Rpc, address: str, at: Block) -> bytes:
    """A contract's runtime code; empty for a wallet. Raises ``Retry`` and ``Invalid``."""
    text = await rpc.call("eth_getCode", [address, at.tag], str)
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise Invalid("the node's code is no hex", reason="code") from error


async def proxied(rpc: Rpc, address: str, code: bytes, at: Block) -> Proxy | None:
    """Whose code the contract at ``address`` runs; ``None`` when it runs its own.

    Raises ``Retry`` and ``Invalid`` when the node does not say.
    """
    if target := clone_target(code):
        return Proxy(target, "eip-1167")
    keys = [*_SLOTS.values(), _BEACON, _ADMIN]
    calls = [("eth_getStorageAt", [address, key, at.tag]) for key in keys]
    *slots, beacon, admin = [_address(word) for word in await rpc.batch(calls, str)]
    for form, found in zip(_SLOTS, slots, strict=True):
        if found:
            return Proxy(found, form, admin)
    if beacon:
        target = await _implementation(rpc, beacon, at)
        return Proxy(target, "beacon", beacon) if target else None
    return None


async def _implementation(rpc: Rpc, beacon: str, at: Block) -> str | None:
    call = {"to": beacon, "data": calldata("implementation()"), "gas": "0x4c4b40"}
    try:
        return _address(await rpc.call("eth_call", [call, at.tag], str))
    except RpcError:
        return None


def _address(word: Any) -> str | None:
    """The address in a word; ``None`` for zero. Raises ``Invalid`` for a refusal or no word."""
    if isinstance(word, RpcError):
        raise word
    try:
        number = int(word, 16)
    except (ValueError, TypeError):
        raise Invalid("the node's storage is no word", reason="storage") from None
    return f"0x{number % 2**160:040x}" if 0 < number < 2**160 else None
