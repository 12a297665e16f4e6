"""What a token's contract can do: read from its bytecode, and tried as its owner by simulation."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from streams.checks.answers import Answer, Unknown, findings, told, unknowns
from streams.checks.bytecode import Code, read_code
from streams.checks.capabilities import (
    CALLED,
    MEASURED,
    READ,
    called,
    listed,
    measured,
    read,
    taking,
)
from streams.checks.chainstate import Block, Named, block_of, number_of, together
from streams.checks.layout import layout_of
from streams.checks.ownership import others_of
from streams.checks.probe import address_in
from streams.checks.source import selectors_in
from streams.checks.subject import powers_over, subject_of, withdrawals_from
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.evm.rpc import Rpc
from streams.finding import Finding, FindingSource

__all__ = ["code_findings", "contract_findings", "source_findings"]

NO_NODE = "only the code is known: nothing was tried"

T = TypeVar("T")


async def contract_findings(
    rpc: Rpc,
    token: str,
    block: Named,
    *,
    launch: Launch | None = None,
    known_rugs: Sequence[str] = (),
) -> dict[str, Finding]:
    """Everything known of ``token``'s contract as of ``block``.

    With ``launch`` the owner's acts are tried on its pool too; without, on a pool that the contract
    itself knows. ``known_rugs`` are sketches (``likeness.sketch``) of contracts that rugged.

    Never raises for what a chain, node or contract does: what could not be found out is unknown,
    and says why.
    """
    number = number_of(block)
    try:
        at = await block_of(rpc, block)
        number = at.number
        return await _found(rpc, address_in(token), at, launch, known_rugs)
    except (Retry, Invalid) as error:
        why = told(error)
        return (
            findings(unknowns(CALLED, why), "call", number)
            | findings(unknowns(READ, why), "bytecode", number)
            | findings(unknowns(MEASURED, why), "simulation", number)
        )


def code_findings(code: Code, block: int = 0) -> dict[str, Finding]:
    """What runtime code shows by itself, without a node: what it may do stays unknown, or is no."""
    foreign = "DELEGATECALL" in code.opcodes
    shown = read(code, None, ()) | measured(NO_NODE, layout_of(code), foreign=foreign)
    return findings(shown | taking(NO_NODE, code), "bytecode", block)


def source_findings(source: str, block: int = 0) -> dict[str, Finding]:
    """What a Solidity source shows by itself: the functions that it names."""
    selectors = selectors_in(source)
    if not selectors:
        return findings({"contract.selectors": Unknown("no function was found")}, "bytecode", block)
    told: dict[str, Answer] = {
        "contract.selectors": listed(selectors), "contract.functions": float(len(selectors)),
        "contract.is_open_source": True,
    }  # fmt: skip
    return findings(told, "bytecode", block)


async def _found(
    rpc: Rpc, token: str, at: Block, launch: Launch | None, known_rugs: Sequence[str]
) -> dict[str, Finding]:
    subject = await subject_of(rpc, token, at)
    found = findings(called(subject.owner, subject.proxy), "call", at.number)
    try:
        code = await read_code(subject.code)
    except Invalid as error:
        why = told(error)
        return (
            found
            | findings(unknowns(READ, why), "bytecode", at.number)
            | findings(unknowns(MEASURED, why), "simulation", at.number)
        )
    found |= findings(read(code, subject.proxy, known_rugs), "bytecode", at.number)
    others = await others_of(rpc, token, code, at)
    powers, taken = await together(
        _tried(powers_over(rpc, subject, code, at, launch, others)),
        _tried(withdrawals_from(rpc, subject, code, at, launch, others)),
    )
    source: FindingSource = "bytecode" if isinstance(powers, str) else "simulation"
    shown = measured(powers, layout_of(code), foreign="DELEGATECALL" in code.opcodes)
    out: FindingSource = "bytecode" if isinstance(taken, str) else "simulation"
    return (
        found | findings(shown, source, at.number) | findings(taking(taken, code), out, at.number)
    )


async def _tried(asked: Coroutine[Any, Any, T]) -> T | str:
    """What a rehearsal shows, or why it was not held."""
    try:
        return await asked
    except (Retry, Invalid) as error:
        return told(error)
