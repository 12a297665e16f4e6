"""An analyst's folder: one file of weights, read by transformers and by our own graph.

config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json
writer.onnx     the graph with a cache; it names the weights and holds none
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2ForCausalLM

from heft_model.claims import prompt_for
from heft_model.prompt import END, PAD
from heft_model.writer import GRAPH, Writer
from heft_model.writer_graph import writer_graph
from streams.errors import Invalid

__all__ = ["PIECES", "write_folder"]

PIECES = 192
"""Most of an analysis; the longest that is taught has about 150."""
OWN_SPELLING = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "auto_map": {"AutoTokenizer": [None, "none.None"]},
}
"""Why transformers takes ``tokenizer.json`` as it is: for a Qwen2 without a map it would take
Qwen2's own spelling instead. The map leads nowhere, and is not followed."""
TOLERANCE = 1e-3
"""Between torch and the graph, both in fp32, as a share of logits above 1."""


def write_folder(
    out: Path, model: Qwen2ForCausalLM, tokenizer: Tokenizer, *, settings: dict[str, Any]
) -> Path:
    """Write, read back and compare; a folder is there whole or not at all. Raises ``Invalid``."""
    staging = out.with_name(f".{out.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        _write(staging, model, tokenizer, settings)
        off = difference(staging, [prompt_for("A", "0x1", "no lock"), "Analyze", "a b c"])
        if not off <= TOLERANCE:  # also refuses NaN
            raise Invalid(f"the graph is {off:.1e} off the model: nothing written", reason="parity")
        staging.rename(out)
    except OSError as error:
        raise Invalid(f"{out} cannot be written: {error.strerror}", reason="write") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return out


def difference(folder: Path, prompts: list[str]) -> float:
    """The largest difference in logits between transformers and the graph, as ``TOLERANCE``."""
    writer = Writer(folder)
    rows = [writer.encode(prompt) for prompt in prompts]
    model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.train(mode=False)
    with torch.no_grad():
        told = [model(torch.tensor([row])).logits[0, -1].numpy() for row in rows]
    wanted = np.array(told)
    return float((np.abs(wanted - writer.logits(rows)) / np.maximum(1.0, np.abs(wanted))).max())


def _write(
    folder: Path, model: Qwen2ForCausalLM, tokenizer: Tokenizer, settings: dict[str, Any]
) -> None:
    model.to(torch.float16)  # type: ignore[arg-type]  # half the file; what serves computes in fp32 from these numbers
    graph = writer_graph(model)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=PIECES,
        do_sample=False,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    ).save_pretrained(folder)
    _add(folder / "tokenizer_config.json", OWN_SPELLING)
    (folder / GRAPH).write_bytes(graph)
    kept = {prop.key: prop.value for prop in onnx.load_from_string(graph).metadata_props}["kept"]
    more = {"dtype": "float32", "heft_kept": kept.split(" "), "heft_settings": settings}
    _add(folder / "config.json", more)


def _add(path: Path, told: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | told, indent=1) + "\n")
