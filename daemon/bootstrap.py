"""Where concrete classes meet: one function a part of the process.

Nothing here decides anything; it says which class stands behind which seam, with which settings.
The commands choose the parts, in flow order: source, examine, enrich, score, alert, broker, health.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
import msgspec
from prometheus_client import REGISTRY
from rich.console import Console as Terminal

from alerts.apprise import AppriseSink
from alerts.buttons import Buttons
from alerts.chat import Chat
from alerts.console import ConsoleSettings, ConsoleSink
from alerts.courier import Spill
from alerts.discord import Discord
from alerts.history import alert_id
from alerts.ledger import Ledger
from alerts.pipeline import alerting
from alerts.policy import PolicySettings
from alerts.secret import Secret
from alerts.sink import Sink
from alerts.slack import Slack
from alerts.telegram import Telegram
from alerts.webhook import WebhookSettings, WebhookSink
from daemon.audience import audience_from
from daemon.health import Check, health_app, serve
from daemon.page.api import LOCAL_HOSTS, page_app
from daemon.page.board import Board, News
from daemon.page.feedback import Desk
from daemon.page.hub import Hub
from daemon.page.reader import Note, Reader
from daemon.plant import Plant
from daemon.settings import Examine, Model, Settings, Webhook
from daemon.settings import Scanner as ScannerTable
from daemon.supervisor import Part
from heft_model.batcher import BatcherSettings
from heft_model.bundle import Manifest, load_bundle, read_manifest
from heft_model.calibrate import Threshold
from heft_model.registry import Registry
from heft_model.scorer import OnnxScorer, Scorer, open_scorer
from heft_model.stage import ScoreTransform
from streams.archive import archive_stage
from streams.clock import Clock
from streams.embedded import EmbeddedAddress
from streams.enrich.enricher import EnrichTransform
from streams.enrich.store import PoolStore
from streams.errors import Invalid
from streams.events import Examination
from streams.evm.endpoints import Endpoints
from streams.evm.follow import Follower, FollowerSettings
from streams.evm.venues import CHAINS, with_factories
from streams.examine.checklist import checklist
from streams.examine.examiner import ExamineSettings, ExamineTransform
from streams.examine.thirdparty import GoPlus, HoneypotIs, Scanner
from streams.examine.tokenchecks import warm_up
from streams.labels import Label
from streams.solana.follow import SolanaFollower
from streams.solana.sightings import CHAIN as SOLANA
from streams.source import Checkpoints, Played, Source, run_source
from streams.stage import Brake, Drain, Stage, Transform, message, run_stage
from streams.topics import ACTIVITY, ALERTS, FACTS, LABELS, LAUNCHES, TOPICS, VERDICTS, Topic

__all__ = [
    "Judge",
    "alert_part",
    "archive_parts",
    "broker_part",
    "buttons_parts",
    "chain_part",
    "desk_from",
    "enrich_part",
    "examine_part",
    "health_part",
    "open_judge",
    "page_parts",
    "scanners_from",
    "score_part",
    "sinks_from",
    "source_part",
]

SCORED_AT_ONCE = 64
"""Dossiers in one turn of the score stage: a turn is finished before a drain, which has 10 s."""

NOT_THE_SERVICE_S = {"token", "timeout_seconds"}


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges: a scorer, and where to look for a newer champion, if it may change."""

    scorer: Scorer
    registry: Registry | None = None
    manifest: Manifest | None = None
    """Of the bundle that served first."""
    promise: Threshold | None = None
    """Its alert threshold, and the precision that it states for it."""


def source_part(
    plant: Plant,
    source: Source,
    note: Callable[[Played], None],
    stages: Sequence[str],
    *,
    name: str = "source",
) -> Part:
    """Publishes what the source yields once the stages run; ``note`` is told of each batch."""

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await plant.progress.running(stages)
        await run_source(
            source,
            plant.cluster.broker,
            Checkpoints(plant.state, plant.cluster.incarnation),
            drain=drain,
            backlog=plant.backlog,
            progress=note,
        )

    return Part(name, run)


