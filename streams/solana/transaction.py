"""One transaction as a node or provider sent it, brought to one form.

Accepted: the encodings ``json``, ``jsonParsed``, ``base58`` and ``base64`` of
``getTransaction``, ``getBlock`` and their subscriptions, legacy and versioned, with account keys
as text or as objects, with lookup tables resolved by ``meta.loadedAddresses``; Geyser's protobuf as
JSON; and what web3.js makes of an answer. Instructions come out in the order of their execution,
each inner one behind what called it.

Only instructions of programs that we read are taken apart: most transactions are about others. Of
the token programs, which nodes may send parsed, only burns are kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import based58

from streams.errors import Invalid
from streams.solana.encodings import address_of, bytes_of, from_base58, wire_transaction
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
        return self.text if isinstance(self.text, bytes) else from_base58(self.text)


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
    keys, loaded = _keys(message.get("accountKeys", message.get("staticAccountKeys")))
    if not loaded:
        keys = keys + _loaded(meta)
    instructions = _instructions(message, meta, keys, programs)
    return Transaction(
        signature=_signature(signatures, node),
        slot=slot,
        time=time,
        place=place if place is not None else _place(node),
        failed=meta.get("err") is not None,
        payer=keys[0] if keys else None,
        instructions=instructions,
        logs=_list(meta.get("logMessages")),
        meta=meta,
        keys=keys,
    )


def _signature(signatures: Sequence[str], node: Mapping[str, Any]) -> str | None:
    """base58, as most write it; Geyser's JSON has base64, where 64 bytes end in ``==``."""
    found = signatures[0] if signatures else node.get("signature")
    if isinstance(found, str) and not found.endswith("="):
        return found or None
    raw = bytes_of(found)
    return based58.b58encode(raw).decode() if raw else None


def _place(node: Mapping[str, Any]) -> int | None:
    for name in ("transactionIndex", "indexWithinBlock", "index"):
        if (found := _whole(node.get(name))) is not None:
            return found
    return None


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


def _message(body: Any) -> tuple[Mapping[str, Any], list[Any]]:
    """The message and signatures of a transaction in any encoding."""
    if isinstance(body, str):
        return wire_transaction(body, None)
    if isinstance(body, list) and body and isinstance(body[0], str):
        encoding = body[1] if len(body) > 1 and isinstance(body[1], str) else None
        return wire_transaction(body[0], encoding)
    if isinstance(body, dict):
        if isinstance(body.get("message"), dict):
            return body["message"], _list(body.get("signatures"))
        if isinstance(body.get("accountKeys"), list):  # ``transactionDetails: accounts``
            return body, _list(body.get("signatures"))
    raise Invalid("there is no transaction message here", reason="shape")


def _keys(listed: Any) -> tuple[list[str], bool]:
    """Account keys in order, and whether those of lookup tables are already among them."""
    if not isinstance(listed, list):
        return [], False
    if set(map(type, listed)) == {dict}:
        loaded = LOOKUP in [each.get("source") for each in listed]
        return _addresses([each.get("pubkey", each) for each in listed]), loaded
    return _addresses(listed), False


def _addresses(listed: list[Any]) -> list[str]:
    """Keys as base58. They are taken as they stand where all are text of which none is base64."""
    plain = set(map(type, listed)) <= {str} and "=" not in "".join(listed)
    return listed if plain else list(map(address_of, listed))


LOOKUP = "lookupTable"


def _loaded(meta: Mapping[str, Any]) -> list[str]:
    loaded = _mapping(meta.get("loadedAddresses"))
    listed = [
        *_list(loaded.get("writable", meta.get("loadedWritableAddresses"))),
        *_list(loaded.get("readonly", meta.get("loadedReadonlyAddresses"))),
    ]
    return _addresses(listed)


def _instructions(
    message: Mapping[str, Any],
    meta: Mapping[str, Any],
    keys: Sequence[str],
    programs: frozenset[str],
) -> list[Instruction]:
    """Those of our programs and the burns, in the order of their execution."""
    wanted = _with_tokens(programs)
    numbers = {place for place, key in enumerate(keys) if key in wanted}
    found: list[Instruction] = []
    for depth, nodes in _executed(message, meta):
        for node in nodes:
            if type(node) is not dict:
                continue
            program = node.get("programIdIndex")
            if (parsed := node.get("parsed")) is not None and not _is_burn(parsed):
                continue
            if type(program) is int:
                if program not in numbers:
                    continue
                program = keys[program]
            elif type(program := node.get("programId")) is not str or program not in wanted:
                continue
            if taken := _taken(node, program, keys, programs, depth):
                found.append(taken)
    return found


