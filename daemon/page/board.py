"""What the page knows: the tokens heard of lately, each with its dossier, verdicts and alerts.

A fold over launches, dossiers, verdicts and alerts, in whatever order their topics are read; an
event seen twice changes nothing. Bounded: the token that was heard of longest ago is forgotten
first, its alerts later than the rest of it. What strangers wrote is made inert in a ``Summary``,
which is what lists show; the events themselves are kept as they travelled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from alerts.render import inert
from alerts.severity import Severity, severity
from streams.events import Alert, Facts, Launch, Retraction, Verdict

__all__ = ["Board", "Dossier", "Moment", "News", "Summary"]

MOST_TOKENS = 5_000
"""About 40 MB with full histories."""
MOST_MOMENTS = 100
MOST_ALERTED = 20_000
"""Pools whose alerts are remembered, also when the rest of what is known of them is not."""
NAME_LIMIT, SYMBOL_LIMIT = 48, 16

News = Launch | Facts | Verdict | Retraction | Alert


class Moment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One point of a token's history: a dossier, and the verdict on it once there is one."""

    sequence: int
    at: datetime
    age: float
    trigger: str
    liquidity: float
    price: float | UnsetType = UNSET
    """Against the first price."""
    probability: float | UnsetType = UNSET


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token in a list: fit to be shown, whatever it calls itself."""

    chain: str
    pool: str
    venue: str
    name: str
    symbol: str
    token: str | UnsetType = UNSET
    at: datetime
    """Of the newest event."""
    age: float = 0.0
    probability: float | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    liquidity: float | UnsetType = UNSET
    quote: str = ""
    alert: str | UnsetType = UNSET
    """The last action of its alert."""
    severity: Severity | UnsetType = UNSET
    """Of its last alert."""
    retracted: bool = False
    """Its chain has taken back the blocks that it stood in."""


class Dossier(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is known of one token."""

    summary: Summary
    launch: Launch | UnsetType = UNSET
    facts: Facts | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET
    retraction: Retraction | UnsetType = UNSET
    alerts: list[Alert] = []
    history: list[Moment] = []


class Board:
    """The tokens by pool and by token address, and the latest alerts."""

    def __init__(self, most: int = MOST_TOKENS) -> None:
        """Keep ``most`` tokens."""
        self._most = most
        self._tokens: OrderedDict[str, Dossier] = OrderedDict()
        self._pools: dict[tuple[str, str], dict[str, None]] = {}
        self._alerted: OrderedDict[str, list[Alert]] = OrderedDict()

    def __len__(self) -> int:
        """How many tokens are known."""
        return len(self._tokens)

    def note(self, event: News) -> Summary:
        """Take an event in; gives its token as lists will show it."""
        dossier = self._tokens.get(event.key)
        if dossier is None:
            dossier = Dossier(summary=_first(event))
        self._tokens[event.key] = dossier
        self._tokens.move_to_end(event.key)
        if isinstance(event, Alert):
            self._note_alert(event)
            _take(dossier, event.verdict)
        else:
            _take(dossier, event)
        dossier.alerts = self._alerted.get(event.key, [])
        dossier.summary = _summary(dossier, event)
        if dossier.summary.token is not UNSET:
            self._pools.setdefault((event.chain, dossier.summary.token), {})[event.key] = None
        self._forget()
        return dossier.summary

    def find(self, chain: str, address: str) -> Dossier | None:
        """By pool or by token address, in any case of letters where the chain has none.

        Of a token's pools it is the riskiest: a second pool that looks honest clears nobody.
        """
        spelled = address.lower() if address.lower().startswith("0x") else address
        pools = self._pools.get((chain, spelled), {f"{chain}:{spelled}": None})
        known = [dossier for key in pools if (dossier := self._tokens.get(key)) is not None]
        return max(known, key=_riskiness, default=None)

    def latest(
        self, words: str = "", chain: str = "", limit: int = 100, *, alerted: bool = False
    ) -> list[Summary]:
        """The tokens heard of last, newest first; all of ``words`` must be found in one."""
        wanted = words.casefold().split()
        found = (each for each in self._matching(wanted, chain) if each.alert or not alerted)
        return list(islice(found, limit))

    def alerts(self, limit: int = 100) -> list[Alert]:
        """The newest alert messages, newest first."""
        newest = islice(reversed(self._alerted.values()), limit)
        told = [alert for alerts in newest for alert in alerts]
        return sorted(told, key=lambda each: (each.at, each.sequence), reverse=True)[:limit]

    def _matching(self, wanted: list[str], chain: str) -> Iterator[Summary]:
        for dossier in reversed(self._tokens.values()):
            summary = dossier.summary
            text = " ".join(
                (summary.name, summary.symbol, summary.pool, summary.token or "", summary.venue)
            ).casefold()
            if chain in ("", summary.chain) and all(word in text for word in wanted):
                yield summary

    def _note_alert(self, alert: Alert) -> None:
        """Keep it with those of its pool, each once and in order."""
        alerts = self._alerted.setdefault(alert.key, [])
        if all(alert.id != known.id for known in alerts):
            alerts.append(alert)
            alerts.sort(key=lambda each: (each.at, each.sequence))
            self._alerted.move_to_end(alert.key)
        while len(self._alerted) > MOST_ALERTED:
            self._alerted.popitem(last=False)

    def _forget(self) -> None:
        while len(self._tokens) > self._most:
            key, dossier = self._tokens.popitem(last=False)
            place = (dossier.summary.chain, dossier.summary.token or "")
            pools = self._pools.get(place, {})
            pools.pop(key, None)
            if not pools:
                self._pools.pop(place, None)


