"""Every refresh that was run, one file each, and the lock that lets one run at a time.

    <registry>/runs/<id>.json    what was run, from when to when, on what, and what came of it
    <registry>/runs/<id>.work/   its training checkpoints, until it ends
    <registry>/runs/lock         held while a refresh runs; a process that dies lets go of it
    <registry>/runs/asked        somebody wants a refresh now

A run that has begun and not ended was killed: it is gone on with, as of the same moment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from heft_model.decision import Decision
from streams.errors import Invalid

__all__ = ["Run", "Runs"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One refresh, as it is kept."""

    id: str
    why: str
    """cron, labels, drift, asked."""
    moment: datetime
    """What was known then is what it learns from."""
    began: datetime
    ended: datetime | None = None
    step: str = "data"
    """The last that it took."""
    resumed: int = 0
    """How often it was killed and gone on with."""
    settings: dict[str, Any] = {}
    window: tuple[datetime, datetime] | None = None
    """First and last launch that it learnt from."""
    counts: dict[str, int] = {}
    digest: str = ""
    """Of the examples, so that two runs on the same data are known as such."""
    metrics: dict[str, float] = {}
    decision: Decision | None = None


class Runs:
    """The runs under a registry's folder."""

    def __init__(self, registry: Path) -> None:
        self._folder = registry / "runs"

    def all(self) -> list[Run]:
        """Every run that can be read, oldest first."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Run))
        return sorted(found, key=lambda run: run.began)

    def unfinished(self) -> Run | None:
        """The one that was killed."""
        return next((run for run in reversed(self.all()) if run.ended is None), None)

    def write(self, run: Run) -> None:
        """Keep a run as it is now, whole or not at all; raises ``Invalid``."""
        path = self._folder / f"{run.id}.json"
        draft = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(run)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise Invalid(f"{path} cannot be written: {error.strerror}", reason="write") from error

    def work(self, run: Run) -> Path:
        """Where its training checkpoints are."""
        return self._folder / f"{run.id}.work"

    def ask(self) -> None:
        """Want a refresh at the next look, whatever the schedule says; raises ``Invalid``."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "asked").touch()
        except OSError as error:
            raise Invalid(f"{self._folder}: {error.strerror}", reason="write") from error

    def is_asked(self) -> bool:
        """Whether somebody does."""
        return (self._folder / "asked").exists()

    def heard(self) -> None:
        """Forget that somebody asked."""
        (self._folder / "asked").unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process runs a refresh now; it stays so within."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
