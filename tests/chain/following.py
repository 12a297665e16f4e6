"""A follower of a local chain with broker and state, and the recount that it is held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
from msgspec import convert

from streams.events import Activity, Launch, LiquidityChange, LpTransfer, Retraction, Sync, decode
from streams.evm.decode import decode_log
from streams.evm.endpoints import open_endpoints
from streams.evm.follow import Follower, FollowerSettings
from streams.evm.logs import Log, place_of
from streams.evm.venues import CHAINS, with_factories
from streams.memory import MemoryBroker
from streams.source import Backlog, Checkpoints, run_source
from streams.stage import Drain
from streams.state import State
from streams.topics import ACTIVITY, TOPICS
from tests.chain.devnet import Devnet

__all__ = ["Watcher", "recount"]

EPOCH = "one"
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
TOLD = Launch | Sync | LpTransfer | LiquidityChange


class Watcher:
    """Lives of one follower, one after the other, on one broker and state."""

    def __init__(self, net: Devnet, folder: Path) -> None:
        self.net = net
        self.broker = MemoryBroker()
        self._url = f"sqlite:///{folder}/state.sqlite"
        self._ready = False
        self._read: defaultdict[int, list[Activity]] = defaultdict(list)

    @asynccontextmanager
    async def follow(
        self, urls: Sequence[str], *, patience: float = 1.0, delivery: str = "instant"
    ) -> AsyncIterator[None]:
        """Follow through these endpoints while the block runs."""
        if not self._ready:
            await self.broker.ensure_topics(TOPICS, 2)
            self._ready = True
        state = await State.open(self._url)
        chain = CHAINS["devnet"]
        factories = with_factories("devnet", [f"devnet/uniswap-v2={self.net.factory}"])
        try:
            async with open_endpoints("devnet", urls, patience=patience) as endpoints:
                follower = Follower(
                    "devnet", chain, endpoints, factories, state,
                    FollowerSettings(delivery=delivery, first_block=1),  # type: ignore[arg-type]
                )  # fmt: skip
                drain = Drain()
                async with anyio.create_task_group() as group:
                    group.start_soon(self._run, follower, state, drain)
                    try:
                        yield
                    finally:
                        drain.ask()
        finally:
            await state.close()

    async def _run(self, follower: Follower, state: State, drain: Drain) -> None:
        checkpoints = Checkpoints(state, EPOCH)
        await run_source(
            follower, self.broker, checkpoints, drain=drain, backlog=Backlog(10**9),
            progress=lambda _: None,
        )  # fmt: skip

    def published(self) -> list[Activity]:
        """Every record of the activity topic, partition by partition, in order."""
        for partition, log in enumerate(self.broker.logs(ACTIVITY.name)):
            read = self._read[partition]  # each once: a long run asks for all of it again and again
            read += [decode(record.value, ACTIVITY.event) for record in log[len(read) :]]
        return [event for _, read in sorted(self._read.items()) for event in read]

    def told(self) -> Counter[str]:
        """How often each event that is not retracted was told, by what and where it is."""
        found: Counter[str] = Counter()
        for event in self.published():
            if isinstance(event, TOLD):
                found[name_of(event)] += 1
        return found

    def retracted(self) -> Counter[str]:
        """How often each retraction was told."""
        return Counter(e.id for e in self.published() if isinstance(e, Retraction))

    async def until_told(self, expected: set[str], seconds: float = 40.0) -> None:
        """Return once all of this was told."""
        with anyio.move_on_after(seconds):
            while not expected <= set(self.told()):
                await anyio.sleep(0.05 if len(expected) < 10_000 else 5.0)
        missing = expected - set(self.told())
        assert not missing, (
            f"{len(missing)} of {len(expected)} were not told: {sorted(missing)[:3]}"
        )


def name_of(event: Activity) -> str:
    """What an event is, and where it stands."""
    return f"{type(event).__name__}:{event.id}"


def recount(net: Devnet) -> set[str]:
    """What a full ``eth_getLogs`` over the chain says should have been told."""
    factories = with_factories("devnet", [f"devnet/uniswap-v2={net.factory}"])
    pairs = set(net.launches())
    found = set()
    for raw in net.logs([net.factory, net.pair]):
        log = convert(raw, Log)
        event = decode_log(log, place_of("devnet", log, ANY_TIME), factories, pairs)
        if isinstance(event, TOLD):
            found.add(name_of(event))
    return found
