"""A log to an event: pure, by a table from the first topic to what reads the rest.

A launch counts only from a factory in the table of venues: anybody can emit ``PairCreated``. What
happens on pools is read from whoever emits it; who is followed decides which of it is published. An
event on a token (``OnToken``) is made with the token in the place of its pool: the follower puts
the token's pools there.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import msgspec

from streams.events import (
    Activity,
    Collected,
    Launch,
    LiquidityChange,
    LpTransfer,
    Ownership,
    Pause,
    Role,
    Swap,
    Sync,
    TaxChange,
    TokenTransfer,
    Upgrade,
)
from streams.evm.launches import LAUNCHES, launch_from_words
from streams.evm.logs import Log, Place, Word, address_of, signed, topic_of, words
from streams.evm.venues import Factory, tax_signatures

__all__ = ["TOPICS", "decode_log"]


Reader = Callable[[Place, list[Word]], Activity]


class _Shape(msgspec.Struct, frozen=True):
    """How an event is laid out: topics (0: any), arguments, and what makes an event of them."""

    topics: int
    count: int
    read: Reader


def decode_log(
    log: Log, place: Place, factories: Mapping[str, Factory], pairs: Container[str] = ()
) -> Activity | None:
    """The event of a log; ``None`` for one that is none of ours.

    ``pairs`` are the pools whose own token transfers are LP transfers. Raises ``Invalid`` for a log
    that has an event's first topic and not its shape.
    """
    topic = log.topics[0].lower() if log.topics else ""
    if topic in LAUNCHES:
        return _launch(log, topic, place, factories)
    shape = _SHAPES.get(topic)
    if shape is None or _is_of_another(log, topic, factories.get(place.address)):
        return None
    event = shape.read(place, words(log, shape.topics, shape.count))
    if isinstance(event, TokenTransfer) and place.address in pairs:
        return _lp_transfer(place, event)
    return event


def _launch(log: Log, topic: str, place: Place, factories: Mapping[str, Factory]) -> Launch | None:
    factory, shape = factories.get(place.address), LAUNCHES[topic]
    if factory is None or factory.kind != shape.kind:
        return None
    return launch_from_words(factory, place, words(log, shape.topics, shape.count))


def _is_of_another(log: Log, topic: str, factory: Factory | None) -> bool:
    """Whether only the name is alike: an NFT's transfer, or a V4 event that V4 did not emit."""
    if topic in _OF_SINGLETON:
        return factory is None or factory.kind != "v4"
    return topic == TRANSFER and len(log.topics) == 4


def _sync(at: Place, of: list[Word]) -> Activity:
    return Sync(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        reserve0=of[0], reserve1=of[1],
    )  # fmt: skip


def _swap_in_out(at: Place, of: list[Word]) -> Activity:
    """Uniswap V2: ``Swap(sender, in0, in1, out0, out1, to)``; Solidly's, alike but for order."""
    return Swap(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        sender=address_of(of[0]), to=address_of(of[1]),
        amount0_in=of[2], amount1_in=of[3], amount0_out=of[4], amount1_out=of[5],
    )  # fmt: skip


def _swap_signed(at: Place, of: list[Word]) -> Activity:
    """Uniswap V3: amounts as the pool sees them, so what is above zero went in."""
    amount0, amount1 = signed(of[2]), signed(of[3])
    return _signed_swap(at, at.address, of[0], of[1], (amount0, amount1), of[4:7])


def _swap_of_id(at: Place, of: list[Word]) -> Activity:
    """Uniswap V4: amounts as the trader sees them, so what is below zero went in."""
    amount0, amount1 = signed(of[2], 128), signed(of[3], 128)
    return _signed_swap(at, f"0x{of[0]:064x}", of[1], of[1], (-amount0, -amount1), of[4:7])


def _signed_swap(
    at: Place, pool: str, sender: Word, to: Word, amounts: tuple[int, int], after: list[Word]
) -> Swap:
    amount0, amount1 = amounts
    return Swap(
        chain=at.chain, pool=pool, block=at.block, log_index=at.log_index, at=at.at,
        sender=address_of(sender), to=address_of(to),
        amount0_in=max(amount0, 0), amount1_in=max(amount1, 0),
        amount0_out=max(-amount0, 0), amount1_out=max(-amount1, 0),
        sqrt_price=after[0], liquidity=after[1], tick=signed(after[2], 24),
    )  # fmt: skip


def _pair_change(*, added: bool) -> Reader:
    """V2-like ``Mint(sender, amount0, amount1)``, and ``Burn`` with the amounts last of them."""

    def read(at: Place, of: list[Word]) -> Activity:
        amount0, amount1 = of[1:3] if added else of[2:4]
        return LiquidityChange(
            chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
            added=added, owner=address_of(of[0]), amount0=amount0, amount1=amount1,
        )  # fmt: skip

    return read


def _range_added(at: Place, of: list[Word]) -> Activity:
    """V3 ``Mint``: owner, lower, upper in topics; sender, liquidity and amounts in data."""
    return _range_change(at, of, (of[4], of[5], of[6]), added=True)


def _range_removed(at: Place, of: list[Word]) -> Activity:
    """V3 ``Burn``: owner, lower, upper in topics; liquidity and amounts in data."""
    return _range_change(at, of, (of[3], of[4], of[5]), added=False)


def _range_change(
    at: Place, of: list[Word], amounts: tuple[Word, Word, Word], *, added: bool
) -> LiquidityChange:
    return LiquidityChange(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        added=added, owner=address_of(of[0]), lower=signed(of[1], 24), upper=signed(of[2], 24),
        liquidity=amounts[0], amount0=amounts[1], amount1=amounts[2],
    )  # fmt: skip


