"""``heft score``: dossiers in, verdicts out, a line each."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import cli
from streams.events import encode
from tests.unit.heft_model.making import many, write_tiny_bundle

pytestmark = pytest.mark.train

ROOT = Path(__file__).parents[2]
FACTS = [encode(dossier) for dossier in many(5)]
CODE = (
    "0x6080604052348015600f57600080fd5b506004361060285760003560e01c806340c10f19"
    "14602d575b600080fd5b00"
)
"""A dispatcher with one function."""


@pytest.fixture
def bundle(elsewhere: Path) -> str:
    """The folder of a bundle that works."""
    write_tiny_bundle(elsewhere / "bundle")
    return str(elsewhere / "bundle")


def test_a_verdict_a_dossier(elsewhere: Path, bundle: str) -> None:
    """In the order of the file, with what the published schema wants of a verdict."""
    (elsewhere / "facts.jsonl").write_bytes(b"\n".join(FACTS) + b"\n")
    assert cli.run(["score", "facts.jsonl", "--out", "out.jsonl", "--bundle", bundle]) == 0
    told = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [each["pool"] for each in told] == [dossier.pool for dossier in many(5)]
    assert all(0 <= each["probability"] <= 1 for each in told)


def test_bad_lines_are_told_and_passed_over(
    elsewhere: Path, bundle: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each with its number on stderr; the others are judged all the same; exit code 1."""
    lines = [FACTS[0], b"{", FACTS[1], b'{"type":"facts","v":99}', b'{"type":"sync"}', FACTS[2]]
    (elsewhere / "facts.jsonl").write_bytes(b"\n".join(lines))
    assert cli.run(["score", "facts.jsonl", "--bundle", bundle]) == 1
    shown = capfdbinary.readouterr()
    assert shown.out.count(b"\n") == 3
    told = shown.err.decode().splitlines()
    assert [line.split(":")[1] for line in told] == [" line 2", " line 4", " line 5"]


def test_standard_input(
    bundle: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """``-`` reads what is piped in."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FACTS[0] + b"\n")))
    assert cli.run(["score", "-", "--bundle", bundle]) == 0
    assert json.loads(capfdbinary.readouterr().out)["pool"] == many(1)[0].pool


def test_output_that_cannot_be_written(
    elsewhere: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder is one line."""
    (elsewhere / "facts.jsonl").write_bytes(FACTS[0])
    arguments = ["score", "facts.jsonl", "--out", "no/where.jsonl", "--bundle", bundle]
    assert cli.run(arguments) == 1
    assert (
        capsys.readouterr().err == "heft: cannot write no/where.jsonl: No such file or directory\n"
    )


@pytest.mark.parametrize("out", [(), ("--out", "/dev/full")])
def test_a_full_disk_is_one_line(elsewhere: Path, bundle: str, out: tuple[str, ...]) -> None:
    """Whether standard output or a file is what cannot take the verdicts."""
    (elsewhere / "facts.jsonl").write_bytes(FACTS[0])
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "daemon", "score", "facts.jsonl", "--bundle", bundle, *out],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    where = out[-1] if out else "standard output"
    told = f"heft: cannot write {where}: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, told)


def test_any_part_of_a_dossier_is_judged(elsewhere: Path, bundle: str) -> None:
    """A pool as it stands, a name and supply, a code, a source: each with what it lacked."""
    parts: list[dict[str, object]] = [
        {"liquidity": {"reserve": 3.0}, "age": 60},
        {"token": {"name": "Moon", "total_supply": 10**9, "decimals": 0}},
        {"pool": "0xc0de", "bytecode": CODE},
        {"source": "contract T { function mint(address a) external {} }"},
    ]
    (elsewhere / "facts.jsonl").write_text("\n".join(map(json.dumps, parts)))
    assert cli.run(["score", "facts.jsonl", "--out", "out.jsonl", "--bundle", bundle]) == 0
    told = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert all(0 <= each["probability"] <= 1 and each["coverage"] < 0.3 for each in told)
    assert all({"trading", "holders"} <= set(each["unknown"]) for each in told)
    assert told[2]["coverage"] > 0
    assert "liquidity" not in told[0]["unknown"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"bytecode": "zz"}, "not hex"),
        ({"bytecode": "0x"}, "no contract"),
        ({"liquidity": {"reserv": 1}}, "liquidity has no 'reserv'"),
        ({}, "tells nothing"),
    ],
)
def test_a_part_that_is_none_is_one_line(
    elsewhere: Path,
    bundle: str,
    capsys: pytest.CaptureFixture[str],
    line: dict[str, object],
    says: str,
) -> None:
    """What is wrong with it, and nothing else."""
    (elsewhere / "facts.jsonl").write_text(json.dumps(line))
    assert cli.run(["score", "facts.jsonl", "--bundle", bundle]) == 1
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
