"""A transaction that is only rehearsed: built unsigned, simulated by a node, and what came of it.

A token program that refuses by a rule of the mint is the token's doing: a frozen account, a paused
mint, tokens that cannot move. Anything else, such as a vault with too little in it, may be the
venue's, or ours, and proves nothing.
"""

from __future__ import annotations

import re
import secrets
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
RULES = frozenset({0x11, 0x25, 0x43})
"""Token-2022's ``AccountFrozen`` (SPL Token's too), ``NonTransferable`` and ``MintPaused``."""

_SECRET = secrets.token_hex(16)
"""So that nobody prepares an account for a wallet that we are going to make up."""

_FAILED = re.compile(r"Program (\w{32,44}) failed: (.*)")
_CODE = re.compile(r"custom program error: 0x([0-9a-f]{1,8})")
_SAID = re.compile(r"Program log: (?:Error: )?(.*)")


class Outcome(NamedTuple):
    """How a rehearsal went."""

    ok: bool
    by_token: bool
    """Whether a token program refused by a rule of the mint."""
    why: str
    holdings: Sequence[TokenAccount | None]
    """The token accounts that were asked for, as they would be."""


def fresh_wallet(seed: str) -> str:
    """A wallet that nobody has: the same one for the same seed, until this process ends."""
    for salt in count():
        key = Pubkey(sha256(f"{_SECRET}:{seed}:{salt}".encode()).digest())
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
    by_token, why = _refusal(done.logs)
    return Outcome(ok=False, by_token=by_token, why=why or _plain(done.err), holdings=found)


def _holding(data: bytes, owner: str) -> TokenAccount | None:
    try:
        return token_account_from(data, owner)
    except Invalid:
        return None


def _refusal(logs: Sequence[str]) -> tuple[bool, str]:
    """Whether a rule of the mint was in the way, and what was said.

    The program that failed first is the innermost. A program can write any line, but none that the
    runtime writes: those do not begin with ``Program log:``.
    """
    said = ""
    for line in logs:
        if match := _FAILED.match(line):
            code = _CODE.fullmatch(match[2])
            rule = code is not None and int(code[1], 16) in RULES
            return rule and match[1] in TOKEN_PROGRAMS, sanitise(said or match[2], MOST_REASON)
        if match := _SAID.match(line):
            said = match[1]
    return False, ""


def _plain(err: object) -> str:
    return sanitise(str(err), MOST_REASON)
