"""heft eval's parts: how sets are read, and what keeps the answer out of the teaching side."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from streams.errors import Invalid
from trainer.detectors import Boosting, held_out_and_new
from trainer.sides import checks_of, clusters, kept_apart, parted
from trainer.sources import janitr, tm_rugpull, trapdoor
from trainer.sources.table import Table


def token(place: int, **said: object) -> dict[str, object]:
    """A row of the trapdoor set."""
    return {
        "address": f"0x{place:040x}",
        "block_number": 1000 + place,
        "name": f"Coin {place}",
        "symbol": f"C{place}",
        "decimals": "18",
        "totalSupply": str(10**21 + place),
        "label": place % 2,
    } | said


def trapdoor_folder(folder: Path, rows: list[dict[str, object]], stem: str = "verified") -> Path:
    """A folder in the set's layout."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{stem}.parquet")
    return folder


def test_rows_of_the_future_and_of_both_sides_are_dropped(tmp_path: Path) -> None:
    """Of the teaching folder, nothing later than the first judged row or equal to one is kept."""
    early = trapdoor_folder(tmp_path / "a", [token(i) for i in range(100)])
    late = trapdoor_folder(tmp_path / "b", [token(5), *(token(i) for i in range(60, 120))])
    known, judged = trapdoor.load(early), trapdoor.load(late)
    with pytest.raises(Invalid, match="rows are left to teach"):
        kept_apart(known, judged)
    later = trapdoor_folder(tmp_path / "c", [token(i) for i in range(80, 140)])
    sides = kept_apart(known, trapdoor.load(later))
    assert (len(sides.train), sides.shared, sides.future) == (80, 20, 0)
    assert all(check.passed for check in checks_of(sides))


def test_a_column_that_knows_the_answer_fails_the_check(tmp_path: Path) -> None:
    """The leak check can fail: decimals that are the label are found."""
    rows = [token(i, decimals=str(9 + i % 2)) for i in range(120)]
    sides = parted(trapdoor.load(trapdoor_folder(tmp_path / "a", rows)))
    failed = [check.name for check in checks_of(sides) if not check.passed]
    assert failed == ["no single column knows the answer"]


def test_one_class_is_refused(tmp_path: Path) -> None:
    """A side with one outcome teaches and judges nothing, and it is said."""
    folder = trapdoor_folder(tmp_path / "a", [token(i, label=1) for i in range(120)])
    with pytest.raises(Invalid, match="only one class"):
        parted(trapdoor.load(folder))


def test_files_may_come_in_parts(tmp_path: Path) -> None:
    """verified_part1 and verified_part2 are read as one set, in block order."""
    trapdoor_folder(tmp_path / "a", [token(3)], "verified_part1")
    folder = trapdoor_folder(tmp_path / "a", [token(1)], "verified_part2")
    assert trapdoor.load(folder).times.tolist() == [1001, 1003]


def test_earlier_names_are_counted_before_the_row_alone(tmp_path: Path) -> None:
    """What comes after a token does not change what is known of it."""
    rows = [token(i, name="Same") for i in range(3)]
    table = trapdoor.load(trapdoor_folder(tmp_path / "a", rows))
    assert table.numbers[:, table.names.index("earlier_name")].tolist() == [0, 1, 2]


def test_fashion_is_what_came_before(tmp_path: Path) -> None:
    """How long ago the name was last used, of how many of the week, how often that day."""
    rows = [token(i, name="Same" if i % 2 else f"Other {i}") for i in range(4)]
    table = trapdoor.load(trapdoor_folder(tmp_path / "a", rows))
    told = table.numbers[:, [table.names.index(n) for n in ("name_gap", "name_day")]]
    assert np.isnan(told[:3, 0]).all()
    assert told[3].tolist() == [2, 1]
    week = table.numbers[:, table.names.index("name_week_share")]
    assert week[3] == pytest.approx(1 / 3)


def test_a_judged_folder_has_the_teaching_one_as_its_past(tmp_path: Path) -> None:
    """A token is known to be a copy in whichever folder the first one stands; never of a later."""
    early = trapdoor_folder(tmp_path / "a", [token(1, name="Same"), token(9, name="Same")])
    late = trapdoor_folder(tmp_path / "b", [token(5, name="Same")])
    table = trapdoor.load_after(late, early)
    assert table.numbers[:, table.names.index("earlier_name")].tolist() == [1]


def test_groups_are_joined_through_others() -> None:
    """Two rows that share nothing are of one group when a third shares with both."""
    found = clusters([frozenset("a"), frozenset("ab"), frozenset("b"), frozenset("c")])
    assert found[0] == found[1] == found[2] != found[3]


def test_comments_are_no_part_of_a_source() -> None:
    """Explorers write the day of verification there."""
    told = tm_rugpull.identifiers("/* Submitted 2021 */ contract Foo { // note\n uint total; }")
    assert told == ["contract", "Foo", "uint", "total"]


def test_leaky_columns_are_not_read(tmp_path: Path) -> None:
    """Changing every column of the end changes nothing of the table."""
    project = {"row": 1, "Project Title": "X", "class": "scam"}
    tables = []
    for value in (1.0, 9.0):
        row = project | dict.fromkeys(tm_rugpull.LEAKY, value)
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "projects.parquet")
        tables.append(tm_rugpull.load(tmp_path))
    np.testing.assert_equal(tables[0].numbers, tables[1].numbers)
    assert tables[0].texts == tables[1].texts


def test_a_broken_line_of_posts_is_told(tmp_path: Path) -> None:
    """One line says which file cannot be read."""
    (tmp_path / "posts.jsonl").write_text(json.dumps({"text": "a", "labels": []}) + "\n{")
    with pytest.raises(Invalid, match=r"posts\.jsonl cannot be read"):
        janitr.load(tmp_path)


def test_a_column_that_nothing_is_known_of_is_passed_over(tmp_path: Path) -> None:
    """Recordings without LP transfers or names leave whole columns empty; trees still grow."""
    table = trapdoor.load(trapdoor_folder(tmp_path / "a", [token(i) for i in range(80)]))
    numbers = table.numbers.copy()
    numbers[:, 0] = np.nan
    empty = msgspec.structs.replace(table, numbers=numbers)
    assert np.isfinite(Boosting(empty, bags=1).logits(empty)).all()


class Newest:
    """Says how new the newest row was that it was taught on."""

    def __init__(self, table: Table, _: int) -> None:
        self._newest = float(table.times.max())

    def logits(self, table: Table) -> np.ndarray:
        """As ``Detector``."""
        return np.full(len(table), self._newest)


def test_what_calibrates_was_forecast(tmp_path: Path) -> None:
    """Rows with times are judged by models of older ones alone, new rows by models of all."""
    table = trapdoor.load(trapdoor_folder(tmp_path / "a", [token(i) for i in range(80)]))
    scores = held_out_and_new(table, table, Newest)
    judged = np.isfinite(scores.held_out)
    assert judged.sum() >= 20
    assert (scores.held_out[judged] < table.times[judged]).all()
    assert (scores.new == table.times.max()).all()
