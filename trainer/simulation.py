"""The service on recorded time: launches are scored, outcomes arrive, refreshes are tried.

One pass of the serving fold makes every dossier; they are then gone through in the order of their
moments. Two scorers judge each as it comes: the frozen model, taught once on the part before, and
the champion of a registry that a refresh may change. Rulings come at their horizons, the archive
keeps both, and a refresh reads nothing but the archive as of its moment. What became of a launch in
the end is looked at by the last function alone, when nothing is taught any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from heft_model.decision import Decision
from heft_model.evidence import EvidenceSettings
from heft_model.registry import Registry
from heft_model.scorer import OnnxScorer
from streams.archive import keep_events
from streams.enrich.fold import SCHEDULE
from streams.errors import Invalid
from streams.events import Facts, Verdict
from streams.labels import Ruling
from streams.recording import Recording
from streams.topics import FACTS, RULINGS, VERDICTS
from trainer.asof import known_at
from trainer.dataset import AGES_BETWEEN, Example, dossiers_and_outcomes
from trainer.evaluate import Interval
from trainer.labels import Outcome, is_drained
from trainer.promote import auc
from trainer.recipe import train
from trainer.refresh import Past, RefreshSettings, mixed, refresh
from trainer.rulings import Track, note, rule, track_of
from trainer.settling import late_share

__all__ = ["Plan", "Simulated", "Window", "simulate"]

AGES = ("1h", "6h", "24h")
AT_ONCE = 64
PAIRS = 500
INSTANT = timedelta(milliseconds=1)
SILENT = EvidenceSettings(floor=2.0)
"""Nobody reads why: no facts are hidden in turn."""

Told = Callable[[str, float], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated."""

    start: str
    """Files of pools whose launches the frozen model is taught on end with ``_<start>``."""
    through: str
    """Those whose launches are judged as they come."""
    every: timedelta
    refresh: RefreshSettings


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Launches between two refreshes, as they were scored at one age, before their outcome."""

    age: str
    since: datetime
    n: int
    rugs: int
    frozen: Interval | None
    taught: Interval | None
    gain: Interval | None
    """Self-teaching less frozen, paired over launches."""
    bundles: dict[str, int]
    """Which versions judged how many of them."""


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a simulation says."""

    launches: int
    windows: list[Window]
    overall: list[Window]
    decisions: list[Decision]
    seconds: dict[str, float]
    """Of each refresh, by the day of its moment."""


class _Parts(NamedTuple):
    past: list[Facts]
    stream: list[Facts]
    outcomes: dict[str, Outcome]


class _Service:
    """The self-teaching service: archive, tracks of launches, and a scorer over a registry."""

    def __init__(self, registry: Registry, archive: Path) -> None:
        self.now = datetime.fromtimestamp(0, UTC)
        self.registry, self._archive = registry, archive
        bundle = registry.load(registry.champion())
        self.frozen = OnnxScorer(bundle, evidence=SILENT, now=lambda: self.now)
        self.scorer = OnnxScorer(bundle, evidence=SILENT, now=lambda: self.now)
        self._tracks: dict[str, Track] = {}
        self._kept = 0

    def live(self, facts: Sequence[Facts]) -> list[tuple[Verdict, Verdict]]:
        """Score dossiers in the order of their moments; the archive keeps what the service did."""
        pairs, rulings = list[tuple[Verdict, Verdict]](), list[Ruling]()
        for each in facts:
            rulings += self.rule(each.at - INSTANT)  # a dossier at its horizon still counts
            self.now = each.at
            pairs += zip(self.frozen.score([each]), self.scorer.score([each]), strict=True)
            note(self._tracks.setdefault(each.key, track_of(each)), each)
        verdicts = [verdict for _, verdict in pairs]
        for topic, events in ((FACTS, facts), (VERDICTS, verdicts), (RULINGS, rulings)):
            keep_events(self._archive, topic, events, epoch="simulated", first=self._kept)
        self._kept += len(facts) + len(rulings)
        return pairs

    def until(self, moment: datetime) -> None:
        """Let time pass to a moment without a dossier."""
        self.now = moment
        rulings = self.rule(moment)
        keep_events(self._archive, RULINGS, rulings, epoch="simulated", first=self._kept)
        self._kept += len(rulings)

    def rule(self, moment: datetime) -> list[Ruling]:
        """The rulings that have become due."""
        return [
            ruling for track in self._tracks.values() for ruling in rule(track, moment.timestamp())
        ]


