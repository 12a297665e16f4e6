"""What scanners on the web say of a token, beside what we found ourselves: GoPlus, honeypot.is.

Off unless configured, and never in the way: each has a deadline of its own and a circuit breaker,
its answers are bounded and believed in nothing but their shape, and no trap follows from them.
GoPlus answers flags as "0" and "1" and shares as text; honeypot.is answers JSON numbers, taxes as
percentages. What they leave out is unknown.
"""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import anyio
import httpx2
import msgspec

from streams import telemetry
from streams.checks.answers import Answer, Unknown, findings, told, unknowns
from streams.errors import Invalid, Retry
from streams.evm.rpc import refused_by_http
from streams.evm.venues import CHAINS
from streams.examine.breaker import Breaker
from streams.examine.question import Question
from streams.finding import Finding

__all__ = ["GoPlus", "HoneypotIs", "Scanner"]

MOST_BYTES = 256 * 1024
"""A GoPlus answer with all its holders has 20 kB."""

MOST_PARTS = 2_000
"""Lists and objects: a hundred or two are usual. It bounds how deep they are nested, too: where a
library has raised Python's recursion limit, a decoder's stack would be the next limit."""

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class Scanner(ABC):
    """A service that is asked about a token by one GET request; ``Check`` once it has names."""

    name: ClassVar[str]
    names: ClassVar[tuple[str, ...]]

    def __init__(self, url: str, key: str = "", *, patience: float = 1.0) -> None:
        """``url`` is the service's base; ``patience`` is in seconds."""
        self._patience = patience
        self._breaker = Breaker()
        self._client = httpx2.AsyncClient(
            base_url=url, timeout=patience, follow_redirects=False, trust_env=False,
            headers={"Accept-Encoding": "identity"} | (self._headers(key) if key else {}),
        )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``; never raises for what the service does."""
        chain = CHAINS.get(question.chain)
        answers: Mapping[str, Answer]
        if chain is None:
            answers = unknowns(self.names, f"{self.name} does not know the chain")
        elif not self._breaker.allows(time.monotonic()):
            answers = unknowns(self.names, f"{self.name} is let alone for a while: it failed")
        else:
            answers = await self._tried(chain.id, question.token)
        return findings(answers, "third-party", question.block)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _tried(self, chain: int, token: str) -> Mapping[str, Answer]:
        try:
            answers = self._read(await self._get(*self._request(chain, token)), token)
        except (Invalid, Retry) as error:
            reason = error.reason if isinstance(error, Invalid) else "no-answer"
            telemetry.EXAMINE_FAULTS.labels(self.name, telemetry.fault_label(reason)).inc()
            rest = error.retry_after if isinstance(error, Retry) else None
            self._breaker.failed(time.monotonic(), rest or 0.0)
            return unknowns(self.names, told(error))
        self._breaker.answered()
        return answers

    async def _get(self, path: str, params: dict[str, str]) -> Any:
        try:
            with anyio.fail_after(self._patience):  # httpx2's own is for each piece of a body
                async with self._client.stream("GET", path, params=params) as answer:
                    wait = answer.headers.get("Retry-After", "")
                    if refusal := refused_by_http(answer.status_code, wait):
                        raise Retry(f"{self.name}: {refusal}", retry_after=refusal.retry_after)
                    if answer.status_code != 200:
                        raise Invalid(f"{self.name}: HTTP {answer.status_code}", reason="garbage")
                    return _json(self.name, await _body(self.name, answer))
        except TimeoutError as error:
            raise Retry(f"{self.name} did not answer within {self._patience:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise Retry(f"{self.name} could not be asked: {type(error).__name__}") from error

    @abstractmethod
    def _headers(self, key: str) -> dict[str, str]:
        """What carries the key, if there is one."""

    @abstractmethod
    def _request(self, chain: int, token: str) -> tuple[str, dict[str, str]]:
        """Path and parameters of a question."""

    @abstractmethod
    def _read(self, body: Any, token: str) -> dict[str, Answer]:
        """What an answer says, by the names of findings; raises ``Invalid``."""


_FLAGS = (
    "is_honeypot", "cannot_buy", "cannot_sell_all", "is_mintable", "is_blacklisted",
    "transfer_pausable", "hidden_owner", "can_take_back_ownership", "owner_change_balance",
    "slippage_modifiable", "is_open_source", "is_proxy",
)  # fmt: skip
_TAXES = ("buy_tax", "sell_tax", "transfer_tax")


class GoPlus(Scanner):
    """``GET /api/v1/token_security/{chain id}`` of GoPlus; the key is an access token."""

    name: ClassVar[str] = "goplus"
    names: ClassVar[tuple[str, ...]] = tuple(f"goplus.{each}" for each in (*_FLAGS, *_TAXES))

    def _headers(self, key: str) -> dict[str, str]:
        return {"Authorization": key}

    def _request(self, chain: int, token: str) -> tuple[str, dict[str, str]]:
        return f"/api/v1/token_security/{chain}", {"contract_addresses": token}

    def _read(self, body: Any, token: str) -> dict[str, Answer]:
        said = _at(body, "result", token)
        if not isinstance(said, dict):
            raise Invalid("goplus says nothing of the token", reason="garbage")
        return {f"goplus.{each}": _told(self.name, said.get(each), _flag) for each in _FLAGS} | {
            f"goplus.{each}": _told(self.name, said.get(each), _share) for each in _TAXES
        }


_PARTS = ("honeypotResult", "simulationResult", "summary")


class HoneypotIs(Scanner):
    """``GET /v2/IsHoneypot`` of honeypot.is."""

    name: ClassVar[str] = "honeypot-is"
    names: ClassVar[tuple[str, ...]] = (
        "honeypot-is.is_honeypot", "honeypot-is.is_open_source", "honeypot-is.risk",
        *(f"honeypot-is.{each}" for each in _TAXES),
    )  # fmt: skip

    def _headers(self, key: str) -> dict[str, str]:
        return {"X-API-KEY": key}

    def _request(self, chain: int, token: str) -> tuple[str, dict[str, str]]:
        return "/v2/IsHoneypot", {"address": token, "chainID": str(chain)}

    def _read(self, body: Any, token: str) -> dict[str, Answer]:  # noqa: ARG002 - it names none
        if not isinstance(body, dict) or body.keys().isdisjoint(_PARTS):
            raise Invalid("honeypot-is says nothing of the token", reason="garbage")
        said: dict[str, tuple[Any, Callable[[Any], Answer | None]]] = {
            "is_honeypot": (_at(body, "honeypotResult", "isHoneypot"), _boolean),
            "is_open_source": (_at(body, "contractCode", "openSource"), _boolean),
            "risk": (_at(body, "summary", "riskLevel"), _percent),
            "buy_tax": (_at(body, "simulationResult", "buyTax"), _percent),
            "sell_tax": (_at(body, "simulationResult", "sellTax"), _percent),
            "transfer_tax": (_at(body, "simulationResult", "transferTax"), _percent),
        }
        return {f"honeypot-is.{n}": _told(self.name, *each) for n, each in said.items()}


def _at(body: Any, *path: str) -> Any:
    """What lies at a path of keys; ``None`` where there is nothing."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _told(name: str, value: Any, read: Callable[[Any], Answer | None]) -> Answer:
    answer = read(value)
    return Unknown(f"{name} does not say") if answer is None else answer


def _flag(value: Any) -> Answer | None:
    return {"0": False, "1": True}.get(value) if isinstance(value, str) else None


def _boolean(value: Any) -> Answer | None:
    return value if isinstance(value, bool) else None


def _share(value: Any) -> Answer | None:
    try:
        share = float(value) if isinstance(value, str) and len(value) < 32 else math.nan
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _percent(value: Any) -> Answer | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
    return value / 100 if fits else None


def _json(name: str, body: bytes) -> Any:
    if body.count(b"[") + body.count(b"{") > MOST_PARTS:
        raise Invalid(f"{name}'s answer has too many parts", reason="too-large")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{name} answered no JSON", reason="garbage") from error


async def _body(name: str, answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():  # as it comes: a packed answer may be a bomb
        body += chunk
        if len(body) > MOST_BYTES:
            raise Invalid(f"{name}'s answer is over {MOST_BYTES >> 10} KiB", reason="too-large")
    return bytes(body)
