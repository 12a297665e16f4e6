"""One transaction as a node or provider sent it, brought to one form.

Accepted: the encodings ``json``, ``jsonParsed``, ``base58`` and ``base64`` of
``getTransaction``, ``getBlock`` and their subscriptions, legacy and versioned, with account keys
as text or as objects, with lookup tables resolved by ``meta.loadedAddresses``. Instructions come
out in the order of their execution, each inner one behind what called it.

Only instructions of programs that we read are taken apart: most transactions are about others. Of
the token programs, which nodes may send parsed, only burns are kept.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import based58
from solders.transaction import VersionedTransaction

from streams.errors import Invalid
from streams.solana.programs import TOKEN_PROGRAMS

__all__ = ["Instruction", "Transaction", "transaction_from", "transaction_from_logs"]

MOST_INSTRUCTIONS = 4096
"""A transaction of 1,232 bytes runs at most 64 instructions with traces of 64 each (Agave)."""


class Instruction(NamedTuple):
    """One call of a program: its accounts in order and its data, decoded when asked for."""

    program: str
    accounts: Sequence[str]
    text: str | bytes
    """base58 as sent, or the bytes if they came in a whole encoded transaction."""
    depth: int
    """1 for one of the transaction itself; more for what a program called."""

    @property
    def data(self) -> bytes:
        """The instruction's bytes; raises ``Invalid`` when they are not base58."""
        if isinstance(self.text, bytes):
            return self.text
        try:
            return based58.b58decode(self.text.encode())
        except ValueError as error:
            raise Invalid("instruction data is not base58", reason="encoding") from error


class Transaction(NamedTuple):
    """A transaction that succeeded or failed, and where it stands as far as it was said."""

    signature: str | None
    slot: int | None
    time: int | None
    place: int | None
    """Its number in the block."""
    failed: bool
    payer: str | None
    instructions: Sequence[Instruction]
    logs: Sequence[Any]
    """Lines as sent; one that is no text is nobody's."""
    meta: Mapping[str, Any]
    keys: Sequence[str]


def transaction_from(
    node: Mapping[str, Any],
    *,
    slot: int | None,
    time: int | None,
    programs: frozenset[str],
    place: int | None = None,
) -> Transaction:
    """The transaction in ``{transaction, meta, ...}``; raises ``Invalid`` if there is none."""
    meta = _mapping(node.get("meta"))
    message, signatures = _message(node.get("transaction", node))
    keys, loaded = _keys(message.get("accountKeys"))
    if not loaded:
        keys += _loaded(meta)
    return Transaction(
        signature=signatures[0] if signatures else None,
        slot=slot,
        time=time,
        place=place if place is not None else _whole(node.get("transactionIndex")),
        failed=meta.get("err") is not None,
        payer=keys[0] if keys else None,
        instructions=list(_instructions(message, meta, keys, programs)),
        logs=_list(meta.get("logMessages")),
        meta=meta,
        keys=keys,
    )


def transaction_from_logs(
    value: Mapping[str, Any], *, slot: int | None, time: int | None
) -> Transaction:
    """What a ``logsNotification`` tells of a transaction: whether it failed, and its log."""
    signature = value.get("signature")
    return Transaction(
        signature=signature if isinstance(signature, str) else None,
        slot=slot,
        time=time,
        place=None,
        failed=value.get("err") is not None,
        payer=None,
        instructions=(),
        logs=_list(value.get("logs")),
        meta={},
        keys=(),
    )


def _message(body: Any) -> tuple[Mapping[str, Any], list[str]]:
    """The message and signatures of a transaction in any encoding."""
    if isinstance(body, str):
        return _from_bytes(_decoded(body, "base58"))
    if isinstance(body, list) and body and isinstance(body[0], str):
        encoding = body[1] if len(body) > 1 and isinstance(body[1], str) else "base58"
        return _from_bytes(_decoded(body[0], encoding))
    if isinstance(body, dict) and isinstance(body.get("message"), dict):
        return body["message"], _texts(body.get("signatures"))
    raise Invalid("there is no transaction message here", reason="shape")


def _decoded(text: str, encoding: str) -> bytes:
    try:
        if encoding == "base58":
            return based58.b58decode(text.encode())
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Invalid(f"a transaction is not {encoding}", reason="encoding") from error
    raise Invalid("a transaction is neither base58 nor base64", reason="encoding")


