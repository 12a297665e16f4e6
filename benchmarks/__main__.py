"""Every benchmark, one after the other: ``make bench``."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "startup", "decode", "solana", "follow", "solana_live", "examine", "checks", "pipeline",
    "scorer", "swap", "alerts", "feeds", "join", "analyst",
    "labels", "refreshing",
)  # fmt: skip


def main() -> None:
    """Run each in a process of its own, so that none sees another's memory."""
    for name in BENCHMARKS:
        print(f"\n# benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)  # noqa: S603 - our own modules


if __name__ == "__main__":
    main()
