"""Until when lockers hold a pair's LP token: each service's own way to say it.

UNCX's ``tokenLocks``, Team Finance's ``getDepositDetails`` and PinkLock02's ``getLocksForToken``,
as their verified sources declare them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from streams.checks.answers import Unknown
from streams.errors import Invalid
from streams.examine.question import Question, trial
from streams.lockers import Locker

__all__ = ["Locked", "lock_in"]

MOST_LOCKS = 10
"""Locks of one pair that are read."""
MOST_SECONDS = 2**53
"""Beyond it a date is "never", and no number of JSON's."""
_UNCX = ("uint256", "uint256", "uint256", "uint256", "uint256", "address")
_TEAM = ("address", "address", "uint256", "uint256", "bool")
_PINK = "(uint256,address,address,uint256,uint256,uint256,uint256,uint256,uint256,uint256,string)[]"


class Locked(NamedTuple):
    """Who locks, and until when: the earliest UNIX time of its locks that hold something."""

    by: str
    until: float | Unknown


async def lock_in(question: Question, address: str, locker: Locker) -> Locked:
    """The locks of the question's pair in one locker. Never raises."""
    if locker.kind == "uncx-v3":
        return Locked(locker.name, Unknown("dates of locked positions are not read"))
    read = {"uncx": _of_uncx, "team-finance": _of_team_finance, "pinklock": _of_pinklock}
    return Locked(locker.name, await trial(read[locker.kind](question, address)))


async def _of_uncx(question: Question, address: str) -> float:
    view, pair = question.view, question.pool
    many = min(MOST_LOCKS, await view.read(address, "getNumLocksForToken(address)", pair))
    signature = "tokenLocks(address,uint256)"
    locks = await asyncio.gather(
        *(view.read_all(address, signature, pair, i, gives=_UNCX) for i in range(many))
    )
    return _earliest(until for _, amount, _, until, _, _ in locks if amount)


async def _of_team_finance(question: Question, address: str) -> float:
    view, pair = question.view, question.pool
    ids = await view.read(address, "getDepositsByTokenAddress(address)", pair, gives="uint256[]")
    signature = "getDepositDetails(uint256)"
    locks = await asyncio.gather(
        *(view.read_all(address, signature, each, gives=_TEAM) for each in ids[:MOST_LOCKS])
    )
    return _earliest(until for _, _, amount, until, taken in locks if amount and not taken)


async def _of_pinklock(question: Question, address: str) -> float:
    signature = "getLocksForToken(address,uint256,uint256)"
    locks = await question.view.read(address, signature, question.pool, 0, MOST_LOCKS, gives=_PINK)
    return _earliest(lock[5] for lock in locks if lock[3] > lock[9])


def _earliest(dates: Iterable[int]) -> float:
    found = list(dates)
    if not found:
        raise Invalid("it holds liquidity and tells no lock of it", reason="locks")
    return float(min(*found, MOST_SECONDS))
