"""Runs compose.yaml for real without a docker engine: ``python -m tools.compose.check``.

Needs root, Debian's podman, buildah, runc and debootstrap, and podman-compose from PyPI; nothing
else of the machine is used, and nothing of the services is left behind. Builds the images on a
Debian base, starts every service on the host's network (``host.yaml`` says what stands in for
Kafka's and Postgres' official images), puts the demo's recording on the activity topic in two
halves with every role stopped and started in between, and holds the alerts that arrive at a
loopback webhook against what was planted. Prints each figure; ends with 1 when one is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio

from daemon.display.planted import read_planted
from daemon.jobs.demonstration import RECORDING
from streams.broker import KafkaSettings
from streams.clock import SystemClock
from streams.events import Activity
from streams.kafka import KafkaBroker
from streams.recording import open_recording
from streams.replay import ReplaySource
from streams.source import messages_from_activity

__all__ = ["main"]

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
BASE: Final = "localhost/heft-debian:bookworm-slim"
NOT_IN_A_SLIM_BASE: Final = (
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
)
"""What Docker's slim images leave out, too."""
KAFKA: Final = "127.0.0.1:19092"
ROLES: Final = {"enrich": 19464, "score": 19465, "alert": 19466, "page": 19467}
PAGE: Final = "http://127.0.0.1:19468/v1/alerts?limit=500"
READY_S, DRAIN_S, ALERTS_S = 60.0, 10.0, 60.0
PARTITIONS: Final = 4


class Webhook:
    """A receiver on loopback that checks signatures and keeps what it acknowledged."""

    def __init__(self, secret: str) -> None:
        self.alerts: list[tuple[str, dict[str, Any]]] = []
        """Each with its idempotency key."""
        self.forged = 0
        outer = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = self.headers["X-Heft-Timestamp"].encode() + b"." + body
                right = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
                if hmac.compare_digest(right, self.headers["X-Heft-Signature"]):
                    outer.alerts.append((self.headers["Idempotency-Key"], json.loads(body)))
                else:
                    outer.forged += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def main() -> int:
    """Build, start, feed, restart, feed, stop; the exit code."""
    with TemporaryDirectory(prefix="heft-compose-") as made:
        folder = Path(made)
        environment = _environment(folder)
        _build(folder)
        webhook = Webhook(_write_secrets(folder))
        (folder / "secrets" / "HEFT_SINKS__WEBHOOK__URL").write_text(webhook.url)
        compose = _Compose(environment)
        try:
            return _run(compose, webhook)
        finally:
            compose("down", "--volumes")


def _run(compose: _Compose, webhook: Webhook) -> int:
    ok = [_timed("all services ready", READY_S, lambda: _start(compose))]
    activity = anyio.run(_activity)
    half = len(activity) // 2
    anyio.run(_publish, activity[:half])
    _settled(webhook)
    ok.append(_timed("every role drained", DRAIN_S, lambda: compose("stop", *ROLES)))
    anyio.run(_publish, activity[half:])
    ok.append(_timed("roles back and ready", READY_S, lambda: _restart(compose)))
    _settled(webhook)
    ok += _judge(webhook)
    return 0 if all(ok) else 1


def _judge(webhook: Webhook) -> list[bool]:
    """Every planted rug alerted, no honest launch, nothing twice, every signature right."""
    rugs = {launch.key for launch in read_planted(RECORDING) if launch.rug_at is not None}
    told = {f"{alert['chain']}:{alert['pool']}" for _, alert in webhook.alerts}
    keys = [key for key, _ in webhook.alerts]
    repeated = len(keys) - len(set(keys))
    return [
        _say(f"{len(told & rugs)} of {len(rugs)} planted rugs alerted", rugs <= told),
        _say(f"{len(told - rugs)} honest launches alerted", not told - rugs),
        _say(f"{repeated} of {len(keys)} alert messages repeated", not repeated),
        _say(f"{len(_on_page())} alert messages on the page", len(_on_page()) == len(keys)),
        _say(f"{webhook.forged} wrong signatures", not webhook.forged),
    ]


