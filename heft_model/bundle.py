"""What a model version is: a folder of a few files that are read, verified and then trusted.

    model.onnx        token ids to one logit
    tokenizer.json    the closed list of words
    prompt.json       which facts the model reads, and where their bins end
    calibration.json  logit to probability, and the alert threshold with its stated precision
    golden.json       token ids with the logits that they must give, and how telling each word is
    manifest.json     id, hashes of the other files, what it was trained on, how well it did
    adapter.safetensors  only of a version that shares its graph: what it has learnt
    weights.safetensors  only of a large model: what model.onnx cannot hold

What was hashed is what is used: files are read once, and a loaded bundle never looks at its folder
again. Anything wrong with a folder is ``Invalid`` and says which file. Whether the golden logits
come out is for the session to see.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from heft_model.adapter import Adapter, Arrays, dump_adapter, load_adapter
from heft_model.calibrate import Calibration
from heft_model.manifest import (
    MANIFEST,
    WEIGHTS,
    Manifest,
    Taught,
    Window,
    parsed,
    read_file,
    read_manifest,
)
from heft_model.prompt import Lexicon, vocabulary
from heft_model.tokenizer import Words
from streams.errors import Invalid

__all__ = [
    "Bundle",
    "Golden",
    "Manifest",
    "Taught",
    "Window",
    "load_bundle",
    "read_manifest",
    "write_bundle",
]

FILES = ("model.onnx", "tokenizer.json", "prompt.json", "calibration.json", "golden.json")
ADAPTER = "adapter.safetensors"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """What the exporter saw, so that the server can check that it sees the same."""

    token_ids: list[list[int]]
    logits: list[float]
    telling: dict[str, float] = {}
    """Word, or fact, to how far hiding it moves the logit on average: what evidence tries first."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A verified model version, in memory."""

    manifest: Manifest
    model: bytes
    adapter: Adapter = {}
    """What the model is given besides prompts; empty when all is in it."""
    weights: Adapter = {}
    """What a large model names and does not hold."""
    words: Words
    lexicon: Lexicon
    calibration: Calibration
    golden: Golden

    @property
    def id(self) -> str:
        """Its name, as verdicts carry it."""
        return self.manifest.id


def load_bundle(path: Path) -> Bundle:
    """The bundle in folder ``path``; raises ``Invalid`` with one line about what is wrong."""
    manifest = read_manifest(path)
    names = (*FILES, *(name for name in (ADAPTER, WEIGHTS) if name in manifest.files))
    files = {name: _verified(path / name, manifest.files.get(name)) for name in names}
    bundle = Bundle(
        manifest=manifest,
        model=files["model.onnx"],
        adapter=load_adapter(files[ADAPTER]) if ADAPTER in files else {},
        weights=load_adapter(files[WEIGHTS], name=WEIGHTS) if WEIGHTS in files else {},
        words=Words.load(_text(path / "tokenizer.json", files["tokenizer.json"])),
        lexicon=parsed(path / "prompt.json", files["prompt.json"], Lexicon),
        calibration=parsed(path / "calibration.json", files["calibration.json"], Calibration),
        golden=parsed(path / "golden.json", files["golden.json"], Golden),
    )
    _check(bundle)
    return bundle


def write_bundle(
    path: Path,
    *,
    model: bytes,
    words: Words,
    lexicon: Lexicon,
    calibration: Calibration,
    golden: Golden,
    name: str,
    arrays: Arrays | None = None,
    **described: Any,
) -> Manifest:
    """Write a new bundle folder and return its manifest.

    Its id is ``name`` and a hash of its files, so that the same files are the same version.
    ``described`` is the rest of the manifest: window, created, settings, metrics, licence. Raises
    ``Invalid`` when the folder exists, cannot be written, or would not load; then there is none.
    """
    contents = {
        "model.onnx": model,
        "tokenizer.json": words.dump().encode(),
        "prompt.json": _json(lexicon),
        "calibration.json": _json(calibration),
        "golden.json": _json(golden),
    }
    adapter, weights = arrays or Arrays()
    for file, part in ((ADAPTER, adapter), (WEIGHTS, weights)):
        if part:
            contents[file] = dump_adapter(part)
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()}
    digest = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()
    manifest = Manifest(
        id=f"{name}-{digest[:10]}", prompt_version=lexicon.version, files=hashes, **described
    )
    _write_folder(path, contents | {MANIFEST: _json(manifest)})
    return manifest


def _check(bundle: Bundle) -> None:
    """The parts must fit each other."""
    if bundle.manifest.prompt_version != bundle.lexicon.version:
        raise Invalid(
            f"{bundle.id}: manifest.json and prompt.json name different prompt versions",
            reason="prompt-version",
        )
    if bundle.words.lacks(vocabulary(bundle.lexicon)):
        raise Invalid(f"{bundle.id}: tokenizer.json lacks words of prompt.json", reason="tokenizer")
    if not bundle.words.numbers(vocabulary(bundle.lexicon)):
        raise Invalid(
            f"{bundle.id}: tokenizer.json numbers the words of prompt.json otherwise: it is"
            " another model's",
            reason="tokenizer",
        )
    golden = bundle.golden
    if not golden.logits or len(golden.token_ids) != len(golden.logits):
        raise Invalid(f"{bundle.id}: golden.json holds no usable vectors", reason="golden")


def _verified(path: Path, digest: str | None) -> bytes:
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise Invalid(f"{path} is not the file that was released: reinstall it", reason="hash")
    return data


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8", reason="schema") from error


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _write_folder(path: Path, contents: dict[str, bytes]) -> None:
    """A sound folder or none: written and read back beside ``path``, then renamed."""
    if path.exists():
        raise Invalid(f"{path} exists: a bundle is written once", reason="exists")
    staging = path.with_name(f".{path.name}.new")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        for name, data in contents.items():
            _write(staging / name, data)
        load_bundle(staging)
        staging.rename(path)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}", reason="write") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    """On the disk before anyone is told of it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
