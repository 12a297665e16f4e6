"""A whole evaluation in small: taught, judged, told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from trainer.network import Network, NetworkSettings
from trainer.report_card import write_report
from trainer.scorecard import card_of, sides_of
from trainer.sources import janitr
from trainer.tasks import task_named

pytestmark = pytest.mark.train


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Posts that a reader tells apart at once."""
    folder = tmp_path / "posts"
    folder.mkdir()
    lines = [
        json.dumps(
            {
                "id": str(place),
                "text": f"free airdrop number {place} claim" if place % 2 else f"lunch {place} ok",
                "labels": ["scam"] if place % 2 else ["clean"],
            }
        )
        for place in range(120)
    ]
    (folder / "train.jsonl").write_text("\n".join(lines))
    return folder


def test_a_card_says_what_was_seen(posts: Path, tmp_path: Path) -> None:
    """An easy set is learnt, every row is scored once, the page and its plots are written."""
    task = task_named("janitr_social")._replace(network=NetworkSettings(width=16, steps=3))
    sides = sides_of(task, posts, None)
    card, rows = card_of(task, sides)
    assert card.auc > 0.95
    assert [row.id for row in rows] == sides.test.ids
    assert card.n == len(rows) == sides.test.labels.size
    assert "untuned base + logistic regression" in card.baselines
    write_report(tmp_path / "out", card, rows)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.md",
        "report.html",
        "precision.svg",
        "calibration.svg",
    }


def test_a_network_repeats(posts: Path) -> None:
    """The same folder gives the same scores."""
    table = janitr.load(posts)
    settings = NetworkSettings(width=16, steps=3)
    first, second = (Network(table, settings, seed=1).logits(table) for _ in range(2))
    assert first.tolist() == second.tolist()
