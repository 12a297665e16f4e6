"""One transaction in every form that nodes and providers send, made from its compiled form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import based58
import cramjam
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import MessageAddressTableLookup, MessageHeader, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

Node = Mapping[str, Any]
SLOT, TIME = 345_678_901, 1_780_000_000


def compiled(document: Node, number: int = 0) -> dict[str, Any]:
    """``{transaction, meta}`` in the encoding ``json`` from one in ``jsonParsed`` of raw calls.

    ``number`` makes its signature. The last half of the accounts that are no signers nor programs
    is put into lookup tables.
    """
    message, meta = document["transaction"]["message"], document["meta"]
    outer = message["instructions"]
    inner = [each for group in meta["innerInstructions"] for each in group["instructions"]]
    programs = list(dict.fromkeys(each["programId"] for each in (*outer, *inner)))
    payer = message["accountKeys"][0]["pubkey"]
    others = {a: 0 for each in (*outer, *inner) for a in each["accounts"]}
    plain = [each for each in others if each not in programs and each != payer]
    half = len(plain) // 2
    writable, readonly = plain[half::2], plain[half + 1 :: 2]
    static = [payer, *plain[:half], *programs]
    keys = [*static, *writable, *readonly]

    def numbered(each: Node) -> dict[str, Any]:
        return {
            "programIdIndex": keys.index(each["programId"]),
            "accounts": [keys.index(account) for account in each["accounts"]],
            "data": each["data"],
            "stackHeight": None,
        }

    return {
        "transaction": {
            "signatures": [str(Signature(number.to_bytes(8, "big") * 8))],
            "message": {
                "header": {
                    "numRequiredSignatures": 1,
                    "numReadonlySignedAccounts": 0,
                    "numReadonlyUnsignedAccounts": len(programs),
                },
                "accountKeys": static,
                "recentBlockhash": str(Hash(bytes(32))),
                "instructions": [numbered(each) for each in outer],
                "addressTableLookups": [
                    {
                        "accountKey": str(Pubkey(bytes([7] * 32))),
                        "writableIndexes": list(range(len(writable))),
                        "readonlyIndexes": list(range(100, 100 + len(readonly))),
                    }
                ],
            },
        },
        "meta": {
            "err": meta["err"],
            "status": {"Ok": None},
            "fee": 5000,
            "preBalances": [],
            "postBalances": [],
            "preTokenBalances": [],
            "rewards": [],
            "innerInstructions": [
                {"index": group["index"], "instructions": [*map(numbered, group["instructions"])]}
                for group in meta["innerInstructions"]
            ],
            "logMessages": meta["logMessages"],
            "loadedAddresses": {"writable": writable, "readonly": readonly},
            "postTokenBalances": meta.get("postTokenBalances", []),
        },
        "version": 0,
    }


def _json(node: Node) -> Any:
    return node


def _json_parsed(node: Node) -> Any:
    """Accounts by name, those of lookup tables among the others."""
    message, meta = node["transaction"]["message"], node["meta"]
    loaded = meta["loadedAddresses"]
    looked_up = [*loaded["writable"], *loaded["readonly"]]
    keys = [*message["accountKeys"], *looked_up]

    def named(each: Node) -> dict[str, Any]:
        accounts = [keys[account] for account in each["accounts"]]
        return {
            "programId": keys[each["programIdIndex"]],
            "accounts": accounts,
            "data": each["data"],
        }

    sources = ["transaction"] * len(message["accountKeys"]) + ["lookupTable"] * len(looked_up)
    parsed = {
        "accountKeys": [
            {"pubkey": key, "source": source, "signer": False, "writable": True}
            for key, source in zip(keys, sources, strict=True)
        ],
        "instructions": [named(each) for each in message["instructions"]],
    }
    inner = [
        {"index": group["index"], "instructions": [*map(named, group["instructions"])]}
        for group in meta["innerInstructions"]
    ]
    return {
        **node,
        "transaction": {**node["transaction"], "message": parsed},
        "meta": {**meta, "innerInstructions": inner},
    }


def wire(node: Node) -> bytes:
    """The transaction's own bytes, by ``solders``."""
    message = node["transaction"]["message"]
    header = message["header"]
    lookups = [
        MessageAddressTableLookup(
            Pubkey.from_string(each["accountKey"]),
            bytes(each["writableIndexes"]),
            bytes(each["readonlyIndexes"]),
        )
        for each in message.get("addressTableLookups", ())
    ]
    made = MessageV0(
        MessageHeader(*header.values()),
        [Pubkey.from_string(each) for each in message["accountKeys"]],
        Hash.from_string(message["recentBlockhash"]),
        [
            CompiledInstruction(
                each["programIdIndex"],
                based58.b58decode(each["data"].encode()),
                bytes(each["accounts"]),
            )
            for each in message["instructions"]
        ],
        lookups,
    )
    signatures = [Signature.from_string(each) for each in node["transaction"]["signatures"]]
    return bytes(VersionedTransaction.populate(made, signatures))