def chain_part(plant: Plant, endpoints: Endpoints, stages: Sequence[str]) -> Part:
    """Follows one live chain, apart from every other: its failures are its own."""
    name, chains = endpoints.chain, plant.settings.chains
    if name == SOLANA:
        solana = SolanaFollower(
            endpoints,
            commitment="finalized" if chains.delivery == "finalized" else "confirmed",
            most_backfill=chains.most_backfill_blocks,
        )
        return source_part(plant, solana, lambda _: None, stages, name=solana.name)
    follower = Follower(
        name,
        CHAINS[name],
        endpoints,
        with_factories(name, chains.factories),
        plant.state,
        FollowerSettings(
            delivery=chains.delivery,
            most_backfill=chains.most_backfill_blocks,
            token_hours=chains.token_hours,
        ),
    )
    return source_part(plant, follower, lambda _: None, stages, name=follower.name)


def examine_part(plant: Plant, chains: Sequence[Endpoints]) -> Part:
    """Puts launches to the nodes of their chain; what is found goes into the activity."""
    said = plant.settings.examine
    settings = ExamineSettings(
        deadline=said.deadline_seconds, at_once=said.at_once, ages=said.ages_seconds
    )
    nodes = {endpoints.chain: endpoints for endpoints in chains}
    extra = plant.settings.chains.factories

    async def publish(found: Examination) -> None:
        await plant.cluster.broker.publish([message(ACTIVITY, found)])

    async def run(drain: Drain) -> None:
        scanners = scanners_from(said)
        transform = ExamineTransform(
            nodes,
            [*checklist(plant.state), *scanners],
            plant.state,
            publish,
            settings,
            factories={each: with_factories(each, extra) for each in nodes},
            clock=plant.clock,
        )
        warming = asyncio.create_task(warm_up())
        try:
            await _run(plant, "examine", ACTIVITY, transform, drain)
        finally:
            warming.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(warming, return_exceptions=True)
                await transform.close()
                for scanner in scanners:
                    await scanner.close()

    return Part("examine", run, beats=True)


def scanners_from(settings: Examine) -> list[Scanner]:
    """The services on the web that are asked about tokens: those that have a URL."""
    known: dict[type[Scanner], ScannerTable] = {
        GoPlus: settings.goplus,
        HoneypotIs: settings.honeypot_is,
    }
    return [
        service(said.url, said.key.get_secret_value(), patience=said.timeout_seconds)
        for service, said in known.items()
        if said.url
    ]


def enrich_part(plant: Plant) -> Part:
    """Activity to dossiers."""

    async def run(drain: Drain) -> None:
        await _run(plant, "enrich", ACTIVITY, EnrichTransform(PoolStore(plant.state)), drain)

    return Part("enrich", run, beats=True)


def score_part(plant: Plant, judge: Judge) -> Part:
    """Dossiers to verdicts; with a registry, by whichever version is its champion."""
    batches = _batches(plant.settings.model)

    async def run(drain: Drain) -> None:
        transform = ScoreTransform(
            judge.scorer, clock=plant.clock, registry=judge.registry, settings=batches
        )
        try:
            await _run(plant, "score", FACTS, transform, drain, most=SCORED_AT_ONCE)
        finally:
            transform.close()

    return Part("score", run, beats=True)


def alert_part(plant: Plant, sinks: Callable[[], Sequence[Sink]], *, quiet: bool = False) -> Part:
    """Verdicts to alerts, on the topic and to each sink; sinks are made anew at every start.

    ``quiet``: news that the settings call old goes to the topic alone.
    """
    alerts = plant.settings.alerts
    policy = PolicySettings(**alerts.model_dump(include=set(PolicySettings.__struct_fields__)))
    spill = Spill(alerts.spill_to, alerts.spill_after_seconds) if alerts.spill_to else None
    audience = audience_from(plant.settings, quiet=quiet)

    async def run(drain: Drain) -> None:
        async with alerting(
            plant.state, sinks(), clock=plant.clock, policy=policy, spill=spill, audience=audience
        ) as transform:
            await _run(plant, "alert", VERDICTS, transform, drain)

    return Part("alert", run, beats=True)


