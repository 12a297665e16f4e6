"""The parts of a HEFT detector, and what it must beat: each a row of scores from a table.

A stack is the network, trees (boosted, or a forest) and a linear model on the same inputs, weighed
together on rows that none of them was taught on by a logistic regression with weights of no
negative sign, which also calibrates [1]. Where rows have times, those are the newest, each judged
by models of what came before it, and new rows by models of everything: what is weighed is what will
be asked, a forecast. Elsewhere they are folds of whole groups, and new rows get the mean over the
folds' models.

[1] D. Wolpert, "Stacked generalization", Neural Networks 5 (1992); L. Breiman, "Stacked
    regressions", Machine Learning 24 (1996): weights that are not negative.
[2] P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from streams.errors import Invalid
from trainer.network import Network, NetworkSettings, untuned_states
from trainer.sides import clusters
from trainer.sources.table import Table, take

__all__ = [
    "Boosting", "Forest", "Linear", "Scores", "Stacked", "Trees", "held_out_and_new", "stacked",
    "untuned",
]  # fmt: skip

Floats = NDArray[np.float64]
Trees = Literal["boosting", "forest"]
FOLDS = 4
BLOCKS = 5
"""Of equal weight; the first two teach alone."""
AGAIN = 4
"""Models of everything that score new rows, each from a seed of its own."""
FELT = 0.01
"""A row that weighs less than this share of the heaviest is left out of a forest."""
LARGEST = 1e30
EPSILON = 1e-4


class Detector(Protocol):
    """What has been taught and says a logit a row."""

    def logits(self, table: Table) -> Floats:
        """One a row, higher for rugs."""
        ...


class Linear:
    """TF-IDF of the text's words, or the numbers' ranks where there is no text, and a line."""

    def __init__(self, table: Table, strength: float = 10.0) -> None:
        """Fit on ``table``."""
        self._reads_text = any(table.texts)
        first = (
            TfidfVectorizer(
                tokenizer=str.split,
                token_pattern=None,
                lowercase=False,
                sublinear_tf=True,
                min_df=2,
            )
            if self._reads_text
            else QuantileTransformer(n_quantiles=min(200, len(table)), output_distribution="normal")
        )
        line = LogisticRegression(C=strength if self._reads_text else 0.1, max_iter=2000)
        self._model = make_pipeline(first, line)
        self._model.fit(
            self._read(table), table.labels, logisticregression__sample_weight=table.weights
        )

    def logits(self, table: Table) -> Floats:
        """As ``Detector``."""
        return np.asarray(self._model.decision_function(self._read(table)), dtype=np.float64)

    def _read(self, table: Table) -> list[str] | Floats:
        return table.texts if self._reads_text else np.nan_to_num(table.numbers, nan=-1.0)


class Boosting:
    """Gradient boosted trees on the numbers; the mean of ``bags`` seeds."""

    def __init__(self, table: Table, *, seed: int = 0, bags: int = 2) -> None:
        """Fit on ``table``, but for columns that nothing is known of."""
        self._known = np.isfinite(table.numbers).any(axis=0)
        self._models = [
            HistGradientBoostingClassifier(
                max_iter=150,
                learning_rate=0.05,
                max_leaf_nodes=15,
                min_samples_leaf=15,
                l2_regularization=1.0,
                max_features=0.5,
                early_stopping=False,
                random_state=seed * 100 + bag,
            ).fit(table.numbers[:, self._known], table.labels, table.weights)
            for bag in range(bags)
        ]

    def logits(self, table: Table) -> Floats:
        """As ``Detector``."""
        found = [model.decision_function(table.numbers[:, self._known]) for model in self._models]
        return np.asarray(np.mean(found, axis=0), dtype=np.float64)


class Forest:
    """Extremely randomised trees on the numbers: smoother than boosting where rows are few [2]."""

    def __init__(self, table: Table, *, seed: int = 0, trees: int = 300) -> None:
        """Fit on the rows of ``table`` that still weigh something; unknown values are a branch."""
        self._known = np.isfinite(table.numbers).any(axis=0)
        felt = table.weights > FELT * table.weights.max()
        self._model = ExtraTreesClassifier(
            trees, min_samples_leaf=8, max_features=0.35, n_jobs=2, random_state=seed
        )
        self._model.fit(self._read(table)[felt], table.labels[felt], table.weights[felt])

    def logits(self, table: Table) -> Floats:
        """As ``Detector``."""
        share = self._model.predict_proba(self._read(table))[:, 1].clip(0.005, 0.995)
        return np.asarray(np.log(share / (1 - share)), dtype=np.float64)

    def _read(self, table: Table) -> NDArray[np.float32]:
        known = np.nan_to_num(table.numbers[:, self._known], nan=-1.0)
        return np.clip(known, -LARGEST, LARGEST).astype(np.float32)


class Stacked(NamedTuple):
    """What a stack says of new rows, and how it came to it."""

    probabilities: Floats
    parts: dict[str, Floats]
    """Each part's own probabilities."""
    weights: dict[str, float]


class Scores(NamedTuple):
    """Logits of teaching rows by models that have not seen them (NaN: none has), and of the new."""

    held_out: Floats
    new: Floats


