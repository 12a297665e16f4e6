"""One session over a verified bundle, checked before it serves.

Loading ends with the golden vectors: a model that does not give the logits that its exporter saw
(another runtime, another processor, a wrong file) is refused before it judges anything. It knows
neither words nor probabilities.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from heft_model.adapter import Adapter
from heft_model.bundle import Bundle
from heft_model.providers import (
    AUTO,
    first_line,
    is_accelerated,
    open_session,
    placed,
    run_bound,
    run_plain,
)
from heft_model.tokenizer import PAD_ID
from streams.errors import Broken, Invalid

__all__ = ["OnnxModel", "Session"]

GOLDEN_TOLERANCE = 1e-3
"""Logits: fp32 summed in another order moves them by about 1e-5; a wrong graph by far more."""

Runner = Callable[[Any, Adapter, Mapping[str, Any]], NDArray[Any]]
PROMPT = ("input_ids", "last")

log = structlog.get_logger(__name__)


class OnnxModel:
    """An ONNX classifier in memory: token ids to logits, unchecked."""

    def __init__(
        self,
        data: bytes,
        *,
        threads: int = 1,
        adapter: Adapter | None = None,
        weights: Adapter | None = None,
        provider: str = AUTO,
    ) -> None:
        """Open the model, each run using ``threads``; raises ``Invalid``.

        ``adapter`` is what the graph takes besides prompts, ``weights`` what it names and does not
        hold, ``provider`` as in the settings.
        """
        self._session = open_session(data, weights or {}, threads=threads, provider=provider)
        self._longest, self._run = self._limits()
        self._worn = self._fitted(adapter or {})

    @property
    def provider(self) -> str:
        """What the model runs on."""
        return str(self._session.get_providers()[0])

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of rug that it was taught, in the order of its answers; most old ones: none."""
        told = self._session.get_modelmeta().custom_metadata_map.get("kinds", "")
        return tuple(told.split(",")) if told else ()

    def wearing(self, adapter: Adapter) -> OnnxModel:
        """The same session with another adapter: nothing is loaded again. Raises ``Invalid``."""
        other = copy.copy(self)
        other._worn = self._fitted(adapter)  # noqa: SLF001 - a copy of ourselves
        return other

    def run(self, token_ids: Sequence[Sequence[int]]) -> list[float]:
        """One logit a row, as ``answers`` gives it first."""
        return [logit for logit, *_ in self.answers(token_ids)]

    def answers(self, token_ids: Sequence[Sequence[int]]) -> list[list[float]]:
        """The logits of the rug and of each of ``kinds``, a row; padding changes none.

        Raises ``Invalid`` for a row that is longer than the model reads.
        """
        ids, last = _padded(token_ids)
        if self._longest and ids.shape[1] > self._longest:
            raise Invalid(
                f"a prompt of {ids.shape[1]} words is longer than the {self._longest} that fit",
                reason="context",
            )
        found = self._run(self._session, {"input_ids": ids, "last": last}, self._worn)
        return [[float(logit) for logit in row] for row in found]

    def _limits(self) -> tuple[int, Runner]:
        """Words in the longest prompt, 0 where the model does not say, and how it is run."""
        told = self._session.get_modelmeta().custom_metadata_map.get("max_length", "0")
        return int(told), run_bound if is_accelerated(self.provider) else run_plain

    def _fitted(self, adapter: Adapter) -> Mapping[str, Any]:
        """The arrays, where the model runs, if they are what it takes; raises ``Invalid``."""
        inputs = {each.name: each.shape for each in self._session.get_inputs()}
        wanted = {name: shape for name, shape in inputs.items() if name not in PROMPT}
        if set(wanted) != set(adapter) or not all(
            _fits(adapter[name].shape, shape) for name, shape in wanted.items()
        ):
            raise Invalid("adapter.safetensors is not of this model.onnx", reason="adapter")
        return placed(adapter, self.provider)


class Session:
    """Token ids to logits. Safe to ``run`` from several threads at once."""

    def __init__(
        self, bundle: Bundle, *, threads: int = 1, provider: str = AUTO, near: Session | None = None
    ) -> None:
        """Load and check ``bundle``, each run using ``threads``; raises ``Invalid``.

        With a session ``near`` of a bundle that has the same graph, only the adapter is new.
        """
        self._model: OnnxModel
        self._id, self._graph = bundle.id, bundle.manifest.files["model.onnx"]
        shares = near is not None and near._graph == self._graph and bool(bundle.adapter)  # noqa: SLF001
        try:
            if near is not None and shares:
                self._model = near._model.wearing(bundle.adapter)  # noqa: SLF001
            else:
                self._model = OnnxModel(
                    bundle.model,
                    threads=threads,
                    adapter=bundle.adapter,
                    weights=bundle.weights,
                    provider=provider,
                )
        except Invalid as error:
            raise Invalid(f"{bundle.id}: {error}", reason=error.reason) from error
        self._check(bundle)
        self._kinds = self._model.kinds
        log.info(
            "session_opened",
            bundle=bundle.id,
            provider=self._model.provider,
            threads=threads,
            shared=shares,
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """As ``OnnxModel.kinds``."""
        return self._kinds

    def run(self, token_ids: Sequence[Sequence[int]]) -> list[float]:
        """One logit a row, as ``answers`` gives it first."""
        return [logit for logit, *_ in self.answers(token_ids)]

    def answers(self, token_ids: Sequence[Sequence[int]]) -> list[list[float]]:
        """As ``OnnxModel.answers``; raises ``Broken`` when any of them is no finite number."""
        if not token_ids:
            return []
        rows = self._model.answers(token_ids)
        if len(rows) != len(token_ids) or not all(math.isfinite(x) for row in rows for x in row):
            raise Broken(f"{self._id} gave no usable score: heft models rollback")
        return rows

    def _check(self, bundle: Bundle) -> None:
        """Warm up, and refuse a model that is not the one that was exported."""
        try:
            logits = self._model.run(bundle.golden.token_ids)
        except Exception as error:  # onnxruntime's errors share no ancestor
            line = first_line(error)
            raise Invalid(f"{self._id}: model.onnx does not run: {line}", reason="onnx") from error
        pairs = zip(logits, bundle.golden.logits, strict=True)
        if not all(abs(got - told) <= GOLDEN_TOLERANCE for got, told in pairs):
            raise Invalid(
                f"{self._id} does not give its golden scores here: reinstall it, or export again",
                reason="golden",
            )


def _fits(shape: tuple[int, ...], wanted: Sequence[Any]) -> bool:
    """Whether an array is of an input's shape, in which unnamed sizes are free."""
    return len(shape) == len(wanted) and all(
        not isinstance(size, int) or size == mine for mine, size in zip(shape, wanted, strict=True)
    )


def _padded(token_ids: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Right-padded ids ``[rows, longest]`` and the index of each row's last token ``[rows]``."""
    last = np.array([len(row) - 1 for row in token_ids], dtype=np.int64)
    ids = np.full((len(token_ids), int(last.max()) + 1), PAD_ID, dtype=np.int64)
    for i, row in enumerate(token_ids):
        ids[i, : len(row)] = row
    return ids, last
