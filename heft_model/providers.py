"""What a model runs on: the best that is here, and how to run on it. The home of onnxruntime.

Every provider is told to compute in full fp32: some would else round to TF32 or bf16, and a score
must be the same wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from heft_model.adapter import Adapter
from streams.errors import Invalid

__all__ = [
    "AUTO",
    "PROVIDERS",
    "first_line",
    "is_accelerated",
    "open_session",
    "placed",
    "run_bound",
    "run_plain",
]

AUTO = "auto"
PROVIDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
    "tensorrt": ("TensorrtExecutionProvider", {"trt_engine_cache_enable": "1"}),
    "openvino": ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "FP32"}),
    "cpu": ("CPUExecutionProvider", {}),
}
"""By the name that settings use, in the order in which ``auto`` tries them. CUDA comes before
TensorRT, which builds an engine for minutes at every new version: that is for those who ask."""

log = structlog.get_logger(__name__)


def open_session(data: bytes, weights: Adapter, *, threads: int, provider: str = AUTO) -> Any:
    """A session on the first provider that works, or on the one that is named.

    ``weights`` are the constants that the model names and does not hold. Raises ``Invalid`` when
    the model cannot be loaded, or the named provider is not to be had.
    """
    ort = _runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # none: errors come back as exceptions that we word ourselves
    # Spinning threads would take the processor from the broker and the enricher between batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        values = [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        options.add_external_initializers(list(weights), values)
    failure = "no provider is installed"
    for name in chosen(provider, ort.get_available_providers()):
        full, settings = PROVIDERS[name]
        try:
            session = ort.InferenceSession(data, options, providers=[(full, settings)])
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no ancestor
            failure = first_line(error)
        else:
            # What cannot start (a missing driver) is passed over silently for the CPU.
            if session.get_providers()[0] == full:
                return session
            failure = f"{full} does not start here"
        if name != "cpu":
            log.warning("provider_refused", provider=name, error=failure)
    raise Invalid(f"model.onnx cannot be loaded: {failure}", reason="onnx")


def chosen(provider: str, available: list[str]) -> list[str]:
    """The providers to try, best first; raises ``Invalid`` for one that is not installed."""
    here = [name for name, (full, _) in PROVIDERS.items() if full in available]
    if provider == AUTO:
        return [name for name in here if name != "tensorrt"]
    if provider not in here:
        raise Invalid(
            f"provider {provider!r} is not installed: here are {', '.join(here)}", reason="setting"
        )
    return [provider]


def is_accelerated(provider: str) -> bool:
    """Whether its memory is not the program's own."""
    return provider in ("CUDAExecutionProvider", "TensorrtExecutionProvider")


def placed(adapter: Adapter, provider: str) -> Mapping[str, Any]:
    """The arrays where the model runs, once and not at every run."""
    if not is_accelerated(provider):
        return adapter
    value = _runtime().OrtValue.ortvalue_from_numpy
    return {name: value(array, "cuda", 0) for name, array in adapter.items()}


def run_plain(session: Any, prompt: Adapter, worn: Mapping[str, Any]) -> NDArray[Any]:
    """Answers ``[rows, 1 + kinds]``, everything in the program's own memory."""
    return _joined(session.run(_outputs(session), {**worn, **prompt}))


def run_bound(
    session: Any, prompt: Adapter, worn: Mapping[str, Any], *, device: str = "cuda"
) -> NDArray[Any]:
    """Answers by I/O binding: the adapter stays on the device, prompts go, logits come back."""
    binding = session.io_binding()
    for name, array in prompt.items():
        binding.bind_cpu_input(name, array)
    for name, value in worn.items():
        binding.bind_ortvalue_input(name, value)
    for name in _outputs(session):
        binding.bind_output(name, device)
    session.run_with_iobinding(binding)
    return _joined(binding.copy_outputs_to_cpu())


def _outputs(session: Any) -> list[str]:
    """``logit``, and ``kinds`` of a model that was taught them."""
    return [each.name for each in session.get_outputs()]


def _joined(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """``logit [rows]`` and ``kinds [rows, k]`` side by side."""
    logits, *kinds = outputs
    return np.concatenate([np.asarray(logits)[:, None], *kinds], axis=1)


def first_line(error: Exception) -> str:
    """What a library has to say, fit for one line of ours."""
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _runtime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - half a second, and absent without an extra
    except ImportError as error:
        raise Invalid(
            "no ONNX Runtime here: pip install 'heft-monitor[cpu]' (or '[gpu]')", reason="onnx"
        ) from error
    return onnxruntime
