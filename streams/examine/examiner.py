"""The examining stage: launches are put to their chain when they open and at each scheduled age.

It reads the activity, so that it knows when a launch can first be traded, how far each partition
has come and what was taken back; what it finds goes into the same partition, behind what it has
read. Examinations run beside the loop: one that takes long holds up nobody. What is due is written
down before an offset is committed, so a crash repeats an examination at most, which its round makes
harmless.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
import structlog

from streams.clock import Clock, SystemClock
from streams.errors import Retry
from streams.events import Examination
from streams.evm.rpc import Rpc
from streams.evm.venues import Factory, factories_of
from streams.examine.agenda import Agenda, Entry
from streams.examine.deployer import DRAINED_SHARE
from streams.examine.examination import examine
from streams.examine.origins import Origin, Origins
from streams.examine.question import Check, Question
from streams.examine.rugs import Rug, Rugs
from streams.examine.timetable import AGES, Due, Timetable
from streams.examine.view import Metered, View
from streams.stage import Outcome, Received
from streams.state import State

__all__ = ["Asking", "ExamineSettings", "ExamineTransform"]

log = structlog.get_logger(__name__)

VIEWS_KEPT = 8
"""Blocks of a chain whose answers are kept for other launches."""
PUBLISH_PAUSE_S = 1.0
CLOSE_SECONDS = 3.0
"""For those under way when we stop: a drain has 10 seconds in all, and they are examined again."""

Factories = Mapping[str, Mapping[str, Factory]]
"""By chain, then by address."""
Publish = Callable[[Examination], Awaitable[None]]


class Asking(msgspec.Struct, frozen=True):
    """How launches of a chain are asked about."""

    checks: Sequence[Check]
    view: Callable[[Rpc, int], View] = View
    """Makes the view of a block of it."""


class ExamineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How launches are examined."""

    deadline: float = 2.0
    """Seconds after which an examination leaves with what it has."""
    at_once: int = 32
    """Examinations under way; more wait on the topic."""
    ages: tuple[float, ...] = AGES


