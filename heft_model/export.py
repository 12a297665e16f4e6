"""Torch to ONNX, and the parity check that guards it.

A graph leaves this module only if the runtime gives what torch gives, on prompts of mixed length in
batches of several sizes, and gives each prompt the same whoever shares its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from heft_model.adapter import Adapter
from heft_model.architecture import HeftModel
from heft_model.graph import onnx_graph
from heft_model.session import OnnxModel
from streams.errors import Invalid

__all__ = ["BATCHES", "TOLERANCE", "export_adapted", "export_model", "parity", "torch_logits"]

TOLERANCE = 1e-4
"""Logits, as a share of those above 1, for up to four layers; rounding adds up with the square root
of the depth. Measured: about 3e-6 on nano, 1.5e-4 on a real Qwen2 of 24 layers."""

BATCHES = (1, 3, 8, 17)
Batch = list[list[int]]
Weights = dict[str, NDArray[Any]]


def export_model(model: HeftModel, *, weights: Weights | None = None) -> bytes:
    """The model as ONNX; raises ``Invalid`` when the graph does not give the model's numbers.

    A large model's bulky weights go into ``weights``.
    """
    data = onnx_graph(model, weights=weights)
    _check(model, parity(model, data, weights=weights))
    return data


def export_adapted(
    model: HeftModel, take_off: Callable[[], Adapter], *, weights: Weights | None = None
) -> tuple[bytes, Adapter]:
    """The model as a graph of its base alone, and what was learnt as that graph's other inputs.

    ``take_off`` gives the arrays and leaves the base as it was before teaching. Raises as
    ``export_model``.
    """
    batches = _batches(model)
    told = [torch_answers(model, rows) for rows in batches]
    adapter = take_off()
    data = onnx_graph(model, adapted=adapter, weights=weights)
    _check(model, _difference(batches, told, OnnxModel(data, adapter=adapter, weights=weights)))
    return data, adapter


def parity(
    model: HeftModel, data: bytes, *, seed: int = 0, weights: Weights | None = None
) -> float:
    """The largest difference in logits between torch and the graph, alone and in batches."""
    batches = _batches(model, seed)
    told = [torch_answers(model, rows) for rows in batches]
    return _difference(batches, told, OnnxModel(data, weights=weights))


def torch_logits(model: HeftModel, rows: Batch) -> list[float]:
    """What torch says of the rug, in full precision, without dropout."""
    return [logit for logit, *_ in torch_answers(model, rows)]


def torch_answers(model: HeftModel, rows: Batch) -> list[list[float]]:
    """The same, with the kinds' logits behind it."""
    was_training = model.training
    model.eval()
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    last = torch.tensor([len(row) - 1 for row in rows])
    with torch.no_grad():
        answers: list[list[float]] = model.answers(ids, last).tolist()
    model.train(was_training)
    return answers


def _check(model: HeftModel, difference: float) -> None:
    allowed = TOLERANCE * max(1.0, math.sqrt(model.config.num_hidden_layers / 4))
    if not difference <= allowed:  # also refuses NaN
        raise Invalid(
            f"the exported graph is {difference:.1e} logits off the model: nothing was written",
            reason="parity",
        )


def _batches(model: HeftModel, seed: int = 0) -> list[Batch]:
    """Prompts of mixed length, in batches of each size."""
    rng = np.random.default_rng(seed)
    longest = min(96, model.parts[0].max_length)
    words = model.parts[0].trunk.embed_tokens.num_embeddings
    return [
        [rng.integers(0, words, n).tolist() for n in rng.integers(1, longest + 1, size)]
        for size in BATCHES
    ]


def _difference(batches: list[Batch], told: list[list[list[float]]], runtime: OnnxModel) -> float:
    """The largest, of each row alone and of each batch; not a number if any is not."""
    worst = 0.0
    for rows, logits in zip(batches, told, strict=True):
        alone = np.array([answers for row in rows for answers in runtime.answers([row])])
        wanted = np.array(logits)
        with np.errstate(invalid="ignore"):  # infinities of a diverged model give NaN
            off = np.maximum(abs(wanted - np.array(runtime.answers(rows))), abs(wanted - alone))
            off = (off / np.maximum(1.0, abs(wanted))).max()
        worst = float(np.maximum(worst, off))  # np.maximum keeps NaN, max() loses it
    return worst
