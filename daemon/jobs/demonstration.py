"""One ``heft demo``: own broker, bundled recording, alerts as they come, and the summary."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from pathlib import Path
from time import monotonic

import anyio
import anyio.to_thread
from rich.console import Console

from daemon.display.planted import planted_table, read_planted, score_line
from daemon.display.summary import flow_table, latencies
from daemon.display.tables import output
from daemon.display.view import View, log_stream
from daemon.exits import INTERRUPTED
from daemon.health import listen, url_of
from daemon.jobs.collect import events_of_each
from daemon.jobs.replaying import apart, with_state
from daemon.options import DemoOptions
from daemon.parts.scoring import Judge, open_judge
from daemon.parts.sinks import sinks_from
from daemon.plant import Plant, open_plant
from daemon.play import Play, play
from daemon.progress import Timeline
from daemon.run import configure_quiet
from daemon.sections import Http, Page
from daemon.settings import Settings
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.events import Verdict
from streams.recording import Recording, open_recording
from streams.replay import ReplaySource
from streams.source import Played
from streams.topics import ALERTS, TOPICS, VERDICTS

__all__ = ["RECORDING", "demonstrate"]

RECORDING = Path(__file__).parents[1] / "recordings" / "demo"
BATCH = 20
"""Events published at once: few, so that what is seen comes bit by bit, as if it were live."""


async def demonstrate(settings: Settings, options: DemoOptions) -> int:
    """Play, show and sum up; stays up afterwards unless told otherwise. Gives the exit code."""
    terminal = output()
    configure_quiet(settings.log, log_stream(terminal))
    recording = await anyio.to_thread.run_sync(open_recording, RECORDING)
    judge = await anyio.to_thread.run_sync(open_judge, settings.model)
    alone = apart(settings)
    with (
        _listen(settings.http, options.port) as listener,
        _open_page(settings.page) as page,
        with_state(alone, None) as kept,
    ):
        async with open_plant(kept) as plant:
            ended = await _Demo(plant, recording, terminal, options).play(judge, listener, page)
    return 0 if ended else INTERRUPTED


def _listen(http: Http, port: int | None) -> socket.socket:
    """The port that was asked for; or else the settings', or any if that is taken."""
    try:
        return listen("http", http.host, http.port)
    except Invalid:
        if port is not None:
            raise
        return listen("http", http.host, 0)


def _open_page(page: Page) -> socket.socket:
    """The settings' port, or any if that is taken."""
    try:
        return listen("page", page.host, page.port)
    except Invalid:
        return listen("page", page.host, 0)


class _Demo:
    """What the coroutines of one demo share."""

    def __init__(
        self, plant: Plant, recording: Recording, terminal: Console, options: DemoOptions
    ) -> None:
        self._plant = plant
        self._recording = recording
        self._terminal = terminal
        self._options = options
        self._timeline = Timeline(plant.clock)
        self._view = View(plant.progress, terminal, recording.count)
        self._started = monotonic()
        self._http = self._page = ""

    async def play(self, judge: Judge, listener: socket.socket, page: socket.socket) -> bool:
        """Play to the end (true), and then stay until a signal, unless told otherwise."""
        self._http, self._page = url_of(listener), url_of(page)
        if not self._options.once:
            self._terminal.print(f"Watch it in a browser: {self._page}\n", soft_wrap=True)
            if self._is_to_open():
                await anyio.to_thread.run_sync(webbrowser.open, self._page)
        speed = _span(self._recording) / self._options.seconds if self._options.seconds else None
        wanted = Play(
            source=ReplaySource(
                recording=self._recording, clock=SystemClock(), speed=speed, batch=BATCH
            ),
            judge=judge,
            sinks=lambda: sinks_from(self._plant.settings, self._terminal, self._plant.clock),
            listener=listener,
            page=page,
            note=self._note,
            watch=self._view.run,
            finish=self._finish,
        )
        return await play(self._plant, wanted)

    def _is_to_open(self) -> bool:
        """As asked; else where there is a screen and a person who would see it."""
        if self._options.open is not None:
            return self._options.open
        has_screen = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
        return self._terminal.is_terminal and bool(has_screen)

    def _note(self, played: Played) -> None:
        self._plant.progress.note_played(played)
        self._timeline.note_played(played)

    async def _finish(self) -> None:
        seconds = monotonic() - self._started
        self._view.stop()
        told, alerts = await events_of_each(self._plant.cluster.broker, [VERDICTS, ALERTS])
        verdicts = [each for each in told if isinstance(each, Verdict)]
        plan = read_planted(RECORDING)
        show = self._terminal.print
        show(planted_table(plan, alerts))
        show(flow_table(self._plant.progress, seconds))
        if waits := latencies(verdicts, self._timeline):
            show(
                f"From an event to its verdict: {waits[0] * 1000:,.0f} ms in the median, "
                f"{waits[1] * 1000:,.0f} ms at the 95th percentile."
            )
        show(f"[bold]{score_line(plan, alerts)}.[/bold]")
        if not self._options.once:
            text = _invitation(self._plant.cluster.address, self._http, self._page)
            show(text, soft_wrap=True)
            await anyio.sleep_forever()


def _span(recording: Recording) -> float:
    """Recorded seconds from the first event to the last."""
    first = next(recording.rows()).time
    return max(end.time for end in recording.ends.values()) - first


def _invitation(kafka: str, http: str, page: str) -> str:
    topics = "\n".join(f"  {topic.name:<20} {topic.purpose}" for topic in TOPICS)
    return f"""
Still up. Kafka listens on {kafka}, with these topics:
{topics}
Read the alerts from another terminal, with any Kafka client:
  kcat -b {kafka} -t {ALERTS.name} -o beginning
  HEFT_KAFKA__BOOTSTRAP_SERVERS={kafka} heft topics
The page: {page}  (its API: {page}/v1/schema/openapi.json)
Health and metrics: {http}/ready  {http}/metrics
Ctrl-C ends it all."""
