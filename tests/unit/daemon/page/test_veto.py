"""The ruling for trading bots: a yes is hard to get, a no is always given."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from daemon.page.board import Board
from daemon.page.veto import Ruling, rule
from heft_model.traps import traps_in
from streams.events import Verdict
from streams.finding import Finding
from tests.unit.alerts.making import POOL, a_verdict
from tests.unit.daemon.page.test_board import everything

SOLD = Finding(source="simulation", block=7, value=False)
BOUGHT = Finding(source="simulation", block=7, value=True)


def ruling(verdict: Verdict, **options: object) -> Ruling:
    """On a pool of which this verdict is all that is known, asked an hour later."""
    board = Board()
    board.note(verdict)
    found = board.find(verdict.chain, verdict.pool)
    now = verdict.at + timedelta(hours=1)
    return rule(verdict.chain, verdict.pool, found, now, **options)  # type: ignore[arg-type]


def honest(probability: float = 0.1) -> Verdict:
    """A verdict below its threshold."""
    return msgspec.structs.replace(a_verdict(3), probability=probability, threshold=0.8, traps=[])


def test_what_is_not_known_is_vetoed() -> None:
    """Silence is no clearance: neither for a stranger nor for a launch without a verdict."""
    now = a_verdict(3).at
    assert rule("ethereum", POOL, None, now).why == "unknown"
    board = Board()
    board.note(everything()[0])
    unjudged = rule("ethereum", POOL, board.find("ethereum", POOL), now)
    assert (unjudged.veto, unjudged.why) == (True, "unjudged")


def test_a_low_risk_is_the_only_yes() -> None:
    """Clear below the threshold; the asker may take less risk than the model's threshold."""
    assert (ruling(honest()).veto, ruling(honest()).why) == (False, "clear")
    assert ruling(honest(), max_probability=0.05).why == "risk"
    assert ruling(honest(0.8)).why == "risk"


def test_an_old_verdict_clears_nobody() -> None:
    """Of an hour ago: too old for who wants one of the last minute."""
    assert ruling(honest(), max_age=timedelta(minutes=1)).why == "stale"
    assert ruling(honest(), max_age=timedelta(hours=2)).why == "clear"


def test_a_proven_trap_is_vetoed_whatever_the_risk() -> None:
    """It was bought and could not be sold; that the model finds it harmless does not matter."""
    traps = traps_in({"trade.can_buy": BOUGHT, "trade.can_sell": SOLD})
    assert any(trap.proven for trap in traps)
    assert ruling(msgspec.structs.replace(honest(), traps=traps)).why == "trap"


@pytest.mark.parametrize("probability", [0.1, 0.99])
def test_what_was_alerted_stays_vetoed(probability: float) -> None:
    """The newest verdict may be milder; people were told, and nothing was cleared."""
    board = Board()
    for event in everything():
        board.note(event)
    board.note(msgspec.structs.replace(honest(probability), sequence=99))
    found = board.find("ethereum", POOL)
    assert rule("ethereum", POOL, found, a_verdict(3).at).why == "alerted"
