"""What a model runs on is chosen by what is there, said, and gives the same numbers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from heft_model.bundle import Bundle
from heft_model.providers import chosen, open_session, run_bound, run_plain
from heft_model.session import OnnxModel
from streams.errors import Invalid

pytestmark = pytest.mark.train

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT, OPENVINO = "TensorrtExecutionProvider", "OpenVINOExecutionProvider"


@pytest.mark.parametrize(
    ("provider", "available", "tried"),
    [
        ("auto", [CPU], ["cpu"]),
        ("auto", [TENSORRT, CUDA, CPU], ["cuda", "cpu"]),
        ("auto", [OPENVINO, CPU], ["openvino", "cpu"]),
        ("tensorrt", [TENSORRT, CUDA, CPU], ["tensorrt"]),
        ("cpu", [TENSORRT, CUDA, CPU], ["cpu"]),
    ],
)
def test_the_best_that_is_installed(provider: str, available: list[str], tried: list[str]) -> None:
    """A graphics card before the processor; what takes minutes to open only when asked for."""
    assert chosen(provider, available) == tried


def test_what_is_not_installed_is_refused() -> None:
    """Who asks for a card and has none hears what there is."""
    with pytest.raises(Invalid, match="'cuda' is not installed: here are cpu"):
        chosen("cuda", [CPU])


def test_what_cannot_start_gives_way(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that is installed and lacks its driver is passed over for the next, and said."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        model = OnnxModel(tiny.model)
    assert model.provider == CPU
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(Invalid, match="cannot be loaded"),
    ):
        OnnxModel(tiny.model, provider="cuda")


def test_binding_gives_the_same(tiny: Bundle) -> None:
    """The way that a graphics card is fed, on the processor: bound inputs, the same logits."""
    session = open_session(tiny.model, {}, threads=1)
    prompt = {"input_ids": np.array([[2, 7, 3], [2, 3, 0]]), "last": np.array([2, 1])}
    bound = run_bound(session, prompt, {}, device="cpu")
    assert bound.shape == (2, 1)
    assert bound == pytest.approx(run_plain(session, prompt, {}), abs=1e-6)


def test_an_adapter_can_be_bound() -> None:
    """Arrays that were put on the device once are read from there at every run."""
    from onnx import TensorProto, ValueInfoProto, helper  # noqa: PLC0415 - in the extra `train`

    def value(name: str, kind: int, shape: list[str | int]) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["words", "last"], ["picked"], axis=0),
            helper.make_node("ReduceSum", ["picked", "axis"], ["logit"], keepdims=0),
        ],
        "sum",
        [value("last", TensorProto.INT64, ["b"]), value("words", TensorProto.FLOAT, ["v", 2])],
        [value("logit", TensorProto.FLOAT, ["b"])],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    session = open_session(made.SerializeToString(), {}, threads=1)
    words = onnxruntime.OrtValue.ortvalue_from_numpy(np.eye(2, dtype=np.float32) * 3)
    found = run_bound(session, {"last": np.array([0, 1])}, {"words": words}, device="cpu")
    assert found.tolist() == [[3.0], [3.0]]
