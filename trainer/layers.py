"""Which layers to train, by what each would contribute, measured and not chosen by hand.

The contribution of a layer is the length of the loss's gradient in its weights, summed over some
batches of the teaching rows: how fast the loss would fall if that layer were free to move. Only a
head is fitted first (a linear probe on the untouched base), for without one no gradient reaches the
trunk. Gradients are measured and dropped weight by weight, so that measuring a base takes no more
memory than holding it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from heft_model.finetuned import FineTuned
from streams.errors import Invalid

__all__ = ["choose_layers", "contributions", "fit_head"]

Batch = tuple[Tensor, Tensor, Tensor]
"""Ids ``[batch, time]``, each row's last index and label."""


def choose_layers(measured: Sequence[float], *, share: float, reach: float) -> list[int]:
    """The layers to train: ``share`` of all, those that contribute most among the top ``reach``.

    The backward pass runs from the answer down to the lowest chosen layer, so that a low one makes
    every layer above it dear, whether trained or not: ``reach`` is the share of depth that it may
    run through.
    """
    if not 0 < share <= reach <= 1:
        raise Invalid("of layers, 0 < share <= reach <= 1 must hold", reason="setting")
    depth = len(measured)
    count = max(1, round(share * depth))
    lowest = depth - max(count, math.ceil(reach * depth))
    ranked = sorted(range(lowest, depth), key=lambda layer: -measured[layer])
    return sorted(ranked[:count])


def contributions(model: FineTuned, batches: Sequence[Batch]) -> list[float]:
    """Each layer's share of the squared gradient, which sum to 1; the model is left as it was."""
    found = [0.0] * model.config.num_hidden_layers
    wanted = {id(p): p.requires_grad for p in model.parameters()}
    hooks = []
    for place, layer in enumerate(model.trunk.layers):
        for weight in layer.parameters():
            weight.requires_grad_(weight.ndim > 1)
            if weight.ndim > 1:
                hook = partial(_measure, found, place)
                hooks.append(weight.register_post_accumulate_grad_hook(hook))  # type: ignore[no-untyped-call]
    cut, model.cut = model.cut, 0
    try:
        for ids, last, labels in batches:
            loss = functional.binary_cross_entropy_with_logits(model.eval()(ids, last), labels)
            loss.backward()  # type: ignore[no-untyped-call]
    finally:
        model.cut = cut
        for hook in hooks:
            hook.remove()
        for weight in model.parameters():
            weight.requires_grad_(wanted[id(weight)])
            weight.grad = None
    total = sum(found)
    if not total > 0 or not math.isfinite(total):
        raise Invalid("the base gives no gradients that are numbers", reason="nan")
    return [each / total for each in found]


def _measure(found: list[float], place: int, weight: Tensor) -> None:
    if weight.grad is not None:
        found[place] += float(weight.grad.float().square().sum())
        weight.grad = None


@torch.no_grad()
def fit_head(model: FineTuned, batches: Sequence[Batch], *, strength: float = 0.01) -> None:
    """Fit the head to what the untouched base makes of some rows: where teaching begins.

    A linear probe first keeps fine-tuning from bending good features to a random head (Kumar et al.
    2022, "LP-FT"). ``strength`` is the inverse of its regularisation.
    """
    answers = []
    model.eval()
    hook = model.dropout.register_forward_pre_hook(lambda _, args: answers.append(args[0]))
    try:
        for ids, last, _ in batches:
            model(ids, last)
    finally:
        hook.remove()
    states = torch.cat(answers).double().cpu().numpy()
    labels = torch.cat([labels for *_, labels in batches]).cpu().numpy()
    if len(np.unique(labels)) < 2:
        raise Invalid("the rows hold only one outcome: they teach nothing", reason="one-class")
    scaler = StandardScaler().fit(states)
    probe = LogisticRegression(C=strength, max_iter=500).fit(scaler.transform(states), labels)
    weight = probe.coef_[0] / scaler.scale_
    model.head.weight[0] = torch.from_numpy(weight)
    model.head.bias[0] = float(probe.intercept_[0] - weight @ scaler.mean_)
