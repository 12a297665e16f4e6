"""A dossier that was given in part, made whole: what is there is kept, what is not is said.

Pure. Whoever asks about a token may know its launch, its pool as it stands, its code, or no more
than a name and a supply. Numbers that a dossier must hold and that were not given are placeholders,
and ``Facts.missing`` names them: no feature reads what is named there, and the verdict lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from streams.errors import Invalid
from streams.events import SCHEMA_VERSION, Facts, Finding, Holders, Liquidity, TokenFacts, Trading
from streams.text import sanitise

__all__ = ["NOT_GIVEN", "Partial", "completed", "read_partial"]

NOT_GIVEN = "not given"
UNNAMED = "unnamed"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HELD = {"liquidity": Liquidity, "trading": Trading, "holders": Holders}


class Partial(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Any part of a ``Facts``, and the code that a dossier's findings can be read from.

    Its fields are those of ``heft.facts.v1``; a field that no dossier has is refused, so that a
    slip of the pen is not taken for something unknown.
    """

    type: str = "facts"
    v: int = SCHEMA_VERSION
    chain: str | UnsetType = UNSET
    pool: str | UnsetType = UNSET
    block: int | UnsetType = UNSET
    log_index: int | UnsetType = UNSET
    at: datetime | UnsetType = UNSET
    venue: str | UnsetType = UNSET
    trigger: str | UnsetType = UNSET
    sequence: int | UnsetType = UNSET
    launched_at: datetime | UnsetType = UNSET
    age: float | UnsetType = UNSET
    quote_symbol: str | UnsetType = UNSET
    token_address: str | UnsetType = UNSET
    creator: str | UnsetType = UNSET
    trace: str | UnsetType = UNSET
    token: TokenFacts | UnsetType = UNSET
    liquidity: dict[str, int | float] | UnsetType = UNSET
    trading: dict[str, int | float] | UnsetType = UNSET
    holders: dict[str, int | float] | UnsetType = UNSET
    missing: dict[str, str] = {}
    findings: dict[str, Finding] = {}
    bytecode: str | UnsetType = UNSET
    """Runtime code in hex, with or without 0x."""
    source: str | UnsetType = UNSET
    """Solidity."""


_decoder = msgspec.json.Decoder(Partial)


def read_partial(line: bytes) -> Partial:
    """The dossier that a line of JSON holds in part; raises ``Invalid`` for anything else."""
    try:
        partial = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        kind = "schema" if isinstance(error, msgspec.ValidationError) else "json"
        raise Invalid(f"not a dossier: {sanitise(str(error), 200)}", reason=kind) from error
    if partial.type != "facts":
        raise Invalid(f"not a dossier but of type {sanitise(partial.type, 40)!r}", reason="schema")
    if partial.v != SCHEMA_VERSION:
        raise Invalid(
            f"schema version {str(partial.v)[:200]} is not known here", reason="unknown-version"
        )
    return partial


def completed(partial: Partial) -> Facts:
    """The whole dossier; raises ``Invalid`` when nothing is told, or something that cannot be."""
    told = {
        name: value
        for name in partial.__struct_fields__
        if (value := getattr(partial, name)) is not UNSET
    }
    if not set(told) - {"type", "v", "missing", "findings"} and not partial.findings:
        raise Invalid("the dossier tells nothing: give a name, a pool or a code", reason="empty")
    missing = dict(partial.missing)
    for name, kind in _HELD.items():
        told |= _group(name, kind, told.get(name, UNSET), missing)
    told |= _moment(told, missing)
    if "venue" not in told:
        missing["venue"] = NOT_GIVEN
    whole: dict[str, Any] = _identity(told) | told | {"missing": missing, "type": "facts"}
    del whole["v"]
    for name in ("bytecode", "source"):
        whole.pop(name, None)
    try:
        return msgspec.convert(msgspec.to_builtins(whole), Facts)
    except msgspec.ValidationError as error:
        raise Invalid(f"not a dossier: {sanitise(str(error), 200)}", reason="schema") from error


def _group(
    name: str, kind: Any, given: Mapping[str, int | float] | UnsetType, missing: dict[str, str]
) -> dict[str, Any]:
    """A group with a placeholder for each number that it lacks; ``missing`` hears which."""
    if given is UNSET:
        missing.setdefault(name, NOT_GIVEN)
        return {} if name == "holders" else {name: dict.fromkeys(_needed(kind), 0)}
    known = {field.name for field in msgspec.structs.fields(kind)}
    strange = set(given) - known
    if strange:
        raise Invalid(f"{name} has no {sanitise(min(strange), 40)!r}", reason="schema")
    lacks = [each for each in _needed(kind) if each not in given]
    for each in lacks:
        missing.setdefault(f"{name}.{each}", NOT_GIVEN)
    return {name: dict.fromkeys(lacks, 0) | dict(given)}


def _needed(kind: Any) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kind) if field.required]


def _moment(told: Mapping[str, Any], missing: dict[str, str]) -> dict[str, Any]:
    """When it was launched, how old it is and as of when: two of them give the third."""
    at, launched, age = (told.get(name) for name in ("at", "launched_at", "age"))
    if age is None and at is not None and launched is not None:
        age = (at - launched).total_seconds()
    if age is None:
        missing["age"] = NOT_GIVEN
        age = 0.0
    if not 0 <= age < 3e11:
        raise Invalid("the dossier is older than its launch", reason="schema")
    try:
        at = at or (launched or EPOCH) + timedelta(seconds=age)
        return {"age": age, "at": at, "launched_at": launched or at - timedelta(seconds=age)}
    except OverflowError as error:
        raise Invalid("the dossier's age leaves the calendar", reason="time") from error


def _identity(told: Mapping[str, Any]) -> dict[str, Any]:
    """Names for what was not named: they tell verdicts apart, and no model reads them."""
    address = told.get("token_address", UNNAMED)
    return {
        "chain": "ethereum", "pool": address, "block": 0, "log_index": 0, "venue": "unknown",
        "trigger": "launch", "sequence": 0, "token": {},
    }  # fmt: skip
