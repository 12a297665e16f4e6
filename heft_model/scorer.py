"""Batches of Facts to Verdicts with the bundle that serves, which can be changed at any time.

A call to ``score`` takes what serves once, at its beginning, and keeps it to its end: a swap falls
between batches, never into one, and each verdict names the bundle that gave it (invariant 6). Both
scorers may be called from several threads at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Protocol

import msgspec
import structlog

from heft_model.analysis import analyse
from heft_model.batcher import batches_by_length
from heft_model.bundle import Bundle
from heft_model.calibrate import Calibration
from heft_model.evidence import EvidenceSettings, candidates, hide, rank
from heft_model.kinds import kinds_of
from heft_model.prompt import PROMPT_VERSION, coverage, render, unknown_facts, unknown_word
from heft_model.providers import AUTO
from heft_model.registry import Registry
from heft_model.session import Session
from heft_model.traps import traps_in
from streams import telemetry
from streams.errors import Invalid
from streams.events import MOST_UNKNOWN, Evidence, Facts, Verdict, encode

__all__ = ["OnnxScorer", "Scorer", "TableScorer", "facts_hash", "open_scorer"]

DECIMALS = 6
"""Digits of a probability: who shares a batch moves a logit by about 1e-6, and must not show."""

READY = 4
"""Versions that are kept open beside the one that serves."""

log = structlog.get_logger(__name__)


class Scorer(Protocol):
    """The seam between dossiers and opinions."""

    @property
    def bundle(self) -> str:
        """The id of the bundle that serves now."""
        ...

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """One verdict a dossier, in order. Blocks: call it off the event loop.

        Raises ``Invalid`` when a dossier cannot be read, and then judges none of the batch;
        ``Broken`` when the model gives no finite number.
        """
        ...

    def swap(self, bundle: Bundle) -> None:
        """Serve ``bundle`` from the next batch on; raises ``Invalid`` and changes nothing."""
        ...


class OnnxScorer:
    """The real thing: prompt, ONNX session, calibration, evidence."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 1,
        provider: str = AUTO,
        max_batch: int = 16,
        evidence: EvidenceSettings | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Open ``bundle``; ``threads`` are those of one run. Raises ``Invalid``."""
        self._threads = threads
        self._provider = provider
        self._max_batch = max_batch
        self._evidence = evidence or EvidenceSettings()
        self._now = now or _utc_now
        self._ready: dict[str, _Serving] = {}
        self._serving = _Serving(
            bundle, Session(bundle, threads=threads, provider=provider), max_batch
        )

    @property
    def bundle(self) -> str:
        """The id of the bundle that serves now."""
        return self._serving.bundle.id

    @property
    def calibration(self) -> Calibration:
        """What the bundle that serves now promises, and on what evidence."""
        return self._serving.bundle.calibration

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """See ``Scorer.score``."""
        serving = self._serving
        calibration = serving.bundle.calibration
        taught = serving.bundle.manifest.window.chains
        prompts = [render(facts, serving.bundle.lexicon) for facts in batch]
        rows = serving.bundle.words.encode(prompts)
        answers = serving.answers(rows)
        probabilities = serving.probable([logit for logit, *_ in answers])
        reasons = self._explain(serving, batch, prompts, rows, probabilities)
        return [
            _with_kinds(
                serving.odds(logits),
                facts,
                probability,
                threshold=calibration.threshold.value,
                evidence=reason,
                bundle=serving.bundle.id,
                prompt=prompt,
                now=self._now(),
                foreign=facts.chain not in taught,
            )
            for facts, prompt, probability, reason, (_, *logits) in zip(
                batch, prompts, probabilities, reasons, answers, strict=True
            )
        ]

    def prepare(self, bundle: Bundle) -> None:
        """Open and check ``bundle`` beside what serves, so that swapping to it takes no time.

        Raises ``Invalid``. Of prepared versions the ``READY`` last are kept.
        """
        self._keep(self._open(bundle))

    def swap(self, bundle: Bundle) -> None:
        """See ``Scorer.swap``. A version over the graph that served stays ready to come back."""
        before = self._serving
        if bundle.id in self._ready:
            self._serving = self._ready.pop(bundle.id)
        else:
            self._serving = self._open(bundle)
        if before.graph == self._serving.graph:  # it costs no more than its arrays
            self._keep(before)

    def _open(self, bundle: Bundle) -> _Serving:
        session = Session(
            bundle, threads=self._threads, provider=self._provider, near=self._serving.session
        )
        return _Serving(bundle, session, self._max_batch)

    def _keep(self, serving: _Serving) -> None:
        self._ready[serving.bundle.id] = serving
        while len(self._ready) > READY:
            del self._ready[next(iter(self._ready))]

    def _explain(
        self,
        serving: _Serving,
        batch: Sequence[Facts],
        prompts: Sequence[str],
        rows: Sequence[list[int]],
        probabilities: Sequence[float],
    ) -> list[list[Evidence]]:
        """Evidence for each dossier that is risky enough, all hidden facts in one run."""
        floor = self._evidence.floor * serving.bundle.calibration.threshold.value
        hidden: list[list[int]] = []
        asked: list[tuple[int, str]] = []  # for each hidden row: which dossier, which fact
        for i, prompt in enumerate(prompts):
            if probabilities[i] >= floor:
                for name, row in serving.without(prompt, rows[i], self._evidence.tried):
                    hidden.append(row)
                    asked.append((i, name))
        moved: list[dict[str, float]] = [{} for _ in batch]
        for (i, name), without in zip(asked, serving.probabilities(hidden), strict=True):
            moved[i][name] = without
        return [
            rank(facts, probabilities[i], moved[i], self._evidence) for i, facts in enumerate(batch)
        ]


def open_scorer(
    registry: Registry,
    *,
    threads: int = 1,
    provider: str = AUTO,
    max_batch: int = 16,
    evidence: EvidenceSettings | None = None,
) -> OnnxScorer:
    """A scorer with the champion, or, if that is spoilt, with the best version that is not.

    The previous champion comes next, then the others, newest first. Raises ``Invalid`` when not
    one version can serve.
    """
    problem = Invalid("there is no model to judge with: run heft train")
    for version in registry.candidates():
        try:
            bundle = registry.load(version)
            return OnnxScorer(
                bundle, threads=threads, provider=provider, max_batch=max_batch, evidence=evidence
            )
        except Invalid as error:
            log.warning("bundle_refused", bundle=version, error=str(error))
            problem = error
    raise problem


class _Serving:
    """A bundle and the session that runs it: what is swapped, as one."""

    def __init__(self, bundle: Bundle, session: Session, max_batch: int) -> None:
        self.bundle = bundle
        self.session = session
        self._max_batch = max_batch

    @property
    def graph(self) -> str:
        """What the session can share with another version's."""
        return self.bundle.manifest.files["model.onnx"]

    def probabilities(self, rows: Sequence[list[int]]) -> list[float]:
        """A calibrated probability a row, in order."""
        return self.probable([logit for logit, *_ in self.answers(rows)])

    def probable(self, logits: Sequence[float]) -> list[float]:
        """Calibrated, to as many digits as whoever shares the batch cannot move."""
        probabilities = self.bundle.calibration.curve.probability(logits)
        return [round(float(p), DECIMALS) for p in probabilities]

    def odds(self, logits: Sequence[float]) -> dict[str, float]:
        """The calibrated probability of each kind that the version was taught and checked on."""
        curves = self.bundle.calibration.kinds
        return {
            kind: float(curves[kind].probability(logit))
            for kind, logit in zip(self.session.kinds, logits, strict=True)
            if kind in curves
        }

    def answers(self, rows: Sequence[list[int]]) -> list[list[float]]:
        """The logits of the rug and of each kind, a row, in order, in batches of like length."""
        answers: list[list[float]] = [[]] * len(rows)
        for indices in batches_by_length([len(row) for row in rows], self._max_batch):
            for i, answer in zip(indices, self._run([rows[i] for i in indices]), strict=True):
                answers[i] = answer
        return answers

    def _run(self, rows: list[list[int]]) -> list[list[float]]:
        started = perf_counter()
        answers = self.session.answers(rows)
        telemetry.SCORER_SECONDS.observe(perf_counter() - started)
        telemetry.SCORER_BATCH.observe(len(rows))
        return answers

    def without(self, prompt: str, row: list[int], tried: int) -> list[tuple[str, list[int]]]:
        """Each fact worth hiding, with the prompt that lacks it."""
        words = prompt.split(" ")
        chosen = candidates(words, self.bundle.golden.telling, tried)
        names = [words[i].partition("=")[0] for i in chosen]
        return [
            (name, hide(row, i, self.bundle.words.id(unknown_word(name))))
            for i, name in zip(chosen, names, strict=True)
        ]


