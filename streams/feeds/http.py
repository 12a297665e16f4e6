"""HTTP of feeds: bounded answers, streams of lines, and what a status means; httpx2's home here.

Errors name the service and never the URL, which may hold a key.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import anyio
import httpx2
import msgspec

from streams.errors import Invalid, Retry
from streams.feeds.faults import refused, told

__all__ = ["USER_AGENT", "Answer", "HttpClient", "LineStream", "json_of"]

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL and its key
    logging.getLogger(_chatty).setLevel(logging.WARNING)

USER_AGENT = "heft-monitor/0.1 (+https://pypi.org/project/heft-monitor)"
MOST_BODY_BYTES = 8 * 2**20
MOST_LINE_BYTES = 2**20
OK, CREATED, UNCHANGED = 200, 201, 304


class _Parameters(msgspec.Struct):
    retry_after: int = 0


class _Refusal(msgspec.Struct):
    parameters: _Parameters | None = None


class Answer(msgspec.Struct, frozen=True):
    """What came back: its status is 200, 201 or 304; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def number(self, header: str) -> float | None:
        """A header's number, or ``None`` where it has none of use."""
        try:
            value = float(self.headers.get(header, ""))
        except ValueError:
            return None
        return value if 0 <= value < 1e9 else None


class HttpClient:
    """Requests of one feed, each within ``patience`` seconds."""

    def __init__(
        self,
        who: str,
        *,
        patience: float = 15.0,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
    ) -> None:
        self.who = who
        self._patience = patience
        self._client = httpx2.AsyncClient(
            timeout=patience, follow_redirects=follow_redirects, trust_env=False,
            headers={"User-Agent": USER_AGENT, **(headers or {})},
        )  # fmt: skip

    async def ask(self, method: str, url: str, **options: Any) -> Answer:
        """The answer; raises ``Refused`` for another status than those, else ``Retry``."""
        try:
            with anyio.fail_after(self._patience):  # httpx2's own is for each piece of a body
                async with self._client.stream(method, url, **options) as answer:
                    if answer.status_code not in (OK, CREATED, UNCHANGED):
                        wait = answer.headers.get("Retry-After", "")
                        wait = wait or await self._asked_wait(answer)
                        raise refused(self.who, answer.status_code, wait)
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    return Answer(answer.status_code, headers, await self._body(answer))
        except TimeoutError as error:
            raise Retry(f"{self.who} did not answer within {self._patience:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise Retry(f"{self.who} could not be asked: {type(error).__name__}") from error

    async def open_lines(self, url: str, **options: Any) -> LineStream:
        """A stream of lines that stays open; raises ``Refused`` or ``Retry``."""
        try:
            with anyio.fail_after(self._patience):
                request = self._client.build_request("GET", url, timeout=httpx2.Timeout(
                    self._patience, read=None), **options)  # fmt: skip
                answer = await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise Retry(f"{self.who} did not answer within {self._patience:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise Retry(f"{self.who} could not be asked: {type(error).__name__}") from error
        if answer.status_code != OK:
            await answer.aclose()
            raise refused(self.who, answer.status_code, answer.headers.get("Retry-After", ""))
        return LineStream(self.who, answer)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _asked_wait(self, answer: httpx2.Response) -> str:
        """The wait in seconds that Telegram puts into the body of a 429; empty for none."""
        try:
            said = msgspec.json.decode(await self._body(answer), type=_Refusal)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Retry):
            return ""
        return "" if said.parameters is None else f"{said.parameters.retry_after}"

    async def _body(self, answer: httpx2.Response) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MOST_BODY_BYTES:
                raise Retry(f"{self.who} sent over {MOST_BODY_BYTES >> 20} MiB")
        return bytes(body)


class LineStream:
    """An open answer as ``Connection``: one frame a line, an empty one for a heartbeat."""

    def __init__(self, who: str, answer: httpx2.Response) -> None:
        self._who = who
        self._answer = answer

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Each line without its end; raises ``Retry`` at the end of the stream."""
        rest = b""
        try:
            async for chunk in self._answer.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line.rstrip(b"\r")
                if len(rest) > MOST_LINE_BYTES:
                    raise Retry(f"{self._who} sent a line over {MOST_LINE_BYTES >> 10} KiB")
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Retry(f"the connection broke: {told(error)}") from error
        raise Retry(f"{self._who} ended the stream")

    async def send(self, text: str) -> None:
        """Nothing is ever said on an answer."""
        raise NotImplementedError(text)

    async def close(self) -> None:
        """Hang up."""
        await self._answer.aclose()


def json_of(who: str, answer: Answer, type_: Any = Any) -> Any:
    """The body as JSON of ``type_``; raises ``Invalid``."""
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{who} did not answer with what its pages say", reason="shape") from error
