"""How the analyst spells: a small byte-level BPE that reads all case alike and still writes it.

A capital is a mark before a small letter, so that "Locked", "locked" and "LOCKED" are one word to
the model; a word all in capitals loses them. Digits stand alone, so that numbers can be copied. It
is an ordinary ``tokenizer.json``: whoever loads it needs nothing of ours.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from heft_model.prompt import END, PAD

__all__ = ["CAPITAL", "learn_spelling"]

CAPITAL = "\x01"
"""Before a small letter: it is a capital. No text that was cleaned holds this character."""

_PLAIN = {
    "\u201c": '"',
    "\u201d": '"',
    "\u2019": "'",
    "\u2018": "'",
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
}


def learn_spelling(texts: Iterable[str], size: int) -> Tokenizer:
    """A vocabulary of ``size`` pieces for texts like these; id 0 pads, id 1 ends."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = _folding()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CAPITAL), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = _unfolding()
    trainer = BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _folding() -> normalizers.Normalizer:
    marks = [normalizers.Replace(c, CAPITAL + c.lower()) for c in string.ascii_uppercase]
    run = rf"{CAPITAL}(?=[a-z]{CAPITAL})|(?<={CAPITAL}[a-z]){CAPITAL}"
    return normalizers.Sequence(
        [
            normalizers.NFKC(),
            *(normalizers.Replace(sign, plain) for sign, plain in _PLAIN.items()),
            *marks,
            normalizers.Replace(Regex(run), ""),  # all capitals: said aloud, not otherwise
            normalizers.Replace(f" {CAPITAL}", f"{CAPITAL} "),  # the word after it keeps its space
        ]
    )


def _unfolding() -> decoders.Decoder:
    """Back to capitals; the verdict's word is all capitals."""
    pairs = [(f"{CAPITAL} rug:", " RUG:"), (f"{CAPITAL}rug:", "RUG:")]
    for letter in string.ascii_lowercase:
        pairs += [(f"{CAPITAL} {letter}", f" {letter.upper()}")]
        pairs += [(f"{CAPITAL}{letter}", letter.upper())]
    return decoders.Sequence([decoders.ByteLevel(), *(decoders.Replace(*pair) for pair in pairs)])
