"""What an owner can do to holders: every function tried as the owner, and its effects named.

Rounds: the owner's acts on the token as it stands; after trading is opened, if it was not; after
each kind of act that hides others (who is exempt shows only while all are stopped); and after the
ownership is given up, by whoever the contract still knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.checks.acts import RENOUNCE, TRANSFER_FROM, acts_of
from streams.checks.bytecode import Code
from streams.checks.effects import Effect, Observation, effects
from streams.checks.ownership import Owner
from streams.checks.probe import FAILED, ONE, Act, fresh_address
from streams.checks.rehearsal import Setting, watch
from streams.evm.rpc import Rpc

__all__ = ["Powers", "powers_of"]

PARTS = (10, 1_000, 50_000)
"""Of the supply: what wallets are given, until limits of size let them move it."""
MOST_ACTORS = 4
MOST_COVERS = 3
"""How many acts that may hide others are done first, in rounds of their own."""
_COVERING: tuple[Effect, ...] = ("pause", "limit", "fee")
_EXPLAINED: frozenset[Effect] = frozenset({"harmless"})


class Powers(NamedTuple):
    """What was found: effects by selector, and what was not tried out."""

    standing: Observation
    """The token before any act; opened, where its owner or time could open it."""
    opened: bool
    """Whether it is shut as it stands, and an act of the owner opens it."""
    limited: bool
    """Whether large transfers are stopped where small ones are not."""
    asks: bool
    """Whether a transfer hangs on what another contract answers."""
    found: dict[str, frozenset[Effect]]
    harmless: frozenset[str]
    """Selectors of which a call went through, and all that fell was the caller's own balance."""
    passed: frozenset[str]
    """Selectors of which a call went through."""
    hidden: frozenset[Effect]
    """Effects that somebody has who is not, or no longer, the owner."""
    highest_tax: float
    """The highest tax of a sale or transfer that any act made."""

    def having(self, effect: Effect) -> frozenset[str]:
        """The selectors with this effect."""
        return frozenset(each for each, found in self.found.items() if effect in found)


class _Round(NamedTuple):
    base: Observation
    seen: list[tuple[str, Act, Observation, frozenset[Effect]]]
    prepared: bool


async def powers_of(
    rpc: Rpc, setting: Setting, code: Code, owner: Owner, others: Sequence[str]
) -> Powers:
    """What the owner can do, and what ``others`` can who are not.

    Without an owner the others are all there is; without both it is any stranger. Raises ``Retry``
    and ``Invalid`` as ``watch`` does.
    """
    named = owner.address if owner.address and not owner.renounced else None
    actors = [named] if named else list(others[:MOST_ACTORS]) or [fresh_address()]
    setting, limited = await _scaled(rpc, setting)
    rounds = [await _round(rpc, setting, code, actor) for actor in actors]
    opening = _first(rounds, "open") if _shut(rounds[0].base) else None
    first = [opening] if opening else []
    if _shut(rounds[0].base):
        setting = setting._replace(later=not opening)
        rounds += [await _round(rpc, setting, code, actor, first=first) for actor in actors]
    standing = rounds[-1].base
    for cover in _covers(rounds):
        rounds.append(await _round(rpc, setting, code, cover.actor, first=[*first, cover]))
    if named:
        hidden = await _hidden(rpc, setting, code, named, others, rounds, first)
    else:
        hidden = _gathered(rounds) if others else frozenset()
    gone = owner.address if owner.renounced else None
    locked = [await _round(rpc, setting, code, gone, first=first)] if gone else []
    return _powers(rounds, locked, hidden, standing)._replace(
        opened=opening is not None,
        limited=limited,
        asks=await _asks(rpc, setting, standing, first),
    )


async def _asks(rpc: Rpc, setting: Setting, whole: Observation, first: Sequence[Act]) -> bool:
    """Whether transfers are not what they were when the contracts that it knows fail."""
    if not setting.others:
        return False
    broken = setting._replace(broken=setting.others)
    base = (await watch(rpc, broken, [], first=first)).before
    return (base.moves, base.sells, base.sells_tiny) != (whole.moves, whole.sells, whole.sells_tiny)


async def _scaled(rpc: Rpc, setting: Setting) -> tuple[Setting, bool]:
    """Amounts that pass the token's limits, and whether it has any."""
    limited = False
    for part in PARTS:
        setting = setting._replace(cast=setting.cast._replace(part=part))
        base = (await watch(rpc, setting, [])).before
        if base.moves_tiny == FAILED or FAILED not in (base.moves, base.moves_all):
            break
        limited = True
        if base.moves != FAILED:
            break
    return setting, limited


