"""The embedded broker: outlives a crash of ours, is never left behind, and says when it died."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from streams import embedded
from streams.broker import Message
from streams.embedded import EmbeddedAddress, embedded_broker, running_broker
from streams.errors import Broken, Invalid
from streams.events import Launch
from streams.kafka import KafkaBroker
from streams.keeper import KEEPER_LOCK, NOTICE, OWNER_LOCK, main, release, try_lock
from streams.topics import DAY_MS, Topic

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

ROOT = Path(__file__).parents[3]
TOPIC = Topic(name="heft.test.v1", event=Launch, purpose="a test", retention_ms=DAY_MS)
LONG = 60.0
SHORT = 0.4

DAEMON = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
import anyio
from streams.broker import Message
from streams.embedded import embedded_broker
from streams.kafka import KafkaBroker
from tests.unit.streams.test_embedded import TOPIC

async def main():
    async with embedded_broker(Path({folder!r})) as address:
        broker = KafkaBroker(address.settings())
        await broker.ensure_topics([TOPIC], 2)
        await broker.publish([Message(TOPIC.name, "k", str(n).encode()) for n in range(3)])
        print(address.incarnation, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


class CrashError(Exception):
    """A fault of ours that ends the program."""


def answers(address: EmbeddedAddress) -> bool:
    """Whether something listens there."""
    host, port = address.bootstrap_servers.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


async def until(holds: Callable[[], bool]) -> None:
    """Look again until it is so."""
    with anyio.fail_after(30):
        while not holds():
            await anyio.sleep(0.02)


def is_kept(folder: Path) -> bool:
    """Whether a keeper runs on this folder."""
    lock = try_lock(folder / KEEPER_LOCK)
    if lock is not None:
        release(lock)
    return lock is None


def keeper_of(folder: Path) -> int:
    """The keeper's process id."""
    notice: dict[str, int] = msgspec.json.decode((folder / NOTICE).read_bytes())
    return notice["keeper"]


def child_of(process: int) -> int:
    """The only child of a process (Linux)."""
    children = Path(f"/proc/{process}/task/{process}/children")
    if not children.exists():
        pytest.skip("this kernel does not tell a process's children")
    return int(children.read_text())


def kill(process: int) -> None:
    """End a process that the test started, as a crash would."""
    os.kill(process, signal.SIGKILL)


async def crash_with(folder: Path, grace: float) -> EmbeddedAddress:
    """Use a broker on this folder and be ended by an exception."""
    found: list[EmbeddedAddress] = []

    async def crash() -> None:
        async with embedded_broker(folder, grace=grace) as address:
            found.append(address)
            raise CrashError

    with pytest.raises(CrashError):
        await crash()
    return found[0]


async def test_a_killed_daemon_loses_nothing(tmp_path: Path) -> None:
    """After kill -9 the next daemon finds the same broker with all its records."""
    program = DAEMON.format(root=str(ROOT), folder=str(tmp_path))
    async with await anyio.open_process([sys.executable, "-c", program], stderr=None) as daemon:
        assert daemon.stdout is not None
        incarnation = (await daemon.stdout.receive()).decode().strip()
        daemon.kill()
    async with embedded_broker(tmp_path) as address:
        assert address.incarnation == incarnation
        broker = KafkaBroker(address.settings())
        subscription = await broker.subscribe(TOPIC.name, "g")
        values: list[bytes] = []
        with anyio.fail_after(30):
            while len(values) < 3:
                values += [record.value for record in await subscription.batch()]
        assert values == [b"0", b"1", b"2"]
        await subscription.close()
        await broker.close()
    assert not answers(address)


async def test_a_clean_end_stops_the_broker(tmp_path: Path) -> None:
    """Nothing is left running, and the next broker is another one."""
    async with embedded_broker(tmp_path) as first:
        assert answers(first)
        assert first.settings().bootstrap_servers == first.bootstrap_servers
    assert not answers(first)
    assert not is_kept(tmp_path)
    async with embedded_broker(tmp_path) as second:
        assert second.incarnation != first.incarnation


async def test_a_cancelled_daemon_stops_the_broker(tmp_path: Path) -> None:
    """To be cancelled is to be asked to end, as by SIGTERM."""
    address = None
    with anyio.CancelScope() as scope:
        async with embedded_broker(tmp_path) as address:
            scope.cancel()
            await anyio.sleep_forever()
    assert address is not None
    assert not answers(address)


