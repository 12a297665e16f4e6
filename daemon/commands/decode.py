"""``heft decode``: recorded logs or receipts of a chain to events, a JSON line each."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, settings_from

__all__ = ["decode"]


def decode(chain: str, file: Path, common: Common = Common()) -> int:
    """Print the events of a file of recorded logs.

    Args:
        chain: The chain's slug (base) or id (8453).
        file: Where the logs are; - is standard input.
        common: See there.
    """
    from daemon.jobs.decoding import decode_file

    return decode_file(chain, file, settings_from(common).chains.factories)
