"""Serving needs no torch, and judging nothing needs no ONNX Runtime."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import heft_model.stage
print({"torch", "transformers", "peft", "sklearn", "onnx", "onnxruntime"} & set(sys.modules))
"""


def test_the_serving_path_loads_no_training_library() -> None:
    """The whole stage imports without any of them, so an installation may lack them."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "set()\n"
