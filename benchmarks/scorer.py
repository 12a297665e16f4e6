"""Dossiers a second from facts to verdicts, by shape of the model, with and without evidence.

    python -m benchmarks.scorer [--bundle FOLDER] [FOLDER]

FOLDER is a recording (default: ``$HEFT_DATA_DIR/data/uniswap_v2_pool_events``), whose dossiers
are judged. Without ``--bundle`` the shapes that were considered are measured with random weights,
and the shipped champion if there is one. Evidence is measured at its dearest: for every verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
import torch

from benchmarks import engines
from benchmarks.machine import describe
from heft_model.adapter import Adapter, Arrays
from heft_model.architecture import HeftMember, HeftModel, NanoSettings, parameter_count
from heft_model.batcher import Batcher, BatcherSettings
from heft_model.bundle import Bundle, Golden, Window, load_bundle, write_bundle
from heft_model.calibrate import Calibration, Curve, Threshold
from heft_model.evidence import EvidenceSettings
from heft_model.export import export_model
from heft_model.features import FEATURES
from heft_model.prompt import fit_lexicon, render, vocabulary
from heft_model.registry import Registry
from heft_model.scorer import OnnxScorer
from heft_model.session import OnnxModel
from heft_model.tokenizer import Words
from streams.clock import SystemClock
from streams.enrich.fold import Fold
from streams.errors import Invalid
from streams.events import Facts
from streams.recording import open_recording
from streams.replay import activity_from_rows

SHAPES = {
    "width 128, 4 layers": NanoSettings(),
    "width 128, 4 layers, 5 members": NanoSettings(members=5),
    "width 64, 2 layers": NanoSettings(width=64, layers=2, ffn=128),
    "width 64, 2 layers, 5 members": NanoSettings(width=64, layers=2, ffn=128, members=5),
}
DOSSIERS = 1000
ALWAYS, NEVER = EvidenceSettings(floor=0.0), EvidenceSettings(floor=1e9)


def main() -> None:
    """Parse the command line, measure every bundle, print one row each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--bundle", type=Path)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    dossiers = dossiers_of(arguments.folder)
    print(describe())
    print(
        f"{'model':<34} {'words':>5} {'scores/s':>9} {'all explained/s':>16} {'one alone ms':>13}"
        f" {'p99 ms':>7}"
    )
    for name, bundle in _bundles(arguments.bundle, dossiers):
        words = len(bundle.words.encode([render(dossiers[0], bundle.lexicon)])[0])
        plain, explained = (_rate(bundle, dossiers, way) for way in (NEVER, ALWAYS))
        alone, worst = _alone(bundle, dossiers)
        print(
            f"{name:<34} {words:>5} {plain:>9.0f} {explained:>16.0f} {alone:>13.2f} {worst:>7.2f}",
            flush=True,
        )
    if arguments.bundle is None:
        for name, shape in engines.SHAPES.items():
            engines.compare(name, shape)


def dossiers_of(folder: Path) -> list[Facts]:
    """The first dossiers of a recording."""
    recording, fold = open_recording(folder, limit_pools=400), Fold()
    events = activity_from_rows(recording, recording.rows())
    found = (facts for event in events for facts in fold.feed(event))
    return list(itertools.islice(found, DOSSIERS))


def _bundles(path: Path | None, dossiers: Sequence[Facts]) -> Iterator[tuple[str, Bundle]]:
    if path is not None:
        yield path.name, load_bundle(path)
        return
    for name, shape in SHAPES.items():
        yield name, _random(shape, dossiers)
    try:
        registry = Registry(Path("none"))
        yield registry.champion(), registry.load(registry.champion())
    except Invalid:
        print("(no bundle ships yet)")


def _rate(bundle: Bundle, dossiers: Sequence[Facts], evidence: EvidenceSettings) -> float:
    """As the service scores: micro-batches from an event loop into one worker a core."""
    scorer = OnnxScorer(bundle, evidence=evidence)
    batcher = Batcher(
        scorer.score, clock=SystemClock(), settings=BatcherSettings(workers=os.cpu_count() or 1)
    )
    started = time.perf_counter()
    asyncio.run(_submit(batcher, dossiers))
    seconds = time.perf_counter() - started
    batcher.close()
    return len(dossiers) / seconds


async def _submit(batcher: Batcher, dossiers: Sequence[Facts]) -> None:
    for start in range(0, len(dossiers), 500):
        await batcher.submit(dossiers[start : start + 500])


def _alone(bundle: Bundle, dossiers: Sequence[Facts]) -> tuple[float, float]:
    """Milliseconds of one dossier by itself: the median, and the 99th percentile."""
    scorer = OnnxScorer(bundle, evidence=NEVER)
    times = []
    for facts in dossiers[:500]:
        started = time.perf_counter()
        scorer.score([facts])
        times.append(time.perf_counter() - started)
    times.sort()
    return 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.99)]


def _random(shape: NanoSettings, dossiers: Sequence[Facts]) -> Bundle:
    """A bundle of that shape that has learnt nothing: as fast as one that has."""

    def make(words: int) -> tuple[bytes, HeftModel, Adapter]:
        model = HeftModel(HeftMember(shape, words) for _ in range(shape.members)).eval()
        torch.nn.init.normal_(model.parts[0].head.weight)
        return export_model(model), model, {}

    return random_bundle(make, dossiers)


def random_bundle(
    make: Callable[[int], tuple[bytes, HeftModel, Adapter]], dossiers: Sequence[Facts]
) -> Bundle:
    """A bundle around what ``make`` gives for so many words: graph, model, adapter."""
    lexicon = fit_lexicon(dossiers, [row.name for row in FEATURES])
    words = Words.of(vocabulary(lexicon))
    rows = words.encode([render(facts, lexicon) for facts in dossiers[:2]])
    data, model, adapter = make(len(words))
    now = datetime.now(UTC)
    logits = OnnxModel(data, adapter=adapter).run(rows)
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(
            Path(folder) / "b",
            model=data,
            arrays=Arrays(adapter),
            words=words,
            lexicon=lexicon,
            calibration=_uncalibrated(),
            golden=Golden(token_ids=rows, logits=logits),
            name="random",
            window=Window(
                recordings=(), chains=(), first_block=0, last_block=0,
                first_launch_at=now, last_launch_at=now, pools=0, rugs=0, examples=0,
            ),
            created=now,
            settings={},
            metrics={"parameters": float(parameter_count(model))},
            licence="none",
        )  # fmt: skip
        return load_bundle(Path(folder) / "b")


def _uncalibrated() -> Calibration:
    return Calibration(
        curve=Curve(kind="platt", logits=(-1.0, 1.0), outputs=(-1.0, 1.0), tail=1.0),
        threshold=Threshold(
            value=0.5, precision=0.0, wanted=0.0, confidence=0.0, alerted=0, rugged=0
        ),
        error=0.0,
        pools=0,
        examples=0,
    )


def default_folder() -> Path:
    """The recording that is judged unless one is named."""
    shared = Path(os.environ.get("HEFT_DATA_DIR", "../shared"))
    return shared / "data" / "uniswap_v2_pool_events"


if __name__ == "__main__":
    main()
