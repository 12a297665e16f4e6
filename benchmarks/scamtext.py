"""Scam texts: ours as it is served against TF-IDF + logistic regression, on janitr's own split.

Both are taught on janitr's train without what stands in its valid too, and judged on valid. Ours is
taught anew in this run, written as a bundle and read back by ONNX Runtime, so that what is judged
is what serves; the bundle that ships is judged beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.machine import describe
from heft_model.scamtext import BUNDLED, ScamText
from trainer.detectors import Linear
from trainer.evaluate import judge
from trainer.scamtext import teach, write
from trainer.sides import kept_apart
from trainer.sources import janitr

Floats = NDArray[np.float64]
DATA = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data" / "janitr_social"
RESAMPLES = 2_000


def main() -> None:
    """Print what was measured."""
    print(describe())
    sides = kept_apart(janitr.load(DATA / "train.jsonl"), janitr.load(DATA / "valid.jsonl"))
    train, valid = sides.train, sides.test
    lines = (DATA / "valid.jsonl").read_bytes().splitlines()
    raw = [msgspec.json.decode(line)["text"] for line in lines]
    left_out = f"{sides.shared} shared ones left out"
    print(f"taught on {len(train):,} posts ({left_out}), judged on {len(valid)}")
    with tempfile.TemporaryDirectory() as folder:
        write(teach(train), Path(folder), {})
        ours = _timed(ScamText(Path(folder)), raw)
    theirs = Linear(train).logits(valid)
    shipped = _timed(ScamText(BUNDLED), raw)
    for name, scores in (("ours, served", ours), ("TF-IDF + LR", theirs), ("the bundle", shipped)):
        found = judge(scores.tolist(), valid.labels.tolist())
        assert found.auc is not None
        assert found.ap is not None
        print(f"{name:14} AUC {found.auc.value:.3f} ({found.auc.low:.3f} to {found.auc.high:.3f})"
              f"  AP {found.ap.value:.3f} ({found.ap.low:.3f} to {found.ap.high:.3f})")  # fmt: skip
    for name, metric in (("AUC", roc_auc_score), ("AP", average_precision_score)):
        low, middle, high = _difference(metric, ours, theirs, valid.labels)
        print(f"ours - TF-IDF + LR, {name}: {middle:+.3f} ({low:+.3f} to {high:+.3f}), paired")


def _timed(model: ScamText, texts: list[str]) -> Floats:
    started = time.perf_counter()
    odds = np.array(model.odds(texts))
    print(f"  {len(texts) / (time.perf_counter() - started):,.0f} texts/s")
    return odds


def _difference(metric: object, ours: Floats, theirs: Floats, labels: NDArray[np.bool_]) -> Floats:
    rng = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < RESAMPLES:
        rows = rng.integers(0, len(labels), len(labels))
        if 0 < labels[rows].sum() < len(rows):
            found.append(metric(labels[rows], ours[rows]) - metric(labels[rows], theirs[rows]))  # type: ignore[operator]
    return np.asarray(np.quantile(found, [0.025, 0.5, 0.975]))


if __name__ == "__main__":
    main()
