"""The probe that ships is what its source compiles to."""

from __future__ import annotations

import json

from tests.npm import require_npm
from tools.probe import FOLDER, runtimes


def test_the_probe_is_what_its_source_compiles_to() -> None:
    """Compiling the Solidity again with the pinned compiler gives the bytes in the package."""
    require_npm()
    assert json.loads((FOLDER / "probe.json").read_text()) == runtimes()
