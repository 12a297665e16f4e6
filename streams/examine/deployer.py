"""Who made a token, how old that account is, who paid it, and how its earlier launches ended.

The deployer is the sender of the transaction that made the token. Nodes do not index it: it is read
from the token's first mint, whose receipt names the contract it made, or asked of nodes that know
(``ots_getContractCreator``: Otterscan's methods, in Erigon, Reth and anvil).
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET

from streams.checks.answers import Answer, Unknown, findings, told
from streams.errors import Invalid, Retry
from streams.evm.rpc import RpcError
from streams.examine.history import transfers_of
from streams.examine.origins import Origin, Origins
from streams.examine.question import Question, answer, trial
from streams.finding import Finding
from streams.lockers import ZERO

__all__ = ["DRAINED_SHARE", "Creator", "Deployer", "creator_of"]

DRAINED_SHARE = 0.05
"""As everywhere: at this share of its most or less, a pool is drained."""
WEI = 10**18


class Creator(msgspec.Struct, frozen=True):
    """Who sent the creation, and its transaction."""

    address: str
    tx_hash: str


class _Receipt(msgspec.Struct, rename="camel"):
    from_: str = msgspec.field(name="from")
    transaction_hash: str
    block_number: str
    contract_address: str | None = None


class _Made(msgspec.Struct):
    hash: str
    creator: str


class _Transaction(msgspec.Struct, rename="camel"):
    from_: str = msgspec.field(name="from")
    to: str | None = None
    value: str = "0x0"


class _Page(msgspec.Struct):
    txs: list[_Transaction] = []
    receipts: list[dict[str, Any]] = []


class Deployer:
    """What is known of the account behind a token; with ``origins``, of its earlier launches."""

    name: ClassVar[str] = "deployer"
    names: ClassVar[tuple[str, ...]] = (
        "deployer.address", "deployer.launcher", "deployer.transactions", "deployer.balance",
        "deployer.first_seen", "deployer.funded_by", "deployer.past_launches",
        "deployer.past_rugs",
    )  # fmt: skip

    def __init__(self, origins: Origins | None = None) -> None:
        self._origins = origins
        self._without_search: set[str] = set()

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        launcher, creator = await asyncio.gather(
            trial(_launcher_of(question)), trial(creator_of(question))
        )
        answers: dict[str, Answer] = {
            "deployer.address": answer(creator, lambda found: found.address),
            "deployer.launcher": launcher,
        }
        who = launcher if isinstance(creator, Unknown) else creator.address
        rest = self.names[2:]
        answers |= dict.fromkeys(rest, who) if isinstance(who, Unknown) else {}
        said = findings(answers, "call", question.block)
        if not isinstance(who, Unknown):
            said |= await self._about(question, who)
        return said

    async def _about(self, question: Question, who: str) -> dict[str, Finding]:
        account, first, past = await asyncio.gather(
            _account(question, who), self._first(question, who), self._past(question, who)
        )
        found = findings(account | first, "call", question.block)
        return found | findings(past, "archive", question.block)

    async def _first(self, question: Question, who: str) -> dict[str, Answer]:
        """The account's first transaction, where the nodes can search for it."""
        names = ("deployer.first_seen", "deployer.funded_by")
        if question.chain in self._without_search:
            return dict.fromkeys(names, Unknown("the nodes cannot search an account's history"))
        try:
            page = await question.rpc.call("ots_searchTransactionsAfter", [who, 0, 1], _Page)
        except RpcError as error:
            if error.refusal == "unsupported":
                self._without_search.add(question.chain)
            return dict.fromkeys(names, Unknown("the nodes cannot search an account's history"))
        except Retry as error:
            return dict.fromkeys(names, Unknown(told(error)))
        return _from_page(page, who)

    async def _past(self, question: Question, who: str) -> dict[str, Answer]:
        names = ("deployer.past_launches", "deployer.past_rugs")
        if self._origins is None:
            return dict.fromkeys(names, Unknown("there is no archive of ours to look in"))
        try:
            known = await self._origins.of(question.chain, who)
        except Retry as error:
            return dict.fromkeys(names, Unknown(told(error)))
        past = [each for each in known if each.pool != question.pool]
        ended = await asyncio.gather(*(trial(_is_drained(question, each)) for each in past))
        rugs = sum(1 for each in ended if each is True)
        return {"deployer.past_launches": float(len(past)), "deployer.past_rugs": float(rugs)}


