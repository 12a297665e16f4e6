"""What a check asks a node of the chain itself: which block, and numbers that contracts tell."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

import msgspec
from eth_hash.auto import keccak

from streams.errors import Invalid
from streams.evm.rpc import Rpc

__all__ = [
    "Block",
    "Named",
    "Numbers",
    "block_of",
    "calldata",
    "number_of",
    "numbers",
    "together",
]

LATER_S, LATER_BLOCKS = 30 * 86_400, 216_000
"""A month, in blocks of 12 s."""

Numbers = Mapping[str, tuple[str, str, str | None]]
"""By a name of the caller's: a contract, a function's signature, and its address argument."""


class Block(NamedTuple):
    """A block: its number and UNIX time, and how calls name it (``tag``, EIP-1898 for a hash)."""

    number: int
    time: int
    tag: Any

    @property
    def later(self) -> dict[str, str]:
        """A month later, as block overrides: what opens or ends by the clock has done so."""
        return {"time": hex(self.time + LATER_S), "number": hex(self.number + LATER_BLOCKS)}


class _Header(msgspec.Struct):
    number: str
    timestamp: str


Named = Block | int | str
"""A block, or its number or hash, of which the rest is asked."""


def number_of(block: Named, otherwise: int = 0) -> int:
    """The number of a block before a node was asked; ``otherwise`` where a hash names it."""
    if isinstance(block, Block):
        return block.number
    return block if isinstance(block, int) else otherwise


async def block_of(rpc: Rpc, block: Named) -> Block:
    """The block that is named. Raises ``Retry``, and ``Invalid`` for one there is not."""
    if isinstance(block, Block):
        return block
    by_hash = isinstance(block, str)
    method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
    name = block if isinstance(block, str) else hex(block)
    header = await rpc.call(method, [name, False], _Header | None)
    if header is None:
        raise Invalid("the node does not have the block", reason="block")
    try:
        number, time = int(header.number, 16), int(header.timestamp, 16)
    except ValueError as error:
        raise Invalid("the node's block has no number or time", reason="block") from error
    return Block(number, time, {"blockHash": name} if by_hash else name)


async def together(*asked: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """The answers of independent questions, asked at once; raises the first failure among them.

    All have ended by then: none is left asking.
    """
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return tuple(answers)


def calldata(signature: str, address: str | None = None) -> str:
    """A call without arguments, or with one address."""
    argument = f"{address[2:]:0>64}" if address else ""
    return f"0x{keccak(signature.encode())[:4].hex()}{argument}"


async def numbers(rpc: Rpc, asked: Numbers, at: Block) -> dict[str, int | None]:
    """What each function answers as its first word; ``None`` where it answers none."""
    calls = [
        ("eth_call", [{"to": to, "data": calldata(signature, address), "gas": "0x4c4b40"}, at.tag])
        for to, signature, address in asked.values()
    ]
    answers = await rpc.batch(calls, msgspec.Raw)
    return {name: _word(answer) for name, answer in zip(asked, answers, strict=True)}


def _word(answer: Any) -> int | None:
    """The first 32 bytes of a result; a contract may answer megabytes of anything."""
    try:
        text = msgspec.json.decode(answer, type=str)
        word = bytes.fromhex(text[2:66])
    except (msgspec.MsgspecError, ValueError, TypeError, UnicodeDecodeError):
        return None
    return int.from_bytes(word, "big") if len(word) == 32 else None
