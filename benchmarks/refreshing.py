"""What a refresh costs those who wait for a score: latency alone, and while one is taught.

    python -m benchmarks.refreshing [FOLDER of uniswap_v2_pool_events]

Dossiers are scored one at a time by the shipped champion, at a steady pace, first alone and then
beside a process of low priority with one thread that teaches the preset ``refresh`` on recorded
pools, as the role ``train`` does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

from benchmarks.machine import describe
from heft_model.registry import Registry
from heft_model.scorer import OnnxScorer
from streams.enrich.fold import Fold
from streams.events import Facts
from streams.recording import open_recording
from streams.replay import activity_from_rows

PER_SECOND = 25.0
ALONE_S = 30.0
POOLS = 1_000
NICE = 10
DEMO = Path(__file__).parents[1] / "daemon" / "recordings" / "demo"


def main() -> None:
    """Print both latencies and their ratio."""
    shared = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data"
    named = [each for each in sys.argv[1:] if not each.startswith("-")]
    folder = Path(named[0]) if named else shared / "uniswap_v2_pool_events"
    if "--teach" in sys.argv:
        _teach(folder)
        return
    print(describe())
    registry = Registry(Path("none"))
    scorer = OnnxScorer(registry.load(registry.champion()))
    dossiers = _dossiers()
    alone = _paced(scorer, dossiers, lambda took: took < ALONE_S)
    print(_told("alone", alone))
    command = [sys.executable, "-m", "benchmarks.refreshing", str(folder), "--teach"]
    began = perf_counter()
    with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}) as child:  # noqa: S603 - ourselves
        beside = _paced(scorer, dossiers, lambda _: child.poll() is None)
    print(_told("while a refresh runs", beside))
    ratio = np.quantile(beside, 0.99) / np.quantile(alone, 0.99)
    load = os.getloadavg()[0]
    print(f"p99 {ratio:.2f} times; teaching took {perf_counter() - began:.0f} s; load {load:.1f}")


def _teach(folder: Path) -> None:
    """The child: read some pools, teach, and leave nothing behind."""
    from trainer.dataset import examples_from_recording  # noqa: PLC0415 - torch, in the child alone
    from trainer.presets import read_recipe  # noqa: PLC0415
    from trainer.recipe import train  # noqa: PLC0415

    os.nice(NICE)
    examples = examples_from_recording(open_recording(folder, limit_pools=POOLS))
    with tempfile.TemporaryDirectory() as work:
        train(examples, read_recipe("refresh"), Path(work) / "made")


def _dossiers() -> list[Facts]:
    recording = open_recording(DEMO)
    fold = Fold()
    events = activity_from_rows(recording, recording.rows())
    return [facts for event in events for facts in fold.feed(event)]


def _paced(
    scorer: OnnxScorer, dossiers: list[Facts], goes_on: Callable[[float], bool]
) -> list[float]:
    """Milliseconds of each score, evidence included."""
    took, began = list[float](), perf_counter()
    for place, facts in enumerate(cycle(dossiers)):
        if not goes_on(perf_counter() - began):
            break
        sleep(max(0.0, began + place / PER_SECOND - perf_counter()))
        started = perf_counter()
        scorer.score([facts])
        took.append(1000 * (perf_counter() - started))
    return took


def _told(name: str, took: list[float]) -> str:
    half, most = np.quantile(took, [0.5, 0.99])
    return f"{name}: p50 {half:.1f} ms, p99 {most:.1f} ms of {len(took):,} scores"


if __name__ == "__main__":
    main()
