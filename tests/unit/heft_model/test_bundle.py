"""A bundle is what was released, whole and fitting, or it is refused in one line."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.bundle import FILES, load_bundle
from heft_model.manifest import MANIFEST, Manifest, Taught, read_manifest
from streams.errors import Invalid
from tests.unit.heft_model.making import calibration, lexicon, window, write_dummy_bundle


def test_written_and_read_back(tmp_path: Path) -> None:
    """Everything that was put in comes out."""
    manifest = write_dummy_bundle(tmp_path / "b", model=b"weights")
    bundle = load_bundle(tmp_path / "b")
    assert bundle.manifest == manifest
    assert bundle.id == manifest.id
    assert bundle.model == b"weights"
    assert bundle.lexicon == lexicon()
    assert bundle.calibration == calibration()


def test_the_id_follows_from_the_files(tmp_path: Path) -> None:
    """The same files are the same version; any other file is another."""
    ids = [
        write_dummy_bundle(tmp_path / str(i), model=model).id
        for i, model in enumerate((b"a", b"a", b"b"))
    ]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("tiny-")


def test_a_folder_is_written_once(tmp_path: Path) -> None:
    """A version never changes."""
    write_dummy_bundle(tmp_path / "b")
    with pytest.raises(Invalid, match="written once"):
        write_dummy_bundle(tmp_path / "b")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A full or foreign disk is one line, and leaves no half bundle."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Invalid, match="cannot be written"):
        write_dummy_bundle(tmp_path / "file" / "b")


@pytest.mark.parametrize("file", FILES)
def test_any_changed_byte_is_seen(tmp_path: Path, file: str) -> None:
    """What was hashed is what is used."""
    write_dummy_bundle(tmp_path / "b")
    path = tmp_path / "b" / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Invalid, match=f"{file} is not the file that was released"):
        load_bundle(tmp_path / "b")


@pytest.mark.parametrize("file", [*FILES, MANIFEST])
def test_any_missing_file_is_named(tmp_path: Path, file: str) -> None:
    """Half a folder is no bundle."""
    write_dummy_bundle(tmp_path / "b")
    (tmp_path / "b" / file).unlink()
    with pytest.raises(Invalid, match=rf"{file} cannot be read: No such file"):
        load_bundle(tmp_path / "b")


def test_no_folder_at_all(tmp_path: Path) -> None:
    """A mistyped path says which file was looked for."""
    with pytest.raises(Invalid, match=r"nowhere/manifest\.json cannot be read"):
        load_bundle(tmp_path / "nowhere")


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m.update(schema=2), "schema"),
        (lambda m: m.update(id="../../etc"), "id"),
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m.update(prompt_version=7), "different prompt versions"),
        (lambda m: m["files"].pop("golden.json"), "golden.json is not the file"),
        (lambda m: m.pop("window"), "window"),
    ],
)
def test_an_odd_manifest_is_refused(tmp_path: Path, change: Change, told: str) -> None:
    """Each fault of a manifest is named."""
    write_dummy_bundle(tmp_path / "b")
    path = tmp_path / "b" / MANIFEST
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(Invalid, match=told):
        load_bundle(tmp_path / "b")


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_invalid(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """No manifest brings the program down."""
    folder = tmp_path_factory.mktemp("b")
    (folder / MANIFEST).write_bytes(data)
    with contextlib.suppress(Invalid):
        assert isinstance(read_manifest(folder), Manifest)


@pytest.mark.parametrize("golden", ['{"token_ids": [], "logits": []}', '{"token_ids": [[1]]}'])
def test_without_golden_vectors_nothing_is_trusted(tmp_path: Path, golden: str) -> None:
    """A bundle that cannot be checked is not served, even if its hashes are right."""
    write_dummy_bundle(tmp_path / "b")
    swap_file(tmp_path / "b", "golden.json", golden.encode())
    with pytest.raises(Invalid, match=r"golden\.json"):
        load_bundle(tmp_path / "b")


def test_words_must_cover_the_prompt(tmp_path: Path) -> None:
    """A tokenizer of another lexicon is found out at loading, not in the middle of a batch."""
    write_dummy_bundle(tmp_path / "b")
    prompt = json.loads((tmp_path / "b" / "prompt.json").read_bytes())
    prompt["edges"]["age"] = list(range(99))
    swap_file(tmp_path / "b", "prompt.json", json.dumps(prompt).encode())
    with pytest.raises(Invalid, match="lacks words of"):
        load_bundle(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("prompt.json", b'{"edges": {"age": [2, 1]}}', r"prompt\.json: bin edges of age"),
        ("tokenizer.json", b"\xff", r"tokenizer\.json is not UTF-8"),
        ("tokenizer.json", b"{}", r"tokenizer\.json cannot be read"),
        ("calibration.json", b"[]", r"calibration\.json is not what it should be"),
    ],
)
def test_a_repacked_file_is_still_read_with_care(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    """Hashes say who made a file, not that it makes sense."""
    write_dummy_bundle(tmp_path / "b")
    swap_file(tmp_path / "b", name, data)
    with pytest.raises(Invalid, match=told):
        load_bundle(tmp_path / "b")


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A file of gigabytes does not fill the memory before it is refused."""
    write_dummy_bundle(tmp_path / "b")
    with (tmp_path / "b" / "model.onnx").open("r+b") as file:
        file.truncate(3 << 30)  # a hole: takes no space
    with pytest.raises(Invalid, match="larger than any model"):
        load_bundle(tmp_path / "b")


def swap_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and its hash, as someone would who repacks a bundle."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_bundle_says_what_each_chain_taught_it() -> None:
    """Of one chain the whole, where it does not say; of several none."""
    one = window()
    assert one.taught() == {"ethereum": Taught(pools=2, rugs=1, examples=4)}
    several = msgspec.structs.replace(one, chains=("ethereum", "solana"))
    assert several.taught() == {}
    each = {"solana": Taught(pools=1, rugs=1, examples=1)}
    assert msgspec.structs.replace(several, by_chain=each).taught() == each
