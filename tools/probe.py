"""Compiles the probe of the checks: its runtime code is data of the package, beside its source.

    npm install --prefix tools --no-package-lock
    python -m tools.probe

writes ``streams/checks/solidity/probe.json``. A test compiles again and compares.
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.recorder.contracts import compiled

__all__ = ["FOLDER", "runtimes"]

FOLDER = Path(__file__).parents[1] / "streams" / "checks" / "solidity"


def runtimes() -> dict[str, str]:
    """The runtime code of the probe's contracts by name, as 0x hex."""
    artifacts = compiled(FOLDER)
    return {name: artifacts[name].runtime for name in ("IdleHook", "Probe", "Puppet")}


def main() -> None:
    """Write the file."""
    path = FOLDER / "probe.json"
    path.write_text(json.dumps(runtimes(), indent=1) + "\n")
    print(f"{path}: {', '.join(f'{n} {len(c) // 2 - 1} bytes' for n, c in runtimes().items())}")


if __name__ == "__main__":
    main()
