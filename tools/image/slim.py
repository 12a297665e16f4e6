"""Takes out of an environment what serving never loads: ``python slim.py``, within it.

Run by the Dockerfile, on an image that nobody installs anything into later. Every line of ``GONE``
was found by size and shown by import to be unused; ``ROLES`` are then imported, which proves that
nothing needed is gone, and compiles just what they load (bytecode of the rest would be 60 MB).
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["main"]

GONE: Final = (
    # pyarrow reads and writes local Parquet here; Flight and S3 are libraries of their own.
    "pyarrow/_flight*",
    "pyarrow/_s3fs*",
    "pyarrow/include",
    "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_python_flight*",
    "pyarrow/libarrow_s3*",
    "pyarrow/src",
    # litestar's example data, and the hub client of tokenizers: imported by neither unless asked.
    "faker*",
    "fsspec*",
    "hf_xet*",
    "huggingface_hub*",
    "polyfactory*",
    # what installs
    "_distutils_hack",
    "distutils-precedence.pth",
    "pip*",
    "pkg_resources",
    "setuptools*",
    # sources and headers beside what was built of them
    "**/*.c",
    "**/*.cpp",
    "**/*.h",
    "**/*.hpp",
    "**/*.pxd",
    "**/*.pxi",
    "**/*.pyi",
    "**/*.pyx",
    "**/__pycache__",
    "**/tests",
)
TWICE: Final = "pyarrow/libarrow_python*.so"
"""The wheel holds each of these three times over, under longer and longer names."""
ROLES: Final = (
    "daemon.cli",
    "daemon.jobs.alerting",
    "daemon.jobs.diagnosis",
    "daemon.jobs.topic_table",
    "daemon.jobs.watching",
    "daemon.parts.alerting",
    "daemon.parts.archiving",
    "daemon.parts.enriching",
    "daemon.parts.examining",
    "daemon.parts.following",
    "daemon.parts.labelling",
    "daemon.parts.scoring",
    "daemon.parts.showing",
    "daemon.parts.sinks",
    "streams.migrations",
    "alembic.command",
)


def main() -> int:
    """Take out, strip, import; the exit code."""
    packages = Path(sysconfig.get_path("purelib"))
    for pattern in GONE:
        for path in sorted(packages.glob(pattern)):
            _remove(path)
    for path in packages.glob(TWICE):
        _link(path)
    _strip(packages)
    sys.dont_write_bytecode = False
    for role in ROLES:
        importlib.import_module(role)
    return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _link(path: Path) -> None:
    """Leave the name that the loader asks for, and link the others to it."""
    versions = sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: len(each.name))
    if len(versions) == 2:  # libarrow_python.so.2600 and libarrow_python.so.2600.1.0
        for copy in (path, versions[1]):
            copy.unlink()
            copy.symlink_to(versions[0].name)


def _strip(packages: Path) -> None:
    """Drop symbols, where the build has binutils; the libraries that auditwheel moved break."""
    tool = shutil.which("strip")
    if tool is None:
        print("slim: no strip (binutils): symbols stay", file=sys.stderr)
        return
    for library in _libraries(packages):
        subprocess.run([tool, "--strip-unneeded", str(library)], check=False, capture_output=True)


def _libraries(packages: Path) -> Iterator[Path]:
    for path in (*packages.rglob("*.so"), *packages.rglob("*.so.*"), *packages.glob("*/bin/*")):
        moved = any(part.endswith(".libs") for part in path.parts)
        if path.is_file() and not path.is_symlink() and not moved:
            yield path


if __name__ == "__main__":
    sys.exit(main())
