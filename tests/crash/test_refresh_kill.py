"""`kill -9` in the middle of refreshes: each is gone on with, and the registry is always whole.

The short form, seeded, kills twice. ``make soak`` sets ``SOAK_REFRESH_KILLS``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from heft_model.decision import Decision
from heft_model.registry import Registry
from tests.model.learning import RECIPE, archived, champion_in, launches
from tests.unit.trainer.cases import NOW
from trainer.asof import known_at
from trainer.live import challenger_of
from trainer.runs import Runs

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SOAK_REFRESH_KILLS", "2"))
SEED = 20261124
LONGEST = {"data": 0.5, "teach": 4.0, "try": 0.5, "add": 0.05}
"""Seconds into each step within which it is killed; a step that is shorter dies in the next."""
STEPS = tuple(LONGEST)
TOML = """
[model]
registry = "{folder}/models"
[archive]
dir = "{folder}/archive"
[learn]
enabled = true
recipe = "{folder}/recipe.toml"
shadow_seconds = 0
fewest = 30
days = 100000
[log]
level = "error"
"""


def settings_in(folder: Path) -> Path:
    """A registry, an archive, and the settings that name both."""
    champion_in(folder / "models")
    archived(folder / "archive", launches())
    (folder / "recipe.toml").write_text(
        'name = "tiny"\n'
        f"facts = {list(RECIPE.facts)}\nbins = {RECIPE.bins}\nsteps = {RECIPE.steps}\n"
        f"checks = {RECIPE.checks}\nbatch = {RECIPE.batch}\n"
        f"learning_rate = {RECIPE.learning_rate}\naverage = {RECIPE.average}\n"
        "[network]\nwidth = 16\nlayers = 1\nheads = 2\nkv_heads = 1\nffn = 24\nmembers = 2\n"
    )
    path = folder / "heft.toml"
    path.write_text(TOML.format(folder=folder))
    return path


def refreshed(config: Path, kill_at: tuple[str, float] | None = None) -> int:
    """Run ``heft train --once``; the exit code.

    ``kill_at`` is a step of the refresh, and so many seconds into it: there it is killed.
    """
    command = [sys.executable, "-m", "daemon", "train", "--once", "--config", str(config)]
    runs = Runs(config.parent / "models")
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        while kill_at is not None and process.poll() is None:
            if (run := runs.unfinished()) is not None and run.step == kill_at[0]:
                sleep(kill_at[1])
                os.killpg(process.pid, signal.SIGKILL)
                break
            sleep(0.002)
        _, told = process.communicate(timeout=240)
    assert kill_at is not None or process.returncode == 0, told.decode()
    return process.returncode


def check(folder: Path) -> str:
    """The registry is whole: one champion, every version loads, every label is there."""
    registry = Registry(folder / "models")
    for manifest in registry.versions():
        assert registry.load(manifest.id).id == manifest.id
    champion = registry.champion()
    assert registry.load(champion).id == champion
    cases = known_at(folder / "archive", NOW)
    assert len({c.ruling.id for c in cases if c.ruling is not None}) == len(launches()) // 2
    return champion


def ended(folder: Path, best: str) -> None:
    """It came to what an undisturbed refresh comes to: once, and with nothing left over."""
    assert check(folder) == best
    told = Registry(folder / "models").decisions(Decision)
    assert [each.challenger for each in told if each.what == "promoted"] == [best]
    assert not list((folder / "models").rglob("*.work"))


@pytest.mark.train
@pytest.mark.timeout(300 + 60 * KILLS)
def test_a_killed_refresh_goes_on_and_leaves_no_half_of_anything(tmp_path: Path) -> None:
    """Killed at random moments of reading, teaching, exporting, adding, promoting; then let run."""
    calm = tmp_path / "calm"
    assert refreshed(settings_in(calm)) == 0
    best = check(calm)
    assert best.startswith("tiny-")
    rng, killed, rounds = random.Random(SEED), list[str](), 0
    while len(killed) < KILLS:
        rounds += 1
        stormy = tmp_path / f"stormy{rounds}"
        config = settings_in(stormy)
        before, steps = check(stormy), rng.sample(STEPS, 2)
        for step in sorted(steps, key=STEPS.index):  # a later step is reached by going on
            code = refreshed(config, (step, rng.uniform(0.0, LONGEST[step])))
            killed += [step] * (code == -signal.SIGKILL)
            assert check(stormy) in {before, best}
        while Runs(stormy / "models").unfinished() or challenger_of(Registry(stormy / "models")):
            assert refreshed(config) == 0
        ended(stormy, best)
    print(f"{len(killed)} kills, at {', '.join(killed)}")
