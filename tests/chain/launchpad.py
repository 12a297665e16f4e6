"""Launches on a scripted Solana chain whose accounts are a bank's: pool, vaults, first trades."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

from solders.pubkey import Pubkey

from streams.events import Examination, Launch
from streams.evm.endpoints import Endpoints, open_endpoints
from streams.evm.rpc import Rpc
from streams.examine.examination import examine
from streams.examine.question import Check, Question
from streams.examine.solana.checklist import checklist
from streams.examine.solana.early import _events as events_in  # the follower's own reading
from streams.examine.solana.orders import GLOBALS
from streams.examine.solana.slotview import Signature, SlotView
from streams.examine.view import Metered
from streams.solana.rpc import GENESIS, SolanaEndpoints
from streams.solana.sightings import WSOL, curve_of
from streams.solana.spl.addresses import derived
from streams.state import State
from tests.chain.bank_node import BankNode
from tests.chain.solana_node import Chain, Faults, served
from tests.chain.token_bank import TOKEN, Bank, wallet
from tests.unit.streams.solana.making import LAYOUTS, data_of, instruction, logged, transaction

__all__ = ["CREATOR", "SOL", "SUPPLY", "Launchpad", "asked", "opened"]

SOL = 10**9
SUPPLY = 10**15
"""A thousand million tokens of six decimals."""
CREATOR = wallet(1)
NATIVE = Pubkey.from_string(WSOL)
VENUES = ("pump-fun", "pump-swap", "raydium-cpmm", "raydium-v4")


class Launchpad:
    """One chain and its bank."""

    def __init__(self) -> None:
        self.chain, self.bank = Chain(), Bank()
        self.node = BankNode(self.chain, self.bank)
        self.lp: Pubkey | None = None
        """The newest pool's LP token, of which the creator has a million base units."""
        self._numbers = count(1)
        coin = struct.pack("<I32sQBBI32s", 0, bytes(32), 0, 9, 1, 0, bytes(32))
        self.bank.put(NATIVE, TOKEN, coin)
        self.bank.fund(CREATOR, 10 * SOL)
        for venue, (name, where) in {
            "pump-fun": ("Global", GLOBALS["pump-fun"]),
            "pump-swap": ("GlobalConfig", GLOBALS["pump-swap"]),
        }.items():
            self._put(venue, name, Pubkey.from_string(where))

    def launch(
        self, venue: str, mint: Pubkey, *, pooled: int = SUPPLY // 2, lamports: int = 30 * SOL,
        buys: Sequence[tuple[Pubkey, int]] = (), **fields: Any,
    ) -> Launch:  # fmt: skip
        """A pool with so much in it, made in a block of its own with purchases behind it."""
        pool = Pubkey.from_string(curve_of(str(mint))) if venue == "pump-fun" else self.key()
        self._fill(venue, pool, mint, pooled, lamports, fields)
        made = self._made(venue, pool, mint, pooled, lamports)
        trades = [self.bought(venue, pool, mint, *each) for each in buys]
        slot = self.chain.add([made, *trades])
        signature = Signature("", slot, None, self.chain.blocks[slot]["blockTime"])
        (launch,) = (e for e in events_in(made, signature, 0) if isinstance(e, Launch))
        self.chain.add([])
        return launch

    def bought(self, venue: str, pool: Pubkey, mint: Pubkey, who: Pubkey, amount: int) -> Any:
        """A purchase as its transaction tells it; the tokens are given by ``Bank.give``."""
        told: dict[str, Any] = {"user": str(who)}
        if venue == "pump-fun":
            told |= {"mint": str(mint), "is_buy": True, "token_amount": amount, "sol_amount": SOL}
            event = "TradeEvent"
        else:
            told |= {"pool": str(pool), "base_amount_out": amount}
            event = "BuyEvent"
        return self.record([str(who), str(pool)], logs=logged(venue, event, **told))

    def record(self, keys: Sequence[str], *made: Any, logs: Sequence[str] = (), **meta: Any) -> Any:
        """A transaction with these accounts, the first of which pays."""
        node = transaction(*made, logs=logs, signature=f"sig{next(self._numbers)}")
        node["transaction"]["message"]["accountKeys"] = list(keys)
        node["meta"] |= {"preBalances": [0] * len(keys), "postBalances": [0] * len(keys)} | meta
        return node

    def paid(self, payer: Pubkey, to: Pubkey, lamports: int = SOL) -> Any:
        """A payment of SOL to a wallet that had none."""
        before, after = [5 * SOL, 0], [5 * SOL - lamports, lamports]
        return self.record([str(payer), str(to)], preBalances=before, postBalances=after)

    def key(self) -> Pubkey:
        """A new address."""
        return wallet(5_000 + next(self._numbers))

    def _fill(
        self, venue: str, pool: Pubkey, mint: Pubkey, pooled: int, lamports: int, given: Any
    ) -> None:
        """The pool's account and what lies in its vaults."""
        if venue == "pump-fun":
            self.bank.give(pool, mint, pooled)
            self._put(
                venue, "BondingCurve", pool,
                **{
                    "virtual_token_reserves": 1_073 * 10**12, "virtual_quote_reserves": 30 * SOL,
                    "real_token_reserves": 7_931 * 10**11 // 2, "real_quote_reserves": lamports,
                    "creator": str(CREATOR), "quote_mint": "1" * 32, "complete": 0, **given,
                },
            )  # fmt: skip
            return
        owner = {
            "pump-swap": pool,
            "raydium-cpmm": _derived("raydium-cpmm", b"vault_and_lp_mint_auth_seed"),
            "raydium-v4": _derived("raydium-v4", b"amm authority"),
        }[venue]
        vaults = self.bank.give(owner, mint, pooled), self._wrapped(owner, lamports)
        self.lp = lp = self.bank.mint(TOKEN, decimals=9)
        self.bank.give(CREATOR, lp, 1_000_000)
        fields = {"lp_supply": 1_000_000, **given}
        if venue == "raydium-v4":
            self.bank.put(pool, _program(venue), _v4_account(vaults, mint, lp, fields["lp_supply"]))
        elif venue == "pump-swap":
            sides = ("base_mint", "quote_mint", "pool_base_token_account",
                     "pool_quote_token_account")  # fmt: skip
            fields |= dict(zip(sides, map(str, (mint, NATIVE, *vaults)), strict=True))
            self._put(venue, "Pool", pool, lp_mint=str(lp), **fields)
        else:
            sides = ("token_0_mint", "token_1_mint", "token_0_vault", "token_1_vault")
            fields |= dict(zip(sides, map(str, (mint, NATIVE, *vaults)), strict=True))
            self._put(venue, "PoolState", pool, lp_mint=str(lp), **fields)

    def _put(self, venue: str, name: str, where: Pubkey, **fields: Any) -> None:
        self.bank.put(where, _program(venue), data_of(venue, "accounts", name, **fields))

    def _wrapped(self, owner: Pubkey, lamports: int) -> Pubkey:
        account = self.bank.open(owner, NATIVE)
        found = self.bank.svm.get_account(account)
        assert found is not None
        self.bank.put(account, TOKEN, bytes(found.data), found.lamports + lamports)
        self.bank.act(TOKEN, b"\x11", (account, "w"))
        return account

    def _made(self, venue: str, pool: Pubkey, mint: Pubkey, pooled: int, lamports: int) -> Any:
        """The transaction that makes the pool."""
        keys = [str(CREATOR), str(pool), str(mint)]
        if venue == "pump-fun":
            told = {"mint": keys[2], "bonding_curve": keys[1], "user": keys[0],
                    "creator": keys[0], "quote_mint": "1" * 32}  # fmt: skip
            return self.record(keys, logs=logged(venue, "CreateEvent", **told))
        made: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
            "pump-swap": (
                "create_pool",
                {"pool": keys[1], "base_mint": keys[2], "quote_mint": WSOL, "creator": keys[0]},
                {"base_amount_in": pooled, "quote_amount_in": lamports},
            ),
            "raydium-cpmm": (
                "initialize",
                {"pool_state": keys[1], "token_0_mint": keys[2], "token_1_mint": WSOL,
                 "creator": keys[0]},
                {"init_amount_0": pooled, "init_amount_1": lamports},
            ),
            "raydium-v4": (
                "initialize2",
                {"amm": keys[1], "coin_mint": keys[2], "pc_mint": WSOL, "user_wallet": keys[0]},
                {"init_coin_amount": pooled, "init_pc_amount": lamports},
            ),
        }  # fmt: skip
        name, accounts, fields = made[venue]
        return self.record(keys, instruction(venue, name, accounts, **fields))


