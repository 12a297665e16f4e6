"""Chat services and a webhook on loopback: they keep their limits and answer as scripted.

Each counts in sliding windows at its own end, notes every request above a limit, refuses messages
that are too long or whose markup it cannot read, and edits only messages that it has. ``faults``
are played before the usual answer: a status, or one of the words below.
"""

from __future__ import annotations

import html.parser
import itertools
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from alerts.limits import (
    DISCORD_RATES,
    SLACK_RATES,
    TELEGRAM_RATES,
    Rate,
    utf16_length,
)

__all__ = ["ACCEPT_THEN_HANG", "HTML_429", "SLOW_BODY", "Accepted", "ChatServer", "chat_server"]

ACCEPT_THEN_HANG, HTML_429, SLOW_BODY = "accept then hang", "html 429", "slow body"
Fault = int | float | str | None
"""A status to refuse with, seconds (as a float) of a 429, a word of above; ``None`` is none.
Another text is a 400 of Telegram's that says so."""

Now = Callable[[], float]


@dataclass
class Accepted:
    """A message, or an edit of one, that the service took: people have seen it."""

    request: int
    """Which it was, in the order of arrival."""
    ref: str
    text: str
    is_answered: bool = True
    """Whether its sender could hear of it."""


class _Tags(html.parser.HTMLParser):
    """Reads Telegram's HTML; knows which tags it has and what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.bad, self.hrefs = "", False, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bad |= tag not in {"b", "i", "code", "a"}
        self.hrefs += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


class ChatServer:
    """One service on loopback."""

    def __init__(self, kind: str, faults: Sequence[Fault] = (), now: Now = time.monotonic) -> None:
        self.kind = kind
        self.faults = deque(faults)
        self.messages: dict[str, str] = {}
        """What people see, by message id."""
        self.revisions: defaultdict[str, list[str]] = defaultdict(list)
        self.requests = 0
        self.paths = list[str]()
        """Of every request, in the order of arrival."""
        self.accepted = list[Accepted]()
        self.violations = list[str]()
        """Requests above the published limits."""
        self.hasty = 0
        """Requests before a wait was over that had been asked for."""
        self.hrefs = list[str]()
        self.unspeakable = ""
        """A text with this in it is a bad request."""
        self._now = now
        self._ids = itertools.count(1)
        self._seen = deque[float]()
        self._resting_until = 0.0
        rates = {"telegram": TELEGRAM_RATES, "discord": DISCORD_RATES, "slack": SLACK_RATES}
        self._rates: Sequence[Rate] = rates.get(kind, ())
        self.url = ""
        self.gone = anyio.Event()

    async def serve(self, request: Request) -> Response:
        """Count, play a fault, else do as the service does."""
        request.state.number = self.requests
        self.requests += 1
        self.paths.append(request.url.path)
        self._count()
        try:
            body = await request.json()
        except ClientDisconnect:  # killed in the middle of it
            return Response(status_code=400)
        fault = self.faults.popleft() if self.faults else None
        if fault == ACCEPT_THEN_HANG:
            self._take(request, body)
            for each in self.accepted:
                each.is_answered &= each.request != request.state.number
            await self.gone.wait()
            return Response(status_code=500)
        if fault == SLOW_BODY:
            self._take(request, body)
            return StreamingResponse(self._drip(), media_type="application/json")
        if fault is not None:
            return self._refuse(fault)
        if self.unspeakable and self.unspeakable in json.dumps(body):
            return self._refuse(400)
        return self._take(request, body)

    def _count(self) -> None:
        now = self._now()
        if self.kind != "webhook" and now < self._resting_until:
            self.hasty += 1
        self._seen.append(now)
        for rate in self._rates:
            recent = sum(at > now - rate.seconds for at in self._seen)
            if recent > rate.requests:
                self.violations.append(f"{recent} in {rate.seconds} s at {now:.3f}")

    def most_in(self, seconds: float) -> int:
        """The most requests that came in any so many seconds."""
        seen = list(self._seen)
        return max((sum(start <= at < start + seconds for at in seen) for start in seen), default=0)

    def _refuse(self, fault: Fault) -> Response:
        if fault == HTML_429:
            return HTMLResponse("<html>error code: 1015</html>", 429)
        if isinstance(fault, float):
            self._resting_until = self._now() + fault
            body = {
                "telegram": {"ok": False, "error_code": 429, "parameters": {"retry_after": fault}},
                "discord": {"message": "limited", "retry_after": fault, "global": True},
            }.get(self.kind, {})
            return JSONResponse(body, 429, {"Retry-After": f"{fault:.0f}"})
        if isinstance(fault, str):
            return _bad_telegram(fault)
        return JSONResponse({"ok": False, "description": "scripted"}, int(fault or 500))

    def _take(self, request: Request, body: dict[str, Any]) -> Response:
        take = {
            "telegram": self._telegram,
            "discord": self._discord,
            "slack": self._slack,
            "webhook": self._webhook,
        }[self.kind]
        return take(request, body)

    def _telegram(self, request: Request, body: dict[str, Any]) -> Response:
        tags = _Tags()
        if body.get("parse_mode") == "HTML":
            tags.feed(body["text"])
        else:
            tags.text = body["text"]
        if tags.bad:
            return _bad_telegram("Bad Request: can't parse entities: unsupported start tag")
        if not 1 <= utf16_length(tags.text) <= 4096:
            return _bad_telegram("Bad Request: message is too long")
        self.hrefs += tags.hrefs
        if request.url.path.endswith("editMessageText"):
            ref = str(body["message_id"])
            if ref not in self.messages:
                return _bad_telegram("Bad Request: message to edit not found")
            if self.messages[ref] == tags.text:
                return _bad_telegram("Bad Request: message is not modified")
        else:
            ref = str(next(self._ids))
        self._keep(request, ref, tags.text)
        return JSONResponse({"ok": True, "result": {"message_id": int(ref)}})

    def _discord(self, request: Request, body: dict[str, Any]) -> Response:
        (embed,) = body["embeds"]
        sizes = [(embed.get("title", ""), 256), (embed.get("description", ""), 4096)]
        sizes += [(field["value"], 1024) for field in embed.get("fields", [])]
        if any(utf16_length(text) > most for text, most in sizes):
            return JSONResponse({"embeds": ["0"], "code": 50035}, 400)
        if body["allowed_mentions"] != {"parse": []}:
            self.violations.append("mentions are allowed")
        if request.method == "PATCH":
            ref = request.url.path.rpartition("/")[2]
            if ref not in self.messages:
                return JSONResponse({"message": "Unknown Message", "code": 10008}, 404)
        else:
            ref = str(next(self._ids))
        self._keep(request, ref, "\n".join(text for text, _ in sizes))
        return JSONResponse({"id": ref}, headers={"X-RateLimit-Remaining": "4"})

    def _slack(self, request: Request, body: dict[str, Any]) -> Response:
        if not 1 <= len(body["text"]) <= 3000:
            return JSONResponse({"ok": False, "error": "msg_too_long"})
        ref = body.get("ts") or f"{next(self._ids)}.000"
        if "ts" in body and ref not in self.messages:
            return JSONResponse({"ok": False, "error": "message_not_found"})
        self._keep(request, ref, body["text"])
        return JSONResponse({"ok": True, "channel": "C1", "ts": ref})

    def _webhook(self, request: Request, body: dict[str, Any]) -> Response:
        self._keep(request, request.headers["idempotency-key"], json.dumps(body))
        return Response(status_code=204)

    async def _drip(self) -> AsyncIterator[bytes]:
        yield b"{"
        await self.gone.wait()

    def _keep(self, request: Request, ref: str, text: str) -> None:
        self.accepted.append(Accepted(request.state.number, ref, text))
        self.messages[ref] = text
        self.revisions[ref].append(text)


def _bad_telegram(said: str) -> Response:
    return JSONResponse({"ok": False, "error_code": 400, "description": said}, 400)


@asynccontextmanager
async def chat_server(
    kind: str, *faults: Fault, now: Now = time.monotonic
) -> AsyncIterator[ChatServer]:
    """A running service; ``url`` is where it is."""
    service = ChatServer(kind, faults, now)
    app = Starlette(routes=[Route("/{path:path}", service.serve, methods=["POST", "PATCH"])])
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    async with anyio.create_task_group() as group:
        group.start_soon(server._serve)
        while not server.started:
            await anyio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        service.url = f"http://127.0.0.1:{port}"
        try:
            yield service
        finally:
            service.gone.set()
            server.should_exit = True
