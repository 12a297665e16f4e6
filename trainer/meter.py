"""What each ingredient of HEFT saves and costs, measured at equal held-out quality.

rows       full fine-tuning in fp32 and with autocast; each ingredient alone; all that the
           author names together; adapters on chosen layers, as the presets of large bases have
           them; and our best recipe: the chosen layers' own weights, the last layer at the answer
           alone, autocast, no adapters
same       base, examples, steps, batch; each row in a process of its own
base       a Qwen2 that is first taught to predict the next word of older dossiers, which no
           row is taught or judged on; or any that is named
quality    AUC on launches later than any that were taught, one dossier a pool, with its 95 %
           bootstrap interval
memory     the process's peak resident memory during training, above what it held before the
           base was there; on a GPU, torch's own peak
energy     RAPL where the kernel tells it, NVML on a GPU; else CPU-seconds, and it is said
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch.nn import functional
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Model

from heft_model.finetuned import Sparsity
from heft_model.prompt import fit_lexicon, vocabulary
from heft_model.tokenizer import Words
from streams.errors import Invalid
from trainer.adapters import AdapterSettings
from trainer.dataset import Example, launched_before, split_by_launch
from trainer.finetune import HeftSettings, Teaching
from trainer.labels import is_drained
from trainer.meter_row import Job, Measured, measure
from trainer.noise import Noise
from trainer.presets import RecipeSettings
from trainer.rows import Rows, rows_of

__all__ = ["ROWS", "MeterSettings", "run_meter"]

FULL = HeftSettings(whole=True, layers=1, reach=1, knowledge=False, answer_only=False)
LORA = AdapterSettings(rank=16, alpha=32)
SPARSE = Sparsity(block=8, window=2, shared=4)
_replace = msgspec.structs.replace

ROWS: dict[str, HeftSettings] = {
    "full fp32": FULL,
    "full, autocast bf16": _replace(FULL, precision="bf16"),
    "LoRA alone": HeftSettings(
        adapters=LORA, layers=1, reach=1, knowledge=False, answer_only=False
    ),
    "chosen layers alone": _replace(FULL, layers=0.34, reach=0.34),
    "knowledge alone": _replace(FULL, knowledge=True),
    "checkpointing alone": _replace(FULL, checkpointing=True),
    "sparse attention alone": _replace(FULL, sparsity=SPARSE),
    "last layer at the answer alone": _replace(FULL, answer_only=True),
    "all together": HeftSettings(
        adapters=LORA, precision="bf16", checkpointing=True, sparsity=SPARSE, answer_only=False
    ),
    "adapters on chosen layers": HeftSettings(
        adapters=AdapterSettings(rank=16, rslora=True, plus=4), precision="bf16", half=True
    ),
    "best recipe": _replace(FULL, layers=0.34, reach=0.34, answer_only=True, precision="bf16"),
}
"""What is measured, the two that the rest is measured against first."""


class MeterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The size of a measurement."""

    width: int = 256
    layers: int = 6
    steps: int = 60
    batch: int = 32
    pretraining: int = 80
    """Steps of next-word prediction that make the base."""
    full_rate: float = 5e-4
    adapter_rate: float = 2e-3
    """Learning rates: what few numbers learn they must learn faster."""
    threads: int = 1
    seed: int = 0


def run_meter(
    examples: Sequence[Example],
    settings: MeterSettings,
    *,
    names: Sequence[str] = tuple(ROWS),
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Measured]:
    """Measure each row of ``names``; ``say`` hears what is going on.

    Raises ``Invalid`` when the examples are too few or of one outcome.
    """
    torch.set_num_threads(settings.threads)
    older, taught, judged = _parts(examples)
    lexicon = fit_lexicon([e.facts for e in older], RecipeSettings().facts)
    words = Words.of(vocabulary(lexicon))
    noise = Noise(lexicon, words, hidden=0.1, jitter=0.3)
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory(prefix="heft-meter-") as folder:
        say(f"teaching a base on {len(older):,} older dossiers")
        base = Path(folder) / "base"
        _pretrained(rows_of(older, lexicon, words), len(words), settings).save_pretrained(base)
        data = Path(folder) / "rows.pt"
        sides = [rows_of(side, lexicon, words) for side in (taught, judged)]
        torch.save(
            {"sides": [msgspec.structs.asdict(side) for side in sides], "noise": noise}, data
        )
        for name in names:
            say(f"{name}, {settings.steps} steps")
            found[name] = _alone(_job(base, data, ROWS[name], settings, Path(folder) / name))
    return found


def _parts(examples: Sequence[Example]) -> tuple[list[Example], list[Example], list[Example]]:
    """The older half, from which the base learns words; what is taught; what is judged, at 1 h."""
    split = split_by_launch(examples, launched_before(examples, 0.5))
    later = split_by_launch(split.later, launched_before(split.later, 0.6))
    judged = [e for e in later.later if e.facts.trigger == "1h" and not is_drained(e.facts)]
    judged = list({e.group: e for e in judged if e.facts.age <= 3600}.values())
    for part in (later.earlier, judged):
        if len({example.label for example in part}) < 2:
            raise Invalid("too few launches, or all of one outcome: give more", reason="one-class")
    return split.earlier, later.earlier, judged


def _pretrained(rows: Rows, words: int, settings: MeterSettings) -> Qwen2Model:
    """A small Qwen2 that knows what dossiers look like, and nothing of what came of them."""
    torch.manual_seed(settings.seed)
    shape = Qwen2Config(
        vocab_size=words,
        hidden_size=settings.width,
        intermediate_size=round(settings.width * 8 / 3 / 64) * 64,
        num_hidden_layers=settings.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        use_cache=False,
    )
    model = Qwen2ForCausalLM(shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(settings.seed)
    for step in range(settings.pretraining):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 20)
        ids = rows.ids[torch.from_numpy(rng.integers(0, len(rows), settings.batch))]
        logits = model(input_ids=ids[:, :-1]).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    trunk: Qwen2Model = model.model
    return trunk


def _job(base: Path, data: Path, heft: HeftSettings, settings: MeterSettings, work: Path) -> Job:
    teaching = Teaching(
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.full_rate if heft.whole else settings.adapter_rate,
        warmup=0.1,
        weight_decay=0.01,
        label_smoothing=0.03,
        kind_weight=0.3,
        checks=1,
        seed=settings.seed,
    )
    return Job(str(base), str(data), heft, teaching, settings.threads, str(work))


def _alone(job: Job) -> Measured:
    """In a fresh process, so that no row sees another's memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, job).result()
