"""How long ``heft --help`` takes, as a whole process, beside Python doing nothing.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.machine import describe

RUNS = 15


def main() -> None:
    """Print the median and the slowest of several runs of each."""
    print(describe())
    for name, code in (("python -c pass", "pass"), ("heft --help", _HELP)):
        seconds = [_time(code) for _ in range(RUNS)]
        median, slowest = statistics.median(seconds), max(seconds)
        print(f"{name:<16} median {median * 1000:5.0f} ms   slowest {slowest * 1000:5.0f} ms")


_HELP = "from daemon.cli import main; main(['--help'])"


def _time(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own code
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
