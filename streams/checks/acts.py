"""What an owner might do with a token: calls made from its bytecode's functions.

Arguments are chosen for what they would do to a *victim*: its address wherever an address goes, and
numbers that mean something as a percentage, as basis points, as an amount or as an address. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from eth_abi import encode  # type: ignore[attr-defined]
from eth_abi.exceptions import EncodingError, ParseError
from eth_hash.auto import keccak

from streams.checks.bytecode import Code, Function
from streams.checks.probe import Act, split_types

__all__ = ["RENOUNCE", "STANDARD", "TRANSFER_FROM", "Cast", "acts_of", "selector_of"]


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
MOST_VARIANTS = 20
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


def acts_of(code: Code, actor: str, cast: Cast) -> list[tuple[str, Act]]:
    """Calls of every function that writes, by selector; those of holders are left out."""
    functions = [each for each in code.functions if each.writes and each.selector not in STANDARD]
    return [
        (function.selector, Act(actor, data))
        for function in functions[:MOST_FUNCTIONS]
        for data in _variants(function, actor, cast, code.constants)
    ]


def _variants(function: Function, actor: str, cast: Cast, constants: Sequence[int]) -> list[bytes]:
    """Calldata of one function, without doubles."""
    if len(function.arguments) > LONGEST_ARGUMENTS:
        return []
    types = split_types(function.arguments)
    made: dict[bytes, None] = {}
    for variant in _choices(function.arguments, actor, cast, constants):
        try:
            values = [_value(each, variant, place) for place, each in enumerate(types)]
            made[bytes.fromhex(function.selector) + encode(types, values)] = None
        except (EncodingError, ParseError, ValueError, TypeError, OverflowError, RecursionError):
            continue  # a type that evmole inferred and nobody can encode
    return list(made)[:MOST_VARIANTS]


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


def _value(kind: str, variant: _Variant, place: int) -> Any:
    """A value of an ABI type; ``place`` tells the first address from the next."""
    if kind.endswith("]"):
        inner, _, count = kind[:-1].rpartition("[")
        return [_value(inner, variant, place)] * (min(int(count), 8) if count else 1)
    if kind.startswith("("):
        parts: Sequence[str] = split_types(kind[1:-1])
        return tuple(_value(each, variant, place) for each in parts)
    if kind == "address":
        return variant.addresses[0 if place == 0 else 1]
    return _plain(kind, variant)


def _plain(kind: str, variant: _Variant) -> Any:
    """A value of a type without parts."""
    if kind == "bool":
        return variant.flag
    if kind == "string" or kind.startswith("bytes"):
        return "" if kind == "string" else b""
    bits = int(kind.removeprefix("u").removeprefix("int") or 256)
    return min(variant.number, (1 << (bits - kind.startswith("int"))) - 1)
