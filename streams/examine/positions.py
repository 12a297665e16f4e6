"""Who owns the liquidity of a pool of ranges: position by position, as far back as logs are read.

Uniswap V3 names the owner of a position: an account, or a position manager, whose token of the same
transaction is asked for its owner. Uniswap V4 names who called, and a salt, which of its position
manager is the token's number.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Any

from streams.checks.answers import Unknown
from streams.errors import Invalid
from streams.evm.logs import Log, address_of, signed, topic_of, words
from streams.evm.venues import VENUES
from streams.examine.history import logs_of
from streams.examine.question import Question, trial
from streams.lockers import position_managers_of

__all__ = ["positions_of"]

MOST_POSITIONS = 40
"""Positions whose owners are asked, the first made."""
MINT = topic_of("Mint(address,address,int24,int24,uint128,uint256,uint256)")
BURN = topic_of("Burn(address,int24,int24,uint128,uint256,uint256)")
MODIFY = topic_of("ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)")
INCREASE = topic_of("IncreaseLiquidity(uint256,uint128,uint256,uint256)")


async def positions_of(question: Question) -> dict[str, int]:
    """Liquidity by who can take it out. Raises ``Invalid`` and ``Retry``."""
    is_v4 = VENUES.get(question.launch.venue) == "v4"
    return await (_of_v4(question) if is_v4 else _of_v3(question))


async def _of_v4(question: Question) -> dict[str, int]:
    singletons = [a for a, f in question.factories.items() if f.kind == "v4"]
    if not singletons:
        raise Invalid("the chain's PoolManager is not known", reason="locks")
    logs = await _all_logs(question, singletons[0], [MODIFY, question.pool])
    positions: Counter[tuple[str, int]] = Counter()
    for log in logs:
        of = words(log, 3, 6)
        positions[address_of(of[1]), of[5]] += signed(of[4])
    return await _by_owner(question, positions)


async def _of_v3(question: Question) -> dict[str, int]:
    minted, burnt = await asyncio.gather(
        _all_logs(question, question.pool, [MINT]), _all_logs(question, question.pool, [BURN])
    )
    managers = set(position_managers_of(question.chain))
    direct: Counter[str] = Counter()
    for log in minted:
        of = words(log, 4, 7)
        direct[address_of(of[0])] += of[4]
    for log in burnt:
        of = words(log, 4, 6)
        direct[address_of(of[0])] -= of[3]
    held = {owner: amount for owner, amount in direct.items() if owner not in managers}
    for manager in managers & direct.keys():
        by_token = await _tokens_of(question, manager, minted)
        for owner, amount in (await _by_owner(question, by_token)).items():
            held[owner] = held.get(owner, 0) + amount
    return held


async def _tokens_of(
    question: Question, manager: str, minted: list[Log]
) -> Counter[tuple[str, int]]:
    """The tokens that a manager gave for these mints, with the liquidity that each has now."""
    transactions = {log.transaction_hash for log in minted}
    first = question.launch.block
    _, logs = await logs_of(question.view, manager, [INCREASE], first)
    ids = [int(log.topics[1], 16) for log in logs if log.transaction_hash in transactions]
    tokens = list(dict.fromkeys(ids))[:MOST_POSITIONS]
    gives = ("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128")
    read = question.view.read_all
    found: list[Any] = await asyncio.gather(
        *(trial(read(manager, "positions(uint256)", each, gives=gives)) for each in tokens)
    )
    return Counter(
        {
            (manager, token): int(position[7])
            for token, position in zip(tokens, found, strict=True)
            if not isinstance(position, Unknown)
        }
    )


async def _by_owner(question: Question, positions: Counter[tuple[str, int]]) -> dict[str, int]:
    """The owner of each token; where nobody says, whoever manages the position."""
    live = [each for each, liquidity in positions.items() if liquidity > 0][:MOST_POSITIONS]
    read = question.view.read
    owners = await asyncio.gather(
        *(trial(read(to, "ownerOf(uint256)", token, gives="address")) for to, token in live)
    )
    held: dict[str, int] = defaultdict(int)
    for (manager, token), owner in zip(live, owners, strict=True):
        who = manager if isinstance(owner, Unknown) else str(owner).lower()
        held[who] += positions[manager, token]
    return dict(held)


async def _all_logs(question: Question, address: str, topics: list[str]) -> list[Log]:
    """Every log since the launch. Raises ``Invalid`` when they do not reach back so far."""
    first = question.launch.block
    reached, logs = await logs_of(question.view, address, topics, first)
    if reached > first:
        raise Invalid("not all liquidity moves since the launch could be read", reason="locks")
    return logs
