"""``heft decode solana``: files of any form in, each event once out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main
from tests.unit.streams.solana.making import instruction, key, logged, transaction

MINT, POOL, USER = key(10), key(11), key(12)
CREATED: dict[str, Any] = {"mint": MINT, "bonding_curve": POOL, "user": USER, "creator": USER}


def _run(path: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["decode", "solana", str(path)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _decode(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    code = _run(path)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _launch() -> dict[str, Any]:
    accounts = {"mint": MINT, "bonding_curve": POOL, "user": USER}
    return transaction(
        instruction("pump-fun", "create", accounts),
        logs=logged("pump-fun", "CreateEvent", **CREATED),
    )


@pytest.mark.parametrize("shape", ["whole", "line", "pretty", "response", "block", "list"])
def test_every_form_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    """The same transaction in each wrapping is the same launch."""
    one = _launch()
    block = {"blockTime": 1_780_000_000, "slot": 7, "transactions": [{**one, "slot": None}]}
    value = {"method": "blockNotification", "params": {"result": {"value": {"block": block}}}}
    text = {
        "whole": json.dumps(one),
        "line": "\n".join([json.dumps(one), json.dumps({"result": None}), ""]),
        "pretty": json.dumps(one, indent=2) + "\nsome notes\n" + json.dumps(one, indent=2),
        "response": json.dumps({"jsonrpc": "2.0", "id": 1, "result": one}),
        "block": json.dumps(value),
        "list": json.dumps([one, one]),
    }[shape]
    path = tmp_path / "file.json"
    path.write_text(text)
    code, (launch,) = _decode(path, capsys)
    assert code == 0
    assert (launch["type"], launch["pool"], launch["token"]) == ("launch", POOL, MINT)
    assert (launch["chain"], launch["venue"], launch["slot"]) == ("solana", "pump-fun", 7)


def test_a_launch_seen_twice_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log notification and the whole transaction of one creation are one launch."""
    logs = logged("pump-fun", "CreateEvent", **CREATED)
    value = {"signature": "5sig", "err": None, "logs": logs}
    notice = {"params": {"result": {"context": {"slot": 7}, "value": value}}}
    path = tmp_path / "file.jsonl"
    path.write_text(json.dumps(notice) + "\n" + json.dumps(_launch()))
    code, lines = _decode(path, capsys)
    assert (code, [line["type"] for line in lines]) == (0, ["launch"])


def test_what_is_no_json_is_told_and_the_rest_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One spoilt line costs itself alone, and the exit code."""
    path = tmp_path / "file.jsonl"
    path.write_text(json.dumps(_launch()) + "\n{spoilt\n")
    code = _run(path)
    out = capsys.readouterr()
    assert (code, len(out.out.splitlines())) == (1, 1)
    assert "not decodable, json: 1" in out.err


def test_a_file_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file is said in one line."""
    assert _run(tmp_path / "none") != 0
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
