"""What contracts say as of one block: asked in batches, each thing once, whoever wants it.

Calls made in the same moment go out together, one batch a contract: a contract that keeps a node
busy delays its own answers and nobody else's. A call gets little gas, so that a contract can
neither burn much nor answer megabytes: memory of 1 MB alone costs 2.2 million gas (Ethereum yellow
paper, appendix H).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar, cast

from eth_abi import decode, encode  # type: ignore[attr-defined]
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from streams import telemetry
from streams.errors import Invalid, Retry
from streams.evm.rpc import Call, Rpc, RpcError

__all__ = ["ASKING", "Metered", "View"]

GAS = hex(2_000_000)
MOST_ANSWER_BYTES = 100_000
SHORT_ANSWER = 64

T = TypeVar("T")

ASKING: ContextVar[str] = ContextVar("asking", default="other")
"""Which check asks, for the count of what each costs."""


BEHIND_TRIES, BEHIND_PAUSE_S = 6, 0.1
"""A node that announces a block may answer from another machine that does not have it yet."""


class Metered:
    """``Rpc`` that counts what each check asks, and asks again what nodes do not have yet."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """See ``Rpc.call``."""
        for _ in range(BEHIND_TRIES):
            telemetry.EXAMINE_CALLS.labels(ASKING.get()).inc()
            try:
                return await self._rpc.call(method, params, type_)
            except RpcError as error:
                if error.refusal != "behind":
                    raise
            await asyncio.sleep(BEHIND_PAUSE_S)
        return await self._rpc.call(method, params, type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """See ``Rpc.batch``."""
        for _ in range(BEHIND_TRIES):
            telemetry.EXAMINE_CALLS.labels(ASKING.get()).inc(len(calls))
            found = await self._rpc.batch(calls, type_)
            if not any(isinstance(each, RpcError) and each.refusal == "behind" for each in found):
                return found
            await asyncio.sleep(BEHIND_PAUSE_S)
        return await self._rpc.batch(calls, type_)


class View:
    """One chain as of one block."""

    def __init__(self, rpc: Rpc, block: int) -> None:
        self.rpc = rpc
        self.block = block
        self.tag = hex(block)
        self._asked: dict[tuple[str, str], asyncio.Future[bytes | Exception]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._once: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, to: str, signature: str, *arguments: Any, gives: str = "uint256") -> Any:
        """The first value that a view function answers.

        ``gives`` is its ABI type. Raises ``Invalid`` for a revert and for an answer that is none,
        ``Retry`` when no node answers.
        """
        return (await self.read_all(to, signature, *arguments, gives=(gives,)))[0]

    async def read_all(
        self, to: str, signature: str, *arguments: Any, gives: Sequence[str]
    ) -> tuple[Any, ...]:
        """All values that a view function answers; raises as ``read`` does."""
        answer = await self.call(to, signature, *arguments)
        try:
            return _decoded(tuple(gives), answer)
        except (DecodingError, OverflowError, ValueError) as error:
            raise Invalid(f"{signature} answers nonsense", reason="garbage") from error

    async def call(self, to: str, signature: str, *arguments: Any) -> bytes:
        """What a view function answers, undecoded; raises as ``read`` does."""
        data = _calldata(signature, arguments)
        future = self._asked.get((to, data))
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[to, data] = loop.create_future()
            waiting = self._waiting.setdefault(to, [])
            waiting.append(data)
            if len(waiting) == 1:
                loop.call_soon(self._send, to)
        answer = await asyncio.shield(future)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def supply(self, token: str) -> int:
        """All of a token in base units; raises as ``read`` does."""
        return int(await self.read(token, "totalSupply()"))

    async def once(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``ask`` gives, asked when the first comes for it; raises as ``ask`` does."""
        task = self._once.get(key)
        if task is None:
            task = self._once[key] = self._started(ask())
        return cast(T, await asyncio.shield(task))

    def _send(self, to: str) -> None:
        self._started(self._ask(to, self._waiting.pop(to)))

    def _started(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits has it; if nobody does any more, it is no news

    async def _ask(self, to: str, asked: Sequence[str]) -> None:
        calls: list[Call] = [
            ("eth_call", ({"to": to, "data": data, "gas": GAS}, self.tag)) for data in asked
        ]
        answers: Sequence[Any]
        try:
            answers = await self.rpc.batch(calls)
        except (Retry, Invalid) as error:
            answers = [error] * len(asked)
        except asyncio.CancelledError:
            answers = [Retry("the question was given up")] * len(asked)
        for data, answer in zip(asked, answers, strict=True):
            self._asked[to, data].set_result(_bytes_of(answer))

    async def close(self) -> None:
        """Give up what is still being asked."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _bytes_of(answer: Any) -> bytes | Exception:
    """An answer of a node's as bytes, or what is wrong with it."""
    if isinstance(answer, RpcError) and answer.refusal == "reverted":
        return Invalid("the contract reverts", reason="reverted")
    if isinstance(answer, Exception):
        return answer
    if not isinstance(answer, str):
        return Invalid("a node answered no bytes", reason="garbage")
    if len(answer) > 2 * MOST_ANSWER_BYTES:
        return Invalid(f"it answers {len(answer) // 2 - 1:,} bytes", reason="too-large")
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except ValueError:
        return Invalid("a node answered no bytes", reason="garbage")


@lru_cache(maxsize=4096)
def _calldata(signature: str, arguments: tuple[Any, ...]) -> str:
    """Kept, for lockers and the like are asked about for every launch."""
    types = signature[signature.index("(") + 1 : -1]
    encoded = encode(types.split(","), arguments) if types else b""
    return "0x" + (_selector(signature) + encoded).hex()


def _decoded(gives: tuple[str, ...], answer: bytes) -> tuple[Any, ...]:
    """Short answers are kept: most balances of lockers are the same nothing."""
    return _decode_short(gives, answer) if len(answer) <= SHORT_ANSWER else _decode(gives, answer)


def _decode(gives: tuple[str, ...], answer: bytes) -> tuple[Any, ...]:
    return tuple(decode(list(gives), answer))


_decode_short = lru_cache(maxsize=4096)(_decode)


@lru_cache(maxsize=256)
def _selector(signature: str) -> bytes:
    return bytes(keccak(signature.encode())[:4])
