"""The social role: the feeds that have what they need, the stages of linking, and the intake."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from alerts.secret import Secret
from daemon.health import serve
from daemon.intake import Door, intake_app
from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.roles import why_off
from daemon.supervisor import Part
from heft_model.scamtext import ScamText
from streams.errors import Invalid
from streams.examine.impersonation import known_symbols
from streams.feeds.silence import Silence
from streams.posts import Deletion, Post
from streams.social.authors import Authors, key_of
from streams.social.farcaster import Farcaster
from streams.social.feed import Cursors, Feed, Posting, run_feed
from streams.social.jetstream import Jetstream
from streams.social.linking.directory import Directory
from streams.social.linking.linker import DirectoryTransform, LinkTransform
from streams.social.listening import tell_listening
from streams.social.reading.phishing import Phishing, read_hosts
from streams.social.reading.reader import Reader
from streams.social.reddit import Reddit
from streams.social.rss import Rss
from streams.social.telegram import TelegramChannels
from streams.social.x import XStream
from streams.stage import Drain
from streams.topics import FACTS, POSTS

__all__ = ["social_parts"]

INTAKE_IS_NEVER_SILENT_S = 10 * 365 * 86_400.0

log = structlog.get_logger(__name__)


async def social_parts(plant: Plant, listener: socket.socket | None) -> list[Part]:
    """A part a feed, the stages, and who tells that posts are heard; none without a feed.

    ``listener`` is the intake's. Raises ``Invalid`` for a setting that cannot be used.
    """
    social, off = plant.settings.social, why_off(plant.settings)
    for name, why in off.items():
        log.warning("feed_off", feed=name, why=why)
    names = [name for name in social.follow if name not in off]
    if not names:
        return []
    authors = Authors(await key_of(plant.state, social.author_key.get_secret_value()))
    posting, directory = Posting(plant.cluster.broker), Directory(plant.state)
    silences: list[Silence] = []
    parts = [_feed_part(plant, name, authors, directory, posting, silences)
             for name in names if name != "intake"]  # fmt: skip
    if "intake" in names and listener is not None:
        parts.append(_intake_part(plant, listener, authors, posting, silences))
    parts += _linking(plant, authors, directory)
    return [*parts, _listening_part(plant, silences)]


def _feed_part(
    plant: Plant,
    name: str,
    authors: Authors,
    directory: Directory,
    posting: Posting,
    silences: list[Silence],
) -> Part:
    make = _maker(plant, name, authors, directory)
    silence = Silence(name, make().expected, plant.clock)
    silences.append(silence)

    async def run(drain: Drain) -> None:
        cursors = Cursors(plant.state, plant.cluster.incarnation)
        await run_feed(make(), posting, cursors, silence=silence, drain=drain)

    return Part(f"feed.{name}", run)


def _maker(plant: Plant, name: str, authors: Authors, directory: Directory) -> Callable[[], Feed]:
    """Makes the feed anew at each start of its part."""
    social, clock = plant.settings.social, plant.clock

    async def watchlist() -> Sequence[str]:
        newest = await directory.newest(social.x.newest_tokens)
        return [*social.x.queries, *(f'"{token}"' for token in newest)]

    makers: dict[str, Callable[[], Feed]] = {
        "bluesky": lambda: Jetstream(
            social.bluesky.hosts, authors, version=social.bluesky.version,
            compress=social.bluesky.compress, dictionary=_read(social.bluesky.dictionary),
            clock=clock,
        ),
        "rss": lambda: Rss(social.rss.urls, authors, every=social.rss.every_seconds, clock=clock),
        "x": lambda: XStream(
            social.x.token.get_secret_value(), watchlist, authors, base_url=social.x.base_url,
            backfill=social.x.backfill, clock=clock,
        ),
        "reddit": lambda: Reddit(
            (social.reddit.client_id, social.reddit.secret.get_secret_value()),
            social.reddit.subreddits, authors, clock=clock,
        ),
        "farcaster": lambda: Farcaster(
            social.farcaster.key.get_secret_value(), authors, base_url=social.farcaster.base_url,
            clock=clock,
        ),
        "telegram": lambda: TelegramChannels(
            social.telegram.token.get_secret_value(), authors,
            base_url=social.telegram.base_url, clock=clock,
        ),
    }  # fmt: skip
    return makers[name]


def _intake_part(
    plant: Plant,
    listener: socket.socket,
    authors: Authors,
    posting: Posting,
    silences: list[Silence],
) -> Part:
    silence = Silence("intake", INTAKE_IS_NEVER_SILENT_S, plant.clock)
    silence.heard()
    silences.append(silence)

    async def take(events: list[Post | Deletion]) -> int:
        return await posting.publish("intake", events)

    token = Secret(plant.settings.social.intake.token.get_secret_value())
    app = intake_app(Door(token, take, authors, plant.clock))

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await serve(app, listener)

    return Part("feed.intake", run)


def _linking(plant: Plant, authors: Authors, directory: Directory) -> list[Part]:
    social = plant.settings.social
    listed = read_hosts(social.phishing_list) if social.phishing_list else []
    majors, worth = known_symbols(), dict[str, float]()
    scam = ScamText()

    async def link(drain: Drain) -> None:
        reader = Reader(authors, phishing=Phishing(listed), scam=scam.odds)
        transform = LinkTransform(
            directory, reader, wait_hours=social.wait_hours, majors=majors, worth=worth,
            clock=plant.clock,
        )  # fmt: skip
        await run_transform(plant, "link", POSTS, transform, drain)

    async def learn(drain: Drain) -> None:
        transform = DirectoryTransform(
            directory, keep_hours=social.wait_hours, majors=majors, worth=worth, clock=plant.clock
        )
        await run_transform(plant, "directory", FACTS, transform, drain)

    return [Part("link", link, beats=True), Part("directory", learn, beats=True)]


def _listening_part(plant: Plant, silences: Sequence[Silence]) -> Part:
    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await tell_listening(plant.cluster.broker, silences, plant.clock)

    return Part("listening", run)


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", reason="setting") from error