def _executed(
    message: Mapping[str, Any], meta: Mapping[str, Any]
) -> Iterator[tuple[int, Sequence[Any]]]:
    """Each instruction of the transaction, then all that came of it, with their depth."""
    inner: dict[int, list[Any]] = {}
    for group in _list(meta.get("innerInstructions")):
        index = _whole(_mapping(group).get("index", 0))
        if index is not None and isinstance(group, dict):
            inner.setdefault(index, []).extend(_list(group.get("instructions")))
    outer = _list(message.get("instructions", message.get("compiledInstructions")))
    for position, each in enumerate(outer[:MOST_INSTRUCTIONS]):
        yield 1, (each,)
        if position in inner:
            yield 2, inner[position][:MOST_INSTRUCTIONS]


@cache
def _with_tokens(programs: frozenset[str]) -> frozenset[str]:
    return programs | TOKEN_PROGRAMS


def _taken(
    node: Mapping[str, Any],
    program: str,
    keys: Sequence[str],
    programs: frozenset[str],
    depth: int,
) -> Instruction | None:
    """The instruction if it can be read at all; of a token program, only if it is a burn."""
    if program not in programs:
        return _burn(node, program, keys, depth)
    data = _data(node)
    return None if data is None else Instruction(program, _accounts(node, keys), data, depth)


def _data(node: Mapping[str, Any]) -> str | bytes | None:
    """An instruction's data: base58, unless its accounts are bytes (Geyser) or it is a Buffer."""
    data = node.get("data")
    if isinstance(data, bytes) or (isinstance(data, str) and not _is_geyser(node)):
        return data
    return bytes_of(data)


def _is_geyser(node: Mapping[str, Any]) -> bool:
    """Protobuf as JSON has the numbers of the accounts as bytes, not as a list of numbers."""
    listed = node.get("accounts", node.get("accountKeyIndexes"))
    return "programId" not in node and not isinstance(listed, list)


def _accounts(node: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Accounts in order; ``jsonParsed`` names them, the other encodings number them."""
    listed = node.get("accounts", node.get("accountKeyIndexes"))
    if not isinstance(listed, list):
        listed = bytes_of(listed) or ()
    known = len(keys)
    return [
        each
        if type(each) is str
        else keys[each]
        if type(each) is int and 0 <= each < known
        else ""  # its lookup was not sent
        for each in listed
    ]


BURN = 8
"""SPL Token's ``Burn`` (``BurnChecked`` is 15): accounts are holder, mint, owner."""
PARSED_BURNS = ("burn", "burnChecked")
LONGEST_BURN = 24
"""Characters of the ten bytes of ``BurnChecked`` in any encoding, and some more."""
BURNS = frozenset(
    based58.b58encode(bytes((kind, second)) + bytes(rest))[:1].decode()
    for kind, rest in ((BURN, 7), (15, 8))
    for second in range(256)
)
"""How base58 of a burn starts: its length is fixed, so its first digit grows with the number."""
BURN_DIGITS = (12, 13)


def _burn(
    node: Mapping[str, Any], program: str, keys: Sequence[str], depth: int
) -> Instruction | None:
    """A burn of tokens, from its bytes or as the node has parsed it."""
    data = node.get("data")
    if data is None:
        return _parsed_burn(_mapping(node.get("parsed")), program, depth)
    if type(data) is str and not _is_geyser(node) and _is_no_burn(data):
        return None
    data = _data(node)
    if data is None or len(data) > LONGEST_BURN:
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


def _is_no_burn(text: str) -> bool:
    """Told without decoding: token transfers are most of what is in a block."""
    size = len(text)
    return size < BURN_DIGITS[0] or (size in BURN_DIGITS and text[0] not in BURNS)


def _is_burn(parsed: Any) -> bool:
    return type(parsed) is dict and parsed.get("type") in PARSED_BURNS


def _parsed_burn(parsed: Mapping[str, Any], program: str, depth: int) -> Instruction | None:
    if not _is_burn(parsed):
        return None
    info = _mapping(parsed.get("info"))
    amount = _whole(info.get("amount", _mapping(info.get("tokenAmount")).get("amount")))
    if amount is None:
        return None
    accounts = [str(info.get(name, "")) for name in ("account", "mint", "authority")]
    return Instruction(program, accounts, struct.pack("<BQ", BURN, amount), depth)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    """A count, as a number or as digits; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**64:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return min(int(value), 2**64 - 1)
    return None
