"""Launches of Solana examined: trades, changes, first buyers, insiders, liquidity, silence."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from heft_model.traps import traps_in
from streams.broker import Record
from streams.enrich.fold import Fold
from streams.events import Examination, Head, Launch, Retraction, Sync
from streams.examine.examiner import Asking, ExamineTransform
from streams.examine.origins import Origin, Origins
from streams.examine.solana.checklist import checklist
from streams.examine.solana.slotview import LATE_SLOTS, SlotView
from streams.examine.solana.trading import Trade
from streams.solana.sightings import WSOL
from streams.stage import Received
from streams.state import State
from tests.chain.launchpad import CREATOR, SOL, SUPPLY, VENUES, Launchpad, asked, opened
from tests.chain.solana_node import refuse
from tests.chain.token_bank import BOSS, EXTENSIONS, TOKEN, TOKEN_2022, metadata, wallet

pytestmark = pytest.mark.anyio

HOLDERS = [wallet(100 + number) for number in range(4)]


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    """Where findings are remembered."""
    held = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield held
    await held.close()


def _value(found: Examination, name: str) -> Any:
    each = found.findings[name]
    return each.value if each.known else None


def _kinds(found: Examination) -> set[str]:
    return {trap.kind for trap in traps_in(found.findings)}


async def test_trades_are_tried_on_every_venue_that_can_be_built() -> None:
    """Bought, moved and sold by a wallet that nobody has; nothing that is asked is signed."""
    for venue in VENUES:
        pad = Launchpad()
        mint = pad.bank.mint(TOKEN if venue == "raydium-v4" else TOKEN_2022)
        pad.bank.give(HOLDERS[0], mint, SUPPLY // 100)
        async with opened(pad) as nodes:
            found = await asked(pad, pad.launch(venue, mint), nodes)
        names = ("can_buy", "can_sell", "can_sell_all", "can_transfer")
        assert [_value(found, f"trade.{each}") for each in names] == [True] * 4, venue
        assert _value(found, "trade.outcome") == "ok"
        assert _value(found, "trade.holders_tested") == 1.0
        for sent in pad.node.simulated:
            assert all(bytes(each) == bytes(64) for each in sent.signatures)
            assert len(bytes(sent)) <= 1232
        assert pad.bank.svm.get_account(pad.node.simulated[0].message.account_keys[1]) is None


V4 = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"
SLIPPAGE = [
    f"Program {V4} invoke [1]", "Program log: Error: exceeds desired slippage limit",
    f"Program {V4} failed: custom program error: 0x1e",
]  # fmt: skip
EMPTY_VAULT = [
    f"Program {V4} invoke [1]", f"Program {TOKEN} invoke [2]",
    "Program log: Error: insufficient funds",
    f"Program {TOKEN} failed: custom program error: 0x1",
    f"Program {V4} failed: custom program error: 0x1",
]  # fmt: skip
FEIGNED = [
    f"Program {V4} invoke [1]",
    f"Program log: Program {TOKEN} failed: custom program error: 0x11",
    f"Program {V4} failed: custom program error: 0x11",
]


@pytest.mark.parametrize("logs", [SLIPPAGE, EMPTY_VAULT, FEIGNED, [], None])
async def test_a_venue_that_fails_proves_nothing(logs: list[str] | None) -> None:
    """Slippage, an empty vault, a feigned refusal, silence: no word on the token, and no trap."""
    pad = Launchpad()
    mint = pad.bank.mint(TOKEN)
    pad.bank.give(HOLDERS[0], mint, SUPPLY // 100)
    launch = pad.launch("raydium-v4", mint)
    failed = {"err": {"InstructionError": [5, {"Custom": 1}]}, "accounts": None, "logs": logs}
    pad.chain.answers["simulateTransaction"] = lambda params: pad.node.told(failed, params)
    async with opened(pad) as nodes:
        found = await asked(pad, launch, nodes, checks=[Trade()])
    assert not any(each.known for each in found.findings.values())
    assert all(each.why for each in found.findings.values())
    assert traps_in(found.findings) == []


async def test_what_the_maker_changes_is_a_finding(state: State) -> None:
    """A freeze authority given away, a fee set, tokens minted: named at the next age."""
    pad = Launchpad()
    fee = EXTENSIONS["transfer-fee"]
    mint = pad.bank.mint(extensions=[fee], freezer=BOSS)
    launch = pad.launch("raydium-cpmm", mint)
    async with opened(pad) as nodes:
        first = await asked(pad, launch, nodes, state=state)
        again = await asked(pad, launch, nodes, state=state)
        for found in (first, again):
            assert _value(found, "mint.changed") is False
            assert _value(found, "mint.minted_since") == 0.0
        pad.bank.give(CREATOR, mint, SUPPLY)
        to = b"\x06\x01\x01" + bytes(wallet(8))
        pad.bank.act(TOKEN_2022, to, (mint, "w"), (BOSS, "s"))
        data = b"\x1a\x05" + struct.pack("<HQ", 9000, 2**60)
        pad.bank.act(TOKEN_2022, data, (mint, "w"), (BOSS, "s"))
        pad.chain.add([])
        later = await asked(pad, launch, nodes, state=state)
    changed = str(_value(later, "mint.changed")).split(", ")
    assert changed == [
        "freeze-authority", "transfer-fee.newer_epoch", "transfer-fee.newer_most",
        "transfer-fee.newer_points",
    ]  # fmt: skip
    assert later.findings["mint.changed"].source == "archive"
    assert _value(later, "mint.minted_since") == SUPPLY / 1e6
    assert {"changed-since-launch", "ruinous-fee-scheduled"} <= _kinds(later)
    assert "changed-since-launch" not in _kinds(again)


async def test_what_is_given_up_is_told_and_is_no_trap(state: State) -> None:
    """A maker that gives minting up and changes its words is honest; that is seen, too."""
    pad = Launchpad()
    mint = pad.bank.mint(extensions=[EXTENSIONS["metadata-pointer"]])
    metadata(pad.bank, mint, BOSS, ["Stone", "STN", "https://a.example"])
    launch = pad.launch("raydium-cpmm", mint)
    async with opened(pad) as nodes:
        await asked(pad, launch, nodes, state=state)
        pad.bank.act(TOKEN_2022, b"\x06\x00\x00", (mint, "w"), (pad.bank.payer, "s"))
        pointed = b"\x27\x01" + bytes(wallet(70))
        pad.bank.act(TOKEN_2022, pointed, (mint, "w"), (BOSS, "s"))
        pad.chain.add([])
        later = await asked(pad, launch, nodes, state=state)
    told = _value(later, "mint.changed")
    assert told == "metadata-pointer.address, mint-authority given up"
    assert "changed-since-launch" not in _kinds(later)
    assert "mintable" not in _kinds(later)


async def test_first_buyers_and_who_paid_them(state: State) -> None:
    """Three bundled buyers: two paid by one wallet, one by the creator; a fourth came later.

    Those the same hand paid are one network with the creator's; who bought later is in none.
    """
    pad = Launchpad()
    mint = pad.bank.mint(TOKEN)
    paymaster, early, late = wallet(50), HOLDERS[:3], HOLDERS[3]
    pad.chain.add([pad.paid(paymaster, early[0]), pad.paid(paymaster, early[1]),
                   pad.paid(CREATOR, early[2]), pad.paid(wallet(51), late)])  # fmt: skip
    for each in HOLDERS:
        pad.bank.give(each, mint, SUPPLY // 8)
    launch = pad.launch("pump-fun", mint, buys=[(each, SUPPLY // 8) for each in early])
    for _ in range(10):
        pad.chain.add([])
    pool = Pubkey.from_string(launch.pool)
    pad.chain.add([pad.bought("pump-fun", pool, mint, late, SUPPLY // 8)])
    async with opened(pad) as nodes:
        found = await asked(pad, launch, nodes, state=state)
        assert _value(found, "bundle.wallets") == 3.0
        assert _value(found, "bundle.launch_slot_buys") == 3.0
        assert _value(found, "bundle.share") == pytest.approx(3 / 8)
        assert _value(found, "holders.insider_share") == pytest.approx(3 / 8)
        assert _value(found, "insiders.networks") == 2.0
        assert _value(found, "insiders.wallets") == 4.0
        assert _value(found, "insiders.with_creator") is True
        assert _value(found, "insiders.share") == pytest.approx(3 / 8)
        assert {"bundled", "insider-network"} <= _kinds(found)
        pad.chain.answers["getSignaturesForAddress"] = refuse
        again = await asked(pad, launch, nodes, state=state)
    assert _value(again, "bundle.share") == pytest.approx(3 / 8)
    assert again.findings["bundle.share"].source == "archive"
    assert _value(again, "insiders.networks") is None


async def test_tokens_from_the_creator_join_a_network() -> None:
    """A holder whose first tokens the creator sent is the creator's, whoever paid its SOL."""
    pad = Launchpad()
    mint = pad.bank.mint(TOKEN)
    account = pad.bank.give(HOLDERS[0], mint, SUPPLY // 4)
    launch = pad.launch("raydium-cpmm", mint)
    rows = [
        {"accountIndex": 0, "mint": str(mint), "owner": str(who),
         "uiTokenAmount": {"amount": str(amount), "decimals": 6}}
        for who, amount in ((CREATOR, SUPPLY // 4), (HOLDERS[0], 0))
    ]  # fmt: skip
    after = [{**rows[0], "uiTokenAmount": {"amount": "0", "decimals": 6}},
             {**rows[1], "uiTokenAmount": {"amount": str(SUPPLY // 4), "decimals": 6}}]  # fmt: skip
    keys = [str(CREATOR), str(account), str(HOLDERS[0])]
    pad.chain.add([pad.record(keys, preTokenBalances=rows, postTokenBalances=after)])
    async with opened(pad) as nodes:
        found = await asked(pad, launch, nodes)
    assert _value(found, "insiders.networks") == 1.0
    assert _value(found, "insiders.with_creator") is True
    assert _value(found, "insiders.share") == pytest.approx(1 / 3)


async def test_who_can_take_the_liquidity_out() -> None:
    """LP tokens burnt, with a locker, with the creator: each share by what can be done with it."""
    raydium_lock = "3f7GcQFG397GAaEnv51zR6tsTVihYRydnydDD1cXekxH"
    for venue in ("pump-swap", "raydium-cpmm", "raydium-v4"):
        pad = Launchpad()
        bank, mint = pad.bank, pad.bank.mint(TOKEN)
        launch = pad.launch(venue, mint, lp_supply=4_000_000)
        assert pad.lp is not None
        for owner in (Pubkey.from_string(raydium_lock), HOLDERS[0]):
            bank.give(owner, pad.lp, 500_000)
        async with opened(pad) as nodes:
            found = await asked(pad, launch, nodes)
        shares = [
            _value(found, f"lp.{each}_share") for each in ("burnt", "locked", "creator", "free")
        ]
        assert shares == pytest.approx([0.5, 0.125, 0.25, 0.375]), venue
        assert _value(found, "lp.locker") == "Raydium lock"
        assert _value(found, "curve.progress") is None


async def test_a_curve_says_how_far_it_is_sold() -> None:
    """Half sold, and sold out: then it is not traded here any more."""
    for real, complete in ((793_100_000 * 10**6 // 4, 0), (0, 1)):
        pad = Launchpad()
        mint = pad.bank.mint(TOKEN)
        launch = pad.launch("pump-fun", mint, real_token_reserves=real, complete=complete,
                            lamports=7 * SOL)  # fmt: skip
        async with opened(pad) as nodes:
            found = await asked(pad, launch, nodes)
        assert _value(found, "curve.progress") == pytest.approx(1.0 if complete else 0.75)
        assert _value(found, "curve.is_complete") is bool(complete)
        assert _value(found, "liquidity.quote") == 7.0
        assert _value(found, "lp.free_share") is None
        assert (_value(found, "trade.can_buy") is None) == bool(complete)


async def test_how_earlier_launches_of_a_creator_ended(state: State) -> None:
    """By our own archive: an empty pool was a rug, a sold-out curve and a full pool not."""
    pad = Launchpad()
    mints = [pad.bank.mint(TOKEN) for _ in range(4)]
    ended = [
        pad.launch("pump-swap", mints[0], lamports=1),
        pad.launch("pump-swap", mints[1]),
        pad.launch("pump-fun", mints[2], lamports=0, complete=1),
    ]
    await Origins(state).note([
        Origin(chain="solana", creator=str(CREATOR), pool=each.pool, quote=WSOL, at=1.0,
               most=30.0 * SOL) for each in ended
    ])  # fmt: skip
    launch = pad.launch("raydium-cpmm", mints[3])
    async with opened(pad) as nodes:
        found = await asked(pad, launch, nodes, state=state)
    assert _value(found, "deployer.past_launches") == 3.0
    assert _value(found, "deployer.past_rugs") == 1.0
    assert "deployer-rugged" in _kinds(found)


async def test_an_answer_of_later_is_none() -> None:
    """Nodes tell the present only: what speaks of more than a minute later is unknown, and says so.

    A node that has not come so far is not believed either.
    """
    pad = Launchpad()
    launch = pad.launch("raydium-cpmm", pad.bank.mint(TOKEN))
    async with opened(pad) as nodes:
        pad.node.ahead = LATE_SLOTS
        assert (await asked(pad, launch, nodes)).coverage > 0.7
        pad.node.ahead = LATE_SLOTS + 1
        late = await asked(pad, launch, nodes)
        pad.node.ahead = -1
        early = await asked(pad, launch, nodes)
    for found, why in ((late, "tell the present only"), (early, "has not been reached")):
        told = [each for name, each in found.findings.items() if name.startswith("mint.")]
        assert not any(each.known for each in told)
        assert any(why in each.why for each in told)
        assert not _kinds(found)


@pytest.mark.parametrize(
    ("method", "unknown"),
    [
        ("getTokenLargestAccounts", "holders.top10_share"),
        ("getSignaturesForAddress", "deployer.first_seen"),
        ("simulateTransaction", "trade.can_sell"),
        ("getTransaction", "insiders.networks"),
    ],
)
async def test_a_node_that_does_not_tell_costs_its_own_answers(method: str, unknown: str) -> None:
    """What a node refuses is unknown with a reason; the mint's powers are known all the same."""
    pad = Launchpad()
    mint = pad.bank.mint(TOKEN)
    pad.bank.give(HOLDERS[0], mint, SUPPLY // 4)
    launch = pad.launch("raydium-cpmm", mint)
    pad.chain.answers[method] = refuse
    async with opened(pad) as nodes:
        found = await asked(pad, launch, nodes)
    assert _value(found, unknown) is None
    assert found.findings[unknown].why
    assert _value(found, "mint.authority")
    assert 0.3 < found.coverage < 1


async def test_the_stage_examines_what_the_activity_tells(state: State) -> None:
    """Behind the activity, as of its slot: the dossier has the findings; a retraction ends it."""
    pad = Launchpad()
    mint = pad.bank.mint(extensions=[EXTENSIONS["permanent-delegate"]])
    launch = pad.launch("raydium-cpmm", mint)
    told: list[Examination] = []

    async def publish(found: Examination) -> None:
        told.append(found)

    async with opened(pad) as nodes:
        stage = ExamineTransform(
            {"solana": nodes}, [], state, publish,
            others={"solana": Asking(checklist(state), SlotView)},
        )  # fmt: skip
        await stage.open(frozenset({0}))
        sync = Sync(chain="solana", pool=launch.pool, block=launch.block, log_index=99,
                    at=launch.at, reserve0=SUPPLY // 2, reserve1=30 * SOL)  # fmt: skip
        await stage.apply([_received(launch), _received(sync)])
        await stage.save()
        await stage.close()
        assert len(told) == 1
        gone = Retraction(chain="solana", pool=launch.pool, block=launch.block, at=launch.at)
        await stage.apply([_received(gone)])
        await stage.save()
        await stage.close()
    fold = Fold()
    events = (launch, sync, told[0], Head(chain="solana", block=launch.block + 1, at=launch.at))
    facts = [each for event in events for each in fold.feed(event)]
    examined = next(each for each in facts if each.trigger == "examined")
    assert examined.findings["mint.permanent_delegate"].value == str(BOSS)
    assert examined.block == launch.block
    assert await Origins(state).of("solana", str(CREATOR)) == []


def _received(event: Any) -> Received:
    return Received(event, Record("heft.activity.v1", 0, 0, b"", b""))


def test_a_launch_is_what_the_follower_tells() -> None:
    """The scripted launches are read as the follower reads them: pool, token, quote, creator."""
    for venue in VENUES:
        pad = Launchpad()
        mint = pad.bank.mint(TOKEN)
        launch = pad.launch(venue, mint)
        assert isinstance(launch, Launch)
        assert (launch.venue, launch.token, launch.quote) == (venue, str(mint), WSOL)
        assert launch.creator == str(CREATOR)
