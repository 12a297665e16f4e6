"""One row of the meter, measured in a process of its own."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import Qwen2Model, TrainerCallback

from heft_model.finetuned import FineTuned
from streams.errors import Invalid
from trainer.evaluate import Interval, judge
from trainer.finetune import HeftSettings, Teaching, fine_tune
from trainer.rows import Rows

__all__ = ["Clock", "Job", "Measured", "forget_peak", "measure", "peak"]

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


class Job(NamedTuple):
    """What a process is told to measure."""

    base: str
    data: str
    heft: HeftSettings
    teaching: Teaching
    threads: int
    work: str


class Measured(NamedTuple):
    """What one way of fine-tuning took, and what it gave."""

    auc: Interval
    step: float
    """Seconds of a step, the median."""
    work: float
    """CPU-seconds of a step, the median: what a busy machine moves least."""
    whole: float
    """Seconds of the whole run: choosing layers, keeping states, every step, the last save."""
    memory: float
    """MB above what the process held before the base."""
    resident: float
    """MB in all, torch and its libraries included."""
    saved: float
    """MB of tensors that one step's forward pass saves for its backward pass."""
    trained: int
    """Numbers that are trained."""
    energy: float
    unit: str
    """Of ``energy``: J of RAPL or NVML, or CPU s where nothing tells joules."""


def measure(job: Job) -> Measured:
    """Fine-tune as the job says, and say what it took."""
    torch.set_num_threads(job.threads)
    data = torch.load(job.data, weights_only=False)  # our own, written a minute ago
    taught, judged = (Rows(**side) for side in data["sides"])
    before = _resident()
    forget_peak()
    trunk = Qwen2Model.from_pretrained(job.base)
    table = trunk.embed_tokens.weight.detach().clone()
    clock, meter = Clock(), _Energy()
    started = time.perf_counter()
    tuned = fine_tune(
        trunk, table, taught, job.heft, job.teaching, data["noise"], Path(job.work),
        callbacks=[clock],
    )  # fmt: skip
    whole, energy, most = time.perf_counter() - started, meter.used(), peak()
    model = tuned.model
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    scores = _scores(model, judged)
    auc = judge(scores, judged.labels.bool().tolist()).auc
    if auc is None:
        raise Invalid("the judged launches are all of one outcome", reason="one-class")
    return Measured(
        auc=auc,
        step=float(np.median(clock.steps[2:])),
        work=float(np.median(clock.works[2:])),
        whole=whole,
        memory=most - before,
        resident=most,
        saved=_saved(model, taught, job),
        trained=trained,
        energy=energy,
        unit=meter.unit,
    )


class Clock(TrainerCallback):
    """Seconds of each step, and CPU-seconds."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.works: list[float] = []
        self._started = self._worked = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """A step starts."""
        self._started, self._worked = time.perf_counter(), time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """A step is done."""
        self.steps.append(time.perf_counter() - self._started)
        self.works.append(time.process_time() - self._worked)


class _Energy:
    """Joules where a meter can be read, else the seconds that all cores worked for us."""

    def __init__(self) -> None:
        self.unit, self._began = self._read()

    def used(self) -> float:
        return self._read()[1] - self._began

    @staticmethod
    def _read() -> tuple[str, float]:
        if torch.cuda.is_available():
            from pynvml import (  # noqa: PLC0415 - only where there is a card
                nvmlDeviceGetHandleByIndex,
                nvmlDeviceGetTotalEnergyConsumption,
                nvmlInit,
            )

            nvmlInit()
            return "J", nvmlDeviceGetTotalEnergyConsumption(nvmlDeviceGetHandleByIndex(0)) / 1e3
        try:
            return "J", int(RAPL.read_text()) / 1e6
        except (OSError, ValueError):
            return "CPU s", time.process_time()


@torch.no_grad()
def _scores(model: FineTuned, rows: Rows) -> list[float]:
    parts = torch.split(torch.arange(len(rows)), 64)
    logits = torch.cat([model(rows.ids[part], rows.last[part]) for part in parts])
    return torch.sigmoid(logits).tolist()


def _saved(model: FineTuned, rows: Rows, job: Job) -> float:
    """MB that autograd keeps between the passes of one step, weights not counted."""
    kept: dict[int, int] = {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage()
        if place.data_ptr() not in weights:
            kept[place.data_ptr()] = place.nbytes()
        return tensor

    ids, last = rows.ids[: job.teaching.batch], rows.last[: job.teaching.batch]
    if job.heft.checkpointing:
        model.trunk.activation_checkpointing_enable({"use_reentrant": False})
    half = job.heft.precision != "fp32"
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=half),
        saved_tensors_hooks(keep, lambda x: x),
    ):
        logits = model.train()(ids, last)
    del logits
    return sum(kept.values()) / 1e6


def _resident() -> float:
    if torch.cuda.is_available():
        return 0.0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def forget_peak() -> None:
    """Count the peak of memory from here on."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """MB that were held at most: of the process, or of torch on a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
