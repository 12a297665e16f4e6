"""A file of dossiers to a file of verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daemon.jobs.scoring import Refused, score_lines
from daemon.jobs.verdicts import in_order, write_verdicts
from heft_model.scorer import TableScorer
from streams.errors import Invalid
from streams.events import Facts, Verdict, encode
from tests.unit.heft_model.making import facts, many


class Picky(TableScorer):
    """Cannot read dossiers of one pool."""

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """Refuse the whole batch, as the real scorer does."""
        if any(dossier.pool == facts(3).pool for dossier in batch):
            raise Invalid("unreadable")
        return super().score(batch)


def test_every_line_is_answered_in_order() -> None:
    """Batches and workers do not change the order, and bad lines take their place."""
    lines = [encode(dossier) + b"\n" for dossier in many(40)]
    lines[7] = b"{nonsense\n"
    lines[20] = b"\n"
    answers = list(score_lines(lines, Picky({}), batch=4, workers=3))
    assert len(answers) == 39
    refused = {answer.line: answer.why for answer in answers if isinstance(answer, Refused)}
    assert set(refused) == {4, 8}
    assert refused[4] == "unreadable"
    told = [answer.pool for answer in answers if isinstance(answer, Verdict)]
    assert told == [dossier.pool for n, dossier in enumerate(many(40)) if n not in (3, 7, 20)]


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_give_an_answer(lines: list[bytes]) -> None:
    """Nothing in a file ends the run."""
    answers = list(score_lines(lines, TableScorer({}), batch=3, workers=2))
    assert len(answers) == sum(bool(line.strip()) for line in lines)


def test_verdicts_are_written_in_one_order(tmp_path: Path) -> None:
    """By moment, then pool: a file can be compared with another run's."""
    verdicts = TableScorer({}).score(many(9))
    shuffled = verdicts[5:] + verdicts[:5]
    path = tmp_path / "verdicts.jsonl"
    assert write_verdicts(path, shuffled) == 9
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["facts_id"] for each in written] == [each.facts_id for each in in_order(verdicts)]
    assert {"pool", "age", "probability", "bundle"} <= set(written[0])
