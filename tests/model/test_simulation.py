"""heft simulate's loop: nothing of the future, decisions kept, and a planted leak ends it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from daemon.jobs.simulating import every
from heft_model.registry import Registry
from streams.errors import Invalid
from streams.recording import Recording, open_recording
from tests.model.learning import RECIPE
from trainer import simulation
from trainer.asof import Case
from trainer.asof import known_at as really_known_at
from trainer.promote import Limits
from trainer.refresh import RefreshSettings
from trainer.simulation import Plan, Simulated, simulate
from trainer.simulation_plot import write_simulation

pytestmark = pytest.mark.train

HOUR = 300
"""In blocks."""
POOLS = 140
ETHER = 10**18
TINY = msgspec.structs.replace(RECIPE, calibration=0.3)
PLAN = Plan(
    start="one",
    through="two",
    every=timedelta(days=2),
    refresh=RefreshSettings(recipe=TINY, limits=Limits(fewest=8, confidence=0.5), replay=0.0),
)


def recorded(folder: Path) -> Recording:
    """A launch an hour in each of two parts; early sales mean no rug first, and a rug then."""
    for part, name in enumerate(("one", "two")):
        pools, syncs = [], []
        for number in range(POOLS):
            pool = f"0x{part}{number:039x}"
            rug = number % 3 > 0
            start = 11_000_000 + (POOLS + 20) * HOUR * part + number * HOUR
            pools.append({"pool": pool, "is_weth_pair": 1, "decimals": "18"})
            steps = [(1_000_000, 10.0), (900_000, 11.1), (800_000, 12.5)]
            sold = rug if part else not rug
            steps += [(820_000 + i, 12.2 - 0.05 * i) for i in range(1, 8)] if sold else []
            syncs += [row(pool, start + 10 * i, *step) for i, step in enumerate(steps)]
            if rug:
                syncs.append(row(pool, start + (2 + number % 30) * HOUR, 10**9, 0.01))
        pq.write_table(pa.Table.from_pylist(pools), folder / f"pools_{name}.parquet")
        pq.write_table(pa.Table.from_pylist(syncs), folder / f"sync_{name}.parquet")
    return open_recording(folder)


def row(pool: str, block: int, token: int, quote: float) -> dict[str, Any]:
    """One change of reserves."""
    return {"pool": pool, "block": block, "log_index": 1, "reserve0": float(token * ETHER),
            "reserve1": quote * ETHER}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulated]:
    """One simulation, and its folder."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "recording").mkdir()
    return folder, simulate(recorded(folder / "recording"), PLAN, folder)


def test_the_service_learns_what_is_new(found: tuple[Path, Simulated]) -> None:
    """What sells early rugs in part two alone: challengers find out, win, and judge."""
    told = found[1]
    assert told.launches == POOLS
    assert "promoted" in {decision.what for decision in told.decisions}
    whole = next(w for w in told.overall if w.age == "1h")
    assert len(whole.bundles) > 1
    assert whole.gain is not None
    assert whole.gain.value > 0
    first = next(w for w in told.windows if w.age == "1h")
    assert len(first.bundles) == 1
    assert first.gain is not None
    assert first.gain.value == 0


def test_no_version_judged_what_it_had_seen(found: tuple[Path, Simulated]) -> None:
    """Each promoted version knows launches of a day before it and older: none that it judges."""
    folder, told = found
    registry = Registry(folder / "models")
    promoted = [decision for decision in told.decisions if decision.what == "promoted"]
    assert promoted
    for decision in promoted:
        seen = registry.load(decision.challenger).manifest.window.last_launch_at
        assert seen <= decision.at - timedelta(days=1)


def test_it_is_told_and_drawn(found: tuple[Path, Simulated], tmp_path: Path) -> None:
    """The JSON reads back as what it was; the plots are there."""
    paths = write_simulation(tmp_path / "out", found[1])
    assert [path.suffix for path in paths] == [".json", ".svg", ".png"]
    again = msgspec.json.decode(paths[0].read_bytes(), type=Simulated)
    assert again == found[1]
    assert paths[1].read_text().startswith("<?xml")


def test_a_planted_leak_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that knows one ruling a day early: the simulation stops and says so."""

    def leaky(archive: Path, now: datetime) -> list[Case]:
        first, *rest = [case for case in really_known_at(archive, now) if case.ruling is not None]
        assert first.ruling is not None
        early = msgspec.structs.replace(first.ruling, at=now + timedelta(days=1))
        return [msgspec.structs.replace(first, ruling=early), *rest]

    monkeypatch.setattr(simulation, "known_at", leaky)
    (tmp_path / "recording").mkdir()
    with pytest.raises(Invalid, match="leak"):
        simulate(recorded(tmp_path / "recording"), PLAN, tmp_path)


def test_spans_are_read_or_refused() -> None:
    """every-N-days, and nothing else."""
    assert every("every-7-days") == timedelta(days=7)
    assert every("every-0.5-days") == timedelta(hours=12)
    for wrong in ("7", "every-day", "every-0-days", "every-nan-days"):
        with pytest.raises(Invalid, match="every-N-days"):
            every(wrong)
