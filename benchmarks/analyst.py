"""The analyst that ships: how often it is right, what orders do, and how long an analysis takes.

    python -m benchmarks.analyst

Times are of one thread, on the same prompts, beside transformers in the same run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.machine import describe
from heft_model.analyst import ANALYST, Analyst
from heft_model.claims import prompt_for
from heft_model.orders import read
from heft_model.writer import Writer

DATA = Path(__file__).parents[1] / "tests" / "data"
SETS = ("analyst_tuned", "analyst_styles", "analyst_tokens")
MOVES = 0.05
Row = dict[str, Any]


def main() -> None:
    """Print the figures."""
    print(describe())
    analyst = Analyst()
    for name in SETS:
        _right(analyst, name, _rows(name))
    _orders(analyst, [row["description"] for row in _rows("analyst_tuned")[::4]])
    _times(_rows("analyst_tokens"))


def _rows(name: str) -> list[Row]:
    lines = (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _right(analyst: Analyst, name: str, rows: Sequence[Row]) -> None:
    right = [
        (analyst.analyse(row["description"]).rug_probability >= 0.5) == (row["side"] == "rug")
        for row in rows
    ]
    print(f"{name}: right side for {sum(right)} of {len(right)}")


def _orders(analyst: Analyst, bases: Sequence[str]) -> None:
    lines = (DATA / "orders.txt").read_text("utf-8").split("\n")
    orders = [line for line in lines if line]
    ways: dict[str, Callable[[str, str], str]] = {
        "behind": lambda base, order: f"{base} {order}",
        "before": lambda base, order: f"{order.rstrip('.')}. {base}",
        "behind, without a full stop between": lambda base, order: f"{base.rstrip('.!')} {order}",
    }
    for way, joined in ways.items():
        clean = analyst.probabilities(
            [read(joined(b, "").strip(), analyst.is_known).text for b in bases]
        )
        moved = 0
        for order in orders:
            texts = [read(joined(base, order), analyst.is_known).text for base in bases]
            scores = analyst.probabilities(texts)
            moved += sum(abs(a - b) > MOVES for a, b in zip(scores, clean, strict=True))
        tried = len(orders) * len(bases)
        print(
            f"orders {way}: {moved} of {tried} ({100 * moved / tried:.2f} %) moved the score > .05"
        )


def _times(rows: Sequence[Row]) -> None:
    prompts = [prompt_for(row["name"], row["address"], row["description"]) for row in rows]
    writer = Writer(ANALYST)
    ours = [_timed(lambda p=prompt: writer.write([p])[0].text) for prompt in prompts]  # type: ignore[misc]
    _told("ours (ONNX Runtime)", ours)
    try:
        import torch  # noqa: PLC0415 - seconds, and absent without an extra
        from transformers import pipeline  # noqa: PLC0415
    except ImportError:
        print("transformers: not installed")
        return
    torch.set_num_threads(1)
    generator = pipeline("text-generation", model=str(ANALYST))
    theirs = [
        _timed(lambda p=prompt: generator(p, return_full_text=False)[0]["generated_text"])  # type: ignore[misc]
        for prompt in prompts
    ]
    _told("transformers", theirs)
    same = sum(a[1] == b[1] for a, b in zip(ours, theirs, strict=True))
    print(f"the same text for {same} of {len(prompts)}")


def _timed(write: Callable[[], str]) -> tuple[float, str]:
    started = perf_counter()
    text = write()
    return perf_counter() - started, text


def _told(what: str, runs: Sequence[tuple[float, str]]) -> None:
    seconds = [run[0] for run in runs]
    print(f"{what}: {1000 * median(seconds):.0f} ms an analysis, {1000 * max(seconds):.0f} at most")


if __name__ == "__main__":
    main()
