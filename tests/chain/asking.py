"""Launches of the local chain as the examining stage is given them, and one examination of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from msgspec import convert

from streams.events import Examination, Launch
from streams.evm.decode import decode_log
from streams.evm.endpoints import Endpoints, open_endpoints
from streams.evm.logs import Log, place_of
from streams.evm.rpc import Call, Rpc
from streams.evm.venues import with_factories
from streams.examine.checklist import checklist
from streams.examine.examination import examine
from streams.examine.question import Check, Question
from streams.examine.view import Metered, View
from streams.state import State
from tests.chain.devnet import Devnet

__all__ = ["ANY_TIME", "Tampered", "examined", "launches", "nodes"]

ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Tampered:
    """A node whose answers are changed on the way: ``answers`` by method, or by call data."""

    def __init__(self, rpc: Rpc, answers: dict[str, Any]) -> None:
        self._rpc = rpc
        self._answers = answers

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The changed answer; a callable one is awaited first."""
        if method in self._answers:
            return await self._answers[method]()
        return await self._rpc.call(method, params, type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """As the node answers, but for calls whose data is told otherwise."""
        found = await self._rpc.batch(calls, type_)
        return [
            self._answers.get(call[1][0].get("data", ""), answer)
            if call[0] == "eth_call"
            else answer
            for call, answer in zip(calls, found, strict=True)
        ]


def launches(net: Devnet) -> list[Launch]:
    """What the follower would tell of the factory's pairs, oldest first."""
    factories = with_factories("devnet", [f"devnet/uniswap-v2={net.factory}"])
    logs = [convert(raw, Log) for raw in net.logs(net.factory)]
    events = [decode_log(log, place_of("devnet", log, ANY_TIME), factories) for log in logs]
    return [event for event in events if isinstance(event, Launch)]


@asynccontextmanager
async def nodes(net: Devnet) -> AsyncIterator[Endpoints]:
    """The chain's one node, over its WebSocket."""
    async with open_endpoints("devnet", [net.ws]) as endpoints:
        yield endpoints


async def examined(
    net: Devnet,
    rpc: Rpc,
    pool: str,
    *,
    state: State | None = None,
    checks: Sequence[Check] = (),
    deadline: float = 20.0,
) -> Examination:
    """One examination of a pool's launch as of the newest block."""
    (launch,) = (each for each in launches(net) if each.pool == pool)
    head = net.ask("eth_getBlockByNumber", "latest", False)
    view = View(Metered(rpc), int(head["number"], 16))
    question = Question(
        launch=launch,
        token=str(launch.token),
        quote=str(launch.quote),
        view=view,
        at=datetime.fromtimestamp(int(head["timestamp"], 16), UTC),
        factories=with_factories("devnet", [f"devnet/uniswap-v2={net.factory}"]),
    )
    try:
        return await examine(
            question, checks or checklist(state), round_=0, launched=launch.at, deadline=deadline
        )
    finally:
        await view.close()
