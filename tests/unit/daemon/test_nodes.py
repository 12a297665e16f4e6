"""Which nodes are asked about which chain, and what heft doctor says of them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from daemon.jobs.endpoint_checks import endpoint_findings
from daemon.jobs.nodes import nodes_from
from daemon.sections import Chains
from streams.errors import Invalid
from streams.evm.venues import CHAINS
from tests.chain.devnet import devnet

WS = "wss://node.example/v3/key=abc"


def test_a_chain_without_nodes_has_public_ones() -> None:
    """Every chain of the table can be followed without a key."""
    assert nodes_from(Chains(follow=tuple(CHAINS))) == {
        name: list(chain.rpc) for name, chain in CHAINS.items()
    }
    assert all(any(url.startswith("ws") for url in chain.rpc) for chain in CHAINS.values())


def test_the_command_line_names_nodes_and_chains() -> None:
    """A bare URL is of the only chain, others say whose they are, settings come behind."""
    assert nodes_from(Chains(), ["base"], [WS]) == {"base": [WS]}
    assert nodes_from(Chains(), ["8453"], [WS]) == {"base": [WS]}
    both = nodes_from(Chains(), ["base", "bnb"], [f"bnb={WS}"])
    assert both == {"base": list(CHAINS["base"].rpc), "bnb": [WS]}
    settings = Chains(follow=("base",), rpc=(SecretStr(f"base={WS}"), SecretStr("base=ws://b")))
    assert nodes_from(settings) == {"base": [WS, "ws://b"]}


def test_what_is_unclear_is_refused() -> None:
    """A URL of no chain, of one that is not followed, and an unknown chain."""
    for chains, urls in ((["base", "bnb"], [WS]), (["base"], [f"bnb={WS}"]), (["nowhere"], [])):
        with pytest.raises(Invalid) as error:
            nodes_from(Chains(), chains, urls)
        assert "abc" not in str(error.value)


@pytest.mark.anyio
async def test_doctor_tells_sound_endpoints_from_others() -> None:
    """Each endpoint by itself: one that answers, one of another chain, one that is not there."""
    with devnet() as net:
        nodes = {"devnet": [net.ws, net.http, "http://127.0.0.1:9"], "base": [net.ws]}
        found = [finding async for finding in endpoint_findings(nodes)]
    assert [wrong for _, _, wrong in found] == [False, False, True, True]
    assert "gives all its 1 logs" in found[0][1]
    assert "it is on chain 31337, not 8453" in found[3][1]
