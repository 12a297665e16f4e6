"""`kill -9` at random moments: the final verdicts and alerts are those of an undisturbed run.

The short form, seeded, plays the demo recording. ``make soak`` sets ``SOAK_KILLS`` and plays
recorded mainnet pools.
"""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "daemon" / "recordings" / "demo"
KILLS = int(os.environ.get("SOAK_KILLS", "3"))
SEED = 20261122
GIVE_UP_SECONDS = 300.0


class Told(NamedTuple):
    """What the world has learnt: verdicts by id, deliveries by idempotency key."""

    verdicts: dict[str, float]
    alerts: dict[str, str]
    repeated: int
    """Deliveries that the receiver had seen before."""
    killed: int


class Receiver(http.server.ThreadingHTTPServer):
    """A webhook that remembers each delivery."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: Counter[str] = Counter()
        self.actions: dict[str, str] = {}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        alert, receiver = json.loads(body), self.server
        assert isinstance(receiver, Receiver)
        key = self.headers["Idempotency-Key"]
        receiver.seen[key] += 1
        receiver.actions[key] = f"{alert['action']}:{alert['verdict']['facts_id']}"
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's
        """Say nothing."""


@pytest.mark.kafka
@pytest.mark.timeout(300 + 30 * KILLS)
def test_kills_change_nothing(tmp_path: Path) -> None:
    """Killed again and again, the replay ends with the same verdicts and the same alerts."""
    calm = _play(tmp_path / "calm", kills=0)
    assert calm.verdicts
    assert calm.alerts
    assert calm.repeated == 0
    stormy = _play(tmp_path / "stormy", kills=KILLS)
    print(
        f"{stormy.killed} kills: {len(stormy.verdicts)} verdicts, {len(stormy.alerts)} alerts, "
        f"{stormy.repeated} deliveries repeated under the same idempotency key"
    )
    assert stormy.killed == KILLS
    assert stormy.verdicts == calm.verdicts
    assert stormy.alerts == calm.alerts
    assert stormy.repeated <= KILLS  # accepted by the receiver, and killed before it was noted


def _play(folder: Path, *, kills: int) -> Told:
    """Play to the end, killed so often on the way; every run uses the same state."""
    folder.mkdir()
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chance, killed = random.Random(SEED), 0
    try:
        while True:
            process = _start(folder, server.server_port)
            # A killed member is missed after its session's 6 s, so little happens before that.
            code = _wait(process, chance.uniform(0.5, 16) if killed < kills else GIVE_UP_SECONDS)
            if code is not None:
                assert code == 0, (folder / "log").read_text()[-2000:]
                break
            killed += 1
            assert killed <= kills, f"not done after {GIVE_UP_SECONDS} s"
    finally:
        server.shutdown()
        server.server_close()
    lines = (folder / "verdicts.jsonl").read_text().splitlines()
    verdicts = {each["facts_id"]: each["probability"] for each in map(json.loads, lines)}
    repeated = sum(count - 1 for count in server.seen.values())
    return Told(verdicts, dict(server.actions), repeated, killed)


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    recorded = os.environ.get("SOAK_RECORDING")
    extra = ["--limit-pools", "1500"] if recorded else ["--speed", "20000"]  # 17 s
    command = [
        *(sys.executable, "-m", "daemon", "replay", recorded or str(DEMO), *extra, "--sinks"),
        *("--state", str(folder / "state"), "--verdicts", str(folder / "verdicts.jsonl")),
    ]
    environment = os.environ | {
        "HEFT_SINKS__WEBHOOK__URL": f"http://127.0.0.1:{port}/",
        "HEFT_SINKS__WEBHOOK__SECRET": "soak",
        "HEFT_SINKS__CONSOLE__ENABLED": "false",
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit code, or ``None`` when it had to be killed."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return None
