"""SIGTERM and SIGINT, sent to real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PROGRAM = """
import anyio, sys, time
from daemon.signals import stop_on_signals

async def main(behaviour, grace):
    stop = anyio.Event()
    with stop_on_signals(stop.set, grace):
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        if behaviour == "hangs":
            await anyio.sleep_forever()
        if behaviour == "blocks":
            time.sleep(1000)

anyio.run(main, sys.argv[1], float(sys.argv[2]))
"""


def start(behaviour: str, grace: float) -> subprocess.Popen[str]:
    """A process that is ready for its signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, behaviour, str(grace)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_drains(number: signal.Signals) -> None:
    """One signal asks for the end, and the process leaves with 0."""
    process = start("drains", 60)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "stopping\n", "")


@pytest.mark.parametrize("behaviour", ["hangs", "blocks"])
def test_second_signal_ends_at_once(behaviour: str) -> None:
    """A second signal ends the process, however it hangs."""
    process = start(behaviour, 60)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT


def test_a_drain_that_takes_too_long_is_given_up() -> None:
    """After the grace the process ends by itself, and says so in one line."""
    process = start("blocks", 0.2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "heft: not drained after 0 s, ended at once; the rest is read again\n"