async def creator_of(question: Question) -> Creator:
    """Who made the token, asked once a view. Raises ``Invalid`` and ``Retry``."""

    async def ask() -> Creator:
        try:
            return await _from_first_mint(question)
        except (Invalid, Retry):
            return await _from_index(question)

    return await question.view.once(("creator", question.token), ask)


async def _from_first_mint(question: Question) -> Creator:
    mints = [each for each in (await transfers_of(question)).seen if each.sender == ZERO]
    if not mints:
        raise Invalid("no mint was seen", reason="creator")
    receipt = await _receipt(question, mints[0].tx_hash)
    if (receipt.contract_address or "").lower() == question.token:
        return Creator(receipt.from_.lower(), receipt.transaction_hash)
    before = hex(int(receipt.block_number, 16) - 1)
    code = await question.rpc.call("eth_getCode", [question.token, before], str)
    if len(code) > 2:
        raise Invalid("it was made before its first mint that was seen", reason="creator")
    return Creator(receipt.from_.lower(), receipt.transaction_hash)


async def _from_index(question: Question) -> Creator:
    try:
        made = await question.rpc.call("ots_getContractCreator", [question.token], _Made | None)
    except RpcError as error:
        raise Invalid("its creation lies before the blocks that were read", reason="rpc") from error
    if made is None:
        raise Invalid("the node knows no creation of it", reason="creator")
    return Creator(made.creator.lower(), made.hash)


async def _launcher_of(question: Question) -> str:
    """Who sent the transaction that made the pool."""
    if question.launch.tx_hash is UNSET:
        raise Invalid("the launch names no transaction", reason="creator")
    return (await _receipt(question, question.launch.tx_hash)).from_.lower()


async def _receipt(question: Question, tx_hash: str) -> _Receipt:
    async def ask() -> _Receipt:
        method = "eth_getTransactionReceipt"
        found: _Receipt | None = await question.rpc.call(method, [tx_hash], _Receipt | None)
        if found is None:
            raise Retry("a node does not have the transaction")
        return found

    return await question.view.once(("receipt", tx_hash), ask)


async def _account(question: Question, who: str) -> dict[str, Answer]:
    """How often it has sent, and what it has of the chain's coin."""
    calls = [
        ("eth_getTransactionCount", [who, question.view.tag]),
        ("eth_getBalance", [who, question.view.tag]),
    ]
    sent, balance = await question.rpc.batch(calls, str)
    return {
        "deployer.transactions": await trial(_quantity(sent, 1)),
        "deployer.balance": await trial(_quantity(balance, WEI)),
    }


async def _quantity(value: str | RpcError, unit: int) -> float:
    if isinstance(value, RpcError):
        raise value
    try:
        return int(value, 16) / unit
    except ValueError as error:
        raise Invalid("a node answered no number", reason="garbage") from error


def _from_page(page: _Page, who: str) -> dict[str, Answer]:
    """The oldest transaction is the page's last; its sender paid, if it is another's."""
    if not page.txs:
        why = Unknown("the node knows no transaction of it")
        return {"deployer.first_seen": why, "deployer.funded_by": why}
    first = page.txs[-1]
    stamp = page.receipts[-1].get("timestamp") if page.receipts else None
    seen: Answer = Unknown("the node tells no time of it")
    if isinstance(stamp, int):
        seen = float(stamp)
    elif isinstance(stamp, str) and stamp.startswith("0x"):
        seen = float(int(stamp[2:17] or "0", 16))
    paid = first.from_.lower() != who and (first.to or "").lower() == who
    funded: Answer = first.from_.lower() if paid else Unknown("its first transaction is its own")
    return {"deployer.first_seen": seen, "deployer.funded_by": funded}


async def _is_drained(question: Question, past: Origin) -> bool:
    """Whether the pool of an earlier launch is as good as empty by now."""
    if len(past.pool) != 42 or past.most <= 0 or past.quote == ZERO:
        raise Invalid("its pool cannot be asked", reason="creator")
    held = await question.view.read(past.quote, "balanceOf(address)", past.pool)
    return bool(held <= past.most * DRAINED_SHARE)
