"""How many Solana transactions a second one core decodes, from parsed JSON.

The recorded mainnet transactions beside the checkout (``HEFT_DATA_DIR``) are repeated in three
mixes: those that call a program that we read (launches, trades with their events, 17 kB of JSON
each, in ``json``, ``jsonParsed`` and ``base64``); those that do not; and as many of either, which
is still more of ours than a block has, where votes alone are more than half. Each document is
parsed right before it is decoded, as in the service, and only the decoding is timed; the best of
some rounds is told beside the median, since others may share the machine. Beside our decoder runs
``solders``' own typed parser on the same JSON text, which is what a client would do before it has
decoded anything of a program.

    python -m benchmarks.solana
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from solders.transaction_status import EncodedConfirmedTransactionWithStatusMeta

from benchmarks.machine import describe
from streams.errors import Invalid
from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.documents import documents, transactions_in
from streams.solana.launches import launches_in

ROUNDS = 9
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
    ours = [text for text, each in zip(texts, recorded, strict=True) if _calls_ours(each)]
    others = [text for text, each in zip(texts, recorded, strict=True) if not _calls_ours(each)]
    half = [*ours, *(others[place % len(others)] for place in range(len(ours)))]
    for what, mix in (("decoded, all of ours", ours), ("half of ours", half), ("none", others)):
        rates = _decoding(mix)
        print(f"{what:<21}{median(rates):>9,.0f} a second, at best {max(rates):,.0f}")
    print(f"{'parsed by msgspec':<21}{_rate(texts, msgspec.json.decode):>9,.0f} a second")
    print(f"{'parsed by solders':<21}{_rate(texts, _by_solders):>9,.0f} a second")


def _decoding(texts: list[str]) -> list[float]:
    """Transactions a second of CPU, a figure a round; parsing is not in them."""
    gc.collect()
    gc.freeze()  # as the service does
    rates = []
    for _ in range(ROUNDS):
        spent, done = 0, 0
        while spent < SECONDS / ROUNDS * 1e9:
            for text in texts:
                document = msgspec.json.decode(text)
                started = time.process_time_ns()
                _decode(document)
                spent += time.process_time_ns() - started
            done += len(texts)
        rates.append(done / spent * 1e9)
    return rates


def _calls_ours(document: Any) -> bool:
    (piece,) = transactions_in(document, READ_PROGRAMS)
    return piece.transaction is not None and not READ_PROGRAMS.isdisjoint(piece.transaction.keys)


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
