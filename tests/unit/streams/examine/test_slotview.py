"""A view of one slot: accounts in batches, each once; answers that are none are waited for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from streams.errors import Invalid, Retry
from streams.evm.rpc import Call
from streams.examine.solana.slotview import LATE_SLOTS, SlotView

pytestmark = pytest.mark.anyio

SLOT = 1_000


class Node:
    """Answers every account with its own address as data, or spoilt in some way."""

    def __init__(self, spoil: str = "", *, slot: int = SLOT) -> None:
        self.asked: list[Sequence[str]] = []
        self._spoil, self._slot = spoil, slot

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """One of ``getMultipleAccounts`` and ``getTokenLargestAccounts``."""
        await asyncio.sleep(0)
        how = params[1]
        assert how["minContextSlot"] == SLOT
        value: Any = [{"address": "a", "amount": "1" if not self._spoil else "-1"}]
        if method == "getMultipleAccounts":
            self.asked.append(params[0])
            data = [self._data(each) for each in params[0]]
            value = [{"owner": "o", "lamports": 1, "data": each} for each in data]
            value = value[: -1 if self._spoil == "short" else None]
        answer = {"context": {"slot": self._slot}, "value": value}
        try:
            return msgspec.convert(answer, type_)
        except msgspec.ValidationError as error:
            raise Retry("a node's result is not what was asked for") from error

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """Nothing is asked in batches here."""
        return [None for _ in calls]

    def _data(self, address: str) -> Any:
        if self._spoil == "text":
            return ["no base64!", "base64"]
        if self._spoil == "shape":
            return {"parsed": {}}
        return [base64.b64encode(address.encode()).decode(), "base64"]


async def test_accounts_are_asked_in_hundreds_and_once() -> None:
    """250 questions of one moment are three calls; who asks again later has the answers."""
    node = Node()
    view = SlotView(node, SLOT)
    names = [f"account{n}" for n in range(250)]
    found = await asyncio.gather(*map(view.account, names), *map(view.account, names))
    assert [each and each.data.decode() for each in found] == names * 2
    assert [len(each) for each in node.asked] == [100, 100, 50]
    await view.accounts(names)
    assert len(node.asked) == 3


@pytest.mark.parametrize("spoil", ["short", "text", "shape"])
async def test_a_node_that_answers_nonsense_is_not_believed(spoil: str) -> None:
    """Accounts left out, data that is no base64, another form: all a reason to ask another."""
    view = SlotView(Node(spoil), SLOT)
    for call in (view.account("a"), view.largest("m")):
        with pytest.raises(Retry):
            await call


async def test_the_future_is_refused() -> None:
    """An answer of a minute later is taken, one of more is not; what is lacking is waited for."""
    assert await SlotView(Node(slot=SLOT + LATE_SLOTS), SLOT).account("a")
    with pytest.raises(Invalid, match="tell the present only"):
        await SlotView(Node(slot=SLOT + LATE_SLOTS + 1), SLOT).account("a")
    with pytest.raises(Retry):
        await SlotView(Node(), SLOT).transactions(["s"])


async def test_who_gives_up_leaves_the_others_their_answer() -> None:
    """A check that is cancelled, or a view that is closed, keeps nobody waiting."""
    view = SlotView(Node(), SLOT)
    impatient = asyncio.ensure_future(view.account("a"))
    patient = asyncio.ensure_future(view.account("a"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (found := await patient) is not None
    assert found.data == b"a"
    other = asyncio.ensure_future(view.account("b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await view.close()
    with pytest.raises(Retry):
        await other
