"""Nodes that misbehave: each fault costs one counted answer, and the next endpoint is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve

from streams.errors import Invalid, Retry
from streams.evm.endpoints import Endpoints, open_endpoints
from streams.evm.rpc import RpcError
from streams.evm.socket import MOST_FRAME_BYTES

pytestmark = pytest.mark.anyio

Answer = Callable[[dict[str, Any]], Any]
"""From a call to the frames that answer it: text, bytes, a reply object, or a list of these."""


def says(result: Any) -> Answer:
    """A node that answers everything alike, but for its chain id."""
    return lambda call: reply(call, "0x1" if call["method"] == "eth_chainId" else result)


def reply(call: dict[str, Any], result: Any) -> dict[str, Any]:
    """A sound answer."""
    return {"jsonrpc": "2.0", "id": call["id"], "result": result}


def refusal(call: dict[str, Any], code: int, message: str) -> dict[str, Any]:
    """A node that will not."""
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


@asynccontextmanager
async def node(answer: Answer) -> AsyncIterator[str]:
    """A WebSocket node of that behaviour; its URL."""

    async def handle(client: ServerConnection) -> None:
        async for frame in client:
            said = json.loads(frame)
            answers = [answer(call) for call in (said if isinstance(said, list) else [said])]
            if isinstance(said, list) and all(isinstance(each, dict) for each in answers):
                await client.send(json.dumps(answers))
                continue
            for one in answers:
                for part in one if isinstance(one, list) else [one]:
                    await client.send(json.dumps(part) if isinstance(part, dict) else part)

    async with serve(handle, "127.0.0.1", 0, max_size=None, close_timeout=0.1) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@asynccontextmanager
async def asking(*answers: Answer, patience: float = 0.3) -> AsyncIterator[Endpoints]:
    """The endpoints of these nodes, first of them asked first."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(node(answer)) for answer in answers]
        opened = open_endpoints("ethereum", urls, chain_id=1, patience=patience)
        endpoints = await stack.enter_async_context(opened)
        for place, each in enumerate(endpoints.known):
            each.latency = 0.01 * (place + 1)
        yield endpoints


def after_chain_id(answer: Answer) -> Answer:
    """Sound until it has said its chain id."""
    return lambda call: reply(call, "0x1") if call["method"] == "eth_chainId" else answer(call)


HOSTILE: dict[str, Answer] = {
    "no JSON": lambda _: "{",
    "bytes": lambda _: b"\xff\xfe\x00",
    "an id of nobody": lambda _: {"jsonrpc": "2.0", "id": 10**9, "result": "0x2"},
    "a text id": lambda _: {"jsonrpc": "2.0", "id": "x", "result": "0x2"},
    "no id": lambda _: {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "no"}},
    "another shape": lambda call: reply(call, {"not": "text"}),
    "an error that is none": lambda call: {"id": call["id"], "error": "text"},
    "a huge frame": lambda _: "x" * (MOST_FRAME_BYTES + 1),
    "nothing": lambda _: [],
    "rate": lambda call: refusal(call, 429, "Too Many Requests"),
    "behind": lambda call: refusal(call, -32000, "header not found"),
}


@pytest.mark.parametrize("fault", HOSTILE)
async def test_a_hostile_node_is_rotated_away(fault: str) -> None:
    """Whatever one node sends, the other's answer is the answer, and the first loses rank."""
    async with asking(after_chain_id(HOSTILE[fault]), says("0x2")) as endpoints:
        bad, good = endpoints.known
        assert await endpoints.call("eth_blockNumber", (), str) == "0x2"
        assert bad.score(0) > good.score(0) or fault == "behind"
        assert await endpoints.call("eth_blockNumber", (), str) == "0x2"


async def test_replies_out_of_order_find_their_calls() -> None:
    """A node may answer the second call first."""
    held: list[dict[str, Any]] = []

    def late(call: dict[str, Any]) -> list[dict[str, Any]]:
        held.append(reply(call, call["method"]))
        return held[::-1] if len(held) == 2 else []

    async with asking(after_chain_id(late), patience=2) as endpoints:
        await endpoints.call("eth_chainId")
        found: dict[str, str] = {}

        async def ask(method: str) -> None:
            found[method] = await endpoints.call(method, (), str)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "first")
            group.start_soon(ask, "second")
    assert found == {"first": "first", "second": "second"}


async def test_a_large_name_is_an_answer() -> None:
    """Ten megabytes of a stranger's text come through; they are not what ends a connection."""
    async with asking(says("0x" + "41" * 5_000_000), patience=10) as endpoints:
        assert len(await endpoints.call("eth_call", (), str)) == 10_000_002


async def test_what_the_chain_says_is_the_answer() -> None:
    """A revert is asked of one node only, and says why."""
    reverted = {"code": 3, "message": "execution reverted: no", "data": "0x08c379a0"}
    asked: list[str] = []

    def reverts(call: dict[str, Any]) -> dict[str, Any]:
        asked.append(call["method"])
        return {"jsonrpc": "2.0", "id": call["id"], "error": reverted}

    async with asking(after_chain_id(reverts), after_chain_id(reverts)) as endpoints:
        with pytest.raises(RpcError) as error:
            await endpoints.call("eth_call", ())
    assert (error.value.refusal, error.value.data) == ("reverted", "0x08c379a0")
    assert asked == ["eth_call"]


async def test_a_batch_holds_results_and_refusals() -> None:
    """Each call of a batch has its own answer, in order."""

    def some(call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] == "bad":
            return {"id": call["id"], "error": {"code": 3, "message": "execution reverted"}}
        return reply(call, call["params"][0])

    async with asking(after_chain_id(some)) as endpoints:
        calls = [("good", [place]) for place in range(150)]
        found = await endpoints.batch([*calls, ("bad", [])])
    assert found[:150] == list(range(150))
    assert isinstance(found[150], RpcError)


async def test_a_node_of_another_chain_is_never_asked() -> None:
    """The chain id is asked for before anything else; without a right node it is an error."""
    other = lambda call: reply(call, "0x38")  # noqa: E731 - one line says it
    async with asking(other, says("0x2")) as endpoints:
        assert await endpoints.call("eth_blockNumber", (), str) == "0x2"
        assert "chain 56, not 1" in endpoints.known[0].wrong
    async with asking(other) as endpoints:
        with pytest.raises(Invalid, match="on chain 56, not 1"):
            await endpoints.call("eth_blockNumber")


async def test_nobody_there_is_said_in_one_line() -> None:
    """A port that nobody listens on, and a key in a URL that must not be told."""
    url = "ws://127.0.0.1:9/v3/0123456789abcdef0123456789abcdef"
    async with open_endpoints("ethereum", [url], chain_id=1) as endpoints:
        with pytest.raises(Retry) as error:
            await endpoints.call("eth_blockNumber")
    assert "0123456789abcdef" not in str(error.value)
    assert "\n" not in str(error.value)


async def test_what_is_no_url_is_refused() -> None:
    """Endpoints are checked before anything is asked."""
    for url in ("ftp://host", "host:8545", "wss://"):
        with pytest.raises(Invalid, match="no endpoint"):
            async with open_endpoints("ethereum", [url]):
                pass
