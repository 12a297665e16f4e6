"""The exit codes of every command: 0 is done, and these are the ways of not being done."""

from __future__ import annotations

from typing import Final

__all__ = ["FAILED", "INTERRUPTED", "MISUSED"]

FAILED: Final = 1
"""The work could not be done, or part of the input was refused."""
MISUSED: Final = 2
"""The command line or a setting cannot be understood."""
INTERRUPTED: Final = 130
"""A signal ended it before it had done what it was asked (128 + SIGINT, as shells say it)."""
