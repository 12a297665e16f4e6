"""Who hears of an alert, and why: routes of the settings, mute hours, repeats and caps.

Pure but for what it remembers of the last minute. Without routes every sink hears everything. What
follows on an alert goes to whoever heard of it before, whatever the hour: the ledger knows them.
A critical alert passes mute hours, repeats and caps: it is never dropped.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.severity import SEVERITIES, Severity, severity
from alerts.silence import is_within
from alerts.wave import wave_of
from streams.events import Alert

__all__ = ["Hearing", "Listeners", "Route", "Router"]

REMEMBERED = 10_000
"""Waves remembered for ``repeat_seconds``."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the settings; ``daemon/sections.py`` says what its fields mean."""

    name: str
    to: list[str]
    chains: list[str] = []
    venues: list[str] = []
    watchlist: list[str] = []
    severity: Severity = "info"
    minimum_liquidity: float = 0.0
    mute_hours: str = ""
    repeat_seconds: float = 0.0
    most_per_minute: int = 0

    def misfit(self, alert: Alert) -> str:
        """Why the alert is not this route's; empty when it is."""
        verdict = alert.verdict
        watched = {verdict.pool, verdict.token_address, verdict.symbol}
        if self.chains and alert.chain not in self.chains:
            return "chain"
        if self.venues and verdict.venue not in self.venues:
            return "venue"
        if self.watchlist and not watched & set(self.watchlist):
            return "watchlist"
        if SEVERITIES.index(severity(alert)) < SEVERITIES.index(self.severity):
            return "severity"
        return "liquidity" if verdict.liquidity_max < self.minimum_liquidity else ""

    def is_muted(self, at: datetime) -> bool:
        """Whether ``at`` (UTC) is within the mute hours, which may pass midnight."""
        return bool(self.mute_hours) and is_within(self.mute_hours, at)


class Hearing(msgspec.Struct, frozen=True):
    """What one route says to one alert: who hears it, or why nobody does."""

    route: str
    to: tuple[str, ...]
    why: str
    kept: tuple[str, ...] = ()
    """Who would hear it, were it not for ``why``: mute hours, a repeat or a cap."""


class Listeners(msgspec.Struct, frozen=True):
    """Who is to hear of an alert, after all routes had their say."""

    sinks: tuple[str, ...] | None = ()
    """Beside those who did before; ``None`` for all."""
    kept: dict[str, str] = {}
    """Who is not to, though a route that names them fits; and why."""


class Router:
    """The routes, and what went by them of late."""

    def __init__(self, routes: Sequence[Route] = (), quiet_after: timedelta | None = None) -> None:
        """``quiet_after``: how old news may be; older, a restart or back-fill is catching up."""
        self._routes = routes
        self._quiet_after = quiet_after
        self._told: dict[str, deque[datetime]] = {route.name: deque() for route in routes}
        self._waves: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    @property
    def receivers(self) -> frozenset[str]:
        """Every sink that a route names."""
        return frozenset(sink for route in self._routes for sink in route.to)

    def listeners(self, alert: Alert, now: datetime) -> Listeners:
        """Who is to hear of it, and who would but for mute hours, a repeat or a cap."""
        if alert.action in ("cleared", "retracted") or self._is_late(alert, now):
            return Listeners()
        if not self._routes:
            return Listeners(None)
        hearings = self.hearings(alert, now)
        sinks = tuple({sink: None for each in hearings for sink in each.to})
        kept = {sink: f"{each.why} of {each.route}" for each in hearings for sink in each.kept}
        return Listeners(sinks, {sink: why for sink, why in kept.items() if sink not in sinks})

    def fitting(self, alert: Alert, sinks: Iterable[str]) -> tuple[str, ...]:
        """Those of the sinks whom the alert concerns, at whatever hour."""
        named = {sink for each in self._routes if not each.misfit(alert) for sink in each.to}
        return tuple(sink for sink in sinks if not self._routes or sink in named)

    def hearings(self, alert: Alert, now: datetime) -> Sequence[Hearing]:
        """What each route says to it."""
        return [self._hearing(route, alert, now) for route in self._routes]

    def _is_late(self, alert: Alert, now: datetime) -> bool:
        if self._quiet_after is None or severity(alert) == "critical":
            return False
        return now - alert.at > self._quiet_after

    def _hearing(self, route: Route, alert: Alert, now: datetime) -> Hearing:
        if why := route.misfit(alert):
            return Hearing(route.name, (), why)
        if severity(alert) != "critical" and (why := self._hold(route, alert, now)):
            return Hearing(route.name, (), why, kept=tuple(route.to))
        self._note(route, alert, now)
        return Hearing(route.name, tuple(route.to), f"{severity(alert)}, fits {route.name}")

    def _hold(self, route: Route, alert: Alert, now: datetime) -> str:
        """Why an alert that fits is not told now."""
        told = self._told[route.name]
        while told and told[0] <= now - timedelta(minutes=1):
            told.popleft()
        if route.is_muted(now):
            return "mute-hours"
        last = self._waves.get((route.name, wave_of(alert)))
        if last is not None and now - last < timedelta(seconds=route.repeat_seconds):
            return "repeat"
        return "capped" if 0 < route.most_per_minute <= len(told) else ""

    def _note(self, route: Route, alert: Alert, now: datetime) -> None:
        self._told[route.name].append(now)
        if route.repeat_seconds:
            self._waves[route.name, wave_of(alert)] = now
            while len(self._waves) > REMEMBERED:
                self._waves.popitem(last=False)
