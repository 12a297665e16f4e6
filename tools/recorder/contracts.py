"""The contracts of the play: Uniswap V2 as published on npm, our own tokens compiled by solc."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple

from streams.errors import Invalid
from tools.recorder.chain import MODULES

__all__ = ["Artifact", "compiled", "published"]

SOURCES: Final = Path(__file__).parents[1] / "contracts"
EVM_VERSION: Final = "paris"
OUTPUTS: Final = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]


class Artifact(NamedTuple):
    """What is needed to deploy a contract and to speak to it; code as 0x hex."""

    abi: list[dict[str, Any]]
    bytecode: str
    runtime: str


def published(package: str, name: str) -> Artifact:
    """The artifact that Uniswap published, e.g. of ``v2-core``, ``UniswapV2Factory``."""
    path = MODULES / "@uniswap" / package / "build" / f"{name}.json"
    try:
        return _artifact(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise Invalid(
            f"{path} is missing; run: npm install --prefix tools", reason="no-node"
        ) from error


def compiled(folder: Path = SOURCES) -> dict[str, Artifact]:
    """Every contract whose source lies in ``folder``, by name. Raises ``Invalid``."""
    request = {
        "language": "Solidity",
        "sources": {
            path.name: {"content": path.read_text()} for path in sorted(folder.glob("*.sol"))
        },
        "settings": {
            "evmVersion": EVM_VERSION,
            "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {"*": {"*": OUTPUTS}},
        },
    }
    reply = json.loads(_solc(json.dumps(request)))
    faults = [e["formattedMessage"] for e in reply.get("errors", ()) if e["severity"] == "error"]
    if faults:
        raise Invalid(f"solc: {faults[0]}", reason="solidity")
    files = reply["contracts"].values()
    return {name: _artifact(output) for file in files for name, output in file.items()}


def _solc(request: str) -> str:
    """The compiler's answer, through a file: it leaves before a pipe has taken all of it."""
    command = ["node", str(MODULES / "solc" / "solc.js"), "--standard-json"]
    with TemporaryFile("w+") as reply:
        try:
            subprocess.run(command, input=request, stdout=reply, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            hint = "install Node 20 or newer, then run: npm install --prefix tools"
            raise Invalid(f"cannot run solc: {error}; {hint}", reason="no-node") from error
        reply.seek(0)
        text = reply.read()
    return text[text.index("{") :]


def _artifact(output: dict[str, Any]) -> Artifact:
    evm = output["evm"]
    return Artifact(
        abi=output["abi"],
        bytecode=f"0x{evm['bytecode']['object']}",
        runtime=f"0x{evm['deployedBytecode']['object']}",
    )
