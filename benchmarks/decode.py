"""Logs a second on one core: ours from a node's bytes to events, against web3's own log path.

Both start from the same ``eth_getLogs`` answer of V2, V3 and V4 logs in the proportions of a busy
block. web3's path is what its provider does with such an answer: JSON to dicts, its result
formatters, and ``process_log`` of the contract's event.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from web3 import Web3
from web3._utils.events import get_event_data
from web3._utils.method_formatters import get_result_formatters
from web3.types import RPCEndpoint

from benchmarks.machine import describe
from streams.evm.decode import decode_log
from streams.evm.logs import Log, place_of, topic_of
from streams.evm.venues import factories_of

LOGS = 20_000
SHARES = {"transfer": 60, "sync": 14, "swap": 14, "swap3": 10, "launch": 2}
AT = datetime(2026, 1, 1, tzinfo=UTC)
FACTORY = "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f"
ADDRESS, UINT = "address", "uint256"
EVENTS: dict[str, tuple[str, list[tuple[str, bool]]]] = {
    "transfer": ("Transfer", [(ADDRESS, True), (ADDRESS, True), (UINT, False)]),
    "sync": ("Sync", [("uint112", False), ("uint112", False)]),
    "swap": ("Swap", [(ADDRESS, True), *[(UINT, False)] * 4, (ADDRESS, True)]),
    "swap3": (
        "Swap",
        [
            (ADDRESS, True), (ADDRESS, True), ("int256", False), ("int256", False),
            ("uint160", False), ("uint128", False), ("int24", False),
        ],
    ),
    "launch": ("PairCreated", [(ADDRESS, True), (ADDRESS, True), (ADDRESS, False), (UINT, False)]),
}  # fmt: skip


def main() -> None:
    """Print what was measured."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(describe())
    answer = _answer(random.Random(1))
    print(f"{LOGS:,} logs, {len(answer) / 2**20:.1f} MiB, one core")
    ours, decoded = _measure(lambda: _ours(answer))
    theirs, found = _measure(lambda: _web3(answer))
    assert decoded == found == LOGS, (decoded, found)
    print(f"heft   {ours:>10,.0f} logs/s")
    print(f"web3   {theirs:>10,.0f} logs/s")
    print(f"ratio  {ours / theirs:>10.1f}")


def _measure(run: Callable[[], int]) -> tuple[float, int]:
    """The best of five, since others share the machine."""
    best, events = 0.0, 0
    for _ in range(5):
        started = time.perf_counter()
        events = run()
        best = max(best, LOGS / (time.perf_counter() - started))
    return best, events


def _ours(answer: bytes) -> int:
    factories = factories_of("ethereum")
    events = 0
    for log in msgspec.json.decode(answer, type=list[Log]):
        events += decode_log(log, place_of("ethereum", log, AT), factories) is not None
    return events


def _web3(answer: bytes) -> int:
    web3 = Web3()
    abis = {_topic(name): _abi(name) for name in EVENTS}
    format_ = get_result_formatters(RPCEndpoint("eth_getLogs"), web3.eth)
    events = 0
    for log in format_(json.loads(answer)):
        abi = abis["0x" + log["topics"][0].hex().removeprefix("0x")]
        events += get_event_data(web3.codec, abi, log) is not None
    return events


def _abi(name: str) -> Any:
    event, arguments = EVENTS[name]
    inputs = [
        {"name": f"a{place}", "type": type_, "indexed": indexed}
        for place, (type_, indexed) in enumerate(arguments)
    ]
    return {"type": "event", "name": event, "inputs": inputs, "anonymous": False}


def _topic(name: str) -> str:
    event, arguments = EVENTS[name]
    return topic_of(f"{event}({','.join(type_ for type_, _ in arguments)})")


def _answer(chance: random.Random) -> bytes:
    kinds = chance.choices(list(SHARES), list(SHARES.values()), k=LOGS)
    return json.dumps([_log(chance, kind, place) for place, kind in enumerate(kinds)]).encode()


def _log(chance: random.Random, kind: str, place: int) -> dict[str, Any]:
    def word(type_: str) -> str:
        bits = {"address": 160, "int24": 20}.get(type_, 100)
        return f"{chance.getrandbits(bits):064x}"

    _, arguments = EVENTS[kind]
    return {
        "address": FACTORY if kind == "launch" else f"0x{chance.getrandbits(160):040x}",
        "topics": [_topic(kind), *("0x" + word(type_) for type_, indexed in arguments if indexed)],
        "data": "0x" + "".join(word(type_) for type_, indexed in arguments if not indexed),
        "blockNumber": hex(20_000_000 + place // 300),
        "blockHash": f"0x{place // 300:064x}",
        "logIndex": hex(place % 300),
        "transactionHash": f"0x{chance.getrandbits(256):064x}",
        "transactionIndex": hex(place % 300 // 3),
        "removed": False,
    }


if __name__ == "__main__":
    main()
