"""What an owner might do with a token: calls made from its bytecode's functions.

Arguments are chosen for what they would do to a *victim*: its address wherever an address goes, and
numbers that mean something as a percentage, as basis points, as an amount or as an address. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from eth_abi import encode  # type: ignore[attr-defined]
from eth_abi.exceptions import EncodingError, ParseError
from eth_hash.auto import keccak

from streams.checks.bytecode import Code, Function
from streams.checks.probe import NOBODY, Act, split_types

__all__ = ["RENOUNCE", "STANDARD", "TRANSFER_FROM", "Cast", "acts_of", "selector_of", "takings_of"]


def selector_of(signature: str) -> str:
    """The selector of a signature as evmole writes it: 8 hex digits."""
    return str(keccak(signature.encode())[:4].hex())


RENOUNCE: Final = selector_of("renounceOwnership()")
TRANSFER_FROM: Final = selector_of("transferFrom(address,address,uint256)")
STANDARD: Final = frozenset(
    selector_of(each)
    for each in (
        "transfer(address,uint256)",
        "approve(address,uint256)",
        "increaseAllowance(address,uint256)",
        "decreaseAllowance(address,uint256)",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
    )
)
"""What every holder may do with its own; ``transferFrom`` is not here: owners may have a way in."""

MOST_FUNCTIONS = 64
MOST_VARIANTS, MOST_TAKINGS = 20, 40
LONGEST_ARGUMENTS = 400
"""Of one function's types: evmole may infer monsters from hostile code."""


class Cast(NamedTuple):
    """Who plays in a simulation, and the amounts that mean something to the token."""

    victim: str
    bystander: str
    fresh: str
    supply: int
    part: int = 10

    @property
    def has(self) -> int:
        """What victim and bystander are given: this part of the supply each."""
        return max(self.supply // self.part, 100)


class _Variant(NamedTuple):
    number: int
    flag: bool
    addresses: tuple[str, str]
    """The first of a call's addresses, and all others."""


def acts_of(code: Code, actor: str, cast: Cast) -> list[tuple[str, Act]]:
    """Calls of every function that writes, by selector; those of holders are left out."""
    return [
        (function.selector, Act(actor, data))
        for function in _acting(code)
        for data in _variants(function, _choices(function.arguments, actor, cast, code.constants))
    ]


def takings_of(code: Code, actor: str, held: Sequence[str]) -> list[tuple[str, Act]]:
    """Calls that might send ``actor`` some of the tokens ``held``, or the chain's coin."""
    return [
        (function.selector, Act(actor, data))
        for function in _acting(code)
        for data in _variants(
            function, _takings(function.arguments, actor, held, code.constants), MOST_TAKINGS
        )
    ]


def _acting(code: Code) -> list[Function]:
    """What writes and is no holder's own business."""
    writing = (each for each in code.functions if each.writes and each.selector not in STANDARD)
    return list(writing)[:MOST_FUNCTIONS]


def _variants(
    function: Function, choices: Iterable[_Variant], most: int = MOST_VARIANTS
) -> list[bytes]:
    """Calldata of one function, without doubles."""
    if len(function.arguments) > LONGEST_ARGUMENTS:
        return []
    types = split_types(function.arguments)
    made: dict[bytes, None] = {}
    for variant in choices:
        try:
            values = _values(types, variant)
            made[bytes.fromhex(function.selector) + encode(types, values)] = None
        except (EncodingError, ParseError, ValueError, TypeError, OverflowError, RecursionError):
            continue  # a type that evmole inferred and nobody can encode
    return list(made)[:most]


def _values(types: Sequence[str], variant: _Variant) -> list[Any]:
    """A value for each argument."""
    firsts = [place for place, each in enumerate(types) if each.startswith("address")]
    return [_value(each, variant, first=place in firsts[:1]) for place, each in enumerate(types)]


def _takings(
    arguments: str, actor: str, held: Sequence[str], constants: Sequence[int]
) -> Iterator[_Variant]:
    """A token and who gets it, in either order; NOBODY for a token means the coin to many."""
    addresses = [(token, actor) for token in (*held, NOBODY)]
    addresses += [(actor, token) for token in held]
    numbers = (50, *constants, 0, 10**9) if "int" in arguments else (0,)
    flags = (True, False) if "bool" in arguments else (True,)
    for number in numbers:
        for flag in flags:
            for ways in addresses if "address" in arguments else addresses[:1]:
                yield _Variant(number, flag, ways)


def _choices(
    arguments: str, actor: str, cast: Cast, constants: Sequence[int]
) -> Iterator[_Variant]:
    rates = (0, 10, 1, 25, 99, 1_000, 5_000, 9_900)
    amounts = (cast.supply // 100, cast.supply, int(cast.victim, 16))
    numbers = [cast.has // 2, *rates, *amounts, *constants]
    flags = (True, False) if "bool" in arguments else (True,)
    kept = numbers if len(flags) == 1 else [*numbers[:6], *constants]
    ways = [(cast.victim, actor)]
    if arguments.count("address") > 1:
        ways.append((actor, cast.victim))
    for number in kept if "int" in arguments else (0,):
        for flag in flags:
            for addresses in ways[: 1 if number in (0, 1) else 2]:
                yield _Variant(number, flag, addresses)


def _value(kind: str, variant: _Variant, *, first: bool) -> Any:
    """A value of an ABI type; ``first`` tells the first address of a call from the others."""
    if kind.endswith("]"):
        inner, _, count = kind[:-1].rpartition("[")
        return [_value(inner, variant, first=first)] * (min(int(count), 8) if count else 1)
    if kind.startswith("("):
        return tuple(_values(split_types(kind[1:-1]), variant))
    if kind == "address":
        return variant.addresses[0 if first else 1]
    return _plain(kind, variant)


def _plain(kind: str, variant: _Variant) -> Any:
    """A value of a type without parts."""
    if kind == "bool":
        return variant.flag
    if kind == "string" or kind.startswith("bytes"):
        return "" if kind == "string" else b""
    bits = int(kind.removeprefix("u").removeprefix("int") or 256)
    return min(variant.number, (1 << (bits - kind.startswith("int"))) - 1)
