"""The test node speaks Solana's dialect: the public client reads its blocks and slots."""

from __future__ import annotations

import pytest
from solana.rpc.async_api import AsyncClient

from tests.chain.solana_node import Chain, Faults, served


@pytest.mark.anyio
async def test_the_public_client_accepts_the_node() -> None:
    """Slot, health and a skipped slot's refusal through ``solana-py`` and its typed parser."""
    chain = Chain()
    slot = chain.add([], skip=2)
    async with served(chain, Faults()) as node, AsyncClient(f"http://{node.address}/") as client:
        assert (await client.get_slot()).value == slot
        assert await client.is_connected()
        found = (await client.get_block(slot, max_supported_transaction_version=0)).value
        assert found is not None
        assert found.parent_slot == slot - 3
        assert str(found.blockhash) == chain.blocks[slot]["blockhash"]