def buttons_parts(plant: Plant) -> list[Part]:
    """A part that makes labels of Telegram's buttons; none without a bot."""
    telegram = plant.settings.sinks.telegram
    token = telegram.token.get_secret_value()
    if not token:
        return []
    service = Telegram(token=Secret(token), **telegram.model_dump(exclude=NOT_THE_SERVICE_S))

    async def publish(label: Label) -> None:
        await plant.cluster.broker.publish([message(LABELS, label)])

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await Buttons(service, Ledger(plant.state), publish, plant.clock).run()

    return [Part("buttons", run)]


def archive_parts(plant: Plant) -> list[Part]:
    """A part a topic that keeps it as Parquet; none without a folder for them."""
    root = plant.settings.archive.dir
    return [_archive_part(plant, topic, root) for topic in TOPICS] if root else []


def broker_part(embedded: EmbeddedAddress) -> Part:
    """Notices when the embedded broker has died, and the records with it."""

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await embedded.watch()

    return Part("broker", run)


def health_part(plant: Plant, listener: socket.socket, stages: Sequence[str]) -> Part:
    """Serves /live, /ready and /metrics on the listening socket; ready means these stages too."""
    app = health_app(plant.pulse, _checks(plant, stages), REGISTRY)

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await serve(app, listener)

    return Part("health", run)


def page_parts(plant: Plant, listener: socket.socket) -> list[Part]:
    """Serves the page on the listening socket, and reads the topics that it shows."""
    board, hub = Board(), Hub()
    registry = Registry(plant.settings.model.registry)
    names = LOCAL_HOSTS | {name.lower() for name in plant.settings.page.hosts}
    app = page_app(board, hub, lambda: _versions(registry), names, desk_from(plant))

    def note(event: News, is_news: bool) -> None:
        summary = board.note(event)
        if is_news:
            hub.tell(str(event.__struct_config__.tag), summary)

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await serve(app, listener)

    shown = (LAUNCHES, FACTS, VERDICTS, ALERTS)
    return [*(_followed(plant, topic, note) for topic in shown), Part("page", run)]


def open_judge(model: Model) -> Judge:
    """The bundle that serves, loaded and warmed up; the registry is followed unless it is pinned.

    Blocks for as long as loading takes. Raises ``Invalid`` when no bundle can serve.
    """
    registry = Registry(model.registry)
    if not model.bundle:
        scorer = open_scorer(registry, provider=model.provider, max_batch=model.batch)
        manifest = read_manifest(registry.folder(scorer.bundle))
        promise = scorer.calibration.threshold
        return Judge(scorer=scorer, registry=registry, manifest=manifest, promise=promise)
    folder = Path(model.bundle)
    bundle = load_bundle(folder) if folder.is_dir() else registry.load(model.bundle)
    return Judge(
        scorer=OnnxScorer(bundle, provider=model.provider, max_batch=model.batch),
        manifest=bundle.manifest,
        promise=bundle.calibration.threshold,
    )


def sinks_from(settings: Settings, terminal: Terminal, clock: Clock) -> list[Sink]:
    """The sinks that are switched on; raises ``Invalid`` for one that cannot work."""
    sinks: list[Sink] = []
    if settings.sinks.console.enabled:
        sinks.append(ConsoleSink(ConsoleSettings(shape=settings.sinks.console.shape), terminal))
    if settings.sinks.webhook.url.get_secret_value():
        sinks.append(_webhook(settings.sinks.webhook, clock))
    return [*sinks, *_chats(settings, clock)]


