"""Acts of an owner, tried on a node: what the token is like after each, in few calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.checks.acts import Cast
from streams.checks.chainstate import Block
from streams.checks.effects import Observation, observation_from
from streams.checks.probe import MARKET, Act, Market, Scene, ask, fresh_address, unpacked
from streams.checks.slots import Place, fund
from streams.errors import Invalid
from streams.evm.rpc import Rpc

__all__ = ["Setting", "Watched", "watch"]

MOST_CALLS = 12
"""Of one round; each tries 30 acts or more."""
MOST_ACTS = 64
"""Sent in one call: more do not fit into its gas when they go through."""
_POWERS = f"powers({MARKET},address,address,address,uint256,(address,bytes)[],(address,bytes)[])"


class Setting(NamedTuple):
    """Where acts are tried: the market, the block, who plays, and how they are given tokens."""

    market: Market
    at: Block
    cast: Cast
    tokens: Place
    quotes: Place | None
    """``None`` where nobody can be given the quote: purchases are not tried."""
    purchase: int
    own: int | None
    """What the token itself is given; ``None`` leaves it what it has."""
    later: bool
    """Whether a month has passed."""
    others: tuple[str, ...] = ()
    """Contracts that the token knows and may ask; neither its pool nor its quote."""
    broken: tuple[str, ...] = ()
    """Contracts that fail whoever calls them."""


class Watched(NamedTuple):
    """The token before any act, and after each: ``None`` for one that reverted or was not tried."""

    before: Observation
    after: list[Observation | None]
    prepared: bool
    """Whether all the acts that were done first went through."""


async def watch(
    rpc: Rpc, setting: Setting, acts: Sequence[Act], *, first: Sequence[Act] = ()
) -> Watched:
    """Each act of ``acts`` alone, after all of ``first``. Raises ``Retry`` and ``Invalid``."""
    actor = acts[0].actor if acts else fresh_address()
    waiting = [Act(actor), *acts]
    seen: list[list[int]] = []
    prepared = True
    for _ in range(MOST_CALLS):
        done, told = await _once(rpc, setting, waiting[len(seen) : len(seen) + MOST_ACTS], first)
        prepared = prepared and all(done)
        tried = [each for each in told if each]
        seen += tried
        if not tried or len(seen) >= len(waiting):
            break
    base = observation_from(seen[0]) if seen else None
    if base is None:
        raise Invalid("the token burns all the gas before it is looked at", reason="gas")
    after = [observation_from(each) for each in seen[1:]]
    return Watched(base, after + [None] * (len(acts) - len(after)), prepared)


async def _once(
    rpc: Rpc, setting: Setting, acts: Sequence[Act], first: Sequence[Act]
) -> tuple[list[int], list[list[int]]]:
    """As many of the acts as one call's gas takes; an empty list for those left over."""
    scene, cast, market = Scene(), setting.cast, setting.market
    for wallet in {cast.victim, cast.bystander, *(act.actor for act in (*acts, *first))}:
        scene.puppet(wallet)
    endowed = (cast.victim, cast.bystander, acts[0].actor)
    words = {setting.tokens.key(who): setting.tokens.word(cast.has) for who in endowed}
    if setting.own is not None:
        words[setting.tokens.key(market.token)] = setting.tokens.word(setting.own)
    scene.store(market.token, words)
    for address in setting.broken:
        scene.overrides[address] = {"code": "0xfe"}
    purchase = setting.purchase if setting.quotes else 0
    if setting.quotes:
        fund(scene, market.quote, setting.quotes, scene.probe, 4 * purchase)
    wallets = [cast.victim, cast.bystander, cast.fresh]
    call = scene.call(_POWERS, [market, *wallets, purchase, first, acts], acts[0].actor)
    world = setting.at.later if setting.later else None
    answer = await ask(rpc, scene, call, setting.at.tag, world=world)
    done, seen = unpacked(["uint256[]", "uint256[][]"], answer, len(first), len(acts))
    return list(done), [list(each) for each in seen]
