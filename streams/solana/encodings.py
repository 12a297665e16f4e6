"""Bytes and keys as nodes and providers write them: base58, base64, zstd, lists, ``Buffer``.

Agave writes base58 or base64 (zstd inside, if asked); Geyser's protobuf becomes JSON with base64
for every ``bytes`` field; JavaScript dumps a ``Buffer`` as ``{"type": "Buffer", "data": [..]}``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import based58
import cramjam
from solders.transaction import VersionedTransaction

from streams.errors import Invalid

__all__ = ["address_of", "bytes_of", "from_base58", "from_base64", "wire_transaction"]

MOST_BYTES = 4096
"""Unpacked from zstd at most: a transaction has 1,232 (Agave's ``PACKET_DATA_SIZE``)."""
KEY_BYTES = 32


def from_base58(text: str) -> bytes:
    """The bytes; raises ``Invalid`` when it is not base58."""
    try:
        return based58.b58decode(text.encode())
    except ValueError as error:
        raise Invalid("this is not base58", reason="encoding") from error


def from_base64(text: str) -> bytes:
    """The bytes; raises ``Invalid`` when it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Invalid("this is not base64", reason="encoding") from error


def bytes_of(value: Any) -> bytes | None:
    """The bytes in base64 text, a ``Buffer`` or a list of numbers; ``None`` for anything else."""
    if isinstance(value, str):
        try:
            return from_base64(value)
        except Invalid:
            return None
    if isinstance(value, dict):
        value = value.get("data")
    try:
        return bytes(value) if isinstance(value, list) else None
    except (TypeError, ValueError):  # an element that is no byte
        return None


def address_of(value: Any) -> str:
    """A public key as base58; empty when it is none. Only base64 of 32 bytes ends in ``=``."""
    if isinstance(value, str) and not value.endswith("="):
        return value
    raw = bytes_of(value)
    return based58.b58encode(raw).decode() if raw is not None and len(raw) == KEY_BYTES else ""


def wire_transaction(text: str, encoding: str | None) -> tuple[Mapping[str, Any], list[str]]:
    """The message and signatures of a transaction in the wire format, as ``json`` has them.

    ``encoding`` of ``None`` was not said: base58 is tried, then base64. Raises ``Invalid``.
    """
    if encoding is not None:
        return _from_wire(_decoded(text, encoding))
    try:
        return _from_wire(from_base58(text))
    except Invalid:
        return _from_wire(from_base64(text))


def _decoded(text: str, encoding: str) -> bytes:
    if encoding in ("base58", "binary"):
        return from_base58(text)
    if encoding == "base64":
        return from_base64(text)
    if encoding == "base64+zstd":
        return _unpacked(from_base64(text))
    raise Invalid("a transaction is neither base58 nor base64", reason="encoding")


def _unpacked(packed: bytes) -> bytes:
    room = bytearray(MOST_BYTES)
    try:
        return bytes(room[: cramjam.zstd.decompress_into(packed, room)])
    except cramjam.DecompressionError as error:
        raise Invalid("a transaction is not zstd", reason="encoding") from error


def _from_wire(raw: bytes) -> tuple[Mapping[str, Any], list[str]]:
    try:
        transaction = VersionedTransaction.from_bytes(raw)
    except ValueError as error:
        raise Invalid("the bytes are no transaction", reason="encoding") from error
    message = transaction.message
    return {
        "accountKeys": [str(key) for key in message.account_keys],
        "instructions": [
            {
                "programIdIndex": each.program_id_index,
                "accounts": list(each.accounts),
                "data": bytes(each.data),
            }
            for each in message.instructions
        ],
    }, [str(signature) for signature in transaction.signatures]
