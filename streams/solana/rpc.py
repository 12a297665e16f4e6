"""Solana's nodes: the endpoint pool of the EVM chains, and blocks as Solana gives them.

Rotation, rests after a 429, half-open sockets and subscriptions are the pool's (decision 51); here
is what is Solana's own. A node says which cluster it is on by the hash of its first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import based58
import msgspec
from msgspec import Meta

from streams.errors import Retry
from streams.evm.endpoints import Endpoints
from streams.evm.http import Http
from streams.evm.rpc import RpcError
from streams.evm.socket import Socket

__all__ = [
    "GENESIS",
    "PUBLIC_NODES",
    "Block",
    "Commitment",
    "SolanaEndpoints",
    "fetch_block",
    "newest_block",
]

PUBLIC_NODES = ("wss://api.mainnet-beta.solana.com", "https://api.mainnet-beta.solana.com")
GENESIS = int.from_bytes(based58.b58decode(b"5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"), "big")
"""The first block of mainnet-beta, as a number."""

SKIPPED = (-32001, -32007, -32009)
"""The node has no block in this slot: it was skipped, or is too old for this node (Agave)."""
NOT_EVERYWHERE = ("blockSubscribe",)
"""Subscriptions that validators offer only when they are told to, and most providers do not."""
LAST_SECOND = 221_845_392_000
"""The end of the year 8999: no event is later."""
NEAR = 16
"""Slots: a leader has 4 in a row, and a few leaders may be down."""
Commitment = str
"""``confirmed`` or ``finalized``: how much of the stake has voted on a block."""


class SolanaEndpoints(Endpoints):
    """Several nodes of one cluster as one."""

    async def _identity(self, client: Http | Socket) -> int:
        text = await client.call("getGenesisHash", (), str)
        return int.from_bytes(based58.b58decode(text.encode()), "big")

    async def _subscribe(self, socket: Socket, subscription: Sequence[Any]) -> None:
        try:
            await socket.call(subscription[0], list(subscription[1:]), int)
        except RpcError:
            if subscription[0] not in NOT_EVERYWHERE:
                raise


class Block(msgspec.Struct, frozen=True, rename="camel"):
    """A block: what it stands on, and its transactions as sent."""

    blockhash: str
    previous_blockhash: str
    parent_slot: int
    block_time: Annotated[int, Meta(ge=0, lt=LAST_SECOND)] | None = None
    transactions: list[Any] = []
    slot: int = 0
    """Where it was asked for: nodes do not repeat it."""


async def fetch_block(endpoints: Endpoints, slot: int, commitment: Commitment) -> Block | None:
    """The block of a slot, ``None`` where the node has none. Raises ``Retry``."""
    how = {
        "encoding": "json",
        "transactionDetails": "full",
        "maxSupportedTransactionVersion": 0,
        "rewards": False,
        "commitment": commitment,
    }
    try:
        block = await endpoints.call("getBlock", [slot, how], Block | None)
    except RpcError as error:
        if error.code in SKIPPED:
            return None
        raise Retry(f"block {slot}: {error}") from error
    return None if block is None else msgspec.structs.replace(block, slot=slot)


async def newest_block(endpoints: Endpoints, slot: int) -> Block:
    """The last block at or below a slot; raises ``Retry`` where none is near."""
    for back in range(NEAR):
        if block := await fetch_block(endpoints, slot - back, "confirmed"):
            return block
    raise Retry(f"no block within {NEAR} slots of {slot}")
