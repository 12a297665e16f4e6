"""The page: its server, and a reader of every topic that it shows."""

from __future__ import annotations

import socket
from functools import partial

from prometheus_client import REGISTRY

from alerts.history import alert_id
from alerts.ledger import Ledger
from alerts.secret import Secret
from daemon.health import serve
from daemon.page.api import LOCAL_HOSTS, page_app
from daemon.page.board import Board, News
from daemon.page.feedback import Desk
from daemon.page.hub import Hub
from daemon.page.outcomes import Outcome, Outcomes
from daemon.page.reader import Note, Reader
from daemon.page.vitals import Vitals
from daemon.plant import Plant
from daemon.supervisor import Part
from heft_model.manifest import Manifest
from heft_model.registry import Registry
from streams import telemetry
from streams.events import Alert
from streams.labels import Label
from streams.stage import Drain, message
from streams.topics import ALERTS, FACTS, LABELS, LAUNCHES, VERDICTS, Topic

__all__ = ["desk_from", "page_parts"]


def page_parts(plant: Plant, listener: socket.socket) -> list[Part]:
    """Serves the page on the listening socket, and reads the topics that it shows."""
    board, hub, outcomes = Board(), Hub(), Outcomes()
    registry = Registry(plant.settings.model.registry)
    names = LOCAL_HOSTS | {name.lower() for name in plant.settings.page.hosts}
    vitals = Vitals(plant.settings.page.metrics, REGISTRY)
    app = page_app(board, hub, lambda: _versions(registry), names, desk_from(plant), vitals.health)

    def note(event: News, is_news: bool) -> None:
        summary = board.note(event)
        if is_news:
            hub.tell(str(event.__struct_config__.tag), summary)

    for outcome in outcomes.counts():
        telemetry.OUTCOMES.labels(outcome).set_function(partial(_pools, outcomes, outcome))

    def judge(event: Alert | Label, _: bool) -> None:
        outcomes.note(event)

    def note_alert(event: Alert, is_news: bool) -> None:
        note(event, is_news)
        judge(event, is_news)

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await serve(app, listener)

    followed: dict[Topic, Note] = dict.fromkeys((LAUNCHES, FACTS, VERDICTS), note)
    followed |= {ALERTS: note_alert, LABELS: judge}
    return [*(_followed(plant, topic, note) for topic, note in followed.items()), Part("page", run)]


def desk_from(plant: Plant) -> Desk | None:
    """Takes the page's labels; ``None`` without a token."""
    token = plant.settings.page.token.get_secret_value()
    ledger = Ledger(plant.state)

    async def take(label: Label) -> None:
        if label.what == "mute":
            await ledger.mute(alert_id(label.key))
        await plant.cluster.broker.publish([message(LABELS, label)])

    return Desk(Secret(token), take, plant.clock) if token else None


def _pools(outcomes: Outcomes, outcome: Outcome) -> int:
    """Counted when somebody asks for the metrics, and not at every alert that is read."""
    return outcomes.counts()[outcome]


def _versions(registry: Registry) -> list[Manifest]:
    """Every version, the champion first."""
    manifests = {manifest.id: manifest for manifest in registry.versions()}
    return [manifests[version] for version in registry.candidates() if version in manifests]


def _followed(plant: Plant, topic: Topic, note: Note) -> Part:
    return Part(f"page.{topic.name}", Reader(plant.cluster.broker, topic, note).run)