def _chats(settings: Settings, clock: Clock) -> list[Sink]:
    """The services that people read alerts in."""
    chats: list[Sink] = []
    telegram, discord = settings.sinks.telegram, settings.sinks.discord
    slack, apprise = settings.sinks.slack, settings.sinks.apprise
    if token := telegram.token.get_secret_value():
        if not telegram.chat_id:
            raise Invalid("sinks.telegram.chat_id is empty: say which chat", reason="setting")
        options = telegram.model_dump(exclude=NOT_THE_SERVICE_S)
        service = Telegram(token=Secret(token), **options)
        chats.append(Chat(service, clock, timeout_seconds=telegram.timeout_seconds))
    if url := discord.url.get_secret_value():
        webhook = Discord(url=Secret(url), name=discord.name)
        chats.append(Chat(webhook, clock, timeout_seconds=discord.timeout_seconds))
    if token := slack.token.get_secret_value():
        if not slack.channel:
            raise Invalid("sinks.slack.channel is empty: say which channel", reason="setting")
        options = slack.model_dump(exclude=NOT_THE_SERVICE_S)
        bot = Slack(token=Secret(token), **options)
        chats.append(Chat(bot, clock, timeout_seconds=slack.timeout_seconds))
    if url := apprise.url.get_secret_value():
        chats.append(AppriseSink(Secret(url), apprise.name, apprise.timeout_seconds))
    return chats


def desk_from(plant: Plant) -> Desk | None:
    """Takes the page's labels; ``None`` without a token."""
    token = plant.settings.page.token.get_secret_value()
    ledger = Ledger(plant.state)

    async def take(label: Label) -> None:
        if label.what == "mute":
            await ledger.mute(alert_id(label.key))
        await plant.cluster.broker.publish([message(LABELS, label)])

    return Desk(Secret(token), take, plant.clock) if token else None


def _versions(registry: Registry) -> list[Manifest]:
    """Every version, the champion first."""
    manifests = {manifest.id: manifest for manifest in registry.versions()}
    return [manifests[version] for version in registry.candidates() if version in manifests]


def _followed(plant: Plant, topic: Topic, note: Note) -> Part:
    return Part(f"page.{topic.name}", Reader(plant.cluster.broker, topic, note).run)


def _archive_part(plant: Plant, topic: Topic, root: Path) -> Part:
    """Waits for minutes on purpose, so it does not beat the pulse."""

    async def run(drain: Drain) -> None:
        stages = plant.settings.stages
        await run_stage(
            archive_stage(topic, root, plant.cluster.incarnation),
            plant.cluster.broker,
            clock=plant.clock,
            brake=Brake(stages.dead_in_a_row, stages.dead_share),
            drain=drain,
        )

    return Part(f"archive.{topic.name}", run)


def _webhook(webhook: Webhook, clock: Clock) -> WebhookSink:
    options = webhook.model_dump(exclude={"url", "secret"})
    settings = WebhookSettings(url=webhook.url.get_secret_value(), **options)
    secret = webhook.secret.get_secret_value()
    if not secret:
        raise Invalid("sinks.webhook.secret is empty: it signs the requests", reason="setting")
    return WebhookSink(settings, Secret(secret), clock)


async def _run(
    plant: Plant,
    name: str,
    topic: Topic,
    transform: Transform,
    drain: Drain,
    *,
    most: int | None = None,
) -> None:
    stages = plant.settings.stages
    await run_stage(
        Stage(
            name,
            topic,
            transform,
            max_records=min(stages.max_records, most or stages.max_records),
            max_wait=stages.max_wait_seconds,
        ),
        plant.cluster.broker,
        clock=plant.clock,
        brake=Brake(stages.dead_in_a_row, stages.dead_share),
        progress=plant.progress.note_turn,
        drain=drain,
    )


def _batches(model: Model) -> BatcherSettings:
    return BatcherSettings(
        size=model.batch,
        max_wait=model.max_wait_seconds,
        workers=model.workers or os.cpu_count() or 1,
    )


def _checks(plant: Plant, names: Sequence[str]) -> Mapping[str, Check]:
    """What /ready asks. A bundle needs no check: without one, nothing is started."""

    async def broker() -> str | None:
        host, _, port = plant.cluster.address.split(",")[0].rpartition(":")
        try:
            await (await anyio.connect_tcp(host, int(port))).aclose()
        except (OSError, ValueError) as error:
            return f"no answer from {plant.cluster.address}: {error}"
        return None

    async def state() -> str | None:
        async with plant.state.begin():
            return None

    async def stages() -> str | None:
        waiting = [name for name in names if not plant.progress.is_running(name)]
        return f"no partitions yet: {', '.join(waiting)}" if waiting else None

    return {"broker": broker, "state": state, "stages": stages}
