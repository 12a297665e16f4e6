"""``heft decode``: recorded logs, receipts or transactions of a chain to events, a line each."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, settings_from

__all__ = ["decode"]


def decode(chain: str, file: Path, common: Common = Common()) -> int:
    """Print the events of a file of recorded logs, or of transactions on Solana.

    Args:
        chain: The chain's slug (base, solana) or id (8453).
        file: Where the records are; - is standard input.
        common: See there.
    """
    if chain == "solana":
        from daemon.jobs.decoding_solana import decode_solana_file

        return decode_solana_file(file)
    from daemon.jobs.decoding import decode_file

    return decode_file(chain, file, settings_from(common).chains.factories)
