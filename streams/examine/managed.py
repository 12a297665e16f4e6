"""Pools of Uniswap V4, which lie in one contract: found by their token, and what each holds.

Anybody may open a pool of a token, thousands of them, and a sliver of liquidity in a narrow range
looks deep: pools are taken by what their positions are worth at the pool's price.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import UNSET

from streams.checks.singleton import LIQUIDITY, SLOT0, PoolState, asked_of, state_from
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.decode import decode_log
from streams.evm.launches import LAUNCHES
from streams.evm.logs import Log, place_of, signed, topic_of, words
from streams.evm.rpc import RpcError
from streams.evm.venues import Factory
from streams.examine.history import Topics, logs_of
from streams.examine.view import View
from streams.quotes import QUOTES

__all__ = ["MOST_BLOCKS", "held_in", "manager_of", "pool_of_id", "pools_of"]

MOST_BLOCKS = 200_000
"""Looked through for the logs of one pool or token where a node does not search all of a chain."""
MOST_LOOKED = 200
"""Pools of a token whose price is asked, the oldest."""
MOST_POOLS = 8
"""Of a token, the deepest at their price: whose positions are read."""
INITIALIZE = next(topic for topic, shape in LAUNCHES.items() if shape.kind == "v4")
MODIFY = topic_of("ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)")
TICK_BASE = 1.0001
Q96 = 2.0**96


def manager_of(factories: Mapping[str, Factory]) -> str | None:
    """The PoolManager among factories."""
    return next((address for address, each in factories.items() if each.kind == "v4"), None)


async def pools_of(
    view: View, chain: str, factories: Mapping[str, Factory], token: str
) -> list[tuple[Launch, int]]:
    """The launches of a token's pools with a quote that we know, and the quote each holds."""
    manager = manager_of(factories)
    if manager is None:
        return []
    word = _word(token)
    lower = [_word(quote) for quote in QUOTES[chain] if quote < token]
    higher = [_word(quote) for quote in QUOTES[chain] if quote > token]
    asked: list[Topics] = [[INITIALIZE, None, lower, word], [INITIALIZE, None, word, higher]]
    found = await asyncio.gather(
        *(_logs(view, manager, topics) for topics in asked if [] not in topics)
    )
    launches = _launches(chain, factories, [log for logs in found for log in logs])[:MOST_LOOKED]
    states = await asyncio.gather(*(_state(view, manager, each.pool) for each in launches))
    depths = [
        (state.depth(of_0=not each.token_is_0) / 10.0**each.quote_decimals, place)
        for place, (each, state) in enumerate(zip(launches, states, strict=True))
    ]
    deepest = [launches[place] for _, place in sorted(depths, reverse=True)[:MOST_POOLS]]
    held = await asyncio.gather(*(held_in(view, each) for each in deepest), return_exceptions=True)
    return [
        (each, 0 if isinstance(has, BaseException) else has)
        for each, has in zip(deepest, held, strict=True)
    ]


async def pool_of_id(
    view: View, chain: str, factories: Mapping[str, Factory], pool: str
) -> Launch | None:
    """The launch of the pool with this id, if it trades a quote that we know."""
    manager = manager_of(factories)
    if manager is None:
        return None
    launches = _launches(chain, factories, await _logs(view, manager, [INITIALIZE, pool]))
    return launches[0] if launches else None


async def held_in(view: View, launch: Launch) -> int:
    """Quote that a pool's positions stand for at its price, in base units; fees not counted.

    Raises ``Invalid`` when its positions cannot all be read, and ``Retry``.
    """
    if launch.manager is UNSET:
        raise Invalid("its PoolManager is not known", reason="worth")
    manager = str(launch.manager)
    state, (reached, logs) = await asyncio.gather(
        _state(view, manager, launch.pool),
        logs_of(view, manager, [MODIFY, launch.pool], launch.block, most_blocks=MOST_BLOCKS),
    )
    if reached > launch.block:
        raise Invalid(f"liquidity moved before block {reached:,} was not read", reason="worth")
    ranges: Counter[tuple[int, int]] = Counter()
    for log in logs:
        of = words(log, 3, 6)
        ranges[signed(of[2], 24), signed(of[3], 24)] += signed(of[4])
    root = state.sqrt_price / Q96
    held = sum(
        _amount(root, low, high, liquidity, of_0=not launch.token_is_0)
        for (low, high), liquidity in ranges.items()
        if liquidity > 0
    )
    return int(held)


def _amount(root: float, low: int, high: int, liquidity: int, *, of_0: bool) -> float:
    """One side of a position (whitepaper of Uniswap V3, equations 6.29 and 6.30)."""
    bottom, top = TICK_BASE ** (low / 2), TICK_BASE ** (high / 2)
    at = min(max(root, bottom), top)
    return float(liquidity * (1 / at - 1 / top) if of_0 else liquidity * (at - bottom))


async def _state(view: View, manager: str, pool: str) -> PoolState:
    asked = asked_of(manager, pool)
    slots = [bytes.fromhex(str(asked[name][2])[2:]) for name in (SLOT0, LIQUIDITY)]
    read = (view.read(manager, "extsload(bytes32)", slot) for slot in slots)
    price, liquidity = await asyncio.gather(*read)
    return state_from({SLOT0: price, LIQUIDITY: liquidity})


async def _logs(view: View, manager: str, topics: Topics) -> list[Log]:
    """Logs of all of the chain, or of its last blocks where the node searches no further."""
    wanted = {"address": manager, "topics": topics, "fromBlock": "0x0", "toBlock": view.tag}
    try:
        return list(await view.rpc.call("eth_getLogs", [wanted], list[Log]))
    except RpcError:
        return (await logs_of(view, manager, topics, 0, most_blocks=MOST_BLOCKS))[1]


def _launches(chain: str, factories: Mapping[str, Factory], logs: Sequence[Log]) -> list[Launch]:
    """What the logs tell, without a quote that we know or not; the node's word is not taken."""
    epoch = datetime.fromtimestamp(0, UTC)
    told = (decode_log(log, place_of(chain, log, epoch), factories) for log in logs)
    return [each for each in told if isinstance(each, Launch) and each.token is not UNSET]


def _word(address: str) -> str:
    return f"0x{address[2:]:0>64}"