def _program(venue: str) -> Pubkey:
    return Pubkey.from_string(LAYOUTS[venue]["program"])


def _derived(venue: str, seed: bytes) -> Pubkey:
    return Pubkey.from_string(derived(LAYOUTS[venue]["program"], seed))


def _v4_account(vaults: Sequence[Pubkey], mint: Pubkey, lp: Pubkey, supply: int) -> bytes:
    keys = [*vaults, mint, NATIVE, lp, *(wallet(900 + n) for n in range(7))]
    return bytes(336) + b"".join(map(bytes, keys)) + struct.pack("<Q", supply) + bytes(24)


@asynccontextmanager
async def opened(pad: Launchpad, faults: Faults | None = None) -> AsyncIterator[Endpoints]:
    """The chain's node over HTTP, as the service asks it."""
    async with (
        served(pad.chain, faults or Faults()) as node,
        open_endpoints(
            "solana", [f"http://{node.address}/"], chain_id=GENESIS, family=SolanaEndpoints
        ) as endpoints,
    ):
        yield endpoints


async def asked(
    pad: Launchpad, launch: Launch, nodes: Rpc, *, state: State | None = None,
    checks: Sequence[Check] = (), deadline: float = 20.0, slot: int | None = None,
) -> Examination:  # fmt: skip
    """One examination of a launch as of the newest slot, or of an earlier one."""
    newest = pad.chain.slot if slot is None else slot
    time = pad.chain.blocks[max(s for s in pad.chain.blocks if s <= newest)]["blockTime"]
    view = SlotView(Metered(nodes), newest)
    question = Question(
        launch=launch, token=str(launch.token), quote=str(launch.quote), view=view,
        at=datetime.fromtimestamp(time, UTC), factories={},
    )  # fmt: skip
    try:
        return await examine(
            question, checks or checklist(state), round_=0, launched=launch.at, deadline=deadline
        )
    finally:
        await view.close()
