"""One round of a rehearsal: every act of one actor, each alone, and what it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.checks.acts import TRANSFER_FROM, acts_of
from streams.checks.bytecode import Code
from streams.checks.chainstate import together
from streams.checks.effects import Effect, Observation, effects
from streams.checks.probe import FAILED, Act
from streams.checks.rehearsal import Setting, watch
from streams.evm.rpc import Rpc

__all__ = ["Rehearsal", "Round", "all_effects", "first_act", "is_shut"]


class Round(NamedTuple):
    """The token before the acts, and each act that went through with its effects."""

    base: Observation
    seen: list[tuple[str, Act, Observation, frozenset[Effect]]]
    prepared: bool
    """Whether all that was done first went through."""


class Rehearsal(NamedTuple):
    """Where rounds are held: a node, a setting, and the code whose functions are tried."""

    rpc: Rpc
    setting: Setting
    code: Code

    async def round(self, actor: str, first: Sequence[Act] = ()) -> Round:
        """Every act of one actor after those of ``first``. Raises ``Retry`` and ``Invalid``."""
        acts = acts_of(self.code, actor, self.setting.cast)
        watched = await watch(self.rpc, self.setting, [act for _, act in acts], first=first)
        seen = [
            (selector, act, after, _effects(selector, watched.before, after))
            for (selector, act), after in zip(acts, watched.after, strict=True)
            if after is not None
        ]
        return Round(watched.before, seen, watched.prepared)

    async def rounds(self, actors: Iterable[str], first: Sequence[Act] = ()) -> list[Round]:
        """A round of each actor, all at once."""
        return list(await together(*(self.round(actor, first) for actor in actors)))

    async def base(self, first: Sequence[Act] = ()) -> Observation:
        """The token after ``first`` alone."""
        return (await watch(self.rpc, self.setting, [], first=first)).before


def is_shut(base: Observation) -> bool:
    """Whether wallets cannot move, or not sell or buy, what they could if trading were open."""
    return any(FAILED in pair for pair in base.pairs)


def first_act(rounds: Iterable[Round], effect: Effect, *, but: str = "") -> Act | None:
    """The first act with an effect, whose selector is not ``but``."""
    seen = (one for each in rounds for one in each.seen)
    return next((act for name, act, _, found in seen if effect in found and name != but), None)


def all_effects(rounds: Iterable[Round]) -> frozenset[Effect]:
    """Every effect that any act of these rounds had."""
    return frozenset(effect for each in rounds for *_, found in each.seen for effect in found)


def _effects(selector: str, before: Observation, after: Observation) -> frozenset[Effect]:
    """Effects of an act; with ``transferFrom`` anybody can stir a wallet's clock, if not more."""
    found = effects(before, after)
    return found & {"balance"} if selector == TRANSFER_FROM else found