class TableScorer:
    """The twin: looks probabilities up by dossier id, then by pool, and never computes one."""

    def __init__(
        self,
        table: Mapping[str, float],
        *,
        default: float = 0.0,
        threshold: float = 0.5,
        bundle: str = "table",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._table = dict(table)
        self._default = default
        self._serving = (bundle, threshold)
        self._now = now or _utc_now

    @property
    def bundle(self) -> str:
        """The id that verdicts carry."""
        return self._serving[0]

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """See ``Scorer.score``."""
        bundle, threshold = self._serving
        return [
            verdict_from(
                facts,
                self._table.get(facts.id, self._table.get(facts.pool, self._default)),
                threshold=threshold,
                evidence=[],
                bundle=bundle,
                now=self._now(),
            )
            for facts in batch
        ]

    def swap(self, bundle: Bundle) -> None:
        """Take the name and threshold of ``bundle``; the table stays."""
        self._serving = (bundle.id, bundle.calibration.threshold.value)


def verdict_from(
    facts: Facts,
    probability: float,
    *,
    threshold: float,
    evidence: list[Evidence],
    bundle: str,
    now: datetime,
    prompt: str = "",
    foreign: bool = False,
) -> Verdict:
    """The opinion on one dossier, with all that is needed to give it again.

    ``prompt`` is what a model was told of it; without one, all is taken to be known.
    """
    known = coverage(prompt) if prompt else 1.0
    traps = traps_in(facts.findings)
    return Verdict(
        chain=facts.chain,
        pool=facts.pool,
        block=facts.block,
        log_index=facts.log_index,
        at=facts.at,
        facts_id=facts.id,
        sequence=facts.sequence,
        trigger=facts.trigger,
        age=facts.age,
        venue=facts.venue,
        name=facts.token.name,
        symbol=facts.token.symbol,
        token_address=facts.token_address,
        creator=facts.creator,
        liquidity=facts.liquidity.reserve,
        liquidity_max=facts.liquidity.reserve_max,
        quote_symbol=facts.quote_symbol,
        probability=probability,
        threshold=threshold,
        evidence=evidence,
        analysis=analyse(probability, threshold, evidence, known, foreign=foreign),
        bundle=bundle,
        prompt_version=PROMPT_VERSION,
        facts_hash=facts_hash(facts),
        coverage=known,
        unknown=_unknown(facts, unknown_facts(prompt)),
        scored_at=now,
        traps=traps,
        kinds=kinds_of(probability, {}, traps),
    )


NOT_ASKED = frozenset({"social", "market"})
"""What no bundle was taught on: that nobody listens is nothing that a verdict lacks."""


def _with_kinds(odds: Mapping[str, float], facts: Facts, rug: float, **told: Any) -> Verdict:
    """``verdict_from`` with the model's ``odds`` of each kind, beside what findings show."""
    verdict = verdict_from(facts, rug, **told)
    kinds = kinds_of(verdict.probability, odds, verdict.traps)
    return msgspec.structs.replace(verdict, kinds=kinds)


def _unknown(facts: Facts, told: Sequence[str]) -> list[str]:
    """What the dossier lacks, and what the model was not told beyond that."""
    missing = facts.missing.keys() - NOT_ASKED
    parts = [name for name in told if name not in missing and _group(name) not in missing]
    return sorted({*missing, *parts})[:MOST_UNKNOWN]


def _group(name: str) -> str:
    """``holders`` of ``holders.lp_top_share``: unknown as a whole, it is named once."""
    return name.partition(".")[0]


def facts_hash(facts: Facts) -> str:
    """SHA-256 of the dossier as it travels, in hex."""
    return hashlib.sha256(encode(facts)).hexdigest()


def _utc_now() -> datetime:
    return datetime.now(UTC)
