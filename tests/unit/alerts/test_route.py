"""Who hears of an alert, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.example import example
from alerts.route import Route, Router
from streams.events import Trap

HONEYPOT = Trap(kind="honeypot", proven=True, says="it can be bought, and not be sold")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def heard(route: dict[str, Any], at: datetime = NOON, **token: Any) -> str:
    """What one route says: its sinks, or why nobody hears."""
    router = Router([Route(**{"name": "r", "to": ["telegram"], **route})])
    (hearing,) = router.hearings(example(at, **token), at)
    return ",".join(hearing.to) or hearing.why


@pytest.mark.parametrize(
    ("route", "token", "said"),
    [
        ({}, {}, "telegram"),
        ({"chains": ["base"]}, {}, "chain"),
        ({"chains": ["base"]}, {"chain": "base"}, "telegram"),
        ({"venues": ["x"]}, {}, "venue"),
        ({"watchlist": ["PEPE"]}, {}, "watchlist"),
        ({"watchlist": ["PEPE"]}, {"symbol": "PEPE"}, "telegram"),
        ({"severity": "critical"}, {}, "severity"),
        ({"severity": "critical"}, {"probability": 0.96}, "telegram"),
        ({"severity": "critical"}, {"probability": 0.01, "traps": [HONEYPOT]}, "telegram"),
        ({"minimum_liquidity": 11.0}, {}, "liquidity"),
        ({"mute_hours": "11:00-13:00"}, {}, "mute-hours"),
        ({"mute_hours": "22:00-13:00"}, {}, "mute-hours"),
        ({"mute_hours": "13:00-11:00"}, {}, "telegram"),
        ({"mute_hours": "11:00-13:00"}, {"probability": 0.96}, "telegram"),
    ],
)
def test_a_route_takes_what_fits(route: dict[str, Any], token: dict[str, Any], said: str) -> None:
    """Each condition by itself; a critical alert passes mute hours."""
    assert heard(route, **token) == said


def test_a_cap_and_a_repeat_hold_all_but_the_critical() -> None:
    """Two a minute; one of a wave in ten minutes; a critical one passes both."""
    capped = Router([Route(name="r", to=["a"], most_per_minute=2)])
    told = [capped.listeners(example(NOON, symbol=f"S{n}"), NOON).sinks for n in range(4)]
    assert told == [("a",), ("a",), (), ()]
    assert capped.listeners(example(NOON, probability=0.99), NOON).sinks == ("a",)
    assert capped.listeners(example(NOON), NOON + timedelta(seconds=61)).sinks == ("a",)
    waves = Router([Route(name="r", to=["a"], repeat_seconds=600)])
    times = [NOON + timedelta(seconds=wait) for wait in (0, 300, 599, 601)]
    assert [waves.listeners(example(at), at).sinks for at in times] == [("a",), (), (), ("a",)]


def test_old_news_is_for_the_topic_unless_it_is_critical() -> None:
    """A daemon that catches up makes no storm."""
    router = Router((), timedelta(hours=1))
    old = NOON - timedelta(hours=2)
    assert router.listeners(example(old), NOON).sinks == ()
    assert router.listeners(example(old, probability=0.99), NOON).sinks is None
    assert router.listeners(example(NOON), NOON).sinks is None
