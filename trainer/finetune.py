"""Fine-tuning a pretrained base by HEFT: what is chosen, what is taught, and at what cost.

1  a head is fitted to the untouched base, and each layer's contribution is measured
2  adapters go on the layers that contribute most; below the lowest of them, the cut, nothing
   is trained, so nothing there needs a gradient
3  what the domain's words mean is learnt at the cut, behind a gate that starts at zero
4  hidden states below the cut are computed once and kept, when asked for
5  ``transformers.Trainer`` teaches the rest; under ``torchrun`` on as many processes as there
   are, each with its part of every batch
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import structlog
import torch
from rich.progress import Progress
from torch import Tensor, nn
from transformers import Qwen2Model, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from heft_model.finetuned import FineTuned, Sparsity
from heft_model.knowledge import Knowledge
from streams.errors import Invalid
from trainer.adapters import Adapters, AdapterSettings
from trainer.layers import choose_layers, contributions, fit_head
from trainer.noise import Noise
from trainer.rows import Rows, heads_of, masked_loss

__all__ = ["HeftSettings", "Shown", "Teaching", "TunedModel", "fine_tune", "is_first_process"]

Device = torch.device
PARTS = 64
"""Rows that are run at once where no gradient is kept."""
MEASURED_AT_ONCE = 8
"""Rows of one backward pass through the whole base: fewer than are taught at once, so that
measuring needs no more memory than teaching."""

log = structlog.get_logger(__name__)


class HeftSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a base is fine-tuned (the table ``[heft]`` of a preset)."""

    base: str = ""
    """A hub id, a folder or a .gguf file; a preset without one needs ``--base``."""
    whole: bool = False
    """Train the chosen layers' own weights instead of adapters on them. With ``layers = 1`` that is
    full fine-tuning, words included: what HEFT is measured against."""
    adapters: AdapterSettings = AdapterSettings()
    layers: float = 0.34
    """Share of the layers that are trained: those that contribute most, by measurement."""
    reach: float = 0.34
    """Share of the depth, from the top, that the backward pass may run through."""
    measured: int = 256
    """Examples by which layers are measured and the head is first fitted."""
    knowledge: bool = True
    """Learn an embedding a domain word, added at the first trained layer through a gate."""
    sparsity: Sparsity = Sparsity(window=0)
    checkpointing: bool = False
    """Compute hidden states twice rather than keep them: less memory, more time."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of matrix products while teaching (autocast). fp16 needs a GPU."""
    half: bool = False
    """Hold the frozen base in bf16; what is learnt stays fp32. Needs ``precision``."""
    kept: int = 0
    """Noised views of each example whose hidden states below the cut are computed once and kept on
    disk. 0: computed at every step, from noise that is always new."""
    answer_only: bool = True
    """Compute the last layer for the last word alone, where the answer is read."""
    dropout: float = 0.1
    merged: bool = True
    """Serve the adapters merged into the weights: fastest. Else as inputs of a graph that all
    versions over this base share: swapped in a moment, a little slower."""
    max_length: int = 256
    """Words in the longest prompt."""

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.half and self.precision == "fp32":
            raise Invalid("half needs precision bf16 or fp16", reason="setting")
        if self.whole and (self.half or not self.merged):
            raise Invalid("whole weights can be neither halved nor shared", reason="setting")
        if self.precision == "fp16" and not torch.cuda.is_available():
            raise Invalid("precision fp16 needs a GPU: take bf16 here", reason="setting")


class Teaching(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how fast, whatever is taught."""

    steps: int
    batch: int
    learning_rate: float
    warmup: float
    weight_decay: float
    label_smoothing: float
    kind_weight: float
    checks: int
    seed: int


class TunedModel(msgspec.Struct, frozen=True):
    """What fine-tuning gives."""

    model: FineTuned
    adapters: Adapters | None
    layers: list[int]
    """Those that were trained."""
    contributions: list[float]


def is_first_process() -> bool:
    """Whether this process is alone, or the one of ``torchrun``'s that writes and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def fine_tune(
    trunk: Qwen2Model,
    table: Tensor,
    rows: Rows,
    settings: HeftSettings,
    teaching: Teaching,
    noise: Noise,
    work: Path,
    *,
    callbacks: Sequence[TrainerCallback] = (),
) -> TunedModel:
    """Teach ``trunk``, which reads words by ``table``, to judge ``rows``; it is changed in place.

    Checkpoints go to the folder ``work``, and a run that was killed goes on from the last. Raises
    ``Invalid`` when rows or base cannot teach, the loss diverges, or nothing can be saved.
    """
    torch.manual_seed(teaching.seed)
    model = FineTuned(
        trunk,
        table,
        sparsity=settings.sparsity,
        dropout=settings.dropout,
        max_length=settings.max_length,
        answer_only=settings.answer_only,
        kinds=heads_of(rows),
    )
    card = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"  # torchrun gives each process its own
    device = Device(card if torch.cuda.is_available() else "cpu")
    model.to(device)
    adapters, layers, measured = None, list(range(len(trunk.layers))), list[float]()
    full = settings.whole and settings.layers == 1
    trunk.requires_grad_(full)
    with _halved(device, on=settings.half):
        batches = _sample(rows, settings.measured, teaching.seed, device)
        fit_head(model, batches)
        if not full:
            measured = contributions(model, batches)
            layers = choose_layers(measured, share=settings.layers, reach=settings.reach)
    if not full:
        model.cut = layers[0]
        log.info("layers_chosen", layers=layers, contributions=[round(x, 3) for x in measured])
    if settings.whole:
        for layer in layers:
            trunk.layers[layer].requires_grad_(True)
    else:
        adapters = Adapters(model, layers, settings.adapters)
    _add_knowledge(model, batches[0][0], settings)
    model.to(device)
    if settings.checkpointing:
        trunk.activation_checkpointing_enable({"use_reentrant": False})
    _teach(model, rows, settings, teaching, noise, work, callbacks)
    trunk.activation_checkpointing_disable()  # type: ignore[no-untyped-call]
    return TunedModel(model.cpu().float().eval(), adapters, layers, measured)


