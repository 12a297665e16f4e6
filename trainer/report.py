"""What a replay showed: verdicts held against what then happened.

Only pools launched after the bundle's training window are judged, and a dossier that already
shows the drain is not: saying so then is no foresight. Alerts are judged by pool: an alert counts
as right when the pool was drained after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from heft_model.calibrate import YOUNGEST_ALERT_S
from streams.enrich.pool import DRAINED_SHARE
from streams.events import Verdict
from trainer.evaluate import Detection, judge
from trainer.labels import Outcome

__all__ = ["AgeRow", "AlertRow", "Report", "report_on"]

AGES = ("1h", "6h", "24h")


class AgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """Detection at one age, among the pools of one file that were not drained by then."""

    part: str
    age: str
    detection: Detection


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """What alerting on the pools of one file came to."""

    part: str
    pools: int
    rugs: int
    alerted: int
    """Pools alerted before they were drained."""
    right: int
    late: int
    """Pools first alerted by the dossier that shows the drain."""
    lead_seconds: float | None
    """Median from the alert to the drain, among the right ones."""

    @property
    def precision(self) -> float | None:
        """Of the pools alerted beforehand, the share that was drained after."""
        return self.right / self.alerted if self.alerted else None

    @property
    def recall(self) -> float | None:
        """Of the pools that were drained, the share alerted beforehand."""
        return self.right / self.rugs if self.rugs else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ``heft replay --report`` judges."""

    bundle: str
    judged: int
    unjudged: int
    """Pools left out because the bundle was trained on launches of their time."""
    ages: list[AgeRow]
    alerts: list[AlertRow]


def report_on(
    verdicts: Iterable[Verdict],
    outcomes: Mapping[str, Outcome],
    parts: Mapping[str, str],
    *,
    trained_until: float,
) -> Report:
    """Judge ``verdicts`` by ``outcomes``; ``parts`` names the file of each pool (``chain:pool``).

    ``trained_until`` is the UNIX time of the last launch that the bundle has learnt from.
    """
    told = list({verdict.id: verdict for verdict in verdicts}.values())
    fair = {key for key, outcome in outcomes.items() if outcome.launched > trained_until}
    by_part: dict[str, list[Verdict]] = {}
    for verdict in told:
        if verdict.key in fair:
            by_part.setdefault(parts[verdict.key], []).append(verdict)
    return Report(
        bundle=told[0].bundle if told else "",
        judged=len(fair),
        unjudged=len(outcomes) - len(fair),
        ages=[
            AgeRow(part=part, age=age, detection=_at_age(rows, age, outcomes))
            for part, rows in sorted(by_part.items())
            for age in AGES
        ],
        alerts=[_alerts(part, rows, outcomes) for part, rows in sorted(by_part.items())],
    )


def _at_age(verdicts: Sequence[Verdict], age: str, outcomes: Mapping[str, Outcome]) -> Detection:
    rows = [v for v in verdicts if v.trigger == age and not _is_drained(v)]
    return judge([v.probability for v in rows], [_has_rug_ahead(v, outcomes) for v in rows])


def _alerts(part: str, verdicts: Sequence[Verdict], outcomes: Mapping[str, Outcome]) -> AlertRow:
    keys = {verdict.key for verdict in verdicts}
    first = _first_alerts(verdicts)
    ahead = {key: verdict for key, verdict in first.items() if not _is_drained(verdict)}
    right = [verdict for verdict in ahead.values() if _has_rug_ahead(verdict, outcomes)]
    leads = [_lead(verdict, outcomes[verdict.key]) for verdict in right]
    return AlertRow(
        part=part,
        pools=len(keys),
        rugs=sum(outcomes[key].first_drained is not None for key in keys),
        alerted=len(ahead),
        right=len(right),
        late=len(first) - len(ahead),
        lead_seconds=median(leads) if leads else None,
    )


def _first_alerts(verdicts: Sequence[Verdict]) -> dict[str, Verdict]:
    first: dict[str, Verdict] = {}
    for verdict in sorted(verdicts, key=lambda each: each.sequence):
        if _is_drained(verdict) or _is_opinion(verdict):
            first.setdefault(verdict.key, verdict)
    return first


def _is_opinion(verdict: Verdict) -> bool:
    """Whether the verdict alone is enough to alert."""
    return verdict.age >= YOUNGEST_ALERT_S and verdict.probability >= verdict.threshold


def _is_drained(verdict: Verdict) -> bool:
    return verdict.liquidity <= DRAINED_SHARE * verdict.liquidity_max


def _has_rug_ahead(verdict: Verdict, outcomes: Mapping[str, Outcome]) -> bool:
    last = outcomes[verdict.key].last_drained
    return last is not None and last > verdict.at.timestamp()


def _lead(verdict: Verdict, outcome: Outcome) -> float:
    """To the first drain after the alert; a pool that recovered in between counts to its last."""
    told, first, last = verdict.at.timestamp(), outcome.first_drained, outcome.last_drained
    drained = first if first is not None and first > told else last
    return (drained or told) - told
