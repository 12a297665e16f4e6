"""Prompt words to token ids and back: a word-level Hugging Face tokenizer over a closed list."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from heft_model.prompt import PAD, UNKNOWN
from streams.errors import Broken, Invalid

__all__ = ["PAD_ID", "Words"]

PAD_ID = 0
"""``vocabulary`` puts the padding word first."""


class Words:
    """The vocabulary of one bundle; safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        unknown = tokenizer.token_to_id(UNKNOWN)
        if unknown is None or tokenizer.token_to_id(PAD) != PAD_ID:
            raise Invalid("the tokenizer lacks its padding or unknown word", reason="tokenizer")
        self._unknown = unknown

    @classmethod
    def of(cls, words: Sequence[str]) -> Words:
        """A new vocabulary with ids in the order of ``words``."""
        model = WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN)
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = WhitespaceSplit()
        return cls(tokenizer)

    @classmethod
    def load(cls, text: str) -> Words:
        """The vocabulary that ``dump`` wrote; raises ``Invalid`` for anything else."""
        try:
            return cls(Tokenizer.from_str(text))
        except Invalid:
            raise
        except Exception as error:  # the library raises bare Exception
            raise Invalid(f"tokenizer.json cannot be read: {error}", reason="tokenizer") from error

    def dump(self) -> str:
        """The whole vocabulary as ``tokenizer.json``."""
        return self._tokenizer.to_str()

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def lacks(self, words: Sequence[str]) -> bool:
        """Whether any of ``words`` has no id."""
        return any(self._tokenizer.token_to_id(word) is None for word in words)

    def numbers(self, words: Sequence[str]) -> bool:
        """Whether each of ``words`` has its place in them as its id, as a model is trained."""
        return all(self._tokenizer.token_to_id(word) == i for i, word in enumerate(words))

    def id(self, word: str) -> int:
        """The id of one word; raises ``Broken`` when the vocabulary is not the prompt's."""
        token = self._tokenizer.token_to_id(word)
        if token is None:
            raise Broken(f"word {word!r} is not in the bundle's vocabulary: reinstall the bundle")
        return token

    def word(self, token: int) -> str:
        """The word of one id; the unknown word for an id beyond the list."""
        return self._tokenizer.id_to_token(token) or UNKNOWN

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of each prompt; raises ``Broken`` for a word outside the closed list."""
        encodings = self._tokenizer.encode_batch_fast(list(prompts), add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        if any(self._unknown in row for row in ids):
            raise Broken("a prompt holds a word outside the vocabulary: reinstall the bundle")
        return ids
