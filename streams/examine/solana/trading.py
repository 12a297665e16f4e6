"""Whether a token can be bought, moved and sold on Solana, by simulated transactions.

A wallet that nobody has is given SOL by one that has some, buys on the launch's own pool, gives
some away and sells the rest: each as one transaction that is never signed. Largest holders are
tried too. A program can tell a helper of its maker from a stranger; a simulation cannot tell what
the maker will freeze tomorrow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from solders.instruction import Instruction

from streams.checks.answers import Answer, Unknown, findings, told, unknowns
from streams.errors import Invalid, Retry
from streams.examine.question import Question, trial
from streams.examine.solana.holders import largest_of
from streams.examine.solana.orders import (
    GLOBALS,
    Desk,
    Order,
    desk_for,
    opened,
    paid,
    synced,
    transfer_of,
)
from streams.examine.solana.pool import held_quote, pool_of, vault_of
from streams.examine.solana.pools import Pool
from streams.examine.solana.rehearsal import Outcome, fresh_wallet, rehearse
from streams.examine.solana.slotview import Account, SlotView, view_of
from streams.finding import Finding
from streams.solana.programs import program_of
from streams.solana.sightings import WSOL
from streams.solana.spl.addresses import SYSTEM, associated, is_wallet
from streams.solana.spl.mint import SPL_TOKEN, Mint

__all__ = ["Trade"]

SPENT = 10_000_000
"""Lamports that the fresh wallet buys for: a hundredth of a SOL."""
NEEDED = 60_000_000
"""What it is given, rents and fees of the venue included."""
MOST_SELLERS = 3
TAX = ("trade.buy_tax", "trade.sell_tax", "trade.transfer_tax")


class Trade:
    """Trades of a fresh wallet and of real holders; ``payer`` lends SOL, else a maker or holder."""

    name: ClassVar[str] = "trade"
    names: ClassVar[tuple[str, ...]] = (
        "trade.outcome", "trade.reason", "trade.is_honeypot", "trade.can_buy", "trade.can_sell",
        "trade.can_sell_all", "trade.can_transfer", *TAX, "trade.holders_tested",
        "trade.holders_failed",
    )  # fmt: skip

    def __init__(self, payer: str = "") -> None:
        self._payer = payer

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        mint = await view_of(question).mint(question.token)
        if mint.extension("transfer-hook").get("program"):
            raise Invalid("a hook decides on every transfer, which we do not run", reason="hook")
        payer = await _payer_of(question, self._payer)
        fresh, holders = await asyncio.gather(
            _fresh(question, mint, payer), trial(_holders(question, mint, payer))
        )
        if isinstance(holders, Unknown):
            holders = unknowns(("trade.holders_tested", "trade.holders_failed"), holders.why)
        moved = holders.pop("trade.can_transfer", None)
        if moved is not None and isinstance(fresh["trade.can_transfer"], Unknown):
            fresh["trade.can_transfer"] = moved
        return findings(fresh | holders, "simulation", question.block)


class _Floor(msgspec.Struct, frozen=True):
    """What a rehearsal on this launch's pool is made of."""

    view: SlotView
    payer: str
    desk: Desk
    order: Order
    mint: Mint

    def begun(self, wallet: str, *, lent: int = NEEDED) -> list[Instruction]:
        """A wallet with SOL and with the accounts that it trades from."""
        order = self.order
        out = [
            paid(self.payer, wallet, lent),
            opened(self.payer, wallet, order.token, order.program),
        ]
        if self.desk.wraps:
            out += [
                opened(self.payer, wallet, WSOL, SPL_TOKEN),
                paid(wallet, associated(wallet, WSOL, SPL_TOKEN), SPENT),
                synced(wallet),
            ]
        return out

    def account(self, wallet: str) -> str:
        """A wallet's own account of the token."""
        return associated(wallet, self.order.token, self.order.program)


async def _payer_of(question: Question, named: str) -> str:
    """A wallet with enough SOL to lend. Raises ``Invalid`` and ``Retry``."""
    launch = question.launch
    listed = [named, launch.creator, launch.deployer]
    largest = await trial(largest_of(question))
    if not isinstance(largest, Unknown):
        listed += [each.owner for each in largest if each.kind == "holder"]
    wallets = [each for each in dict.fromkeys(listed) if isinstance(each, str) and each]
    accounts = await view_of(question).accounts(wallets)
    for wallet, account in zip(wallets, accounts, strict=True):
        if _lends(wallet, account):
            return wallet
    raise Invalid("no wallet that could lend the SOL for a trial is known", reason="payer")


