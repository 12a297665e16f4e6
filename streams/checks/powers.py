"""What an owner can do to holders: every function tried as the owner, and its effects named.

Rounds: the owner's acts on the token as it stands; after trading is opened, if it was not; after
each kind of act that hides others (who is exempt shows only while all are stopped); and after the
ownership is given up, by whoever the contract still knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.checks.acts import RENOUNCE
from streams.checks.bytecode import Code
from streams.checks.chainstate import together
from streams.checks.effects import Effect, Observation
from streams.checks.layout import layout_of
from streams.checks.ownership import Owner
from streams.checks.probe import FAILED, ONE, Act, fresh_address
from streams.checks.rehearsal import Setting
from streams.checks.rounds import Rehearsal, Round, all_effects, first_act, is_shut
from streams.evm.rpc import Rpc

__all__ = ["Powers", "powers_of"]

PARTS = (10, 1_000, 50_000)
"""Of the supply: what wallets are given, until limits of size let them move it."""
MOST_ACTORS = 4
MOST_PRIMERS = 3
PRIMING_VARIANT = 5
"""Of ``acts_of``: the last of these that passes is a rate of up to 99."""
_COVERING: tuple[Effect, ...] = ("pause", "limit", "fee")
"""Acts of these effects are done first, in rounds of their own: they may hide others."""
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


async def powers_of(
    rpc: Rpc, setting: Setting, code: Code, owner: Owner, others: Sequence[str]
) -> Powers:
    """What the owner can do, and what ``others`` can who are not.

    Without an owner the others are all there is; without both it is any stranger. Raises ``Retry``
    and ``Invalid`` as ``watch`` does.
    """
    named = owner.address if owner.address and not owner.renounced else None
    actors = [named] if named else list(others[:MOST_ACTORS]) or [fresh_address()]
    rehearsal, wide = Rehearsal(rpc, setting, code), None
    rounds = await rehearsal.rounds(actors)
    if not _is_free(rounds[0].base):
        rehearsal, wide = await _scaled(rehearsal)
        rounds = await rehearsal.rounds(actors)
    opening = first_act(rounds, "open") if is_shut(rounds[0].base) else None
    first = [opening] if opening else []
    if is_shut(rounds[0].base):
        rehearsal = rehearsal._replace(setting=rehearsal.setting._replace(later=not opening))
        rounds += await rehearsal.rounds(actors, first)
    standing = rounds[-1].base
    gone = [owner.address] if owner.address and owner.renounced else []
    covered, hidden, locked, asks, lifted = await together(
        _covered(rehearsal, rounds, first),
        _hidden(rehearsal, named, others, rounds, first),
        rehearsal.rounds(gone, first),
        _asks(rehearsal, standing, first),
        wide.rounds(actors, first) if wide else rehearsal.rounds([]),
    )
    rounds += covered
    return Powers(
        standing=standing,
        opened=opening is not None,
        limited=wide is not None,
        asks=asks,
        found=_found([*rounds, *map(_of_limits, lifted)]),
        harmless=_harmless(rounds) | _names(locked, acting=True),
        passed=_names(rounds) | _names(locked),
        hidden=hidden if named else all_effects(rounds) if others else frozenset(),
        highest_tax=max((_tax(one.after) for r in rounds for one in r.seen), default=0.0),
    )


async def _scaled(rehearsal: Rehearsal) -> tuple[Rehearsal, Rehearsal | None]:
    """A rehearsal with amounts within the token's limits, and one beyond them, if there are any."""
    wide = None
    for part in PARTS:
        cast = rehearsal.setting.cast._replace(part=part)
        rehearsal = rehearsal._replace(setting=rehearsal.setting._replace(cast=cast))
        base = await rehearsal.base()
        if _is_free(base):
            break
        wide = rehearsal
        if base.moves != FAILED:
            break
    return rehearsal, wide


