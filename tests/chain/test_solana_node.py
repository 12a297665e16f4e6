"""The test node speaks Solana's dialect: the public client reads its answers and notifications."""

from __future__ import annotations

from typing import Any

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.websocket_api import SolanaWsClient
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.rpc.responses import BlockNotification, LogsNotification, SlotNotification
from solders.signature import Signature
from solders.transaction_status import TransactionDetails

from streams.solana.programs import program_of
from tests.chain.solana_node import Chain, Faults, served
from tests.unit.streams.solana.making import instruction, key, logged, transaction
from tests.unit.streams.solana.shapes import compiled

PUMP = program_of("pump-fun").id


def _launch() -> dict[str, Any]:
    given: dict[str, Any] = {"mint": key(10), "bonding_curve": key(11), "user": key(12)}
    made = instruction("pump-fun", "create", given)
    return compiled(transaction(made, logs=logged("pump-fun", "CreateEvent", **given)), 7)


@pytest.mark.anyio
async def test_the_public_client_accepts_the_node() -> None:
    """Slot, health, a block with a transaction in it, and the same by signature."""
    chain = Chain()
    slot = chain.add([_launch()], skip=2)
    async with served(chain, Faults()) as node, AsyncClient(f"http://{node.address}/") as client:
        assert (await client.get_slot()).value == slot
        assert await client.is_connected()
        found = (await client.get_block(slot, max_supported_transaction_version=0)).value
        assert found is not None
        assert found.parent_slot == slot - 3
        assert str(found.blockhash) == chain.blocks[slot]["blockhash"]
        assert found.transactions is not None
        assert len(found.transactions) == 1
        pump = Pubkey.from_string(PUMP)
        (listed,) = (await client.get_signatures_for_address(pump, commitment=Confirmed)).value
        assert (listed.slot, listed.err) == (slot, None)
        assert listed.signature == Signature((7).to_bytes(8, "big") * 8)
        given = await client.get_transaction(
            listed.signature, "json", max_supported_transaction_version=0
        )
        assert given.value is not None
        assert given.value.slot == slot


@pytest.mark.anyio
async def test_the_public_client_hears_the_node() -> None:
    """Slot, logs and block notifications, parsed by the client's own types."""
    chain = Chain()
    mentions = RpcTransactionLogsFilterMentions(Pubkey.from_string(PUMP))
    async with (
        served(chain, Faults()) as node,
        SolanaWsClient(f"ws://{node.address}/") as client,
    ):
        await client.slot_subscribe()
        await client.logs_subscribe(filter_=mentions, commitment=Processed)
        await client.block_subscribe(
            encoding="json",
            transaction_details=TransactionDetails.Full,
            max_supported_transaction_version=0,
        )
        slot = chain.add([_launch()])
        logs, slots, block = [await anext(aiter(client)) for _ in range(3)]
    assert isinstance(logs, LogsNotification)
    assert isinstance(slots, SlotNotification)
    assert isinstance(block, BlockNotification)
    assert logs.result.context.slot == slots.result.slot == block.result.value.slot == slot
    assert block.result.value.block is not None
