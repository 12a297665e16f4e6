"""Where liquidity goes that nobody can pull for now: burn addresses and lockers of each chain.

From the data table ``lockers.toml`` beside this file, which says where its addresses come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

__all__ = [
    "BURN_ADDRESSES",
    "LOCKERS",
    "ZERO",
    "Locker",
    "lockers_of",
    "position_managers_of",
    "solana_lockers",
]

ZERO = "0x0000000000000000000000000000000000000000"
BURN_ADDRESSES = frozenset({ZERO, "0x000000000000000000000000000000000000dead"})


class Locker(msgspec.Struct, frozen=True):
    """Who runs it, and how its locks are read."""

    name: str
    kind: Literal["uncx", "uncx-v3", "team-finance", "pinklock"]


class _Row(Locker, frozen=True):
    addresses: dict[str, tuple[str, ...]]


class _Table(msgspec.Struct, frozen=True):
    lockers: tuple[_Row, ...]
    position_managers: dict[str, tuple[str, ...]]
    solana_programs: dict[str, tuple[str, ...]]


_table = msgspec.toml.decode(files(__package__).joinpath("lockers.toml").read_bytes(), type=_Table)

LOCKERS = frozenset(
    address for row in _table.lockers for found in row.addresses.values() for address in found
)
"""Every locker of every chain, in lower case."""


@cache
def lockers_of(chain: str) -> Mapping[str, Locker]:
    """The lockers on ``chain`` by address; a local chain has Ethereum's."""
    chain = "ethereum" if chain == "devnet" else chain
    return {
        address: Locker(row.name, row.kind)
        for row in _table.lockers
        for address in row.addresses.get(chain, ())
    }


def position_managers_of(chain: str) -> tuple[str, ...]:
    """The contracts on ``chain`` that keep positions of concentrated liquidity as tokens."""
    return _table.position_managers.get(chain, ())


@cache
def solana_lockers() -> Mapping[str, str]:
    """Programs on Solana that keep tokens for others until a date, and who runs each.

    Where a program keeps them with an account that is no account of its own, that is in it too.
    """
    return {address: name for name, found in _table.solana_programs.items() for address in found}