def _halved(device: Device, *, on: bool) -> torch.autocast:
    """Autocast that remembers no weight: one remembered without a gradient would keep none."""
    return torch.autocast(device.type, torch.bfloat16, enabled=on, cache_enabled=False)


def _sample(
    rows: Rows, size: int, seed: int, device: Device
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Some rows, drawn by weight, in parts."""
    rng = np.random.default_rng(seed)
    odds = (rows.weights * torch.isfinite(rows.labels)).double().numpy()
    drawn = rng.choice(len(rows), min(size, int((odds > 0).sum())), p=odds / odds.sum())
    parts = torch.split(torch.from_numpy(drawn), MEASURED_AT_ONCE)
    return [
        (*_trimmed(rows.ids[p], rows.last[p], device), rows.labels[p].to(device)) for p in parts
    ]


def _trimmed(ids: Tensor, last: Tensor, device: Device) -> tuple[Tensor, Tensor]:
    """Without the columns that are padding in every row."""
    return ids[:, : int(last.max()) + 1].to(device), last.to(device)


@torch.no_grad()
def _add_knowledge(model: FineTuned, ids: Tensor, settings: HeftSettings) -> None:
    """An embedding a word, spread as the hidden states that it joins."""
    if settings.knowledge:
        width, words = model.config.hidden_size, model.trunk.embed_tokens.num_embeddings
        with _halved(ids.device, on=settings.half):
            scale = float(model.below(ids).float().std())
        model.knowledge = Knowledge(words, width, scale=scale)


class _Taught(nn.Module):
    """The model as ``Trainer`` wants it: rows in, loss and logits out."""

    def __init__(self, model: FineTuned, smoothing: float, kind_weight: float) -> None:
        super().__init__()
        self.model = model
        self._smoothing, self._kind_weight = smoothing, kind_weight

    def forward(
        self,
        input_ids: Tensor,
        last: Tensor,
        labels: Tensor,
        kinds: Tensor,
        hidden: Tensor | None = None,
    ) -> dict[str, Tensor]:
        answers = self.model.answers(input_ids, last, hidden)
        loss = masked_loss(answers[:, 0], labels, self._smoothing)
        if self.model.kinds:
            told = masked_loss(answers[:, 1:], kinds, self._smoothing)
            loss = loss + self._kind_weight * told
        return {"loss": loss, "logits": answers[:, 0]}


Drawn = tuple[int, int]
"""A place in the whole run's draw, and the row that was drawn."""


class _Batches:
    """Drawn rows to a batch: noise, and the kept hidden states if there are any.

    The noise of a batch follows from its place in the run alone, whatever was drawn before, so that
    a run that goes on from a checkpoint is the run that was never interrupted.
    """

    def __init__(
        self, rows: Rows, noise: Noise, below: Tensor | None, views: Tensor | None, seed: int
    ) -> None:
        self._rows, self._noise, self._seed = rows, noise, seed
        self._below, self._views = below, views

    def __call__(self, drawn: list[Drawn]) -> dict[str, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed * 1_000_003 + drawn[0][0])
            return self._batch(torch.tensor([row for _, row in drawn]))

    def _batch(self, numbers: Tensor) -> dict[str, Tensor]:
        rows = self._rows
        end = int(rows.last[numbers].max()) + 1
        batch = {
            "last": rows.last[numbers],
            "labels": rows.labels[numbers],
            "kinds": rows.kinds[numbers],
        }
        if self._below is None or self._views is None:
            return batch | {"input_ids": self._noise(rows.ids[numbers, :end])}
        view = torch.randint(len(self._views), (len(numbers),))
        ids, hidden = self._views[view, numbers, :end], self._below[view, numbers, :end]
        return batch | {"input_ids": ids, "hidden": hidden}


class _Trainer(Trainer):
    """``Trainer`` that saves what is learnt and not the base, which does not change."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        model: Any = self.model
        learnt = {n for n, p in model.named_parameters() if p.requires_grad}
        state = state_dict or model.state_dict()
        super()._save(output_dir, {n: value for n, value in state.items() if n in learnt})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """The base is missing from a checkpoint on purpose."""


class Shown(TrainerCallback):
    """Progress on the terminal."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._task = progress, progress.add_task("fine-tuning", total=total)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Move the bar to the step that is done."""
        self._progress.update(self._task, completed=state.global_step)


def _teach(
    model: FineTuned,
    rows: Rows,
    settings: HeftSettings,
    teaching: Teaching,
    noise: Noise,
    work: Path,
    callbacks: Sequence[TrainerCallback],
) -> None:
    drawn = np.random.default_rng(teaching.seed + 1).choice(
        len(rows), teaching.steps * teaching.batch, p=_odds(rows)
    )
    if settings.kept and model.cut:  # of the rows that are drawn at all
        chosen, drawn = np.unique(drawn, return_inverse=True)
        rows = rows.taken(torch.from_numpy(chosen))
    views, below = _kept(model, rows, settings, noise, work)
    trainer = _Trainer(
        model=_Taught(model, teaching.label_smoothing, teaching.kind_weight),
        args=_arguments(settings, teaching, work),
        train_dataset=list(enumerate(drawn.tolist())),
        data_collator=_Batches(rows, noise, below, views, teaching.seed),
        optimizers=(torch.optim.AdamW(_groups(model, settings, teaching)), None),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train(resume_from_checkpoint=_last_checkpoint(work))
    except (OSError, RuntimeError) as error:
        if not _cannot_write(error):
            raise
        raise Invalid(f"no checkpoint can be written in {work}: {error}", reason="write") from error
    if not all(torch.isfinite(p).all() for p in model.parameters() if p.requires_grad):
        raise Invalid("the loss is not a number: lower the learning rate", reason="diverged")


def _last_checkpoint(work: Path) -> str | None:
    found: str | None = get_last_checkpoint(str(work)) if work.is_dir() else None  # type: ignore[no-untyped-call]
    return found


def _odds(rows: Rows) -> Any:
    odds = rows.weights.double().numpy()
    return odds / odds.sum()


def _arguments(settings: HeftSettings, teaching: Teaching, work: Path) -> TrainingArguments:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    return TrainingArguments(
        output_dir=str(work),
        max_steps=teaching.steps,
        per_device_train_batch_size=max(1, teaching.batch // processes),
        learning_rate=teaching.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(teaching.warmup * teaching.steps),
        max_grad_norm=1.0,
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        use_cpu=not torch.cuda.is_available(),
        save_strategy="steps",
        save_steps=max(1, teaching.steps // max(1, teaching.checks)),
        save_total_limit=1,
        seed=teaching.seed,
        data_seed=teaching.seed,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
    )


def _groups(model: FineTuned, settings: HeftSettings, teaching: Teaching) -> list[dict[str, Any]]:
    """Matrices decay, the rest does not; the second factor of an adapter may learn faster."""
    plus = settings.adapters.plus
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            rate = teaching.learning_rate * (plus if ".lora_B." in name else 1.0)
            decay = teaching.weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(weight)
    return [
        {"params": weights, "lr": rate, "weight_decay": decay}
        for (rate, decay), weights in groups.items()
    ]


# --- what does not change is computed once ------------------------------------------------------


@torch.no_grad()
def _kept(
    model: FineTuned, rows: Rows, settings: HeftSettings, noise: Noise, work: Path
) -> tuple[Tensor | None, Tensor | None]:
    """Noised ids ``[views, rows, longest]`` and their hidden states at the cut, in a file."""
    if not settings.kept or model.cut == 0:
        return None, None
    views = torch.stack([noise(rows.ids) for _ in range(settings.kept)])
    shape = (*views.shape, model.config.hidden_size)
    half = settings.precision != "fp32"
    below = _file(work, shape, torch.bfloat16 if half else torch.float32)
    device = model.head.weight.device
    order = torch.argsort(rows.last)
    for view in range(settings.kept):
        for part in torch.split(order, PARTS):
            end = int(rows.last[part].max()) + 1
            with _halved(device, on=half):
                found = model.eval().below(views[view, part, :end].to(device))
            below[view, part, :end] = found.to(below.dtype).cpu()
    return views, below


def _file(work: Path, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A tensor that lives in a file, which is gone when the process is."""
    path = work / f"below-{os.environ.get('RANK', '0')}.bin"
    bytes_needed = int(np.prod(shape)) * dtype.itemsize
    try:
        work.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, bytes_needed)  # or a full disk is a bus error
        found = torch.from_file(str(path), shared=True, size=int(np.prod(shape)), dtype=dtype)
    except OSError as error:
        raise Invalid(
            f"hidden states of {bytes_needed / 1e9:.1f} GB cannot be kept in {work}:"
            f" {error.strerror}; set kept = 0",
            reason="write",
        ) from error
    path.unlink()
    return found.view(*shape)


def _cannot_write(error: BaseException) -> bool:
    """Whether a disk is to blame: torch and safetensors wrap a full one in errors of their own."""
    told = ("write", "No space", "inline_container")  # the last is torch's own writer
    return isinstance(error, OSError) or any(word in str(error) for word in told)
