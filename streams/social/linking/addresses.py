"""Addresses and mints in a text, also where they are spelled to be seen by people alone.

An EVM address with letters of both cases carries a checksum (EIP-55); where it does not hold, the
address is *unsure*, and stands for a token only if exactly that one is known. A mint is 32 bytes in
base58. Both are found when chunks are set apart by spaces or signs, as long as the chunks are as
regular as somebody who hides an address makes them: words that happen to be of hex digits are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

import based58
from eth_hash.auto import keccak

__all__ = ["Found", "addresses_in", "has_good_checksum", "is_mint"]

_SEPARATOR = r"[^0-9A-Za-z]"
"""Spaces, signs, emoji: whatever a person reads over."""
_EVM = re.compile(r"(?<![0-9A-Za-z])[0oO][xX]([0-9a-fA-FoOlI]{40})(?![0-9A-Za-z])")
_SPACED_EVM = re.compile(
    rf"(?<![0-9A-Za-z])[0oO]{_SEPARATOR}{{0,3}}[xX]((?:{_SEPARATOR}{{0,4}}[0-9a-fA-FoOlI]){{40}})"
    r"(?![0-9A-Za-z])"
)
_DIGITS_OF_LETTERS = str.maketrans("oOlI", "0011")
_BASE58 = "1-9A-HJ-NP-Za-km-z"
_MINT = re.compile(rf"(?<![0-9A-Za-z])[{_BASE58}]{{32,44}}(?![0-9A-Za-z])")
_SPEAKS_OF_MINTS = re.compile(r"(?i)\b(?:ca|contract|mint|addy|address|sol|solana|spl|pump)\b")
_CHUNK = re.compile(rf"[{_BASE58}]+")
_BETWEEN = re.compile(rf"{_SEPARATOR}{{1,4}}")
MINT_BYTES = 32
FEWEST_CHUNKS = 3
LONGEST_CHUNK = 16
CHUNKS_OF_ANY_SIZE = 3
"""So few chunks may be of any size, of eight digits at least."""


class Found(NamedTuple):
    """An address as the chain writes it; ``sure`` unless its checksum does not hold."""

    address: str
    sure: bool = True


def addresses_in(text: str) -> list[Found]:
    """Every address of a text that was made plain and folded, in its order and once."""
    found = [*_evm(text), *_mints(text)]
    if "x" in text.lower():
        found += _spaced_evm(text)
    if not found and _SPEAKS_OF_MINTS.search(text):
        found += _spaced_mints(text)
    best: dict[str, Found] = {}
    for each in found:
        if each.address not in best or each.sure:
            best[each.address] = each
    return list(best.values())


def _evm(text: str) -> Iterator[Found]:
    for match in _EVM.finditer(text):
        yield _checked(match[1])


def _spaced_evm(text: str) -> Iterator[Found]:
    for match in _SPACED_EVM.finditer(text):
        chunks = re.findall(r"[0-9a-fA-FoOlI]+", match[1])
        if len(chunks) > 1 and _are_regular(chunks):
            yield _checked("".join(chunks))


def _are_regular(chunks: list[str]) -> bool:
    sizes = [len(chunk) for chunk in chunks]
    if len(sizes) <= CHUNKS_OF_ANY_SIZE and min(sizes) >= 8:
        return True
    return len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]


def _checked(digits: str) -> Found:
    digits = digits.translate(_DIGITS_OF_LETTERS)
    mixed = digits != digits.lower() and digits != digits.upper()
    return Found(f"0x{digits.lower()}", not mixed or has_good_checksum(digits))


def has_good_checksum(digits: str) -> bool:
    """Whether the cases of 40 hex digits are those of EIP-55."""
    marks = keccak(digits.lower().encode()).hex()
    return all(
        digit.isdigit() or digit.isupper() == (int(mark, 16) >= 8)
        for digit, mark in zip(digits, marks, strict=False)
    )


def _mints(text: str) -> Iterator[Found]:
    for match in _MINT.finditer(text):
        if is_mint(match[0]):
            yield Found(match[0])


def is_mint(text: str) -> bool:
    """Whether a text is an account of Solana: 32 bytes in base58, and not of one kind of letter."""
    if not (any(map(str.isdigit, text)) and any(map(str.isupper, text))
            and any(map(str.islower, text))):  # fmt: skip
        return False
    try:
        return len(based58.b58decode(text.encode())) == MINT_BYTES
    except ValueError:
        return False


def _spaced_mints(text: str) -> Iterator[Found]:
    """Runs of chunks of one size, the last one perhaps shorter, that spell a mint."""
    chunks = list(_CHUNK.finditer(text))
    place = 0
    while place < len(chunks):
        run = _run(text, chunks, place)
        spelled = next((each for each in _spelled(run) if is_mint(each)), None)
        if spelled is not None:
            yield Found(spelled)
        place += max(1, len(run) - 1)


def _run(text: str, chunks: list[re.Match[str]], place: int) -> list[str]:
    """Chunks from ``place`` on that are as long as the first, and one shorter behind them."""
    size = len(chunks[place][0])
    run = [chunks[place][0]]
    pairs = zip(chunks[place:], chunks[place + 1 :], strict=False)
    joined = takewhile(
        lambda pair: _BETWEEN.fullmatch(text[pair[0].end() : pair[1].start()]), pairs
    )
    for _, chunk in joined:
        run.append(chunk[0])
        if len(chunk[0]) != size:
            break
    return run


def _spelled(run: list[str]) -> Iterator[str]:
    size = len(run[0])
    if size > LONGEST_CHUNK:
        return
    same = [chunk for chunk in run if len(chunk) == size]
    if len(run) >= FEWEST_CHUNKS and len(run[-1]) < size:
        yield "".join(run)
    for first in range(min(len(same), 8)):
        for last in (44, 43):
            count, rest = divmod(last, size)
            if not rest and len(same) - first >= count >= FEWEST_CHUNKS:
                yield "".join(same[first : first + count])
