"""The topics, as consumers elsewhere rely on them."""

from __future__ import annotations

from typing import Any

import pytest

from streams.events import Alert, DeadLetter, Facts, Launch, Retraction, Verdict
from streams.topics import (
    ACTIVITY,
    ALERTS,
    CANDLES,
    DAY_MS,
    DEAD_EVENT,
    DEAD_RETENTION_MS,
    FACTS,
    LABELS,
    LAUNCHES,
    POSTS,
    RULINGS,
    TOPICS,
    VERDICTS,
    Topic,
)


def test_names_are_a_contract() -> None:
    """The names stand in other people's consumers: they change only with the version."""
    assert [topic.name for topic in TOPICS] == [
        "heft.launches.v1",
        "heft.activity.v1",
        "heft.facts.v1",
        "heft.verdicts.v1",
        "heft.alerts.v1",
        "heft.labels.v1",
        "heft.rulings.v1",
        "heft.posts.v1",
        "heft.candles.v1",
    ]


def test_topics_stand_in_pipeline_order() -> None:
    """The tuple names every topic once, upstream first."""
    assert TOPICS == (LAUNCHES, ACTIVITY, FACTS, VERDICTS, ALERTS, LABELS, RULINGS, POSTS, CANDLES)


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        (LAUNCHES, Launch),
        (FACTS, Facts | Retraction),
        (VERDICTS, Verdict | Retraction),
        (ALERTS, Alert),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_topic_holds_one_kind_of_event(topic: Topic, event: Any) -> None:
    """What a record decodes to is known from its topic."""
    assert topic.event == event


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_dead_letters_stand_beside_and_stay_long(topic: Topic) -> None:
    """Every topic has its dead letters, with a purpose and a retention that can be shown."""
    assert topic.dead == f"{topic.name}.dead"
    assert topic.purpose
    assert 2 * DAY_MS <= topic.retention_ms <= 90 * DAY_MS
    assert DEAD_RETENTION_MS == 30 * DAY_MS
    assert DEAD_EVENT is DeadLetter
