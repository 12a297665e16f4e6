"""What a token says of itself: name, symbol, decimals and supply, all of it a stranger's words."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from eth_abi import decode  # type: ignore[attr-defined]
from eth_abi.exceptions import DecodingError

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid
from streams.events import MOST_NAME
from streams.examine.impersonation import impersonated
from streams.examine.question import Question, answer, trial
from streams.examine.view import View
from streams.finding import Finding
from streams.text import sanitise

__all__ = ["Identity", "decimals_of", "supply_of", "text_of"]

MOST_DECIMALS = 255


class Identity:
    """The four answers that every ERC-20 token should give, and whose they are."""

    name: ClassVar[str] = "identity"
    names: ClassVar[tuple[str, ...]] = (
        "token.name", "token.symbol", "token.decimals", "token.supply", "token.impersonates",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        view, token = question.view, question.token
        name, symbol, decimals, supply = await asyncio.gather(
            trial(text_of(view, token, "name()")),
            trial(text_of(view, token, "symbol()")),
            trial(decimals_of(view, token)),
            trial(supply_of(view, token)),
        )
        return findings(
            {
                "token.name": name,
                "token.symbol": symbol,
                "token.decimals": answer(decimals, float),
                "token.supply": _whole(supply, decimals),
                "token.impersonates": _impersonated(question, name, symbol),
            },
            "call",
            question.block,
        )


async def text_of(view: View, token: str, signature: str) -> str:
    """A name or symbol, made safe; older tokens answer 32 bytes. Raises ``Invalid``, ``Retry``."""
    answered = await view.call(token, signature)
    return sanitise(_decoded(answered).decode("utf-8", "replace"), MOST_NAME)


async def decimals_of(view: View, token: str) -> int:
    """How many digits of an amount stand behind the point. Raises ``Invalid``, ``Retry``."""
    decimals = int(await view.read(token, "decimals()"))
    if decimals > MOST_DECIMALS:
        raise Invalid("decimals() answers more than 255", reason="garbage")
    return decimals


async def supply_of(view: View, token: str) -> int:
    """All tokens in base units. Raises ``Invalid``, ``Retry``."""
    return await view.supply(token)


def _decoded(answered: bytes) -> bytes:
    """A string's bytes as ABI lays them out, or a ``bytes32`` up to its first zero."""
    if len(answered) == 32:
        return answered.partition(b"\0")[0]
    try:
        return bytes(decode(["bytes"], answered)[0])
    except (DecodingError, OverflowError, ValueError) as error:
        raise Invalid("its name is no text", reason="garbage") from error


def _whole(supply: int | Unknown, decimals: int | Unknown) -> Answer:
    """In whole tokens; of a token without decimals nobody can say."""
    if isinstance(supply, Unknown):
        return supply
    if isinstance(decimals, Unknown):
        return decimals
    return float(supply // 10**decimals) if decimals > 15 else supply / 10**decimals


def _impersonated(question: Question, name: str | Unknown, symbol: str | Unknown) -> Answer:
    texts = [each for each in (name, symbol) if not isinstance(each, Unknown)]
    if not texts:
        return Unknown("it tells neither name nor symbol")
    return impersonated(question.chain, question.token, texts) or False
