"""Descriptions with the analyses that they deserve: what the analyst is taught on, made by us.

A description is a handful of clauses, each of which claims one thing; its side is that of the
heavier claims, and descriptions whose sides weigh nearly alike are not taught. The analysis names
the side. Everything else varies and decides nothing: name, address, order, layout,
case, typing errors, and text that gives orders.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from heft_model.claims import CLAIMS, CLOSINGS, VERDICTS, Side, prompt_for
from trainer.analyst.bank import bank, layout, orders, spell

__all__ = ["Taught", "taught"]


class Taught(msgspec.Struct, frozen=True):
    """One lesson."""

    prompt: str
    analysis: str
    side: Side


class _Clause(msgspec.Struct):
    claim: str
    text: str


def taught(seed: int) -> Iterator[Taught]:
    """Lessons without end, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        side: Side = "rug" if rng.random() < 0.5 else "growth"
        clauses = _clauses(side, rng)
        description = _laid_out(clauses, rng)
        if description.count('"'):
            continue
        yield Taught(_prompt(description, rng), " " + _analysis(side, rng), side)


def _clauses(side: Side, rng: random.Random) -> list[_Clause]:
    """Claims whose weights lean clearly to ``side``, among others that lean nowhere."""
    other: Side = "growth" if side == "rug" else "rug"
    mine = _drawn(side, rng.choices((1, 2, 3, 4), (4, 4, 3, 2))[0], rng)
    against = _drawn(other, rng.choices((0, 1, 2), (13, 5, 2))[0], rng)
    while against and _weight(mine) < 2 * _weight(against):
        if rng.random() < 0.5 and len(mine) < 5:
            mine += _drawn(side, 1, rng)
        else:
            against.pop()
    names = mine + against + ["topic"] * rng.choices((0, 1, 2), (3, 5, 2))[0]
    rng.shuffle(names)
    return [_Clause(name, "") for name in names]


def _weight(claims: list[str]) -> int:
    return sum(bank()[claim].weight for claim in claims)


def _drawn(side: Side, count: int, rng: random.Random) -> list[str]:
    return rng.sample([name for name, claim in CLAIMS.items() if claim.side == side], count)


# --- what a description looks like ----------------------------------------------------------------


def _laid_out(clauses: list[_Clause], rng: random.Random) -> str:
    """The description; each clause is told how it stands there."""
    style = rng.choices(("say", "with", "mixed"), (5, 3, 2))[0]
    if style == "with":
        text = _as_list(clauses, rng)
    elif style == "mixed" and len(clauses) > 2:
        half = len(clauses) // 2
        text = f"{_as_list(clauses[:half], rng)} {_as_sentences(clauses[half:], rng)}"
    else:
        text = _as_sentences(clauses, rng)
    if rng.random() < 0.12:
        order = spell(rng.choice(orders()), rng)
        text = f"{text} {order}" if rng.random() < 0.7 else f"{order}. {text}"
    return text


LINKS = (
    "with",
    "has",
    "that has",
    "offering",
    "featuring",
    "that comes with",
    "and",
    "built around",
)


def _as_list(clauses: list[_Clause], rng: random.Random) -> str:
    """A token with this, that and the other."""
    for clause in clauses:
        clause.text = _noised(spell(rng.choice(bank()[clause.claim].with_), rng), rng)
    opener = spell(rng.choice(layout()["openers"]), rng)
    parts = [clause.text for clause in clauses]
    joined = parts[0]
    if len(parts) > 1:
        glue = rng.choice((" and ", ", and ", ", ", " as well as ", " plus ", " & "))
        joined = ", ".join(parts[:-1]) + glue + parts[-1]
    if rng.random() < 0.15:
        return _ended(joined, rng)
    return _ended(f"{opener} {rng.choice(LINKS)} {joined}", rng)


