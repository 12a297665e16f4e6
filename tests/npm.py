"""What tests need from npm, installed once: a local chain, the real Uniswap, a compiler, axe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

__all__ = ["TOOLS", "require_npm"]

TOOLS = Path(__file__).parents[1] / "tools"


def require_npm() -> None:
    """Install what ``tools/package.json`` names; skip with the reason where that cannot be."""
    with FileLock(TOOLS / ".npm.lock"):  # the tests run in several processes
        if _lacks():
            _install()


def _lacks() -> bool:
    """Whether anything is missing, or there in another version than is named."""
    wanted = json.loads((TOOLS / "package.json").read_text())["dependencies"]
    return any(_version_of(name) != version for name, version in wanted.items())


def _version_of(name: str) -> str | None:
    path = TOOLS / "node_modules" / name / "package.json"
    return str(json.loads(path.read_text())["version"]) if path.exists() else None


def _install() -> None:
    command = ["npm", "install", "--prefix", str(TOOLS), "--no-package-lock"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=110)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot install what {TOOLS.name}/package.json names: {error}")
