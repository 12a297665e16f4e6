"""How many Solana transactions a second one core decodes, from parsed JSON.

The recorded mainnet transactions beside the checkout (``HEFT_DATA_DIR``) are repeated: launches,
trades with their events, and others. Beside our decoder runs ``solders``' own typed parser on the
same JSON text, which is what a client would do before it has decoded anything of a program.

    python -m benchmarks.solana
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from solders.transaction_status import EncodedConfirmedTransactionWithStatusMeta

from benchmarks.machine import describe
from streams.errors import Invalid
from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.documents import documents, transactions_in
from streams.solana.launches import launches_in

ROUNDS = 5
SECONDS = 2.0


def main() -> None:
    """Print both rates."""
    folder = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "fixtures" / "solana"
    recorded = [each for path in sorted(folder.glob("*/*.json*")) for each in _results(path)]
    if not recorded:
        raise SystemExit(f"no recorded transactions in {folder}: set HEFT_DATA_DIR")
    print(describe())
    texts = [json.dumps(each) for each in recorded]
    size = sum(map(len, texts)) / len(texts)
    events = sum(map(_decode, recorded))
    print(f"{len(recorded)} recorded transactions, {size:,.0f} bytes of JSON, {events} events")
    print(f"decoded from parsed JSON  {_rate(recorded, _decode):>10,.0f} a second")
    print(f"parsed by msgspec         {_rate(texts, msgspec.json.decode):>10,.0f} a second")
    print(f"parsed by solders         {_rate(texts, _by_solders):>10,.0f} a second")


def _decode(document: Any) -> int:
    events = 0
    for piece in transactions_in(document, READ_PROGRAMS):
        if piece.transaction is not None:
            reading = read(piece.transaction)
            events += len(launches_in(piece.transaction, reading))
            events += len(activity_in(piece.transaction, reading, {}))
    return events


def _results(path: Path) -> list[Any]:
    """Transactions with their outcome, as ``getTransaction`` gives them."""
    found = []
    for document in documents(path.read_bytes()):
        node = document
        while isinstance(node, dict) and "meta" not in node:
            node = node.get("result") or node.get("params") or node.get("transaction")
        if isinstance(node, dict) and "transaction" in node and not isinstance(document, Invalid):
            found.append({"slot": 1, "blockTime": None, **node})
    return found


def _by_solders(text: str) -> None:
    try:
        EncodedConfirmedTransactionWithStatusMeta.from_json(text)
    except ValueError:
        return  # a provider's own form


def _rate(items: list[Any], do: Callable[[Any], object]) -> float:
    """The median of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        started, done = time.process_time(), 0
        while (spent := time.process_time() - started) < SECONDS / ROUNDS:
            for item in items:
                do(item)
            done += len(items)
        rates.append(done / spent)
    return sorted(rates)[ROUNDS // 2]


if __name__ == "__main__":
    main()
