"""Scanners on the web, over a real loopback socket: asked, bounded, let alone when they fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import telemetry
from streams.events import Launch
from streams.evm.rpc import Call
from streams.examine.breaker import FAILURES, FIRST_REST_S, LONGEST_REST_S, Breaker
from streams.examine.examination import examine
from streams.examine.question import Question
from streams.examine.thirdparty import GoPlus, HoneypotIs, Scanner
from streams.examine.view import View
from streams.finding import Finding

pytestmark = pytest.mark.anyio

TOKEN, POOL, QUOTE = (f"0x{digit * 40}" for digit in "abc")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "key-that-nobody-sees"
Say = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class NoNode:
    """Nobody: scanners ask no node."""

    async def call(self, method: str, params: Any = (), type_: Any = Any) -> Any:
        """Never."""
        raise AssertionError(method)

    async def batch(self, calls: list[Call], type_: Any = Any) -> list[Any]:
        """Never."""
        raise AssertionError(calls)


def question(chain: str = "ethereum") -> Question:
    """A launch of a token."""
    launch = Launch(
        chain=chain, pool=POOL, block=5, log_index=0, at=NOW, venue="uniswap-v2", token=TOKEN,
        quote=QUOTE, token_is_0=True,
    )  # fmt: skip
    view = View(NoNode(), 9)  # type: ignore[arg-type]
    return Question(launch=launch, token=TOKEN, quote=QUOTE, view=view, at=NOW, factories={})


def answering(body: bytes, status: str = "200 OK", more: str = "") -> Say:
    """Answers every request alike."""

    async def say(_: str, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)

    return say


@asynccontextmanager
async def service(say: Say) -> AsyncIterator[tuple[str, list[str]]]:
    """A server on loopback that speaks as told: its URL, and the requests that it got."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).decode()
                heard.append(asked)
                await say(asked, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


async def asked(kind: type[Scanner], say: Say, times: int = 1) -> tuple[dict[str, Finding], int]:
    """The last findings of one that is asked so often, and how often it was really asked."""
    found: dict[str, Finding] = {}
    async with service(say) as (url, heard):
        scanner = kind(url, SECRET, patience=0.3)
        for _ in range(times):
            found = await scanner.ask(question())
        await scanner.close()
    assert set(found) == set(kind.names)
    assert all(each.source == "third-party" and each.block == 9 for each in found.values())
    assert not any(SECRET in each.why for each in found.values())
    return found, len(heard)


async def test_goplus_is_asked_and_read() -> None:
    """By chain id and address, with the key; flags, shares, and what it leaves out."""
    said = {
        "is_honeypot": "1",
        "is_proxy": "0",
        "sell_tax": "0.25",
        "buy_tax": "",
        "is_mintable": 1,
    }
    body = json.dumps({"code": 1, "result": {TOKEN: said}}).encode()
    async with service(answering(body)) as (url, heard):
        scanner = GoPlus(url, SECRET)
        found = await scanner.ask(question())
        await scanner.close()
    assert f"/api/v1/token_security/1?contract_addresses={TOKEN}" in heard[0]
    assert f"authorization: {SECRET}" in heard[0].lower()
    known = {name: each.value for name, each in found.items() if each.known}
    assert known == {"goplus.is_honeypot": True, "goplus.is_proxy": False, "goplus.sell_tax": 0.25}
    assert found["goplus.is_mintable"].why == "goplus does not say"


async def test_honeypot_is_is_asked_and_read() -> None:
    """Taxes are percentages there; a number that is none is not believed."""
    body = json.dumps(
        {
            "honeypotResult": {"isHoneypot": False},
            "simulationResult": {"buyTax": 5, "sellTax": 1e9, "transferTax": True},
            "summary": {"riskLevel": 20},
        }
    ).encode()
    found, _ = await asked(HoneypotIs, answering(body))
    known = {name: each.value for name, each in found.items() if each.known}
    assert known == {
        "honeypot-is.is_honeypot": False, "honeypot-is.buy_tax": 0.05, "honeypot-is.risk": 0.2,
    }  # fmt: skip


async def dripping(_: str, writer: asyncio.StreamWriter) -> None:
    """A body without end, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


HOSTILE = {
    "html": answering(b"<html>welcome</html>"),
    "a list": answering(b"[]"),
    "text": answering(b'"yes"'),
    "nothing of the token": answering(b'{"result": {"0x1": {}}}'),
    "nested": answering(b"[" * 100_000),
    "huge": answering(b'"' + b"x" * 2_000_000 + b'"'),
    "no utf-8": answering(b'"\xff\xfe"'),
    "packed": answering(b"\x1f\x8b", more="Content-Encoding: gzip\r\n"),
    "refused": answering(b"{}", "403 Forbidden"),
    "elsewhere": answering(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
    "slow": dripping,
}


@pytest.mark.parametrize("name", [*HOSTILE])
@pytest.mark.parametrize("kind", [GoPlus, HoneypotIs])
async def test_hostile_answers_are_bounded_and_counted(kind: type[Scanner], name: str) -> None:
    """All unknown, one fault an answer, and after three it is asked no more."""
    before = _faults(kind)
    found, many = await asked(kind, HOSTILE[name], times=5)
    assert not any(each.known for each in found.values())
    assert many == _faults(kind) - before == FAILURES
    assert "let alone" in found[kind.names[0]].why


async def test_a_service_that_says_wait_is_let_alone_at_once() -> None:
    """HTTP 429 opens the circuit when it says for how long."""
    busy = answering(b"", "429 Too Many Requests", "Retry-After: 60\r\n")
    _, many = await asked(GoPlus, busy, times=3)
    assert many == 1


async def test_a_service_that_is_gone_costs_an_examination_nothing() -> None:
    """It ends with all that was found otherwise, and its coverage is that of our own findings."""
    gone = GoPlus("http://127.0.0.1:1")
    told = await examine(question(), [Own(), gone], round_=0, launched=NOW, deadline=2.0)
    await gone.close()
    assert told.findings["own.answer"].value is True
    assert not told.findings["goplus.is_honeypot"].known
    assert told.coverage == 1.0


class Own:
    """A check of ours."""

    name: ClassVar[str] = "own"
    names: ClassVar[tuple[str, ...]] = ("own.answer",)

    async def ask(self, question: Question) -> dict[str, Finding]:
        """Known at once."""
        return {"own.answer": Finding(source="call", block=question.block, value=True)}


async def test_other_chains_are_not_asked_for() -> None:
    """A chain that has no EIP-155 id of ours."""
    async with service(answering(b"{}")) as (url, heard):
        scanner = GoPlus(url)
        found = await scanner.ask(question("solana"))
        await scanner.close()
    assert heard == []
    assert "does not know the chain" in found["goplus.is_honeypot"].why


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2_000)), max_size=60))
def test_a_breaker_never_stays_open_for_ever(told: list[tuple[bool, float]]) -> None:
    """Whatever was told: after the longest rest it asks again, once, and an answer closes it."""
    breaker, now = Breaker(), 1.0
    for good, pause in told:
        now += pause
        if breaker.allows(now):
            breaker.answered() if good else breaker.failed(now, pause)
    now += LONGEST_REST_S
    assert breaker.allows(now)
    assert breaker.failures < FAILURES or not breaker.allows(now + FIRST_REST_S / 2)
    breaker.answered()
    assert breaker.allows(now)


def _faults(kind: type[Scanner]) -> float:
    return sum(
        sample.value
        for family in telemetry.EXAMINE_FAULTS.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["check"] == kind.name
    )
