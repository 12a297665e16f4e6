"""The keeper: a small process that keeps an embedded broker alive across a crash of ours.

    daemon ──starts──▶ keeper ──starts──▶ Tansu
       └─holds owner.lock   └─holds keeper.lock

Tansu keeps its records in memory, so it must outlive a daemon that was killed and be there for
the next one on the same folder; and it must not stay for ever when there is no next one. The
kernel gives locks back however their holder ends, so two locks decide everything: ``keeper.lock``
is held as long as the broker runs, ``owner.lock`` as long as somebody uses it. A keeper that finds
the owner's lock free for the whole grace takes it (so that nobody adopts a dying broker) and
stops. Should the keeper itself be killed, the kernel takes Tansu with it (``PR_SET_PDEATHSIG``).

Runs as ``python -m streams.keeper FOLDER GRACE_SECONDS BINARY``; standard library only.
This module does not own how a daemon finds or starts it (``embedded``).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["KEEPER_LOCK", "LOG", "NOTICE", "OWNER_LOCK", "main", "release", "try_lock"]

OWNER_LOCK = "owner.lock"
KEEPER_LOCK = "keeper.lock"
NOTICE = "broker.json"
"""Written when the broker answers: the keeper's pid, the port, and the incarnation."""
LOG = "broker.log"

ATTEMPTS = 3
READY_SECONDS = 10.0
STOP_SECONDS = 3.0
LOOK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1


def try_lock(path: Path) -> int | None:
    """Lock a file for this process; gives what ``release`` takes, or ``None`` if it is held."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def release(handle: int) -> None:
    """Give a lock back."""
    os.close(handle)


class Keeper:
    """One broker and the folder that tells of it."""

    def __init__(self, folder: Path, grace: float, binary: str) -> None:
        self._folder = folder
        self._grace = grace
        self._binary = binary
        self._stopping = False

    def run(self) -> int:
        """Keep the broker until told to stop, left alone for the grace, or until it dies."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with (self._folder / LOG).open("wb") as log:
            broker, port = self._start(log)
            if broker is None:
                return 1
            try:
                self._tell(port)
                self._watch(broker)
            finally:
                (self._folder / NOTICE).unlink(missing_ok=True)
                _end(broker)
        return 0

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self, log: Any) -> tuple[subprocess.Popen[bytes] | None, int]:
        """A broker that answers; another process may take the free port before it does."""
        for _ in range(ATTEMPTS):
            port = _free_port()
            try:
                broker = _spawn(self._binary, port, log)
            except OSError as error:
                log.write(f"cannot run {self._binary}: {error}\n".encode())
                return None, 0
            if _answers(broker, port):
                return broker, port
            _end(broker)
        return None, 0

    def _tell(self, port: int) -> None:
        notice = {"keeper": os.getpid(), "port": port, "incarnation": uuid.uuid4().hex}
        draft = self._folder / f"{NOTICE}.new"
        draft.write_text(json.dumps(notice), encoding="utf-8")
        draft.replace(self._folder / NOTICE)

    def _watch(self, broker: subprocess.Popen[bytes]) -> None:
        owned = time.monotonic()
        while not self._stopping and broker.poll() is None:
            lock = try_lock(self._folder / OWNER_LOCK)
            if lock is None:
                owned = time.monotonic()
            elif time.monotonic() - owned >= self._grace:
                return  # with the owner's lock: the next daemon waits until we are gone
            else:
                release(lock)
            time.sleep(min(LOOK_SECONDS, self._grace / 4))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(binary: str, port: int, log: Any) -> subprocess.Popen[bytes]:
    address = f"tcp://127.0.0.1:{port}"
    command = [binary, "broker", "--storage-engine", "memory://heft/"]
    command += ["--listener-url", address, "--advertised-listener-url", address]
    return subprocess.Popen(  # noqa: S603 - the binary is the one that we ship
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={"RUST_LOG": "error"},  # Tansu reads its settings from the environment too
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - we have one thread
    )


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers(broker: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and broker.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return broker.poll() is None
    return False


def _end(broker: subprocess.Popen[bytes]) -> None:
    broker.terminate()
    try:
        broker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()


def _attempts(path: Path) -> Iterator[bool]:
    """Try to lock for a second: who only looks whether we are there holds the lock briefly."""
    for _ in range(20):
        yield try_lock(path) is not None
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    """Lock the folder, leave the daemon's family, and keep; 0 at once in the first process."""
    folder, grace, binary = Path(arguments[0]), float(arguments[1]), arguments[2]
    if not any(_attempts(folder / KEEPER_LOCK)):
        return 0
    if os.fork():
        return 0  # the child holds the lock now, so the daemon sees it as soon as we end
    os.setsid()
    return Keeper(folder, grace, binary).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
