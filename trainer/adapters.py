"""Adapters on chosen layers, by peft: LoRA and its kin, and what they have learnt as plain arrays.

rslora     the change is scaled by 1/sqrt(rank): Kalajdzievski 2023
dora       length and direction of each row apart: Liu et al. 2024
pissa      begins at the weight's own first singular vectors: Meng et al. 2024
plus       LoRA+: the second factor learns ``plus`` times as fast: Hayou et al. 2024
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from heft_model.adapter import Adapter
from heft_model.finetuned import FineTuned
from streams.errors import Invalid

__all__ = ["AdapterSettings", "Adapters"]

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
NAME = "default"


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapters are."""

    rank: int = 16
    alpha: float = 32.0
    """The change is scaled by ``alpha / rank``, or ``alpha / sqrt(rank)`` with ``rslora``."""
    rslora: bool = False
    dora: bool = False
    pissa: bool = False
    plus: float = 1.0
    """How many times as fast the second factor learns. 1: plain LoRA."""
    targets: tuple[str, ...] = ATTENTION + FEED_FORWARD
    """Which weights of a chosen layer."""

    def __post_init__(self) -> None:
        """Refuse what peft would only notice later, or not at all."""
        unknown = set(self.targets) - set(ATTENTION + FEED_FORWARD)
        if unknown or not self.targets:
            raise Invalid(f"adapters cannot target {sorted(unknown)}", reason="setting")
        if self.rank < 1 or self.alpha <= 0 or self.plus <= 0:
            raise Invalid("rank, alpha and plus of adapters must be positive", reason="setting")


class Adapters:
    """The adapters of one model: put on when made; then taught, merged, or read as arrays."""

    def __init__(self, model: FineTuned, layers: Sequence[int], settings: AdapterSettings) -> None:
        """Put adapters on ``layers``; everything else of the trunk is frozen."""
        self._model = model
        pattern = rf"layers\.({'|'.join(map(str, layers))})\.\w+\.({'|'.join(settings.targets)})"
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,  # type: ignore[arg-type]  # it only divides by it
            use_rslora=settings.rslora,
            use_dora=settings.dora,
            # four rounds of the fast decomposition
            init_lora_weights="pissa_niter_4" if settings.pissa else True,  # type: ignore[arg-type]
            target_modules=pattern,
        )
        named = model.trunk.named_modules()
        matching = [name for name, _ in named if settings.pissa and re.fullmatch(pattern, name)]
        self._originals = {name: _weight(model.trunk, name) for name in matching}
        inject_adapter_in_model(config, model.trunk)
        for name, weight in model.trunk.named_parameters():
            if ".lora_" in name:  # over a base in bf16 they would be bf16 too
                weight.data = weight.data.float()
        # PiSSA takes what its adapter begins with out of the base; served adapters share one base,
        # so the beginning is taken out of the adapter instead.
        self._started = {site: _factors(layer) for site, layer in self._sites() if settings.pissa}

    def merge(self) -> None:
        """Write the adapters into the weights; raises ``Invalid`` when that gives no numbers."""
        for _, layer in self._sites():
            try:
                layer.merge(safe_merge=True)
            except ValueError as error:
                raise Invalid(f"the adapters hold no numbers: {error}", reason="nan") from error

    def take_off(self) -> Adapter:
        """What was learnt, as the inputs of a graph over the base; the base is as it was."""
        arrays: dict[str, Tensor] = {
            "words": self._model.trunk.embed_tokens.weight,
            "head.weight": self._model.head.weight.T,
            "head.bias": self._model.head.bias,
        }
        if self._model.knowledge is not None:
            arrays["knowledge"] = self._model.knowledge.table()
        for site, layer in self._sites():
            a, b = _factors(layer)
            if site in self._started:
                a0, b0 = self._started[site]
                a, b = torch.cat([a, a0], dim=1), torch.cat([b, -b0])
                layer.get_base_layer().weight.data.copy_(self._originals[_path(site)])
            arrays |= {f"{site}.a": a, f"{site}.b": b}
            if layer.use_dora[NAME]:
                arrays[f"{site}.m"] = _stretch(layer, a, b)
        return {k: v.detach().float().cpu().numpy().astype(np.float32) for k, v in arrays.items()}

    def _sites(self) -> Iterator[tuple[str, Any]]:
        """Each of peft's adapted weights by layer and name, such as ``3.q_proj``."""
        for name, module in self._model.trunk.named_modules():
            if isinstance(module, LoraLayer):
                _, layer, _, target = name.split(".")
                yield f"{layer}.{target}", module


def _factors(layer: Any) -> tuple[Tensor, Tensor]:
    """``[in, rank]`` and ``[rank, out]``, the scale in the second: x·a·b is what is added."""
    a, b = (part[NAME].weight.detach().clone() for part in (layer.lora_A, layer.lora_B))
    return a.T, b.T * layer.scaling[NAME]


def _stretch(layer: Any, a: Tensor, b: Tensor) -> Tensor:
    """DoRA: the learnt length of each row of the weight over the length that the change gave it."""
    became: Tensor = layer.get_base_layer().weight.float() + (a @ b).T
    learnt: Tensor = layer.lora_magnitude_vector[NAME].weight
    stretch: Tensor = learnt.flatten() / became.norm(dim=1)
    return stretch


def _weight(trunk: nn.Module, name: str) -> Tensor:
    module: Any = trunk.get_submodule(name)
    weight: Tensor = module.weight.detach().clone()
    return weight


def _path(site: str) -> str:
    layer, target = site.split(".")
    part = "self_attn" if target in ATTENTION else "mlp"
    return f"layers.{layer}.{part}.{target}"
