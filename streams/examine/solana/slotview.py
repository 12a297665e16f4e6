"""What Solana's nodes say about now: accounts in batches, histories of addresses, simulations.

A node answers for its newest slot and for no earlier one. So an answer is taken when its slot is
that of the question or shortly behind it, and refused when it speaks of a later time: a dossier
must not know the future. Histories are cut at the question's slot, which they can be.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from streams.errors import Broken, Invalid, Retry
from streams.evm.rpc import Call, Rpc
from streams.examine.question import Question
from streams.examine.view import View
from streams.solana.spl.mint import Mint, TokenAccount, mint_from, token_account_from

__all__ = ["Account", "Signature", "Simulated", "SlotView", "view_of"]

LATE_SLOTS = 150
"""About a minute: as much later than its question an answer may be."""
ACCOUNTS_AT_ONCE = 100
"""The most that ``getMultipleAccounts`` takes."""
SIGNATURES_AT_ONCE = 1000
"""The most that ``getSignaturesForAddress`` gives."""
TRANSACTIONS_AT_ONCE = 25
COMMITMENT = "confirmed"
WHOLE = {"encoding": "json", "maxSupportedTransactionVersion": 0, "commitment": COMMITMENT}

T = TypeVar("T")


class Account(msgspec.Struct, frozen=True):
    """An account: its program, its SOL in lamports, its bytes."""

    owner: str
    lamports: int
    data: bytes
    executable: bool = False


class Signature(msgspec.Struct, frozen=True, rename="camel"):
    """A transaction that an address had part in."""

    signature: str
    slot: int
    err: Any = None
    block_time: int | None = None


class Simulated(msgspec.Struct, frozen=True):
    """What a transaction would do: why it fails, its log, the accounts that were asked for."""

    err: Any
    logs: Sequence[str]
    accounts: Sequence[Account | None]


class _Context(msgspec.Struct):
    slot: int


class _Answer(msgspec.Struct, Generic[T]):
    context: _Context
    value: T


class _Raw(msgspec.Struct):
    owner: str
    lamports: int
    data: tuple[str, str]
    executable: bool = False


class _Largest(msgspec.Struct):
    address: str
    amount: str


class _Simulation(msgspec.Struct):
    err: Any = None
    logs: list[str] | None = None
    accounts: list[_Raw | None] | None = None


class _Epoch(msgspec.Struct):
    epoch: int


class SlotView(View):
    """Solana as of one slot, or shortly behind it."""

    def __init__(self, rpc: Rpc, block: int) -> None:
        super().__init__(rpc, block)
        self._accounts: dict[str, asyncio.Future[Account | Exception | None]] = {}
        self._wanted: list[str] = []

    async def close(self) -> None:
        """Give up what is still being asked; whoever waits for an account is told so."""
        await super().close()
        for future in self._accounts.values():
            if not future.done():  # its question was given up before it began
                future.set_result(Retry("the question was given up"))

    async def account(self, address: str) -> Account | None:
        """An account; ``None`` where there is none. Raises ``Invalid`` and ``Retry``."""
        future = self._accounts.get(address)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._accounts[address] = loop.create_future()
            self._wanted.append(address)
            if len(self._wanted) == 1:
                loop.call_soon(self._send_wanted)
        found = await asyncio.shield(future)
        if isinstance(found, Exception):
            raise found
        return found

    async def accounts(self, addresses: Iterable[str]) -> list[Account | None]:
        """Several accounts, in their order; raises as ``account`` does."""
        return list(await asyncio.gather(*map(self.account, addresses)))

    async def mint(self, address: str) -> Mint:
        """A mint; raises ``Invalid`` where there is none, and ``Retry``."""
        found = await self.account(address)
        if found is None:
            raise Invalid("there is no such mint", reason="not-a-mint")
        return mint_from(found.data, found.owner)

    async def holdings(self, addresses: Iterable[str]) -> list[TokenAccount | None]:
        """Several token accounts; ``None`` for what is none. Raises ``Invalid``, ``Retry``."""
        return [_holding(each) for each in await self.accounts(addresses)]

    async def supply(self, token: str) -> int:
        """All tokens in base units, as the mint says."""
        return (await self.mint(token)).supply

    async def largest(self, mint: str) -> list[tuple[str, int]]:
        """The token accounts that hold most, at most 20, with their amounts; asked once."""

        async def ask() -> list[tuple[str, int]]:
            found = await self._told("getTokenLargestAccounts", [mint], {}, list[_Largest])
            return [(each.address, _digits(each.amount)) for each in found]

        return await self.once(("largest", mint), ask)

    async def epoch(self) -> int:
        """The current epoch: fees of transfers change with it."""

        async def ask() -> int:
            how = {"commitment": COMMITMENT, "minContextSlot": self.block}
            return int((await self.rpc.call("getEpochInfo", [how], _Epoch)).epoch)

        return await self.once("epoch", ask)

    async def signatures(self, address: str, *, pages: int = 1) -> tuple[list[Signature], bool]:
        """What an address had part in up to our slot, newest first, and whether that is all.

        A page has 1,000. Raises ``Invalid`` and ``Retry``.
        """

        async def ask() -> tuple[list[Signature], bool]:
            found: list[Signature] = []
            for _ in range(pages):
                page = await self._page(address, found[-1].signature if found else None)
                found += page
                if len(page) < SIGNATURES_AT_ONCE:
                    return [each for each in found if each.slot <= self.block], True
            return [each for each in found if each.slot <= self.block], False

        return await self.once(("signatures", address, pages), ask)

    async def transaction(self, signature: str) -> dict[str, Any]:
        """One transaction as ``getTransaction`` gives it. Raises ``Invalid`` and ``Retry``."""

        async def ask() -> dict[str, Any]:
            return (await self.transactions([signature]))[0]

        return await self.once(("transaction", signature), ask)

    async def transactions(self, signatures: Sequence[str]) -> list[dict[str, Any]]:
        """Several transactions, in batches; raises as ``transaction`` does."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(signatures), TRANSACTIONS_AT_ONCE):
            part = signatures[start : start + TRANSACTIONS_AT_ONCE]
            calls: list[Call] = [("getTransaction", [each, WHOLE]) for each in part]
            for node in await self.rpc.batch(calls, dict[str, Any] | None):
                if not isinstance(node, dict):
                    raise Retry("a node does not have a transaction that it named")
                found.append(node)
        return found

    async def simulate(self, transaction: bytes, addresses: Sequence[str]) -> Simulated:
        """What an unsigned transaction would do, and what the accounts would be afterwards."""
        how = {
            "encoding": "base64", "sigVerify": False, "replaceRecentBlockhash": True,
            "accounts": {"encoding": "base64", "addresses": list(addresses)},
        }  # fmt: skip
        text = base64.b64encode(transaction).decode()
        found = await self._told("simulateTransaction", [text], how, _Simulation)
        accounts = [_account(each) for each in found.accounts or ()]
        missing = len(addresses) - len(accounts)
        return Simulated(found.err, found.logs or (), [*accounts, *[None] * missing])

    async def owned(self, program: str, filters: Sequence[Any]) -> list[tuple[str, Account]]:
        """A program's accounts that pass filters, where a node searches for them."""
        how = {"commitment": COMMITMENT, "encoding": "base64", "filters": list(filters)}
        found = await self.rpc.call("getProgramAccounts", [program, how], list[_Owned])
        pairs = [(each.pubkey, _account(each.account)) for each in found]
        return [(address, account) for address, account in pairs if account is not None]

    async def _told(self, method: str, first: Sequence[Any], how: Any, type_: type[T]) -> T:
        settled = {"commitment": COMMITMENT, "minContextSlot": self.block, **how}
        answer = await self.rpc.call(method, [*first, settled], _Answer[type_])  # type: ignore[valid-type]
        if answer.context.slot > self.block + LATE_SLOTS:
            raise Invalid(
                f"nodes of Solana tell the present only, and this is of slot {self.block:,}",
                reason="later",
            )
        value: T = answer.value
        return value

    async def _page(self, address: str, before: str | None) -> list[Signature]:
        how: dict[str, Any] = {"limit": SIGNATURES_AT_ONCE, "commitment": COMMITMENT}
        how |= {"before": before} if before else {"minContextSlot": self.block}
        found: list[Signature] = await self.rpc.call(
            "getSignaturesForAddress", [address, how], list[Signature]
        )
        return found

    def _send_wanted(self) -> None:
        wanted, self._wanted = self._wanted, []
        for start in range(0, len(wanted), ACCOUNTS_AT_ONCE):
            self._started(self._fetch(wanted[start : start + ACCOUNTS_AT_ONCE]))

    async def _fetch(self, wanted: Sequence[str]) -> None:
        answers: Sequence[Account | Exception | None]
        try:
            how = {"encoding": "base64"}
            raw = await self._told("getMultipleAccounts", [list(wanted)], how, list[_Raw | None])
            found = [_account(each) for each in raw]
            left_out = [Retry("a node left accounts out") for _ in wanted]
            answers = found if len(found) == len(wanted) else left_out
        except (Invalid, Retry) as error:
            answers = [error] * len(wanted)
        except asyncio.CancelledError:
            answers = [Retry("the question was given up")] * len(wanted)
        for address, answer in zip(wanted, answers, strict=True):
            self._accounts[address].set_result(answer)


class _Owned(msgspec.Struct):
    pubkey: str
    account: _Raw


def view_of(question: Question) -> SlotView:
    """The question's view of Solana; raises ``Broken`` for one of another chain."""
    if not isinstance(question.view, SlotView):
        raise Broken("a launch of another chain was put to Solana's checks")
    return question.view


def _account(raw: _Raw | None) -> Account | None:
    if raw is None:
        return None
    try:
        data = base64.b64decode(raw.data[0], validate=True)
    except (ValueError, binascii.Error) as error:
        raise Retry("a node sent an account that is not base64") from error
    return Account(raw.owner, raw.lamports, data, raw.executable)


def _holding(account: Account | None) -> TokenAccount | None:
    if account is None:
        return None
    try:
        return token_account_from(account.data, account.owner)
    except Invalid:
        return None


def _digits(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise Retry("a node answered an amount that is none")
    return int(text)
