"""What every check on a launch is given, and what a check is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import ClassVar, Protocol, TypeVar

import msgspec

from streams import telemetry
from streams.checks.answers import Answer, Unknown, told
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.evm.rpc import Rpc
from streams.evm.venues import Factory
from streams.examine.view import ASKING, View
from streams.finding import Finding

__all__ = ["Check", "Question", "answer", "trial"]

T = TypeVar("T")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A launch, and as of when and through whom its chain is asked about it."""

    launch: Launch
    token: str
    quote: str
    view: View
    at: datetime
    """The time of the view's block."""
    factories: Mapping[str, Factory]
    """Those that are known on the chain, by address."""

    @property
    def chain(self) -> str:
        """The chain's slug."""
        return self.launch.chain

    @property
    def pool(self) -> str:
        """The pool's address; on Uniswap V4 its id."""
        return self.launch.pool

    @property
    def rpc(self) -> Rpc:
        """Who answers what is no view function."""
        return self.view.rpc

    @property
    def block(self) -> int:
        """The block that answers speak of."""
        return self.view.block


class Check(Protocol):
    """A group of answers that are found together."""

    name: ClassVar[str]
    """In metrics and in the reason of what is unknown."""
    names: ClassVar[tuple[str, ...]]
    """Every finding that it gives."""

    async def ask(self, question: Question) -> dict[str, Finding]:
        """The findings; those it leaves out are unknown. Raises ``Invalid`` and ``Retry``."""
        ...


async def trial(asked: Awaitable[T]) -> T | Unknown:
    """A value, or why there is none; a fault of the contract or the node is counted."""
    try:
        return await asked
    except (Invalid, Retry) as error:
        reason = error.reason if isinstance(error, Invalid) else "no-answer"
        telemetry.EXAMINE_FAULTS.labels(ASKING.get(), telemetry.fault_label(reason)).inc()
        return Unknown(told(error))


def answer(value: T | Unknown, told_as: Callable[[T], Answer]) -> Answer:
    """A value that was tried, as an answer."""
    return value if isinstance(value, Unknown) else told_as(value)
