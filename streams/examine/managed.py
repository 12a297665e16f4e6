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
from streams.evm.logs import Log, number, place_of, signed, topic_of, words
from streams.evm.rpc import RpcError
from streams.evm.venues import Factory
from streams.examine.history import Topics, logs_of
from streams.examine.view import View
from streams.quotes import QUOTES

__all__ = ["MOST_BLOCKS", "held_in", "manager_of", "pool_of_id", "pools_of"]

MOST_BLOCKS = 200_000
"""Looked through for the logs of one pool or token where a node does not search all of a chain."""
MOST_LOOKED = 10_000
"""Pools of a token whose price is asked, the oldest."""
AT_ONCE = 250
"""Pools of which one call asks: two slots of storage each, about 5,000 gas."""
DEEPEST, OLDEST = 24, 8
"""Of a token's pools with liquidity in range, whose positions are read: two orders, so that who
would hide a pool behind others must come before it in both."""
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
    logs = sorted((log for logs in found for log in logs), key=lambda log: number(log.block_number))
    launches = await _likely(view, manager, _launches(chain, factories, logs)[:MOST_LOOKED])
    held = await asyncio.gather(*(held_in(view, each) for each in launches), return_exceptions=True)
    return [
        (each, 0 if isinstance(has, BaseException) else has)
        for each, has in zip(launches, held, strict=True)
    ]


async def _likely(view: View, manager: str, launches: Sequence[Launch]) -> list[Launch]:
    """Of launches from the oldest on, those with liquidity in range: the deepest and the oldest."""
    parts = [launches[start : start + AT_ONCE] for start in range(0, len(launches), AT_ONCE)]
    states = await asyncio.gather(*(_states(view, manager, part) for part in parts))
    depths = {
        each.pool: state.depth(of_0=not each.token_is_0) / 10.0**each.quote_decimals
        for part, found in zip(parts, states, strict=True)
        for each, state in zip(part, found, strict=True)
        if state.liquidity
    }
    filled = [each for each in launches if each.pool in depths]
    deepest = sorted(filled, key=lambda each: -depths[each.pool])[:DEEPEST]
    oldest = [each for each in filled if each not in deepest][:OLDEST]
    return deepest + oldest or list(launches[:OLDEST])


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
    (state,), (reached, logs) = await asyncio.gather(
        _states(view, manager, [launch]),
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


async def _states(view: View, manager: str, launches: Sequence[Launch]) -> list[PoolState]:
    """What the manager's storage says of each pool, in one call."""
    slots = tuple(
        bytes.fromhex(str(asked_of(manager, each.pool)[name][2])[2:])
        for each in launches
        for name in (SLOT0, LIQUIDITY)
    )
    found = await view.read(manager, "extsload(bytes32[])", slots, gives="uint256[]")
    if len(found) != len(slots):
        raise Invalid("the PoolManager answers nonsense", reason="garbage")
    pairs = zip(found[::2], found[1::2], strict=True)
    return [state_from({SLOT0: price, LIQUIDITY: liquidity}) for price, liquidity in pairs]


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
