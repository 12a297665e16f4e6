"""Borsh, read by a layout: an Anchor IDL's types compiled to readers, once.

Source: https://borsh.io and the Anchor IDL specification. Programs grow by appending fields, and a
listener that insists on yesterday's length falls silent on the day of an upgrade. So bytes behind
the last known field are ignored, fields behind the ``required`` first ones may be absent or of
another form, and an enum's unknown variant ends the reading there: what came before it is kept.

Public keys stay 32 raw bytes: most are never looked at, and base58 costs more than all the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.errors import Invalid

__all__ = ["Fields", "Layout", "Type", "compile_layout"]

Type = str | Mapping[str, Any]
Fields = Sequence[tuple[str, Type]]
Reader = Callable[[bytes, int], tuple[Any, int]]

SCALARS = {
    "u8": "B",
    "i8": "b",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
    "f32": "f",
    "f64": "d",
    "bool": "B",
    "pubkey": "32s",
    "u128": "16s",
    "i128": "16s",
}
"""Types of fixed size and their ``struct`` codes; runs of them are read in one call."""

FROM_RAW: dict[str, Callable[[Any], Any]] = {
    "bool": bool,  # a byte that is neither 0 nor 1 is a newer program's, and no reason to stop
    "u128": lambda raw: int.from_bytes(raw, "little"),
    "i128": lambda raw: int.from_bytes(raw, "little", signed=True),
}


class UnknownVariant(Invalid):
    """An enum has grown: what follows cannot be located."""


class Layout:
    """The fields of one instruction, event or account, behind its discriminator."""

    def __init__(self, fields: Fields, required: int, types: Mapping[str, Any]) -> None:
        """``required`` leading fields are in every version of the program."""
        self._required = required
        self._singles = [(name, _reader(type_, types)) for name, type_ in fields]
        self._names = [name for name, _ in fields]
        self._whole = _run([type_ for _, type_ in fields])

    def read(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """The fields that ``data`` holds from ``at`` on; raises ``Invalid`` if cut short."""
        if self._whole and len(data) - at >= self._whole.size:
            values, _ = self._whole.read(data, at)
            return dict(zip(self._names, values, strict=True))
        return self._one_by_one(data, at)

    def _one_by_one(self, data: bytes, at: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for index, (name, read) in enumerate(self._singles):
            if at >= len(data) and index >= self._required:
                break
            try:
                out[name], at = read(data, at)
            except UnknownVariant:
                break
            except Invalid:
                if index < self._required:
                    raise
                break  # another version's field: a permissioned DLMM pair of 2024 is a byte shorter
        return out


class _Run:
    """Consecutive fields of fixed size, unpacked together."""

    def __init__(self, types: Sequence[str]) -> None:
        self._struct = struct.Struct("<" + "".join(SCALARS[each] for each in types))
        self._convert = [(i, FROM_RAW[t]) for i, t in enumerate(types) if t in FROM_RAW]
        self.size = self._struct.size

    def read(self, data: bytes, at: int) -> tuple[list[Any], int]:
        values = list(self._struct.unpack_from(data, at))
        for index, convert in self._convert:
            values[index] = convert(values[index])
        return values, at + self.size


def compile_layout(fields: Fields, required: int | None, types: Mapping[str, Any]) -> Layout:
    """A layout whose first ``required`` fields must be there; by default all of them."""
    return Layout(fields, len(fields) if required is None else required, types)


def _run(types: Sequence[Type]) -> _Run | None:
    flat = [each for each in types if isinstance(each, str) and each in SCALARS]
    return _Run(flat) if flat and len(flat) == len(types) else None


def _reader(type_: Type, types: Mapping[str, Any]) -> Reader:
    if isinstance(type_, str):
        return _string if type_ == "string" else _scalar(type_)
    if "option" in type_:
        return _option(_reader(type_["option"], types))
    if "vec" in type_:
        return _vec(_reader(type_["vec"], types))
    if "array" in type_:
        return _array(_reader(type_["array"][0], types), type_["array"][1])
    definition = types[type_["defined"]]
    if "struct" in definition:
        return _struct(definition["struct"], types)
    return _enum(definition["enum"], types)


def _scalar(name: str) -> Reader:
    code = struct.Struct("<" + SCALARS[name])
    convert = FROM_RAW.get(name)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        _need(data, at, code.size)
        value = code.unpack_from(data, at)[0]
        return (convert(value) if convert else value), at + code.size

    return read


def _string(data: bytes, at: int) -> tuple[str, int]:
    length, at = _length(data, at)
    return data[at : at + length].decode("utf-8", "replace"), at + length


def _option(inner: Reader) -> Reader:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        _need(data, at, 1)
        return inner(data, at + 1) if data[at] else (None, at + 1)

    return read


def _vec(inner: Reader) -> Reader:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        length, at = _length(data, at)
        return _many(inner, length, data, at)

    return read


def _array(inner: Reader, length: int) -> Reader:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        return _many(inner, length, data, at)

    return read


def _struct(fields: Fields, types: Mapping[str, Any]) -> Reader:
    readers = [(name, _reader(type_, types)) for name, type_ in fields]

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        out: dict[str, Any] = {}
        for name, reader in readers:
            out[name], at = reader(data, at)
        return out, at

    return read


def _enum(variants: Sequence[tuple[str, Fields]], types: Mapping[str, Any]) -> Reader:
    """A variant's name when it carries nothing, else ``{name: fields}``."""
    readers = [(name, _struct(fields, types) if fields else None) for name, fields in variants]
    plain = not any(fields for _, fields in variants)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        _need(data, at, 1)
        number, at = data[at], at + 1
        if number >= len(readers):
            if plain:
                return f"variant-{number}", at
            raise UnknownVariant(f"enum variant {number} is not known here", reason="variant")
        name, reader = readers[number]
        if reader is None:
            return name, at
        value, at = reader(data, at)
        return {name: value}, at

    return read


def _many(inner: Reader, length: int, data: bytes, at: int) -> tuple[list[Any], int]:
    out = []
    for _ in range(length):
        value, at = inner(data, at)
        out.append(value)
    return out, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length prefix; no element is smaller than a byte, so a larger one is a lie."""
    _need(data, at, 4)
    length = int.from_bytes(data[at : at + 4], "little")
    _need(data, at + 4, length)
    return length, at + 4


def _need(data: bytes, at: int, size: int) -> None:
    if len(data) - at < size:
        raise Invalid(f"the data ends {at + size - len(data)} bytes early", reason="truncated")
