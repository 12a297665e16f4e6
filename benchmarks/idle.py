"""What ``heft watch`` costs while nothing happens: every process of it, and all together.

The service runs as users run it, with all its stages, the page and the embedded broker, on a local
chain that makes no block; then on one that makes an empty block a second. Times are the kernel's
(``/proc``), of the service and all its descendants, the broker's keeper and its broker included.

    python -m benchmarks.idle [SECONDS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import describe
from tests.chain.devnet import Devnet, devnet, free_port

SETTLE_S = 20.0
"""For the first page, the models and the processes that read code to be there."""
SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print what was measured."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print(describe())
    with devnet() as net, TemporaryDirectory() as folder, _watching(net, Path(folder)) as roots:
        time.sleep(SETTLE_S)
        print(f"load before {os.getloadavg()[0]:.1f}")
        _shown("no block", _spent(roots, lambda: time.sleep(seconds)))
        _shown("a block a second, empty", _spent(roots, lambda: _mined(net, seconds)))
        print(f"load after {os.getloadavg()[0]:.1f}")


@contextmanager
def _watching(net: Devnet, folder: Path) -> Iterator[list[int]]:
    """The service under way: its process, and the keeper of its broker."""
    factories = json.dumps([f"devnet/uniswap-v2={net.factory}"])
    environment = {
        **os.environ,
        "HEFT_STATE__DIR": str(folder),
        "HEFT_CHAINS__FACTORIES": factories,
        "HEFT_HTTP__PORT": str(free_port()),
        "HEFT_PAGE__PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "daemon", "watch", "--chain", "devnet", "--rpc", net.ws]
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(  # noqa: S603 - our own program
            command, env=environment, stdout=log, stderr=log
        )
        try:
            notice = _notice(folder, service)
            yield [service.pid, int(json.loads(notice.read_bytes())["keeper"])]
            if service.poll() is not None:  # a service that is gone costs nothing, and is no figure
                raise SystemExit(f"heft watch ended meanwhile:\n{(folder / 'log').read_text()}")
        finally:
            service.terminate()
            service.wait(30)


def _notice(folder: Path, service: subprocess.Popen[bytes]) -> Path:
    """Where the broker's keeper tells its process id, once it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and service.poll() is None:
        if found := list(folder.rglob("broker.json")):
            return found[0]
        time.sleep(0.1)
    raise SystemExit(f"heft watch did not start:\n{(folder / 'log').read_text()}")


def _spent(roots: list[int], wait: Callable[[], None]) -> tuple[float, dict[str, float]]:
    """Seconds that passed, and of processor time by process, meanwhile."""
    before, started = _times(roots), time.monotonic()
    wait()
    passed = time.monotonic() - started
    after = _times(roots)
    return passed, {name: used - before.get(name, 0.0) for name, used in after.items()}


def _mined(net: Devnet, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        net.mine()
        time.sleep(1)


def _times(roots: list[int]) -> dict[str, float]:
    """Processor seconds so far of each process of these trees."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(path)
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    waiting, found = list(roots), dict[str, float]()
    while waiting:
        process = waiting.pop()
        waiting += parents.get(process, [])
        fields = _fields(Path(f"/proc/{process}/stat"))
        if fields:
            found[f"{process} {_named(process)}"] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def _fields(path: Path) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5)); none of one that has ended."""
    try:
        return path.read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _named(process: int) -> str:
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    return " ".join(Path(word).name for word in words[:5])[:60]


def _shown(what: str, spent: tuple[float, dict[str, float]]) -> None:
    passed, by_process = spent
    print(f"\n{what}, {passed:.0f} s")
    for name, used in sorted(by_process.items(), key=lambda each: -each[1]):
        print(f"  {100 * used / passed:6.2f} %  {name}")
    print(f"  {100 * sum(by_process.values()) / passed:6.2f} %  of a core in all")


if __name__ == "__main__":
    main()
