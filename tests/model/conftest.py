"""A tiny model, made on the spot and exported once for all tests of running models."""

from __future__ import annotations

from pathlib import Path

import pytest

from heft_model.bundle import Bundle, load_bundle
from tests.unit.heft_model.making import write_tiny_bundle


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle folder; copy it before you spoil it."""
    pytest.importorskip("torch", reason="needs the extra `train`")
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_tiny_bundle(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Bundle:
    """The bundle in ``tiny_folder``."""
    return load_bundle(tiny_folder)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Bundle:
    """Another version: other weights, another threshold."""
    folder = tmp_path_factory.mktemp("bundles") / "other"
    write_tiny_bundle(folder, seed=1, threshold=0.7)
    return load_bundle(folder)
