"""One round of a rehearsal: every act of one actor, each alone, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.checks.acts import TRANSFER_FROM, acts_of
from streams.checks.bytecode import Code
from streams.checks.chainstate import together
from streams.checks.effects import Effect, Observation, effects
from streams.checks.probe import FAILED, Act
from streams.checks.rehearsal import Setting, watch
from streams.evm.rpc import Rpc

__all__ = ["Rehearsal", "Round", "Seen", "all_effects", "first_act", "is_shut"]

FEW_VARIANTS = 6
"""Of a function that told nothing yet, in rounds after the first."""


class Seen(NamedTuple):
    """An act that went through: its function, which of its variants, and what it did."""

    selector: str
    variant: int
    act: Act
    after: Observation
    effects: frozenset[Effect]


class Round(NamedTuple):
    """The token before the acts, and the acts that went through."""

    base: Observation
    seen: list[Seen]
    prepared: bool
    """Whether all that was done first went through."""


class Rehearsal(NamedTuple):
    """Where rounds are held: a node, a setting, and the code whose functions are tried."""

    rpc: Rpc
    setting: Setting
    code: Code

    async def round(
        self, actor: str, first: Sequence[Act] = (), known: Sequence[Round] = ()
    ) -> Round:
        """Every act of one actor after those of ``first``. Raises ``Retry`` and ``Invalid``.

        After ``known`` rounds only what told something in them is tried again, and of functions
        that told nothing the first few variants.
        """
        acts = _numbered(acts_of(self.code, actor, self.setting.cast))
        if known:
            acts = _telling(acts, known)
        watched = await watch(self.rpc, self.setting, [act for *_, act in acts], first=first)
        seen = [
            Seen(selector, variant, act, after, _effects(selector, watched.before, after))
            for (selector, variant, act), after in zip(acts, watched.after, strict=True)
            if after is not None
        ]
        return Round(watched.before, seen, watched.prepared)

    async def rounds(
        self, actors: Iterable[str], first: Sequence[Act] = (), known: Sequence[Round] = ()
    ) -> list[Round]:
        """A round of each actor, all at once."""
        return list(await together(*(self.round(actor, first, known) for actor in actors)))

    async def base(self, first: Sequence[Act] = ()) -> Observation:
        """The token after ``first`` alone."""
        return (await watch(self.rpc, self.setting, [], first=first)).before


def is_shut(base: Observation) -> bool:
    """Whether wallets cannot move, or not sell or buy, what they could if trading were open."""
    return any(FAILED in pair for pair in base.pairs)


def first_act(rounds: Iterable[Round], effect: Effect, *, but: str = "") -> Act | None:
    """The first act with an effect, whose selector is not ``but``."""
    seen = (one for each in rounds for one in each.seen)
    return next((o.act for o in seen if effect in o.effects and o.selector != but), None)


def all_effects(rounds: Iterable[Round]) -> frozenset[Effect]:
    """Every effect that any act of these rounds had."""
    return frozenset(effect for each in rounds for one in each.seen for effect in one.effects)


def _numbered(acts: Iterable[tuple[str, Act]]) -> list[tuple[str, int, Act]]:
    """Acts with the number of their variant among those of their function."""
    counts: Counter[str] = Counter()
    numbered = []
    for selector, act in acts:
        numbered.append((selector, counts[selector], act))
        counts[selector] += 1
    return numbered


def _telling(
    acts: Iterable[tuple[str, int, Act]], known: Iterable[Round]
) -> list[tuple[str, int, Act]]:
    """The first variant of each function for each effect that it had; of others the first few."""
    kept: dict[str, dict[frozenset[Effect], int]] = {}
    for one in (one for each in known for one in each.seen if one.effects):
        kept.setdefault(one.selector, {}).setdefault(one.effects, one.variant)
    return [
        (selector, variant, act)
        for selector, variant, act in acts
        if variant in kept.get(selector, {}).values()
        or (selector not in kept and variant < FEW_VARIANTS)
    ]


def _effects(selector: str, before: Observation, after: Observation) -> frozenset[Effect]:
    """Effects of an act; with ``transferFrom`` anybody can stir a wallet's clock, if not more."""
    found = effects(before, after)
    return found & {"balance"} if selector == TRANSFER_FROM else found
