"""Teaches the model of posts that serving reads (``heft_model.scamtext``), and writes its bundle.

A HEFT text network (a small Qwen2, two of them) and a line on n-grams, weighed on folds that
neither was taught on, which also calibrates (``trainer.detectors``); then both are taught on
everything. Run:

    python -m trainer.scamtext TRAIN.jsonl FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from heft_model.architecture import HeftModel
from heft_model.graph import onnx_graph
from heft_model.scamtext import Words, grams
from streams.errors import Invalid
from trainer.detectors import held_out_and_new, weigh
from trainer.network import Network, NetworkSettings
from trainer.sources import janitr
from trainer.sources.table import Table

__all__ = ["Taught", "teach", "write"]

Floats = NDArray[np.float64]
SETTINGS = NetworkSettings(steps=150)
MEMBERS = 2
STRENGTH = 5.0
MOST_GRAMS = 40_000
"""N-grams that the line keeps: those that weigh most when all are known."""


class NGrams:
    """TF-IDF of n-grams and a line; the last pass knows only the grams that weigh most."""

    def __init__(self, table: Table) -> None:
        """Fit on ``table``."""
        first, line = _fitted(table.texts, table.labels, None)
        order = np.argsort(-np.abs(line.coef_[0]), kind="stable")[:MOST_GRAMS]
        names = first.get_feature_names_out()
        kept = sorted(str(names[place]) for place in order)
        self.vectorizer, self.line = _fitted(table.texts, table.labels, kept)

    def logits(self, table: Table) -> Floats:
        """One a row."""
        return np.asarray(self.line.decision_function(self.vectorizer.transform(table.texts)))


def _fitted(
    texts: list[str], labels: NDArray[np.bool_], vocabulary: list[str] | None
) -> tuple[TfidfVectorizer, LogisticRegression]:
    vectorizer = TfidfVectorizer(
        analyzer=grams, lowercase=False, sublinear_tf=True, vocabulary=vocabulary,
        **({} if vocabulary else {"min_df": 2}),
    )  # fmt: skip
    counted = vectorizer.fit_transform(texts)
    return vectorizer, LogisticRegression(C=STRENGTH, max_iter=2000).fit(counted, labels)


class Taught(NamedTuple):
    """Both parts, taught on everything, and how they are weighed."""

    networks: list[Network]
    ngrams: NGrams
    weights: Floats
    """Of the network, of the line, and a shift: to calibrated log odds."""


def teach(table: Table) -> Taught:
    """Teach on every row of ``table``."""
    makers: tuple[Any, ...] = (
        lambda rows, seed: Network(rows, SETTINGS, seed=seed),
        lambda rows, _: NGrams(rows),
    )
    held_out = [held_out_and_new(table, table, make).held_out for make in makers]
    weights = weigh(np.stack(held_out, axis=1), table.labels, table.weights)
    networks = [Network(table, SETTINGS, seed=seed) for seed in range(MEMBERS)]
    return Taught(networks, NGrams(table), weights)


def write(taught: Taught, folder: Path, card: dict[str, Any]) -> None:
    """The bundle that serving reads."""
    encoder = taught.networks[0].encoder
    line = taught.ngrams.vectorizer
    words = Words(
        edges=encoder.edges,
        words=encoder.words,
        first_word=encoder.first_word,
        most_words=SETTINGS.words,
        grams={name: int(place) for name, place in sorted(line.vocabulary_.items())},
        idf=[round(float(value), 5) for value in line.idf_],
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.json").write_bytes(msgspec.json.encode(words))
    (folder / "model.onnx").write_bytes(_graph(taught))
    (folder / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))


def _graph(taught: Taught) -> bytes:
    """The network's own graph, with the line, the weights and the sigmoid behind it."""
    model = onnx.load_model_from_string(
        onnx_graph(HeftModel(network.member for network in taught.networks))
    )
    graph, line = model.graph, taught.ngrams.line
    table = np.append(line.coef_[0], 0.0).astype(np.float32)  # the last one is padding's
    of_network, of_line, shift = (float(value) for value in taught.weights)
    constants: dict[str, NDArray[Any]] = {
        "table": table,
        "axis": np.array([1], dtype=np.int64),
        "bias": np.array(line.intercept_[0] * of_line + shift, dtype=np.float32),
        "of_network": np.array(of_network, dtype=np.float32),
        "of_line": np.array(of_line, dtype=np.float32),
    }
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    steps = (
        ("Gather", ["table", "grams"], "each"),
        ("Mul", ["each", "weights"], "weighed"),
        ("ReduceSum", ["weighed", "axis"], "line"),
        ("Mul", ["line", "of_line"], "line_part"),
        ("Mul", ["logit", "of_network"], "network_part"),
        ("Add", ["line_part", "network_part"], "parts"),
        ("Add", ["parts", "bias"], "log_odds"),
        ("Sigmoid", ["log_odds"], "odds"),
    )
    for op, names, output in steps:
        more: dict[str, Any] = {"keepdims": 0} if op == "ReduceSum" else {}
        graph.node.append(helper.make_node(op, names, [output], **more))
    graph.input.extend(
        helper.make_tensor_value_info(name, kind, ["b", "k"])
        for name, kind in (("grams", TensorProto.INT64), ("weights", TensorProto.FLOAT))
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("odds", TensorProto.FLOAT, ["b"]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def main() -> None:
    """Teach on the named file and write the named folder."""
    if len(sys.argv) != 3:
        raise Invalid("usage: python -m trainer.scamtext TRAIN.jsonl FOLDER", reason="usage")
    table = janitr.load(Path(sys.argv[1]))
    taught = teach(table)
    card = {
        "taught_on": "janitr train, MIT, github.com/janitrai/janitr a5b1e74",
        "rows": len(table), "scams": int(table.labels.sum()),
        "weights": {"network": float(taught.weights[0]), "ngrams": float(taught.weights[1]),
                    "shift": float(taught.weights[2])},
    }  # fmt: skip
    write(taught, Path(sys.argv[2]), card)


if __name__ == "__main__":
    main()
