"""The same weights on every engine: logits a second on both cores, and one prompt alone.

    python -m benchmarks.engines

Eager is transformers as it comes; the stock export is torch's own exporter on ONNX Runtime as it
comes; OpenVINO reads that export, in fp32 and as it comes (which may be bf16). Each engine runs
with one worker a core or one worker on all cores, in batches of 1, 16 and 64, and its best counts.
What is not installed is said: pip install 'heft-monitor[bench]'.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structlog
import torch

from benchmarks.machine import describe
from heft_model.architecture import HeftMember, HeftModel, NanoSettings, parameter_count
from heft_model.export import export_model
from heft_model.session import OnnxModel

WORDS = 51
"""Of a real dossier: the shipped bundle's 49 facts and the two that open and close it."""
VOCABULARY = 700
ROWS = 192
SHAPES = {
    "nano, as shipped (width 64, 2 layers, 4 members)": NanoSettings(
        width=64, layers=2, ffn=128, members=4
    ),
    "width 256, 8 layers": NanoSettings(width=256, layers=8, ffn=704),
}
Prompts = list[list[int]]
Run = Callable[[Prompts], Sequence[float]]


class Speed(NamedTuple):
    """What an engine reached."""

    rate: float
    """Logits a second, the best of all ways."""
    way: str
    median: float
    """Milliseconds of one prompt alone, one thread."""
    p99: float
    off: float
    """Largest difference in logits from torch in fp32."""


def main() -> None:
    """Compare all engines on each shape."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    print(describe())
    for name, shape in SHAPES.items():
        compare(name, shape)


def compare(name: str, shape: NanoSettings) -> None:
    """One table: every engine on random weights of ``shape``."""
    torch.manual_seed(0)
    model = HeftModel(HeftMember(shape, VOCABULARY) for _ in range(shape.members)).eval()
    for part in model.parts:
        torch.nn.init.normal_(part.head.weight, std=0.3)
    rng = np.random.default_rng(0)
    prompts = rng.integers(1, VOCABULARY, (ROWS, WORDS)).tolist()
    told = np.array(_eager(model, 1)(prompts[:32]))
    print(f"\n{name}: {parameter_count(model):,} numbers, {WORDS} words a prompt")
    print(f"{'engine':<34} {'a second':>9} {'alone ms':>9} {'p99 ms':>7} {'off':>8}  best way")
    found: dict[str, Speed] = {}
    for engine, make in _engines(model):
        speed = _measured(make, prompts, told)
        found[engine] = speed
        print(
            f"{engine:<34} {speed.rate:>9.0f} {speed.median:>9.2f} {speed.p99:>7.2f}"
            f" {speed.off:>8.0e}  {speed.way}",
            flush=True,
        )
    _say(found)


def _say(found: dict[str, Speed]) -> None:
    ours, eager = found["HEFT on ONNX Runtime"].rate, found["transformers eager"].rate
    print(f"{ours / eager:.1f} times transformers eager", end="")
    stock = {k: v.rate for k, v in found.items() if "eager" not in k and not k.startswith("HEFT")}
    for engine, rate in stock.items():
        print(f", {ours / rate:.2f} times {engine}", end="")
    print()


def _engines(model: HeftModel) -> Iterator[tuple[str, Callable[[int], Run]]]:
    """Each engine by name, and how it is opened with so many threads."""
    ours = export_model(model)
    yield "HEFT on ONNX Runtime", lambda threads: OnnxModel(ours, threads=threads).run
    yield "transformers eager", lambda threads: _eager(model, threads)
    stock = _stock(model)
    if stock is None:
        print("(no onnxscript here: no stock export)")
        return
    yield "stock export on ONNX Runtime", lambda threads: _plain_ort(stock, threads)
    try:
        import openvino  # noqa: F401, PLC0415 - an extra of its own
    except ImportError:
        print("(no openvino here)")
        return
    yield "stock export on OpenVINO, fp32", lambda threads: _openvino(stock, threads, "f32")
    yield "stock export on OpenVINO", lambda threads: _openvino(stock, threads, None)


def _measured(make: Callable[[int], Run], prompts: Prompts, told: Any) -> Speed:
    cores = os.cpu_count() or 1
    best = (0.0, "")
    for workers, threads in ((cores, 1), (1, cores)):
        run = make(threads)
        for size in (1, 16, 64):
            rate = _rate(run, prompts, workers, size)
            best = max(best, (rate, f"{workers} x {threads} threads, batches of {size}"))
    alone = make(1)
    off = float(np.abs(np.array(alone(prompts[:32])) - told).max())
    times = []
    for prompt in (prompts * 2)[:300]:
        started = time.perf_counter()
        alone([prompt])
        times.append(1000 * (time.perf_counter() - started))
    return Speed(*best, float(np.median(times)), float(np.quantile(times, 0.99)), off)


def _rate(run: Run, prompts: Prompts, workers: int, size: int) -> float:
    """Prompts a second; the better of two goes, after a short one that warms up."""
    prompts = prompts[: 64 if size == 1 else ROWS]
    batches = [prompts[i : i + size] for i in range(0, len(prompts), size)]
    rates = []
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, batches[:4]))
        for _ in range(2):
            started = time.perf_counter()
            list(pool.map(run, batches))
            rates.append(len(prompts) / (time.perf_counter() - started))
    return max(rates)


def _eager(model: HeftModel, threads: int) -> Run:
    def run(prompts: Prompts) -> Sequence[float]:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            last = torch.tensor([len(prompt) - 1 for prompt in prompts])
            logits: list[float] = model(torch.tensor(prompts), last).tolist()
            return logits

    return run


def _stock(model: HeftModel) -> bytes | None:
    """Torch's own export of the same module, both axes free."""
    try:
        import onnxscript  # noqa: F401, PLC0415 - an extra of its own
    except ImportError:
        return None
    ids, last = torch.ones(3, 7, dtype=torch.int64), torch.full((3,), 6)
    rows = torch.export.Dim("rows", min=1, max=4096)
    words = torch.export.Dim("words", min=2, max=256)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "stock.onnx"
        torch.onnx.export(
            model, (ids, last), path, dynamo=True, verbose=False, external_data=False,
            input_names=["input_ids", "last"], output_names=["logit"],
            dynamic_shapes=({0: rows, 1: words}, {0: rows}),
        )  # fmt: skip
        return path.read_bytes()


def _plain_ort(data: bytes, threads: int) -> Run:
    import onnxruntime as ort  # noqa: PLC0415

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(prompts: Prompts) -> Sequence[float]:
        last = np.array([len(prompt) - 1 for prompt in prompts])
        (logits,) = session.run(None, {"input_ids": np.array(prompts), "last": last})
        found: list[float] = logits.tolist()
        return found

    return run


def _openvino(data: bytes, threads: int, precision: str | None) -> Run:
    import openvino as ov  # noqa: PLC0415

    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": os.cpu_count() if threads == 1 else 1,
        "ENABLE_CPU_PINNING": False,
    }
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    if threads == 1:
        settings["INFERENCE_NUM_THREADS"] = os.cpu_count()  # over all streams
    compiled = ov.Core().compile_model(ov.Core().read_model(data), "CPU", settings)

    def run(prompts: Prompts) -> Sequence[float]:
        last = np.array([len(prompt) - 1 for prompt in prompts])
        inputs = {"input_ids": np.array(prompts), "last": last}
        found: list[float] = compiled.create_infer_request().infer(inputs)[0].tolist()
        return found

    return run


if __name__ == "__main__":
    main()
