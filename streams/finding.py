"""One answer of one check: yes, no, a number, or unknown, and who says so as of which block.

A check that could not be made is never silently "no": its value is absent and ``why`` says what
stood in the way. Names are dotted and belong to a group (``contract.can_mint``, ``trade.sell_tax``,
``owner.renounced``); the fields that scanners report today are the list to cover.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["Finding", "FindingSource"]

FindingSource = Literal[
    "bytecode", "simulation", "call", "logs", "archive", "third-party", "posts", "market"
]  # fmt: skip
"""Where an answer comes from, most checkable first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one check found. Exactly one of ``value`` and ``why`` is given."""

    source: FindingSource
    block: Annotated[int, Meta(ge=0)]
    """The block that the answer speaks of."""
    value: bool | float | str | UnsetType = UNSET
    """A share is of 1, an amount in whole tokens or dollars, a moment in UNIX seconds."""
    why: Annotated[str, Meta(max_length=200)] = ""
    """Why the value is unknown."""

    @property
    def known(self) -> bool:
        """Whether the check gave an answer."""
        return self.value is not UNSET
