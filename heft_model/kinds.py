"""What kind of rug: the ways in which a launch takes its buyers' money, and how likely each is.

Pure. A model is taught a head for each kind that some labelled set tells; a kind without labels has
no head, and a verdict is then silent on it rather than guessing. *Dump* has no head of its own: of
a pool that is drained, what was not pulled was sold, so that both add up to P(rug). What findings
show (``heft_model.traps``) is told in place of the model's odds, whatever these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from streams.events import Kind, Trap

__all__ = ["HEADS", "KINDS", "LABELS", "kinds_of"]

KINDS: Final = ("liquidity-pull", "dump", "honeypot", "hidden-mint", "tax")
"""All that a verdict may name."""

HEADS: Final = ("liquidity-pull", "honeypot", "hidden-mint")
"""Those that a model can be taught, in the order of its heads. ``liquidity-pull`` is asked of rugs
alone. No set that we know labels taxes: that kind is only ever found by simulation."""

LABELS: Final[Mapping[str, str]] = {
    "liquidity-pull": "recorded pools: what took the reserve, removals or sales",
    "dump": "recorded pools: what took the reserve, removals or sales",
    "honeypot": "trapdoor tokens; limits in CRPWarner's codes",
    "hidden-mint": "mints in CRPWarner's codes",
    "tax": "none: told when a simulated trade shows it",
}
"""Where each kind's labels come from."""

_SHOWN: Final[Mapping[str, str]] = {
    "honeypot": "honeypot",
    "holders-cannot-sell": "honeypot",
    "hidden-mint": "hidden-mint",
    "ruinous-sell-tax": "tax",
    "ruinous-buy-tax": "tax",
}
"""Traps that are a kind, seen at work."""

DECIMALS = 6


def kinds_of(rug: float, odds: Mapping[str, float], traps: Iterable[Trap]) -> list[Kind]:
    """Each kind that something can be said of, the likeliest first.

    ``odds`` are the heads' probabilities by kind, ``liquidity-pull`` that of a rug being one.
    """
    told = {kind: chance for kind, chance in odds.items() if kind != "liquidity-pull"}
    if "liquidity-pull" in odds:
        told["liquidity-pull"] = rug * odds["liquidity-pull"]
        told["dump"] = rug - told["liquidity-pull"]
    found = {
        kind: Kind(kind=kind, probability=round(chance, DECIMALS)) for kind, chance in told.items()
    }
    for trap in traps:
        if trap.kind in _SHOWN:
            kind = _SHOWN[trap.kind]
            found[kind] = Kind(kind=kind, probability=1.0, shown=True)
    return sorted(found.values(), key=lambda each: (-each.probability, KINDS.index(each.kind)))
