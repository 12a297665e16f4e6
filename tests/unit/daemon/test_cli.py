"""The command line: fast, light, one line a failure, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import cli
from streams.errors import Broken, Invalid, Retry

ROOT = Path(__file__).parents[3]
HEAVY = (
    *("aiokafka", "duckdb", "numpy", "onnxruntime", "pyarrow", "pydantic", "sklearn"),
    *("sqlalchemy", "torch", "transformers", "uvicorn"),
)
COMMANDS = [command.name for command in cli.COMMANDS] + [
    f"{group} {command.name}" for group, (_, rest) in cli.GROUPS.items() for command in rest
]


def heft(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of the command line, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100"} | environment,
    )


def test_help_lists_every_command_and_imports_none() -> None:
    """``heft --help`` shows all commands and loads nothing that takes time."""
    code = (
        "import sys\nfrom daemon.cli import run\nassert run(['--help']) == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
        "assert not [name for name in sys.modules if name.startswith('daemon.commands')]\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    for command in cli.COMMANDS:
        assert command.name in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command resolves, explains itself and gives an example of itself."""
    assert cli.run([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"heft {name}" in shown.split("Example:")[1]
    assert "--config" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fly"], 2, "fly"),
        (["replay"], 2, "FOLDER"),
        (["demo", "--banana"], 2, "--banana"),
        (["replay", "here", "--limit-pools", "many"], 2, "--limit-pools"),
        (["watch"], 2, "kafka.bootstrap_servers"),
        (["dead", "list"], 2, "kafka.bootstrap_servers"),
        (["doctor", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["replay", "/no/such/folder"], 1, "/no/such/folder"),
        (["models", "show", "nothing"], 1, "nothing"),
        (["score", "/no/such/file"], 1, "heft"),
        (["train"], 2, "folder"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_a_failure_is_one_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong, one line on stderr says so, and the exit code says which kind."""
    assert cli.run(arguments) == code
    shown = capsys.readouterr()
    assert shown.err.startswith("heft: ")
    assert shown.err.count("\n") == 1
    assert said in shown.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Retry("no broker"), 1),
        (Broken("impossible"), 1),
        (Invalid("spoilt"), 1),
        (Invalid("unknown setting", reason="setting"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_kind_of_failure_has_its_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended a command decides the exit code."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", lambda: fail)
    assert cli.run([]) == code


def test_unknown_setting_in_the_environment_is_exit_code_2() -> None:
    """A misspelt variable stops every command that reads settings."""
    result = heft("models", "list", HEFT_MODLE__BUNDLE="x")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "heft: unknown setting HEFT_MODLE__BUNDLE; the nearest known one is model\n"
    )


def test_a_closed_pipe_is_no_traceback() -> None:
    """``heft --help | head -0`` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
