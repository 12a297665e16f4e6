"""The gates: who is better is promoted, who is not is refused with the figures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from trainer.promote import Judged, Limits, compare, first_failure, gates, is_worse

LIMITS = Limits()


def judged(
    champion: float, challenger: float, *, n: int = 200, chains: tuple[str, ...] = ("ethereum",)
) -> Judged:
    """Scores whose distance between the classes is as said, in standard deviations."""
    rng = np.random.default_rng(3)
    labels = np.arange(n) % 2 == 0
    noise = rng.normal(size=(2, n))
    old, new = (1 / (1 + np.exp(-(gap * (labels - 0.5) * gap + noise[i] * gap)))
                for i, gap in enumerate((champion, challenger)))  # fmt: skip
    return Judged(
        champion=old,
        challenger=new,
        labels=labels,
        pools=[f"p{i // 2}" if n > 400 else f"p{i}" for i in range(n)],
        slices={"chain": [chains[i // 2 % len(chains)] for i in range(n)]},
    )


def test_a_better_challenger_passes() -> None:
    """Clearly better on every measure and chain."""
    assert first_failure(gates(judged(0.5, 2.0), LIMITS)) is None


def test_an_equal_or_worse_one_is_refused_with_figures() -> None:
    """The same scores are not better; worse ones are said to be."""
    same = judged(1.0, 1.0)
    same = Judged(champion=same.champion, challenger=same.champion, labels=same.labels,
                  pools=same.pools, slices=same.slices)  # fmt: skip
    for pair in (same, judged(2.0, 0.5)):
        failed = first_failure(gates(pair, LIMITS))
        assert failed is not None
        assert failed.name == "better order (AUC)"
        assert "needed" in failed.found


def test_better_on_average_and_worse_on_one_chain_is_refused() -> None:
    """One chain's launches are judged the wrong way round."""
    pair = judged(0.3, 2.5, n=400, chains=("ethereum", "base", "bnb", "polygon"))
    on_bnb = np.array(pair.slices["chain"]) == "bnb"
    pair.challenger[on_bnb] = 1 - pair.challenger[on_bnb]
    made = gates(pair, LIMITS)
    assert next(g for g in made if g.name == "better order (AUC)").passed
    failed = first_failure(made)
    assert failed is not None
    names = {gate.name for gate in made if not gate.passed}
    assert "no worse on chain bnb" in names
    assert "no worse on chain base" not in names


def test_scores_that_promise_too_much_are_refused() -> None:
    """Better order, and nearly sure of everything: the log loss tells."""
    pair = judged(1.5, 1.7, n=400)
    logits = np.log(pair.challenger / (1 - pair.challenger))
    pair.challenger[:] = 1 / (1 + np.exp(-np.clip(12 * logits + 25, -30, 30)))
    assert "no worse calibration" in {g.name for g in gates(pair, LIMITS) if not g.passed}


@pytest.mark.parametrize("n", [0, 20])
def test_too_few_or_one_kind_of_launches_decide_nothing(n: int) -> None:
    """An empty week, a few launches, and only rugs."""
    failed = first_failure(gates(judged(0.5, 2.0, n=n), LIMITS))
    assert failed is not None
    assert failed.name == "enough launches"
    pair = judged(0.5, 2.0)
    only = Judged(champion=pair.champion, challenger=pair.challenger, pools=pair.pools,
                  labels=np.ones(len(pair), dtype=bool), slices={})  # fmt: skip
    assert first_failure(gates(only, LIMITS)) is not None


def test_the_difference_is_scikit_learns() -> None:
    """AUC by ranks is the library's, ties included, and lies in its own interval."""
    pair = judged(0.5, 1.5)
    pair.champion[:] = np.round(pair.champion, 1)
    found = compare(pair, "auc")
    old, new = (roc_auc_score(pair.labels, s) for s in (pair.champion, pair.challenger))
    assert found.value == pytest.approx(new - old)
    assert found.low < found.value < found.high


def test_a_failed_champion_is_known_by_the_stated_number_of_labels() -> None:
    """Scores the wrong way round are seen at forty labelled launches; a good one never is."""
    few, bad = judged(1.5, 1.5, n=38), judged(1.5, 1.5, n=LIMITS.labels_to_roll_back)
    bad.champion[:] = 1 - bad.champion
    assert is_worse(few, LIMITS).passed
    assert not is_worse(bad, LIMITS).passed
    assert is_worse(judged(1.5, 1.5, n=LIMITS.labels_to_roll_back), LIMITS).passed
