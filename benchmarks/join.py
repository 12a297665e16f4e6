"""Verdicts with and without posts, side by side: the demo's recording with scripted campaigns.

Every planted rug is pushed by six accounts that post one text within minutes, honest launches are
spoken of by people in words of their own, and one honest launch is smeared by a campaign of
strangers. Posts go through the stages' own reading and linking, both streams through the fold and
the bundle that ships. The posts were written by us for launches whose end we planted: this shows
what the join does to dossiers and verdicts, not how well it foretells anything.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from daemon.display.planted import Planted, read_planted
from daemon.jobs.demonstration import RECORDING
from daemon.parts.scoring import open_judge
from daemon.sections import Model
from heft_model.scamtext import ScamText
from streams.enrich.fold import Fold
from streams.errors import Invalid
from streams.events import Activity, Facts, Launch, Listening, Mention, Verdict
from streams.posts import Post
from streams.recording import open_recording
from streams.replay import activity_from_rows
from streams.social.authors import Authors
from streams.social.linking.linker import who_of
from streams.social.linking.naming import named
from streams.social.linking.resolving import Token, resolve
from streams.social.reading.reader import Reader

AGES = ("5m", "1h")
PUSH = (
    "LAST CHANCE ${s} {a} guaranteed 100x, dev is based, join the telegram now",
    "Last chance ${s} {a} guaranteed 100x, dev is based, join the telegram now!!",
)
TALK = (
    "anybody looked at {a} yet? contract seems plain to me", "bought a little ${s} {a} for fun",
    "the team behind {a} answers questions, which is nice", "chart of {a} is slow but fine",
    "{a} is on my list, waiting for the audit", "why is nobody talking about {a}",
    "not sure about {a}, supply is spread well though", "my friend made {a}, be kind",
)  # fmt: skip


def main() -> None:
    """Print both verdicts of every launch, and what the difference is made of."""
    print(describe())
    plan = read_planted(RECORDING)
    recording = open_recording(RECORDING)
    activity = list(activity_from_rows(recording, recording.rows()))
    launches = {each.key: each for each in activity if isinstance(each, Launch)}
    posts = sorted(_posts(plan, launches), key=lambda post: post.at)
    mentions = _mentions(posts, launches)
    first, last = activity[0].at, activity[-1].at
    beside: list[Mention | Listening] = [*mentions, *_heard(first, last)]
    beside.sort(key=lambda event: event.at)
    without, with_posts = _judged(activity), _judged(_merged(activity, beside))
    print(f"{len(posts)} posts, {len(mentions)} mentions of {len(launches)} launches\n")
    Console(width=150).print(_table(plan, without, with_posts))
    moved = [key for key, told in with_posts.items() if key in without
             and told[1].probability != without[key][1].probability]  # fmt: skip
    extra = sum(trigger == "mentioned" for _, _, trigger in with_posts)
    print(
        f"probabilities that moved: {len(moved)}: the bundles were not taught on posts and read "
        f"none.\nverdicts that posts made due: {extra}, of bursts between the scheduled ages.\n"
        "What posts add is in the dossier for people and for models to come, and in the warnings."
    )


def _posts(plan: list[Planted], launches: dict[str, Launch]) -> Iterator[Post]:
    chance = random.Random(5)
    honest = [each for each in plan if each.rug_at is None]
    for place, planted in enumerate(plan):
        launch = launches[planted.key]
        words = {"s": launch.symbol or "TOKEN", "a": launch.token}
        pushed = planted.rug_at is not None or planted is honest[-1]
        for number in range(12 if pushed else 5):
            copied = pushed and number < 6
            text = chance.choice(PUSH if copied else TALK).format(**words)
            seconds = chance.uniform(30, 240) if copied else chance.uniform(0, 3_000)
            at = launch.at + timedelta(seconds=seconds)
            yield Post(feed="x", post=f"{place}-{number}", said_at=at, at=at, text=text,
                       author=f"{chance.getrandbits(64):016x}",
                       author_since=at - timedelta(days=2 if copied else 900))  # fmt: skip


def _mentions(posts: list[Post], launches: dict[str, Launch]) -> list[Mention]:
    """As the link stage makes them, with every launch known."""
    tokens = [
        Token(each.chain, str(each.token), each.pool, str(each.symbol or ""),
              each.at.timestamp(), 1.0, "WETH")
        for each in launches.values() if isinstance(each.token, str)
    ]  # fmt: skip
    if not tokens:
        raise Invalid("the recording names no tokens", reason="recording")
    who, reader = who_of(tokens, {"WETH": 2_500.0}, ()), Reader(Authors(b"x"), scam=ScamText().odds)
    heard = [(post, named(post), reader.hear(post)) for post in posts]
    return [
        word.mention(token.chain, token.pool, how)
        for (post, told, _), word in zip(heard, reader.words(heard), strict=True)
        for token, how in resolve(told, post.at.timestamp(), who).links
    ]


def _heard(first: datetime, last: datetime) -> Iterator[Listening]:
    at = first - timedelta(minutes=1)
    while at <= last:
        yield Listening(at=at, since=first - timedelta(days=1), feeds=["x"])
        at += timedelta(minutes=1)


def _merged(activity: list[Activity], beside: Iterable[Mention | Listening]) -> Iterator[Activity]:
    """Both in order of time; where they meet, the chain comes first."""
    rest = iter(beside)
    waiting = next(rest, None)
    for event in activity:
        while waiting is not None and waiting.at < event.at:
            yield waiting
            waiting = next(rest, None)
        yield event


Told = dict[tuple[str, int, str], tuple[Facts, Verdict]]


def _judged(activity: Iterable[Activity]) -> Told:
    fold, scorer = Fold(), open_judge(Model()).scorer
    facts = [each for event in activity for each in fold.feed(event)]
    found: Told = {}
    for start in range(0, len(facts), 64):
        batch = facts[start : start + 64]
        for dossier, verdict in zip(batch, scorer.score(batch), strict=True):
            number = sum(key[0] == dossier.key and key[2] == dossier.trigger for key in found)
            found[dossier.key, number, dossier.trigger] = (dossier, verdict)
    return found


def _table(plan: list[Planted], without: Told, with_posts: Told) -> Table:
    table = Table(title="verdicts without and with posts", title_justify="left")
    for name in ("launch", "was", "age", "said", "authors", "copies", "fresh", "scam",
                 "p without", "p with", "warnings without", "warnings with"):  # fmt: skip
        table.add_column(name)
    for planted in plan:
        for age in AGES:
            key = (planted.key, 0, age)
            if key not in without:
                continue
            facts, verdict = with_posts[key]
            table.add_row(
                planted.name[:18], planted.kind, age,
                *(_number(facts, name) for name in (
                    "mentions_1h", "authors_1h", "copies_1h", "fresh_authors_1h", "scam_1h")),
                f"{without[key][1].probability:.3f}", f"{verdict.probability:.3f}",
                ", ".join(trap.kind for trap in without[key][1].traps) or "-",
                ", ".join(trap.kind for trap in verdict.traps) or "-",
            )  # fmt: skip
    return table


def _number(facts: Facts, name: str) -> str:
    found = facts.findings.get(f"social.{name}")
    return f"{found.value:g}"[:5] if found and isinstance(found.value, float) else "unknown"


if __name__ == "__main__":
    main()
