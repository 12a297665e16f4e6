"""The analyst's training, from phrases to a folder that transformers and ONNX Runtime both read.

    1  write lessons (``trainer.analyst.corpus``) and learn to spell from them
    2  teach a small Qwen2 to write the analysis after its prompt; every lesson is new
    3  keep the running mean of its weights
    4  write the folder: weights once, read by transformers and by the graph

A plain loop, as for the small networks of ``trainer.recipe``, and for its reasons.
"""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
import torch
from rich.console import Console
from rich.progress import Progress
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2Config, Qwen2ForCausalLM

from heft_model.letters import learn_spelling
from streams.errors import Invalid
from trainer.analyst.corpus import Taught, taught
from trainer.analyst.folder import write_folder

__all__ = ["AnalystSettings", "read_settings", "teach_analyst"]

MAX_LENGTH = 1024
"""Pieces of prompt and analysis together."""
VERDICT_AT = 1
"""Place of the verdict's piece in an analysis; before it stands the mark of a capital."""
END_ID = 1

log = structlog.get_logger(__name__)


class AnalystSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a run depends on besides its phrases (``nano.toml`` says what each means)."""

    vocabulary: int = 3072
    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 352
    spelt_from: int = 12_000
    """Lessons that the vocabulary is learnt from."""
    steps: int = 1500
    batch: int = 24
    learning_rate: float = 2.5e-3
    warmup: float = 0.04
    weight_decay: float = 0.05
    dropout: float = 0.05
    hidden: float = 0.05
    verdict_weight: float = 6.0
    average: float = 0.995
    threads: int = 1
    seed: int = 0


def read_settings(path: Path | None = None) -> AnalystSettings:
    """The preset, or a TOML file like it; raises ``Invalid``."""
    path = path or Path(__file__).parent / "nano.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), AnalystSettings)
    except (OSError, ValueError) as error:  # msgspec's and tomllib's errors are ValueErrors
        raise Invalid(f"{path} is not an analyst's recipe: {error}", reason="setting") from error


def teach_analyst(settings: AnalystSettings, out: Path, *, console: Console | None = None) -> Path:
    """Teach an analyst and write the folder ``out``; raises ``Invalid`` when there is one."""
    if out.exists():
        raise Invalid(f"{out} exists: an analyst is written once", reason="exists")
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    spelt = islice(taught(settings.seed + 1), settings.spelt_from)
    tokenizer = learn_spelling((_told(lesson) for lesson in spelt), settings.vocabulary)
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        model = _taught(tokenizer, settings, progress)
    return write_folder(out, model, tokenizer, settings=msgspec.to_builtins(settings))


def _told(lesson: Taught) -> str:
    return lesson.prompt + _written(lesson)


def _written(lesson: Taught) -> str:
    """The verdict in the spelling that gives it its capitals back."""
    return lesson.analysis.replace("RUG:", "Rug:")


class _Batch(NamedTuple):
    ids: Tensor
    targets: Tensor
    weights: Tensor


def _batches(tokenizer: Tokenizer, settings: AnalystSettings) -> Iterator[_Batch]:
    """Lessons that nobody has seen, each batch of like length, without end."""
    lessons = taught(settings.seed + 2)
    draw = torch.Generator().manual_seed(settings.seed)
    while True:
        rows = [_row(tokenizer, lesson, settings) for lesson in islice(lessons, 8 * settings.batch)]
        rows.sort(key=lambda row: len(row[0]))
        parts = [rows[i : i + settings.batch] for i in range(0, len(rows), settings.batch)]
        for place in torch.randperm(len(parts), generator=draw).tolist():
            yield _padded(parts[place], tokenizer.get_vocab_size(), settings.hidden, draw)


def _row(
    tokenizer: Tokenizer, lesson: Taught, settings: AnalystSettings
) -> tuple[list[int], list[float]]:
    prompt = tokenizer.encode(lesson.prompt).ids
    analysis = [*tokenizer.encode(_written(lesson)).ids, END_ID]
    weights = [1.0] * len(analysis)
    weights[VERDICT_AT] = settings.verdict_weight
    return prompt + analysis, [0.0] * len(prompt) + weights


def _padded(
    rows: list[tuple[list[int], list[float]]], pieces: int, hidden: float, draw: torch.Generator
) -> _Batch:
    """A batch; a share ``hidden`` of what is only read is spoilt, and nothing that is written."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    weights = torch.zeros((len(rows), longest))
    for place, (row, weight) in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        weights[place, : len(row)] = torch.tensor(weight)
    spoilt = torch.rand(ids.shape, generator=draw) < hidden
    spoilt &= weights == 0
    other = torch.randint(2, pieces, ids.shape, generator=draw)
    return _Batch(torch.where(spoilt, other, ids)[:, :-1], ids[:, 1:], weights[:, 1:])


def _taught(
    tokenizer: Tokenizer, settings: AnalystSettings, progress: Progress
) -> Qwen2ForCausalLM:
    model = Qwen2ForCausalLM(_config(settings, tokenizer.get_vocab_size()))
    mean = copy.deepcopy(model)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
    )
    task = progress.add_task("analyst", total=settings.steps)
    model.train()
    for step, batch in enumerate(islice(_batches(tokenizer, settings), settings.steps)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step / settings.steps, settings.warmup)
        loss = _loss(model, batch, settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            decay = min(settings.average, (1 + step) / (10 + step))
            for average, weight in zip(mean.parameters(), model.parameters(), strict=True):
                average.lerp_(weight, 1 - decay)
        if not math.isfinite(value := loss.item()):
            raise Invalid("the loss is not a number: lower the learning rate", reason="diverged")
        progress.update(task, advance=1, description=f"analyst: loss {value:.3f}")
        if step % 100 == 0:
            log.info("analyst_step", step=step, loss=round(value, 4))
    mean.train(mode=False)
    return mean


def _loss(model: Qwen2ForCausalLM, batch: _Batch, settings: AnalystSettings) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        words = model.model.embed_tokens(batch.ids)
        words = functional.dropout(words, settings.dropout, training=True)
        hidden = model.model(inputs_embeds=words, use_cache=False).last_hidden_state
        written = batch.weights > 0  # what is only read has no loss, and needs no head
        logits = model.lm_head(hidden[written])
    losses = functional.cross_entropy(logits.float(), batch.targets[written], reduction="none")
    weights = batch.weights[written]
    loss: Tensor = (losses * weights).sum() / weights.sum()
    return loss


def _config(settings: AnalystSettings, vocabulary: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        intermediate_size=settings.ffn,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=END_ID,
        bos_token_id=None,
    )


def _schedule(done: float, warmup: float) -> float:
    """Rise in a line, fall as a cosine to nothing."""
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
