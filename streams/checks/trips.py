"""A trade as the probe saw it: what was paid, promised, received, sold, and where it ended."""

from __future__ import annotations

import msgspec

from streams.checks.answers import MOST_TEXT
from streams.checks.probe import unpacked
from streams.text import sanitise

__all__ = [
    "APPROVE",
    "NOTHING",
    "PAYMENT",
    "PROCEEDS",
    "SALE",
    "UNREACHED",
    "UNREAD",
    "WORTHLESS",
    "Trip",
    "reason_in",
    "trip_from",
]

PAYMENT, BUY, NOTHING, APPROVE, SALE, UNREACHED, PROCEEDS, UNREAD, WORTHLESS = range(1, 10)
"""At which step a trade ended, as ``Probe.sol`` numbers it; 0 is a trade that went through."""
_TRADE = "(" + "uint256," * 9 + "bytes)"
_TRIP = f"({_TRADE},uint256,uint256,uint256,uint256,bytes)"


class Trip(msgspec.Struct, frozen=True):
    """A round trip of one size, or the sale of one holder (who bought nothing: ``promised`` 0)."""

    step: int
    spent: int
    promised: int
    received: int
    buy_gas: int
    sold: int
    reached: int
    back: int
    sell_gas: int
    reason: bytes
    all: int
    again: int
    moved: int
    move_gas: int
    move_reason: bytes

    @property
    def bought(self) -> bool:
        """Whether the buy went through and gave something."""
        return self.step == 0 or NOTHING < self.step < UNREAD or self.step == WORTHLESS

    @property
    def sells(self) -> bool:
        """Whether the sale went through and was paid."""
        return self.step == 0

    @property
    def buy_tax(self) -> float:
        """The share of what the pool gave that did not arrive."""
        return max(0.0, 1 - self.received / self.promised) if self.promised else 0.0

    @property
    def sell_tax(self) -> float:
        """The share of what was sold that did not reach the pool."""
        return max(0.0, 1 - self.reached / self.sold) if self.sold else 0.0


def trip_from(data: bytes) -> Trip | None:
    """A trip that the probe encoded; ``None`` for one that ran out of gas. Raises ``Invalid``."""
    if not data:
        return None
    (told,) = unpacked([_TRIP], data)
    trade, *rest = told
    return Trip(*trade, *rest)


def reason_in(data: bytes) -> str:
    """A revert's reason as a visible line: its text, its panic code, or its selector."""
    if data[:4] == bytes.fromhex("08c379a0"):
        text = data[68 : 68 + int.from_bytes(data[36:68], "big")] if len(data) >= 68 else b""
        return sanitise(text.decode("utf-8", "replace"), MOST_TEXT) or "it reverts without a reason"
    if data[:4] == bytes.fromhex("4e487b71") and len(data) >= 36:
        return f"panic 0x{int.from_bytes(data[4:36], 'big'):02x}"[:MOST_TEXT]
    if len(data) == 32 and not any(data):
        return "it answers false"
    if len(data) < 4 or not any(data[:4]):
        return "it reverts without a reason"
    return f"custom error 0x{data[:4].hex()}"
