"""JSON-RPC 2.0 as Ethereum nodes speak it: requests, replies, and what a refusal means.

``Rpc`` is what the rest of this package asks: one node (``socket``, ``http``) or several
(``endpoints``) stand behind it. A node's answer "no" is an ``RpcError``; that it could not be asked
or answered nonsense is a ``Retry``. This module is pure: it owns no connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from streams.errors import Invalid, Retry

__all__ = [
    "Call",
    "Notice",
    "Refusal",
    "Reply",
    "Rpc",
    "RpcError",
    "Throttled",
    "refused_by_http",
    "replies",
    "request",
]

Call = tuple[str, Sequence[Any]]
"""A method and its positional parameters, in JSON's types (quantities as ``0x`` hex)."""

Refusal = Literal["rate", "limit", "behind", "unsupported", "reverted", "refused"]
"""Why a node refuses: asked too often; too much at once; of a block or state that it does not have;
of what it cannot do at all; the contract reverted; anything else."""

MESSAGE_LENGTH = 200
"""What is told of a node's message: it is a stranger's text."""

_PATTERNS: tuple[tuple[Refusal, re.Pattern[str]], ...] = (
    (
        "rate",
        re.compile(
            r"rate.?limit|too many requests|request count|requests? per|quota|credits|capacity"
            r"|throughput|compute units|try again in|usage limit|call rate"
        ),
    ),
    (
        "behind",
        re.compile(
            r"header not found|block not found|block not available|unknown block"
            r"|cannot find block|could not find block"
            r"|missing trie node|state .{0,40}not available|pruned|not yet available"
            r"|after last accepted block|beyond (current )?head|invalid block hash|block is out of"
            r"|minimum context slot"  # Solana: it has not come so far
            r"|historical state|not synced|required historical|blockoutofrange"
        ),
    ),
    (
        "unsupported",
        re.compile(
            r"method not found|not supported|unsupported|not available on|not whitelisted"
            r"|does not exist/is not available|method is not|specify an address|disabled|archive"
        ),
    ),
    (
        "limit",
        re.compile(
            r"query returned more than|block range|blocks? (is|are) too|response size|too large"
            r"|range (is )?(too )?(large|wide)|too many (results|logs|blocks)|limit exceeded"
            r"|exceeds? (the )?(max|range|limit|defined)|exceed maximum|limited to|max.{0,30}range"
            r"|more than \d+ (results|logs|blocks)|up to a \d|query timeout|timed? ?out"
        ),
    ),
    (
        "reverted",
        re.compile(r"revert|out of gas|invalid opcode|stack underflow|vm execution|evm error"),
    ),
)
_BY_CODE: Mapping[int, Refusal] = {
    3: "reverted",
    429: "rate",
    -32601: "unsupported",
    -32004: "unsupported",
    -32001: "behind",
    -32016: "behind",
    -32005: "limit",
    -32029: "rate",
    -32097: "rate",
}
"""Codes of EIP-1474 and of providers; a message that says more goes first."""


class RpcError(Invalid):
    """A node answered that it will not: ``refusal`` says what to do, ``data`` what it added."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        told = " ".join(message.split())[:MESSAGE_LENGTH]
        super().__init__(f"the node refused: {told} ({code})", reason="rpc")
        self.code = code
        self.data = data
        self.refusal: Refusal = _refusal(code, message.lower())


class Throttled(Retry):
    """A provider was asked more often than it allows."""


def refused_by_http(status: int, retry_after: str) -> Retry | None:
    """What a status and a ``Retry-After`` header tell the caller; ``None`` for one to read on.

    A body may hold a JSON-RPC error that says more.
    """
    after = float(retry_after) if retry_after.isdecimal() else None
    if status == 429:
        return Throttled("asked too often (HTTP 429)", retry_after=after or 1.0)
    if status >= 500:
        return Retry(f"the node failed (HTTP {status})", retry_after=after)
    return None


class Rpc(Protocol):
    """Whoever answers JSON-RPC calls."""

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The result, decoded as ``type_``. Raises ``RpcError`` or ``Retry``."""
        ...

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """A result or ``RpcError`` for each call, in their order. Raises ``Retry``."""
        ...


class Notice(msgspec.Struct, frozen=True):
    """The parameters of an ``eth_subscription`` notification, or of one of Solana's."""

    subscription: str | int
    result: msgspec.Raw


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""
    data: Any = None


class Reply(msgspec.Struct, frozen=True):
    """One object of a node's: an answer when ``id`` is a number, else a notification."""

    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None
    method: str = ""
    params: Notice | None = None

    def result_as(self, type_: Any) -> Any:
        """The result as ``type_``. Raises ``RpcError``, and ``Retry`` as ``value`` does."""
        value = self.value(type_)
        if isinstance(value, RpcError):
            raise value
        return value

    def value(self, type_: Any) -> Any:
        """The result as ``type_``; an ``RpcError`` is returned, not raised: batches hold them.

        Raises ``Retry`` for a result of another shape: the node is broken, another may not be.
        """
        if self.error is not None:
            return RpcError(self.error.code, self.error.message, self.error.data)
        try:
            return msgspec.json.decode(self.result or b"null", type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Retry(f"a node's result is not what was asked for: {_short(error)}") from error


_one = msgspec.json.Decoder(Reply)
_many = msgspec.json.Decoder(list[Reply])
_encoder = msgspec.json.Encoder()


def request(calls: Sequence[tuple[int, Call]], *, batch: bool) -> bytes:
    """The frame that asks ``calls``, each with its id."""
    asked = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in calls
    ]
    return _encoder.encode(asked if batch else asked[0])


def replies(frame: bytes | str) -> list[Reply]:
    """The objects of one frame or body; raises ``Retry`` for what is no JSON-RPC."""
    data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    try:
        return _many.decode(data) if data.lstrip()[:1] == b"[" else [_one.decode(data)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Retry(f"a node answered no JSON-RPC: {_short(error)}") from error


def _refusal(code: int, message: str) -> Refusal:
    """What a contract says as it reverts is a stranger's text, and no refusal of the node's."""
    if code == 3 or message.lstrip().startswith("execution reverted"):
        return "reverted"
    for refusal, pattern in _PATTERNS:
        if pattern.search(message):
            return refusal
    return _BY_CODE.get(code, "refused")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:MESSAGE_LENGTH]