def _lends(wallet: str, account: Account | None) -> bool:
    plain = account is not None and account.owner == SYSTEM and not account.data
    return plain and account is not None and account.lamports > 2 * NEEDED and is_wallet(wallet)


async def _floor(question: Question, mint: Mint, payer: str) -> _Floor:
    """Raises ``Invalid`` where the venue's trades cannot be built, and ``Retry``."""
    view = view_of(question)
    pool = await pool_of(question)
    desk = desk_for(pool, question.token)
    settings = {}
    if (where := GLOBALS.get(pool.venue)) is not None:
        account = await view.account(where)
        if account is None:
            raise Invalid("the venue's settings are not there", reason="venue")
        settings = program_of(pool.venue).account(account.data)[1]
    if pool.venue == "pump-fun":
        fields = pool.fields
        reserves = (fields["virtual_token_reserves"], fields["virtual_quote_reserves"])
    else:
        vault, quote = await asyncio.gather(vault_of(question), held_quote(question, pool))
        reserves = (vault.amount, quote)
    wallet = fresh_wallet(question.pool)
    order = Order(wallet, SPENT, pool, question.token, mint.program, reserves, settings)
    return _Floor(view, payer, desk, order, mint)


async def _fresh(question: Question, mint: Mint, payer: str) -> dict[str, Answer]:
    """A purchase, a transfer and a sale of a fresh wallet."""
    names = [each for each in Trade.names if not each.startswith("trade.holders")]
    try:
        floor = await _floor(question, mint, payer)
        order = floor.order
        buying = [*floor.begun(order.wallet), floor.desk.buy(order)]
        bought = await rehearse(floor.view, payer, buying, [floor.account(order.wallet)])
    except (Invalid, Retry) as error:
        return unknowns(names, told(error))
    if not bought.ok or not bought.holdings or bought.holdings[0] is None:
        return _not_bought(names, bought)
    held = bought.holdings[0]
    if held.amount <= 0:
        return _nothing(names, held.withheld)
    moved, sold = await asyncio.gather(
        trial(_moved(floor, buying, held.amount)), trial(_sold(floor, buying, held.amount))
    )
    charges = "transfer-fee" in mint.extensions
    return _told(held.withheld / (held.amount + held.withheld), moved, sold, charges=charges)


