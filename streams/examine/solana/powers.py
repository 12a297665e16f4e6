"""What a mint lets its makers do to holders, as answers: authorities and extensions.

``None`` as an authority is nobody: the power is gone for good, for no program gives it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from streams.checks.answers import Answer
from streams.solana.spl.extensions import EXTENSIONS, Fields
from streams.solana.spl.mint import SPL_TOKEN, Mint

__all__ = ["POWERS", "changed", "powers_of", "snapshot_of"]

POWERS = (
    "mint.program", "mint.extensions", "mint.unknown_extensions", "mint.authority",
    "mint.freeze_authority", "mint.close_authority", "mint.permanent_delegate",
    "mint.burn_authority", "mint.is_default_frozen", "mint.is_transferable", "mint.transfer_fee",
    "mint.next_transfer_fee", "mint.next_fee_epoch", "mint.most_transfer_fee",
    "mint.fee_authority", "mint.transfer_hook", "mint.hook_authority", "mint.is_paused",
    "mint.pause_authority", "mint.multiplier", "mint.next_multiplier", "mint.scale_authority",
    "mint.interest_rate", "mint.interest_authority", "mint.is_confidential",
    "mint.pointer_authority", "mint.group",
)  # fmt: skip
POINTS = 10_000.0
"""Basis points in a whole."""
FROZEN = 2
NOBODY = "None"
MOST_KEPT = 64
VOLATILE = frozenset({"transfer-fee.withheld", "interest-bearing.mean_points",
                      "interest-bearing.updated"})  # fmt: skip
"""What moves by itself: no maker's act."""


def powers_of(mint: Mint, *, epoch: int, now: float) -> dict[str, Answer]:
    """Every answer of ``POWERS``; ``now`` in UNIX seconds."""
    names = sorted(mint.extensions)
    hook = mint.extension("transfer-hook")
    return {
        "mint.program": "spl-token" if mint.program == SPL_TOKEN else "token-2022",
        "mint.extensions": ", ".join(names) or False,
        "mint.unknown_extensions": float(sum(each not in EXTENSIONS for each in names)),
        "mint.authority": mint.mint_authority or False,
        "mint.freeze_authority": mint.freeze_authority or False,
        "mint.close_authority": _who(mint, "close-authority"),
        "mint.permanent_delegate": _who(mint, "permanent-delegate"),
        "mint.burn_authority": _who(mint, "permissioned-burn"),
        "mint.is_default_frozen": mint.extension("default-state").get("state") == FROZEN,
        "mint.is_transferable": "non-transferable" not in mint.extensions,
        **_fee(mint, epoch),
        "mint.transfer_hook": hook.get("program") or False,
        "mint.hook_authority": hook.get("authority") or False,
        "mint.is_paused": mint.extension("pausable").get("paused") is True,
        "mint.pause_authority": _who(mint, "pausable"),
        **_scale(mint, now),
        "mint.interest_rate": _number(mint.extension("interest-bearing"), "points") / POINTS,
        "mint.interest_authority": _who(mint, "interest-bearing"),
        "mint.is_confidential": any(each.startswith("confidential") for each in names),
        "mint.pointer_authority": _who(mint, "metadata-pointer"),
        "mint.group": _group(mint),
    }


def snapshot_of(mint: Mint) -> dict[str, str]:
    """What only its makers can change, by name: to be held against an earlier one."""
    out = {
        "mint-authority": str(mint.mint_authority),
        "freeze-authority": str(mint.freeze_authority),
        **dict.fromkeys(mint.extensions, ""),
    }
    for name, fields in mint.extensions.items():
        for field, value in fields.items():
            if f"{name}.{field}" not in VOLATILE:
                out[f"{name}.{field}"] = _short(str(value))
    return out


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """The names of what differs; an authority that nobody has any more was ``given up``."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            gone = "authority" in name and after.get(name) in (None, NOBODY)
            yield f"{name} given up" if gone else name


def _short(text: str) -> str:
    """Long words are told apart by their hash."""
    return text if len(text) <= MOST_KEPT else sha256(text.encode()).hexdigest()


def _who(mint: Mint, name: str) -> Answer:
    return str(mint.extension(name).get("authority") or "") or False


def _number(fields: Fields, name: str) -> float:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _fee(mint: Mint, epoch: int) -> dict[str, Answer]:
    """The share that a transfer loses now, and from a later epoch on.

    The newer fee holds from its epoch on, the older one before (Token-2022
    ``TransferFeeConfig::get_epoch_fee``).
    """
    fee = mint.extension("transfer-fee")
    newer_from = _number(fee, "newer_epoch")
    scheduled = bool(fee) and newer_from > epoch
    now = "older" if scheduled else "newer"
    return {
        "mint.transfer_fee": _number(fee, f"{now}_points") / POINTS,
        "mint.most_transfer_fee": _number(fee, f"{now}_most") / 10.0**mint.decimals,
        "mint.next_transfer_fee": _number(fee, "newer_points") / POINTS,
        "mint.next_fee_epoch": newer_from if scheduled else False,
        "mint.fee_authority": _who(mint, "transfer-fee"),
    }


def _scale(mint: Mint, now: float) -> dict[str, Answer]:
    """By what an amount is multiplied before wallets show it (``ScaledUiAmount``)."""
    scale = mint.extension("scaled-amount")
    later = _number(scale, "next_multiplier") if scale else 1.0
    due = _number(scale, "next_from") <= now
    return {
        "mint.multiplier": later if due or not scale else _number(scale, "multiplier"),
        "mint.next_multiplier": later,
        "mint.scale_authority": _who(mint, "scaled-amount"),
    }


def _group(mint: Mint) -> Answer:
    """The group that it belongs to, or ``itself`` where it is one."""
    if "group" in mint.extensions:
        return "itself"
    return str(mint.extension("member").get("group") or "") or False
