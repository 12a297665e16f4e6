"""Which pools and tokens of a chain are followed, and what of a block's logs is therefore told.

Pure. A pool is followed from its launch. Its token's own acts are told once for each of its pools,
transfers for the first hours only; anybody can make pools of any token, so at most ``MOST_POOLS``
of one token are told of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from streams.errors import Invalid
from streams.events import Activity, Launch, OnToken, TokenTransfer
from streams.evm.blocks import Block
from streams.evm.decode import TOPICS, decode_log
from streams.evm.launches import LAUNCHES
from streams.evm.logs import Log, place_of
from streams.evm.venues import Factory

__all__ = ["Followed", "Watchlist", "followed_from"]

MOST_POOLS = 8


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A pool, and what is needed to know its logs."""

    pool: str
    token: str = ""
    lp: bool = True
    """Whether its address is also that of its LP token."""
    at: datetime


class Watchlist:
    """The followed pools of one chain."""

    def __init__(
        self,
        chain: str,
        factories: Mapping[str, Factory],
        *,
        token_hours: float = 6.0,
        pools: Iterable[Followed] = (),
    ) -> None:
        self.chain = chain
        self.undecodable: Counter[str] = Counter()
        self._factories = factories
        self._transfers_for = timedelta(hours=token_hours)
        self._pools: dict[str, Followed] = {}
        self._of_token: dict[str, list[str]] = {}
        for pool in pools:
            self.add(pool)

    def __len__(self) -> int:
        return len(self._pools)

    def add(self, pool: Followed) -> None:
        """Follow a pool from here on."""
        if pool.pool in self._pools:
            return
        self._pools[pool.pool] = pool
        pools = self._of_token.setdefault(pool.token, []) if pool.token else []
        if len(pools) < MOST_POOLS:
            pools.append(pool.pool)

    def drop(self, pool: str) -> None:
        """Follow a pool no longer: its launch was taken back."""
        found = self._pools.pop(pool, None)
        if found and pool in self._of_token.get(found.token, ()):
            self._of_token[found.token].remove(pool)

    def activity(self, block: Block, logs: Iterable[Log]) -> list[Activity]:
        """What these logs of one block tell, in their order; launches in it are followed at once.

        What cannot be decoded is counted in ``undecodable`` by its reason.
        """
        at = datetime.fromtimestamp(block.time, UTC)
        events: list[Activity] = []
        for log in logs:
            if not log.topics or log.topics[0] not in TOPICS:
                continue
            try:
                events += self._told(log, at)
            except Invalid as error:
                self.undecodable[error.reason] += 1
        return events

    def _told(self, log: Log, at: datetime) -> Iterator[Activity]:
        address, topic = log.address.lower(), log.topics[0]
        ours = address in self._pools or address in self._of_token or address in self._factories
        if not ours:
            return
        event = decode_log(log, place_of(self.chain, log, at), self._factories, self._lp_tokens)
        if event is None:
            return
        if isinstance(event, Launch):
            self.add(followed_from(event))
            yield event
        elif isinstance(event, OnToken):
            yield from self._on_token(event, at)
        elif topic not in LAUNCHES and getattr(event, "pool", "") in self._pools:
            yield event

    def _on_token(self, event: OnToken, at: datetime) -> Iterator[Activity]:
        for pool in self._of_token.get(event.token, ()):
            young = at - self._pools[pool].at <= self._transfers_for
            if young or not isinstance(event, TokenTransfer):
                yield msgspec.structs.replace(event, pool=pool)  # type: ignore[misc]

    @property
    def _lp_tokens(self) -> _LpTokens:
        return _LpTokens(self._pools)


class _LpTokens:
    """The addresses that are LP tokens, as a container."""

    def __init__(self, pools: Mapping[str, Followed]) -> None:
        self._pools = pools

    def __contains__(self, address: object) -> bool:
        pool = self._pools.get(str(address))
        return pool is not None and pool.lp


def followed_from(launch: Launch) -> Followed:
    """What is kept of a launch to know its logs."""
    token = launch.token if isinstance(launch.token, str) else ""
    return Followed(pool=launch.pool, token=token, lp=launch.lp_visible, at=launch.at)
