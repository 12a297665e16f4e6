"""Torch to ONNX, and the parity check that guards it.

A graph leaves this module only if the runtime gives what torch gives, on prompts of mixed length in
batches of several sizes, and gives each prompt the same whoever shares its batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from heft_model.architecture import HeftModel
from heft_model.graph import onnx_graph
from heft_model.session import OnnxModel
from streams.errors import Invalid

__all__ = ["BATCHES", "TOLERANCE", "export_model", "parity", "torch_logits"]

TOLERANCE = 1e-4
"""Logits. Measured on trained models: about 3e-6."""

BATCHES = (1, 3, 8, 17)


def export_model(model: HeftModel) -> bytes:
    """The model as ONNX; raises ``Invalid`` when the graph does not give the model's numbers."""
    data = onnx_graph(model)
    difference = parity(model, data)
    if not difference <= TOLERANCE:  # also refuses NaN
        raise Invalid(
            f"the exported graph is {difference:.1e} logits off the model: nothing was written",
            reason="parity",
        )
    return data


def parity(model: HeftModel, data: bytes, *, seed: int = 0) -> float:
    """The largest difference in logits between torch and the graph, alone and in batches."""
    rng = np.random.default_rng(seed)
    config = model.config
    longest = min(96, config.max_position_embeddings)
    runtime = OnnxModel(data)
    worst = 0.0
    for size in BATCHES:
        lengths = rng.integers(1, longest + 1, size)
        rows = [rng.integers(0, config.vocab_size, n).tolist() for n in lengths]
        told = np.array(torch_logits(model, rows))
        alone = np.array([logit for row in rows for logit in runtime.run([row])])
        with np.errstate(invalid="ignore"):  # infinities of a diverged model give NaN
            off = np.maximum(abs(told - np.array(runtime.run(rows))), abs(told - alone)).max()
        worst = float(np.maximum(worst, off))  # np.maximum keeps NaN, max() loses it
    return worst


def torch_logits(model: HeftModel, rows: list[list[int]]) -> list[float]:
    """What torch says, in full precision, without dropout."""
    was_training = model.training
    model.eval()
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    last = torch.tensor([len(row) - 1 for row in rows])
    with torch.no_grad():
        logits: list[float] = model(ids, last).tolist()
    model.train(was_training)
    return logits
