"""Who says to own a token, as the token answers it."""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.checks.answers import Answer, Unknown
from streams.checks.bytecode import Code
from streams.checks.chainstate import Block, numbers
from streams.evm.rpc import Rpc

__all__ = ["Others", "Owner", "others_of", "owner_of"]

MOST_PLACES = 24
"""Of storage that holds an address, and constants that may be one."""

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


class Others(NamedTuple):
    """Whom a contract knows by storage and by its code: wallets, and other contracts."""

    wallets: tuple[str, ...]
    contracts: tuple[str, ...]


async def others_of(rpc: Rpc, token: str, code: Code, at: Block) -> Others:
    """Everybody whose address the contract holds, the earliest places first. Raises ``Retry``."""
    places = [each for each in code.storage if each.type == "address"][:MOST_PLACES]
    calls = [("eth_getStorageAt", [token, f"0x{each.slot:064x}", at.tag]) for each in places]
    words = await rpc.batch(calls, str) if calls else []
    kept = [_at(word, each.offset) for word, each in zip(words, places, strict=True)]
    known = [each for each in (*kept, *code.addresses[:MOST_PLACES]) if each and each != token]
    known = list(dict.fromkeys(known))
    codes = await rpc.batch([("eth_getCode", [each, at.tag]) for each in known], str)
    return Others(
        tuple(each for each, found in zip(known, codes, strict=True) if found == "0x"),
        tuple(each for each, found in zip(known, codes, strict=True) if _is_code(found)),
    )


def _is_code(found: Any) -> bool:
    return isinstance(found, str) and len(found) > 2


def _at(word: Any, offset: int) -> str | None:
    """The address that lies ``offset`` bytes from the right of a word of storage."""
    try:
        number = int(word, 16) >> 8 * offset & (2**160 - 1)
    except (ValueError, TypeError):
        return None
    return f"0x{number:040x}" if number > 0xFFFF else None


async def owner_of(rpc: Rpc, token: str, at: Block) -> Owner:
    """The owner that ``owner()`` or ``getOwner()`` names. Raises ``Retry``."""
    asked = {name: (token, name, None) for name in _ASKED}
    found = await numbers(rpc, asked, at)
    said = [number for number in found.values() if number is not None and number < 2**160]
    if not said:
        return Owner(None, None)
    number = next((each for each in said if each), 0)
    return Owner(f"0x{number:040x}", number in (0, 1, _DEAD))
