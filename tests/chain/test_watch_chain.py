"""``heft watch --chain``: from a block on a node to an alert, with nothing else set up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.chain.devnet import Devnet, devnet, free_port
from tests.chain.market import Market
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = [pytest.mark.kafka, pytest.mark.train]

ROOT = Path(__file__).parents[2]


@contextmanager
def watching(net: Devnet, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon on this chain with a broker of its own; killed if it is still there at the end."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "HEFT_CHAINS__FACTORIES": json.dumps([f"devnet/uniswap-v2={net.factory}"]),
        "HEFT_LOG__FORMAT": "json",
        "HEFT_PAGE__PORT": "0",
    }
    write_tiny_bundle(folder / "bundle")
    command = [
        sys.executable, "-m", "daemon", "watch", "--chain", "devnet", "--rpc", f"devnet={net.ws}",
        "--chain", "base", "--rpc", "base=ws://127.0.0.1:9",
        "--port", str(port), "--bundle", str(folder / "bundle"),
    ]  # fmt: skip
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=os.environ | environment
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def metric(port: int, name: str) -> float:
    """The sum of a metric over its labels; 0 while nobody answers."""
    try:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx2.HTTPError:
        return 0.0
    lines = (line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_a_launch_becomes_a_verdict(tmp_path: Path) -> None:
    """Launches are examined and scored while no node of a second chain answers, and it drains."""
    with devnet() as net, watching(net, tmp_path, port := free_port()) as process:
        deadline = time.monotonic() + 60
        market = Market(net)
        while metric(port, 'heft_facts_total{trigger="examined"}') < 1:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            market.launch()
            net.mine(2)
            time.sleep(0.5)
        while metric(port, "heft_verdicts_total") < 1:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        assert metric(port, "heft_examinations_total") >= 1
        assert metric(port, "heft_launches_total") >= 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert "watch_stopped" in (tmp_path / "log").read_text()
