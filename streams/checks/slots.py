"""Where a token keeps balances, so that a wallet can be given some by state override.

Found by trial in one ``eth_call``: every place where compilers and libraries put a mapping of
balances is filled for an address of its own, and the address that has a balance names the place.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from eth_hash.auto import keccak

from streams.checks.probe import (
    FAILED,
    GAS_CAP,
    NOBODY,
    Scene,
    ask,
    encoded,
    fresh_address,
    unpacked,
)
from streams.evm.rpc import Rpc

__all__ = ["Place", "fund", "place_of_balances"]

SENTINELS = (10**24, 2**240)
"""Put into each place that is tried: the first is no packed flag's bit; the second is seen where
balances are shares of a huge total, as reflection tokens count."""


class Place(NamedTuple):
    """A place of balances: the storage key of a holder, and what ``stored`` there reads as."""

    key: Callable[[str], str]
    stored: int
    reads: int

    def word(self, balance: int) -> int:
        """What must be stored for ``balanceOf`` to say ``balance``."""
        return min(balance * self.stored // self.reads, 2**255 - 1)


_OF_COIN = Place(lambda who: who, 1, 1)


def fund(scene: Scene, currency: str, place: Place, who: str, amount: int) -> None:
    """Let ``who`` have so much of a token, or of the chain's coin (``NOBODY``), in a scene."""
    if currency == NOBODY:
        scene.endow(who, amount)
    else:
        scene.store(currency, {place.key(who): place.word(amount)})


async def place_of_balances(rpc: Rpc, token: str, at: Any) -> Place | None:
    """The place of ``token``'s balances; ``None`` when it is none that we know.

    Looked for once a block, whoever asks: a quote's is wanted for every launch, a token's by both
    checks at once. Raises ``Retry`` and ``Invalid`` as ``ask`` does.
    """
    if token == NOBODY:
        return _OF_COIN
    looks = _looks.setdefault(rpc, OrderedDict())
    key = (token, str(at))
    if key not in looks or _failed(looks[key]):
        looks[key] = asyncio.ensure_future(_place_of(rpc, token, at))
        while len(looks) > LOOKS_KEPT:
            looks.popitem(last=False)
    return await asyncio.shield(looks[key])


def _failed(look: asyncio.Future[Place | None]) -> bool:
    return look.done() and (look.cancelled() or look.exception() is not None)


LOOKS_KEPT = 256
_looks: WeakKeyDictionary[Rpc, OrderedDict[tuple[str, str], asyncio.Future[Place | None]]] = (
    WeakKeyDictionary()
)


async def _place_of(rpc: Rpc, token: str, at: Any) -> Place | None:
    for sentinel in SENTINELS:
        if place := await _tried(rpc, token, at, sentinel):
            return place
    return None


async def _tried(rpc: Rpc, token: str, at: Any, sentinel: int) -> Place | None:
    scene = Scene()
    scene.store(token, dict.fromkeys(_filled().values(), sentinel))
    call = scene.called(_question(token), fresh_address())
    (has,) = unpacked(["uint256[]"], await ask(rpc, scene, call, at), len(_PLACES) + 2)
    *tried, control, _ = has
    for key, balance in zip(_PLACES, tried, strict=True):
        if balance not in (0, FAILED, control):
            return Place(key, sentinel, balance)
    return None


@cache
def _filled() -> dict[str, str]:
    """A wallet of this process's own for each place, and its storage key there."""
    wallets = [fresh_address() for _ in _PLACES]
    return {who: key(who) for key, who in zip(_PLACES, wallets, strict=True)}


def _question(token: str) -> bytes:
    """Calldata that asks for the balance of each wallet, and of two that nobody filled.

    A token may give everybody something. All but the token is encoded once: it is the first word.
    """
    first = bytes(12) + bytes.fromhex(token[2:])
    return _encoded()[:4] + first + _encoded()[36:]


@cache
def _encoded() -> bytes:
    asked = [*_filled(), fresh_address(), fresh_address()]
    return encoded("balances(address,uint256,address[])", [NOBODY, GAS_CAP // 10, asked])


def _solidity(slot: int) -> Callable[[str], str]:
    return lambda who: _hashed(bytes(12) + bytes.fromhex(who[2:]) + slot.to_bytes(32, "big"))


def _vyper(slot: int) -> Callable[[str], str]:
    return lambda who: _hashed(slot.to_bytes(32, "big") + bytes(12) + bytes.fromhex(who[2:]))


def _solady(who: str) -> str:
    """Solady's ERC20.sol: ``_BALANCE_SLOT_SEED`` behind the address."""
    return _hashed(bytes.fromhex(who[2:]) + bytes(8) + bytes.fromhex("87a211a2"))


def _hashed(data: bytes) -> str:
    return f"0x{keccak(data).hex()}"


ERC7201 = 0x52C63247E1F47DB19D5CE0460030C497F067CA4CEBF71BA98EEADABE20BACE00
"""OpenZeppelin 5's ``openzeppelin.storage.ERC20`` (EIP-7201)."""
_PLACES: tuple[Callable[[str], str], ...] = (
    *(_solidity(slot) for slot in range(40)),
    *(_solidity(slot) for slot in (51, 101, 151, 201, 251, 301)),  # behind upgradeable gaps
    _solidity(ERC7201),
    *(_vyper(slot) for slot in range(12)),
    _solady,
)