def simulate(
    recording: Recording,
    plan: Plan,
    work: Path,
    *,
    console: Console | None = None,
    told: Told = lambda *_: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Simulated:
    """Run it in the empty folder ``work``; ``told`` hears what is done, and the share of the whole.

    ``clock`` gives seconds, for the time that refreshes take. Raises ``Invalid``.
    """
    told("folding", 0.0)
    parts = _parts(recording, plan)
    start = parts.stream[0].at
    past = _past(parts, start)
    told("teaching the frozen model", 0.1)
    registry = Registry(work / "models")
    _freeze(registry, past, plan, work, console)
    service = _Service(registry, work / "archive")
    pairs, decisions, seconds = list[tuple[Verdict, Verdict]](), list[Decision](), {}
    moment, last = start, parts.stream[-1].at
    newest = max(facts.launched_at for facts in parts.stream)
    rest = parts.stream
    while rest:
        moment += plan.every
        count = sum(each.at < moment for each in rest)
        share = (moment - start) / (last - start)
        told(f"scoring to {moment:%Y-%m-%d}", 0.1 + 0.9 * min(1.0, share))
        pairs += service.live(rest[:count])
        rest = rest[count:]
        if not rest:
            break
        service.until(moment)
        if moment > newest:
            continue  # nobody is left to judge
        began = clock()
        told(f"refresh of {moment:%Y-%m-%d}", 0.1 + 0.9 * min(1.0, share))
        decisions.append(_refreshed(service, past, plan, work, moment, console))
        seconds[f"{moment:%Y-%m-%d}"] = clock() - began
    return Simulated(
        launches=len({facts.key for facts in parts.stream}),
        windows=[w for age in AGES for w in _windows(pairs, parts.outcomes, start, plan, age)],
        overall=[_window(pairs, parts.outcomes, start, age) for age in AGES],
        decisions=decisions,
        seconds=seconds,
    )


def _refreshed(
    service: _Service,
    past: Past,
    plan: Plan,
    work: Path,
    moment: datetime,
    console: Console | None,
) -> Decision:
    """One refresh on what the archive knows, and the promotion that it may come to."""
    found = refresh(
        service.registry,
        known_at(work / "archive", moment),
        past,
        plan.refresh,
        work / "run",
        now=moment,
        console=console,
    )
    decision = found.decision
    if found.version is not None:
        service.registry.promote(found.version, over=decision.champion)
        service.scorer.swap(service.registry.load(found.version))
        decision = msgspec.structs.replace(decision, what="promoted")
    service.registry.record(decision)
    return decision


def _parts(recording: Recording, plan: Plan) -> _Parts:
    files = {row.file.rpartition("_")[2] for row in recording.pools.values()}
    for name in (plan.start, plan.through):
        if name not in files:
            raise Invalid(
                f"no pools file ends with _{name}: there are {', '.join(sorted(files))}",
                reason="usage",
            )
    file_of = {key: row.file.rpartition("_")[2] for key, row in recording.pools.items()}
    facts, outcomes = dossiers_and_outcomes(recording)
    facts.sort(key=lambda each: each.at)  # a dossier as of T leaves after it
    stream = [each for each in facts if file_of[each.pool] == plan.through and _served(each)]
    past = [each for each in facts if file_of[each.pool] == plan.start]
    past = [each for each in past if each.at < stream[0].at]
    if not past:
        raise Invalid(f"nothing of {plan.start} is older than {plan.through}", reason="usage")
    return _Parts(past, stream, outcomes)


def _served(facts: Facts) -> bool:
    """Whether the service would make this dossier: the ages between are for teaching."""
    scheduled = any(facts.trigger == name for _, name in SCHEDULE)
    return not (scheduled and facts.age in AGES_BETWEEN)


def _past(parts: _Parts, start: datetime) -> Past:
    """The launches of before, by what was known when the first one to be judged came."""
    moment = start.timestamp()
    rugs = {
        key: outcome.first_drained
        for key, outcome in parts.outcomes.items()
        if outcome.first_drained is not None and outcome.first_drained < moment
    }
    examples = [
        Example(each, is_drained(each) or rugs.get(each.key, 0.0) > each.at.timestamp())
        for each in parts.past
    ]
    launched = {each.key: each.launched_at.timestamp() for each in parts.past}
    return Past(examples, late_share((t, rugs.get(key)) for key, t in launched.items()))


def _freeze(
    registry: Registry, past: Past, plan: Plan, work: Path, console: Console | None
) -> None:
    """The model that is taught once: the same recipe, on the launches of before."""
    nobody = Past([], past.late)
    rng = np.random.default_rng(0)
    most = plan.refresh.most_replayed
    chosen = sorted(rng.permutation(len(past.examples))[:most].tolist())
    examples = mixed([past.examples[i] for i in chosen], nobody, plan.refresh)
    recipe = msgspec.structs.replace(
        plan.refresh.recipe, name="frozen", half_life_days=1e6, drained=1.0
    )
    folder = train(examples, recipe, work / "frozen", recordings=[plan.start], console=console)
    registry.promote(registry.add(folder))


def _windows(
    pairs: Sequence[tuple[Verdict, Verdict]],
    outcomes: dict[str, Outcome],
    start: datetime,
    plan: Plan,
    age: str,
) -> list[Window]:
    """Launches by the refresh that they came after."""
    by_turn: dict[int, list[tuple[Verdict, Verdict]]] = {}
    for pair in pairs:
        launched = pair[0].at - timedelta(seconds=pair[0].age)
        by_turn.setdefault(int((launched - start) / plan.every), []).append(pair)
    return [
        _window(some, outcomes, start + turn * plan.every, age)
        for turn, some in sorted(by_turn.items())
    ]


def _window(
    pairs: Sequence[tuple[Verdict, Verdict]],
    outcomes: dict[str, Outcome],
    since: datetime,
    age: str,
) -> Window:
    rows = [pair for pair in pairs if pair[0].trigger == age and not _over(pair[0])]
    labels = np.array([_ahead(frozen, outcomes) for frozen, _ in rows], dtype=bool)
    old = np.array([frozen.probability for frozen, _ in rows])
    new = np.array([mine.probability for _, mine in rows])
    bundles: dict[str, int] = {}
    for _, mine in rows:
        bundles[mine.bundle] = bundles.get(mine.bundle, 0) + 1
    frozen, taught, gain = _intervals(old, new, labels)
    return Window(
        age=age,
        since=since,
        n=len(rows),
        rugs=int(labels.sum()),
        frozen=frozen,
        taught=taught,
        gain=gain,
        bundles=bundles,
    )


def _intervals(
    old: NDArray[np.float64], new: NDArray[np.float64], labels: NDArray[np.bool_]
) -> tuple[Interval, Interval, Interval] | tuple[None, None, None]:
    """AUC of both and their difference, on the same draws of launches."""
    if not 0 < labels.sum() < len(labels):
        return None, None, None
    rng, drawn = np.random.default_rng(0), list[tuple[float, float]]()
    while len(drawn) < PAIRS:
        rows = rng.integers(0, len(labels), len(labels))
        if 0 < labels[rows].sum() < len(rows):
            drawn.append((auc(old[rows], labels[rows]), auc(new[rows], labels[rows])))
    pairs = np.array([(auc(old, labels), auc(new, labels)), *drawn])
    columns = pairs[:, 0], pairs[:, 1], pairs[:, 1] - pairs[:, 0]
    first, second, third = (
        Interval(float(c[0]), *(float(q) for q in np.quantile(c[1:], [0.025, 0.975])))
        for c in columns
    )
    return first, second, third


def _over(verdict: Verdict) -> bool:
    return verdict.liquidity <= 0.05 * verdict.liquidity_max


def _ahead(verdict: Verdict, outcomes: dict[str, Outcome]) -> bool:
    last = outcomes[verdict.key].last_drained
    return last is not None and last > verdict.at.timestamp()
