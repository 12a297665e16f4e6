"""The fine-tune, from labelled dossiers to a bundle; reads top to bottom.

    1  weigh, and split by launch time: the oldest pools teach, the next (if any) stop the
       teaching, the newest calibrate; no pool is on two sides
    2  cut the facts into words (``heft_model.prompt``) on the teaching part alone
    3  teach each member of the ensemble: its own seed, order of data and draw of pools
    4  export to ONNX, which must give torch's numbers
    5  calibrate what was exported on the newest pools, choose the alert threshold
    6  teach again on everything, the newest included, by the same settings
    7  write the bundle: the weights of 6 with the curve and threshold of 5

Step 3 is either of two. A pretrained base is fine-tuned by ``trainer.finetune``, on as many
processes as ``torchrun`` started. Small networks are taught here, by a plain loop and not
``transformers.Trainer``: networks of a million numbers on words of a closed list need no sharding,
collator or callback, and every step can be repeated exactly, so that a killed run goes on where it
was and ends in the same bundle.

The enemy is overfitting: a few thousand launches against a million numbers. Against it stand
hidden facts, jittered bins, smooth neighbouring bins, dropout, weight decay, averaged weights,
early stopping and the ensemble; each is one number in ``RecipeSettings``.
"""

from __future__ import annotations

import copy
import hashlib
import math
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional

from heft_model.adapter import Adapter, Arrays
from heft_model.architecture import HeftMember, HeftModel, parameter_count
from heft_model.bundle import Golden, write_bundle
from heft_model.export import export_adapted, export_model
from heft_model.graph import is_large
from heft_model.prompt import Lexicon, fit_lexicon, render, vocabulary
from heft_model.session import OnnxModel
from heft_model.tokenizer import Words
from streams.errors import Invalid
from trainer.bases import load_base
from trainer.calibration import (
    answers_of,
    calibrate,
    calibrate_kinds,
    run_all,
    telling_words,
    window_of,
)
from trainer.dataset import (
    Example,
    check_examples,
    launched_before,
    shared_out,
    split_by_launch,
    weighed,
)
from trainer.finetune import HeftSettings, Shown, fine_tune, is_first_process
from trainer.labels import is_drained
from trainer.noise import Noise
from trainer.presets import RecipeSettings
from trainer.rows import Rows, heads_of, masked_loss, rows_of
from trainer.spelling import spelled

__all__ = ["Rehearsal", "train"]

log = structlog.get_logger(__name__)


def train(
    examples: Sequence[Example],
    settings: RecipeSettings,
    out_dir: Path,
    *,
    recordings: Sequence[str] = (),
    licence: str = "Apache-2.0",
    console: Console | None = None,
    rehearsed: Callable[[Rehearsal], None] = lambda _: None,
) -> Path:
    """Teach, export and calibrate a model, and return ``out_dir``, the new bundle's folder.

    ``rehearsed`` is told what the model of the older launches says of the newest, before it is
    taught on them; what it raises ends the run with nothing written.

    Run again after a kill, it goes on from the last check; it cleans up when it is done. Raises
    ``Invalid`` when the examples cannot teach or the export is off; then nothing is written. Under
    ``torchrun`` every process teaches, and the first alone calibrates and writes.
    """
    torch.set_num_threads(settings.threads)
    if out_dir.exists():
        raise Invalid(f"{out_dir} exists: a bundle is written once", reason="exists")
    check_examples(examples, now=datetime.now(UTC))

    # 1. Split by launch time, after weighing.
    examples = weighed(
        examples, drained=settings.drained, half_life=timedelta(days=settings.half_life_days)
    )
    examples = shared_out(examples, settings.sides)
    taught, stopping, newest = _split(examples, settings)

    work = out_dir.with_name(f".{out_dir.name}.work")
    speaks = is_first_process()
    with Progress(
        console=console or Console(stderr=True), transient=True, disable=not speaks
    ) as progress:
        # 2 to 4, on the older launches.
        model = _fit(taught, stopping, settings, work, progress)

        # 5. Calibrate what was exported, on launches that no weight has seen.
        live = [e for e in newest if e.told and not is_drained(e.facts)]
        rehearsal = run_all(model.runtime, model.encode(live))
        calibration, metrics = calibrate(
            live,
            rehearsal,
            precision=settings.precision,
            confidence=settings.confidence,
            smooth=settings.refit,
        )
        ahead = [e for e in newest if not e.told or not is_drained(e.facts)]
        curves, merits = calibrate_kinds(ahead, answers_of(model.runtime, model.encode(ahead)))
        calibration = msgspec.structs.replace(calibration, kinds=curves)
        metrics |= merits

        rehearsed(Rehearsal(live, rehearsal))

        # 6. Teach again, on everything.
        if settings.refit:
            model = _fit(examples, [], settings, work, progress)

    # 7. Write the bundle.
    if not speaks:
        return out_dir
    token_ids = model.encode(live)
    logits = run_all(model.runtime, token_ids)
    metrics |= {"parameters": float(model.parameters), "words": float(len(token_ids[0]))}
    manifest = write_bundle(
        out_dir,
        model=model.onnx,
        words=model.words,
        lexicon=model.lexicon,
        arrays=model.arrays,
        calibration=calibration,
        golden=Golden(
            token_ids=token_ids[:8],
            logits=logits[:8],
            telling=telling_words(model.runtime, token_ids, logits, model.words, model.lexicon),
        ),
        name=settings.name,
        window=window_of(examples, recordings),
        created=datetime.now(UTC),
        settings=msgspec.to_builtins(settings),
        metrics=metrics,
        licence=licence,
    )
    shutil.rmtree(work, ignore_errors=True)
    log.info("bundle_trained", bundle=manifest.id, **metrics)
    return out_dir