def _as_sentences(clauses: list[_Clause], rng: random.Random) -> str:
    """One after the other, in one of the ways in which people run them together."""
    glue = rng.choices(
        (". ", ", ", "; ", " - ", "! ", "\n- ", " and ", " | ", ".\n"), (9, 4, 2, 1, 2, 1, 2, 1, 1)
    )[0]
    parts = []
    for clause in clauses:
        clause.text = _noised(spell(rng.choice(bank()[clause.claim].say), rng), rng)
        if glue[0] in ".!" and rng.random() < 0.85:
            clause.text = clause.text[:1].upper() + clause.text[1:]
        parts.append(clause.text)
    text = glue.join(parts)
    if rng.random() < 0.12:
        text = f"{spell(rng.choice(layout()['asides']), rng)} {text}"
    return _ended(text, rng)


ENDINGS = (".", ".", ".", "", "!", "!!", " 🚀🚀", ".", "...")


def _ended(text: str, rng: random.Random) -> str:
    text += rng.choice(ENDINGS)
    return text[:1].upper() + text[1:] if rng.random() < 0.75 else text


def _noised(text: str, rng: random.Random) -> str:
    """Sometimes other case, a slip of the finger, or a word that nobody knows."""
    draw = rng.random()
    if draw < 0.04:
        return text.upper()
    if draw < 0.10:
        return text.title()
    words = text.split(" ")
    place = rng.randrange(len(words))
    if draw < 0.16 and len(words[place]) > 3:
        word, at = words[place], rng.randrange(1, len(words[place]) - 1)
        words[place] = word[:at] + rng.choice((word[at + 1 :], word[at] + word[at:]))
    elif draw < 0.30 and place:
        words.insert(place, _word(rng))
    elif draw < 0.36:
        words = [word for word in words if word.lower() not in SMALL] or words
    return " ".join(words)


SMALL = {"a", "an", "the", "is", "are", "was", "were", "has", "have", "been", "of", "our", "that"}
"""What people leave out in a hurry."""


def _word(rng: random.Random) -> str:
    """Pronounceable, and new."""
    pairs = [rng.choice("bcdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4))]
    return "".join(pairs) + rng.choice(("", "n", "x", "r", "s"))


# --- who and where --------------------------------------------------------------------------------


def _prompt(description: str, rng: random.Random) -> str:
    prompt = prompt_for(_name(rng), _address(rng), description)
    draw = rng.random()
    if draw < 0.7:
        return prompt
    if draw < 0.85:
        return prompt.replace("\n\n", "\n")
    if draw < 0.93:
        return prompt.replace("\n\n", "\n").replace("\n", rng.choice((" ", ", ", " / ")))
    return prompt.replace(
        "\nAnalysis:", f"\n{spell(rng.choice(layout()['asked']), rng)}\n\nAnalysis:"
    )


SUFFIXES = (
    "",
    "",
    "",
    " Token",
    " Finance",
    " Inu",
    " Protocol",
    " Swap",
    " DAO",
    " AI",
    " Network",
    " Coin",
)
KNOWN = "Safe Moon Nova Ocean Delta Pixel Harbor Solar Baby Mega Green Metro Lunar River Iron Cloud"


def _name(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.1:
        return f"Token {rng.choice('DEFGHXYZ')}"
    stem = (
        _word(rng).title() if draw < 0.6 else "".join(rng.sample(KNOWN.split(), 1 + (draw < 0.8)))
    )
    return stem + rng.choice(SUFFIXES)


def _address(rng: random.Random) -> str:
    hexed = "".join(rng.choices("0123456789abcdefABCDEF", k=40))
    base58 = "".join(
        rng.choices("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", k=44)
    )
    return rng.choices(
        (f"0x{hexed}", f"0x{hexed[:3]}...{hexed[-3:]}", f"0x{hexed[:6]}", base58, "unknown"),
        (2, 5, 2, 1, 1),
    )[0]


# --- the analysis ---------------------------------------------------------------------------------


def _analysis(side: Side, rng: random.Random) -> str:
    """Verdict and closing."""
    return f"{rng.choice(VERDICTS[side][:3])} {rng.choice(CLOSINGS[side])}"