def stacked(
    train: Table,
    test: Table,
    settings: NetworkSettings,
    *,
    trees: Trees = "boosting",
    progress: Callable[[str], None] = lambda _: None,
) -> Stacked:
    """Teach and weigh the three parts on ``train``, score ``test``."""
    grown = Boosting if trees == "boosting" else Forest
    makers: dict[str, Callable[[Table, int], Detector]] = {
        "network": lambda rows, fold: Network(rows, settings, seed=fold),
        trees: lambda rows, fold: grown(rows, seed=fold),
        "linear": lambda rows, _: Linear(rows),
    }
    found: dict[str, Scores] = {}
    for name, make in makers.items():
        progress(f"teaching: {name}")
        found[name] = held_out_and_new(train, test, make)
    rows = train.judged & np.isfinite(found["linear"].held_out)
    held_out = np.stack([scores.held_out[rows] for scores in found.values()], axis=1)
    new = np.stack([scores.new for scores in found.values()], axis=1)
    labels, weights = train.labels[rows], train.weights[rows]
    together = weigh(held_out, labels, weights)
    return Stacked(
        probabilities=_probability(new, together),
        parts={
            name: _probability(new[:, [place]], weigh(held_out[:, [place]], labels, weights))
            for place, name in enumerate(found)
        },
        weights={name: float(together[place]) for place, name in enumerate(found)},
    )


def untuned(train: Table, test: Table, settings: NetworkSettings) -> Floats:
    """A line on what an untaught Qwen2 trunk makes of the rows: what teaching must beat."""
    known, new = untuned_states(train, (train, test), settings)
    line = LogisticRegression(C=0.1, max_iter=300).fit(known, train.labels, train.weights)
    return np.asarray(line.predict_proba(new)[:, 1], dtype=np.float64)


def weigh(logits: Floats, labels: NDArray[np.bool_], weights: Floats) -> Floats:
    """Weights of the columns, none negative, and a shift (last), by weighted log loss."""
    share, count = weights / weights.sum(), logits.shape[1]

    def loss(w: Floats) -> float:
        z = logits @ w[:count] + w[count]
        ridge = 1e-3 * float(np.square(w[:count] - 1 / count).sum())
        return float((share * (np.logaddexp(0, z) - labels * z)).sum()) + ridge

    start = np.append(np.full(count, 1 / count), 0.0)
    bounds = [(EPSILON, None)] * count + [(None, None)]
    return np.asarray(minimize(loss, start, bounds=bounds, method="L-BFGS-B").x, dtype=np.float64)


def _probability(logits: Floats, weights: Floats) -> Floats:
    z = logits @ weights[:-1] + weights[-1]
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), dtype=np.float64)


def held_out_and_new(train: Table, test: Table, make: Callable[[Table, int], Detector]) -> Scores:
    """What models made by ``make(rows, seed)`` say; raises ``Invalid`` when none can be taught."""
    timed = np.ptp(train.times) > 0
    return _forecast(train, test, make) if timed else _crossed(train, test, make)


def _forecast(train: Table, test: Table, make: Callable[[Table, int], Detector]) -> Scores:
    """Each of the newer blocks by a model of the older ones; new rows by models of all."""
    block = _blocks(train)
    held_out, new = np.full(len(train), np.nan), np.zeros(len(test))
    for turn in range(BLOCKS // 2, BLOCKS):
        chosen, past = block == turn, block < turn
        if chosen.any() and len(set(train.labels[past].tolist())) == 2:
            held_out[chosen] = make(take(train, past), turn).logits(take(train, chosen))
    if not np.isfinite(held_out).any():
        raise Invalid("the older rows hold only one class: nothing can be forecast from them")
    for seed in range(AGAIN):
        new += make(train, BLOCKS + seed).logits(test) / AGAIN
    return Scores(held_out, new)


def _crossed(train: Table, test: Table, make: Callable[[Table, int], Detector]) -> Scores:
    """Each fold by a model of the others; new rows by all of these models."""
    held_out, new = np.zeros(len(train)), np.zeros(len(test))
    fold_of = _folds(train)
    for fold in range(FOLDS):
        chosen = fold_of == fold
        model = make(take(train, ~chosen), fold)
        held_out[chosen] = model.logits(take(train, chosen))
        new += model.logits(test) / FOLDS
    return Scores(held_out, new)


def _folds(table: Table) -> NDArray[np.int64]:
    """Whole groups held out together."""
    cluster = clusters(table.groups)
    turn = np.random.default_rng(0).permutation(int(cluster.max()) + 1) % FOLDS
    return np.asarray(turn[cluster], dtype=np.int64)


def _blocks(table: Table) -> NDArray[np.int64]:
    """Blocks of time that weigh the same, oldest first; a group is where its oldest row is."""
    order = np.argsort(table.times, kind="stable")
    share = np.empty(len(table))
    share[order] = np.cumsum(table.weights[order]) / table.weights.sum()
    block = np.minimum((share * BLOCKS).astype(np.int64), BLOCKS - 1)
    cluster = clusters(table.groups)
    first = np.full(int(cluster.max()) + 1, BLOCKS)
    np.minimum.at(first, cluster, block)
    return np.asarray(first[cluster], dtype=np.int64)
