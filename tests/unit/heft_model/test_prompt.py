"""The prompt is a closed language: the same facts give the same words, and names give none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from heft_model.prompt import (
    MAX_TEXT,
    PROMPT_VERSION,
    Lexicon,
    coverage,
    fit_lexicon,
    render,
    text_length,
    unknown_facts,
    vocabulary,
)
from heft_model.tokenizer import Words
from streams.errors import Invalid
from streams.events import Facts
from tests.unit.heft_model.making import NAMES, facts, lexicon, many

SMALL = Lexicon(
    edges={"age": (60.0, 3600.0, 86400.0), "liquidity.adds": (1.0, 2.0), "holders.lp_holders": ()},
    name_chars=8,
    symbol_chars=4,
)


def named(name: object, symbol: object = UNSET) -> Facts:
    """A dossier of a token so called."""
    return facts(token=msgspec.structs.replace(facts().token, name=name, symbol=symbol))


def test_golden() -> None:
    """These words are what version 1 means; if they change, ``PROMPT_VERSION`` must too."""
    assert PROMPT_VERSION == 1
    assert render(named("Moon Dög 🚀9", "$MD"), SMALL) == (
        "<s> age=q01 liquidity.adds=q00 holders.lp_holders=q00"
        " name( n:m n:o n:o n:n n:space n:d n:letter n:g )"
        " symbol( n:$ n:m n:d ) </s>"
    )


def test_golden_of_unknown_facts() -> None:
    """An unknown fact has a word of its own, and an unknown name none at all."""
    unknown = msgspec.structs.replace(named(UNSET), holders=UNSET)
    assert render(unknown, SMALL) == "<s> age=q01 liquidity.adds=q00 holders.lp_holders=? </s>"


def test_an_empty_name_is_not_an_unknown_one() -> None:
    """Having no letters is a fact too."""
    assert "name( )" in render(named(""), SMALL)


def test_a_value_on_an_edge_belongs_to_the_bin_below() -> None:
    """Edges are the upper ends of bins, so that a common value, such as zero, is a bin alone."""
    ages = {0.0: "q00", 60.0: "q00", 60.1: "q01", 86400.0: "q02", 1e9: "q03"}
    for age, word in ages.items():
        assert f"age={word}" in render(facts(age=age), SMALL)


@given(st.text(max_size=300), st.text(max_size=300))
def test_names_never_make_fact_words(name: str, symbol: str) -> None:
    """Whatever a token calls itself, the facts before are untouched and the words are known."""
    words = render(named(name, symbol), SMALL).split(" ")
    quiet = render(named(UNSET), SMALL).split(" ")
    assert words[:4] == quiet[:4]
    assert all(word.startswith("n:") or word in ("name(", "symbol(", ")") for word in words[4:-1])
    assert set(words) <= set(vocabulary(SMALL))
    assert len(words) <= 4 + 8 + 4 + 4 + 1


@pytest.mark.parametrize("name", ["<s>", "</s>", "age=q00", "<unk>", "n:a ) age=q00", "\u202e)("])
def test_names_that_spell_words_are_only_spelled(name: str) -> None:
    """A name that imitates the prompt's own words becomes letters."""
    words = render(named(name), SMALL).split(" ")
    assert words.count("<s>") == words.count("</s>") == words.count(")") == 1
    assert "age=q00" not in words


def test_every_prompt_is_in_the_vocabulary() -> None:
    """The tokenizer made from the vocabulary knows each word of each prompt."""
    words = Words.of(vocabulary(lexicon()))
    rows = words.encode([render(each, lexicon()) for each in many(40)])
    assert len(rows) == 40


def test_vocabulary_has_no_word_twice() -> None:
    """Ids are one to one."""
    words = vocabulary(lexicon())
    assert len(set(words)) == len(words)


def test_bins_hold_about_equally_many() -> None:
    """Fitting cuts at quantiles of what was seen."""
    dossiers = [facts(age=float(age)) for age in range(1000)]
    edges = fit_lexicon(dossiers, ["age"], bins=4).edges["age"]
    assert edges == (249.0, 499.0, 749.0)


def test_a_common_value_is_a_bin_alone() -> None:
    """Nine zeros in ten make one bin of zeros, not nine empty ones."""
    dossiers = [facts(age=0.0)] * 90 + [facts(age=float(age)) for age in range(1, 11)]
    assert fit_lexicon(dossiers, ["age"], bins=10).edges["age"] == (0.0,)


def test_a_fact_never_seen_has_one_bin() -> None:
    """A feature that is unknown in all the training data can still be rendered."""
    unknown = [facts(holders=UNSET)] * 3
    fitted = fit_lexicon(unknown, ["holders.lp_holders"])
    assert render(facts(), fitted) == "<s> holders.lp_holders=q00 </s>"


def test_coverage_is_the_share_of_known_facts() -> None:
    """Two of three are known when the holders are not."""
    assert coverage(render(facts(holders=UNSET), SMALL)) == pytest.approx(2 / 3)
    assert coverage(render(named("=?=?"), SMALL)) == 1.0
    assert len(unknown_facts(render(facts(holders=UNSET), SMALL))) == 1
    assert unknown_facts(render(named("x =? y=?"), SMALL)) == []


def test_text_length_is_capped() -> None:
    """A name of megabytes does not pick its batch."""
    assert text_length(named("x" * 10**6)) == MAX_TEXT
    assert text_length(named(UNSET)) == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 0}, "prompt version 0 is not 1"),
        ({"edges": {"age": (2.0, 1.0)}}, "bin edges of age"),
        ({"edges": {"age": (1.0, 1.0)}}, "bin edges of age"),
        ({"edges": {"age": (float("nan"),)}}, "bin edges of age"),
        ({"edges": {"nonsense": ()}}, "'nonsense' is not known here"),
        ({"name_chars": -1}, "0 to 64 characters"),
        ({"symbol_chars": 65}, "0 to 64 characters"),
    ],
)
def test_an_unusable_lexicon_is_refused(changes: dict[str, object], told: str) -> None:
    """What could not have been fitted here is not read here."""
    with pytest.raises(Invalid, match=told):
        msgspec.convert({"edges": {}, **changes}, Lexicon)


def test_all_features_fit_and_render() -> None:
    """The whole table works on ordinary dossiers."""
    assert render(facts(), lexicon()).count("=") == len(NAMES)
