"""What is exported gives torch's numbers, whoever shares the batch; anything else is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

import onnx
import torch

from heft_model.architecture import HeftMember, HeftModel, NanoSettings, parameter_count
from heft_model.export import TOLERANCE, export_model, parity, torch_answers, torch_logits
from heft_model.session import OnnxModel
from streams.errors import Invalid
from tests.unit.heft_model.making import random_model

VOCABULARY = 50
SHAPES = {
    "one head": NanoSettings(width=8, layers=1, heads=1, kv_heads=1, ffn=12),
    "grouped heads": NanoSettings(width=32, layers=3, heads=4, kv_heads=2, ffn=40),
    "ensemble": NanoSettings(width=16, layers=2, heads=2, kv_heads=1, ffn=24, members=3),
}

pytestmark = pytest.mark.train


@pytest.fixture(params=SHAPES)
def model(request: pytest.FixtureRequest) -> HeftModel:
    """A random model of each kind of shape."""
    return random_model(SHAPES[request.param], VOCABULARY)


def test_parity(model: HeftModel) -> None:
    """On mixed lengths, alone and in batches of 1, 3, 8 and 17, the graph is the model."""
    assert parity(model, export_model(model)) <= TOLERANCE


def test_the_parity_check_can_fail(model: HeftModel) -> None:
    """A graph whose weights differ by a little is seen: the check itself works."""
    data = export_model(model)
    with torch.no_grad():
        model.parts[0].head.weight[0, 0] += 0.01
    assert parity(model, data) > TOLERANCE


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_model_is_not_exported(model: HeftModel, value: float) -> None:
    """NaN compares with nothing, and must not slip through."""
    with torch.no_grad():
        model.parts[0].head.weight[0, 0] = value
    with pytest.raises(Invalid, match="off the model: nothing was written"):
        export_model(model)


def test_a_score_does_not_depend_on_its_batch() -> None:
    """The same dossier scores the same alone, among its like, and beside a longer one."""
    model = random_model(SHAPES["grouped heads"], VOCABULARY)
    runtime = OnnxModel(export_model(model))
    rows = np.random.default_rng(0).integers(0, VOCABULARY, (17, 24)).tolist()
    alone = np.array([runtime.run([row])[0] for row in rows])
    together = np.array(runtime.run(rows))
    padded = np.array(runtime.run([*rows, [1] * 90])[:-1])
    assert abs(alone - together).max() < 1e-3
    assert abs(alone - padded).max() < 1e-3


def test_only_standard_operators() -> None:
    """Any runtime of opset 23 can serve a bundle; nothing is bound to one vendor."""
    graph = onnx.load_from_string(export_model(random_model(SHAPES["ensemble"], VOCABULARY)))
    assert {(opset.domain, opset.version) for opset in graph.opset_import} == {("", 23)}


def test_the_ensemble_is_the_mean_of_its_members() -> None:
    """Each member alone, averaged, gives the ensemble's logit."""
    model = random_model(SHAPES["ensemble"], VOCABULARY)
    rows = [[1, 2, 3], [4, 5, 6]]
    apart = np.mean([torch_logits(HeftModel([part]), rows) for part in model.parts], axis=0)
    assert torch_logits(model, rows) == pytest.approx(apart, abs=1e-5)


def test_padding_is_never_read() -> None:
    """What stands after the last word does not matter, whatever it is."""
    model = random_model(SHAPES["grouped heads"], VOCABULARY)
    ids = torch.tensor([[3, 4, 5, 0, 0], [3, 4, 5, 9, 9]])
    with torch.no_grad():
        first, second = model(ids, torch.tensor([2, 2])).tolist()
    assert first == pytest.approx(second, abs=1e-6)


def test_dropout_is_for_teaching_alone() -> None:
    """A model in training mode gives other numbers each time; exported ones never vary."""
    model = random_model(NanoSettings(width=16, layers=1, heads=2, ffn=24, dropout=0.5), 50)
    model.train()
    ids, last = torch.tensor([[1, 2, 3]]), torch.tensor([2])
    assert model(ids, last).item() != model(ids, last).item()
    assert torch_logits(model, [[1, 2, 3]]) == torch_logits(model, [[1, 2, 3]])
    assert model.training


def test_a_fresh_member_starts_at_even_odds() -> None:
    """Before teaching every launch is as likely a rug as not."""
    torch.manual_seed(0)
    model = HeftModel([HeftMember(SHAPES["one head"], VOCABULARY)])
    assert torch_logits(model, [[1, 2], [3, 4, 5]]) == [0.0, 0.0]


def test_size_is_what_the_shape_says() -> None:
    """About a million numbers for the first shape that was tried on real launches."""
    assert 0.7e6 < parameter_count(HeftMember(NanoSettings(), 300)) < 1.1e6


@pytest.mark.parametrize(
    "shape", [{"width": 30, "heads": 4}, {"heads": 4, "kv_heads": 3}, {"width": 12, "heads": 4}]
)
def test_impossible_shapes_are_refused(shape: dict[str, int]) -> None:
    """Heads must share the width evenly, and rotate in pairs."""
    with pytest.raises(Invalid, match="must split into heads"):
        NanoSettings(**shape)


def test_kinds_leave_the_graph_as_they_are_in_torch() -> None:
    """Each head beside the rug's, in its order and by its name, whoever shares the batch."""
    model = random_model(SHAPES["ensemble"], VOCABULARY, kinds=("honeypot", "hidden-mint"))
    data = export_model(model)
    runtime = OnnxModel(data)
    rows = np.random.default_rng(1).integers(0, VOCABULARY, (5, 9)).tolist()
    assert runtime.kinds == ("honeypot", "hidden-mint")
    assert np.allclose(runtime.answers(rows), torch_answers(model, rows), atol=1e-4)
    assert np.allclose([each[0] for each in runtime.answers(rows)], runtime.run(rows))
    with torch.no_grad():
        model.parts[1].head.weight[2] += 0.01  # the last kind's alone
    assert parity(model, data) > TOLERANCE
    assert OnnxModel(export_model(random_model(SHAPES["ensemble"], VOCABULARY))).kinds == ()


def test_only_the_last_word_is_computed_at_last() -> None:
    """The numbers of Qwen2 itself, which computes its last layer for every word."""
    member = random_model(SHAPES["grouped heads"], VOCABULARY).parts[0]
    ids = torch.from_numpy(np.random.default_rng(2).integers(0, VOCABULARY, (4, 12)))
    last = torch.tensor([11, 3, 7, 0])
    with torch.no_grad():
        hidden = member.trunk(input_ids=ids).last_hidden_state[torch.arange(4), last]
        assert torch.allclose(member(ids, last), member.head(hidden)[:, 0], atol=1e-5)