class Rehearsal(NamedTuple):
    """What was said of the newest launches by a model that had not seen them."""

    examples: list[Example]
    logits: list[float]


class Fitted(NamedTuple):
    """A model that has been taught and exported."""

    lexicon: Lexicon
    words: Words
    onnx: bytes
    arrays: Arrays
    runtime: OnnxModel
    parameters: int

    def encode(self, examples: Sequence[Example]) -> list[list[int]]:
        """The examples as the model reads them."""
        return self.words.encode([render(example.facts, self.lexicon) for example in examples])


def _fit(
    taught: Sequence[Example],
    stopping: Sequence[Example],
    settings: RecipeSettings,
    work: Path,
    progress: Progress,
) -> Fitted:
    # 2. Facts to words to ids.
    lexicon = fit_lexicon(
        [example.facts for example in taught],
        settings.facts,
        bins=settings.bins,
        name_chars=settings.name_chars,
        symbol_chars=settings.symbol_chars,
        entities=settings.entities,
    )
    words = Words.of(vocabulary(lexicon))
    rows, checked = rows_of(taught, lexicon, words), rows_of(stopping, lexicon, words)
    noise = Noise(
        lexicon, words, hidden=settings.hidden, jitter=settings.jitter, partial=settings.partial
    )

    # 3 and 4. Teach, and export with the parity check.
    if settings.heft is not None:
        return _fine_tuned(lexicon, words, rows, noise, settings, settings.heft, work, progress)
    members = []
    for index in range(settings.network.members):
        mine = _draw(rows, settings, index)
        save = work / f"{_fingerprint(settings, index, mine, checked)}.pt"
        members.append(_teach(mine, checked, settings, index, noise, save, progress))
    model = HeftModel(members).eval()
    onnx = export_model(model)
    runtime = OnnxModel(onnx, threads=settings.threads)
    return Fitted(lexicon, words, onnx, Arrays(), runtime, parameter_count(model))


# --- 1. split -----------------------------------------------------------------------------------


def _split(
    examples: Sequence[Example], settings: RecipeSettings
) -> tuple[list[Example], list[Example], list[Example]]:
    """Oldest, next and newest pools by launch; raises ``Invalid`` when a part cannot serve."""
    if len({example.group for example in examples}) < 8:
        raise Invalid("fewer than 8 pools teach nothing: give more recordings", reason="few")
    outer = split_by_launch(examples, launched_before(examples, 1 - settings.calibration))
    taught, stopping = outer.earlier, list[Example]()
    if settings.validation > 0:
        share = 1 - settings.validation / (1 - settings.calibration)
        inner = split_by_launch(taught, launched_before(taught, share))
        taught, stopping = inner.earlier, inner.later
    for name, part in (("oldest", taught), ("newest", outer.later)):
        if len({example.label for example in part if example.told}) < 2:
            raise Invalid(
                f"the {name} launches hold only one outcome: give more recordings",
                reason="one-class",
            )
    return taught, stopping, outer.later


