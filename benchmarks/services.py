"""Processes of ``heft watch`` for benchmarks: started, waited for, measured, stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.chain.devnet import free_port

__all__ = ["Service", "service"]

READY_S = 90.0


class Service:
    """One running process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def is_ready(self) -> bool:
        """Whether it says so."""
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/ready", trust_env=False).is_success
        except httpx2.HTTPError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over the samples with these labels."""
        text = httpx2.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def cpu_seconds(self) -> float:
        """User and system time so far; fields 14 and 15 of proc_pid_stat(5)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def service(
    folder: Path,
    kafka: str,
    roles: Sequence[str],
    *options: str,
    meanwhile: Callable[[], Any] = lambda: None,
    ready: bool = True,
    niceness: int = 0,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Service]:
    """``heft watch`` with these roles; ``meanwhile`` is called while it is waited for.

    ``settings`` are variables without their ``HEFT_``.
    """
    port = free_port()
    command = [
        "nice",
        "-n",
        str(niceness),
        sys.executable,
        "-m",
        "daemon",
        "watch",
        "--port",
        str(port),
        *options,
    ]
    command += [part for role in roles for part in ("--role", role)]
    environment = os.environ | {
        "HEFT_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "HEFT_STATE__URL": f"sqlite:///{folder}/{'-'.join(roles)}.sqlite",
        "HEFT_STATE__DIR": str(folder),
        "HEFT_PAGE__PORT": "0",
        "MALLOC_ARENA_MAX": "2",  # as in the image
        **{f"HEFT_{name}": value for name, value in settings.items()},
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - ourselves
        started = Service(process, port)
        try:
            if ready:
                _until_ready(started, meanwhile, folder / "log")
            yield started
        finally:
            process.terminate()
            process.wait(20)


def _until_ready(started: Service, meanwhile: Callable[[], Any], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not started.is_ready():
        meanwhile()
        if time.monotonic() > deadline or started.process.poll() is not None:
            sys.exit(f"not ready: {log.read_text()[-2000:]}")
        time.sleep(0.2)
