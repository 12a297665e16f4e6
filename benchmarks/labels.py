"""What our label rules say of recorded pools, against the lists that others have published.

    python -m benchmarks.labels [FOLDER of uniswap_v2_pool_events]

Every dossier is made by the serving fold; the last ruling of each launch is held against each
published label of its pool. Published labels disagree with each other, so that row is shown too.
"""

from __future__ import annotations

import os
import sys
from itertools import combinations
from pathlib import Path
from time import perf_counter

import duckdb
from sklearn.metrics import cohen_kappa_score

from benchmarks.machine import describe
from streams.enrich.fold import Fold
from streams.recording import open_recording
from streams.replay import activity_from_rows
from trainer.rulings import RULES, Track, note, rule, track_of

LISTS = ("is_rugpull", "dn_label", "bob_label", "trapdoor_label")
RUG = {"dn_label": 0.0}
"""The value that means a rug, where it is not 1: there 1 is a healthy token."""
END = 4e9


def main() -> None:
    """Print the table."""
    shared = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "uniswap_v2_pool_events"
    began = perf_counter()
    ours = _ruled(folder)
    print(describe())
    print(f"rules {RULES}: {len(ours):,} pools ruled on in {perf_counter() - began:.0f} s")
    told = {"ours": ours} | _published(folder)
    print("| one | other | pools | both rug | only one | only other | neither | kappa |")
    print("|---|---|---|---|---|---|---|---|")
    for one, other in combinations(told, 2):
        _row(one, other, told[one], told[other])


def _row(one: str, other: str, mine: dict[str, bool], theirs: dict[str, bool]) -> None:
    both = sorted(mine.keys() & theirs.keys())
    if len(both) < 50:
        return
    a, b = [mine[pool] for pool in both], [theirs[pool] for pool in both]
    counts = [
        sum(x == p and y == q for x, y in zip(a, b, strict=True))
        for p, q in ((True, True), (True, False), (False, True), (False, False))
    ]
    kappa = cohen_kappa_score(a, b)
    cells = " | ".join(f"{count:,}" for count in counts)
    print(f"| {one} | {other} | {len(both):,} | {cells} | {kappa:.2f} |")


def _ruled(folder: Path) -> dict[str, bool]:
    """Whether each pool rugged, by the last ruling on it; unknown ones are left out."""
    recording = open_recording(folder)
    fold, tracks = Fold(), dict[str, Track]()
    for event in activity_from_rows(recording, recording.rows()):
        for facts in fold.feed(event):
            note(tracks.setdefault(facts.key, track_of(facts)), facts)
    last = {track.pool: rule(track, END)[-1].is_rug for track in tracks.values()}
    return {pool: rug for pool, rug in last.items() if rug is not None}


def _published(folder: Path) -> dict[str, dict[str, bool]]:
    files = [str(path) for path in sorted(folder.glob("pools*.parquet"))]
    source = duckdb.read_parquet(files, union_by_name=True)
    key = "pool" if "pool" in source.columns else "pair"
    found = {}
    for name in (each for each in LISTS if each in source.columns):
        rows = (
            source.filter(f"{name} is not null").select(f"lower({key}), {name}::double").fetchall()
        )
        rug = RUG.get(name, 1.0)
        found[name] = {pool: value == rug for pool, value in rows}
    return found


if __name__ == "__main__":
    main()