# --- 3. teach: a pretrained base ---------------------------------------------------------------


def _fine_tuned(
    lexicon: Lexicon,
    words: Words,
    rows: Rows,
    noise: Noise,
    settings: RecipeSettings,
    heft: HeftSettings,
    work: Path,
    progress: Progress,
) -> Fitted:
    base = load_base(heft.base, half=heft.half)
    table = spelled(lexicon, base.tokenizer, base.trunk.embed_tokens.weight.detach())
    save = work / f"heft-{_fingerprint(settings, 0, rows)}"
    shown = [Shown(progress, settings.steps)]
    tuned = fine_tune(
        base.trunk, table, rows, heft, settings.teaching(), noise, save, callbacks=shown
    )
    trained = parameter_count(tuned.model)
    model = HeftModel([tuned.model]).eval()
    adapter: Adapter = {}
    weights: dict[str, NDArray[Any]] | None = {} if is_large(model) else None
    if heft.merged or tuned.adapters is None:
        if tuned.adapters is not None:
            tuned.adapters.merge()
        onnx = export_model(model, weights=weights)
    else:
        onnx, adapter = export_adapted(model, tuned.adapters.take_off, weights=weights)
    runtime = OnnxModel(onnx, threads=settings.threads, adapter=adapter, weights=weights)
    return Fitted(lexicon, words, onnx, Arrays(adapter, weights or {}), runtime, trained)


# --- 3. teach: small networks from nothing -------------------------------------------------------


def _draw(rows: Rows, settings: RecipeSettings, index: int) -> Rows:
    """A member's own examples: as many pools as there are, drawn with replacement."""
    if not settings.bootstrap or settings.network.members == 1:
        return rows
    rng = np.random.default_rng([settings.seed, index])
    count = int(rows.pools.max()) + 1
    times = np.bincount(rng.integers(0, count, count), minlength=count)[rows.pools.numpy()]
    chosen = torch.from_numpy(np.repeat(np.arange(len(rows)), times))
    return rows.taken(chosen)


