"""Counts what a service numbered and we never got, per numbered stream."""

from __future__ import annotations

from streams import telemetry

__all__ = ["Gaps"]


class Gaps:
    """Numbers that rise by one: what is missing between two is lost, what repeats is not new."""

    def __init__(self, feed: str) -> None:
        self._feed = feed
        self._last: dict[str, int] = {}
        self.missing = 0

    def last(self, stream: str) -> int | None:
        """The highest number of a stream so far."""
        return self._last.get(stream)

    def note(self, stream: str, number: int) -> bool:
        """Take the next number; whether it is new. Raises nothing, whatever comes."""
        last = self._last.get(stream)
        if last is not None and number <= last:
            return False
        if last is not None and number > last + 1:
            self.missing += number - last - 1
            telemetry.FEED_MISSING.labels(self._feed).inc(number - last - 1)
        self._last[stream] = number
        return True

    def caught_up(self, stream: str, number: int) -> None:
        """The service is at ``number`` and sends no more: what we have not got of it is lost."""
        last = self._last.get(stream)
        if last is not None and number > last:
            self.missing += number - last
            telemetry.FEED_MISSING.labels(self._feed).inc(number - last)
            self._last[stream] = number
