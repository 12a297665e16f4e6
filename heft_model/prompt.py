"""Facts to the text that the model reads: one word a fact, from a closed vocabulary.

    <s> age=q03 liquidity.reserve=q07 holders.lp_top_share=? ... @venue:uniswap-v2
    @contract.can_mint:yes @selector:40c10f19 symbol( n:m n:o n:o ) </s>

A number becomes the quantile bin that it falls in; the cuts belong to the bundle. Names are hostile
input: they are sanitised, capped, spelled one character a word, each word in a class of its own
(``n:``), so that no name can spell a fact, a delimiter or an instruction. What a dossier holds of a
bundle's closed list of entities (``heft_model.entities``) is named; what it does not hold is not,
so that a dossier without code has no words of code.
"""

from __future__ import annotations

import string
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from heft_model.entities import common_entities, entities_of, is_entity
from heft_model.features import feature, measure
from streams.errors import Invalid
from streams.events import Facts
from streams.text import sanitise

__all__ = [
    "END",
    "PAD",
    "PROMPT_VERSION",
    "START",
    "UNKNOWN",
    "Lexicon",
    "bin_word",
    "coverage",
    "fit_lexicon",
    "render",
    "text_length",
    "unknown_facts",
    "unknown_word",
    "vocabulary",
]

PROMPT_VERSION = 1
"""Moves when the same facts and lexicon would give other words. A bundle names the version that
it was trained on, and is refused by any other."""

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<s>", "</s>"
MAX_TEXT = 64

_LETTERS = string.ascii_lowercase + string.digits + ".-_$!?&+@#'/:%*"
_WORD_OF = {char: f"n:{char}" for char in _LETTERS} | {" ": "n:space"}
_OTHERS = ("n:letter", "n:digit", "n:sign")
_BRACKETS = ("name(", "symbol(", ")")


class Lexicon(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one bundle (``prompt.json``)."""

    version: int = PROMPT_VERSION
    edges: dict[str, tuple[float, ...]]
    """Fact name, in prompt order, to the sorted upper ends of all its bins but the last."""
    name_chars: int = 0
    """How much of the token's name the model reads; 0 leaves it out."""
    symbol_chars: int = 0
    entities: tuple[str, ...] = ()
    """Words of venues, findings and selectors that this bundle knows (``heft_model.entities``)."""

    def __post_init__(self) -> None:
        """Refuse what could not have been fitted here."""
        if self.version != PROMPT_VERSION:
            raise Invalid(
                f"prompt version {self.version} is not {PROMPT_VERSION}: retrain, or install"
                " the heft that wrote it",
                reason="prompt-version",
            )
        for name, edges in self.edges.items():
            feature(name)
            if not np.all(np.isfinite(edges)) or list(edges) != sorted(set(edges)):
                raise Invalid(f"bin edges of {name} are not sorted numbers", reason="edges")
        if not 0 <= self.name_chars <= MAX_TEXT or not 0 <= self.symbol_chars <= MAX_TEXT:
            raise Invalid(f"a name may take 0 to {MAX_TEXT} characters", reason="text-limit")
        if not all(map(is_entity, self.entities)) or len(set(self.entities)) < len(self.entities):
            raise Invalid("prompt.json names entities that are none", reason="entities")


def fit_lexicon(
    dossiers: Sequence[Facts],
    names: Sequence[str],
    *,
    bins: int = 16,
    name_chars: int = 0,
    symbol_chars: int = 0,
    entities: int = 0,
) -> Lexicon:
    """Cut each named fact into at most ``bins`` bins of about equally many ``dossiers``.

    Of the entities that they hold, the ``entities`` most frequent become words.
    """
    rows = [measure(facts, names) for facts in dossiers]
    columns = {name: [v for row in rows if (v := row[name]) is not None] for name in names}
    return Lexicon(
        edges={name: _quantiles(values, bins) for name, values in columns.items()},
        name_chars=name_chars,
        symbol_chars=symbol_chars,
        entities=common_entities(dossiers, entities) if entities else (),
    )


def _quantiles(values: list[float], bins: int) -> tuple[float, ...]:
    """Values that really occurred, so that a common value (zero) is a bin of its own."""
    if not values:
        return ()
    cuts = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    top = max(values)
    return tuple(float(cut) for cut in np.unique(cuts) if cut < top)


def render(facts: Facts, lexicon: Lexicon) -> str:
    """The prompt, words parted by single spaces; raises ``Invalid`` for numbers beyond use."""
    values = measure(facts, tuple(lexicon.edges))
    words = [_word(name, values[name], edges) for name, edges in lexicon.edges.items()]
    if lexicon.entities:
        held = entities_of(facts)
        words += [entity for entity in lexicon.entities if entity in held]
    texts = _spell("name(", facts.token.name, lexicon.name_chars)
    texts += _spell("symbol(", facts.token.symbol, lexicon.symbol_chars)
    return " ".join((START, *words, *texts, END))


def coverage(prompt: str) -> float:
    """The share of a prompt's facts that are known, 0..1."""
    known, unknown = prompt.count("=q"), prompt.count("=?")
    return known / max(1, known + unknown)


def unknown_facts(prompt: str) -> list[str]:
    """The names of a prompt's facts that are not known, as ``coverage`` counts them."""
    return [word.removesuffix("=?") for word in prompt.split(" ") if word.endswith("=?")]


def text_length(facts: Facts) -> int:
    """Characters of attacker-chosen text, capped: what makes one prompt longer than another."""
    texts = (facts.token.name, facts.token.symbol)
    return sum(min(len(text), MAX_TEXT) for text in texts if isinstance(text, str))


def vocabulary(lexicon: Lexicon) -> list[str]:
    """Every word that ``render`` can produce, once, in a stable order; ``PAD`` is the first."""
    words = [PAD, UNKNOWN, START, END]
    for name, edges in lexicon.edges.items():
        words += [unknown_word(name), *(bin_word(name, i) for i in range(len(edges) + 1))]
    words += lexicon.entities
    return [*words, *_BRACKETS, *_WORD_OF.values(), *_OTHERS]


def unknown_word(name: str) -> str:
    """The word for a fact that is not known."""
    return f"{name}=?"


def _word(name: str, value: float | None, edges: tuple[float, ...]) -> str:
    return unknown_word(name) if value is None else bin_word(name, bisect_left(edges, value))


def bin_word(name: str, index: int) -> str:
    """The word for a fact in its bin ``index``, from 0; ids of a fact's bins follow each other."""
    return f"{name}=q{index:02d}"


def _spell(bracket: str, text: object, limit: int) -> list[str]:
    """Nothing when the text is unknown or left out; an empty pair of brackets when it is empty."""
    if not isinstance(text, str) or limit == 0:
        return []
    return [bracket, *_letters(sanitise(text, limit).lower()[:limit]), ")"]


def _letters(text: Iterable[str]) -> Iterator[str]:
    for char in text:
        if char in _WORD_OF:
            yield _WORD_OF[char]
        elif char.isalpha():
            yield "n:letter"
        else:
            yield "n:digit" if char.isdigit() else "n:sign"