class ExamineTransform:
    """``Transform`` on ``heft.activity.v1``; its findings leave through ``publish``."""

    def __init__(
        self,
        nodes: Mapping[str, Rpc],
        checks: Sequence[Check],
        state: State,
        publish: Publish,
        settings: ExamineSettings = ExamineSettings(),  # noqa: B008 - frozen
        *,
        others: Mapping[str, Asking] = MappingProxyType({}),
        factories: Factories = MappingProxyType({}),
        clock: Clock | None = None,
    ) -> None:
        """``nodes`` answer by chain; launches of other chains are passed by.

        ``others`` says of chains that are no EVM's how they are asked; ``factories`` are those of
        a chain where they are more than the table's.
        """
        self._factories = factories
        self._nodes = {chain: Metered(rpc) for chain, rpc in nodes.items()}
        self._asking, self._others = Asking(checks), others
        self._agenda, self._origins, self._rugs = Agenda(state), Origins(state), Rugs(state)
        self._publish = publish
        self._settings = settings
        self._clock = clock or SystemClock()
        self._timetable = Timetable(settings.ages)
        self._views: OrderedDict[tuple[str, int], View] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._behind: dict[str, Origin] = {}
        """Who was found behind launches, by key, since it was last saved."""
        self._drained: dict[str, Rug] = {}
        """Tokens whose pools were found empty, by key, since they were last saved."""
        self._failure: BaseException | None = None

    async def open(self, partitions: frozenset[int]) -> None:
        """Forget everything and take in what is still to be examined on ``partitions``."""
        await self._stop()
        entries = await self._agenda.load(partitions)
        self._timetable = Timetable(self._settings.ages, entries)

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """Note what there is to examine; there are no messages, findings leave by themselves."""
        if self._failure is not None:
            raise self._failure
        for received in batch:
            if received.event.chain in self._nodes:
                self._timetable.note(received.event, received.record.partition)
        for key in self._timetable.orphaned & self._running.keys():
            self._running[key].cancel()
        return Outcome()

    async def save(self) -> None:
        """Write down what is to be examined, then begin with what is due."""
        await self._write()
        for due in self._timetable.due():
            if due.entry.launch.key in self._running:
                continue  # it comes up again when that one ends
            while len(self._running) >= self._settings.at_once:
                await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
            self._start(due)

    async def close(self) -> None:
        """Let those under way finish, if they are quick, and note them."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=CLOSE_SECONDS)
        await self._stop()
        try:
            await self._write()
        except Retry as error:
            log.warning("agenda_not_saved", error=str(error))  # they are examined again

    async def _write(self) -> None:
        """What changed since the last time; it stays noted when that fails."""
        table, behind, drained = self._timetable, dict(self._behind), dict(self._drained)
        changed, done, orphaned = set(table.changed), set(table.done), set(table.orphaned)
        for noted in (table.changed, table.done, table.orphaned, self._behind, self._drained):
            noted.clear()
        try:
            await self._origins.forget(list(orphaned))
            await self._origins.note([each for key, each in behind.items() if key not in orphaned])
            await self._rugs.note([each for key, each in drained.items() if key not in orphaned])
            entries = [entry for key in changed if (entry := table.get(key)) is not None]
            await self._agenda.save(entries, done)
        except BaseException:
            table.changed |= changed
            table.done |= {key for key in done if table.get(key) is None}
            table.orphaned |= orphaned
            self._behind = behind | self._behind
            self._drained = drained | self._drained
            raise

    def _start(self, due: Due) -> None:
        key = due.entry.launch.key
        task = asyncio.get_running_loop().create_task(self._examine(due))
        self._running[key] = task
        task.add_done_callback(lambda ended: self._ended(key, ended))

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if task.cancelled():
            self._timetable.again(key)
        elif (error := task.exception()) is not None:
            self._failure = error  # raised by the next turn: the stage ends loudly

    async def _examine(self, due: Due) -> None:
        launch = due.entry.launch
        question = Question(
            launch=launch, token=str(launch.token), quote=str(launch.quote),
            view=self._view(launch.chain, due.block), at=due.at,
            factories=self._factories.get(launch.chain) or factories_of(launch.chain),
        )  # fmt: skip
        found = await examine(
            question, self._asked(launch.chain).checks, round_=due.round, launched=launch.at,
            deadline=self._settings.deadline,
        )  # fmt: skip
        await self._tell(found)
        self._note_origin(found, due.entry)
        self._note_rug(found, due.entry)
        self._timetable.finished(due.entry, due.round)

    async def _tell(self, found: Examination) -> None:
        while True:
            try:
                await self._publish(found)
            except Retry as error:
                log.warning("examination_waited", error=str(error), pool=found.pool)
                await self._clock.sleep(max(PUBLISH_PAUSE_S, error.retry_after or 0))
            else:
                log.info("launch_examined", trace=found.trace, examination=found.id)
                return

    def _note_origin(self, found: Examination, entry: Entry) -> None:
        """Who was behind it, and the most that its pool held, for the deployer's next launch."""
        launch = entry.launch
        held = found.findings.get("liquidity.quote")
        if held is not None and isinstance(held.value, float):
            entry.most = max(entry.most, held.value * 10.0**launch.quote_decimals)
        for name in ("deployer.address", "deployer.launcher"):
            who = found.findings.get(name)
            if who is not None and isinstance(who.value, str):
                self._behind[launch.key] = Origin(
                    chain=launch.chain, creator=who.value, pool=launch.pool,
                    quote=str(launch.quote), at=launch.at.timestamp(), most=entry.most,
                )  # fmt: skip
                return

    def _note_rug(self, found: Examination, entry: Entry) -> None:
        """What the contract looks like, once its pool is as good as empty."""
        held, sketch = (
            found.findings.get(name) for name in ("liquidity.quote", "contract.code_sketch")
        )
        if held is None or sketch is None or not isinstance(sketch.value, str):
            return
        launch = entry.launch
        most = entry.most / 10.0**launch.quote_decimals
        if isinstance(held.value, float) and held.value <= DRAINED_SHARE * most and most > 0:
            self._drained[launch.key] = Rug(
                token=f"{launch.chain}:{launch.token}", sketch=sketch.value,
                at=found.at.timestamp(),
            )  # fmt: skip

    def _asked(self, chain: str) -> Asking:
        return self._others.get(chain, self._asking)

    def _view(self, chain: str, block: int) -> View:
        """Answers of one block are shared by everybody who asks about that block."""
        if (chain, block) not in self._views:
            self._views[chain, block] = self._asked(chain).view(self._nodes[chain], block)
            while len(self._views) > VIEWS_KEPT * len(self._nodes):
                self._views.popitem(last=False)
        self._views.move_to_end((chain, block))
        return self._views[chain, block]

    async def _stop(self) -> None:
        """Give up everything that is under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
        for view in self._views.values():
            await view.close()
        self._views.clear()
