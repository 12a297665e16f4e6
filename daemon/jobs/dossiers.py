"""A line of JSON to a dossier: a whole one as it travels, or any part of one, or code."""

from __future__ import annotations

import asyncio

import msgspec

from heft_model.partial import completed, read_partial
from streams.checks.bytecode import read_code
from streams.checks.contract import code_findings, source_findings
from streams.errors import Invalid
from streams.events import Facts, Finding, decode

__all__ = ["dossier_from"]


def dossier_from(line: bytes) -> Facts:
    """The dossier; what it lacks is named in ``missing``. Raises ``Invalid`` for what is none.

    Blocks, up to seconds where there is code to read.
    """
    try:
        return decode(line, Facts)
    except Invalid as error:
        if error.reason != "schema":  # no JSON, or of another version
            raise
    partial = read_partial(line)
    found = dict(partial.findings)
    block = partial.block if isinstance(partial.block, int) else 0
    if isinstance(partial.source, str):
        found = source_findings(partial.source, block) | found
    if isinstance(partial.bytecode, str):
        found = _findings_of(partial.bytecode, block) | found
    return completed(msgspec.structs.replace(partial, findings=found))


def _findings_of(text: str, block: int) -> dict[str, Finding]:
    """What runtime code shows, read in a process of its own, since its author is a stranger."""
    try:
        code = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError as error:
        raise Invalid(
            "bytecode is not hex: give the runtime code as 0x...", reason="code"
        ) from error
    if not code:
        raise Invalid("bytecode is empty: there is no contract", reason="code")
    return code_findings(asyncio.run(read_code(code)), block)