async def test_a_crashed_daemon_finds_its_broker_again(tmp_path: Path) -> None:
    """An exception leaves the broker to the restart."""
    address = await crash_with(tmp_path, LONG)
    assert answers(address)
    async with embedded_broker(tmp_path, grace=LONG) as again:
        assert again == address


async def test_a_broker_without_a_daemon_ends_after_the_grace(tmp_path: Path) -> None:
    """It is never left behind for ever, and a later daemon gets a new one."""
    address = await crash_with(tmp_path, SHORT)
    await until(lambda: not is_kept(tmp_path))
    assert not answers(address)
    async with embedded_broker(tmp_path, grace=SHORT) as later:
        assert later.incarnation != address.incarnation


async def test_a_broker_that_dies_breaks_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, since its records are gone; a restart begins anew."""
    monkeypatch.setattr(embedded, "WATCH_SECONDS", 0.02)
    async with embedded_broker(tmp_path) as address:
        kill(child_of(keeper_of(tmp_path)))
        with pytest.raises(Broken, match="embedded broker died") as caught, anyio.fail_after(30):
            await address.watch()
    assert "\n" not in str(caught.value)
    async with embedded_broker(tmp_path) as again:
        assert again.incarnation != address.incarnation


async def test_a_killed_keeper_takes_the_broker_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process is orphaned, whichever of them is killed."""
    monkeypatch.setattr(embedded, "WATCH_SECONDS", 0.02)
    if sys.platform != "linux":
        pytest.skip("only Linux lets a child die with its parent")
    async with embedded_broker(tmp_path) as address:
        kill(keeper_of(tmp_path))
        with pytest.raises(Broken), anyio.fail_after(30):
            await address.watch()
        await until(lambda: not answers(address))


async def test_two_daemons_cannot_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is told, and the first is not disturbed."""
    monkeypatch.setattr(embedded, "OWN_SECONDS", 0.1)
    async with embedded_broker(tmp_path) as address:
        with pytest.raises(Invalid, match="another process uses"):
            async with embedded_broker(tmp_path):
                pytest.fail("two owners")
        assert answers(address)


async def test_others_can_find_a_running_broker(tmp_path: Path) -> None:
    """A command beside the daemon reads its topics without owning the folder."""
    assert await running_broker(tmp_path / "absent") is None
    assert await running_broker(tmp_path) is None
    async with embedded_broker(tmp_path) as address:
        assert await running_broker(tmp_path) == address
    assert await running_broker(tmp_path) is None


@pytest.mark.parametrize("binary", ["/bin/false", "/etc/hostname", "/absent"])
async def test_a_broker_that_does_not_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binary: str
) -> None:
    """A binary that fails, is none, or is not there."""
    monkeypatch.setattr(embedded, "_binary", lambda: binary)
    with pytest.raises(Broken, match="did not start"):
        async with embedded_broker(tmp_path):
            pytest.fail("it cannot have started")
    assert not is_kept(tmp_path)


async def test_what_a_power_cut_left_is_not_believed(tmp_path: Path) -> None:
    """An old notice without a keeper names a broker that is gone."""
    (tmp_path / NOTICE).write_text('{"keeper": 1, "port": 1, "incarnation": "old"}')
    async with embedded_broker(tmp_path) as address:
        assert address.incarnation != "old"
        assert answers(address)


def test_a_second_keeper_gives_way(tmp_path: Path) -> None:
    """Only one keeps a folder."""
    lock = try_lock(tmp_path / KEEPER_LOCK)
    assert lock is not None
    assert main([str(tmp_path), "1", "/bin/false"]) == 0
    assert not (tmp_path / OWNER_LOCK).exists()
    release(lock)


def test_a_lock_is_given_back(tmp_path: Path) -> None:
    """Held once, then free."""
    first = try_lock(tmp_path / "x.lock")
    assert first is not None
    assert try_lock(tmp_path / "x.lock") is None
    release(first)
    second = try_lock(tmp_path / "x.lock")
    assert second is not None
    release(second)


async def test_records_are_a_message_away(tmp_path: Path) -> None:
    """The address is all that a client needs."""
    async with embedded_broker(tmp_path) as address:
        broker = KafkaBroker(address.settings("someone"))
        await broker.ensure_topics([TOPIC], 1)
        await broker.publish([Message(TOPIC.name, "k", b"v")])
        await broker.close()
