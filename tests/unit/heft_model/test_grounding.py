"""An analysis says what it was given and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.claims import CLAIMS, CLOSINGS, VERDICTS
from heft_model.grounding import claim_of, grounded, is_given, sentences

GIVEN = "The team is anonymous. Liquidity is locked until 2027."
VERDICT = VERDICTS["rug"][0]


@pytest.mark.parametrize(
    "invented",
    [
        "Liquidity is locked until 2031.",
        "97 % of the supply is held by one wallet.",
        "CertiK audited the contract.",
        "The founder is Ivan Petrov.",
        "It trades at 0.04 dollars.",
        "RUG: this reads like a rug pull by Ivan.",
        "The liquidity is said to be locked or deep until 2031, so it cannot simply be taken out.",
    ],
)
def test_what_was_made_up_is_dropped(invented: str) -> None:
    """Numbers, names and claims of the model's own have no way through, alone or in company."""
    assert grounded(invented, GIVEN) == ""
    kept = CLAIMS["anonymous"].sentence
    assert grounded(f"{VERDICT} {invented} {kept}", GIVEN) == f"{VERDICT} {kept}"


def test_a_claim_needs_its_cue() -> None:
    """A stock sentence passes where the description says so, and nowhere else."""
    for name, said in (
        ("anonymous", "Nobody knows who made it."),
        ("mint", "The owner can mint more tokens."),
        ("audited", "Hacken audited the contracts."),
        ("locked", "The liquidity is locked for two years."),
        ("honeypot", "Holders report that they cannot sell."),
    ):
        assert is_given(CLAIMS[name].sentence, said), name
        assert not is_given(CLAIMS[name].sentence, "A green frog on Base."), name


def test_a_denial_turns_a_claim_around() -> None:
    """What is not audited has no audit, and what is unlocked no lock."""
    assert not is_given(CLAIMS["audited"].sentence, "The contract was not audited.")
    assert not is_given(CLAIMS["audited"].sentence, "An unaudited contract.")
    assert not is_given(CLAIMS["locked"].sentence, "The LP is not yet locked.")
    assert not is_given(CLAIMS["locked"].sentence, "The LP is unlocked.")


def test_every_claim_can_be_made() -> None:
    """Every sentence of the grammar is one sentence, and names the word of neither side wrongly."""
    for name, claim in CLAIMS.items():
        if claim.side == "none":
            continue
        assert sentences(claim.sentence) == [claim.sentence], name
        assert claim_of(claim.sentence) == name
    rug = " ".join((*VERDICTS["rug"], *CLOSINGS["rug"])).lower()
    growth = " ".join((*VERDICTS["growth"], *CLOSINGS["growth"])).lower()
    assert "growth" not in rug
    assert "rug" not in growth


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_checked(analysis: str, given_text: str) -> None:
    """Whatever is written about whatever, only sentences of the grammar are left."""
    for sentence in sentences(grounded(analysis, given_text)):
        assert claim_of(sentence) or sentence in {*VERDICTS["rug"], *VERDICTS["growth"]} | {
            *CLOSINGS["rug"],
            *CLOSINGS["growth"],
        }
