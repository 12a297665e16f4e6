"""Requests are gathered until full or old enough, and one bad dossier spoils only itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.batcher import Batcher, BatcherSettings, batches_by_length
from heft_model.scorer import TableScorer
from streams.clock import HandClock
from streams.errors import Broken, Invalid
from streams.events import Facts, Verdict
from tests.unit.heft_model.making import facts, many

pytestmark = pytest.mark.anyio


class Recording:
    """A scorer that notes its batches and refuses what it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Facts]] = []
        self.refused: dict[str, Exception] = {}
        self._table = TableScorer({})

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """Zero for each, unless one is to be refused."""
        self.batches.append(list(batch))
        for each in batch:
            if each.pool in self.refused:
                raise self.refused[each.pool]
        return self._table.score(batch)


@pytest.fixture
async def scorer() -> Recording:
    """What the batcher calls."""
    return Recording()


@pytest.fixture
async def clock() -> HandClock:
    """Nothing grows old until the test says so."""
    return HandClock()


@pytest.fixture
async def batcher(scorer: Recording, clock: HandClock) -> AsyncIterator[Batcher]:
    """Batches of four, one worker."""
    settings = BatcherSettings(size=4, max_wait=1.0, workers=1)
    batcher = Batcher(scorer.score, clock=clock, settings=settings)
    yield batcher
    clock.move(10)
    batcher.close()


async def test_a_full_batch_goes_at_once(batcher: Batcher, scorer: Recording) -> None:
    """Nobody waits for a clock that stands still, and answers keep their order."""
    answers = await batcher.submit(many(8))
    assert [len(batch) for batch in scorer.batches] == [4, 4]
    assert [a.pool for a in answers if isinstance(a, Verdict)] == [f.pool for f in many(8)]


async def test_an_old_batch_goes_as_it_is(
    batcher: Batcher, scorer: Recording, clock: HandClock
) -> None:
    """One request alone waits for company only so long."""
    task = asyncio.ensure_future(batcher.submit([facts()]))
    while clock.sleepers == 0:
        await anyio.lowlevel.checkpoint()
    assert scorer.batches == []
    clock.move(1.0)
    assert len(await task) == 1


async def test_requests_of_several_callers_share_a_batch(
    batcher: Batcher, scorer: Recording
) -> None:
    """Who asks does not matter, and each gets its own answers."""
    first, second = await asyncio.gather(batcher.submit(many(4)[:1]), batcher.submit(many(4)[1:]))
    assert [len(batch) for batch in scorer.batches] == [4]
    assert (len(first), len(second)) == (1, 3)


async def test_long_names_do_not_ride_with_short_ones(batcher: Batcher, scorer: Recording) -> None:
    """A batch is as slow as its longest prompt."""
    token = msgspec.structs.replace(facts().token, name="x" * 60)
    mixed = [each for f in many(4) for each in (f, msgspec.structs.replace(f, token=token))]
    await batcher.submit(mixed)
    assert [len({len(str(f.token.name)) for f in batch}) for batch in scorer.batches] == [1, 1]


async def test_one_bad_dossier_spoils_only_itself(batcher: Batcher, scorer: Recording) -> None:
    """It comes back as its reason; its neighbours are judged."""
    batch = many(4)
    scorer.refused[batch[2].pool] = Invalid("not a number", reason="not-finite")
    answers = await batcher.submit(batch)
    assert [type(answer) for answer in answers] == [Verdict, Verdict, Invalid, Verdict]


async def test_a_broken_model_is_raised(batcher: Batcher, scorer: Recording) -> None:
    """Nothing of such a batch may be published."""
    scorer.refused[facts(1).pool] = Broken("NaN")
    with pytest.raises(Broken, match="NaN"):
        await batcher.submit(many(4))


async def test_a_caller_that_left_is_not_missed(batcher: Batcher, scorer: Recording) -> None:
    """A cancelled request does not disturb those that share its batch."""
    gone = asyncio.ensure_future(batcher.submit(many(4)[:1]))
    await anyio.lowlevel.checkpoint()
    gone.cancel()
    answers = await batcher.submit(many(4)[1:])
    assert len(answers) == 3
    assert len(scorer.batches) == 1


async def test_nothing_asked_nothing_done(batcher: Batcher, scorer: Recording) -> None:
    """The stage loop also turns when no record came."""
    assert await batcher.submit([]) == []
    assert scorer.batches == []


@given(st.lists(st.integers(1, 99), max_size=60), st.integers(1, 9))
def test_length_batches_hold_everything_once(lengths: list[int], size: int) -> None:
    """Each row is in one batch; no batch is too large or overlaps another in length."""
    batches = batches_by_length(lengths, size)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in batches)
    spans = [(lengths[batch[0]], lengths[batch[-1]]) for batch in batches]
    assert all(high <= low for (_, high), (low, _) in itertools.pairwise(spans))
