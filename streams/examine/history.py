"""A contract's logs of the last blocks: asked from the newest backwards, in steps that grow.

A node sends what fits into one frame and its own limits, and a stranger decides how many logs its
token makes: so a small stretch is asked first, and reading ends where there are too many.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.errors import Invalid, Retry
from streams.evm.logs import Log, address_of, number, topic_of, words
from streams.evm.rpc import RpcError
from streams.examine.question import Question
from streams.examine.view import View

__all__ = ["BEFORE_LAUNCH", "Topics", "Transfer", "Transfers", "logs_of", "transfers_of"]

Topics = Sequence[str | Sequence[str] | None]
"""As ``eth_getLogs`` takes them: a topic, any of several, or whichever."""
BEFORE_LAUNCH = 2_000
"""Blocks before a launch in which its token is expected to have been made."""
MOST_BLOCKS = 20_000
FIRST_STEP, GROWTH = 64, 8
MOST_LOGS = 5_000
SMALLEST_STEP = 16
TRANSFER = topic_of("Transfer(address,address,uint256)")


class Transfer(msgspec.Struct, frozen=True):
    """A token's transfer, and where it stands."""

    block: int
    tx_hash: str
    sender: str
    to: str
    value: int


class Transfers(msgspec.Struct, frozen=True):
    """A token's transfers from block ``first`` on, oldest first."""

    first: int
    seen: tuple[Transfer, ...]


async def logs_of(
    view: View,
    address: str,
    topics: Topics,
    first: int,
    *,
    most_blocks: int = MOST_BLOCKS,
    most_logs: int = MOST_LOGS,
) -> tuple[int, list[Log]]:
    """The logs back to ``first``, and back to where they really reach, oldest first.

    Raises ``Invalid`` and ``Retry`` when not even the newest could be read.
    """
    found: list[Log] = []
    lowest = max(first, view.block - most_blocks, 0)
    end, step, widest = view.block, FIRST_STEP, most_blocks
    while end >= lowest and len(found) < most_logs:
        begin = max(lowest, end - step + 1)
        try:
            found = await _stretch(view, address, topics, begin, end) + found
        except RpcError as error:
            if error.refusal == "limit" and step > SMALLEST_STEP:
                step = widest = step // 4
                continue
            if not found:
                raise
            break
        end, step = begin - 1, min(widest, step * GROWTH)
    return end + 1, found


async def transfers_of(question: Question) -> Transfers:
    """The token's transfers since shortly before the launch. Raises ``Invalid`` and ``Retry``."""
    view, token = question.view, question.token

    async def ask() -> Transfers:
        first = question.launch.block - BEFORE_LAUNCH
        reached, logs = await logs_of(view, token, [TRANSFER], first)
        return Transfers(reached, tuple(each for log in logs if (each := _transfer(log))))

    return await view.once(("transfers", token), ask)


async def _stretch(view: View, address: str, topics: Topics, begin: int, end: int) -> list[Log]:
    wanted = {
        "address": address, "topics": list(topics), "fromBlock": hex(begin), "toBlock": hex(end),
    }  # fmt: skip
    logs = await view.rpc.call("eth_getLogs", [wanted], list[Log])
    if any(log.address.lower() != address for log in logs):
        raise Retry("a node sent logs of another contract")
    return list(logs)


def _transfer(log: Log) -> Transfer | None:
    """``None`` for what only looks like one: an NFT's, or nonsense."""
    try:
        sender, to, value = words(log, 0, 3)[:3]
        return Transfer(
            block=number(log.block_number), tx_hash=log.transaction_hash or "",
            sender=address_of(sender), to=address_of(to), value=value,
        )  # fmt: skip
    except Invalid:
        return None
