"""HEFT on a pretrained base: little is trained, it learns, and what serves is what was taught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

import torch
from transformers import Qwen2Model

from heft_model import graph
from heft_model.bundle import load_bundle
from heft_model.finetuned import FineTuned, Sparsity
from heft_model.knowledge import Knowledge
from heft_model.scorer import OnnxScorer
from streams.errors import Invalid
from tests.model.bases import shape, write_base
from tests.model.test_recipe import NAMES, examples
from tests.unit.heft_model.making import many
from trainer import finetune
from trainer.adapters import AdapterSettings
from trainer.bases import load_base
from trainer.finetune import HeftSettings, fine_tune
from trainer.layers import choose_layers, contributions
from trainer.noise import Noise
from trainer.presets import PRESETS, RecipeSettings, read_recipe
from trainer.recipe import train
from trainer.rows import Rows

pytestmark = pytest.mark.train

KINDS = {
    "LoRA, merged": HeftSettings(),
    "rsLoRA and LoRA+, as inputs": HeftSettings(
        adapters=AdapterSettings(rank=4, rslora=True, plus=4), merged=False
    ),
    "DoRA, merged": HeftSettings(adapters=AdapterSettings(rank=4, dora=True)),
    "DoRA, as inputs": HeftSettings(adapters=AdapterSettings(rank=4, dora=True), merged=False),
    "PiSSA, as inputs": HeftSettings(adapters=AdapterSettings(rank=4, pissa=True), merged=False),
    "sparse attention": HeftSettings(sparsity=Sparsity(block=2, window=2, shared=1)),
    "kept, in bf16": HeftSettings(precision="bf16", half=True, kept=2, checkpointing=True),
    "whole layers": HeftSettings(whole=True),
}
RECIPE = RecipeSettings(
    name="tuned",
    facts=NAMES,
    bins=6,
    steps=24,
    batch=32,
    learning_rate=5e-3,
    calibration=0.3,
    checks=2,
    refit=False,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Qwen2 of four layers, in the layout of the hub."""
    return write_base(tmp_path_factory.mktemp("bases") / "base")


