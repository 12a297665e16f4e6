"""Writes an alert as plain text for a person.

Pure, and inert by design: everything that a stranger wrote is sanitised, cut and *defanged* (a dot
or a scheme that a terminal or a chat would turn into a link is put in brackets), so that no name
can lead a reader anywhere. Markup of a service is that sink's business, not this module's.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import UnsetType

from streams.events import Alert, Evidence, Trap, Verdict
from streams.text import sanitise

__all__ = ["brief", "details", "inert", "one_line", "plain_text", "title"]

NAME_LIMIT = 48
SYMBOL_LIMIT = 16
ADDRESS_LIMIT = 128
ID_LIMIT = 256
VALUE_LIMIT = 80
ANALYSIS_LIMIT = 600
BUNDLE_LIMIT = 64
SHORT_ADDRESS = 12
"""Characters: enough for every honest value, and for a message that stays one screen."""

WARNINGS_SHOWN = 4
"""What an owner could do is told in a line; the page has the rest."""
KIND_LIMIT = 32
KINDS_SHOWN = 3
LEAST_KIND = 0.05
"""A way of rugging that is less likely than this is not worth a reader's time."""
EVIDENCE_SHOWN = 3
"""Facts that a reader takes in at a glance, the weightiest first."""

UNKNOWN_SHOWN = 8
"""Unknown facts that a message names; the page has them all, with the reasons."""

LOOK_ALIKES = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "LISU", "COPTIC"})
"""Scripts whose letters pass for Latin ones (Unicode UTS 39, confusables), by Unicode names."""

MINUTE, HOUR, DAY = 60, 3600, 86_400

_LINKED_DOT = re.compile(r"(?<=\w)[.\u3002](?=[^\W\d_])")
_IP_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def inert(text: str, limit: int) -> str:
    """One visible line that nothing turns into a link: ``evil.com`` becomes ``evil[.]com``."""
    line = sanitise(text, limit).replace("://", "[:]//")
    line = _IP_ADDRESS.sub(lambda found: found[0].replace(".", "[.]"), line)
    return _LINKED_DOT.sub("[.]", line)


def title(alert: Alert) -> str:
    """The first line: what happened to which token, where."""
    verdict = alert.verdict
    return f"{alert.action.upper()}  {_token(verdict)} on {verdict.chain}, {verdict.venue}"


def details(alert: Alert) -> list[str]:
    """Everything below the title, a fact a line; no line holds a control character."""
    verdict = alert.verdict
    return [
        *_taken_back(alert),
        _likelihood(verdict),
        *_kinds(verdict),
        *_outcome(alert),
        *_traps(verdict),
        f"age {_duration(verdict.age)}, liquidity {_liquidity(verdict)}",
        *_reasons(alert),
        *_unknown(verdict),
        *_look_alikes(verdict),
        *_addresses(verdict),
        f"bundle {inert(verdict.bundle, BUNDLE_LIMIT)}, alert {inert(alert.id, ID_LIMIT)}",
    ]


def plain_text(alert: Alert) -> str:
    """The whole alert: the title, then every detail indented."""
    return "\n  ".join([title(alert), *details(alert)])


def one_line(alert: Alert) -> str:
    """The alert for a narrow log: the title and its weight in one line."""
    weight = [*_taken_back(alert), *_outcome(alert)] or [
        *_traps(alert.verdict),
        _likelihood(alert.verdict),
    ]
    return f"{title(alert)}: {weight[0]}"


def brief(alert: Alert) -> str:
    """The least that tells one alert from others, for a message that names many."""
    verdict = alert.verdict
    word = _known(verdict.symbol, SYMBOL_LIMIT) or _known(verdict.name, SYMBOL_LIMIT)
    quoted = '"' + word.replace('"', "'") + '"' if word else "unnamed"
    action = "" if alert.action == "raised" else f"{alert.action.upper()} "
    pool = inert(verdict.pool, ADDRESS_LIMIT)
    short = pool if len(pool) <= SHORT_ADDRESS else f"{pool[:6]}..{pool[-4:]}"
    return f"{action}{quoted} {verdict.probability:.0%} {verdict.chain} {short}"


def _token(verdict: Verdict) -> str:
    """Name and symbol, each quoted so that a reader sees where the stranger's words end."""
    words = [_known(verdict.name, NAME_LIMIT), _known(verdict.symbol, SYMBOL_LIMIT)]
    name, symbol = ('"' + word.replace('"', "'") + '"' if word else "" for word in words)
    return " ".join(filter(None, [name or "unnamed token", symbol]))


def _likelihood(verdict: Verdict) -> str:
    """The calibrated probability, in the words that people judge best: natural frequencies."""
    of_hundred = round(100 * verdict.probability)
    return f"risk {verdict.probability:.1%}: of 100 such tokens about {of_hundred} rug"


def _kinds(verdict: Verdict) -> list[str]:
    """How it would rug, the likeliest first; nothing where no kind is worth telling."""
    told = [
        f"{inert(each.kind, KIND_LIMIT)} {'shown' if each.shown else f'{each.probability:.0%}'}"
        for each in verdict.kinds[:KINDS_SHOWN]
        if each.probability >= LEAST_KIND
    ]
    return [f"how: {', '.join(told)}"] if told else []


