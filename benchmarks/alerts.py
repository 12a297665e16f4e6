"""A flood of risky tokens through the alert stage: 10,000 in 60 s, to chats that keep their limits.

Verdicts go through a real broker (the embedded one) into the stage; its alerts go to the topic and
to services on loopback that count requests in sliding windows at their own end. Beside them the
alternative, in the same run: a chat that is told one message an alert, as fast as it answers.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import msgspec
import structlog

from alerts.chat import Chat, Service
from alerts.discord import Discord
from alerts.ledger import Ledger
from alerts.pipeline import alerting
from alerts.secret import Secret
from alerts.severity import severity
from alerts.sink import Answer, Sent, Sink
from alerts.slack import Slack
from alerts.telegram import Telegram
from alerts.webhook import WebhookSettings, WebhookSink
from benchmarks.machine import describe
from daemon.jobs.collect import events_of
from streams.broker import Broker
from streams.clock import Clock, SystemClock
from streams.embedded import embedded_broker
from streams.events import Alert, Verdict
from streams.kafka import KafkaBroker
from streams.stage import Brake, Drain, Stage, Turn, message, run_stage
from streams.state import State
from streams.topics import ALERTS, TOPICS, VERDICTS
from tests.unit.alerts.making import a_verdict
from tests.unit.alerts.services import ChatServer, chat_server

__all__ = ["Flood", "Told", "flood"]

PARTITIONS = 4
CHATS = ("telegram", "discord", "slack")
ALONE = "one-by-one"
PATIENCE_SECONDS = 120.0
"""For what waits after the last verdict."""


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """So many risky tokens in so many seconds; one in ``critical`` of them is critical."""

    tokens: int = 10_000
    seconds: int = 60
    critical: int = 20
    alone: bool = True
    """Also to a chat that is told one message an alert."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one receiver got."""

    sink: str
    requests: int
    most_per_minute: int
    violations: int
    named: int
    """Critical alerts that it was told by name."""
    seconds: list[float]
    """From each critical verdict's publication until then, ascending."""


class Noting:
    """A chat that notes when each critical alert was first named."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.name = service.name
        self.rates = service.rates
        self.first: dict[str, datetime] = {}
        self._chat = Chat(service, clock)

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:
        """As the chat."""
        return self._noted(await self._chat.send(alert, earlier, plain=plain), [alert])

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """As the chat."""
        return self._noted(await self._chat.digest(alerts), alerts)

    async def close(self) -> None:
        """As the chat."""
        await self._chat.close()

    def _noted(self, answer: Answer, alerts: Sequence[Alert]) -> Answer:
        if isinstance(answer, Sent):
            for alert in alerts:
                if severity(alert) == "critical" and alert.alert_id not in answer.left:
                    self.first.setdefault(alert.key, datetime.now(UTC))
        return answer


class Alone:
    """The alternative: a sink without pace or digest."""

    def __init__(self, chat: Noting) -> None:
        self.name = chat.name
        self.first = chat.first
        self.send = chat.send
        self.close = chat.close


def main() -> None:
    """Print a row a receiver.

    Its requests, the most in any minute, those above its limits, the critical alerts that it was
    told by name, and how soon 95 % of them.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--critical", type=int, default=20, help="one in so many is critical")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    print(describe())
    wanted = Flood(tokens=given.tokens, seconds=given.seconds, critical=given.critical)
    with tempfile.TemporaryDirectory() as folder:
        on_topic, rows = asyncio.run(_run(wanted, Path(folder)))
    print(f"{wanted.tokens} tokens in {wanted.seconds} s, {on_topic} alerts on the topic")
    print(
        f"{'receiver':<12} {'requests':>8} {'most/min':>8} {'above limit':>11} critical: named, p95"
    )
    for row in rows:
        p95 = row.seconds[int(0.95 * len(row.seconds))] if row.seconds else float("nan")
        print(
            f"{row.sink:<12} {row.requests:>8} {row.most_per_minute:>8} {row.violations:>8} "
            f"{row.named:>8} {p95:>6.1f} s"
        )


async def _run(wanted: Flood, folder: Path) -> tuple[int, list[Told]]:
    async with embedded_broker(folder / "broker") as address:
        broker = KafkaBroker(address.settings())
        try:
            return await flood(wanted, broker, f"sqlite:///{folder}/state.sqlite")
        finally:
            await broker.close()


