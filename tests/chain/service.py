"""From a node to verdicts in this process: follower, examining, enriching and scoring together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from heft_model.scorer import Scorer, TableScorer
from heft_model.stage import ScoreTransform
from streams.clock import SystemClock
from streams.enrich.enricher import EnrichTransform
from streams.enrich.store import PoolStore
from streams.events import Examination, Facts, Verdict, decode
from streams.evm.endpoints import open_endpoints
from streams.evm.follow import Follower, FollowerSettings
from streams.evm.rpc import Rpc
from streams.evm.venues import CHAINS, with_factories
from streams.examine.checklist import checklist
from streams.examine.examiner import ExamineSettings, ExamineTransform
from streams.memory import MemoryBroker
from streams.source import Backlog, Checkpoints, run_source
from streams.stage import Brake, Drain, Stage, Transform, message, run_stage
from streams.state import State
from streams.topics import ACTIVITY, FACTS, TOPICS, VERDICTS, Topic
from tests.chain.devnet import Devnet

__all__ = ["Service", "until"]

Between = Callable[[Rpc], Rpc]


class Service:
    """Lives of one service on one broker and state, one after the other."""

    def __init__(
        self,
        net: Devnet,
        folder: Path,
        *,
        scorer: Scorer | None = None,
        settings: ExamineSettings = ExamineSettings(deadline=20.0),  # noqa: B008 - frozen
    ) -> None:
        self.net = net
        self.broker = MemoryBroker()
        self._url = f"sqlite:///{folder}/state.sqlite"
        self._scorer = scorer or TableScorer({})
        self._settings = settings
        self._factories = with_factories("devnet", [f"devnet/uniswap-v2={net.factory}"])
        self._ready = False

    @asynccontextmanager
    async def run(self, *, between: Between = lambda rpc: rpc) -> AsyncIterator[None]:
        """Follow the chain and judge its launches while the block runs.

        ``between`` may put something between the examining stage and the nodes.
        """
        if not self._ready:
            await self.broker.ensure_topics(TOPICS, 2)
            self._ready = True
        state = await State.open(self._url)
        drain = Drain()
        async with open_endpoints("devnet", [self.net.ws]) as nodes:
            examiner = ExamineTransform(
                {"devnet": between(nodes)},
                checklist(state),
                state,
                self._tell,
                self._settings,
                factories={"devnet": self._factories},
            )
            scoring = ScoreTransform(self._scorer, clock=SystemClock())
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._follow, nodes, state, drain)
                    stages: list[tuple[str, Topic, Transform]] = [
                        ("examine", ACTIVITY, examiner),
                        ("enrich", ACTIVITY, EnrichTransform(PoolStore(state))),
                        ("score", FACTS, scoring),
                    ]
                    for name, topic, transform in stages:
                        group.start_soon(self._stage, Stage(name, topic, transform), drain)
                    try:
                        yield
                    finally:
                        drain.ask()
                await examiner.close()
            finally:
                scoring.close()
                await state.close()

    async def _tell(self, found: Examination) -> None:
        await self.broker.publish([message(ACTIVITY, found)])

    async def _stage(self, stage: Stage, drain: Drain) -> None:
        await run_stage(stage, self.broker, clock=SystemClock(), brake=Brake(10, 0.5), drain=drain)

    async def _follow(self, nodes: Any, state: State, drain: Drain) -> None:
        follower = Follower(
            "devnet",
            CHAINS["devnet"],
            nodes,
            self._factories,
            state,
            FollowerSettings(first_block=1),
        )
        await run_source(
            follower, self.broker, Checkpoints(state, "one"), drain=drain,
            backlog=Backlog(10**9), progress=lambda _: None,
        )  # fmt: skip

    def told(self, topic: Topic, *kinds: type) -> list[Any]:
        """Every record of a topic that is of these kinds, partition by partition, in order."""
        logs = self.broker.logs(topic.name)
        events = (decode(record.value, topic.event) for log in logs for record in log)
        return [event for event in events if isinstance(event, kinds)]

    def examinations(self, pool: str) -> list[Examination]:
        """What was found of a pool, in order."""
        return [each for each in self.told(ACTIVITY, Examination) if each.pool == pool]

    def dossiers(self, pool: str) -> list[Facts]:
        """The dossiers of a pool, in order."""
        return [each for each in self.told(FACTS, Facts) if each.pool == pool]

    def verdicts(self, pool: str) -> list[Verdict]:
        """The verdicts on a pool, in order."""
        return [each for each in self.told(VERDICTS, Verdict) if each.pool == pool]


async def until(claim: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once the claim holds."""
    with anyio.fail_after(seconds):
        while not claim():
            await anyio.sleep(0.02)
