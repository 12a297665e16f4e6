"""Whatever is wrong with what a user gives, ``heft`` says it in one line and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline.recordings import write_recording
from tests.unit.heft_model.making import write_dummy_bundle

ROOT = Path(__file__).parents[2]


def heft(*arguments: object, folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and stderr of a run in a folder, which must have said no more than one line."""
    result = subprocess.run(
        [sys.executable, "-m", "daemon", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    assert result.stderr.startswith("heft: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.returncode, result.stderr


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose description is sound, with a file that is no model."""
    write_dummy_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A sound recording."""
    return write_recording(tmp_path / "recording")


def test_unknown_setting(tmp_path: Path, recording: Path) -> None:
    """A misspelt key in heft.toml names the nearest known one; exit code 2."""
    (tmp_path / "heft.toml").write_text("[kafka]\nbootstrap_server = 'x'\n")
    code, said = heft("replay", recording, folder=tmp_path)
    assert code == 2
    assert "nearest known one is kafka.bootstrap_servers" in said


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named; exit code 1."""
    code, said = heft("replay", "nowhere", folder=tmp_path)
    assert (code, said) == (1, "heft: no such folder: nowhere\n")


def test_folder_without_a_recording(tmp_path: Path) -> None:
    """An empty folder is not a recording of nothing; exit code 1."""
    (tmp_path / "empty").mkdir()
    code, said = heft("replay", "empty", folder=tmp_path)
    assert code == 1
    assert "empty" in said


def test_wrong_columns(tmp_path: Path, recording: Path) -> None:
    """A missing column is named; exit code 1."""
    table = pq.read_table(recording / "sync_tiny.parquet").rename_columns(
        ["pool", "block", "log_index", "reserve0", "price"]
    )
    pq.write_table(table, recording / "sync_tiny.parquet")
    code, said = heft("replay", recording, folder=tmp_path)
    assert code == 1
    assert "reserve1" in said


def test_columns_of_another_type(tmp_path: Path, recording: Path) -> None:
    """A column that holds something else is refused; exit code 1."""
    table = pq.read_table(recording / "sync_tiny.parquet").to_pylist()
    rows = [row | {"block": "soon"} for row in table]
    pq.write_table(pa.Table.from_pylist(rows), recording / "sync_tiny.parquet")
    code, said = heft("replay", recording, folder=tmp_path)
    assert code == 1
    assert str(recording) in said


@pytest.mark.parametrize("keep", [0, 100, -20])
def test_truncated_parquet(keep: int, tmp_path: Path, recording: Path) -> None:
    """A file that was cut off is named; exit code 1."""
    path = recording / "sync_tiny.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    code, said = heft("replay", recording, folder=tmp_path)
    assert code == 1
    assert "sync_tiny" in said


def test_unreachable_broker(tmp_path: Path) -> None:
    """No Kafka at the named address: the address is in the line; exit code 1."""
    environment = {
        "HEFT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "HEFT_KAFKA__TIMEOUT_MS": "1000",
        "HEFT_HTTP__PORT": "0",
    }
    code, said = heft("watch", "--role", "enrich", folder=tmp_path, **environment)
    assert code == 1
    assert "127.0.0.1:1" in said


def test_corrupt_bundle(tmp_path: Path, bundle: Path, recording: Path) -> None:
    """A bundle with a changed file is refused before anything is started; exit code 1."""
    (bundle / "model.onnx").write_bytes(b"something else")
    code, said = heft("replay", recording, "--bundle", bundle, folder=tmp_path)
    assert code == 1
    assert "model.onnx" in said


def test_bundle_that_is_none(tmp_path: Path, recording: Path) -> None:
    """A version that nobody has is named; exit code 1."""
    code, said = heft("replay", recording, "--bundle", "nobody-1", folder=tmp_path)
    assert code == 1
    assert "nobody-1" in said


def test_taken_port(tmp_path: Path) -> None:
    """A setting that cannot work is exit code 2, with the key."""
    code, said = heft(
        "watch", folder=tmp_path, HEFT_KAFKA__BOOTSTRAP_SERVERS="x:1", HEFT_HTTP__HOST="203.0.113.1"
    )
    assert code == 2
    assert "http.port" in said


def test_recipe_that_is_none(tmp_path: Path, recording: Path) -> None:
    """A recipe file with an unknown number of something is refused with its path."""
    (tmp_path / "recipe.toml").write_text("steps = 'many'\n")
    code, said = heft("train", recording, "--recipe", "recipe.toml", folder=tmp_path)
    assert code == 2
    assert "recipe.toml" in said


def test_state_that_is_no_database(tmp_path: Path, recording: Path) -> None:
    """A folder that cannot be used for state is refused in one line; exit code 1."""
    (tmp_path / "file").write_text("")
    code, _ = heft("replay", recording, "--state", "file", folder=tmp_path)
    assert code == 1


def test_verdicts_that_cannot_be_written(tmp_path: Path, bundle: Path, recording: Path) -> None:
    """Said before anything is played; exit code 1."""
    code, said = heft(
        *("replay", recording, "--bundle", bundle, "--verdicts", tmp_path / "no" / "v.jsonl"),
        folder=tmp_path,
    )
    assert code == 1
    assert "cannot write" in said


def test_external_without_a_kafka(tmp_path: Path, recording: Path) -> None:
    """A replay does not quietly do something else than was asked; exit code 2."""
    code, said = heft("replay", recording, "--external", folder=tmp_path)
    assert code == 2
    assert "kafka.bootstrap_servers" in said


def test_no_pools_wanted(tmp_path: Path, recording: Path) -> None:
    """A limit below one is no limit; exit code 2."""
    code, said = heft("replay", recording, "--limit-pools", "-1", folder=tmp_path)
    assert code == 2
    assert "--limit-pools" in said