async def _moved(floor: _Floor, before: Sequence[Instruction], amount: int) -> Outcome:
    """To another fresh wallet; where that does not fit into the transaction, to the pool."""
    order = floor.order
    other = fresh_wallet(order.wallet)
    half = max(1, amount // 2)
    made = opened(floor.payer, other, order.token, order.program)
    given = transfer_of(order, floor.account(other), half, floor.mint.decimals)
    try:
        wanted = [floor.account(other)]
        return await rehearse(floor.view, floor.payer, [*before, made, given], wanted)
    except Invalid as error:
        if error.reason != "too-large":
            raise
    vault = order.pool.vaults_of(order.token)[0]
    given = transfer_of(order, vault, half, floor.mint.decimals)
    return await rehearse(floor.view, floor.payer, [*before, given], [])


async def _sold(floor: _Floor, before: Sequence[Instruction], amount: int) -> Outcome:
    sale = floor.desk.sell(floor.order._replace(amount=amount))
    return await rehearse(floor.view, floor.payer, [*before, sale], [])


def _not_bought(names: Sequence[str], bought: Outcome) -> dict[str, Answer]:
    """A purchase that the token refuses is an answer; any other failure may be ours."""
    if not bought.by_token:
        return unknowns(names, f"a trial purchase fails: {bought.why}")
    return {
        **unknowns(names, "it cannot be bought"),
        "trade.can_buy": False, "trade.outcome": "buy-fail", "trade.reason": bought.why,
    }  # fmt: skip


def _nothing(names: Sequence[str], withheld: int) -> dict[str, Answer]:
    """A purchase of which nothing arrives: all of it is the mint's fee, or why is not known."""
    if not withheld:
        return unknowns(names, "nothing arrives, and why is not known")
    return {
        **unknowns(names, "nothing arrives"),
        "trade.can_buy": False, "trade.outcome": "buy-fail", "trade.reason": "nothing arrives",
        "trade.buy_tax": 1.0,
    }  # fmt: skip


def _told(
    buy_tax: float, moved: Outcome | Unknown, sold: Outcome | Unknown, *, charges: bool
) -> dict[str, Answer]:
    can_transfer, can_sell = _verdict(moved, "transfer"), _verdict(sold, "sale")
    tax = _tax(moved, charges=charges)
    failed = next((e for e in (sold, moved) if isinstance(e, Outcome) and not e.ok), None)
    outcome = "ok"
    if failed is not None:
        outcome = "sell-fail" if failed is sold else "transfer-fail"
    return {
        "trade.outcome": outcome,
        "trade.reason": failed.why if failed is not None else False,
        "trade.can_buy": True,
        "trade.can_sell": can_sell,
        "trade.can_sell_all": can_sell,
        "trade.can_transfer": can_transfer,
        "trade.buy_tax": buy_tax,
        "trade.transfer_tax": tax,
        # Token-2022 takes the same of every transfer, also of one into the pool.
        "trade.sell_tax": tax if can_sell is True else Unknown("it cannot be sold"),
        "trade.is_honeypot": can_sell if isinstance(can_sell, Unknown) else not can_sell,
    }


def _tax(moved: Outcome | Unknown, *, charges: bool) -> Answer:
    """What the transfer lost: nothing where the mint charges nothing."""
    if isinstance(moved, Unknown) or not moved.ok:
        return Unknown("it cannot be moved")
    if not charges:
        return 0.0
    if not moved.holdings or moved.holdings[0] is None:
        return Unknown("a transfer to a fresh wallet does not fit into the trial")
    got = moved.holdings[0]
    return got.withheld / max(1, got.amount + got.withheld)


def _verdict(outcome: Outcome | Unknown, what: str) -> Answer:
    if isinstance(outcome, Unknown):
        return outcome
    if outcome.ok:
        return True
    if outcome.by_token:
        return False
    return Unknown(f"a trial {what} fails: {outcome.why}")


async def _holders(question: Question, mint: Mint, payer: str) -> dict[str, Answer]:
    """Sales of the largest holders where the venue is known; else they give some away.

    Only holders whose trial says something count as tested.
    """
    largest = await largest_of(question)
    makers = {question.launch.creator, question.launch.deployer}
    sellers = [
        each for each in largest
        if each.kind == "holder" and each.amount > 1 and each.owner not in makers
        and is_wallet(each.owner) and each.account == associated(
            each.owner, question.token, mint.program)
    ][:MOST_SELLERS]  # fmt: skip
    floor, pool = await trial(_floor(question, mint, payer)), await pool_of(question)
    trials = [
        _gives(question, mint, pool, payer, each.owner, each.amount // 2)
        if isinstance(floor, Unknown)
        else _sells(floor, each.owner, each.amount // 2)
        for each in sellers
    ]
    outcomes = [e for e in await asyncio.gather(*map(trial, trials)) if isinstance(e, Outcome)]
    said = [each for each in outcomes if each.ok or each.by_token]
    failed = sum(not each.ok for each in said)
    if sellers and not said:
        why = outcomes[0].why if outcomes else "not answered"
        raise Invalid(f"trial sales of holders fail: {why}", reason="venue")
    share: Answer = failed / len(said) if said else Unknown("nobody but its maker holds it")
    if isinstance(floor, Unknown):
        moved: Answer = failed < len(said) if said else Unknown("nobody but its maker holds it")
        return {
            **unknowns(("trade.holders_tested", "trade.holders_failed"), floor.why),
            "trade.can_transfer": moved,
        }
    return {"trade.holders_tested": float(len(said)), "trade.holders_failed": share}


async def _sells(floor: _Floor, owner: str, amount: int) -> Outcome:
    order = floor.order._replace(wallet=owner, amount=amount)
    begun = [] if not floor.desk.wraps else [opened(floor.payer, owner, WSOL, SPL_TOKEN)]
    return await rehearse(floor.view, floor.payer, [*begun, floor.desk.sell(order)], [])


async def _gives(
    question: Question, mint: Mint, pool: Pool, payer: str, owner: str, amount: int
) -> Outcome:
    """Tokens of a holder to a fresh wallet, where trades of the venue cannot be built."""
    other = fresh_wallet(question.pool)
    order = Order(owner, amount, pool, question.token, mint.program)
    made = opened(payer, other, question.token, mint.program)
    account = associated(other, question.token, mint.program)
    given = transfer_of(order, account, amount, mint.decimals)
    return await rehearse(view_of(question), payer, [made, given], [])
