"""The as-of join gives exactly what was scored, and what was known; a planted leak is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.archive import keep_events
from streams.errors import Invalid
from streams.topics import FACTS, LABELS, RULINGS, VERDICTS
from tests.unit.trainer.cases import NOW, case, dossier, ruling, verdict, word
from trainer.asof import guard, known_at


def archived(
    root: Path, facts: Sequence[Any], verdicts: Sequence[Any] = (), *, rulings: Sequence[Any] = (),
    labels: Sequence[Any] = (),
) -> Path:  # fmt: skip
    """An archive that holds these."""
    told = ((FACTS, facts), (VERDICTS, verdicts), (RULINGS, rulings), (LABELS, labels))
    for topic, events in told:
        keep_events(root, topic, events, epoch="made", first=0)
    return root


def test_the_newest_ruling_of_before_the_moment_is_joined(tmp_path: Path) -> None:
    """A day after launch the week's ruling does not exist, whatever the archive holds."""
    told = dossier(1)
    rulings = [ruling(told, "alive", "1h"), ruling(told, "alive", "24h"),
               ruling(told, "dumped", "7d")]  # fmt: skip
    root = archived(tmp_path, [told], [verdict(told)], rulings=rulings)
    day = told.launched_at + timedelta(days=1)
    (at_a_day,) = known_at(root, day)
    (at_the_end,) = known_at(root, NOW)
    assert at_a_day.ruling == rulings[1]
    assert at_the_end.ruling == rulings[2]
    assert at_the_end.facts == told


def test_only_what_was_scored_is_known(tmp_path: Path) -> None:
    """A dossier without a verdict teaches nothing; words of the future are not heard."""
    scored, other = dossier(1), dossier(2)
    words = [word(scored, "rug"), word(scored, "false-alarm", at=NOW)]
    root = archived(tmp_path, [scored, other], [verdict(scored)], labels=words)
    (found,) = known_at(root, NOW)
    assert found.facts == scored
    assert found.said == (words[0],)


def test_an_archive_without_outcomes_or_with_nothing(tmp_path: Path) -> None:
    """No topic need be there."""
    assert known_at(tmp_path, NOW) == []
    told = dossier(1)
    (found,) = known_at(archived(tmp_path, [told], [verdict(told)]), NOW)
    assert found.ruling is None


def test_a_dossier_that_was_changed_after_scoring_is_a_leak(tmp_path: Path) -> None:
    """Same id, other facts: the verdict's hash tells."""
    told = dossier(1)
    later = msgspec.structs.replace(
        told, liquidity=msgspec.structs.replace(told.liquidity, reserve=0.0)
    )
    root = archived(tmp_path, [later], [verdict(told)])
    with pytest.raises(Invalid, match="is not the dossier that was scored"):
        known_at(root, NOW)


def test_planted_leaks_are_refused_loudly() -> None:
    """Each way of knowing the future: dossier, score, ruling, horizon, word."""
    told = dossier(1)
    future = msgspec.structs.replace(told, at=NOW, age=1.0)
    early = msgspec.structs.replace(verdict(told), scored_at=told.at - timedelta(hours=1))
    planted = {
        "is of": case(1, facts=future),
        "was scored before": case(1, verdict=early),
        "has a ruling of": case(1, ruling=ruling(told, at=NOW + timedelta(seconds=1))),
        "before its horizon": case(1, ruling=ruling(told, at=told.at)),
        "person's word": case(1, said=(word(told, "rug", at=NOW),)),
    }
    guard([case(1)], NOW)
    for says, leak in planted.items():
        with pytest.raises(Invalid, match=says) as error:
            guard([case(0), leak], NOW)
        assert error.value.reason == "leak"


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    """One line, not a traceback of DuckDB's."""
    told = dossier(1)
    root = archived(tmp_path, [told], [verdict(told)])
    next(root.glob("heft.facts.v1/*/*/*.parquet")).write_bytes(b"no parquet")
    with pytest.raises(Invalid, match="cannot be read"):
        known_at(root, NOW)