def _from_bytes(raw: bytes) -> tuple[Mapping[str, Any], list[str]]:
    """The same form from the wire format, which ``solders`` reads."""
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


def _keys(listed: Any) -> tuple[list[str], bool]:
    """Account keys in order, and whether those of lookup tables are already among them."""
    if not isinstance(listed, list):
        return [], False
    if listed and isinstance(listed[0], str):
        return [key for key in listed if isinstance(key, str)], False
    objects = [each for each in listed if isinstance(each, dict)]
    keys = [key for each in objects if isinstance(key := each.get("pubkey"), str)]
    return keys, any(each.get("source") == "lookupTable" for each in objects)


def _loaded(meta: Mapping[str, Any]) -> list[str]:
    loaded = _mapping(meta.get("loadedAddresses"))
    return _texts(loaded.get("writable")) + _texts(loaded.get("readonly"))


def _instructions(
    message: Mapping[str, Any],
    meta: Mapping[str, Any],
    keys: Sequence[str],
    programs: frozenset[str],
) -> Iterator[Instruction]:
    inner: dict[int, list[Any]] = {}
    for group in _list(meta.get("innerInstructions")):
        index = _mapping(group).get("index")
        if isinstance(index, int):
            inner.setdefault(index, []).extend(_list(group.get("instructions")))
    for position, outer in enumerate(_list(message.get("instructions"))[:MOST_INSTRUCTIONS]):
        if found := _instruction(outer, keys, programs, 1):
            yield found
        for called in inner.get(position, ())[:MOST_INSTRUCTIONS]:
            if found := _instruction(called, keys, programs, 2):
                yield found


def _instruction(
    node: Any, keys: Sequence[str], programs: frozenset[str], depth: int
) -> Instruction | None:
    """The instruction if it is of a program that we read, else ``None``."""
    if not isinstance(node, dict):
        return None
    program = node.get("programId")
    if program is None:
        program = _key(node.get("programIdIndex"), keys)
    if program in programs:
        data = node.get("data")
        if not isinstance(data, str | bytes):
            return None
        return Instruction(program, _accounts(node, keys), data, depth)
    return _burn(node, program, keys, depth) if program in TOKEN_PROGRAMS else None


def _accounts(node: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Accounts in order; ``jsonParsed`` names them, the other encodings number them."""
    listed = _list(node.get("accounts"))
    return [each if isinstance(each, str) else _key(each, keys) for each in listed]


BURN = 8
"""SPL Token's ``Burn`` (``BurnChecked`` is 15): accounts are holder, mint, owner."""
LONGEST_BURN = 16
"""base58 digits of the ten bytes of ``BurnChecked``, and some more."""


def _burn(
    node: Mapping[str, Any], program: str, keys: Sequence[str], depth: int
) -> Instruction | None:
    """A burn of tokens, from its bytes or as the node has parsed it."""
    data = node.get("data")
    if data is None:
        return _parsed_burn(_mapping(node.get("parsed")), program, depth)
    if not isinstance(data, str | bytes) or len(data) > LONGEST_BURN:
        return None
    accounts = _accounts(node, keys)
    if len(accounts) < 3:
        return None
    found = Instruction(program, accounts, data, depth)
    try:
        raw = found.data
    except Invalid:
        return None
    return found if raw[:1] in (b"\x08", b"\x0f") and len(raw) >= 9 else None


def _parsed_burn(parsed: Mapping[str, Any], program: str, depth: int) -> Instruction | None:
    if parsed.get("type") not in ("burn", "burnChecked"):
        return None
    info = _mapping(parsed.get("info"))
    amount = _whole(info.get("amount", _mapping(info.get("tokenAmount")).get("amount")))
    if amount is None:
        return None
    accounts = [str(info.get(name, "")) for name in ("account", "mint", "authority")]
    return Instruction(program, accounts, struct.pack("<BQ", BURN, amount), depth)


def _key(place: Any, keys: Sequence[str]) -> str:
    """An account by its number, or as it is named; empty when its lookup was not sent."""
    if isinstance(place, str):
        return place
    if isinstance(place, int) and 0 <= place < len(keys):
        return keys[place]
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in _list(value) if isinstance(each, str)]


def _whole(value: Any) -> int | None:
    """A count, as a number or as digits; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**64:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return min(int(value), 2**64 - 1)
    return None
