"""What is wrong with a base, its examples or the disk is said in a line, and changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2ForCausalLM

from heft_model.adapter import dump_adapter, load_adapter
from heft_model.bundle import Bundle, load_bundle
from heft_model.prompt import vocabulary
from heft_model.registry import Registry
from heft_model.session import OnnxModel
from heft_model.tokenizer import Words
from streams.errors import Invalid
from tests.model.bases import shape, tokenizer, write_base
from tests.model.test_finetune import KINDS, tuned
from tests.model.test_recipe import examples
from tests.unit.heft_model.making import facts, lexicon, write_dummy_bundle
from trainer.bases import load_base
from trainer.dataset import Example, check_examples
from trainer.recipe import train

pytestmark = pytest.mark.train
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def spoilt(folder: Path, weight: str, value: float) -> None:
    """One number of the base is no number."""
    model = Qwen2ForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.get_parameter(weight).view(-1)[3] = value
    model.save_pretrained(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    """A base with one NaN is refused before anything is taught, and the weight is named."""
    folder = write_base(tmp_path / "base")
    spoilt(folder, "model.layers.2.mlp.up_proj.weight", value)
    with pytest.raises(Invalid, match=r"NaN or infinity in layers\.2\.mlp\.up_proj\.weight"):
        load_base(str(folder))


@pytest.mark.parametrize("words", [270, 2000])
def test_a_tokenizer_of_another_model(tmp_path: Path, words: int) -> None:
    """Words without an embedding, or a thousand embeddings without a word, do not belong."""
    folder = write_base(tmp_path / "base")
    Qwen2ForCausalLM(shape(layers=1, width=32, words=words)).save_pretrained(folder)
    assert len(tokenizer()) > 270
    with pytest.raises(Invalid, match="another model's tokenizer"):
        load_base(str(folder))


def test_another_kind_of_model(tmp_path: Path) -> None:
    """HEFT is for Qwen2 and says so."""
    config = LlamaConfig(hidden_size=32, num_hidden_layers=1, vocab_size=300, intermediate_size=32)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(Invalid, match="is a llama model: HEFT needs Qwen2"):
        load_base(str(tmp_path))


@pytest.mark.parametrize("name", ["nowhere.gguf", "empty", "cut.gguf"])
def test_a_base_that_is_not_there(tmp_path: Path, name: str) -> None:
    """A missing file, an empty folder and half a GGUF are one line each."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(Invalid, match="base ") as refusal:
        load_base(str(tmp_path / name))
    assert "\n" not in str(refusal.value)


def test_a_context_that_is_too_short(tmp_path: Path) -> None:
    """Prompts that the base was never made for are refused before it is taught."""
    settings = tuned(write_base(tmp_path / "base"), KINDS["LoRA, merged"])
    assert settings.heft is not None
    longer = msgspec.structs.replace(settings.heft, max_length=10_000)
    with pytest.raises(Invalid, match="prompts of 10000 words do not fit the base's context"):
        train(examples(), msgspec.structs.replace(settings, heft=longer), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_prompt_that_is_too_long(tiny: Bundle) -> None:
    """When serving, a prompt beyond the context is refused by us and not by the runtime."""
    with pytest.raises(Invalid, match="300 words is longer than the 256 that fit"):
        OnnxModel(tiny.model).run([[2] * 300])


def test_an_empty_class(tmp_path: Path) -> None:
    """Launches that all end alike teach nothing."""
    settings = tuned(write_base(tmp_path / "base"), KINDS["LoRA, merged"])
    with pytest.raises(Invalid, match="only one outcome"):
        train(examples(label=lambda _: True), settings, tmp_path / "b")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"at": NOW + timedelta(days=1)}, "the future"),
        ({"launched_at": facts().at + timedelta(hours=1)}, "older than its launch"),
    ],
)
def test_a_dossier_of_the_wrong_time(changes: dict[str, Any], says: str) -> None:
    """A time that has not come, or from before the launch, is no moment of scoring."""
    with pytest.raises(Invalid, match=says):
        check_examples([Example(facts(1), label=True), Example(facts(2, **changes), True)], now=NOW)