class _Compose:
    """podman-compose on our two files."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __call__(self, *arguments: str) -> None:
        files = [ROOT / "compose.yaml", HERE / "host.yaml"]
        named = [part for file in files for part in ("-f", str(file))]
        command = [sys.executable, "-m", "podman_compose", *named, *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"podman-compose {' '.join(arguments)}: {done.stderr[-2000:]}")


def _start(compose: _Compose) -> None:
    """Kafka and Postgres first, since this podman cannot wait for a healthy service."""
    compose("up", "--no-build", "--detach", "--no-deps", "kafka", "postgres")
    _until(lambda: _connects(19092) and _connects(15432))
    compose("up", "--no-build", "--detach", "--no-deps", "topics")
    _until(lambda: _state("topics") == "exited")
    compose("up", "--no-build", "--detach", "--no-deps", *ROLES)
    _until(_ready)


def _restart(compose: _Compose) -> None:
    compose("start", *ROLES)
    _until(_ready)


def _ready() -> bool:
    return all(_answers(port) for port in ROLES.values())


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _on_page() -> list[Any]:
    with urllib.request.urlopen(PAGE, timeout=5) as answer:
        alerts: list[Any] = json.load(answer)
    return alerts


def _state(service: str) -> str:
    command = ["podman", "inspect", "--format", "{{.State.Status}}", f"heft_{service}_1"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _settled(webhook: Webhook) -> None:
    """Wait until alerts have stopped coming for five seconds."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        if len(webhook.alerts) != seen:
            seen, since = len(webhook.alerts), time.monotonic()
        time.sleep(0.2)


def _until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not claim():
        if time.monotonic() > deadline:
            sys.exit("not ready in time: see podman logs heft_<service>_1")
        time.sleep(0.2)


async def _activity() -> list[Activity]:
    source = ReplaySource(recording=open_recording(RECORDING), clock=SystemClock(), batch=500)
    return [event async for played in source.batches(0) for event in played.activity]


async def _publish(activity: list[Activity]) -> None:
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=KAFKA))
    try:
        await broker.publish(messages_from_activity(activity, PARTITIONS))
    finally:
        await broker.close()


def _timed(what: str, most: float, work: Callable[[], None]) -> bool:
    started = time.monotonic()
    work()
    seconds = time.monotonic() - started
    return _say(f"{what} in {seconds:.1f} s (at most {most:.0f})", seconds <= most)


def _say(figure: str, right: bool) -> bool:
    print(f"{'ok' if right else 'wrong':<6}{figure}", flush=True)
    return right


def _environment(folder: Path) -> dict[str, str]:
    conf = folder / "containers.conf"
    conf.write_text('[engine]\nruntime = "runc"\n')
    return {**os.environ, "CONTAINERS_CONF": str(conf), "HEFT_SECRETS": str(folder / "secrets")}


def _write_secrets(folder: Path) -> str:
    """The secret files, readable by the containers' users; gives the webhook's secret."""
    password, secret = secrets.token_hex(16), secrets.token_hex(16)
    (folder / "secrets").mkdir()
    files = {
        "postgres_password": password,
        "HEFT_STATE__URL": f"postgresql://heft:{password}@127.0.0.1:15432/heft",
        "HEFT_SINKS__WEBHOOK__SECRET": secret,
        "HEFT_PAGE__TOKEN": "",
    }
    for name, value in files.items():
        (folder / "secrets" / name).write_text(value)
    return secret


def _build(folder: Path) -> None:
    """Base, service and Postgres images; the package index's settings are the machine's own."""
    if subprocess.run(["podman", "image", "exists", BASE], check=False).returncode:
        include = "--include=ca-certificates,python3,python3-venv"
        _quietly("debootstrap", "--variant=minbase", include, "bookworm", str(folder / "root"))
        left_out = " ".join(f"--exclude=./{path}" for path in NOT_IN_A_SLIM_BASE)
        _quietly("sh", "-c", f"tar -C {folder}/root {left_out} -c . | podman import - {BASE}")
    mounts = [p for p in ("/etc/ssl/certs", "/etc/pip.conf") if Path(p).exists()]
    index = [part for path in mounts for part in ("--volume", f"{path}:{path}:ro")]
    index += ["--env", "PIP_CERT=/etc/ssl/certs/ca-certificates.crt"]
    _image("heft-monitor:latest", ROOT / "Dockerfile", ROOT, "--target", "serve", *index)
    _image("heft-postgres:bookworm", HERE / "postgres.Dockerfile", HERE)
    size = _quietly("podman", "image", "inspect", "--format", "{{.Size}}", "heft-monitor:latest")
    base = _quietly("podman", "image", "inspect", "--format", "{{.Size}}", BASE)
    print(f"      serve image {int(size) / 1e6:.0f} MB, of which the base is {int(base) / 1e6:.0f}")


def _image(tag: str, file: Path, context: Path, *options: str) -> None:
    build = ["buildah", "bud", "--isolation", "chroot", "--network", "host"]
    given = ["--build-arg", f"BASE={BASE}", "--tag", tag, "--file", str(file)]
    _quietly(*build, *given, *options, str(context))


def _quietly(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
