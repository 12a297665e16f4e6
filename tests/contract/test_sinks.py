"""What every sink promises, held against each of them."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from alerts.apprise import AppriseSink
from alerts.chat import Chat
from alerts.console import ConsoleSettings, ConsoleSink
from alerts.secret import Secret
from alerts.sink import Refusal, Sent, Sink
from alerts.webhook import WebhookSettings, WebhookSink
from streams.clock import SystemClock
from tests.unit.alerts.loopback import HANG_UP, receiver
from tests.unit.alerts.making import a_verdict, alerts_of
from tests.unit.alerts.scripted import ScriptedSink
from tests.unit.alerts.services import chat_server
from tests.unit.alerts.test_chat import KINDS, service_of

pytestmark = pytest.mark.anyio

Opening = Callable[[bool], AbstractAsyncContextManager[Sink]]
"""Opens a sink whose outside world works, or does not."""

LIFE = alerts_of(
    a_verdict(0), a_verdict(1, trigger="price-fell"), a_verdict(9, trigger="drained", liquidity=0.0)
)


class _ClosedPipe(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


@asynccontextmanager
async def a_console(works: bool) -> AsyncIterator[Sink]:
    """A console on a terminal, or on one that is gone."""
    yield ConsoleSink(ConsoleSettings(), Console(file=io.StringIO() if works else _ClosedPipe()))


@asynccontextmanager
async def a_webhook(works: bool) -> AsyncIterator[Sink]:
    """A webhook to a receiver that answers 200, or hangs up."""
    async with receiver(*([] if works else [HANG_UP])) as server:
        yield WebhookSink(WebhookSettings(url=server.url), Secret("secret"), SystemClock())


def a_chat(kind: str) -> Opening:
    """A chat whose service answers as it does, or with nothing but faults."""

    @asynccontextmanager
    async def opening(works: bool) -> AsyncIterator[Sink]:
        async with chat_server(kind, *([] if works else [500] * 9)) as server:
            yield Chat(service_of(kind, server.url), SystemClock())

    return opening


@asynccontextmanager
async def an_apprise(works: bool) -> AsyncIterator[Sink]:
    """A web service behind Apprise that answers 200, or hangs up."""
    async with receiver(*([] if works else [HANG_UP])) as server:
        place = server.url.removeprefix("http://").partition("/")[0]
        yield AppriseSink(Secret(f"json://{place}/"), "apprise", 5.0)


@asynccontextmanager
async def a_list(works: bool) -> AsyncIterator[Sink]:
    """The tests' own sink, so that what is tested on it holds for the real ones."""
    yield ScriptedSink(script=lambda *_: Sent() if works else Refusal("unreachable"))


SINKS: dict[str, Opening] = {
    "console": a_console,
    "webhook": a_webhook,
    "apprise": an_apprise,
    **{kind: a_chat(kind) for kind in KINDS},
    "list": a_list,
}
every_sink = pytest.mark.parametrize("opening", SINKS.values(), ids=SINKS)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Waits between attempts take no time."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@every_sink
async def test_a_sink_takes_every_message_of_an_alert(opening: Opening) -> None:
    """Raised, updated, confirmed; and the same again, as after a crash."""
    async with opening(True) as sink:
        for alert in [*LIFE, LIFE[-1]]:
            assert isinstance(await sink.send(alert), Sent)
        await sink.close()


@every_sink
async def test_a_sink_has_a_stable_name(opening: Opening) -> None:
    """The ledger finds a sink's deliveries again, and metrics label them, by a slug."""
    async with opening(True) as one, opening(False) as other:
        assert one.name == other.name
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", one.name)
        await one.close()
        await other.close()


@every_sink
async def test_the_outside_world_s_failure_is_an_answer(opening: Opening) -> None:
    """A sink refuses with a reason fit for a metric; it does not raise."""
    async with opening(False) as sink:
        answer = await sink.send(LIFE[0])
        assert isinstance(answer, Refusal)
        assert re.fullmatch(r"[a-z0-9-]+", answer.reason)
        await sink.close()


@every_sink
@given(words=st.text(max_size=200))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_name_can_stop_a_sink(opening: Opening, words: str) -> None:
    """Whatever strangers wrote, the alert is delivered."""
    verdict = a_verdict(name=words, symbol=words, quote_symbol=words, analysis=words)
    async with opening(True) as sink:
        assert isinstance(await sink.send(alerts_of(verdict)[0]), Sent)
        await sink.close()
