"""The readable description of a model version, and how its files are read.

Apart from ``bundle``, so that who only lists versions (the page) loads no model's libraries.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from streams.errors import Invalid

__all__ = [
    "MANIFEST",
    "WEIGHTS",
    "Manifest",
    "Taught",
    "Window",
    "parsed",
    "read_file",
    "read_manifest",
]

BundleId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
MAX_BYTES = 2 << 30
"""ONNX itself ends at 2 GiB a file; a larger one is not a model."""


class Taught(msgspec.Struct, frozen=True, kw_only=True):
    """How much a version has learnt from one chain."""

    pools: int
    rugs: int
    examples: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which launches the weights and the calibration have seen."""

    recordings: tuple[str, ...]
    chains: tuple[str, ...]
    first_block: int
    last_block: int
    first_launch_at: datetime
    last_launch_at: datetime
    """No pool launched later has been seen, so a later pool is judged honestly."""
    pools: int
    rugs: int
    examples: int
    by_chain: dict[str, Taught] = {}
    """The last three of each chain; older versions, of a single chain each, do not say."""

    def taught(self) -> dict[str, Taught]:
        """What was learnt from each chain; a chain that is not there taught it nothing."""
        if self.by_chain or len(self.chains) != 1:
            return self.by_chain
        whole = Taught(pools=self.pools, rugs=self.rugs, examples=self.examples)
        return {self.chains[0]: whole}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The readable description of a bundle (``manifest.json``)."""

    schema: Literal[1] = 1
    id: BundleId
    created: datetime
    prompt_version: int
    window: Window
    files: dict[str, str]
    """File name to SHA-256, in hex."""
    settings: dict[str, Any]
    """The recipe's settings, as it was run."""
    metrics: dict[str, float]
    licence: str
    """Under what the weights may be used, and what they were trained on."""


def read_manifest(path: Path) -> Manifest:
    """The description alone, without verifying any file; raises ``Invalid``."""
    return parsed(path / MANIFEST, read_file(path / MANIFEST), Manifest)


def read_file(path: Path) -> bytes:
    """All of it; raises ``Invalid`` for one that is not there, or too large to be ours."""
    try:
        if path.stat().st_size > MAX_BYTES and path.name != WEIGHTS:
            raise Invalid(f"{path} is larger than any model: not a bundle", reason="size")
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", reason="unreadable") from error


T = TypeVar("T")


def parsed(path: Path, data: bytes, type_: type[T]) -> T:
    """JSON as ``type_``; raises ``Invalid`` with the file's name."""
    try:
        return msgspec.json.decode(data, type=type_)
    except Invalid as error:
        raise Invalid(f"{path}: {error}", reason=error.reason) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{path} is not what it should be: {error}", reason="schema") from error