async def flood(wanted: Flood, broker: Broker, state_url: str) -> tuple[int, list[Told]]:
    """Publish the flood and wait for every receiver; alerts on the topic, and a row a receiver."""
    clock, published = SystemClock(), dict[str, datetime]()
    async with AsyncExitStack() as stack:
        await broker.ensure_topics(TOPICS, PARTITIONS)
        state = await State.open(state_url)
        stack.push_async_callback(state.close)
        kinds = [*CHATS, "webhook", *(["telegram"] if wanted.alone else [])]
        servers = [await stack.enter_async_context(chat_server(kind)) for kind in kinds]
        chats = [
            Noting(_service(server, ALONE if number > len(CHATS) else server.kind), clock)
            for number, server in enumerate(servers)
            if server.kind != "webhook"
        ]
        sinks: list[Sink] = [*chats[: len(CHATS)], *(Alone(chat) for chat in chats[len(CHATS) :])]
        sinks.append(WebhookSink(WebhookSettings(url=servers[3].url), Secret("s"), clock))
        transform = await stack.enter_async_context(alerting(state, sinks, clock=clock))
        drain, caught_up = Drain(), anyio.Event()

        def watch(turn: Turn) -> None:
            if len(published) == wanted.tokens and turn.lag == 0:
                caught_up.set()

        async with anyio.create_task_group() as group:
            stage = Stage("alert", VERDICTS, transform)
            run = partial(run_stage, clock=clock, brake=Brake(), progress=watch, drain=drain)
            group.start_soon(run, stage, broker)
            await _publish(wanted, broker, published)
            await caught_up.wait()
            await _settled(Ledger(state), [sink.name for sink in sinks])
            drain.ask()
        on_topic = len(await events_of(broker, ALERTS))
    places = [server for server in servers if server.kind != "webhook"]
    return on_topic, [_told(chat, at, published) for chat, at in zip(chats, places, strict=True)]


async def _publish(wanted: Flood, broker: Broker, published: dict[str, datetime]) -> None:
    """A second's share each second."""
    started = anyio.current_time()
    for second in range(wanted.seconds):
        share = range(
            second * wanted.tokens // wanted.seconds, (second + 1) * wanted.tokens // wanted.seconds
        )
        verdicts = [_verdict(number, number % wanted.critical == 0) for number in share]
        published |= {each.key: datetime.now(UTC) for each in verdicts}
        await broker.publish([message(VERDICTS, each) for each in verdicts])
        await anyio.sleep(max(started + second + 1 - anyio.current_time(), 0.0))


def _verdict(number: int, is_critical: bool) -> Verdict:
    """On a token of its own, by nobody's account."""
    return a_verdict(
        1,
        pool=f"0x{number:040x}",
        symbol=f"T{number}",
        creator=msgspec.UNSET,
        probability=0.97 if is_critical else 0.9,
    )


async def _settled(ledger: Ledger, sinks: Sequence[str]) -> None:
    """Return when nothing waits for any sink, or patience is over."""
    with anyio.move_on_after(PATIENCE_SECONDS):
        while True:
            waiting = [
                await ledger.pending(sink, range(PARTITIONS), after=0, limit=1) for sink in sinks
            ]
            if not any(waiting):
                return
            await anyio.sleep(0.5)


def _service(server: ChatServer, name: str) -> Service:
    if server.kind == "telegram":
        return Telegram(token=Secret("1:x"), chat_id="-1", base_url=server.url, name=name)
    if server.kind == "discord":
        return Discord(url=Secret(f"{server.url}/api/webhooks/1/x"))
    return Slack(token=Secret("xoxb-1"), channel="C1", base_url=f"{server.url}/api")


def _told(chat: Noting, server: ChatServer, published: dict[str, datetime]) -> Told:
    late = sorted((at - published[key]).total_seconds() for key, at in chat.first.items())
    return Told(
        sink=chat.name,
        requests=server.requests,
        most_per_minute=server.most_in(60.0),
        violations=len(server.violations),
        named=len(late),
        seconds=late,
    )


if __name__ == "__main__":
    main()
