"""Why a version serves, or does not: each decision as the registry keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["Decision", "Gate", "What"]

What = Literal["promoted", "refused", "shadowing", "rolled-back", "pinned", "unpinned"]


class Gate(msgspec.Struct, frozen=True):
    """One condition, whether it holds, and the figures."""

    name: str
    passed: bool
    found: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as it is kept in the registry, to be read by people."""

    at: datetime
    what: What
    champion: str
    """Which served before."""
    challenger: str = ""
    reason: str
    gates: tuple[Gate, ...] = ()
    by: str = "heft"