def _taken_back(alert: Alert) -> list[str]:
    """For a retracted alert, why: the pool that it warned of is no more, and may come again."""
    if alert.action != "retracted":
        return []
    return ["the chain took the launch's block back: what was said of this pool is void"]


def _outcome(alert: Alert) -> list[str]:
    """For a confirmed alert, what left the pool and how long after the warning."""
    if isinstance(alert.lost, UnsetType) or isinstance(alert.lead_seconds, UnsetType):
        return []
    lost = f"{_amount(alert.lost)}{_quote(alert.verdict)} left the pool"
    if alert.lead_seconds <= 0:
        return [f"it happened: {lost} before it could be told"]
    return [f"it happened: {lost}, {_duration(alert.lead_seconds)} after the warning"]


def _liquidity(verdict: Verdict) -> str:
    now = f"{_amount(verdict.liquidity)}{_quote(verdict)}"
    if verdict.liquidity >= verdict.liquidity_max:
        return now
    return f"{now} (at most {_amount(verdict.liquidity_max)})"


def _traps(verdict: Verdict) -> list[str]:
    """What was proven, with what was seen; then what is only possible, in one line."""
    proven = [
        f"proven: {inert(trap.says, VALUE_LIMIT)} ({_seen(trap)})"
        for trap in verdict.traps
        if trap.proven
    ]
    possible = [inert(trap.says, VALUE_LIMIT) for trap in verdict.traps if not trap.proven]
    more = len(possible) - WARNINGS_SHOWN
    told = "; ".join(possible[:WARNINGS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return [*proven, *([f"warning: {told}"] if told else [])]


def _seen(trap: Trap) -> str:
    """The findings behind a trap, and the block that they speak of."""
    found = [
        f"{_fact(name)} = {_found(each.value)}"
        for name, each in list(trap.evidence.items())[:EVIDENCE_SHOWN]
    ]
    blocks = {each.block for each in trap.evidence.values()}
    return ", ".join([*found, f"block {max(blocks, default=0)}"])


def _found(value: bool | float | str | UnsetType) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else inert(str(value), VALUE_LIMIT)


def _reasons(alert: Alert) -> list[str]:
    """Why it was thought; once it has happened, that is reason enough."""
    if alert.action == "confirmed":
        return []
    return [*_because(alert.verdict.evidence), *_analysis(alert.verdict)]


def _because(evidence: list[Evidence]) -> list[str]:
    """The facts that moved the probability most, either way."""
    weightiest = sorted(evidence, key=lambda fact: -abs(fact.weight))[:EVIDENCE_SHOWN]
    return [
        f"because {_fact(fact.fact)} = {inert(fact.value, VALUE_LIMIT)} ({fact.weight:+.2g})"
        for fact in weightiest
    ]


def _fact(name: str) -> str:
    """A name of ours, such as ``holders.lp_top_share``: its dot is no link, a scheme would be."""
    return sanitise(name, VALUE_LIMIT).replace("://", "[:]//")


def _analysis(verdict: Verdict) -> list[str]:
    text = inert(verdict.analysis, ANALYSIS_LIMIT)
    return [f"analysis: {text}"] if text else []


def _unknown(verdict: Verdict) -> list[str]:
    """What could not be known: a warning on half the facts is half a warning."""
    missing = round(100 * (1 - verdict.coverage))
    if not missing and not verdict.unknown:
        return []
    names = [_fact(name) for name in verdict.unknown[:UNKNOWN_SHOWN]]
    more = len(verdict.unknown) - len(names)
    told = ", ".join([*names, *([f"{more} more"] if more > 0 else [])])
    return [f"unknown: {missing} of 100 facts" + (f": {told}" if told else "")]


def _look_alikes(verdict: Verdict) -> list[str]:
    """Letters of scripts that imitate Latin ones: a name may be another's by its looks alone."""
    words = _known(verdict.name, NAME_LIMIT) + _known(verdict.symbol, SYMBOL_LIMIT)
    scripts = {char: unicodedata.name(char, "").partition(" ")[0] for char in words}
    told = [
        f"{char} is {script.capitalize()} (U+{ord(char):04X})"
        for char, script in scripts.items()
        if script in LOOK_ALIKES
    ]
    more = ", ..." if len(told) > EVIDENCE_SHOWN else ""
    return [f"look-alike letters: {', '.join(told[:EVIDENCE_SHOWN])}{more}"] if told else []


def _addresses(verdict: Verdict) -> list[str]:
    told = {"pool": verdict.pool, "token": verdict.token_address, "creator": verdict.creator}
    known = {name: _known(address, ADDRESS_LIMIT) for name, address in told.items()}
    return [", ".join(f"{name} {address}" for name, address in known.items() if address)]


def _quote(verdict: Verdict) -> str:
    symbol = _known(verdict.quote_symbol, SYMBOL_LIMIT)
    return f" {symbol}" if symbol else ""


def _known(text: str | UnsetType, limit: int) -> str:
    """The text made inert, or nothing when it is unknown."""
    return "" if isinstance(text, UnsetType) else inert(text, limit)


def _amount(value: float) -> str:
    """A whole number when large, else three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    """The two largest units: ``1 h 5 min``."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
