"""One ONNX Runtime session over a verified bundle: the only file that imports onnxruntime.

Loading ends with the golden vectors: a model that does not give the logits that its exporter saw
(another runtime, another processor, a wrong file) is refused before it judges anything. It knows
neither words nor probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import structlog

from heft_model.bundle import Bundle
from heft_model.tokenizer import PAD_ID
from streams.errors import Broken, Invalid

__all__ = ["OnnxModel", "Session"]

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Best first; what the installed wheel lacks is skipped."""

GOLDEN_TOLERANCE = 1e-3
"""Logits: fp32 summed in another order moves them by about 1e-5; a wrong graph by far more."""

log = structlog.get_logger(__name__)


class OnnxModel:
    """An ONNX classifier in memory: token ids to logits, unchecked."""

    def __init__(self, data: bytes, *, threads: int = 1) -> None:
        """Open the model, each run using ``threads``; raises ``Invalid``."""
        self._session = _open(data, threads)

    @property
    def provider(self) -> str:
        """What the model runs on."""
        return str(self._session.get_providers()[0])

    def run(self, token_ids: Sequence[Sequence[int]]) -> list[float]:
        """One logit a row; padding to the longest changes none."""
        ids, last = _padded(token_ids)
        (logits,) = self._session.run(["logit"], {"input_ids": ids, "last": last})
        return [float(logit) for logit in logits]


class Session:
    """Token ids to logits. Safe to ``run`` from several threads at once."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        """Load and check ``bundle``, each run using ``threads``; raises ``Invalid``."""
        self._id = bundle.id
        try:
            self._model = OnnxModel(bundle.model, threads=threads)
        except Invalid as error:
            raise Invalid(f"{bundle.id}: {error}", reason=error.reason) from error
        self._check(bundle)
        provider = self._model.provider
        log.info("session_opened", bundle=bundle.id, provider=provider, threads=threads)

    def run(self, token_ids: Sequence[Sequence[int]]) -> list[float]:
        """One logit a row. Raises ``Broken`` when the model gives anything but finite numbers."""
        if not token_ids:
            return []
        logits = self._model.run(token_ids)
        if len(logits) != len(token_ids) or not all(map(math.isfinite, logits)):
            raise Broken(f"{self._id} gave no usable score: heft models rollback")
        return logits

    def _check(self, bundle: Bundle) -> None:
        """Warm up, and refuse a model that is not the one that was exported."""
        try:
            logits = self._model.run(bundle.golden.token_ids)
        except Exception as error:  # onnxruntime's errors share no ancestor
            line = _first_line(error)
            raise Invalid(f"{self._id}: model.onnx does not run: {line}", reason="onnx") from error
        pairs = zip(logits, bundle.golden.logits, strict=True)
        if not all(abs(got - told) <= GOLDEN_TOLERANCE for got, told in pairs):
            raise Invalid(
                f"{self._id} does not give its golden scores here: reinstall it, or export again",
                reason="golden",
            )


def _padded(token_ids: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Right-padded ids ``[rows, longest]`` and the index of each row's last token ``[rows]``."""
    last = np.array([len(row) - 1 for row in token_ids], dtype=np.int64)
    ids = np.full((len(token_ids), int(last.max()) + 1), PAD_ID, dtype=np.int64)
    for i, row in enumerate(token_ids):
        ids[i, : len(row)] = row
    return ids, last


def _open(data: bytes, threads: int) -> Any:
    try:
        import onnxruntime as ort  # noqa: PLC0415 - half a second, and absent without an extra
    except ImportError as error:
        raise Invalid(
            "no ONNX Runtime here: pip install 'heft-monitor[cpu]' (or '[gpu]')", reason="onnx"
        ) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # none: errors come back as exceptions that we word ourselves
    # Spinning threads would take the processor from the broker and the enricher between batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    available = ort.get_available_providers()
    providers = [name for name in PROVIDERS if name in available]
    try:
        return ort.InferenceSession(data, options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no ancestor
        line = _first_line(error)
        raise Invalid(f"model.onnx cannot be loaded: {line}", reason="onnx") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
