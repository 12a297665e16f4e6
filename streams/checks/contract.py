"""What a token's contract can do: read from its bytecode, and tried as its owner by simulation."""

from __future__ import annotations

from collections.abc import Sequence

from streams.checks.answers import findings, told, unknowns
from streams.checks.bytecode import read_code
from streams.checks.capabilities import (
    CALLED,
    MEASURED,
    READ,
    called,
    measured,
    read,
)
from streams.checks.chainstate import Block, Named, block_of, number_of
from streams.checks.layout import layout_of
from streams.checks.powers import Powers
from streams.checks.probe import address_in
from streams.checks.subject import powers_over, subject_of
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.evm.rpc import Rpc
from streams.finding import Finding, FindingSource

__all__ = ["contract_findings"]


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
    powers: Powers | str
    try:
        powers = await powers_over(rpc, subject, code, at, launch)
    except (Retry, Invalid) as error:
        powers = told(error)
    source: FindingSource = "bytecode" if isinstance(powers, str) else "simulation"
    return found | findings(
        measured(powers, layout_of(code), foreign="DELEGATECALL" in code.opcodes), source, at.number
    )
