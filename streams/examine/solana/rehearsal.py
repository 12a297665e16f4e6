"""A transaction that is only rehearsed: built unsigned, simulated by a node, and what came of it.

What fails inside a token program is the token's doing (a frozen account, a paused mint, tokens that
cannot move). Anything else may be the venue's, or ours, and proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from typing import NamedTuple

from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from streams.errors import Invalid
from streams.examine.solana.slotview import SlotView
from streams.solana.programs import TOKEN_PROGRAMS
from streams.solana.spl.mint import TokenAccount, token_account_from
from streams.text import sanitise

__all__ = ["Outcome", "fresh_wallet", "rehearse"]

MOST_BYTES = 1232
"""The longest transaction that Solana takes (``PACKET_DATA_SIZE``)."""
MOST_REASON = 80

_FAILED = re.compile(r"Program (\w{32,44}) failed: (.*)")
_SAID = re.compile(r"Program log: (?:Error: )?(.*)")


class Outcome(NamedTuple):
    """How a rehearsal went."""

    ok: bool
    by_token: bool
    """Whether it was a token program that refused."""
    why: str
    holdings: Sequence[TokenAccount | None]
    """The token accounts that were asked for, as they would be."""


def fresh_wallet(seed: str) -> str:
    """A wallet that nobody has: the same one for the same seed."""
    for salt in count():
        key = Pubkey(sha256(f"heft:{seed}:{salt}".encode()).digest())
        if key.is_on_curve():
            return str(key)
    raise AssertionError  # about every second hash is a point of the curve


async def rehearse(
    view: SlotView, payer: str, instructions: Sequence[Instruction], holdings: Sequence[str]
) -> Outcome:
    """Simulate as if everybody had signed. Raises ``Invalid`` and ``Retry``."""
    message = Message.new_with_blockhash(
        list(instructions), Pubkey.from_string(payer), Hash.default()
    )
    signatures = [Signature.default()] * message.header.num_required_signatures
    raw = bytes(VersionedTransaction.populate(message, signatures))
    if len(raw) > MOST_BYTES:
        raise Invalid("the trade does not fit into one transaction", reason="too-large")
    done = await view.simulate(raw, holdings)
    found = [
        _holding(account.data, account.owner) if account is not None else None
        for account in done.accounts
    ]
    if done.err is None:
        return Outcome(True, False, "", found)
    program, why = _refusal(done.logs)
    return Outcome(False, program in TOKEN_PROGRAMS, why or _plain(done.err), found)


def _holding(data: bytes, owner: str) -> TokenAccount | None:
    try:
        return token_account_from(data, owner)
    except Invalid:
        return None


def _refusal(logs: Sequence[str]) -> tuple[str, str]:
    """The program that failed first, which is the innermost, and what it said last."""
    said = ""
    for line in logs:
        if match := _FAILED.match(line):
            return match[1], sanitise(said or match[2], MOST_REASON)
        if match := _SAID.match(line):
            said = match[1]
    return "", ""


def _plain(err: object) -> str:
    return sanitise(str(err), MOST_REASON)
