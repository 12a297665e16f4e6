"""The timetable: every part's steps in the order of the chain's clock. Pure and seeded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import exp
from random import Random
from typing import Final, Literal, NamedTuple

from tools.recorder.cast import Crowd, Exit, Part

__all__ = ["LASTS_H", "SLOT_S", "Cue", "Step", "timetable", "weighs_buying"]

SLOT_S: Final = 12
"""Seconds a block, as on Ethereum."""
LASTS_H: Final = 96.0
DEPLOYED_S: Final = -420
WAITS_S: Final = 24
"""The least time from the opening to the first trade outside its block."""

Step = Literal["deploy", "open", "secure", "snipe", "trade", "join", "panic"] | Exit


class Cue(NamedTuple):
    """What happens to the part number ``part`` in the block of second ``at`` (since the start)."""

    at: int
    order: int
    part: int
    step: Step


def timetable(cast: Sequence[Part], seed: str) -> Iterator[tuple[int, list[Cue]]]:
    """Each block that has something to do: its second since the start and its cues in order."""
    cues = [
        Cue(_slot(part.opens * 3600 + after), order, number, step)
        for number, part in enumerate(cast)
        for order, (after, step) in enumerate(_steps(part, Random(f"{seed}:{part.symbol}")))
    ]
    cues.sort(key=lambda cue: cue[:3])
    for at, together in groupby(cues, key=lambda cue: cue.at):
        yield at, list(together)


def weighs_buying(crowd: Crowd, opening: float, reserve: float, hours: float) -> float:
    """How likely the next trade is a purchase: the likelier, the emptier the pool seems.

    ``opening`` and ``reserve`` are WETH; ``hours`` count from the opening. The crowd's idea of
    the right reserve nears ``growth`` times the opening as 1 - e^-t does.
    """
    grown = 1.0 - exp(-hours / crowd.settles)
    target = opening * (1.0 + (crowd.growth - 1.0) * grown)
    return min(crowd.eager, max(0.12, 0.5 + 1.2 * (target / reserve - 1.0)))


def _steps(part: Part, rng: Random) -> Iterator[tuple[float, Step]]:
    """Seconds after the opening, and the step."""
    yield DEPLOYED_S, "deploy"
    yield 0.0, "open"
    yield from ((0.0, "snipe") for _ in range(part.crowd.snipers))
    if part.liquidity != "kept":
        yield part.secured * 60, "secure"
    yield from ((hours * 3600, "join") for hours in part.joins)
    yield from ((exit_.after * 60, exit_) for exit_ in part.exits)
    end = part.exits[-1].after * 60 if part.exits else (LASTS_H - part.opens) * 3600
    for _ in range(part.crowd.panic):
        yield rng.uniform(part.exits[0].after * 60 + SLOT_S, end - SLOT_S), "panic"
    for trades, mean in part.crowd.waves:
        times = (WAITS_S + rng.expovariate(1 / (mean * 3600)) for _ in range(trades))
        yield from ((time, "trade") for time in sorted(times) if time < end - SLOT_S)


def _slot(seconds: float) -> int:
    return int(seconds // SLOT_S) * SLOT_S
