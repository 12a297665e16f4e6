"""A session serves only a model that gives its golden scores, and only finite numbers."""

from __future__ import annotations

import sys

import msgspec
import pytest

from heft_model.bundle import Bundle, Golden
from heft_model.session import OnnxModel, Session
from streams.errors import Broken, Invalid

pytestmark = pytest.mark.train


def changed(bundle: Bundle, **changes: object) -> Bundle:
    """The bundle with some part exchanged, past all hashes."""
    return msgspec.structs.replace(bundle, **changes)


def test_the_golden_scores_come_out(tiny: Bundle) -> None:
    """The server sees what the exporter saw."""
    session = Session(tiny)
    assert session.run(tiny.golden.token_ids) == pytest.approx(tiny.golden.logits, abs=1e-3)


def test_nothing_in_nothing_out(tiny: Bundle) -> None:
    """An empty batch needs no model."""
    assert Session(tiny).run([]) == []


def test_rows_may_differ_in_length(tiny: Bundle) -> None:
    """Padding is the session's own affair."""
    rows = [[2, 7, 3], [2, 3], [2, 7, 8, 9, 3]]
    session = Session(tiny)
    assert session.run(rows) == pytest.approx([session.run([r])[0] for r in rows], abs=1e-4)


def test_another_score_is_refused(tiny: Bundle) -> None:
    """A runtime, processor or file that computes something else does not serve."""
    golden = Golden(token_ids=tiny.golden.token_ids, logits=[1e3] * len(tiny.golden.logits))
    with pytest.raises(Invalid, match="does not give its golden scores") as refusal:
        Session(changed(tiny, golden=golden))
    assert refusal.value.reason == "golden"


@pytest.mark.parametrize("model", [b"", b"no model", b"\x08\x0a" * 50])
def test_what_is_no_model_is_refused(tiny: Bundle, model: bytes) -> None:
    """In one line, with the bundle's name."""
    with pytest.raises(Invalid, match=r"tiny-.*: model\.onnx cannot be loaded") as refusal:
        Session(changed(tiny, model=model))
    assert "\n" not in str(refusal.value)


def test_a_word_beyond_the_model_is_refused(tiny: Bundle) -> None:
    """A tokenizer of another model, past all hashes, is found out before it serves."""
    golden = Golden(token_ids=[[10**6]], logits=[0.0])
    with pytest.raises(Invalid, match=r"model\.onnx does not run"):
        Session(changed(tiny, golden=golden))


def test_nan_stops_us(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that has served well and gives NaN is broken: nothing of it is published."""
    session = Session(tiny)
    monkeypatch.setattr(OnnxModel, "answers", lambda self, rows: [[float("nan")]] * len(rows))
    with pytest.raises(Broken, match="gave no usable score"):
        session.run([[2, 3]])


def test_a_model_of_nan_never_serves(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden check sees it at loading."""
    monkeypatch.setattr(OnnxModel, "answers", lambda self, rows: [[float("nan")]] * len(rows))
    with pytest.raises(Invalid, match="golden scores"):
        Session(tiny)


def test_it_says_what_it_runs_on(tiny: Bundle) -> None:
    """Whether a graphics card is used is not left to guessing."""
    assert OnnxModel(tiny.model).provider in ("CPUExecutionProvider", "CUDAExecutionProvider")


def test_without_a_runtime_it_says_what_to_install(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither extra is installed: that is a line, not a traceback."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Invalid, match=r"pip install 'heft-monitor\[cpu\]'"):
        Session(tiny)
