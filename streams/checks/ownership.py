"""Who says to own a token, as the token answers it."""

from __future__ import annotations

from typing import NamedTuple

from streams.checks.answers import Answer, Unknown
from streams.checks.chainstate import Block, numbers
from streams.evm.rpc import Rpc

__all__ = ["Owner", "owner_of"]

_DEAD = 0xDEAD
_ASKED = ("owner()", "getOwner()")


class Owner(NamedTuple):
    """What a token says of its owner: an address, nobody (``renounced``), or nothing at all."""

    address: str | None
    renounced: bool | None

    def answers(self) -> dict[str, Answer]:
        """As findings: a token without the word has renounced nothing."""
        silent = Unknown("the token does not say its owner")
        return {
            "owner.address": silent if self.address is None else self.address,
            "owner.renounced": silent if self.renounced is None else self.renounced,
        }


async def owner_of(rpc: Rpc, token: str, at: Block) -> Owner:
    """The owner that ``owner()`` or ``getOwner()`` names. Raises ``Retry``."""
    asked = {name: (token, name, None) for name in _ASKED}
    found = await numbers(rpc, asked, at)
    said = [number for number in found.values() if number is not None and number < 2**160]
    if not said:
        return Owner(None, None)
    number = next((each for each in said if each), 0)
    return Owner(f"0x{number:040x}", number in (0, 1, _DEAD))
