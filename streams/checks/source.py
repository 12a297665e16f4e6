"""The functions of a Solidity source, where a token's source is known and its code is not.

Pure. No compiler: signatures of external and public functions and of public variables are read off
the text, after its comments. A type that the text does not settle (an imported struct or enum)
leaves its function out, so that what is found is a part of what the code would show.
"""

from __future__ import annotations

import re

from streams.checks.acts import selector_of

__all__ = ["MOST_SOURCE", "selectors_in"]

MOST_SOURCE = 2_000_000
"""Characters that are read; a longer source is cut there."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_FUNCTION = re.compile(r"\bfunction\s+(\w+)\s*\(([^()]{0,2000})\)([^{};]{0,2000})[{;]")
_VARIABLE = re.compile(
    r"^[ \t]*(mapping\s*\([^;{}]{0,300}?\)+|[A-Za-z_]\w*(?:\[\d*\])*)\s+public\s"
    r"[^;{}=()]{0,80}?(\w+)\s*[=;]",
    re.MULTILINE,
)
_CONTRACT = re.compile(r"\b(?:contract|interface)\s+(\w+)")
_ENUM = re.compile(r"\benum\s+(\w+)")
_ELEMENTARY = re.compile(r"(?:address|bool|string|bytes\d*|u?int\d*)(?:\[\d*\])*")
_KEYS = re.compile(r"mapping\s*\(\s*(\w+)")


def selectors_in(source: str) -> frozenset[str]:
    """Selectors of what anybody may call, as far as the text tells."""
    text = _COMMENT.sub(" ", source[:MOST_SOURCE])
    named = dict.fromkeys(_CONTRACT.findall(text), "address")
    named |= dict.fromkeys(_ENUM.findall(text), "uint8")
    found = {
        _signature(name, [part for part in arguments.split(",") if part.strip()], named)
        for name, arguments, after in _FUNCTION.findall(text)
        if re.search(r"\b(?:external|public)\b", after)
    }
    found |= {_signature(name, _keys(kind), named) for kind, name in _VARIABLE.findall(text)}
    return frozenset(selector_of(each) for each in found if each is not None)


def _signature(name: str, arguments: list[str], named: dict[str, str]) -> str | None:
    """As selectors are made of; ``None`` where a type is not known."""
    types = [_type(argument.split()[0], named) for argument in arguments]
    known = [each for each in types if each is not None]
    return f"{name}({','.join(known)})" if len(known) == len(types) else None


def _type(word: str, named: dict[str, str]) -> str | None:
    plain, bracket, rest = word.partition("[")
    plain = named.get(plain, plain)
    plain = {"uint": "uint256", "int": "int256", "byte": "bytes1"}.get(plain, plain)
    told = plain + bracket + rest
    return told if _ELEMENTARY.fullmatch(told) else None


def _keys(kind: str) -> list[str]:
    """What the getter of a public variable takes: a mapping's keys, an array's places."""
    if kind.startswith("mapping"):
        return _KEYS.findall(kind)
    return ["uint256"] * kind.count("[")
