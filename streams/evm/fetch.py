"""Headers and logs of blocks from nodes that may lag, lie or refuse: what comes back is proven.

Logs are asked for without a filter: the set can then be held against the block's Bloom filter
(``blocks``), which a filtered answer cannot. At the head they are asked for by block hash, so that
they are of no other block (EIP-234); over a gap by range, block by block where that does not prove.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import anyio
import structlog

from streams import telemetry
from streams.errors import Retry
from streams.evm.blocks import Block, Header, are_all, block_of
from streams.evm.endpoints import Endpoints
from streams.evm.logs import Log
from streams.evm.rpc import RpcError
from streams.evm.window import Window

__all__ = ["Fetcher"]

log = structlog.get_logger(__name__)

TRIES = 6
"""Answers that are heard about one block before it is given up for now."""
FIRST_PAUSE_S = 0.05


class _Receipt(Header, kw_only=True, rename="camel"):
    """Only the logs matter."""

    hash: str = ""
    number: str = ""
    parent_hash: str = ""
    timestamp: str = ""
    logs: list[Log]


class Fetcher:
    """Reads one chain through its endpoints."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._rpc = endpoints
        self._window = Window()

    async def head(self, tag: str) -> Block:
        """The block of a tag (``latest``, ``finalized``). Raises ``Retry``."""
        return await self._header("eth_getBlockByNumber", tag)

    async def by_hash(self, hash_: str) -> Block:
        """The block of a hash. Raises ``Retry`` when nobody knows it."""
        return await self._header("eth_getBlockByHash", hash_)

    async def by_number(self, number: int) -> Block:
        """The canonical block of a number, as the endpoint that answers sees it."""
        return await self._header("eth_getBlockByNumber", hex(number))

    async def range(self, first: int, last: int) -> list[Block]:
        """Canonical blocks of these numbers, both included. Raises ``Retry`` for a hole."""
        calls = [
            ("eth_getBlockByNumber", (hex(number), False)) for number in range(first, last + 1)
        ]
        found = await self._rpc.batch(calls, Header | None)
        if any(each is None or isinstance(each, RpcError) for each in found):
            raise Retry(f"a node does not have all blocks from {first} to {last}")
        return [block_of(header) for header in found]

    async def logs(self, blocks: Sequence[Block]) -> dict[str, list[Log]]:
        """All logs of each block by its hash, in order. Raises ``Retry`` when none proves them."""
        found: dict[str, list[Log]] = {}
        place = 0
        while place < len(blocks):
            part = blocks[place : place + self._window.width]
            if len(part) > 1:
                answer = await self._by_range(part)
                if answer is None:
                    continue
                found |= answer
            place += len(part)
        for block in blocks:
            if block.hash not in found:
                found[block.hash] = await self._of_block(block)
        return {hash_: _in_order(logs) for hash_, logs in found.items()}

    async def _header(self, method: str, what: str) -> Block:
        avoid: set[str] = set()
        for _ in range(3):
            header, by = await self._rpc.ask(method, (what, False), Header | None, avoid=avoid)
            if header is not None:
                return block_of(header)
            avoid.add(by)  # it does not have it yet, or any more
        raise Retry(f"no node has the block {what}")

    async def _by_range(self, part: Sequence[Block]) -> dict[str, list[Log]] | None:
        """What is proven of a range; ``None`` when the window was too wide, and is less so now."""
        query = {"fromBlock": hex(part[0].number), "toBlock": hex(part[-1].number)}
        try:
            logs = await self._rpc.call("eth_getLogs", (query,), list[Log])
        except RpcError as error:
            if error.refusal not in ("limit", "unsupported", "refused"):
                raise Retry(str(error)) from error
            self._window.refused(str(error))
            return None
        except Retry as error:  # too large a frame, too slow an answer
            self._window.refused(str(error))
            if self._window.width == 1:
                raise
            return None
        self._window.answered(len(part), len(logs))
        grouped: dict[str, list[Log]] = defaultdict(list)
        for each in logs:
            grouped[(each.block_hash or "").lower()].append(each)
        return {b.hash: grouped[b.hash] for b in part if _proves(b, grouped[b.hash])}

    async def _of_block(self, block: Block) -> list[Log]:
        """All logs of one block, from whoever gives them all."""
        avoid: set[str] = set()
        failure: Exception | None = None
        for attempt in range(TRIES):
            try:
                by_receipts = attempt % 3 == 2
                ask = self._receipts if by_receipts else self._by_hash
                logs, by = await ask(block, avoid)
            except (RpcError, Retry) as error:
                failure = error
            else:
                if _proves(block, logs):
                    return logs
                failure = Retry(f"{by} left out logs")
                avoid.add(by)
                self._rpc.distrust(by)
                telemetry.EVM_LIES.labels(telemetry.chain_label(self._rpc.chain)).inc()
                log.info("logs_left_out", chain=self._rpc.chain, endpoint=by, block=block.number)
            await anyio.sleep(FIRST_PAUSE_S * 2**attempt)
        raise Retry(f"nobody gives all logs of block {block.number}: {failure}")

    async def _by_hash(self, block: Block, avoid: set[str]) -> tuple[list[Log], str]:
        query = ({"blockHash": block.hash},)
        return await self._rpc.ask("eth_getLogs", query, list[Log], avoid=avoid)

    async def _receipts(self, block: Block, avoid: set[str]) -> tuple[list[Log], str]:
        """The other way, for nodes whose index of logs lies and those that want an address."""
        answer = await self._rpc.ask(
            "eth_getBlockReceipts", (block.hash,), list[_Receipt] | None, avoid=avoid
        )
        return [each for receipt in answer.value or () for each in receipt.logs], answer.by


def _proves(block: Block, logs: Sequence[Log]) -> bool:
    """Whether these are all of the block's logs; those said to be removed account for nothing."""
    ours = all((each.block_hash or block.hash).lower() == block.hash for each in logs)
    return ours and are_all(block.bloom, (each for each in logs if not each.removed))


def _in_order(logs: Sequence[Log]) -> list[Log]:
    """Each log once, as the chain has them; those said to be removed are none of the block's."""
    by_index = {_index(each): each for each in logs if not each.removed}
    return [by_index[index] for index in sorted(by_index)]


def _index(each: Log) -> int:
    try:
        return int(str(each.log_index), 16)
    except ValueError:
        return -1  # told apart, and counted, where it is decoded
