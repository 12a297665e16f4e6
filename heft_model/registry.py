"""Every model version there is, and which one serves.

    <path>/versions/<id>/     written once, never changed (invariant 5)
    <path>/champion.json      the one pointer: which version serves, and which served before
    <path>/decisions.jsonl    why it is where it is: one decision a line, oldest first

Behind the user's own folder stands a read-only one that ships with the product, so that a fresh
installation can judge. Promotion and rollback replace the pointer in one step; whoever reads it
sees the old version or the new one, never neither.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from heft_model.manifest import Manifest, read_manifest
from streams.errors import Invalid

__all__ = ["BUILTIN", "Pointer", "Registry"]

BUILTIN = Path(__file__).parent / "bundles"
"""The versions that ship with the product, one folder each."""

if TYPE_CHECKING:
    from heft_model.bundle import Bundle

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Which version serves (``champion.json``)."""

    champion: str
    previous: str | None = None
    since: datetime | None = None
    """When it began to serve."""
    pinned: bool = False
    """Whether a person holds it against every promotion and rollback that nobody asked for."""


class Registry:
    """The model versions under ``path``, with those that ship behind them."""

    def __init__(self, path: Path, *, builtin: Path = BUILTIN) -> None:
        self._versions = path / "versions"
        self._pointer = path / "champion.json"
        self._decisions = path / "decisions.jsonl"
        self._builtin = builtin

    def versions(self) -> list[Manifest]:
        """Every readable version, the one trained on the newest launches last."""
        manifests = {m.id: m for root in (self._builtin, self._versions) for m in _readable(root)}
        return sorted(manifests.values(), key=_recency)

    def champion(self) -> str:
        """The id of the version that serves; raises ``Invalid`` when there is none at all.

        Without a pointer it is the shipped version that was trained on the newest launches.
        """
        pointer = self._read()
        if pointer is not None:
            return pointer.champion
        shipped = sorted(_readable(self._builtin), key=_recency)
        if not shipped:
            raise Invalid("no model to judge with: run heft train, then heft models promote ID")
        return shipped[-1].id

    def pointer(self) -> Pointer:
        """Which version serves, since when, and whether it is pinned; raises ``Invalid``."""
        return self._read() or Pointer(champion=self.champion())

    def pin(self, *, on: bool = True) -> str:
        """Hold the champion where it is, or let go of it; gives its id. Raises ``Invalid``."""
        pointer = self.pointer()
        self._write(msgspec.structs.replace(pointer, pinned=on))
        return pointer.champion

    def record(self, decision: msgspec.Struct) -> None:
        """Append one decision, durably; raises ``Invalid`` when the disk does not take it."""
        try:
            self._decisions.parent.mkdir(parents=True, exist_ok=True)
            with self._decisions.open("ab") as file:
                file.write(msgspec.json.encode(decision) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Invalid(f"{self._decisions}: {error.strerror}", reason="write") from error

    def decisions(self, type_: type[T]) -> list[T]:
        """Every decision that was recorded; a line that a crash cut short is passed over."""
        if not self._decisions.exists():
            return []
        found = []
        for line in self._decisions.read_bytes().splitlines():
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(msgspec.json.decode(line, type=type_))
        return found

    def previous(self) -> str | None:
        """The id that ``rollback`` would go to."""
        pointer = self._read()
        return None if pointer is None else pointer.previous

    def candidates(self) -> list[str]:
        """Every version, in the order in which to try to serve: the champion first."""
        named: list[str | None] = []
        try:
            named = [self.champion(), self.previous()]
        except Invalid as error:  # a spoilt pointer must not keep the service from starting
            log.warning("champion_unknown", error=str(error))
        others = [manifest.id for manifest in reversed(self.versions())]
        return list(dict.fromkeys(name for name in [*named, *others] if name is not None))

    def revision(self) -> tuple[int, int]:
        """Changes whenever the pointer does; cheap enough to ask before every batch."""
        try:
            stat = self._pointer.stat()
        except OSError:
            return 0, 0
        return stat.st_mtime_ns, stat.st_ino

    def folder(self, version: str) -> Path:
        """Where a version's files are; raises ``Invalid`` when there is no such version.

        Of several copies it is the first that is sound.
        """
        first, *others = self._copies(version)
        return self._sound(version)[0] if others else first

    def load(self, version: str) -> Bundle:
        """The verified bundle of a version, from its first sound copy; raises ``Invalid``."""
        return self._sound(version)[1]

    def newest_before(self, moment: datetime) -> Manifest | None:
        """The freshest version that has seen no launch at or after ``moment``.

        What an honest report is made with: a version never judges pools that it was trained on.
        """
        before = [m for m in self.versions() if m.window.last_launch_at < moment]
        return before[-1] if before else None

    def add(self, folder: Path) -> str:
        """Copy a bundle in as a new version and return its id; adding it again changes nothing.

        Raises ``Invalid`` for a folder that is no sound bundle.
        """
        bundle = _load(folder)
        target = self._versions / bundle.id
        if target.exists():
            return bundle.id
        try:
            _copy(folder, target)
        except OSError as error:
            raise Invalid(
                f"{target} cannot be written: {error.strerror}", reason="write"
            ) from error
        log.info("version_added", bundle=bundle.id)
        return bundle.id

    def promote(self, version: str, *, over: str | None = None) -> None:
        """Make a version the champion; the champion becomes the one to roll back to.

        ``over`` is who it has beaten: raises ``Invalid`` when another serves by now or it is
        pinned, as for a version that is not sound. Without it nothing stands in a person's way,
        and a pin goes.
        """
        bundle = self.load(version)
        before = None
        with suppress(Invalid):  # no champion yet, or a spoilt pointer: this one mends it
            before = self.champion()
        self._check_unmoved(over)
        if before != bundle.id:
            now = datetime.now(UTC)
            self._write(Pointer(champion=bundle.id, previous=before, since=now))
            log.info("bundle_promoted", bundle=bundle.id, previous=before)

    def rollback(self, *, of: str | None = None) -> str:
        """Swap champion and previous and return the new champion; raises ``Invalid``.

        ``of`` is who has failed: then as ``over`` in ``promote``.
        """
        self._check_unmoved(of)
        pointer = self._read()
        if pointer is None or pointer.previous is None:
            raise Invalid("there is no earlier champion to roll back to", reason="version")
        bundle = self.load(pointer.previous)
        now = datetime.now(UTC)
        self._write(Pointer(champion=bundle.id, previous=pointer.champion, since=now))
        log.info("bundle_rolled_back", bundle=bundle.id, previous=pointer.champion)
        return bundle.id

    def _check_unmoved(self, champion: str | None) -> None:
        if champion is None:
            return
        pointer = self.pointer()
        if pointer.champion != champion:
            raise Invalid(f"{pointer.champion} serves by now, and not {champion}", reason="moved")
        if pointer.pinned:
            raise Invalid(f"{champion} is pinned: heft models pin --off lets go", reason="pinned")

    def _copies(self, version: str) -> list[Path]:
        """The user's own first; raises ``Invalid`` when there is none."""
        folders = [path for root in (self._versions, self._builtin) for path in _folders(root)]
        copies = [path for path in folders if path.name == version or _id(path) == version]
        if not copies:
            raise Invalid(
                f"there is no model version {version!r}: see heft models", reason="version"
            )
        return copies

    def _sound(self, version: str) -> tuple[Path, Bundle]:
        """The first copy that verifies; a spoilt one must not hide it."""
        *earlier, last = self._copies(version)
        for path in earlier:
            try:
                return path, _load(path)
            except Invalid as error:
                log.warning("copy_refused", bundle=version, error=str(error))
        return last, _load(last)

    def _read(self) -> Pointer | None:
        try:
            return msgspec.json.decode(self._pointer.read_bytes(), type=Pointer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid(f"{self._pointer} cannot be read: {error}", reason="pointer") from error

    def _write(self, pointer: Pointer) -> None:
        self._pointer.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._pointer.parent, prefix=".champion-")
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(pointer))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._pointer)


def _load(folder: Path) -> Bundle:
    """Imported on use: who only lists versions holds no model's libraries in memory."""
    from heft_model.bundle import load_bundle  # noqa: PLC0415

    return load_bundle(folder)


def _copy(folder: Path, target: Path) -> None:
    """A verified copy in one step: it is either whole or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".incoming-"))
    try:
        shutil.copytree(folder, staging, dirs_exist_ok=True)
        _load(staging)
        staging.chmod(0o755)  # mkdtemp's is for us alone
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _recency(manifest: Manifest) -> tuple[datetime, datetime]:
    return manifest.window.last_launch_at, manifest.created


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _id(path: Path) -> str | None:
    try:
        return read_manifest(path).id
    except Invalid:
        return None


def _readable(root: Path) -> list[Manifest]:
    """What can be read; a spoilt version is said aloud and must not hide the others."""
    manifests = []
    for path in _folders(root):
        try:
            manifests.append(read_manifest(path))
        except Invalid as error:
            log.warning("version_unreadable", path=str(path), reason=str(error))
    return manifests
