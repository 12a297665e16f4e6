"""One heft bench heft: examples of a recording, every row, and the page."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec
from rich.console import Console

from daemon.options import MeterOptions
from daemon.run import configure_quiet
from daemon.settings import Settings
from streams.errors import Invalid
from streams.recording import open_recording
from trainer.dataset import examples_from_recording

__all__ = ["meter"]


def meter(settings: Settings, folder: Path, options: MeterOptions) -> int:
    """Measure, and print the page; gives the exit code, 1 when the best recipe loses quality.

    Raises ``Invalid`` when the extra ``train`` is missing or the recording cannot teach.
    """
    configure_quiet(settings.log)
    try:
        from trainer.meter import ROWS, MeterSettings, run_meter
        from trainer.meter_report import lost, meter_page, write_meter_report
    except ImportError as error:
        raise Invalid("measuring needs more: pip install 'heft-monitor[cpu,train]'") from error
    unknown = set(options.row) - set(ROWS)
    if unknown:
        raise Invalid(f"no row {min(unknown)!r}: choose from {', '.join(ROWS)}", reason="usage")
    size = MeterSettings(
        width=options.width, layers=options.layers, steps=options.steps, batch=options.batch
    )
    console = Console(stderr=True)
    examples = examples_from_recording(open_recording(folder, limit_pools=options.pools))
    with console.status("measuring"):
        found = run_meter(examples, size, names=options.row or tuple(ROWS), say=console.print)
    head = (
        f"A Qwen2 of {size.layers} layers, width {size.width}, taught to predict the next word of"
        f" older dossiers; then {size.steps} steps of {size.batch} dossiers each, on"
        f" {len(examples):,} dossiers of {folder.resolve().name}; judged on the newest launches at"
        f" 1 h. `heft bench heft`."
    )
    machine = _machine()
    if options.report is not None:
        write_meter_report(options.report, found, head=head, machine=machine)
    if options.json:
        print(msgspec.json.encode({n: row._asdict() for n, row in found.items()}).decode())
    else:
        print(meter_page(found, head=head, machine=machine))
    best, full = found.get("best recipe"), found.get("full fp32")
    return int(best is not None and full is not None and lost(best, full))


def _machine() -> str:
    """One line on the machine and one on the versions."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "peft")
    )
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, Python {platform.python_version()}\n{versions}"
