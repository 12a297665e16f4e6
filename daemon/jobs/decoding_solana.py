"""A file of recorded Solana transactions to events as JSON lines, and a count of what is none."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from daemon.jobs.decoding import read_bytes
from streams.errors import Invalid
from streams.solana.activity import activity_in, lp_mints_of
from streams.solana.decode import READ_PROGRAMS, Reading, read
from streams.solana.documents import documents, transactions_in
from streams.solana.launches import launches_in
from streams.solana.sightings import SeenActivity, SeenLaunch
from streams.solana.transaction import Transaction

__all__ = ["Decoding", "decode_solana_file"]


def decode_solana_file(file: Path) -> int:
    """Print the events of ``file`` (``-`` is standard input); 1 when part could not be decoded."""
    decoding = Decoding()
    for event in decoding.events(read_bytes(file)):
        print(msgspec.json.encode(event).decode())
    for line in decoding.told():
        print(line, file=sys.stderr)
    return int(decoding.spoilt)


class Decoding:
    """The events of a file, each once however often it was recorded, and what became of the rest.

    A pool is launched once; a transaction that comes again, as a log notification and in full, say,
    adds only launches that its first record did not show.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._launched: set[tuple[str, str]] = set()
        self._signatures: set[str] = set()
        self._lp_mints: dict[str, tuple[str, str]] = {}

    def events(self, text: bytes) -> Iterator[SeenLaunch | SeenActivity]:
        """The events in order."""
        for document in documents(text):
            if isinstance(document, Invalid):
                self._counts[document.reason] += 1
                continue
            for piece in transactions_in(document, READ_PROGRAMS):
                if piece.transaction is not None:
                    yield from self._of(piece.transaction)
                elif piece.trouble is not None:
                    self._counts[piece.trouble.reason] += 1

    @property
    def spoilt(self) -> bool:
        """Whether anything could not be decoded; an unknown instruction alone is not an error."""
        return any(self._counts.values()) or any(
            many for (_, outcome), many in self._outcomes.items() if outcome == "undecodable"
        )

    def told(self) -> Iterator[str]:
        """What the file held, in lines for a person."""
        yield f"{len(self._signatures):,} transactions, {len(self._launched):,} launches"
        for (venue, outcome), many in sorted(self._outcomes.items()):
            if outcome != "decoded":
                yield f"  {outcome}, {venue}: {many:,}"
        for reason, many in sorted(self._counts.items()):
            yield f"  not decodable, {reason}: {many:,}"

    def _of(self, transaction: Transaction) -> Iterator[SeenLaunch | SeenActivity]:
        reading = read(transaction)
        self._outcomes.update(reading.outcomes)
        for launch in launches_in(transaction, reading):
            if (launch.venue, launch.pool) not in self._launched:
                self._launched.add((launch.venue, launch.pool))
                yield launch
        yield from self._deeds(transaction, reading)

    def _deeds(self, transaction: Transaction, reading: Reading) -> Iterator[SeenActivity]:
        signature = transaction.signature
        if signature is None or signature not in self._signatures:
            yield from activity_in(transaction, reading, self._lp_mints)
            self._lp_mints |= lp_mints_of(reading)
        if signature is not None:
            self._signatures.add(signature)
