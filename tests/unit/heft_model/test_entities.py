"""Entities become words of a closed list, which no stranger's text can add to or imitate."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.entities import SELECTORS, common_entities, entities_of, is_entity
from heft_model.prompt import Lexicon, fit_lexicon, render, vocabulary
from streams.errors import Invalid
from streams.events import Finding
from tests.unit.heft_model.making import facts, many

MINT = "40c10f19"


def found(value: bool | float | str) -> Finding:
    """What bytecode shows."""
    return Finding(source="bytecode", block=1, value=value)


CODED = {"contract.can_pause": found(True), SELECTORS: found(f"06fdde03 {MINT}")}
WORDS = ("@contract.can_pause:yes", f"@selector:{MINT}", "@venue:uniswap-v2")


def test_venue_flags_and_selectors_are_words() -> None:
    """A yes and a no are different words; numbers and text are none."""
    dossier = facts(findings=CODED | {"trade.can_sell": found(False), "owner.address": found("0x")})
    assert entities_of(dossier) == {*WORDS, "@selector:06fdde03", "@trade.can_sell:no"}


def test_only_what_the_bundle_knows_is_said() -> None:
    """A word that no training saw is not in the prompt; one that is absent has no word at all."""
    lexicon = Lexicon(edges={"age": (60.0,)}, entities=WORDS)
    assert render(facts(findings=CODED), lexicon) == f"<s> age=q01 {' '.join(WORDS)} </s>"
    assert render(facts(), lexicon) == "<s> age=q01 @venue:uniswap-v2 </s>"
    assert set(WORDS) <= set(vocabulary(lexicon))


@given(st.text(max_size=80), st.text(max_size=40))
def test_strangers_text_makes_no_entity(told: str, venue: str) -> None:
    """Whatever a contract answers or a venue is called, words have an entity's form or are none."""
    dossier = facts(findings={SELECTORS: found(told), told or "x": found(True)})
    dossier = msgspec.structs.replace(dossier, venue=venue)
    assert all(is_entity(word) and " " not in word for word in entities_of(dossier))


def test_common_entities_are_chosen_a_pool_once() -> None:
    """What nearly every launch has tells nothing, and what hardly any has cannot be learnt."""
    dossiers = [
        msgspec.structs.replace(each, findings=CODED if i % 2 else {SELECTORS: found("06fdde03")})
        for i, each in enumerate(many(20))
    ] * 3
    assert common_entities(dossiers, 10) == ("@contract.can_pause:yes", f"@selector:{MINT}")
    assert common_entities(dossiers, 1) == ("@contract.can_pause:yes",)


def test_a_lexicon_without_entities_says_none() -> None:
    """Bundles from before there were entities read the very prompt that they were taught."""
    assert "@" not in render(facts(findings=CODED), fit_lexicon(many(8), ["age"]))


@pytest.mark.parametrize("words", [("age=q00",), ("n:a",), ("@venue:x", "@venue:x")])
def test_a_spoilt_list_is_refused(words: tuple[str, ...]) -> None:
    """An entity that looks like a fact or a letter would let a list speak for the facts."""
    with pytest.raises(Invalid, match="entities"):
        Lexicon(edges={}, entities=words)
