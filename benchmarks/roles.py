"""What the service costs when nothing happens: memory and processor of every role.

Each role is a process of its own, as in compose, on one broker and one chain without launches
(anvil, a block a second); then all of them as the one process of ``heft watch``. *Resident* is the
sum of what each process holds; *proportional* counts once what several share (libraries).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx2

from benchmarks.machine import describe
from streams.embedded import embedded_broker
from tests.chain.devnet import Devnet, free_port, require_node

ROLES = ("source", "examine", "enrich", "score", "alert", "page")
SETTLE_S, MEASURE_S = 20.0, 60.0
KIB = {"Rss": "resident", "Pss": "proportional"}


def main() -> None:
    """Print a line a process, and the sums."""
    print(describe())
    print(f"load {os.getloadavg()[0]:.1f}; {MEASURE_S:.0f} s after {SETTLE_S:.0f} s to settle")
    require_node()
    with TemporaryDirectory() as made:
        anyio.run(_measure, Path(made))


async def _measure(folder: Path) -> None:
    node = Devnet(free_port())
    async with embedded_broker(folder / "broker") as broker:
        node.start("--chain-id", "1")
        try:
            print("a process a role")
            _report(folder, broker.bootstrap_servers, node, [(role,) for role in ROLES])
            print("one process")
            _report(folder, broker.bootstrap_servers, node, [ROLES])
        finally:
            node.stop()


def _report(folder: Path, kafka: str, node: Devnet, split: list[tuple[str, ...]]) -> None:
    with ExitStack() as stack:
        made = [
            (roles, stack.enter_context(_service(folder, kafka, node, roles))) for roles in split
        ]
        _pass(node, SETTLE_S)
        before = {pid: _cpu_seconds(pid) for _, pid in made}
        _pass(node, MEASURE_S)
        sums = dict.fromkeys((*KIB.values(), "core"), 0.0)
        for roles, pid in made:
            row = _memory(pid) | {"core": 100 * (_cpu_seconds(pid) - before[pid]) / MEASURE_S}
            sums = {name: sums[name] + value for name, value in row.items()}
            if len(made) > 1:
                _print(roles[0], row)
        _print("in all", sums)


def _pass(node: Devnet, seconds: float) -> None:
    """Let time pass, with an empty block a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        node.mine()
        time.sleep(1)


def _print(name: str, row: dict[str, float]) -> None:
    told = f"{row['resident']:6.0f} MiB resident {row['proportional']:6.0f} MiB proportional"
    print(f"  {name:<9}{told} {row['core']:6.2f} % of a core", flush=True)


@contextmanager
def _service(folder: Path, kafka: str, node: Devnet, roles: tuple[str, ...]) -> Iterator[int]:
    """``heft watch`` with these roles, ready; its process id."""
    port = free_port()
    command = [sys.executable, "-m", "daemon", "watch", "--port", str(port)]
    command += [part for role in roles for part in ("--role", role)]
    if {"source", "examine"} & set(roles):
        command += ["--chain", "ethereum", "--rpc", node.ws]
    environment = os.environ | {
        "HEFT_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "HEFT_STATE__URL": f"sqlite:///{folder}/{'-'.join(roles)}.sqlite",
        "HEFT_STATE__DIR": str(folder),
        "HEFT_PAGE__PORT": "0",
        "MALLOC_ARENA_MAX": "2",  # as in the image
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - ourselves
        try:
            _until_ready(node, port, folder / "log")
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def _until_ready(node: Devnet, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        node.mine()
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/ready", trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        if time.monotonic() > deadline:
            sys.exit(f"not ready: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def _memory(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    held = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return {named: held[name] for name, named in KIB.items()}


def _cpu_seconds(pid: int) -> float:
    """User and system time of the process; fields 14 and 15 of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
