"""The paragraph states what it was given, and nothing else."""

from __future__ import annotations

from heft_model.analysis import analyse
from streams.events import Evidence


def test_the_analysis_says_what_it_was_given() -> None:
    """Golden: one paragraph, what speaks for a rug first."""
    evidence = [
        Evidence(fact="holders.lp_top_share", value="98 %", weight=0.31),
        Evidence(fact="trading.sells", value="2", weight=0.1),
        Evidence(fact="age", value="1 h", weight=-0.02),
    ]
    assert analyse(0.934, 0.9, evidence, 0.8) == (
        "Of 100 launches judged like this one, about 93 rug, enough for an alert. "
        "What speaks for a rug: one account holds 98 % of the LP tokens; it was sold 2 times. "
        "What speaks against it: it is 1 h old. "
        "80 % of the facts are known."
    )


def test_a_chain_that_the_model_never_saw_is_said() -> None:
    """Odds learnt on other chains are told as such."""
    told = analyse(0.1, 0.9, [], 1.0, foreign=True)
    assert "The model has learnt from no launch of this chain" in told


def test_without_evidence_only_the_odds() -> None:
    """Nothing is made up to fill the paragraph."""
    assert analyse(0.1, 0.9, [], 1.0) == (
        "Of 100 launches judged like this one, about 10 rug, too few for an alert."
    )
