"""Solana data as programs write it, made from the layouts by a writer of its own."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import based58

from streams.solana.programs import ANCHOR_EVENT

LAYOUTS: dict[str, dict[str, Any]] = {
    (layout := json.loads(each.read_bytes()))["venue"]: layout
    for each in (files("streams.solana") / "layouts").iterdir()
    if each.name.endswith(".json")
}
CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q"}
ITEMS = [
    (venue, kind, item)
    for venue, layout in sorted(LAYOUTS.items())
    for kind in ("instructions", "events", "accounts")
    for item in layout[kind]
]
"""Every instruction, event and account that a layout names."""


def key(number: int) -> str:
    """A made-up address."""
    return based58.b58encode(struct.pack(">Q", number + 1) * 4).decode()


class Writer:
    """Borsh, written from a layout's types with random values (the reader's opposite)."""

    def __init__(self, venue: str, seed: int = 0) -> None:
        self._types = LAYOUTS[venue]["types"]
        self._random = random.Random(seed)

    def fields(self, fields: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, bytes]:
        """Values and bytes of fields in order; ``given`` replaces random values by name."""
        values, data = {}, b""
        for name, type_ in fields:
            values[name], raw = self.value(type_, given.get(name))
            data += raw
        return values, data

    def value(self, type_: Any, given: Any = None) -> tuple[Any, bytes]:
        """One value and its bytes."""
        if isinstance(type_, str):
            return self._plain(type_, given)
        if "option" in type_:
            value, raw = self.value(type_["option"], given)
            return value, b"\x01" + raw
        if "vec" in type_ or "array" in type_:
            inner, many = (type_["vec"], 2) if "vec" in type_ else type_["array"]
            pairs = [self.value(inner) for _ in range(many)]
            raw = b"".join(raw for _, raw in pairs)
            return [value for value, _ in pairs], (b"\2\0\0\0" if "vec" in type_ else b"") + raw
        definition = self._types[type_["defined"]]
        if "struct" in definition:
            return self.fields(definition["struct"], given or {})
        number = 0 if given is None else given
        name, fields = definition["enum"][number]
        value, raw = self.fields(fields, {})
        return ({name: value} if fields else name), bytes([number]) + raw

    def _plain(self, type_: str, given: Any) -> tuple[Any, bytes]:
        if type_ == "string":
            text = given if given is not None else f"text {self._random.randrange(1000)}"
            return text, struct.pack("<I", len(text.encode())) + text.encode()
        if type_ == "pubkey":
            raw = based58.b58decode(given.encode()) if given else self._random.randbytes(32)
            return raw, raw
        if type_ == "bool":
            truth = bool(given)
            return truth, bytes([truth])
        if type_ in ("u128", "i128"):
            number = given if given is not None else self._random.randrange(2**90)
            return number, number.to_bytes(16, "little", signed=type_ == "i128")
        number = given if given is not None else self._random.randrange(1, 100)
        return number, struct.pack("<" + CODES[type_], number)


def item(venue: str, kind: str, name: str) -> dict[str, Any]:
    """One instruction, event or account of a layout."""
    return next(each for each in LAYOUTS[venue][kind] if each["name"] == name)


def data_of(venue: str, kind: str, name: str, /, seed: int = 0, **given: Any) -> bytes:
    """The bytes of an instruction, event or account, discriminator included."""
    found = item(venue, kind, name)
    return (
        bytes.fromhex(found["discriminator"])
        + Writer(venue, seed).fields(found["fields"], given)[1]
    )


def instruction(
    venue: str, name: str, accounts: Mapping[str, str], /, *, extra: bytes = b"", **given: Any
) -> dict[str, Any]:
    """An instruction in the form of ``jsonParsed``, its accounts by name."""
    found = item(venue, "instructions", name)
    filled = [accounts.get(each, key(900 + place)) for place, each in enumerate(found["accounts"])]
    data = data_of(venue, "instructions", name, **given) + extra
    return {
        "programId": LAYOUTS[venue]["program"],
        "accounts": filled,
        "data": based58.b58encode(data).decode(),
    }


def cpi_event(venue: str, name: str, /, **given: Any) -> dict[str, Any]:
    """An ``emit_cpi!`` event, as the call of a program to itself."""
    data = ANCHOR_EVENT + data_of(venue, "events", name, **given)
    return {
        "programId": LAYOUTS[venue]["program"],
        "accounts": [key(999)],
        "data": based58.b58encode(data).decode(),
    }


def logged(venue: str, name: str, /, **given: Any) -> list[str]:
    """An event as log lines of its program."""
    program = LAYOUTS[venue]["program"]
    data = base64.b64encode(data_of(venue, "events", name, **given)).decode()
    return [f"Program {program} invoke [1]", f"Program data: {data}", f"Program {program} success"]


def transaction(
    *instructions: Mapping[str, Any],
    inner: Sequence[Mapping[str, Any]] = (),
    logs: Sequence[str] = (),
    err: Any = None,
    signature: str = "5sig",
    slot: int = 7,
) -> dict[str, Any]:
    """A ``getTransaction`` result; ``inner`` was called by the first instruction."""
    return {
        "slot": slot,
        "blockTime": 1_780_000_000,
        "transaction": {
            "signatures": [signature],
            "message": {
                "accountKeys": [
                    {"pubkey": each, "signer": each == key(1), "source": "transaction"}
                    for each in (key(1), *(layout["program"] for layout in LAYOUTS.values()))
                ],
                "instructions": list(instructions),
            },
        },
        "meta": {
            "err": err,
            "innerInstructions": [{"index": 0, "instructions": list(inner)}],
            "logMessages": list(logs),
        },
    }