def _is_free(base: Observation) -> bool:
    """Whether no limit of size shows: all moves, or nothing at all does."""
    return base.moves_tiny == FAILED or FAILED not in (base.moves, base.moves_all)


def _of_limits(each: Round) -> Round:
    """A round with amounts beyond a limit: whatever lets them pass has lifted it."""
    lifting = frozenset[Effect]({"open", "limit"})
    seen = [one._replace(effects=frozenset[Effect]({"limit"})) for one in each.seen
            if one.effects & lifting]  # fmt: skip
    return each._replace(seen=seen)


async def _covered(
    rehearsal: Rehearsal, rounds: Sequence[Round], first: Sequence[Act]
) -> list[Round]:
    """Rounds after each kind of act that may hide others, and after some that did nothing yet."""
    covers = [act for effect in _COVERING if (act := first_act(rounds, effect))]
    acts = [*covers, *_primers(rehearsal.code, rounds)]
    return list(
        await together(*(rehearsal.round(act.actor, [*first, act], rounds) for act in acts))
    )


def _primers(code: Code, rounds: Sequence[Round]) -> list[Act]:
    """Calls that went through and changed nothing: the first half, maybe, of two steps."""
    telling = {one.selector for each in rounds for one in each.seen if one.effects}
    layout = layout_of(code)
    if not (layout.switches.keys() | layout.balance_writers) - telling:
        return []  # nothing is left that a second step could do
    silent: dict[str, Act] = {}
    for one in (one for each in rounds for one in each.seen):
        if one.selector not in telling and len(one.act.data) > 4 and one.variant <= PRIMING_VARIANT:
            silent[one.selector] = one.act
    return list(silent.values())[:MOST_PRIMERS]


async def _hidden(
    rehearsal: Rehearsal,
    owner: str | None,
    others: Sequence[str],
    rounds: Sequence[Round],
    first: Sequence[Act],
) -> frozenset[Effect]:
    """What can be done after the owner is gone, by the one who was and by others."""
    if owner is None:
        return frozenset()
    renounced = Act(owner, bytes.fromhex(RENOUNCE)) if rehearsal.code.function(RENOUNCE) else None
    left = first_act(rounds, "renounce", but=RENOUNCE)  # by another name: a lock, say
    people = [owner, *others][:MOST_ACTORS]
    ways = [[*first, act] for act in (renounced, left) if act]
    if not ways:  # nobody can leave: who else has a say as it is?
        return all_effects(await rehearsal.rounds(people[1:], first, rounds))
    after = await together(*(rehearsal.rounds(people, way, rounds) for way in ways))
    return all_effects(each for some in after for each in some if each.prepared)


async def _asks(rehearsal: Rehearsal, whole: Observation, first: Sequence[Act]) -> bool:
    """Whether transfers are not what they were when the contracts that it knows fail."""
    if not rehearsal.setting.others:
        return False
    broken = rehearsal.setting._replace(broken=rehearsal.setting.others)
    base = await rehearsal._replace(setting=broken).base(first)
    return (base.moves, base.sells, base.sells_tiny) != (whole.moves, whole.sells, whole.sells_tiny)


def _found(rounds: Sequence[Round]) -> dict[str, frozenset[Effect]]:
    """Effects by selector, without what follows from others of them."""
    found: dict[str, frozenset[Effect]] = {}
    for each in rounds:
        for one in each.seen:
            found[one.selector] = found.get(one.selector, frozenset()) | one.effects
    kept = {selector: _attributed(these) for selector, these in found.items()}
    return {selector: these for selector, these in kept.items() if these}


def _harmless(rounds: Sequence[Round]) -> frozenset[str]:
    return frozenset(o.selector for r in rounds for o in r.seen if o.effects == _EXPLAINED)


def _names(rounds: Sequence[Round], *, acting: bool = False) -> frozenset[str]:
    """Selectors of which a call went through; ``acting``: and had an effect."""
    return frozenset(o.selector for r in rounds for o in r.seen if o.effects or not acting)


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
