"""Pretrained bases: any Qwen2 or Qwen2.5, from the hub, a folder or a GGUF file.

Reading them is transformers' work; here is what may be wrong with one, said in a line before hours
of training find out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import structlog
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen2Model,
)
from transformers.utils import logging as transformers_logging

from streams.errors import Invalid

__all__ = ["Base", "check_base", "load_base"]

SPARE_ROWS = 1024
"""Embeddings that a model may have beyond its tokenizer's words: Qwen2 pads by 271 to 399."""

log = structlog.get_logger(__name__)


class Base(NamedTuple):
    """A pretrained trunk, and the tokenizer that it was trained with."""

    name: str
    trunk: Qwen2Model
    tokenizer: Any


def load_base(source: str, *, half: bool = False) -> Base:
    """The base that ``source`` names: a hub id, a folder, or a ``.gguf`` file.

    In fp32, or with ``half`` in bf16. Raises ``Invalid`` in one line when it cannot be had, is no
    Qwen2, holds NaN, or came with another model's tokenizer.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    dtype = torch.bfloat16 if half else torch.float32
    where, options = _place(source)
    try:
        config = AutoConfig.from_pretrained(where, **options)
        _check_kind(source, config)
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        trunk = _trunk(where, options, dtype)
    except Invalid:
        raise
    except Exception as error:  # a stranger's file: every reader has errors of its own
        line = str(error).strip().partition("\n")[0][:300] or type(error).__name__
        raise Invalid(f"base {source} cannot be loaded: {line}", reason="base") from error
    base = Base(source, trunk, tokenizer)
    check_base(base)
    log.info("base_loaded", base=source, layers=trunk.config.num_hidden_layers)
    return base


def check_base(base: Base) -> None:
    """Raises ``Invalid`` for weights that are not numbers, or a tokenizer that is another's."""
    for name, weight in base.trunk.named_parameters():
        if not torch.isfinite(weight).all():
            raise Invalid(f"base {base.name} holds NaN or infinity in {name}", reason="nan")
    rows, words = base.trunk.embed_tokens.num_embeddings, len(base.tokenizer)
    if not words <= rows <= words + SPARE_ROWS:
        raise Invalid(
            f"base {base.name} has {rows:,} words and its tokenizer {words:,}: it is another"
            " model's tokenizer",
            reason="tokenizer",
        )


def _place(source: str) -> tuple[str, dict[str, Any]]:
    """As transformers wants it: a GGUF is a file in a folder."""
    path = Path(source).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise Invalid(f"base {source} is not there", reason="base")
        return str(path.parent), {"gguf_file": path.name}
    return (str(path) if path.is_dir() else source), {}


def _check_kind(source: str, config: PreTrainedConfig) -> None:
    if not isinstance(config, Qwen2Config):
        raise Invalid(
            f"base {source} is a {config.model_type} model: HEFT needs Qwen2 or Qwen2.5",
            reason="base",
        )


def _trunk(where: str, options: dict[str, Any], dtype: torch.dtype) -> Qwen2Model:
    """Without the words' output layer, which is not asked for."""
    if options:  # packed weights can be neither trained nor merged
        options = options | {"quantization_config": GgufConfig(dequantize=True)}
    model = AutoModelForCausalLM.from_pretrained(where, dtype=dtype, **options)
    trunk: Qwen2Model = model.model.to(dtype)
    return trunk