def _wired(encoding: str) -> Callable[[Node], Any]:
    def encode(node: Node) -> Any:
        raw = wire(node)
        packed = bytes(cramjam.zstd.compress(raw)) if "zstd" in encoding else raw
        text = based58.b58encode(raw) if encoding == "base58" else base64.b64encode(packed)
        return {**node, "transaction": [text.decode(), encoding]}

    return encode


def _bare(node: Node) -> Any:
    """``encoding: base58`` of old: the text alone."""
    return {**node, "transaction": based58.b58encode(wire(node)).decode()}


def _b64(raw: bytes | str) -> str:
    data = raw if isinstance(raw, bytes) else based58.b58decode(raw.encode())
    return base64.b64encode(data).decode()


def _geyser(node: Node) -> Any:
    """Yellowstone's protobuf as JSON: every ``bytes`` field in base64."""

    def call(each: Node) -> dict[str, Any]:
        accounts = _b64(bytes(each["accounts"]))
        return {**each, "accounts": accounts, "data": _b64(each["data"])}

    message, meta = node["transaction"]["message"], node["meta"]
    loaded = meta["loadedAddresses"]
    signatures = [*map(_b64, node["transaction"]["signatures"])]
    return {
        "signature": signatures[0],
        "isVote": False,
        "transaction": {
            "signatures": signatures,
            "message": {
                **message,
                "accountKeys": [*map(_b64, message["accountKeys"])],
                "instructions": [*map(call, message["instructions"])],
                "versioned": True,
            },
        },
        "meta": {
            **{name: value for name, value in meta.items() if name != "loadedAddresses"},
            "innerInstructions": [
                {"index": group["index"], "instructions": [*map(call, group["instructions"])]}
                for group in meta["innerInstructions"]
            ],
            "loadedWritableAddresses": [*map(_b64, loaded["writable"])],
            "loadedReadonlyAddresses": [*map(_b64, loaded["readonly"])],
        },
        "index": "12",
    }


def _web3(node: Node) -> Any:
    """What ``JSON.stringify`` makes of web3.js' ``VersionedTransactionResponse``."""
    message = node["transaction"]["message"]
    calls = [
        {
            "programIdIndex": each["programIdIndex"],
            "accountKeyIndexes": each["accounts"],
            "data": {"type": "Buffer", "data": list(based58.b58decode(each["data"].encode()))},
        }
        for each in message["instructions"]
    ]
    made = {
        "header": message["header"],
        "staticAccountKeys": message["accountKeys"],
        "recentBlockhash": message["recentBlockhash"],
        "compiledInstructions": calls,
        "addressTableLookups": message["addressTableLookups"],
    }
    return {**node, "transaction": {**node["transaction"], "message": made}}


ENCODINGS: Mapping[str, Callable[[Node], Any]] = {
    "json": _json,
    "jsonParsed": _json_parsed,
    "base64": _wired("base64"),
    "base58": _wired("base58"),
    "base64+zstd": _wired("base64+zstd"),
    "bare": _bare,
    "geyser": _geyser,
    "web3": _web3,
}


def _notice(method: str, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": {"subscription": 1, "result": result}}


def _block(node: Any) -> dict[str, Any]:
    return {"blockhash": "h", "parentSlot": SLOT - 1, "blockTime": TIME, "transactions": [node]}


def _answer(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


ENVELOPES: Mapping[str, Callable[[Any], Any]] = {
    "result": lambda node: {"slot": SLOT, "blockTime": TIME, **node},
    "getTransaction": lambda node: _answer({"slot": SLOT, "blockTime": TIME, **node}),
    "batch": lambda node: [_answer({"slot": SLOT, "blockTime": TIME, **node})],
    "getBlock": lambda node: _answer({"slot": SLOT, **_block(node)}),
    "blockNotification": lambda node: _notice(
        "blockNotification",
        {"context": {"slot": SLOT}, "value": {"slot": SLOT, "err": None, "block": _block(node)}},
    ),
    "transactionNotification": lambda node: _notice(
        "transactionNotification",
        {"transaction": node, "signature": "x", "slot": SLOT, "blockTime": TIME},
    ),
    "geyser": lambda node: {
        "filters": ["pump"],
        "transaction": {"transaction": node, "slot": str(SLOT), "blockTime": {"timestamp": TIME}},
    },
    "geyserBlock": lambda node: {
        "block": {"slot": str(SLOT), "blockTime": {"timestamp": str(TIME)}, "transactions": [node]}
    },
    "webhook": lambda node: [{"slot": SLOT, "blockTime": TIME, "indexWithinBlock": 3, **node}],
}

FILES: Mapping[str, Callable[[list[Any]], str]] = {
    "lines": lambda documents: "\n".join(map(json.dumps, documents)) + "\n",
    "array": json.dumps,
    "pretty": lambda documents: "\n".join(json.dumps(each, indent=2) for each in documents),
}
