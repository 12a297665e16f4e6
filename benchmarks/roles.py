"""What the service costs when nothing happens: memory and processor of every role.

Each role is a process of its own, as in compose, on one broker and one chain without launches
(anvil, a block a second); then all of them as the one process of ``heft watch``. *Resident* is the
sum of what each process holds; *proportional* counts once what several share (libraries).
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks.machine import describe
from benchmarks.services import Service, service
from streams.embedded import embedded_broker
from tests.chain.devnet import Devnet, free_port
from tests.npm import require_npm

ROLES = ("source", "examine", "enrich", "score", "alert", "page")
SETTLE_S, MEASURE_S = 20.0, 60.0
KIB = {"Rss": "resident", "Pss": "proportional"}


def main() -> None:
    """Print a line a process, and the sums."""
    print(describe())
    print(f"load {os.getloadavg()[0]:.1f}; {MEASURE_S:.0f} s after {SETTLE_S:.0f} s to settle")
    require_npm()
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
        before = [each.cpu_seconds() for _, each in made]
        _pass(node, MEASURE_S)
        sums = dict.fromkeys((*KIB.values(), "core"), 0.0)
        for (roles, each), used in zip(made, before, strict=True):
            row = _memory(each.pid) | {"core": 100 * (each.cpu_seconds() - used) / MEASURE_S}
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


def _service(
    folder: Path, kafka: str, node: Devnet, roles: tuple[str, ...]
) -> AbstractContextManager[Service]:
    on_chain = ("--chain", "ethereum", "--rpc", node.ws)
    options = on_chain if {"source", "examine"} & set(roles) else ()
    return service(folder, kafka, roles, *options, meanwhile=node.mine)


def _memory(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    held = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return {named: held[name] for name, named in KIB.items()}


if __name__ == "__main__":
    main()
