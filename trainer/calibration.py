"""What an exported model says of launches that it has not seen: its calibration and its merits.

The last steps of the recipe, apart from it because nothing here teaches: a probability curve and
an alert threshold from held-out pools, the metrics that a manifest states, and which words tell
most, for evidence to try first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from heft_model.bundle import Taught, Window
from heft_model.calibrate import (
    YOUNGEST_ALERT_S,
    Calibration,
    Curve,
    calibration_error,
    choose_threshold,
    fit_curve,
    log_loss,
    pool_maxima,
)
from heft_model.kinds import HEADS
from heft_model.prompt import Lexicon, unknown_word
from heft_model.session import OnnxModel
from heft_model.tokenizer import Words
from trainer.dataset import Example

__all__ = [
    "answers_of",
    "calibrate",
    "calibrate_kinds",
    "run_all",
    "telling_words",
    "window_of",
]

FEWEST_OF_A_KIND = 20


def run_all(runtime: OnnxModel, token_ids: Sequence[list[int]]) -> list[float]:
    """The rug's logit a row, in order."""
    return [logit for logit, *_ in answers_of(runtime, token_ids)]


def answers_of(runtime: OnnxModel, token_ids: Sequence[list[int]]) -> list[list[float]]:
    """The logits of the rug and of each kind, a row, in order."""
    parts = [token_ids[i : i + 64] for i in range(0, len(token_ids), 64)]
    return [answers for part in parts for answers in runtime.answers(part)]


def calibrate_kinds(
    examples: Sequence[Example], answers: Sequence[Sequence[float]]
) -> tuple[dict[str, Curve], dict[str, float]]:
    """A curve for each kind that these held-out examples can calibrate, and how well it is told.

    A kind with fewer than ``FEWEST_OF_A_KIND`` examples of either answer gets none, and is then not
    told: what nobody could check is no opinion.
    """
    curves: dict[str, Curve] = {}
    merits: dict[str, float] = {}
    heads = len(answers[0]) - 1 if answers else 0
    for place, kind in enumerate(HEADS[:heads], start=1):
        rows = [i for i, example in enumerate(examples) if kind in example.kinds]
        labels = np.array([float(examples[i].kinds[kind]) for i in rows])
        if min(labels.sum(), (1 - labels).sum()) < FEWEST_OF_A_KIND:
            continue
        logits = np.array([answers[i][place] for i in rows])
        groups = np.array([examples[i].group for i in rows])
        curves[kind], held_out = fit_curve(logits, labels, groups, smooth=True)
        merits |= {
            f"auc_{kind}": round(float(roc_auc_score(labels, logits)), 4),
            f"calibration_error_{kind}": round(calibration_error(held_out, labels), 4),
            f"judged_{kind}": float(len(rows)),
        }
    return curves, merits


def calibrate(
    live: Sequence[Example],
    logits: list[float],
    *,
    precision: float,
    confidence: float,
    smooth: bool,
) -> tuple[Calibration, dict[str, float]]:
    """The curve and threshold, and how well they did on pools held out from either.

    The threshold is a promise about dossiers old enough to be alerted on.
    """
    labels = np.array([float(example.label) for example in live])
    groups = np.array([example.group for example in live])
    curve, held_out = fit_curve(logits, labels, groups, smooth=smooth)
    old = np.array([example.facts.age >= YOUNGEST_ALERT_S for example in live])
    pools = pool_maxima(held_out[old], labels[old], groups[old])
    threshold = choose_threshold(*pools, precision=precision, confidence=confidence)
    error = calibration_error(held_out, labels)
    metrics = {"log_loss": log_loss(held_out, labels), "calibration_error": error}
    for trigger in ("5m", "1h", "6h", "24h"):
        at = np.array([example.facts.trigger == trigger for example in live])
        if len(set(labels[at])) == 2:
            scores = np.array(logits)[at]
            metrics[f"auc_{trigger}"] = float(roc_auc_score(labels[at], scores))
            metrics[f"ap_{trigger}"] = float(average_precision_score(labels[at], scores))
    metrics["alert_recall"] = threshold.rugged / max(1.0, float(pools[1].sum()))
    calibration = Calibration(
        curve=curve, threshold=threshold, error=error, pools=len(pools[0]), examples=len(live)
    )
    return calibration, {name: round(value, 4) for name, value in metrics.items()}


def telling_words(
    runtime: OnnxModel,
    token_ids: Sequence[list[int]],
    logits: Sequence[float],
    words: Words,
    lexicon: Lexicon,
) -> dict[str, float]:
    """How far hiding each word moves the logit, on the 96 riskiest dossiers; and each fact."""
    moved: dict[str, list[float]] = {}
    for i in np.argsort(logits)[-96:].tolist():
        row = token_ids[i]
        told = run_all(runtime, [_without(row, j, words, name) for j, name in _facts(lexicon)])
        for (j, name), logit in zip(_facts(lexicon), told, strict=True):
            for key in (words.word(row[j]), name):
                moved.setdefault(key, []).append(abs(logits[i] - logit))
    return {key: round(float(np.mean(values)), 4) for key, values in moved.items()}


def _facts(lexicon: Lexicon) -> list[tuple[int, str]]:
    """The place of each fact in a prompt: the first word only opens it."""
    return list(enumerate(lexicon.edges, start=1))


def _without(row: list[int], place: int, words: Words, name: str) -> list[int]:
    return [*row[:place], words.id(unknown_word(name)), *row[place + 1 :]]


def window_of(examples: Sequence[Example], recordings: Sequence[str]) -> Window:
    """Which launches this bundle has seen in any part, so that it never judges them."""
    examples = [example for example in examples if example.told]
    facts = [example.facts for example in examples]
    launches = [each.launched_at for each in facts]
    chains = sorted({each.chain for each in facts})
    return Window(
        recordings=tuple(recordings),
        chains=tuple(chains),
        by_chain={
            chain: _taught([e for e in examples if e.facts.chain == chain]) for chain in chains
        },
        first_block=min(each.block for each in facts),
        last_block=max(each.block for each in facts),
        first_launch_at=min(launches),
        last_launch_at=max(launches),
        pools=len({example.group for example in examples}),
        rugs=len({example.group for example in examples if example.label}),
        examples=len(examples),
    )


def _taught(examples: Sequence[Example]) -> Taught:
    return Taught(
        pools=len({example.group for example in examples}),
        rugs=len({example.group for example in examples if example.label}),
        examples=len(examples),
    )
