"""A factory's log to a launch: which pool, which token, priced in what.

Where neither side is a known quote, ``token`` and ``quote`` stay unknown and ``token0``/``token1``
say all that the chain said.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from streams.events import Launch
from streams.evm.logs import Place, Word, address_of, signed, topic_of
from streams.evm.venues import Factory, Kind
from streams.quotes import QUOTES, quote_of

__all__ = ["HOOK_FLAGS", "LAUNCHES", "launch_from_words"]

HOOK_FLAGS = (
    "after-remove-liquidity-returns-delta",
    "after-add-liquidity-returns-delta",
    "after-swap-returns-delta",
    "before-swap-returns-delta",
    "after-donate",
    "before-donate",
    "after-swap",
    "before-swap",
    "after-remove-liquidity",
    "before-remove-liquidity",
    "after-add-liquidity",
    "before-add-liquidity",
    "after-initialize",
    "before-initialize",
)
"""What a hook may do, from the lowest bit of its address up (v4-core ``Hooks.sol``)."""


class LaunchShape(msgspec.Struct, frozen=True):
    """How a kind of venue announces a pool: topics and arguments in all."""

    kind: Kind
    topics: int
    count: int


LAUNCHES: dict[str, LaunchShape] = {
    topic_of("PairCreated(address,address,address,uint256)"): LaunchShape("v2", 3, 3),
    topic_of("PoolCreated(address,address,uint24,int24,address)"): LaunchShape("v3", 4, 5),
    topic_of("Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)"): LaunchShape(
        "v4", 4, 8
    ),
    topic_of("PoolCreated(address,address,bool,address,uint256)"): LaunchShape("solidly", 4, 4),
    topic_of("PoolCreated(address,address,int24,address)"): LaunchShape("slipstream", 4, 4),
}
"""By the first topic of the log."""


def launch_from_words(factory: Factory, place: Place, of: list[Word]) -> Launch:
    """The launch that a factory's log announces. Raises ``Invalid`` for nonsense arguments."""
    first = 1 if factory.kind == "v4" else 0
    token0, token1 = address_of(of[first]), address_of(of[first + 1])
    quote = quote_of(place.chain, token0, token1)
    known = QUOTES.get(place.chain, {}).get(quote or "")
    return Launch(
        chain=place.chain, block=place.block, log_index=place.log_index, at=place.at,
        tx_hash=place.tx_hash,
        venue=factory.venue, token0=token0, token1=token1, quote=quote or UNSET,
        token=UNSET if quote is None else (token1 if quote == token0 else token0),
        token_is_0=quote != token0,
        quote_symbol=known.symbol if known else UNSET,
        quote_decimals=known.decimals if known else 18,
        manager=place.address if factory.kind == "v4" else UNSET,
        **_of_kind(factory.kind, of),
    )  # fmt: skip


def _of_kind(kind: Kind, of: list[Word]) -> dict[str, Any]:
    """What only this kind of venue says, and the pool."""
    if kind == "v2":
        return {"pool": address_of(of[2])}
    if kind == "solidly":
        return {"pool": address_of(of[3]), "stable": bool(of[2])}
    if kind == "slipstream":
        spacing = signed(of[2], 24)
        return {"pool": address_of(of[3]), "tick_spacing": spacing, "lp_visible": False}
    if kind == "v3":
        return {
            "pool": address_of(of[4]), "fee": of[2] & 0xFFFFFF,
            "tick_spacing": signed(of[3], 24), "lp_visible": False,
        }  # fmt: skip
    hooks = address_of(of[5])
    bits = int(hooks, 16)
    return {
        "pool": f"0x{of[0]:064x}", "fee": of[3] & 0xFFFFFF, "tick_spacing": signed(of[4], 24),
        "hooks": hooks, "sqrt_price": of[6], "lp_visible": False,
        "hook_permissions": [name for bit, name in enumerate(HOOK_FLAGS) if bits >> bit & 1],
    }  # fmt: skip
