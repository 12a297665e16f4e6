"""What has happened on a pool until now, read back from its chain: for one that nobody followed.

The launch is looked for in its factory's logs, and everything on the pool and its token since then
is decoded as the follower decodes it. A node that will not search so far back, or a pool with more
history than is read at once, leaves the past incomplete, which is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from streams.errors import Invalid, Retry
from streams.events import Activity, Launch
from streams.evm.blocks import Block
from streams.evm.decode import decode_log
from streams.evm.launches import LAUNCHES
from streams.evm.logs import Log, number, place_of
from streams.evm.rpc import Call, RpcError
from streams.evm.venues import Factory
from streams.evm.watchlist import Watchlist, followed_from
from streams.examine.history import Topics, logs_of
from streams.examine.markets import Market, launch_of
from streams.examine.view import View

__all__ = ["Past", "past_of"]

MOST_BLOCKS = 200_000
MOST_LOGS = 20_000
HEADERS_AT_ONCE = 100


class Past(msgspec.Struct, frozen=True):
    """A pool's launch and what followed, in order; ``gap`` says why that is not all of it."""

    launch: Launch
    events: list[Activity]
    gap: str = ""


class _Header(msgspec.Struct):
    timestamp: str


async def past_of(
    view: View, chain: str, factories: Mapping[str, Factory], market: Market, now: datetime
) -> Past:
    """Everything on the market's pool up to the view's block. Raises ``Retry`` and ``Invalid``."""
    try:
        log = await _launch_log(view, chain, factories, market)
    except (Invalid, Retry) as error:
        first = max(0, view.block - MOST_BLOCKS)
        return Past(launch_of(market, chain, first, now), [], f"its launch was not found: {error}")
    first = number(log.block_number)
    logs, gap = [log], ""
    for address, topics in _told_by(factories, market):
        reached, found = await logs_of(
            view, address, topics, first, most_blocks=MOST_BLOCKS, most_logs=MOST_LOGS
        )
        logs += found
        if reached > first:
            gap = f"its logs before block {reached:,} were not read"
    launch, events = await _decoded(view, chain, factories, logs)
    return Past(launch, events, gap)


def _factory_of(factories: Mapping[str, Factory], market: Market) -> str:
    return next(each for each, factory in factories.items() if factory == market.factory)


def _told_by(factories: Mapping[str, Factory], market: Market) -> list[tuple[str, Topics]]:
    """Who logs what happens on the pool and to its token, and by which topics."""
    of_token: tuple[str, Topics] = (market.token, [])
    if market.factory.kind == "v4":
        return [(_factory_of(factories, market), [None, market.pool]), of_token]
    return [(market.pool, []), of_token]


async def _launch_log(
    view: View, chain: str, factories: Mapping[str, Factory], market: Market
) -> Log:
    """The factory's log of the pool, wherever on the chain it stands."""
    sides = [f"0x{side[2:]:0>64}" for side in sorted((market.token, market.quote))]
    address = _factory_of(factories, market)
    named = [market.pool] if market.factory.kind == "v4" else []
    topic = next(t for t, shape in LAUNCHES.items() if shape.kind == market.factory.kind)
    wanted = {
        "address": address, "topics": [topic, *named, *sides],
        "fromBlock": "0x0", "toBlock": view.tag,
    }  # fmt: skip
    try:
        logs: list[Log] = await view.rpc.call("eth_getLogs", [wanted], list[Log])
    except RpcError:
        _, logs = await logs_of(view, address, [topic, *named, *sides], 0, most_blocks=MOST_BLOCKS)
    for log in logs:
        event = decode_log(log, place_of(chain, log, datetime.fromtimestamp(0, UTC)), factories)
        if isinstance(event, Launch) and event.pool == market.pool:
            return log
    raise Invalid("the factory tells no launch of it", reason="launch")


async def _decoded(
    view: View, chain: str, factories: Mapping[str, Factory], logs: Sequence[Log]
) -> tuple[Launch, list[Activity]]:
    """As the follower tells it: block by block, each log once."""
    placed = {(number(log.block_number), number(log.log_index)): log for log in logs}
    times = await _times(view, sorted({block for block, _ in placed}))
    watchlist = Watchlist(chain, factories)
    events: list[Activity] = []
    for (block, _), log in sorted(placed.items()):
        stamp = Block(number=block, hash="", parent="", time=times[block])
        told = watchlist.activity(stamp, [log])
        for each in told:
            if isinstance(each, Launch):
                watchlist.add(followed_from(each))
        events += told
    launches = [each for each in events if isinstance(each, Launch)]
    return launches[0], [each for each in events if each is not launches[0]]


async def _times(view: View, blocks: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for start in range(0, len(blocks), HEADERS_AT_ONCE):
        part = blocks[start : start + HEADERS_AT_ONCE]
        calls: list[Call] = [("eth_getBlockByNumber", (hex(block), False)) for block in part]
        headers = await view.rpc.batch(calls, _Header | None)
        for block, header in zip(part, headers, strict=True):
            if header is None or isinstance(header, RpcError):
                raise Retry(f"a node does not have block {block}")
            found[block] = number(header.timestamp)
    return found
