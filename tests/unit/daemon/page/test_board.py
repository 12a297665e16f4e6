"""What the page knows, whatever the order in which the topics are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from daemon.page.board import MOST_MOMENTS, Board, News
from streams.events import Facts, Launch, Retraction, Verdict
from tests.unit.alerts.making import LAUNCHED_AT, POOL, a_verdict, alerts_of
from tests.unit.heft_model.making import facts

TOKEN = "0x00000000000000000000000000000000000000bb"


def a_launch(**changes: Any) -> Launch:
    """The launch of the pool that the verdicts are about."""
    told: dict[str, Any] = {
        "chain": "ethereum",
        "pool": POOL,
        "block": 1,
        "log_index": 1,
        "at": LAUNCHED_AT,
        "venue": "uniswap-v2",
        "token": TOKEN,
        "token_is_0": True,
        "name": "Pepe Classic",
    }
    return Launch(**{**told, **changes})


def everything() -> list[News]:
    """One token's launch, dossiers, verdicts and alerts, in order."""
    verdicts = [a_verdict(n, trigger="1h") for n in range(3)]
    verdicts.append(a_verdict(3, trigger="drained", liquidity=0.0))
    return [a_launch(), *map(dossier_of, verdicts), *verdicts, *alerts_of(*verdicts)]


def dossier_of(verdict: Verdict) -> Facts:
    """The dossier that a verdict is about."""
    told = facts(verdict.sequence, pool=POOL, sequence=verdict.sequence)
    liquidity = msgspec.structs.replace(told.liquidity, reserve=verdict.liquidity)
    return msgspec.structs.replace(
        told, at=verdict.at, age=verdict.age, trigger=verdict.trigger, liquidity=liquidity
    )


def known(events: list[News]) -> Any:
    """All that a board knows of the token after these events."""
    board = Board()
    for event in events:
        board.note(event)
    return board.find("ethereum", POOL)


@given(st.permutations(everything()), st.lists(st.sampled_from(everything())))
def test_neither_order_nor_repetition_matters(order: list[News], again: list[News]) -> None:
    """Topics are read side by side and sometimes twice; what is known in the end is the same."""
    found, expected = known([*order, *again]), known(everything())
    for name in ("launch", "facts", "verdict", "alerts", "history"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.summary.alert == "confirmed"
    assert found.summary.probability == expected.summary.probability


def test_a_launch_that_was_taken_back_says_so() -> None:
    """Until it is launched again, which a chain may do in the block that replaced the first."""
    board, later = Board(), LAUNCHED_AT + timedelta(minutes=1)
    board.note(a_launch())
    taken_back = Retraction(chain="ethereum", pool=POOL, block=1, at=later)
    assert board.note(taken_back).retracted
    assert board.note(taken_back).venue == "uniswap-v2"
    assert not board.note(a_launch(at=later)).retracted


@pytest.mark.parametrize("address", [POOL, TOKEN, TOKEN.upper().replace("0X", "0x")])
def test_a_token_is_found_by_any_of_its_addresses(address: str) -> None:
    """Pool or token, in any case of letters; not on another chain."""
    board = Board()
    board.note(a_verdict())
    dossier = board.find("ethereum", address)
    assert dossier is not None
    assert dossier.summary.pool == POOL
    assert board.find("polygon", address) is None


def test_the_token_heard_of_longest_ago_is_forgotten() -> None:
    """By its token's address too; memory stays bounded."""
    board = Board(most=2)
    for n in (1, 2, 1, 3):
        board.note(a_launch(pool=f"0x0{n}", token=f"0xa{n}", block=n))
    assert [summary.pool for summary in board.latest()] == ["0x03", "0x01"]
    assert board.find("ethereum", "0xa2") is None
    assert len(board) == 2


def test_a_second_pool_clears_nobody() -> None:
    """Asked about a token, the riskiest of its pools answers, whichever spoke last."""
    board = Board()
    board.note(a_verdict(0, pool="0x01", probability=0.92))
    board.note(a_verdict(0, pool="0x02", probability=0.12))
    dossier = board.find("ethereum", TOKEN)
    assert dossier is not None
    assert dossier.summary.pool == "0x01"
    taken_back = Retraction(
        chain="ethereum", pool="0x01", block=1, at=LAUNCHED_AT + timedelta(days=1)
    )
    board.note(taken_back)
    dossier = board.find("ethereum", TOKEN)
    assert dossier is not None
    assert dossier.summary.pool == "0x02"


def test_an_alert_outlives_the_rest() -> None:
    """A token that is heard of again still says that it was alerted; an alert says its risk."""
    board = Board(most=1)
    (raised,) = alerts_of(a_verdict(0))
    assert board.note(raised).probability == raised.verdict.probability
    board.note(a_launch(pool="0x02", token="0xa2"))
    assert board.latest(alerted=True) == []
    assert board.note(a_verdict(1)).alert == "raised"
    assert board.alerts() == [raised]
    assert [each.pool for each in board.latest(alerted=True)] == [POOL]


def test_history_is_bounded() -> None:
    """The newest moments are kept."""
    board = Board()
    for n in range(MOST_MOMENTS + 5):
        board.note(a_verdict(n))
    dossier = board.find("ethereum", POOL)
    assert dossier is not None
    assert [m.sequence for m in dossier.history] == list(range(5, MOST_MOMENTS + 5))


def test_search_wants_every_word() -> None:
    """In any field, in any case; newest first, on one chain when one is named."""
    board = Board()
    board.note(a_launch(pool="0x01", name="Moon Dog", token="0xa1"))
    board.note(a_launch(pool="0x02", name="Moon Cat", token="0xa2"))
    assert [s.name for s in board.latest("MOON")] == ["Moon Cat", "Moon Dog"]
    assert [s.name for s in board.latest("moon 0xa1 uniswap")] == ["Moon Dog"]
    assert board.latest("moon", chain="base") == []
    assert len(board.latest(limit=1)) == 1


def test_a_strangers_words_are_made_inert() -> None:
    """No control, no direction override, no link; no name stays an empty one."""
    board = Board()
    summary = board.note(a_launch(name="\u202eevil.com\x00\n<b>", symbol=UNSET))
    assert summary.name == "evil[.]com <b>"
    assert summary.symbol == ""
