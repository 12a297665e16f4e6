"""What was scored, and what was known of it at a moment: archive and labels by one as-of join.

``known_at`` gives exactly the dossiers that were scored (each must hash to what its verdict names),
with the newest ruling and people's words of before the moment. ``guard`` refuses, loudly, whatever
could only be known later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from streams.errors import Invalid
from streams.events import Facts, Verdict, decode
from streams.labels import Label, Ruling
from streams.topics import FACTS, LABELS, RULINGS, VERDICTS, Topic
from trainer.rulings import HORIZONS

__all__ = ["Case", "guard", "known_at"]

SKEW = timedelta(minutes=2)
"""How far a chain's clock may be ahead of ours."""
AGES = {name: timedelta(seconds=age) for age, name in HORIZONS}

JOINED = """
with facts as ({facts}), verdicts as ({verdicts}), rulings as ({rulings}), words as ({labels}),
scored as (
    select chain, pool, f."at" as "at", f.event as dossier, v.event as verdict, $now as "now"
    from facts f join verdicts v using (id, chain, pool)
    where f.type = 'facts' and v.type = 'verdict' and f."at" < $now
)
select dossier, verdict, r.event as ruling,
       (select list(w.event order by w."at") from words w
        where w.chain = s.chain and w.pool = s.pool and w."at" < $now) as said
from scored s asof left join rulings r
     on s.chain = r.chain and s.pool = r.pool and s."now" >= r."at"
order by s."at", s.chain, s.pool
"""
ONCE = """
select * from read_parquet($FILES, hive_partitioning = false)
qualify row_number() over (partition by id order by "partition", "offset") = 1
"""
NONE = """
select null::varchar id, null::varchar type, null::varchar chain, null::varchar pool,
       null::timestamptz "at", null::varchar event where false
"""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One scored dossier, and what was known of its launch at a moment."""

    facts: Facts
    verdict: Verdict
    ruling: Ruling | None = None
    said: tuple[Label, ...] = ()
    """What people said, oldest first."""


def known_at(archive: Path, now: datetime) -> list[Case]:
    """Every scored dossier of before ``now`` in time order; raises ``Invalid`` for a leak too."""
    topics = {"facts": FACTS, "verdicts": VERDICTS, "rulings": RULINGS, "labels": LABELS}
    files = {name: _files(archive, topic) for name, topic in topics.items()}
    if not files["facts"] or not files["verdicts"]:
        return []
    query = JOINED.format(
        **{name: ONCE.replace("$FILES", f"${name}") if files[name] else NONE for name in topics}
    )
    given: dict[str, Any] = {name: found for name, found in files.items() if found}
    try:
        with duckdb.connect(config={"threads": 1}) as database:
            rows = database.execute(query, given | {"now": now}).fetchall()
    except duckdb.Error as error:
        line = str(error).split("\n", maxsplit=1)[0][:200]
        raise Invalid(f"the archive {archive} cannot be read: {line}", reason="archive") from error
    cases = [_case(*row) for row in rows]
    guard(cases, now)
    return cases


def guard(cases: Sequence[Case], now: datetime) -> None:
    """Raises ``Invalid`` (reason ``leak``) for the first case that knows what came later."""
    for case in cases:
        if problem := _leak(case, now):
            raise Invalid(f"leak: {case.facts.id} {problem}", reason="leak")


def _leak(case: Case, now: datetime) -> str:
    facts, ruling = case.facts, case.ruling
    if facts.at >= now:
        return f"is of {facts.at.isoformat()}, not before {now.isoformat()}"
    if case.verdict.scored_at + SKEW < facts.at:
        return "was scored before the moment that it speaks of: it was changed since"
    if any(word.at >= now for word in case.said):
        return "has a person's word of the future"
    return "" if ruling is None else _ruled_early(ruling, now)


def _ruled_early(ruling: Ruling, now: datetime) -> str:
    if ruling.at > now:
        return f"has a ruling of {ruling.at.isoformat()}, after {now.isoformat()}"
    if ruling.at < ruling.launched_at + AGES.get(ruling.horizon, timedelta(0)):
        return f"was ruled on before its horizon of {ruling.horizon}"
    return ""


def _case(dossier: str, verdict: str, ruling: str | None, said: list[str] | None) -> Case:
    given: Verdict = decode(verdict.encode(), Verdict)
    if hashlib.sha256(dossier.encode()).hexdigest() != given.facts_hash:
        raise Invalid(f"leak: {given.facts_id} is not the dossier that was scored", reason="leak")
    words: list[Label] = [decode(word.encode(), Label) for word in said or ()]
    return Case(
        facts=decode(dossier.encode(), Facts),
        verdict=given,
        ruling=None if ruling is None else decode(ruling.encode(), Ruling),
        said=tuple(words),
    )


def _files(root: Path, topic: Topic) -> list[str]:
    return [str(path) for path in sorted((root / topic.name).glob("day=*/chain=*/*.parquet"))]
