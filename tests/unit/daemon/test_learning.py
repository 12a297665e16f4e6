"""The train role: a look is a process of its own, and a drain leaves none behind."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

pytest.importorskip("apscheduler", reason="needs the extra `train`")

from daemon.parts.learning import learn_part
from daemon.plant import Cluster, plant_on
from daemon.roles import able_roles
from daemon.settings import Settings, load_settings
from streams.errors import Invalid
from streams.memory import MemoryBroker
from streams.stage import Drain
from streams.state import State

pytestmark = pytest.mark.anyio


def settings_in(folder: Path) -> tuple[Settings, Path]:
    """Learning from an empty archive; and the file that says so."""
    path = folder / "heft.toml"
    path.write_text(
        f'[archive]\ndir = "{folder}/archive"\n[learn]\nenabled = true\n'
        f'[model]\nregistry = "{folder}/models"\n'
    )
    return load_settings(path), path


def children() -> list[str]:
    """Command lines of this process's children."""
    mine = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    pids = Path(mine).read_text().split()
    return [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]


async def test_a_look_is_a_child_that_a_drain_ends(tmp_path: Path) -> None:
    """It starts at once; asked to drain, the role ends and its child with it."""
    settings, path = settings_in(tmp_path)
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    try:
        plant = plant_on(settings, Cluster(broker=MemoryBroker(), address="memory"), state)
        drain = Drain()

        async def run() -> None:
            await learn_part(plant, path).run(drain)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            while not any("--look" in line for line in children()):
                await anyio.sleep(0.01)
            drain.ask()
        while any("--look" in line for line in children()):
            await anyio.sleep(0.01)
    finally:
        await state.close()


async def test_the_role_must_be_asked_for(tmp_path: Path) -> None:
    """Off, it is left out of all roles, and refused as the only one; an archive is needed."""
    with pytest.raises(Invalid, match=r"learn\.enabled"):
        able_roles(Settings(), ["train"], {})
    assert able_roles(Settings(), ["score", "train"], {}) == ["score"]
    settings, _ = settings_in(tmp_path)
    assert able_roles(settings, ["score", "train"], {}) == ["score", "train"]
