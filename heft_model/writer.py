"""Prompts to text on ONNX Runtime: greedy or sampled, in batches, within a budget.

The folder is what transformers reads, and ``writer.onnx`` beside it: the same weights, from the
same file. A run reads all prompts at once, then writes a piece a row a step from the cache; a row
that has ended, or whose time or pieces are used up, writes no more. Safe to use from several
threads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from heft_model.providers import first_line, open_session
from streams.errors import Broken, Invalid

__all__ = ["Budget", "Sampling", "Writer", "Written"]

GRAPH, WEIGHTS = "writer.onnx", "model.safetensors"
Array = NDArray[Any]


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What one call may cost; whichever comes first ends it."""

    seconds: float = 5.0
    pieces: int = 192
    """Of text, a row."""


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next piece is drawn: at temperature 0 it is the likeliest."""

    temperature: float = 0.0
    top_k: int = 40
    """Only the so many likeliest are drawn from."""
    seed: int = 0


class Written(msgspec.Struct, frozen=True):
    """What became of one prompt."""

    text: str
    stopped: Literal["end", "pieces", "seconds"]
    """Whether it came to its end, or ran out of budget."""
    pieces: int


class Writer:
    """An open folder of weights, tokenizer and graph."""

    def __init__(self, folder: Path, *, threads: int = 1, provider: str = "cpu") -> None:
        """Open ``folder``; raises ``Invalid`` when it is no writer's."""
        try:
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            told = json.loads((folder / "config.json").read_text())
            graph = (folder / GRAPH).read_bytes()
            arrays: dict[str, Array] = load_file(folder / WEIGHTS)
            weights = {name: _joined(name, arrays) for name in told["heft_kept"]}
        except Exception as error:  # tokenizers raises bare Exception
            raise Invalid(
                f"{folder} is not an analyst: {first_line(error)}", reason="analyst"
            ) from error
        self._session = open_session(graph, weights, threads=threads, provider=provider)
        props = self._session.get_modelmeta().custom_metadata_map
        self._layers, self.longest = int(props["layers"]), int(props["max_length"])
        self._empty = (int(props["kv_heads"]), 0, int(props["head"]))
        self._end = int(told["eos_token_id"])

    def encode(self, prompt: str) -> list[int]:
        """The pieces of a prompt; raises ``Invalid`` for one that leaves no room to write."""
        ids: list[int] = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        if not 0 < len(ids) < self.longest:
            raise Invalid(
                f"a prompt of {len(ids)} pieces does not fit into {self.longest}", reason="context"
            )
        return ids

    def logits(self, rows: Sequence[Sequence[int]]) -> Array:
        """What may come after each row, ``[rows, vocabulary]``: one run, nothing written."""
        return _Run(self, rows).logits

    def write(
        self,
        prompts: Sequence[str],
        *,
        budget: Budget | None = None,
        sampling: Sampling | None = None,
    ) -> list[Written]:
        """A text a prompt, in order, within one budget for all. Raises ``Invalid``."""
        if not prompts:
            return []
        budget, sampling = budget or Budget(), sampling or Sampling()
        until = perf_counter() + budget.seconds
        rows = [self.encode(prompt) for prompt in prompts]
        most = min(budget.pieces, self.longest - max(map(len, rows)))
        rng = np.random.default_rng(sampling.seed)
        run = _Run(self, rows)
        out: list[list[int]] = [[] for _ in rows]
        ended = np.zeros(len(rows), dtype=bool)
        stopped: Literal["pieces", "seconds"] = "pieces"
        for step in range(most):
            pieces = _drawn(run.logits, sampling, rng)
            ended |= pieces == self._end
            for row in np.flatnonzero(~ended):
                out[row].append(int(pieces[row]))
            if ended.all() or step == most - 1:
                break
            if perf_counter() >= until:
                stopped = "seconds"
                break
            run.extend(pieces)
        return [
            Written(self.tokenizer.decode(ids), "end" if done else stopped, len(ids))
            for ids, done in zip(out, ended, strict=True)
        ]


class _Run:
    """The cache of one batch, and what may come next in each row."""

    def __init__(self, writer: Writer, rows: Sequence[Sequence[int]]) -> None:
        self._writer = writer
        self._lengths = np.array([len(row) for row in rows])
        longest = int(self._lengths.max())
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        steps = np.arange(longest)
        self._held = steps[None, :] < self._lengths[:, None]  # [b, n]: what is no padding
        seen = (steps[None, :] <= steps[:, None])[None, None].repeat(len(rows), 0)
        heads, _, size = writer._empty  # noqa: SLF001 - a part of it
        layers = writer._layers  # noqa: SLF001
        nothing = np.zeros((len(rows), heads, 0, size), dtype=np.float32)
        self._cache = [nothing] * (2 * layers)
        positions = np.broadcast_to(steps, ids.shape).astype(np.int64)
        self.logits = self._run(ids, positions, seen, self._lengths - 1)

    def extend(self, pieces: Array) -> None:
        """One more piece a row."""
        self._held = np.concatenate([self._held, np.ones((len(pieces), 1), dtype=bool)], axis=1)
        positions = self._lengths[:, None].astype(np.int64)
        self._lengths = self._lengths + 1
        nought = np.zeros(len(pieces), dtype=np.int64)
        self.logits = self._run(pieces[:, None], positions, self._held[:, None, None], nought)

    def _run(self, ids: Array, positions: Array, seen: Array, last: Array) -> Array:
        count = len(self._cache) // 2
        names = [f"{part}{i}" for i in range(count) for part in "kv"]
        feeds = {"input_ids": ids, "positions": positions, "seen": seen, "last": last}
        feeds |= dict(zip(names, self._cache, strict=True))
        wanted = ["logits", *(f"{name}'" for name in names)]
        logits, *self._cache = self._writer._session.run(wanted, feeds)  # noqa: SLF001
        if not np.isfinite(logits).all():
            raise Broken("the analyst gives no finite numbers: build it again")
        return np.asarray(logits)


def _drawn(logits: Array, sampling: Sampling, rng: np.random.Generator) -> Array:
    """The next piece of each row."""
    if sampling.temperature <= 0:
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)
    floor = np.sort(logits, axis=1)[:, -min(sampling.top_k, logits.shape[1])]
    scaled = np.where(logits < floor[:, None], -np.inf, logits) / sampling.temperature
    noise = rng.gumbel(size=scaled.shape)  # the largest of logits and Gumbel noise is a draw
    return np.asarray((scaled + noise).argmax(axis=1), dtype=np.int64)


def _joined(name: str, arrays: dict[str, Array]) -> Array:
    """The array that the graph calls ``name``: several matrices as one, turned; or one as it is."""
    parts = [arrays[part].astype(np.float32) for part in name.split("|")]
    whole = np.concatenate(parts)
    return np.ascontiguousarray(whole.T) if "_proj." in name else whole
