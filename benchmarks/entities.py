"""What naming entities is worth: traps of labelled codes told with and without words for them.

    HEFT_DATA_DIR=../shared python -m benchmarks.entities [--steps 150]

CRPWarner's labelled codes, four folds of whole families of like codes, the same small network on
the same rows: numbers of the code alone (size, functions, opcodes), or with words for selectors and
findings besides. Then the same with a frozen base of random weights, which reads a word it does not
know as it reads any other: there an entity is told by its learnt embedding alone, at the cut
(``heft_model.knowledge``). AUC of each kind over all folds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2Model

from benchmarks.machine import describe
from heft_model.architecture import HeftMember, NanoSettings
from heft_model.features import CODE
from heft_model.finetuned import FineTuned
from heft_model.kinds import HEADS
from heft_model.knowledge import Knowledge
from heft_model.prompt import fit_lexicon, vocabulary
from heft_model.tokenizer import Words
from trainer.dataset import Example
from trainer.rows import Rows, masked_loss, rows_of
from trainer.sources.crpwarner import load_codes

FOLDS, WIDTH, ENTITIES = 4, 48, 96
Made = Callable[[int], HeftMember | FineTuned]


def main() -> None:
    """Print each kind's AUC, with and without."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=150)
    steps = parser.parse_args().steps
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    torch.set_num_threads(1)
    folder = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data" / "crpwarner"
    first, last = datetime(2020, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
    examples = load_codes(folder, first, last)
    print(describe())
    print(f"{len(examples)} labelled codes, {steps} steps a fold")
    for name, made in (("taught from nothing", _fresh), ("frozen base", _based)):
        for entities in (0, ENTITIES):
            told = _judged(examples, entities, made, steps)
            print(f"{name}, {'with' if entities else 'without'} entities: {told}", flush=True)


def _judged(examples: Sequence[Example], entities: int, made: Made, steps: int) -> str:
    folds = np.array([_fold(example) for example in examples])
    scores = np.zeros((len(examples), len(HEADS)))
    for fold in range(FOLDS):
        chosen = folds == fold
        taught, judged = ([e for e, out in zip(examples, chosen, strict=True) if out == side]
                          for side in (False, True))  # fmt: skip
        lexicon = fit_lexicon([e.facts for e in taught], [f.name for f in CODE], entities=entities)
        words = Words.of(vocabulary(lexicon))
        model = _taught(made(len(words)), rows_of(taught, lexicon, words), steps)
        rows = rows_of(judged, lexicon, words)
        with torch.no_grad():
            scores[chosen] = model.answers(rows.ids, rows.last)[:, 1:].numpy()
    return ", ".join(
        f"{kind} {_auc(examples, scores[:, place], kind)}" for place, kind in enumerate(HEADS)
        if any(kind in example.kinds for example in examples)
    )  # fmt: skip


def _auc(examples: Sequence[Example], scores: NDArray[np.float64], kind: str) -> str:
    rows = [i for i, example in enumerate(examples) if kind in example.kinds]
    auc = roc_auc_score([examples[i].kinds[kind] for i in rows], scores[rows])
    return f"{auc:.3f} of {len(rows)}"


def _fold(example: Example) -> int:
    """Codes of one family bear one date."""
    return hashlib.sha256(str(example.facts.at).encode()).digest()[0] % FOLDS


def _fresh(words: int) -> HeftMember:
    torch.manual_seed(0)
    return HeftMember(NanoSettings(width=WIDTH, layers=2, ffn=96), words, HEADS)


def _based(words: int) -> FineTuned:
    torch.manual_seed(0)
    shape = Qwen2Config(
        vocab_size=8, hidden_size=WIDTH, intermediate_size=96, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, use_cache=False,
    )  # fmt: skip
    trunk = Qwen2Model(shape).requires_grad_(False)
    model = FineTuned(trunk, torch.randn(words, WIDTH), cut=1, kinds=HEADS, answer_only=True)
    model.knowledge = Knowledge(words, WIDTH)
    for layer in trunk.layers[1:]:
        layer.requires_grad_(True)
    return model


def _taught(
    model: HeftMember | FineTuned, rows: Rows, steps: int, batch: int = 64
) -> HeftMember | FineTuned:
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.05)
    model.train()
    for step in range(steps):
        torch.manual_seed(step)
        picked = torch.randint(0, len(rows), (batch,))
        loss = masked_loss(_answers(model, rows, picked), rows.kinds[picked], 0.05)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    return model.eval()


def _answers(model: HeftMember | FineTuned, rows: Rows, picked: Tensor) -> Tensor:
    return model.answers(rows.ids[picked], rows.last[picked])[:, 1:]


if __name__ == "__main__":
    main()
