"""Borsh, read by a layout: an Anchor IDL's types compiled to readers, once.

Source: https://borsh.io and the Anchor IDL specification. Programs grow by appending fields, and a
listener that insists on yesterday's length falls silent on the day of an upgrade. So bytes behind
the last known field are ignored, fields behind the ``required`` first ones may be absent or of
another form, and an enum's unknown variant ends the reading there: what came before it is kept.

Public keys stay 32 raw bytes: most are never looked at, and base58 costs more than all the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
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
        self._runs = dict(_runs(fields))

    def read(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """The fields that ``data`` holds from ``at`` on; raises ``Invalid`` if cut short."""
        out: dict[str, Any] = {}
        index, end = 0, len(self._singles)
        while index < end:
            run = self._runs.get(index)
            if run is not None and len(data) - at >= run.size:
                at = run.read(data, at, out)
                index += len(run.names)
                continue
            at = self._single(index, data, at, out)
            if at < 0:
                break
            index += 1
        return out

    def _single(self, index: int, data: bytes, at: int, out: dict[str, Any]) -> int:
        """Read one field: where the next one begins, or -1 where the reading ends."""
        if at >= len(data) and index >= self._required:
            return -1
        name, read = self._singles[index]
        try:
            out[name], at = read(data, at)
        except UnknownVariant:
            return -1
        except Invalid:
            if index < self._required:
                raise
            return -1  # another version's field: a permissioned DLMM pair of 2024 is a byte shorter
        return at


class _Run:
    """Consecutive fields of fixed size, unpacked together."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self.names = [name for name, _ in fields]
        self._struct = struct.Struct("<" + "".join(SCALARS[type_] for _, type_ in fields))
        self._convert = [(name, FROM_RAW[type_]) for name, type_ in fields if type_ in FROM_RAW]
        self.size = self._struct.size

    def read(self, data: bytes, at: int, out: dict[str, Any]) -> int:
        """Put the fields into ``out``; where the next one begins."""
        out.update(zip(self.names, self._struct.unpack_from(data, at), strict=True))
        for name, convert in self._convert:
            out[name] = convert(out[name])
        return at + self.size


def compile_layout(fields: Fields, required: int | None, types: Mapping[str, Any]) -> Layout:
    """A layout whose first ``required`` fields must be there; by default all of them."""
    return Layout(fields, len(fields) if required is None else required, types)


def _runs(fields: Fields) -> Iterator[tuple[int, _Run]]:
    """Each stretch of two or more fields of fixed size, by the number of its first field."""
    first = 0
    for fixed, group in groupby(fields, key=lambda field: _is_fixed(field[1])):
        many = [(name, str(type_)) for name, type_ in group]
        if fixed and len(many) > 1:
            yield first, _Run(many)
        first += len(many)


def _is_fixed(type_: Type) -> bool:
    return isinstance(type_, str) and type_ in SCALARS


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
