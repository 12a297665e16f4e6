"""A whole Qwen2 base on the disk, made on the spot: tiny, random, with a tokenizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TEXT = ["the pool holds at most 10", "its creator will pull the rug", "98 % of the LP tokens burnt"]


def write_base(folder: Path, *, layers: int = 4, width: int = 32, words: int = 300) -> Path:
    """A base in the layout of the hub."""
    torch.manual_seed(0)
    tokenizer(words).save_pretrained(folder)
    Qwen2ForCausalLM(shape(layers=layers, width=width, words=words)).save_pretrained(folder)
    return folder


def shape(*, layers: int, width: int, words: int, **changes: Any) -> Qwen2Config:
    """A Qwen2 of that size."""
    return Qwen2Config(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        **changes,
    )


def tokenizer(words: int = 300) -> PreTrainedTokenizerFast:
    """Byte-level pairs, as Qwen2 has them, learnt from a few lines."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=words, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"],
            show_progress=False,
        ),
    )  # fmt: skip
    ready: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made, eos_token="<|endoftext|>"
    )
    return ready
