"""What an act did to a token: its observation held against the one of the token as it stood.

Pure: the probe's numbers in, named effects out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from streams.checks.probe import ABSENT, FAILED, ONE

__all__ = ["Effect", "Observation", "effects", "observation_from"]

Effect = Literal[
    "mint", "hidden-mint", "balance", "blacklist", "whitelist", "pause", "open", "limit",
    "fee", "fee-of-one", "exempt", "cooldown", "renounce", "take-back", "harmless",
]  # fmt: skip
"""mint: supply rose. hidden-mint: balances rose and the supply did not. balance: the victim lost.
blacklist: the victim alone is stopped. whitelist: it alone is free. pause: all are stopped. open:
all are free. limit: what is large is stopped, or no longer. fee: a tax changed. fee-of-one: the
victim's rose alone. exempt: it fell alone. cooldown: a second transfer is stopped. renounce: there
is no owner any more. take-back: there is one again. harmless: the actor's own
balance fell, or the token's of itself."""

FINEST = 10**6
"""A balance that changes by less than this part of it is rounding or reflection."""
TAX = ONE // 10**6
"""A tax that changes by less is rounding or reflection."""
_NOBODY = (0, 1, 0xDEAD)


class Observation(msgspec.Struct, frozen=True):
    """The state and the trades of a token after an act, in the order of ``Probe.sol``.

    Shares are of ``ONE``; ``FAILED`` a revert; ``ABSENT`` that there was nothing to try.
    """

    acted: int
    supply: int
    owner: int
    actor: int
    victim: int
    bystander: int
    token: int
    pool: int
    fresh: int
    moves_tiny: int
    moves: int
    moves_all: int
    other_moves: int
    moves_again: int
    sells: int
    other_sells: int
    buys: int
    other_buys: int
    sells_tiny: int

    @property
    def held(self) -> int:
        """What everybody who is watched has."""
        return (
            self.actor + self.victim + self.bystander + self.token + self.pool + self.fresh
        )  # fmt: skip

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The victim's and the bystander's transfer, sale and purchase."""
        return [
            (self.moves, self.other_moves),
            (self.sells, self.other_sells),
            (self.buys, self.other_buys),
        ]


def observation_from(told: list[int]) -> Observation | None:
    """An observation; ``None`` for an act that reverted or was not tried."""
    return Observation(*told) if len(told) == len(Observation.__struct_fields__) else None


def effects(before: Observation, after: Observation) -> frozenset[Effect]:
    """Everything that changed, named."""
    owner, balances = {*_of_owner(before, after)}, {*_of_balances(before, after)}
    if after.owner != before.owner:  # whoever owns it now may be free of what binds others
        return frozenset(owner | balances)
    if "balance" in balances:  # who has nothing cannot move it: that is no ban
        return frozenset(balances)
    passage = [*_of_passage(before, after), *_of_sizes(before, after), *_of_taxes(before, after)]
    return frozenset(balances | {*passage})


def _of_balances(before: Observation, after: Observation) -> Iterable[Effect]:
    grain = max(before.victim // FINEST, 1)
    gained = after.held - before.held
    if after.supply > before.supply and before.supply != FAILED:
        yield "mint"
    elif gained > grain:
        yield "hidden-mint"
    if before.victim - after.victim > grain:
        yield "balance"
    if gained <= 0 and (after.actor < before.actor or after.token < before.token):
        yield "harmless"


def _of_passage(before: Observation, after: Observation) -> Iterable[Effect]:
    for (victim, other), (now, other_now) in zip(before.pairs, after.pairs, strict=True):
        stopped, other_stopped = _stopped(victim, now), _stopped(other, other_now)
        freed, other_freed = _stopped(now, victim), _stopped(other_now, other)
        if stopped and not other_stopped and other_now != FAILED:
            yield "blacklist"
        if stopped and other_stopped:
            yield "pause" if _tiny_stopped(before, after) else "limit"
        if freed and other_freed:
            yield "open"
        if freed and not other_freed and other_now == FAILED:
            yield "whitelist"


def _tiny_stopped(before: Observation, after: Observation) -> bool:
    """Whether the smallest amount is stopped too: then it is no limit of size."""
    moves = (before.moves_tiny, after.moves_tiny), (before.sells_tiny, after.sells_tiny)
    if any(_stopped(was, now) for was, now in moves):
        return True
    # only purchases are stopped, and there is no tiny one
    return not _stopped(before.moves, after.moves) and not _stopped(before.sells, after.sells)


def _of_sizes(before: Observation, after: Observation) -> Iterable[Effect]:
    small = after.moves not in (FAILED, ABSENT) and before.moves not in (FAILED, ABSENT)
    if small and (before.moves_all == FAILED) != (after.moves_all == FAILED):
        yield "limit"
    if small and _stopped(before.moves_again, after.moves_again):
        yield "cooldown"


def _of_taxes(before: Observation, after: Observation) -> Iterable[Effect]:
    # a wallet that is declared a pool pays what trades pay: that is no tax of its own
    usual = min((share for pair in before.pairs for share in pair if share <= ONE), default=ONE)
    for (victim, other), (now, other_now) in zip(before.pairs, after.pairs, strict=True):
        if {victim, other, now, other_now} & {FAILED, ABSENT}:
            continue
        rose, other_rose = victim - now, other - other_now
        if abs(other_rose) > TAX:
            yield "fee"
        if rose > TAX and abs(other_rose) <= TAX and now < usual - TAX:
            yield "fee-of-one"
        if rose < -TAX and abs(other_rose) <= TAX:
            yield "exempt"


def _of_owner(before: Observation, after: Observation) -> Iterable[Effect]:
    if FAILED in (before.owner, after.owner):
        return
    had, has = before.owner not in _NOBODY, after.owner not in _NOBODY
    if had and not has:
        yield "renounce"
    if has and not had:
        yield "take-back"


def _stopped(before: int, after: int) -> bool:
    return before not in (FAILED, ABSENT) and after == FAILED
