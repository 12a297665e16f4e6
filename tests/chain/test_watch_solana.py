"""``heft watch --chain solana``: from a block on a node to an examined verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.chain.devnet import free_port
from tests.chain.launchpad import Launchpad
from tests.chain.solana_node import Faults, served
from tests.chain.test_watch_chain import ROOT, metric
from tests.chain.token_bank import EXTENSIONS
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = [pytest.mark.kafka, pytest.mark.train]


@pytest.mark.anyio
async def test_a_launch_is_examined_and_judged(tmp_path: Path) -> None:
    """Followed, put to the node that it was heard from, scored with what was found; it drains."""
    pad, port = Launchpad(), free_port()
    write_tiny_bundle(tmp_path / "bundle")
    async with served(pad.chain, Faults()) as node:
        command = [
            sys.executable, "-m", "daemon", "watch", "--chain", "solana",
            "--rpc", f"http://{node.address}/", "--port", str(port),
            "--bundle", str(tmp_path / "bundle"),
        ]  # fmt: skip
        environment = {"PYTHONPATH": str(ROOT), "HEFT_LOG__FORMAT": "json", "HEFT_PAGE__PORT": "0"}
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220 - it is started at once
                command, stdout=log, stderr=log, cwd=tmp_path, env=os.environ | environment
            )
        try:
            with anyio.fail_after(60):
                await _until_examined(pad, port, process)
            process.send_signal(signal.SIGTERM)
            assert await anyio.to_thread.run_sync(process.wait, 15) == 0
        finally:
            process.kill()
            process.wait()
    assert "watch_stopped" in (tmp_path / "log").read_text()


async def _until_examined(pad: Launchpad, port: int, process: subprocess.Popen[bytes]) -> None:
    """Launch until one was examined and judged, found to be as it is."""

    async def told(name: str) -> float:
        return await anyio.to_thread.run_sync(metric, port, name)

    while await told('heft_facts_total{trigger="examined"}') < 1:
        assert process.poll() is None
        pad.launch("pump-swap", pad.bank.mint(extensions=[EXTENSIONS["permanent-delegate"]]))
        await anyio.sleep(0.5)
    while await told("heft_verdicts_total") < 1:
        await anyio.sleep(0.1)
    assert await told('heft_examinations_total{chain="solana",outcome="whole"}') >= 1
    assert await told("heft_examine_coverage_ratio_sum") > 0.5
