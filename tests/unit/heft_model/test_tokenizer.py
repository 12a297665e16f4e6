"""Words and ids, one to one, saved and read back; anything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.prompt import END, PAD, START, UNKNOWN
from heft_model.tokenizer import PAD_ID, Words
from streams.errors import Broken, Invalid

LIST = [PAD, UNKNOWN, START, END, "a=q00", "n:a"]


def test_ids_follow_the_list() -> None:
    """The order of the vocabulary is the order of the embedding's rows."""
    words = Words.of(LIST)
    assert words.encode(["<s> n:a a=q00 </s>", "<s> </s>"]) == [[2, 5, 4, 3], [2, 3]]
    assert words.id(PAD) == PAD_ID
    assert len(words) == len(LIST)


def test_saved_and_read_back() -> None:
    """A bundle's tokenizer encodes as the one that was trained with."""
    assert Words.load(Words.of(LIST).dump()).encode(["n:a"]) == [[5]]


def test_a_word_outside_is_broken() -> None:
    """Prompt and tokenizer of one bundle always agree; if not, nothing may be published."""
    words = Words.of(LIST)
    with pytest.raises(Broken, match="outside the vocabulary"):
        words.encode(["<s> b=q00 </s>"])
    with pytest.raises(Broken, match="'b=q00' is not in"):
        words.id("b=q00")
    assert words.lacks(["b=q00"])
    assert not words.lacks(LIST)


def test_without_padding_there_is_no_vocabulary() -> None:
    """Rows are padded with id 0, which must mean padding."""
    with pytest.raises(Invalid, match="lacks its padding"):
        Words.of(["a", UNKNOWN, PAD])


@given(st.text(max_size=200) | st.just("{}") | st.just('{"model": {"type": "WordLevel"}}'))
def test_any_other_text_is_invalid(text: str) -> None:
    """A spoilt tokenizer.json is one clear refusal, whatever is in it."""
    with pytest.raises(Invalid, match="tokenizer"):
        Words.load(text)


def test_a_tokenizer_without_padding_is_not_loaded() -> None:
    """It is refused when it is read as when it is made."""
    text = Words.of(LIST).dump().replace("<pad>", "<gap>")
    with pytest.raises(Invalid, match="lacks its padding"):
        Words.load(text)
