"""What storage tells of a token's functions: which write balances, or what transfers read.

Pure, and without a node: all there is to say of bytecode alone.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from streams.checks.acts import STANDARD, TRANSFER_FROM, selector_of
from streams.checks.bytecode import Code, Stored

__all__ = ["Layout", "layout_of"]

BALANCE_OF: Final = selector_of("balanceOf(address)")
TRANSFER: Final = selector_of("transfer(address,uint256)")
TOTAL_SUPPLY: Final = selector_of("totalSupply()")
_MOVING: Final = STANDARD | {TRANSFER_FROM}
_BURNS: Final = ("burn(uint256)", "burnFrom(address,uint256)", "burn(address,uint256)")
_OWN: Final = frozenset(selector_of(each) for each in _BURNS)
_BALANCES = re.compile(r"mapping\((address|bytes32|uint256) => (u?int\d*|bytes32|struct.*)\)")


class Layout(NamedTuple):
    """Selectors by what they write; ``balances`` is ``None`` when the mapping was not found."""

    balances: Stored | None
    balance_writers: frozenset[str]
    supply_writers: frozenset[str]
    switches: dict[str, frozenset[str]]
    """Functions that write what transfers read, with the types of it."""
    owners: tuple[Stored, ...]
    """Places that hold an address."""

    def writers_of(self, *kinds: str) -> frozenset[str]:
        """The functions that write something of these types that transfers read."""
        return frozenset(
            selector for selector, types in self.switches.items() if types & frozenset(kinds)
        )


def layout_of(code: Code) -> Layout:
    """How a token's functions meet in its storage."""
    writing = {each.selector for each in code.functions if each.writes}
    balances = _balances(code)
    supply = [each for each in code.storage if TOTAL_SUPPLY in each.reads]
    return Layout(
        balances=balances,
        balance_writers=frozenset() if balances is None else _others(balances, writing),
        supply_writers=frozenset().union(*(_others(each, writing) for each in supply)),
        switches=_switches(code, balances, writing),
        owners=tuple(each for each in code.storage if each.type == "address"),
    )


def _balances(code: Code) -> Stored | None:
    """The mapping that ``balanceOf`` reads and transfers write."""
    for each in code.storage:
        if (
            _BALANCES.fullmatch(each.type)
            and BALANCE_OF in each.reads
            and each.writes & {TRANSFER, TRANSFER_FROM}
        ):
            return each
    return None


def _others(place: Stored, writing: set[str]) -> frozenset[str]:
    return frozenset(place.writes & writing) - _MOVING - _OWN


def _switches(code: Code, balances: Stored | None, writing: set[str]) -> dict[str, frozenset[str]]:
    """What transfers read, and functions that are no transfer write: bools, numbers, mappings."""
    found: dict[str, set[str]] = {}
    for each in code.storage:
        if each is balances or not each.reads & {TRANSFER, TRANSFER_FROM}:
            continue
        if "=> mapping(" in each.type:  # allowances
            continue
        for selector in _others(each, writing):
            found.setdefault(selector, set()).add(each.type)
    return {selector: frozenset(types) for selector, types in found.items()}