def _change_of_id(at: Place, of: list[Word]) -> Activity:
    """V4 ``ModifyLiquidity``: a delta below zero is a removal; zero collects fees."""
    delta = signed(of[4])
    return LiquidityChange(
        chain=at.chain, pool=f"0x{of[0]:064x}", block=at.block, log_index=at.log_index, at=at.at,
        added=delta >= 0, owner=address_of(of[1]), liquidity=abs(delta),
        lower=signed(of[2], 24), upper=signed(of[3], 24),
    )  # fmt: skip


def _collected(at: Place, of: list[Word]) -> Activity:
    """V3 ``Collect``: owner, lower, upper in topics; recipient and amounts in data."""
    return Collected(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        owner=address_of(of[0]), to=address_of(of[3]), amount0=of[4], amount1=of[5],
    )  # fmt: skip


def _transfer(at: Place, of: list[Word]) -> Activity:
    return TokenTransfer(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        token=at.address, sender=address_of(of[0]), to=address_of(of[1]), value=of[2],
    )  # fmt: skip


def _lp_transfer(at: Place, event: TokenTransfer) -> LpTransfer:
    return LpTransfer(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        sender=event.sender, to=event.to, value=event.value,
    )  # fmt: skip


def _ownership(at: Place, of: list[Word]) -> Activity:
    return Ownership(
        chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
        token=at.address, previous=address_of(of[0]), owner=address_of(of[1]),
    )  # fmt: skip


def _pause(*, paused: bool) -> Reader:
    def read(at: Place, of: list[Word]) -> Activity:
        return Pause(
            chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
            token=at.address, paused=paused, by=address_of(of[0]),
        )  # fmt: skip

    return read


def _upgrade(what: str) -> Reader:
    def read(at: Place, of: list[Word]) -> Activity:
        return Upgrade(
            chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
            token=at.address, what=what, to=address_of(of[-1]),  # type: ignore[arg-type]
        )  # fmt: skip

    return read


def _role(*, granted: bool) -> Reader:
    def read(at: Place, of: list[Word]) -> Activity:
        return Role(
            chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
            token=at.address, role=f"0x{of[0]:064x}", account=address_of(of[1]),
            granted=granted, by=address_of(of[2]),
        )  # fmt: skip

    return read


def _tax(signature: str) -> Reader:
    def read(at: Place, of: list[Word]) -> Activity:
        return TaxChange(
            chain=at.chain, pool=at.address, block=at.block, log_index=at.log_index, at=at.at,
            token=at.address, signature=signature, values=of,
        )  # fmt: skip

    return read


_SIGNATURES: dict[str, _Shape] = {
    "Sync(uint112,uint112)": _Shape(1, 2, _sync),
    "Sync(uint256,uint256)": _Shape(1, 2, _sync),
    "Swap(address,uint256,uint256,uint256,uint256,address)": _Shape(3, 6, _swap_in_out),
    "Swap(address,address,uint256,uint256,uint256,uint256)": _Shape(3, 6, _swap_in_out),
    "Mint(address,uint256,uint256)": _Shape(2, 3, _pair_change(added=True)),
    "Burn(address,uint256,uint256,address)": _Shape(3, 4, _pair_change(added=False)),
    "Burn(address,address,uint256,uint256)": _Shape(3, 4, _pair_change(added=False)),
    "Swap(address,address,int256,int256,uint160,uint128,int24)": _Shape(3, 7, _swap_signed),
    # PancakeSwap V3 adds its protocol fees.
    "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)": _Shape(
        3, 9, _swap_signed
    ),
    "Mint(address,address,int24,int24,uint128,uint256,uint256)": _Shape(4, 7, _range_added),
    "Burn(address,int24,int24,uint128,uint256,uint256)": _Shape(4, 6, _range_removed),
    "Collect(address,address,int24,int24,uint128,uint128)": _Shape(4, 6, _collected),
    "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)": _Shape(3, 8, _swap_of_id),
    "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)": _Shape(3, 6, _change_of_id),
    "Transfer(address,address,uint256)": _Shape(0, 3, _transfer),
    "OwnershipTransferred(address,address)": _Shape(0, 2, _ownership),
    "Paused(address)": _Shape(0, 1, _pause(paused=True)),
    "Unpaused(address)": _Shape(0, 1, _pause(paused=False)),
    "Upgraded(address)": _Shape(0, 1, _upgrade("implementation")),
    "BeaconUpgraded(address)": _Shape(0, 1, _upgrade("beacon")),
    "AdminChanged(address,address)": _Shape(0, 2, _upgrade("admin")),
    "RoleGranted(bytes32,address,address)": _Shape(0, 3, _role(granted=True)),
    "RoleRevoked(bytes32,address,address)": _Shape(0, 3, _role(granted=False)),
    **{each: _Shape(0, each.count(",") + 1, _tax(each)) for each in tax_signatures()},
}
_SHAPES = {topic_of(signature): shape for signature, shape in _SIGNATURES.items()}
_OF_SINGLETON = frozenset(
    topic_of(each) for each in _SIGNATURES if each.startswith(("Swap(bytes32", "ModifyL"))
)
TRANSFER = topic_of("Transfer(address,address,uint256)")
TOPICS = frozenset({*LAUNCHES, *_SHAPES})
"""The first topics of everything that is decoded."""