def test_a_pool_with_two_launches(tmp_path: Path) -> None:
    """It would stand on both sides of a split by time; the whole training is refused."""
    settings = tuned(write_base(tmp_path / "base"), KINDS["LoRA, merged"])
    rows = examples()
    again = msgspec.structs.replace(
        rows[0].facts, launched_at=rows[0].facts.launched_at - timedelta(days=30)
    )
    with pytest.raises(Invalid, match="two launches: give each pool once"):
        train([*rows, Example(again, rows[0].label)], settings, tmp_path / "b")


def test_an_adapter_of_no_numbers() -> None:
    """NaN in what was learnt never reaches a session."""
    array = np.ones((3, 4), dtype=np.float32)
    assert np.array_equal(load_adapter(dump_adapter({"words": array}))["words"], array)
    array[1, 2] = np.nan
    with pytest.raises(Invalid, match="words is not of finite"):
        load_adapter(dump_adapter({"words": array}))
    with pytest.raises(Invalid, match="cannot be read"):
        load_adapter(b"no tensors")


def test_an_adapter_of_another_graph(tiny: Bundle) -> None:
    """Arrays that the graph does not take, or lacks, are refused before it serves."""
    with pytest.raises(Invalid, match=r"not of this model\.onnx"):
        OnnxModel(tiny.model, adapter={"3.q_proj.a": np.ones((4, 4), dtype=np.float32)})


def test_a_bundle_with_another_numbering(tmp_path: Path) -> None:
    """All words are there, but a network that was taught other numbers would read other words."""
    write_dummy_bundle(tmp_path / "b")
    words = vocabulary(lexicon())
    swapped = [*words[:5], words[6], words[5], *words[7:]]
    text = Words.of(swapped).dump().encode()
    (tmp_path / "b" / "tokenizer.json").write_bytes(text)
    manifest = msgspec.json.decode((tmp_path / "b" / "manifest.json").read_bytes())
    import hashlib  # noqa: PLC0415

    manifest["files"]["tokenizer.json"] = hashlib.sha256(text).hexdigest()
    (tmp_path / "b" / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(Invalid, match="it is another model's"):
        load_bundle(tmp_path / "b")


FULL_DISK = """
import sys
from pathlib import Path
from heft_model.registry import Registry
from streams.errors import Invalid
from tests.model.test_finetune import KINDS, tuned
from tests.model.test_recipe import examples
from trainer.recipe import train
disk, base, bundle = map(Path, sys.argv[1:])
for name, work in (
    ("checkpoint", lambda: train(examples(), tuned(base, KINDS["whole layers"]), disk / "b")),
    ("kept", lambda: train(examples(), tuned(base, KINDS["kept, in bf16"]), disk / "b")),
    ("version", lambda: Registry(disk / "registry").add(bundle)),
):
    try:
        work()
        print(name, "was written")
    except Invalid as error:
        print(name, "refused:", error)
print(sorted(path.name for path in disk.iterdir() if not path.name.startswith(".")))
print(Registry(disk / "registry").champion())
"""


def test_a_disk_that_fills(tmp_path: Path) -> None:
    """On a real file system of 100 kB each save is refused in a line, and the champion stays."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare of util-linux, to mount a small file system")
    base, bundle, disk = write_base(tmp_path / "base"), tmp_path / "bundle", tmp_path / "disk"
    write_dummy_bundle(bundle, model=bytes(200_000))
    champion = Registry(tmp_path / "none").champion()
    disk.mkdir()
    (tmp_path / "program.py").write_text(FULL_DISK)
    program = [sys.executable, str(tmp_path / "program.py"), str(disk), str(base), str(bundle)]
    mounted = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=100k tmpfs "$1"; shift; "$@"']
    ran = subprocess.run(
        [*mounted, "sh", str(disk), *program],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    lines = [line for line in ran.stdout.splitlines() if "[info" not in line]
    refused = [line.partition(" refused: ") for line in lines if " refused: " in line]
    assert [name for name, _, said in refused if said] == ["checkpoint", "kept", "version"], ran
    assert lines[-1] == champion
    assert not any("was written" in line for line in lines)