def _teach(
    rows: Rows,
    checked: Rows,
    settings: RecipeSettings,
    index: int,
    noise: Noise,
    save: Path,
    progress: Progress,
) -> HeftMember:
    """One member, taught until its validation loss stops falling.

    Every draw of a step follows from the seed, the member and the step alone, so that a run that
    goes on from a checkpoint is the run that was never interrupted.
    """
    torch.manual_seed(settings.seed * 1000 + index)
    member = HeftMember(settings.network, noise.size, heads_of(rows))
    noise.order(member.trunk.embed_tokens.weight)
    mean = copy.deepcopy(member)
    optimizer = torch.optim.AdamW(_groups(member, settings), lr=settings.learning_rate)
    steps, every = settings.steps, max(1, settings.steps // settings.checks)
    odds = (rows.weights / rows.weights.sum()).double().numpy()
    state: dict[str, Any] = {"step": 0, "best": math.inf, "worse": 0, "kept": None}
    state |= _resume(save, member, mean, optimizer)
    task = progress.add_task(f"member {index + 1}", total=steps, completed=state["step"])

    while state["step"] < steps and state["worse"] <= settings.patience:
        step = state["step"]
        torch.manual_seed((settings.seed * 1000 + index) * 1_000_000 + step)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step / steps, settings.warmup)
        batch = _batch(odds, step, settings, index)
        loss = _loss(member, rows, batch, noise, settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimizer.step()
        _follow(mean, member, min(settings.average, (1 + step) / (10 + step)))
        state["step"] = step + 1
        progress.advance(task)
        if state["step"] % every == 0 or state["step"] == steps:
            _look(mean, checked, state)
            progress.update(task, description=f"member {index + 1}: loss {state['best']:.4f}")
            _store(save, state, member, mean, optimizer)

    mean.load_state_dict(state["kept"])
    log.info("member_taught", member=index, steps=state["step"], loss=round(state["best"], 4))
    return mean.eval()


def _groups(member: HeftMember, settings: RecipeSettings) -> list[dict[str, Any]]:
    """Weight decay pulls on matrices alone; norms and biases have no size to speak of."""
    matrices = [p for p in member.parameters() if p.ndim > 1]
    others = [p for p in member.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _schedule(done: float, warmup: float) -> float:
    """Rise in a line, fall as a cosine to nothing."""
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def _batch(odds: NDArray[np.float64], step: int, settings: RecipeSettings, index: int) -> Tensor:
    """The rows of a step, drawn by weight."""
    rng = np.random.default_rng([settings.seed, index, step])
    return torch.from_numpy(rng.choice(len(odds), settings.batch, p=odds / odds.sum()))


def _loss(
    member: HeftMember, rows: Rows, batch: Tensor, noise: Noise, settings: RecipeSettings
) -> Tensor:
    member.train()
    answers = member.answers(noise(rows.ids[batch]), rows.last[batch])
    loss = masked_loss(answers[:, 0], rows.labels[batch], settings.label_smoothing)
    if member.kinds:
        kinds = masked_loss(answers[:, 1:], rows.kinds[batch], settings.label_smoothing)
        loss = loss + settings.kind_weight * kinds
    return loss + settings.smoothness * noise.roughness(member.trunk.embed_tokens.weight)


@torch.no_grad()
def _follow(mean: HeftMember, member: HeftMember, decay: float) -> None:
    """Move the running mean of the weights."""
    for average, weight in zip(mean.parameters(), member.parameters(), strict=True):
        average.lerp_(weight, 1 - decay)


def _look(mean: HeftMember, checked: Rows, state: dict[str, Any]) -> None:
    """Keep the weights if they are the best so far; without validation, always."""
    loss = _validation_loss(mean, checked) if len(checked) else 0.0
    sound = all(bool(torch.isfinite(weight).all()) for weight in mean.parameters())
    if not (math.isfinite(loss) and sound):
        raise Invalid("the loss is not a number: lower the learning rate", reason="diverged")
    if loss < state["best"] or not len(checked):
        state |= {"best": loss, "worse": 0, "kept": copy.deepcopy(mean.state_dict())}
    else:
        state["worse"] += 1


@torch.no_grad()
def _validation_loss(member: HeftMember, rows: Rows) -> float:
    member.eval()
    parts = torch.split(torch.arange(len(rows)), 512)
    logits = torch.cat([member(rows.ids[part], rows.last[part]) for part in parts])
    known = torch.isfinite(rows.labels)
    weights = rows.weights[known]
    losses = functional.binary_cross_entropy_with_logits(
        logits[known], rows.labels[known], reduction="none"
    )
    return float((losses * weights).sum() / weights.sum())


def _fingerprint(settings: RecipeSettings, index: int, *parts: Rows) -> str:
    """What a checkpoint must have been made of to be gone on from."""
    digest = hashlib.sha256(msgspec.json.encode(settings))
    digest.update(torch.__version__.encode())
    for part in parts:
        for name in part.__struct_fields__:
            digest.update(getattr(part, name).numpy().tobytes())
    return f"member{index}-{digest.hexdigest()[:16]}"


def _store(
    path: Path,
    state: dict[str, Any],
    member: HeftMember,
    mean: HeftMember,
    optimizer: torch.optim.Optimizer,
) -> None:
    """A training checkpoint, whole or not at all."""
    states = {
        "member": member.state_dict(),
        "mean": mean.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state | states, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps a full disk in a RuntimeError
        raise Invalid(f"no checkpoint can be written in {path.parent}: {error}") from error


def _resume(
    path: Path, member: HeftMember, mean: HeftMember, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """The state of a run that was interrupted, or nothing."""
    if not path.exists():
        return {}
    saved: dict[str, Any] = torch.load(path, weights_only=True)
    for name, part in (("member", member), ("mean", mean), ("optimizer", optimizer)):
        part.load_state_dict(saved.pop(name))
    log.info("training_resumed", step=saved["step"])
    return saved
