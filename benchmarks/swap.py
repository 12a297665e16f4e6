"""How long a change of version takes, and whether any verdict notices.

    python -m benchmarks.swap [--swaps 500]

Two versions over one base (a Qwen2 of 8 layers, width 256) differ in their adapters; the same two
merged differ in the whole graph. While two threads score without pause, versions are swapped; every
batch must be of one version, with the very scores that this version gives when nobody swaps.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import structlog
import torch
from transformers import Qwen2Config, Qwen2Model

from benchmarks.machine import describe
from benchmarks.scorer import NEVER, default_folder, dossiers_of, random_bundle
from heft_model.adapter import Adapter
from heft_model.architecture import HeftModel
from heft_model.bundle import Bundle
from heft_model.export import export_adapted, export_model
from heft_model.finetuned import FineTuned
from heft_model.knowledge import Knowledge
from heft_model.scorer import OnnxScorer
from streams.events import Facts, Verdict
from trainer.adapters import Adapters, AdapterSettings

LAYERS, WIDTH = 8, 256
CHOSEN = (5, 6, 7)


def main() -> None:
    """Measure both ways of swapping, then swap under load."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--swaps", type=int, default=500)
    swaps = parser.parse_args().swaps
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    torch.set_num_threads(1)
    dossiers = dossiers_of(default_folder())[:64]
    print(describe())
    _adapters(dossiers, swaps)
    _merged(dossiers, swaps)


def _adapters(dossiers: list[Facts], swaps: int) -> None:
    """Other arrays for the graph that is open."""
    pair = [random_bundle(partial(_made, seed=seed), dossiers) for seed in (0, 1)]
    scorer = OnnxScorer(pair[0], evidence=NEVER)
    scorer.prepare(pair[1])
    _say("adapters, prepared", _times(scorer, pair, swaps))
    fresh = OnnxScorer(pair[0], evidence=NEVER)
    started = time.perf_counter()
    fresh.swap(pair[1])
    _say("adapters, checked first", [1000 * (time.perf_counter() - started)])
    _load("adapters", scorer, pair, dossiers, swaps)


def _merged(dossiers: list[Facts], swaps: int) -> None:
    """Another graph: loaded, checked by its golden scores, and then served."""
    pair = [random_bundle(partial(_made, seed=seed, merged=True), dossiers) for seed in (0, 1)]
    scorer = OnnxScorer(pair[0], evidence=NEVER)
    _say("merged", _times(scorer, pair, 20))
    _load("merged", scorer, pair, dossiers, swaps)


def _say(name: str, times: Sequence[float]) -> None:
    print(
        f"{name}: a swap takes {np.median(times):.3f} ms in the median,"
        f" {np.quantile(times, 0.99):.3f} ms at the 99th percentile ({len(times)} swaps)",
        flush=True,
    )


def _load(
    name: str, scorer: OnnxScorer, pair: Sequence[Bundle], dossiers: list[Facts], swaps: int
) -> None:
    rate = _rate(scorer, dossiers)
    batches, wrong, times = _under_load(scorer, pair, dossiers, swaps)
    print(
        f"{name}: {rate:.0f} dossiers/s; {swaps} swaps under load, {batches:,} batches scored"
        f" meanwhile, {wrong} of them wrong",
        flush=True,
    )
    _say(f"{name}, under load", times)
    if wrong:
        raise SystemExit(1)


def _made(words: int, *, seed: int, merged: bool = False) -> tuple[bytes, HeftModel, Adapter]:
    """The same base whatever the seed, with other adapters."""
    torch.manual_seed(7)
    shape = Qwen2Config(
        vocab_size=64, hidden_size=WIDTH, intermediate_size=704, num_hidden_layers=LAYERS,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
    )  # fmt: skip
    member = FineTuned(Qwen2Model(shape), torch.randn(words, WIDTH), cut=CHOSEN[0]).eval()
    adapters = Adapters(member, CHOSEN, AdapterSettings(rank=16))
    torch.manual_seed(seed)
    member.knowledge = Knowledge(words, WIDTH)
    for name, weight in member.named_parameters():
        if ".lora_B." in name or name in ("head.weight", "knowledge.gate"):
            torch.nn.init.normal_(weight, std=0.05)
    model = HeftModel([member])
    if merged:
        adapters.merge()
        return export_model(model), model, {}
    data, adapter = export_adapted(model, adapters.take_off)
    return data, model, adapter


def _times(scorer: OnnxScorer, pair: Sequence[Bundle], swaps: int) -> list[float]:
    """Milliseconds of each swap."""
    times = []
    for turn in range(1, swaps + 1):
        started = time.perf_counter()
        scorer.swap(pair[turn % 2])
        times.append(1000 * (time.perf_counter() - started))
    return times


def _rate(scorer: OnnxScorer, dossiers: list[Facts]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(scorer.score, [dossiers[i : i + 16] for i in range(0, 64, 16)] * 2))
    return 2 * len(dossiers) / (time.perf_counter() - started)


def _under_load(
    scorer: OnnxScorer, pair: Sequence[Bundle], dossiers: list[Facts], swaps: int
) -> tuple[int, int, list[float]]:
    """Batches that were scored meanwhile, how many were not right, and each swap's milliseconds."""
    batch = dossiers[:4]
    told = {b.id: _numbers(OnnxScorer(b, evidence=NEVER).score(batch)) for b in pair}
    done, batches, wrong = threading.Event(), 0, 0

    def score_on() -> tuple[int, int]:
        scored = missed = 0
        while not done.is_set():
            verdicts = scorer.score(batch)
            names = {verdict.bundle for verdict in verdicts}
            right = len(names) == 1 and np.allclose(
                _numbers(verdicts), told[verdicts[0].bundle], atol=2e-6
            )
            scored, missed = scored + 1, missed + (not right)
        return scored, missed

    with ThreadPoolExecutor(2) as workers:
        running = [workers.submit(score_on) for _ in range(2)]
        times = []
        for turn in range(swaps):
            started = time.perf_counter()
            scorer.swap(pair[turn % 2])
            times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.002)
        done.set()
        for each in running:
            scored, missed = each.result()
            batches, wrong = batches + scored, wrong + missed
    return batches, wrong, times


def _numbers(verdicts: Sequence[Verdict]) -> list[float]:
    return [verdict.probability for verdict in verdicts]


if __name__ == "__main__":
    main()
