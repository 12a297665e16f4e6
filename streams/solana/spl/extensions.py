"""Token-2022's extensions of a mint: type, length, value, behind the mint's own 82 bytes.

Source: the program's ``extension`` module (solana-program/token-2022) and npm @solana/spl-token
0.4.15. An extension that a later version of the program lengthens is read as far as we know it; one
whose number we do not know is kept by its number, since it may be a power over holders.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import based58

from streams.errors import Invalid
from streams.solana.spl.words import Words

__all__ = ["EXTENSIONS", "Fields", "Value", "entries", "extensions_in"]

Value = str | int | float | bool | None
"""An address (``None`` is nobody), a number, text or a truth."""
Fields = Mapping[str, Value]

MOST_EXTENSIONS = 64
"""There are 28 kinds, each at most once in a mint."""
_HEAD = struct.Struct("<HH")
_SCALARS = {"u8": "B", "u16": "H", "u64": "Q", "i16": "h", "i64": "q", "f64": "d", "bool": "B"}
_KEY = "32s"

_Shape = Sequence[tuple[str, str]]

_FEE = (("epoch", "u64"), ("most", "u64"), ("points", "u16"))
_SHAPES: Mapping[int, tuple[str, _Shape]] = {
    1: (
        "transfer-fee",
        (
            ("authority", "key"),
            ("withdraw_authority", "key"),
            ("withheld", "u64"),
            *((f"older_{name}", kind) for name, kind in _FEE),
            *((f"newer_{name}", kind) for name, kind in _FEE),
        ),
    ),
    3: ("close-authority", (("authority", "key"),)),
    4: ("confidential-transfer", (("authority", "key"), ("auto_approve", "bool"))),
    6: ("default-state", (("state", "u8"),)),
    9: ("non-transferable", ()),
    10: (
        "interest-bearing",
        (
            ("authority", "key"), ("since", "i64"), ("mean_points", "i16"), ("updated", "i64"),
            ("points", "i16"),
        ),
    ),
    12: ("permanent-delegate", (("authority", "key"),)),
    14: ("transfer-hook", (("authority", "key"), ("program", "key"))),
    16: ("confidential-fee", (("authority", "key"),)),
    18: ("metadata-pointer", (("authority", "key"), ("address", "key"))),
    20: ("group-pointer", (("authority", "key"), ("address", "key"))),
    21: ("group", (("authority", "key"), ("mint", "key"), ("size", "u64"), ("most", "u64"))),
    22: ("member-pointer", (("authority", "key"), ("address", "key"))),
    23: ("member", (("mint", "key"), ("group", "key"), ("number", "u64"))),
    24: ("confidential-mint-burn", ()),
    25: (
        "scaled-amount",
        (
            ("authority", "key"), ("multiplier", "f64"), ("next_from", "i64"),
            ("next_multiplier", "f64"),
        ),
    ),
    26: ("pausable", (("authority", "key"), ("paused", "bool"))),
    28: ("permissioned-burn", (("authority", "key"),)),
}  # fmt: skip
_METADATA = 19
UNREADABLE: Fields = MappingProxyType({"unreadable": True})
EXTENSIONS = frozenset({*(name for name, _ in _SHAPES.values()), "metadata"})
"""Every kind that can stand in a mint and that we know."""


def extensions_in(data: bytes) -> dict[str, Fields]:
    """The extensions by name, ``extension-27`` for an unknown one; raises ``Invalid``."""
    found: dict[str, Fields] = {}
    for number, value in entries(data):
        name, fields = _read(number, value)
        if name in found:
            raise Invalid(f"the mint has {name} twice", reason="extension")
        found[name] = fields
    return found


def entries(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and values up to the end, or to the zeros behind the last one."""
    at = 0
    for _ in range(MOST_EXTENSIONS):
        if at + _HEAD.size > len(data):
            return
        number, length = _HEAD.unpack_from(data, at)
        if number == 0:
            return
        at += _HEAD.size
        if at + length > len(data):
            raise Invalid("an extension ends behind its account", reason="extension")
        yield number, data[at : at + length]
        at += length
    raise Invalid("the mint has too many extensions", reason="extension")


def _read(number: int, value: bytes) -> tuple[str, Fields]:
    if number == _METADATA:
        try:
            return "metadata", _metadata(value)
        except Invalid:  # a maker's words must not hide the powers that stand beside them
            return "metadata", UNREADABLE
    if number not in _SHAPES:
        return f"extension-{number}", MappingProxyType({})
    name, shape = _SHAPES[number]
    packed = struct.Struct("<" + "".join(_SCALARS.get(kind, _KEY) for _, kind in shape))
    if len(value) < packed.size:
        raise Invalid(f"{name} is cut short", reason="extension")
    return name, {
        field: _value(kind, raw)
        for (field, kind), raw in zip(shape, packed.unpack_from(value), strict=True)
    }


def _value(kind: str, raw: Any) -> Value:
    """As ``struct`` gave it: a key is nobody's where it is all zeros."""
    if kind == "key":
        return based58.b58encode(raw).decode() if any(raw) else None
    if kind == "f64" and not math.isfinite(raw):
        return None
    return bool(raw) if kind == "bool" else raw


def _metadata(value: bytes) -> Fields:
    """``TokenMetadata`` of the token-metadata interface; what is told beside is counted."""
    words = Words(value)
    authority, mint = words.key(), words.key()
    name, symbol, uri = (words.text() for _ in range(3))
    beside = words.number(4)
    return {
        "authority": authority, "mint": mint, "name": name, "symbol": symbol, "uri": uri,
        "beside": beside,
    }  # fmt: skip