def _take(dossier: Dossier, event: Launch | Facts | Verdict | Retraction) -> None:
    """Keep the newest of each kind, and the moment that it speaks of."""
    match event:
        case Launch():
            dossier.launch = event
        case Retraction():
            if not dossier.retraction or event.at >= dossier.retraction.at:
                dossier.retraction = event
        case Facts():
            if not dossier.facts or event.sequence >= dossier.facts.sequence:
                dossier.facts = event
            _moment(dossier, event).price = event.trading.price_to_initial
        case Verdict():
            if not dossier.verdict or event.sequence >= dossier.verdict.sequence:
                dossier.verdict = event
            _moment(dossier, event).probability = event.probability


def _moment(dossier: Dossier, event: Facts | Verdict) -> Moment:
    """The point of history that a dossier and its verdict share."""
    for moment in reversed(dossier.history):
        if moment.sequence == event.sequence:
            return moment
    liquidity = event.liquidity.reserve if isinstance(event, Facts) else event.liquidity
    moment = Moment(
        sequence=event.sequence,
        at=event.at,
        age=event.age,
        trigger=event.trigger,
        liquidity=liquidity,
    )
    dossier.history.append(moment)
    dossier.history.sort(key=lambda each: each.sequence)
    del dossier.history[:-MOST_MOMENTS]
    return moment


def _riskiness(dossier: Dossier) -> float:
    """Retracted pools and those without a verdict tell the least."""
    summary = dossier.summary
    return -1.0 if summary.retracted else (summary.probability or 0.0)


def _first(event: News) -> Summary:
    return Summary(chain=event.chain, pool=event.pool, venue="", name="", symbol="", at=event.at)


def _summary(dossier: Dossier, event: News) -> Summary:
    """The summary after ``event``; a verdict knows most, a launch least."""
    before, verdict = dossier.summary, dossier.verdict
    name, symbol, token, quote = _names(event)
    told: dict[str, Any] = {
        "venue": _venue(event) or before.venue,
        "name": inert(name, NAME_LIMIT) if name else before.name,
        "symbol": inert(symbol, SYMBOL_LIMIT) if symbol else before.symbol,
        "token": token or before.token,
        "quote": inert(quote, SYMBOL_LIMIT) if quote else before.quote,
        "at": max(before.at, event.at),
        "alert": dossier.alerts[-1].action if dossier.alerts else UNSET,
        "severity": severity(dossier.alerts[-1]) if dossier.alerts else UNSET,
        "retracted": _is_retracted(dossier),
    }
    if verdict:
        told |= {
            "age": verdict.age,
            "probability": verdict.probability,
            "threshold": verdict.threshold,
            "liquidity": verdict.liquidity,
        }
    return msgspec.structs.replace(before, **told)


def _is_retracted(dossier: Dossier) -> bool:
    """Whether nothing was heard of since its blocks were taken back; it may launch again."""
    if not dossier.retraction:
        return False
    heard = [each.at for each in (dossier.launch, dossier.facts, dossier.verdict) if each]
    return all(at < dossier.retraction.at for at in heard)


def _venue(event: News) -> str:
    match event:
        case Alert():
            return event.verdict.venue
        case Retraction():
            return ""
        case _:
            return event.venue


def _names(event: News) -> tuple[str | UnsetType, ...]:
    """Name, symbol, token address and quote symbol, as far as the event tells them."""
    match event:
        case Launch():
            return event.name, event.symbol, event.token, event.quote_symbol
        case Facts():
            token = event.token
            return token.name, token.symbol, event.token_address, event.quote_symbol
        case Verdict():
            return event.name, event.symbol, event.token_address, event.quote_symbol
        case Alert():
            return _names(event.verdict)
        case Retraction():
            return UNSET, UNSET, UNSET, UNSET