async def _round(
    rpc: Rpc, setting: Setting, code: Code, actor: str, *, first: Sequence[Act] = ()
) -> _Round:
    """Every act of one actor, each alone, after those of ``first``."""
    acts = acts_of(code, actor, setting.cast)
    watched = await watch(rpc, setting, [act for _, act in acts], first=first)
    seen = [
        (selector, act, after, _effects(selector, watched.before, after))
        for (selector, act), after in zip(acts, watched.after, strict=True)
        if after is not None
    ]
    return _Round(watched.before, seen, watched.prepared)


def _effects(selector: str, before: Observation, after: Observation) -> frozenset[Effect]:
    """Effects of an act; with ``transferFrom`` anybody can stir a wallet's clock, if not more."""
    found = effects(before, after)
    return found & {"balance"} if selector == TRANSFER_FROM else found


def _shut(base: Observation) -> bool:
    """Whether wallets cannot move, or not buy, what they could if trading were open."""
    return any(FAILED in pair for pair in base.pairs)


def _first(rounds: Iterable[_Round], effect: Effect, *, but: str = "") -> Act | None:
    seen = (one for each in rounds for one in each.seen)
    return next((act for name, act, _, found in seen if effect in found and name != but), None)


def _covers(rounds: Sequence[_Round]) -> list[Act]:
    found = [_first(rounds, effect) for effect in _COVERING]
    return [act for act in found if act is not None][:MOST_COVERS]


async def _hidden(
    rpc: Rpc,
    setting: Setting,
    code: Code,
    owner: str,
    others: Sequence[str],
    rounds: Sequence[_Round],
    first: Sequence[Act],
) -> frozenset[Effect]:
    """What can be done after the owner is gone, by the one who was and by others."""
    renounced = [Act(owner, bytes.fromhex(RENOUNCE))] if code.function(RENOUNCE) else []
    left = _first(rounds, "renounce", but=RENOUNCE)  # by another name: a lock, say
    ways = [[*first, act] for act in [*renounced, *([left] if left else [])]]
    found: frozenset[Effect] = frozenset()
    for way in ways:
        for actor in [owner, *others][:MOST_ACTORS]:
            after = await _round(rpc, setting, code, actor, first=way)
            if after.prepared:
                found |= _gathered([after])
    if not ways:  # nobody can leave: who else has a say as it is?
        for actor in others[:MOST_ACTORS]:
            found |= _gathered([await _round(rpc, setting, code, actor, first=first)])
    return found


def _gathered(rounds: Iterable[_Round]) -> frozenset[Effect]:
    return frozenset(effect for each in rounds for *_, found in each.seen for effect in found)


def _powers(
    rounds: Sequence[_Round],
    locked: Sequence[_Round],
    hidden: frozenset[Effect],
    standing: Observation,
) -> Powers:
    """Everything that rounds saw; those of ``locked`` explain functions that nobody can call."""
    found: dict[str, frozenset[Effect]] = {}
    harmless: set[str] = set()
    for each in rounds:
        for selector, _, _, these in each.seen:
            found[selector] = found.get(selector, frozenset()) | these
            if these == _EXPLAINED:
                harmless.add(selector)
    kept = {selector: _attributed(these) for selector, these in found.items()}
    shut = {selector for each in locked for selector, _, _, these in each.seen if these}
    return Powers(
        standing=standing,
        opened=False,
        limited=False,
        asks=False,
        found={selector: these for selector, these in kept.items() if these},
        harmless=frozenset(harmless | shut),
        passed=frozenset(selector for r in (*rounds, *locked) for selector, *_ in r.seen),
        hidden=hidden,
        highest_tax=max((_tax(after) for r in rounds for _, _, after, _ in r.seen), default=0.0),
    )


def _attributed(found: frozenset[Effect]) -> frozenset[Effect]:
    """Without what only follows from another effect.

    A tax of 10,000 % or a limit of 0 stops all, and a wallet's own tax of that kind the wallet.
    """
    dropped: set[Effect] = {"harmless"}
    if found & {"fee", "limit", "mint", "hidden-mint"}:
        dropped |= {"pause", "cooldown"}
    if found & {"fee", "mint", "hidden-mint"}:
        dropped |= {"limit"}
    if "fee-of-one" in found:
        dropped |= {"blacklist"}
    return found - dropped


def _tax(after: Observation) -> float:
    shares = (after.moves, after.other_moves, after.sells, after.other_sells)
    return max((1 - share / ONE for share in shares if share <= ONE), default=0.0)
