"""``heft train`` on a pretrained base, from the command line to the version that serves."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from daemon import cli
from heft_model.registry import Registry
from tests.model.bases import write_base
from tests.pipeline.recordings import write_recording

pytestmark = pytest.mark.train

RECIPE = """
name = "tuned"
facts = ["trading.sells", "liquidity.reserve"]
bins = 4
steps = 4
batch = 8
calibration = 0.5
refit = false

[heft]
layers = 0.5
reach = 0.5
measured = 16
merged = false
"""


def train(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: object) -> int:
    """One ``heft train`` in ``folder``; gives the exit code."""
    monkeypatch.chdir(folder)
    recording = write_recording(folder / "recording", 40)
    (folder / "recipe.toml").write_text(RECIPE)
    command = ["train", recording, "--recipe", "recipe.toml", *arguments]
    return cli.run([str(argument) for argument in command])


def test_a_base_becomes_the_version_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder named by ``--base`` is fine-tuned, added and promoted, its adapter beside it."""
    base = write_base(tmp_path / "base")
    assert train(monkeypatch, tmp_path, "--base", base, "--promote") == 0
    version = capsys.readouterr().out.split()[0]
    registry = Registry(tmp_path / ".heft" / "models")
    assert registry.champion() == version
    assert version.startswith("tuned-")
    bundle = registry.load(version)
    assert {"words", "knowledge", "2.q_proj.a", "head.weight"} <= set(bundle.adapter)
    assert bundle.manifest.settings["heft"]["base"] == str(base)


@pytest.mark.parametrize(
    ("base", "code", "says"),
    [(None, 2, "--base HUB-ID, FOLDER or FILE.gguf"), ("empty", 1, "cannot be loaded")],
)
def test_a_base_that_cannot_be_leaves_the_champion(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    base: str | None,
    code: int,
    says: str,
) -> None:
    """One line on stderr, an exit code, and what served goes on serving."""
    (tmp_path / "empty").mkdir()
    before = Registry(tmp_path / ".heft" / "models").champion()
    arguments = ["--promote"] if base is None else ["--promote", "--base", tmp_path / base]
    assert train(monkeypatch, tmp_path, *arguments) == code
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("heft: ")
    assert says in told
    assert Registry(tmp_path / ".heft" / "models").champion() == before
