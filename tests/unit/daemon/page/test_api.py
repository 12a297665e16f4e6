"""The page's HTTP side, over a real loopback socket."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest

from alerts.example import example
from daemon.health import listen, serve
from daemon.page import api, hub
from daemon.page.api import STATIC, page_app
from daemon.page.board import Board, News
from daemon.page.hub import Hub
from heft_model.registry import Registry
from tests.unit.alerts.making import LAUNCHED_AT, POOL, a_verdict, alerts_of
from tests.unit.daemon.page.test_board import TOKEN, everything

pytestmark = pytest.mark.anyio

PATHS = (
    "/v1/tokens",
    f"/v1/tokens/ethereum/{POOL}",
    f"/v1/verdicts/ethereum/{TOKEN}",
    "/v1/alerts",
    "/v1/models",
    "/v1/schema/openapi.json",
)


@asynccontextmanager
async def served(board: Board, news: Hub) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the page, served on a free port."""
    listener = listen("page", "127.0.0.1", 0)
    registry = Registry(STATIC / "no-such-folder")
    app = page_app(board, news, registry.versions)
    async with anyio.create_task_group() as group:
        group.start_soon(serve, app, listener)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=address, timeout=10) as client:
            yield client
        group.cancel_scope.cancel()


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A page that knows one token."""
    board = Board()
    for event in everything():
        board.note(event)
    async with served(board, Hub()) as found:
        yield found


@pytest.mark.parametrize("path", PATHS)
async def test_every_question_has_an_answer(client: httpx2.AsyncClient, path: str) -> None:
    """JSON, and nothing that a browser could misuse."""
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.json()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_answers_are_what_the_topics_hold(client: httpx2.AsyncClient) -> None:
    """A verdict is the newest one; alerts come newest first; a dossier has its history."""
    verdict = (await client.get(f"/v1/verdicts/ethereum/{POOL}")).json()
    assert (verdict["type"], verdict["sequence"]) == ("verdict", 3)
    actions = [alert["action"] for alert in (await client.get("/v1/alerts")).json()]
    assert (actions[0], actions[-1]) == ("confirmed", "raised")
    dossier = (await client.get(f"/v1/tokens/ethereum/{TOKEN}")).json()
    assert [moment["sequence"] for moment in dossier["history"]] == [0, 1, 2, 3]
    assert dossier["summary"]["alert"] == "confirmed"


async def test_the_document_names_every_path(client: httpx2.AsyncClient) -> None:
    """OpenAPI, with the shape of what comes back."""
    document = (await client.get("/v1/schema/openapi.json")).json()
    assert set(document["paths"]) == {
        "/v1/tokens",
        "/v1/tokens/{chain}/{address}",
        "/v1/verdicts/{chain}/{address}",
        "/v1/veto/{chain}/{address}",
        "/v1/alerts",
        "/v1/health",
        "/v1/models",
        "/v1/stream",
        "/v1/labels",
    }
    assert {"Dossier", "Summary", "Verdict", "Alert"} <= {
        name.rsplit("_", maxsplit=1)[-1] for name in document["components"]["schemas"]
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/tokens/ethereum/0x0", 404),
        ("/v1/verdicts/nowhere/0x0", 404),
        ("/v1/tokens?limit=0", 400),
        ("/v1/tokens?limit=501", 400),
        ("/v1/tokens?limit=x", 400),
        (f"/v1/tokens?q={'x' * 201}", 400),
        ("/v1/stream?min_probability=2", 400),
        ("/v1/stream?min_severity=grave", 400),
        ("/../../pyproject.toml", 404),
        ("/%2e%2e/%2e%2e/api.py", 404),
        ("/..%2fapi.py", 404),
        ("//etc/passwd", 404),
        ("/page.js%00", 404),
    ],
)
async def test_a_wrong_question_is_refused(
    client: httpx2.AsyncClient, path: str, status: int
) -> None:
    """Said as JSON, without a traceback; no way out of the static folder."""
    answer = await client.get(path)
    assert (answer.status_code, "Traceback" in answer.text) == (status, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(client: httpx2.AsyncClient, method: str) -> None:
    """Every path is for reading."""
    assert {(await client.request(method, path)).status_code for path in ("/", *PATHS)} == {405}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9465", "", "127.0.0.1.evil.example"]
)
async def test_another_name_for_our_address_is_refused(
    client: httpx2.AsyncClient, host: str
) -> None:
    """A stranger's page cannot read ours by pointing its name here (DNS rebinding)."""
    assert (await client.get("/v1/tokens", headers={"Host": host})).status_code == 421


async def test_news_arrive_as_they_come() -> None:
    """Only the kinds, the chain and the risk that were asked for."""
    board, news = Board(), Hub()
    verdict = a_verdict(0)
    async with served(board, news) as client:
        path = "/v1/stream?kind=verdict,alert&chain=ethereum&min_probability=0.5"
        async with client.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            assert ":" in await anext(lines)
            other = a_verdict(1, probability=0.2, pool="0x01")
            events: list[News] = [verdict, other, *alerts_of(verdict)]
            for event in events:
                kind = str(event.__struct_config__.tag)
                news.tell(kind, board.note(event))
            news.tell("launch", board.note(everything()[0]))
            told = [line async for line in _until(lines, 2)]
    kinds = [line.removeprefix("event: ") for line in told if line.startswith("event:")]
    data = [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: {")]
    assert kinds == ["verdict", "alert"]
    assert [each["pool"] for each in data] == [POOL, POOL]


async def test_the_stream_can_be_for_grave_news_alone() -> None:
    """By the severity of the token's last alert; what was never alerted is none of it."""
    board, news = Board(), Hub()
    async with served(board, news) as client:
        path = "/v1/stream?min_severity=critical"
        async with client.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            assert ":" in await anext(lines)
            events: list[News] = [
                a_verdict(0),
                example(LAUNCHED_AT, pool="0x01", probability=0.85),
                example(LAUNCHED_AT, pool="0x02", probability=0.97),
            ]
            for event in events:
                news.tell(str(event.__struct_config__.tag), board.note(event))
            told = [line async for line in _until(lines, 1)]
    data = [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: {")]
    assert [(each["pool"], each["severity"]) for each in data] == [("0x02", "critical")]


async def _until(lines: AsyncIterator[str], events: int) -> AsyncIterator[str]:
    """Lines up to and with the data of so many events."""
    async for line in lines:
        yield line
        events -= line.startswith("data: {")
        if not events:
            return


async def test_a_reader_that_falls_behind_is_let_go() -> None:
    """The others lose nothing, and nothing waits for it."""
    board, news = Board(), Hub()
    slow, quick = news.join(), news.join()
    assert slow is not None
    assert quick is not None
    for n in range(hub.MOST_WAITING + 1):
        news.tell("verdict", board.note(a_verdict(n)))
        assert (await quick.receive()).kind == "verdict"
    assert len(news) == 1
    assert len([item async for item in slow]) == hub.MOST_WAITING
    for reader in (slow, quick):
        news.leave(reader)
    assert len(news) == 0


async def test_too_many_readers_are_told_so() -> None:
    """A limit of memory, said as one."""
    async with served(Board(), Hub(most=0)) as client:
        assert (await client.get("/v1/stream")).status_code == 503


def test_the_page_asks_nobody_else() -> None:
    """No address of another host, no markup made of text, nothing inline."""
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        hosts = set(re.findall(r"https?://([\w.]+)", text)) - {"www.w3.org"}
        assert hosts == set(), path.name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(| style=", text)
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 40_000
    assert "script-src 'self'" in api.HEADERS["Content-Security-Policy"]
