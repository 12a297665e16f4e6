"""The page's own script, run by Node on a document of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.page.api import STATIC
from heft_model.traps import traps_in
from streams.events import encode
from streams.finding import Finding
from tests.unit.alerts.making import a_verdict
from tests.unit.daemon.page.test_board import dossier_of, everything, known

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp"


def shown(folder: Path, dossier: Any) -> dict[str, Any]:
    """The document that the page makes of a token."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    (folder / "told.json").write_bytes(encode(dossier))
    command = [node, str(Path(__file__).parent / "show.mjs"), str(STATIC / "page.js")]
    done = subprocess.run(
        [*command, str(folder / "told.json")], check=True, capture_output=True, timeout=30
    )
    return dict(json.loads(done.stdout))


def nodes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every element."""
    yield document
    for child in document["children"]:
        if isinstance(child, dict):
            yield from nodes(child)


def text(document: dict[str, Any]) -> str:
    """All text below an element, in order."""
    parts = [text(e) if isinstance(e, dict) else str(e) for e in document["children"]]
    return " ".join(parts)


def test_traps_and_findings_are_shown_with_their_source(tmp_path: Path) -> None:
    """Grouped, with source and block, unknowns with the reason; hostile text stays text."""
    findings = {
        "trade.can_buy": Finding(source="simulation", block=77, value=True),
        "trade.can_sell": Finding(source="simulation", block=77, value=False),
        "trade.reason": Finding(source="simulation", block=77, value=HOSTILE),
        "trade.outcome": Finding(source="simulation", block=77, value="constructor"),
        "owner.address": Finding(source="call", block=78, why=HOSTILE),
    }
    verdict = msgspec.structs.replace(a_verdict(4), traps=traps_in(findings))
    dossier = msgspec.structs.replace(dossier_of(verdict), findings=findings)
    document = shown(tmp_path, known([*everything(), dossier, verdict]))
    groups = [text(each) for each in nodes(document) if each["tag"] == "summary"]
    assert groups == ["as numbers", "owner: 0 of 1 known", "trade: 4 of 4 known"]
    said = text(document)
    assert "proven  it can be bought, and not be sold" in said
    assert "trade.can_sell no simulation 77" in said
    assert "trade.outcome “constructor” simulation 77" in said
    assert "owner.address unknown: <img src=x onerror=alert(1)>gnp call 78" in said
    assert not [each for each in nodes(document) if each["tag"] in ("img", "script")]
    assert "\u202e" not in said
