"""Recorded pools as tables: their dossiers at every age, by the same fold that serves.

``uniswap_v2_pool_events`` is labelled by what the reserves then do: a rug is a pool whose quote
reserve later falls to 5 % of its maximum. ``sushiswap_polygon`` brings labels of its own, by token.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heft_model.features import CODE, FEATURES, measure
from streams.errors import Invalid
from streams.events import Facts
from streams.recording import open_recording
from trainer.dataset import dossiers_and_outcomes
from trainer.labels import Outcome, is_drained, is_rug
from trainer.sources.table import Table, read_parquet, text_of

__all__ = ["AGES", "load_sushiswap", "load_uniswap"]

AGES = {"1h": 3600.0, "6h": 21_600.0, "24h": 86_400.0}
HALF_LIFE_S = 100 * 86_400.0
DRAINED_WEIGHT = 0.3
NAMES = tuple(row.name for row in FEATURES if row not in CODE)
"""No recorded pool brings its code."""


def load_uniswap(folder: Path) -> Table:
    """Every dossier of the pools in ``folder``, labelled by the reserves to come; ``Invalid``."""
    facts, outcomes = dossiers_and_outcomes(open_recording(folder))
    labels = np.array([is_rug(each, outcomes) for each in facts])
    return _table(facts, labels, [_lead(each, outcomes[each.key]) for each in facts])


def load_sushiswap(folder: Path) -> Table:
    """Dossiers of the labelled tokens' pools in ``folder``; raises ``Invalid``.

    The label was made from last mints, burns and swaps: an outcome, read by other hands.
    """
    recording = open_recording(folder)
    rows = read_parquet(folder, "*_labels", ["token", "malicious"])
    told = {text_of(row["token"]).lower(): bool(row["malicious"]) for row in rows}
    facts = [each for each in dossiers_and_outcomes(recording)[0] if each.token_address in told]
    if not facts:
        raise Invalid(f"no pool in {folder} is of a labelled token", reason="empty")
    labels = np.array([told[str(each.token_address)] for each in facts])
    return _table(facts, labels, [float("nan")] * len(facts))


def _table(facts: list[Facts], labels: NDArray[np.bool_], lead: list[float]) -> Table:
    drained = np.array([is_drained(each) for each in facts])
    launched = np.array([each.launched_at.timestamp() for each in facts])
    ages = [_age(each) for each in facts]
    recent = 0.5 ** ((launched.max() - launched) / HALF_LIFE_S)
    return Table(
        ids=[f"{each.key}@{each.age:.0f}s" for each in facts],
        labels=labels,
        names=NAMES,
        numbers=np.array([_values(each) for each in facts]),
        texts=[""] * len(facts),
        groups=[_keys(each) for each in facts],
        times=launched,
        weights=np.where(drained, DRAINED_WEIGHT, 1.0) * recent,
        judged=np.array([age in AGES for age in ages]) & ~drained,
        lead=np.array(lead),
        slices={
            "age": ages,
            "venue": [f"{each.chain}/{each.venue}" for each in facts],
        },
    )


def _keys(facts: Facts) -> frozenset[str]:
    token = facts.token_address
    return frozenset({facts.key, f"token:{token}"} if isinstance(token, str) else {facts.key})


def _values(facts: Facts) -> list[float]:
    return [np.nan if value is None else value for value in measure(facts, NAMES).values()]


def _age(facts: Facts) -> str:
    for name, seconds in AGES.items():
        if facts.trigger == name and abs(facts.age - seconds) < 1:
            return name
    return "between"


def _lead(facts: Facts, outcome: Outcome) -> float:
    """Seconds to the first drain that is still ahead; NaN without one."""
    now, first, last = facts.at.timestamp(), outcome.first_drained, outcome.last_drained
    ahead = [time for time in (first, last) if time is not None and time > now]
    return min(ahead) - now if ahead else float("nan")
