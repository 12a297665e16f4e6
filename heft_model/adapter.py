"""An adapter as it is served: what a version has learnt over a base that it shares with others.

adapter.safetensors   the inputs of ``model.onnx`` besides the prompt, by their names:
    words [v, w]           the closed words as the base reads them
    knowledge [v, w]       what each adds at the first trained layer
    3.q_proj.a [in, r]     a low-rank change of one weight: x·a·b is added to its output
    3.q_proj.b [r, out]
    3.q_proj.m [out]       DoRA only: the length of each row over what the change made it
    head.weight, head.bias the answer
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from streams.errors import Invalid

__all__ = ["Adapter", "Arrays", "dump_adapter", "load_adapter"]

Adapter = Mapping[str, NDArray[Any]]


NOTHING: Adapter = MappingProxyType({})


class Arrays(NamedTuple):
    """What a graph is served with."""

    adapter: Adapter = NOTHING
    """What it is given besides prompts; empty when all is in it."""
    weights: Adapter = NOTHING
    """What it names and does not hold: an ONNX file ends at 2 GiB."""


def load_adapter(data: bytes, *, name: str = "adapter.safetensors") -> Adapter:
    """The arrays that ``dump_adapter`` wrote; raises ``Invalid`` for all else, NaN included.

    ``name`` is the file's, for the message.
    """
    try:
        arrays: dict[str, NDArray[Any]] = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise Invalid(f"{name} cannot be read: {error}", reason="adapter") from error
    for each, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise Invalid(f"{name}: {each} is not of finite float32 numbers", reason="adapter")
    return arrays


def dump_adapter(adapter: Adapter) -> bytes:
    """The file's bytes, the same for the same arrays."""
    return save({name: np.ascontiguousarray(adapter[name]) for name in sorted(adapter)})