def tuned(base: Path, heft: HeftSettings, **changes: Any) -> RecipeSettings:
    """The recipe for that base."""
    heft = msgspec.structs.replace(heft, base=str(base), layers=0.5, reach=0.5, measured=64)
    return msgspec.structs.replace(RECIPE, heft=heft, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_and_serves(base: Path, tmp_path: Path, kind: str) -> None:
    """Every ingredient trains to a bundle that ranks later launches, and passes parity."""
    bundle = load_bundle(train(examples(), tuned(base, KINDS[kind]), tmp_path / "b"))
    assert bundle.manifest.metrics["auc_1h"] > 0.8
    assert bool(bundle.adapter) == (not KINDS[kind].merged)
    scorer = OnnxScorer(bundle)
    together = [verdict.probability for verdict in scorer.score(many(9))]
    alone = [scorer.score([each])[0].probability for each in many(9)]
    assert together == pytest.approx(alone, abs=1e-3)


def test_versions_over_one_base_share_one_graph(base: Path, tmp_path: Path) -> None:
    """What differs between two trainings is the adapter; swapping loads no graph again."""
    kind = KINDS["PiSSA, as inputs"]
    first, second = (
        load_bundle(train(examples(), tuned(base, kind, learning_rate=rate), tmp_path / str(rate)))
        for rate in (5e-3, 2e-3)
    )
    assert first.model == second.model
    assert first.id != second.id
    scorer = OnnxScorer(first)
    told = [verdict.probability for verdict in scorer.score(many(5))]
    scorer.prepare(second)
    scorer.swap(second)
    other = [verdict.probability for verdict in OnnxScorer(second).score(many(5))]
    assert [verdict.probability for verdict in scorer.score(many(5))] == other != told
    scorer.swap(first)
    assert [verdict.probability for verdict in scorer.score(many(5))] == told


@pytest.mark.parametrize("kind", ["LoRA, merged", "DoRA, as inputs"])
def test_a_model_that_no_onnx_file_holds(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Above 2 GiB the weights lie beside the graph, and the scores are the same."""
    settings = tuned(base, KINDS[kind])
    small = load_bundle(train(examples(), settings, tmp_path / "small"))
    monkeypatch.setattr(graph, "MOST_BYTES", 10_000)
    large = load_bundle(train(examples(), settings, tmp_path / "large"))
    assert len(large.model) < len(small.model) / 2
    told, other = (
        [verdict.probability for verdict in OnnxScorer(each).score(many(5))]
        for each in (small, large)
    )
    assert told == pytest.approx(other, abs=1e-5)


def taught(base: Path, settings: HeftSettings, tmp_path: Path) -> Any:
    """A few steps on random rows, by the lowest level."""
    made = load_base(str(base))
    rows = random_rows()
    noise = _NoNoise()
    return fine_tune(
        made.trunk,
        made.trunk.embed_tokens.weight.detach()[:50].clone(),
        rows,
        msgspec.structs.replace(settings, layers=0.5, reach=0.75, measured=64),
        msgspec.structs.replace(RECIPE, steps=4).teaching(),
        noise,
        tmp_path / "work",
    )


class _NoNoise(Noise):
    def __init__(self) -> None:
        pass

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        return ids


def random_rows(count: int = 96) -> Rows:
    """Rows of which the first word tells the label."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 50, (count, 12), generator=generator)
    return Rows(
        ids=ids,
        last=torch.full((count,), 11),
        labels=(ids[:, 11] > 25).float(),
        kinds=torch.full((count, 3), torch.nan),
        weights=torch.ones(count),
        pools=torch.arange(count),
    )


def test_what_is_not_chosen_stays_as_it_was(base: Path, tmp_path: Path) -> None:
    """No weight outside the chosen layers' adapters, the knowledge and the head moves at all."""
    result = taught(base, HeftSettings(), tmp_path)
    before = load_base(str(base)).trunk.state_dict()
    after = result.model.trunk.state_dict()
    moved = {n.split(".")[1] for n, v in after.items() if ".lora_B." in n and v.abs().sum() > 0}
    assert moved == {str(layer) for layer in result.layers}
    for name, value in before.items():
        now = after.get(name, after.get(name.replace("_proj.", "_proj.base_layer.")))
        if name != "embed_tokens.weight":
            assert now is not None
            assert torch.equal(value, now), name
    assert result.model.cut == min(result.layers)
    assert result.model.knowledge.gate.item() != 0


def test_kept_states_are_the_computed_ones(base: Path, tmp_path: Path) -> None:
    """Computing the frozen part once and keeping it changes no number that is learnt."""
    kept, computed = (
        taught(base, HeftSettings(kept=number, dropout=0.0), tmp_path / str(number)).model
        for number in (1, 0)
    )
    rows = random_rows(20)
    with torch.no_grad():
        assert torch.allclose(kept(rows.ids, rows.last), computed(rows.ids, rows.last), atol=1e-4)


def test_a_closed_gate_changes_nothing() -> None:
    """Fine-tuning begins at exactly what the base does, whatever the new embeddings are."""
    model = random_model()
    ids, last = torch.randint(0, 50, (3, 9)), torch.full((3,), 8)
    with torch.no_grad():
        before = model(ids, last)
        model.knowledge = Knowledge(50, 32)
        assert torch.equal(model(ids, last), before)
        model.knowledge.gate.fill_(1.0)
        assert not torch.allclose(model(ids, last), before)


def random_model(**changes: Any) -> FineTuned:
    """A model of four random layers with a head that says something."""
    torch.manual_seed(0)
    trunk = Qwen2Model(shape(layers=4, width=32, words=50))
    model = FineTuned(trunk, torch.randn(50, 32), **changes).eval()
    torch.nn.init.normal_(model.head.weight)
    return model


@pytest.mark.parametrize("window", [0, 2])
def test_the_last_layer_at_the_answer_alone_is_the_same(window: int) -> None:
    """What is not read need not be computed: no number of the answer changes."""
    sparsity = Sparsity(block=2, window=window, shared=1)
    whole, alone = (random_model(sparsity=sparsity, answer_only=only) for only in (False, True))
    ids, last = torch.randint(0, 50, (5, 9)), torch.tensor([8, 3, 0, 5, 7])
    with torch.no_grad():
        assert torch.allclose(whole(ids, last), alone(ids, last), atol=1e-5)


def test_contributions_are_the_gradients() -> None:
    """Measured weight by weight and dropped, they are what autograd gives all at once."""
    model = random_model()
    ids, last = torch.randint(0, 50, (16, 9)), torch.full((16,), 8)
    labels = (torch.arange(16) % 2).float()
    for weight in model.trunk.parameters():
        weight.requires_grad_(False)
    found = contributions(model, [(ids, last, labels)])
    assert not any(weight.requires_grad for weight in model.trunk.parameters())
    for layer in model.trunk.layers:
        layer.requires_grad_(True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(ids, last), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    matrices = [[w.grad for w in x.parameters() if w.ndim > 1] for x in model.trunk.layers]
    wanted = np.array([sum(g.square().sum().item() for g in x if g is not None) for x in matrices])
    assert found == pytest.approx((wanted / wanted.sum()).tolist(), rel=1e-4)


def test_layers_are_chosen_by_contribution_within_reach() -> None:
    """The largest win, but only among those that the backward pass may come to."""
    measured = [0.4, 0.05, 0.1, 0.2, 0.05, 0.2]
    assert choose_layers(measured, share=1 / 3, reach=1.0) == [0, 3]
    assert choose_layers(measured, share=1 / 3, reach=0.5) == [3, 5]
    assert choose_layers(measured, share=1.0, reach=1.0) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(Invalid, match="share <= reach"):
        choose_layers(measured, share=0.5, reach=0.3)


def test_sparse_attention_sees_what_it_says() -> None:
    """Its own block and those of the window before it, the shared words, and nothing to come."""
    mask = Sparsity(block=2, window=2, shared=1).mask(7)
    assert mask is not None
    seen = [[other for other in range(7) if mask[0, 0, mine, other]] for mine in range(7)]
    assert seen == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 2, 3, 4],
        [0, 2, 3, 4, 5],
        [0, 4, 5, 6],
    ]
    assert Sparsity(window=0).mask(7) is None


def test_a_killed_run_goes_on(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between checkpoints and started again, it ends in the very same bundle."""
    settings = tuned(base, KINDS["LoRA, merged"])
    whole = load_bundle(train(examples(), settings, tmp_path / "whole")).id
    batches = 0

    class Killed(finetune._Batches):
        def __call__(self, drawn: list[finetune.Drawn]) -> dict[str, torch.Tensor]:
            nonlocal batches
            batches += 1
            if batches == 17:
                raise KeyboardInterrupt
            return super().__call__(drawn)

    monkeypatch.setattr(finetune, "_Batches", Killed)
    with pytest.raises(KeyboardInterrupt):
        train(examples(), settings, tmp_path / "killed")
    assert load_bundle(train(examples(), settings, tmp_path / "killed")).id == whole
    assert batches < 17 + 24


PROGRAM = """
import sys
from pathlib import Path
from tests.model.test_finetune import KINDS, tuned
from tests.model.test_recipe import examples
from trainer.recipe import train
train(examples(), tuned(Path(sys.argv[1]), KINDS["LoRA, merged"]), Path(sys.argv[2]))
"""


def test_it_runs_on_several_processes(base: Path, tmp_path: Path) -> None:
    """Under torchrun each process teaches on its part of a batch, and one bundle comes out."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    command += [str(tmp_path / "program.py"), str(base), str(tmp_path / "b")]
    ran = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert load_bundle(tmp_path / "b").manifest.metrics["auc_1h"] > 0.8


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_presets_can_be_read(preset: str) -> None:
    """Each file of the sizes that ship says something that the recipe understands."""
    settings = read_recipe(preset)
    assert settings.name == preset
    assert (settings.heft is None) == (preset in {"nano", "refresh"})


def test_the_nano_preset_is_the_default() -> None:
    """What ships can be trained again by the preset of its name."""
    assert read_recipe("nano") == RecipeSettings()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2b",), "no preset '2b': choose from 0.5b, 1.5b, heft-qwen, nano"),
        (("nano", None, "some/base"), "teaches from nothing: it takes no base"),
    ],
)
def test_a_preset_that_cannot_be_is_refused(arguments: tuple[Any, ...], says: str) -> None:
    """In one line that says what there is."""
    with pytest.raises(Invalid, match=says):
        read_recipe(*arguments)
