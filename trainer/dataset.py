"""Examples as they were known at scoring time, and splits that keep time and pools apart.

Dossiers come from the same ``Fold`` that serves, so training and serving cannot differ. Besides
the ages at which the service scores, pools are cut at ages in between: more views of the same
launch, which teach the model what time does to a pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from streams.enrich.fold import SCHEDULE, Fold, Schedule
from streams.errors import Invalid
from streams.events import Facts, Trigger
from streams.recording import Recording
from streams.replay import activity_from_rows
from trainer.labels import Outcome, is_drained, is_rug, kinds_ahead, observe

__all__ = [
    "Example",
    "Split",
    "check_examples",
    "dossiers_and_outcomes",
    "even",
    "examples_from_recording",
    "launched_before",
    "shared_out",
    "split_by_launch",
    "told_of",
    "weighed",
]

HOUR_S = 3600.0
AGES_BETWEEN = (900.0, 1800.0, 2 * HOUR_S, 3 * HOUR_S, 12 * HOUR_S, 48 * HOUR_S)


class Example(msgspec.Struct, frozen=True):
    """One dossier and what came of it. ``group`` (the pool) never stands on both sides."""

    facts: Facts
    label: bool
    weight: float = 1.0
    kinds: dict[str, bool] = {}
    """Whether each kind of rug (``heft_model.kinds``) is this one's, as far as somebody told."""
    told: bool = True
    """Whether ``label`` is known; an example of kinds alone says nothing of rugs."""

    @property
    def group(self) -> str:
        """What a split must keep together."""
        return self.facts.key


class Split(msgspec.Struct, frozen=True):
    """Earlier and later launches; no pool is in both."""

    earlier: list[Example]
    later: list[Example]


def examples_from_recording(
    recording: Recording, schedule: Schedule | None = None
) -> list[Example]:
    """Every dossier of the recording at the service's ages and those between, labelled."""
    facts, outcomes = dossiers_and_outcomes(recording, schedule)
    return [
        Example(each, is_rug(each, outcomes), kinds=kinds_ahead(each, outcomes)) for each in facts
    ]


def dossiers_and_outcomes(
    recording: Recording, schedule: Schedule | None = None
) -> tuple[list[Facts], dict[str, Outcome]]:
    """The same dossiers, and what came of each pool by its ``chain:pool``."""
    fold, outcomes = Fold(schedule or _dense()), dict[str, Outcome]()
    facts: list[Facts] = []
    for event in activity_from_rows(recording, recording.rows()):
        facts += fold.feed(event)
        observe(fold, event, outcomes)
    return facts, outcomes


def check_examples(examples: Sequence[Example], *, now: datetime) -> None:
    """Raises ``Invalid`` when examples hold the future, so that a split by time keeps nothing out.

    A dossier of a time that has not come, or from before its launch, was not made at its moment; a
    pool with two launches would stand on both sides of a split.
    """
    launches: dict[str, datetime] = {}
    for facts in (example.facts for example in examples):
        if facts.at > now:
            raise Invalid(f"{facts.id} is of {facts.at:%Y-%m-%d}, the future", reason="future")
        if facts.at < facts.launched_at:
            raise Invalid(f"{facts.id} is older than its launch: wrong times", reason="future")
        if launches.setdefault(facts.key, facts.launched_at) != facts.launched_at:
            raise Invalid(
                f"pool {facts.key} has two launches: give each pool once", reason="future"
            )


def launched_before(examples: Sequence[Example], share: float) -> float:
    """UNIX time before which ``share`` of the pools were launched."""
    if not 0 < share < 1:
        raise Invalid(f"the share must lie between 0 and 1, not {share}", reason="share")
    launches = sorted({(e.facts.launched_at.timestamp(), e.group) for e in examples if e.told})
    return launches[int(len(launches) * share)][0]


def split_by_launch(examples: Sequence[Example], at: float) -> Split:
    """Pools launched before UNIX time ``at``, and those from then on."""
    early = [example.facts.launched_at.timestamp() < at for example in examples]
    return Split(
        earlier=[e for e, is_early in zip(examples, early, strict=True) if is_early],
        later=[e for e, is_early in zip(examples, early, strict=True) if not is_early],
    )


def even(examples: Sequence[Example]) -> list[Example]:
    """The examples with weights that sum to 1, so that of two sets neither drowns the other."""
    whole = sum(example.weight for example in examples)
    return [msgspec.structs.replace(e, weight=e.weight / whole) for e in examples]


def weighed(examples: Sequence[Example], *, drained: float, half_life: timedelta) -> list[Example]:
    """The examples by what they teach of launches to come.

    One that already shows the drain weighs ``drained``; and a launch that is ``half_life`` older
    than the newest weighs half.
    """
    newest = max((e.facts.launched_at for e in examples if e.told), default=None)
    return [
        msgspec.structs.replace(
            example,
            weight=example.weight
            * (drained if is_drained(example.facts) else 1.0)
            * 0.5 ** ((newest - example.facts.launched_at) / half_life),
        )
        if example.told
        else example
        for example in examples
        if newest is not None
    ]


def told_of(example: Example, honeypots: Mapping[str, bool]) -> Example:
    """The example with what is known of its token: whether it is a honeypot, by its address."""
    answer = honeypots.get(str(example.facts.token_address).lower())
    if answer is None:
        return example
    return msgspec.structs.replace(example, kinds=example.kinds | {"honeypot": answer})


def shared_out(examples: Sequence[Example], share: float) -> list[Example]:
    """The examples with those of kinds alone weighing ``share`` of all together."""
    whole = sum(example.weight for example in examples if example.told)
    alone = sum(example.weight for example in examples if not example.told)
    scale = whole * share / (1 - share) / alone if alone else 0.0
    return [e if e.told else msgspec.structs.replace(e, weight=e.weight * scale) for e in examples]


def _dense() -> Schedule:
    """The service's ages and those between; one in between is called by the stage it is in."""
    ages = dict(SCHEDULE) | {age: _stage_at(age) for age in AGES_BETWEEN}
    return tuple(sorted(ages.items()))


def _stage_at(age: float) -> Trigger:
    return max(stage for stage in SCHEDULE if stage[0] <= age)[1]
