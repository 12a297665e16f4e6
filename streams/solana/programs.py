"""The programs that we read, and what their bytes mean: one data file a program in ``layouts/``.

A layout file is an Anchor IDL cut down to what we use: discriminators (hex), fields, account names
in order, and the types that they need. Its ``version`` and ``source`` say where it was taken from.
A new version of a program is a change of its file, not of code. Discriminators are the first eight
bytes of sha256 of ``global:name``, ``event:Name`` or ``account:Name`` (Anchor); Raydium's AMM v4
is no Anchor program and has one byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec

from streams.errors import Broken, Invalid
from streams.solana.borsh import Layout, compile_layout

__all__ = ["ANCHOR_EVENT", "PROGRAMS", "TOKEN_PROGRAMS", "Program", "Shape", "program_of"]

ANCHOR_EVENT = bytes.fromhex("e445a52e51cb9a1d")
"""What an ``emit_cpi!`` event starts with, before its own discriminator (Anchor)."""
ANCHOR_IDL = bytes.fromhex("40f4bc78a7e9690a")
"""The instruction by which every Anchor program stores its own IDL."""
TOKEN_PROGRAMS = frozenset(
    (
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    )
)


class _Item(msgspec.Struct):
    name: str
    discriminator: str
    fields: list[tuple[str, Any]]
    accounts: list[str] = []
    required: int | None = None


class _File(msgspec.Struct):
    venue: str
    program: str
    version: str
    source: str
    instructions: list[_Item]
    events: list[_Item]
    accounts: list[_Item]
    types: dict[str, Any]
    ignored: list[str] = []
    """Instructions that the program has and we have no use for."""
    ignored_events: list[str] = []


class Shape(msgspec.Struct, frozen=True):
    """One instruction, event or account: its name, fields, and the names of its accounts."""

    name: str
    layout: Layout
    accounts: tuple[str, ...] = ()


class Program(msgspec.Struct, frozen=True):
    """One program: its venue's name, and its shapes by discriminator."""

    id: str
    venue: str
    version: str
    width: int
    """Bytes in a discriminator."""
    instructions: Mapping[bytes, Shape]
    events: Mapping[bytes, Shape]
    accounts: Mapping[bytes, Shape]
    ignored: frozenset[bytes]
    """Discriminators that are known and passed over; any other is news."""

    def account(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """The name and fields of an account's data; raises ``Invalid`` for an unknown one."""
        shape = self.accounts.get(data[: self.width])
        if shape is None:
            raise Invalid(f"no account of {self.venue} starts like this", reason="discriminator")
        return shape.name, shape.layout.read(data, self.width)


def _load() -> dict[str, Program]:
    folder = files("streams.solana") / "layouts"
    return {
        program.id: program
        for program in (
            _program(each.read_bytes()) for each in folder.iterdir() if each.name.endswith(".json")
        )
    }


def _program(data: bytes) -> Program:
    file = msgspec.json.decode(data, type=_File)
    widths = {len(item.discriminator) // 2 for item in file.instructions}
    if len(widths) != 1:
        raise Broken(f"the layout of {file.venue} mixes discriminators of several widths")
    return Program(
        file.program,
        file.venue,
        file.version,
        widths.pop(),
        _shapes(file.instructions, file.types),
        _shapes(file.events, file.types),
        _shapes(file.accounts, file.types),
        frozenset(
            [discriminator("global", name) for name in file.ignored]
            + [discriminator("event", name) for name in file.ignored_events]
            + [ANCHOR_IDL]
        ),
    )


def discriminator(space: str, name: str) -> bytes:
    """The first eight bytes of an Anchor instruction (``global``), ``event`` or ``account``."""
    return sha256(f"{space}:{name}".encode()).digest()[:8]


def _shapes(items: Sequence[_Item], types: Mapping[str, Any]) -> dict[bytes, Shape]:
    return {
        bytes.fromhex(item.discriminator): Shape(
            item.name,
            compile_layout(item.fields, item.required, types),
            tuple(item.accounts),
        )
        for item in items
    }


PROGRAMS: Mapping[str, Program] = _load()
"""Every program that we read, by its address."""


@cache
def program_of(venue: str) -> Program:
    """The program of a venue; ``Invalid`` when there is none."""
    for program in PROGRAMS.values():
        if program.venue == venue:
            return program
    raise Invalid(f"there is no Solana program {venue}", reason="venue")
