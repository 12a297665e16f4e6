"""``heft demo`` with the model that ships: what a stranger sees first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.kafka
def test_every_planted_rug_is_alerted_and_no_honest_launch(tmp_path: Path) -> None:
    """Before or as it happens; exit code 0; nothing on stderr; nothing left in the folder."""
    result = subprocess.run(
        [sys.executable, "-m", "daemon", "demo", "--once", "--seconds", "0", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"},
    )
    assert (result.returncode, result.stderr) == (0, "")
    found = re.search(
        r"(\d+) of (\d+) rugs alerted before or as they happened; "
        r"(\d+) of (\d+) honest launches alerted",
        " ".join(result.stdout.split()),
    )
    assert found is not None, result.stdout
    in_time, rugs, false_alarms, honest = map(int, found.groups())
    assert (in_time, false_alarms) == (rugs, 0), result.stdout
    assert (rugs, honest) == (14, 7)
    assert list(tmp_path.iterdir()) == []
