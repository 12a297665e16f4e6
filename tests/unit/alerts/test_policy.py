"""What is said about a pool: once, then only what is new, then that it happened."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history import History, alert_id
from alerts.messages import follow, retract
from alerts.policy import (
    Confirm,
    Decision,
    PolicySettings,
    Raise,
    Silent,
    SilentReason,
    Update,
    decide,
)
from streams.errors import Invalid
from streams.events import Alert, Finding, Retraction, Trap, Verdict
from tests.unit.alerts.making import LAUNCHED_AT, POOL, a_verdict, alerts_of

DEFAULT = PolicySettings()


def after(*verdicts: Verdict) -> History:
    """The history that these verdicts leave."""
    history = None
    for verdict in verdicts:
        _, history = follow(decide(verdict, history, DEFAULT), verdict, history)
    assert history is not None
    return history


@pytest.mark.parametrize(
    ("changes", "settings", "decision"),
    [
        ({}, DEFAULT, Raise(happened=False)),
        ({"probability": 0.8}, DEFAULT, Raise(happened=False)),
        ({"probability": 0.79}, DEFAULT, Silent("below-threshold")),
        ({"probability": 0.5}, PolicySettings(threshold=0.5), Raise(happened=False)),
        ({"probability": 0.93}, PolicySettings(threshold=0.95), Silent("below-threshold")),
        ({}, PolicySettings(minimum_liquidity=10.0), Raise(happened=False)),
        ({}, PolicySettings(minimum_liquidity=10.1), Silent("too-little-liquidity")),
        ({"age": 59.0}, PolicySettings(), Silent("too-young")),
        ({"age": 59.0, "liquidity": 0.1}, PolicySettings(), Raise(happened=True)),
        ({"age": 0.0}, PolicySettings(minimum_age=0.0), Raise(happened=False)),
        ({"liquidity": 0.5}, DEFAULT, Raise(happened=True)),
        ({"liquidity": 0.51}, DEFAULT, Raise(happened=False)),
        ({"liquidity": 0.51, "trigger": "drained"}, DEFAULT, Raise(happened=True)),
        ({"liquidity": 0.0, "liquidity_max": 0.0}, DEFAULT, Raise(happened=False)),
        ({"liquidity": 0.0, "probability": 0.1}, DEFAULT, Raise(happened=True)),
    ],
)
def test_first_word(changes: dict[str, Any], settings: PolicySettings, decision: Decision) -> None:
    """A pool that was never alerted is raised at the threshold, and only then."""
    assert decide(a_verdict(**changes), None, settings) == decision


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({}, Silent("nothing-new")),
        ({"trigger": "1h", "probability": 0.84}, Silent("nothing-new")),
        ({"probability": 0.83}, Update()),
        ({"probability": 0.2}, Update()),
        ({"trigger": "liquidity-removed"}, Update()),
        ({"trigger": "price-fell"}, Update()),
        ({"trigger": "price-fell", "probability": 0.2}, Update()),
        ({"liquidity": 0.5}, Confirm()),
        ({"trigger": "drained"}, Confirm()),
        ({"liquidity": 0.0, "probability": 0.0}, Confirm()),
    ],
)
def test_second_word(changes: dict[str, Any], decision: Decision) -> None:
    """After a raise at 0.93: what is material updates, a drained pool confirms."""
    history = after(a_verdict(0))
    assert decide(a_verdict(1, **changes), history, DEFAULT) == decision


def test_a_kind_of_trouble_is_news_once_and_only_while_probability_is_high() -> None:
    """The second removal says nothing new; a fall of price on a pool believed safe neither."""
    removed = a_verdict(1, trigger="liquidity-removed")
    again = a_verdict(2, trigger="liquidity-removed")
    assert decide(again, after(a_verdict(0), removed), DEFAULT) == Silent("nothing-new")
    raised_by_it = after(a_verdict(0, trigger="liquidity-removed"))
    assert decide(removed, raised_by_it, DEFAULT) == Silent("nothing-new")
    calm = after(a_verdict(0), a_verdict(1, probability=0.3))
    fell = a_verdict(2, trigger="price-fell", probability=0.35)
    assert decide(fell, calm, DEFAULT) == Silent("nothing-new")


def test_probability_is_compared_with_what_was_last_told() -> None:
    """Many small moves add up to one update, not to none."""
    drift = [a_verdict(n, probability=0.99 - 0.04 * n) for n in range(6)]
    said = alerts_of(*drift)
    assert [alert.action for alert in said] == ["raised", "updated"]
    assert said[1].verdict.probability == pytest.approx(0.87)


@pytest.mark.parametrize(("status", "reason"), [(0, "already-handled"), (2, "already-confirmed")])
def test_nothing_follows_the_last_word(status: int, reason: SilentReason) -> None:
    """A confirmed alert stays as it is, whatever comes again or comes later."""
    history = after(a_verdict(0), a_verdict(1, trigger="drained"))
    verdict = a_verdict(status, probability=0.1)
    assert decide(verdict, history, DEFAULT) == Silent(reason)
    alerts, later = follow(Silent(reason), verdict, history)
    assert alerts == ()
    assert later is not None
    assert later.handled == max(history.handled, status)
    assert later.status == "confirmed"


def test_a_quiet_pool_leaves_nothing_to_remember() -> None:
    """Most launches never alert; they must cost no storage."""
    verdict = a_verdict(probability=0.1)
    assert follow(decide(verdict, None, DEFAULT), verdict, None) == ((), None)


def test_the_life_of_an_alert() -> None:
    """Ids, numbers, lead and loss of the three messages of one alert."""
    raised, updated, confirmed = alerts_of(
        a_verdict(0, probability=0.2),
        a_verdict(3),
        a_verdict(4, trigger="liquidity-removed", liquidity=7.0),
        a_verdict(9, trigger="drained", liquidity=0.25, probability=0.99),
    )
    assert [alert.action for alert in (raised, updated, confirmed)] == [
        "raised",
        "updated",
        "confirmed",
    ]
    assert [alert.id for alert in (raised, updated, confirmed)] == [
        f"ethereum:{POOL}:rug:{n}" for n in range(3)
    ]
    assert {alert.alert_id for alert in (raised, updated, confirmed)} == {
        alert_id(f"ethereum:{POOL}")
    }
    assert {alert.raised_at for alert in (raised, updated, confirmed)} == {raised.verdict.at}
    assert raised.key == raised.verdict.key
    assert confirmed.lost == 9.75
    assert confirmed.lead_seconds == 360.0
    assert confirmed.verdict.sequence == 9


def test_loss_counts_from_the_peak_that_came_after_the_warning() -> None:
    """Who bought after the warning lost too; what left before it is not counted."""
    grew = alerts_of(a_verdict(0), a_verdict(1, liquidity=1.0, liquidity_max=50.0))
    assert grew[-1].lost == 49.0
    late = alerts_of(
        a_verdict(0, liquidity=4.0, liquidity_max=20.0),
        a_verdict(1, liquidity=0.5, liquidity_max=20.0),
    )
    assert late[-1].lost == 3.5


def test_what_is_over_when_first_seen_is_raised_and_confirmed_at_once() -> None:
    """Both messages are said, in order, with no lead and the loss from the most it held."""
    raised, confirmed = alerts_of(a_verdict(5, liquidity=0.1), a_verdict(6, liquidity=0.1))
    assert (raised.action, raised.sequence) == ("raised", 0)
    assert (confirmed.action, confirmed.sequence) == ("confirmed", 1)
    assert confirmed.lead_seconds == 0.0
    assert confirmed.lost == pytest.approx(9.9)
    assert confirmed.raised_at == raised.verdict.at > LAUNCHED_AT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 1.1),
        ("threshold", -0.1),
        ("minimum_age", -1.0),
        ("minimum_liquidity", -1.0),
        ("minimum_liquidity", float("nan")),
        ("update_step", 0.0),
        ("update_step", 1.5),
    ],
)
def test_a_senseless_setting_is_refused_in_a_sentence(field: str, value: float) -> None:
    """The sentence names the setting and says what to give."""
    with pytest.raises(Invalid, match=f"^alert policy: {field} is .*: give"):
        PolicySettings(**{field: value})


verdicts = st.builds(
    a_verdict,
    st.just(0),
    probability=st.sampled_from([0.0, 0.5, 0.79, 0.8, 0.85, 0.93, 1.0]),
    trigger=st.sampled_from(["launch", "5m", "1h", "liquidity-removed", "price-fell", "drained"]),
    liquidity=st.sampled_from([0.0, 0.5, 3.0, 10.0]),
    liquidity_max=st.sampled_from([0.0, 10.0, 20.0]),
)


def numbered(some: list[Verdict]) -> list[Verdict]:
    """The same verdicts as the course of one pool."""
    return [
        a_verdict(
            n,
            probability=verdict.probability,
            trigger=verdict.trigger,
            liquidity=verdict.liquidity,
            liquidity_max=verdict.liquidity_max,
        )
        for n, verdict in enumerate(some)
    ]


@given(st.lists(verdicts, max_size=20))
def test_any_course_is_raised_once_and_confirmed_once(some: list[Verdict]) -> None:
    """At most one raise, first; at most one confirmation, last; numbers without a gap."""
    said = alerts_of(*numbered(some))
    actions = [alert.action for alert in said]
    assert actions[:1] in ([], ["raised"])
    assert actions.count("raised") <= 1
    assert "confirmed" not in actions[:-1]
    assert [alert.sequence for alert in said] == list(range(len(said)))
    for alert in said:
        assert (alert.action == "confirmed") == isinstance(alert.lost, float)
        assert (alert.action == "confirmed") == isinstance(alert.lead_seconds, float)


@given(st.lists(verdicts, max_size=12), st.data())
def test_redelivery_of_any_stretch_changes_nothing(
    some: list[Verdict], data: st.DataObject
) -> None:
    """A crash makes Kafka send a stretch again; the alerts are those of an unbroken run."""
    course = numbered(some)
    end = data.draw(st.integers(0, len(course)))
    start = data.draw(st.integers(0, end))
    unbroken = alerts_of(*course)
    broken: list[Alert] = alerts_of(*course[:end], *course[start:])
    assert broken == unbroken


def test_a_risk_that_is_gone_is_cleared_once_and_returns() -> None:
    """The alert is cleared, stays silent while it is low, and is updated when the risk is back."""
    course = [a_verdict(1), a_verdict(2, probability=0.1), a_verdict(3, probability=0.15)]
    said = alerts_of(*course, a_verdict(4), a_verdict(5, trigger="drained", liquidity=0.0))
    assert [alert.action for alert in said] == ["raised", "cleared", "updated", "confirmed"]
    assert [alert.sequence for alert in said] == [0, 1, 2, 3]


def test_a_reorg_retracts_once_and_a_new_launch_is_raised_again() -> None:
    """Also when the retraction comes again behind the new launch, as after a crash."""
    first = a_verdict(1)
    gone = Retraction(chain=first.chain, pool=first.pool, block=first.block, at=first.at)
    _, history = follow(Raise(happened=False), first, None)
    (retracted,), history = retract(gone, history)
    assert (retracted.action, retracted.sequence) == ("retracted", 1)
    assert retract(gone, history) == ((), history)
    again = a_verdict(2)
    decision = decide(again, history, PolicySettings())
    (raised,), history = follow(decision, again, history)
    assert (raised.action, raised.sequence) == ("raised", 2)
    assert retract(gone, history) == ((), history)
    assert decide(first, history, PolicySettings()) == Silent("already-handled")


def test_a_reorg_above_what_was_told_takes_nothing_back() -> None:
    """What was told stands on older blocks."""
    first = a_verdict(1)
    later = Retraction(chain=first.chain, pool=first.pool, block=first.block + 1, at=first.at)
    _, history = follow(Raise(happened=False), first, None)
    assert retract(later, history)[0] == ()
    assert retract(later, None) == ((), None)


HONEYPOT = Trap(
    kind="honeypot",
    proven=True,
    says="it can be bought, and not be sold",
    evidence={"trade.can_sell": Finding(source="simulation", block=7, value=False)},
)
MINTABLE = Trap(kind="mintable", proven=False, says="its owner can make more tokens")


def actions(*verdicts: Verdict, **settings: float) -> list[str]:
    """What is said about these, by what was done."""
    return [alert.action for alert in alerts_of(*verdicts, settings=PolicySettings(**settings))]


def test_a_proven_trap_is_told_whatever_is_thought() -> None:
    """A token that cannot be sold is raised at once, at any probability and age; once."""
    trapped = [a_verdict(i, probability=0.01, age=1.0, traps=[HONEYPOT]) for i in range(3)]
    assert actions(*trapped) == ["raised"]
    assert actions(trapped[0], minimum_liquidity=10**9) == []


def test_a_trap_that_is_only_possible_raises_nothing() -> None:
    """What an owner could do is not told by itself."""
    assert actions(a_verdict(probability=0.01, traps=[MINTABLE])) == []


def test_a_trap_that_opens_later_is_news() -> None:
    """Proven after the warning, it updates it; gone again, a low probability clears it."""
    told = actions(
        a_verdict(0, probability=0.99),
        a_verdict(1, probability=0.99, traps=[HONEYPOT]),
        a_verdict(2, probability=0.01, traps=[HONEYPOT]),
        a_verdict(3, probability=0.01),
        a_verdict(4, probability=0.01, traps=[HONEYPOT]),
    )
    assert told == ["raised", "updated", "updated", "cleared", "updated"]
