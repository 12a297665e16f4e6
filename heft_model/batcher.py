"""Requests to micro-batches for worker threads: full or old enough, whichever comes first.

Prompts of like length go together, since a batch is as slow as its longest row. What is measured
here is a dossier's attacker-chosen text, the only part of a prompt whose length varies. Scoring
releases the interpreter's lock, so that workers really run beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from heft_model.prompt import text_length
from streams.clock import Clock
from streams.errors import Invalid
from streams.events import Facts, Verdict

__all__ = ["Batcher", "BatcherSettings", "batches_by_length"]

Score = Callable[[list[Facts]], list[Verdict]]
Request = tuple[Facts, "asyncio.Future[Verdict]"]


class BatcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are gathered."""

    size: int = 16
    """Dossiers in a full batch. On a CPU more gains nothing (measured: 8 to 32 are equal)."""
    max_wait: float = 0.005
    """Seconds that the oldest request of a batch may wait for company."""
    workers: int = 2
    """Batches scored at once; with one-thread sessions, the cores that scoring may use."""
    bucket: int = 16
    """Characters of text by which prompts in one batch may differ."""


def batches_by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in batches of at most ``size``, each of rows as alike in length as can be."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[i : i + size] for i in range(0, len(order), size)]


class Batcher:
    """Gathers requests from one event loop and scores them in worker threads."""

    def __init__(
        self, score: Score, *, clock: Clock, settings: BatcherSettings | None = None
    ) -> None:
        self._score = score
        self._clock = clock
        self._settings = settings or BatcherSettings()
        self._waiting: dict[int, list[Request]] = {}
        self._workers = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="score")
        self._running: set[asyncio.Future[None]] = set()

    async def submit(self, batch: Sequence[Facts]) -> list[Verdict | Invalid]:
        """Score each dossier, in order; one that cannot be read is given as its ``Invalid``.

        Raises ``Broken`` when the model is.
        """
        futures = [self._enqueue(facts) for facts in batch]
        results = await asyncio.gather(*futures, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Invalid):
                raise result
        return [result for result in results if isinstance(result, (Verdict, Invalid))]

    def close(self) -> None:
        """Let the workers go; batches that run are finished."""
        self._workers.shutdown(wait=True)

    def _enqueue(self, facts: Facts) -> asyncio.Future[Verdict]:
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        bucket = text_length(facts) // self._settings.bucket
        requests = self._waiting.setdefault(bucket, [])
        requests.append((facts, future))
        if len(requests) >= self._settings.size:
            self._start(bucket)
        elif len(requests) == 1:
            self._keep(asyncio.ensure_future(self._start_when_old(bucket, requests)))
        return future

    async def _start_when_old(self, bucket: int, requests: list[Request]) -> None:
        await self._clock.sleep(self._settings.max_wait)
        if self._waiting.get(bucket) is requests:  # else it became full in the meantime
            self._start(bucket)

    def _start(self, bucket: int) -> None:
        requests = self._waiting.pop(bucket)
        self._keep(asyncio.ensure_future(self._run(requests)))

    def _keep(self, task: asyncio.Future[None]) -> None:
        """The loop itself holds tasks only weakly."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, requests: list[Request]) -> None:
        loop = asyncio.get_running_loop()
        batch = [facts for facts, _ in requests]
        answers = await loop.run_in_executor(self._workers, self._answers, batch)
        for (_, future), answer in zip(requests, answers, strict=True):
            if future.done():  # whoever asked has been cancelled
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _answers(self, batch: list[Facts]) -> Sequence[Verdict | Exception]:
        """In a worker. One unusable dossier must not take its batch with it."""
        try:
            return self._score(batch)
        except Invalid as error:
            if len(batch) == 1:
                return [error]
            return [answer for facts in batch for answer in self._answers([facts])]
        except Exception as error:  # noqa: BLE001 - it is raised again by submit
            return [error] * len(batch)
