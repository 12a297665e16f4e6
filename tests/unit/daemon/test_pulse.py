"""Who has made no progress for too long."""

from __future__ import annotations

from daemon.pulse import Pulse


def test_silence_is_named_after_the_limit() -> None:
    """Only parts beyond the limit are silent, and a beat ends the silence."""
    now = 0.0
    pulse = Pulse(5.0, lambda: now)
    pulse.beat("enrich")
    pulse.beat("score")
    now = 4.0
    pulse.beat("score")
    now = 6.0
    assert pulse.silent() == ["enrich: no progress for 6 s"]
    pulse.beat("enrich")
    assert pulse.silent() == []


def test_a_part_that_ended_is_not_silent() -> None:
    """A forgotten part never fails liveness."""
    now = 0.0
    pulse = Pulse(5.0, lambda: now)
    pulse.beat("source")
    pulse.forget("source")
    pulse.forget("never-seen")
    now = 100.0
    assert pulse.silent() == []
