"""Mints made by the real token programs: each extension is reported, and its honest twin is clean.

``TABLE`` says of each what is found beyond what is found of a plain mint of the same program, and
which traps follow. Trades run on a pool of Raydium CPMM whose vaults are real token accounts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from solders.pubkey import Pubkey

from heft_model.traps import traps_in
from streams.events import Examination
from tests.chain.launchpad import CREATOR, SUPPLY, Launchpad, asked, opened
from tests.chain.token_bank import (
    BOSS,
    EXTENSIONS,
    TOKEN,
    TOKEN_2022,
    Bank,
    Extension,
    associated,
    metadata,
    wallet,
)

BOSS_ = str(BOSS)
HOLDERS = [wallet(100 + number) for number in range(3)]


class Row(NamedTuple):
    """A mint, and what is to be found of it."""

    extensions: tuple[str, ...]
    found: dict[str, Any]
    """Beyond the twin's; ``None`` is unknown."""
    traps: set[str]
    after: Callable[[Bank, Pubkey], None] | None = None
    """What its maker does once people hold it."""
    freezer: bool = False


def _by_boss(data: bytes) -> Callable[[Bank, Pubkey], None]:
    return lambda bank, mint: bank.act(TOKEN_2022, data, (mint, "w"), (BOSS, "s"))


def _freeze(bank: Bank, mint: Pubkey) -> None:
    """All holders' accounts."""
    for holder in HOLDERS:
        account = associated(holder, mint, bank.program_of(mint))
        bank.act(bank.program_of(mint), b"\x0a", (account, "w"), (mint, ""), (BOSS, "s"))


def _only(extension: str) -> dict[str, Any]:
    return {"mint.extensions": extension}


NO_SALE = ("trade.can_sell", "trade.can_sell_all", "trade.sell_tax", "trade.buy_tax",
           "trade.can_transfer", "trade.transfer_tax", "trade.is_honeypot")  # fmt: skip
NOT_BOUGHT = {"trade.can_buy": False, "trade.outcome": "buy-fail"} | dict.fromkeys(NO_SALE)
NOT_RUN = dict.fromkeys((*NO_SALE, "trade.can_buy", "trade.outcome", "trade.reason",
                         "trade.holders_tested", "trade.holders_failed"))  # fmt: skip
FEE = {"mint.extensions": "transfer-fee", "mint.fee_authority": BOSS_}
TAXES = ("trade.buy_tax", "trade.sell_tax", "trade.transfer_tax")


def _fee(points: int, most: int = 2**63) -> Extension:
    data = b"\x1a\x00" + (b"\x01" + bytes(BOSS)) * 2 + struct.pack("<HQ", points, most)
    return Extension(108, data)


MADE = {**EXTENSIONS, "fee-of-2": _fee(200), "fee-of-100": _fee(10_000)}

TABLE: dict[str, Row] = {
    "plain": Row((), {}, set()),
    "mintable": Row((), {"mint.authority": str(Bank().payer)}, {"mintable"}),
    "freezable": Row((), {"mint.freeze_authority": BOSS_}, {"freezable"}, freezer=True),
    "frozen": Row(
        (),
        {"mint.freeze_authority": BOSS_, "trade.holders_failed": 1.0},
        {"freezable", "holders-cannot-sell"}, _freeze, freezer=True,
    ),
    "transfer-fee": Row(
        ("fee-of-2",),
        FEE | {"mint.transfer_fee": 0.02, "mint.next_transfer_fee": 0.02,
               "mint.most_transfer_fee": 2**63 / 1e6} | dict.fromkeys(TAXES, 0.02),
        {"changeable-tax"},
    ),
    "transfer-fee-scheduled": Row(
        ("fee-of-2",),
        FEE | {"mint.transfer_fee": 0.02, "mint.next_transfer_fee": 0.99,
               "mint.next_fee_epoch": 2.0, "mint.most_transfer_fee": 2**63 / 1e6}
        | dict.fromkeys(TAXES, 0.02),
        {"changeable-tax", "ruinous-fee-scheduled"},
        _by_boss(b"\x1a\x05" + struct.pack("<HQ", 9900, 2**62)),
    ),
    "transfer-fee-of-everything": Row(
        ("fee-of-100",),
        FEE | {"mint.transfer_fee": 1.0, "mint.next_transfer_fee": 1.0,
               "mint.most_transfer_fee": 2**63 / 1e6} | dict.fromkeys((*NO_SALE, "trade.can_buy",
               "trade.outcome", "trade.reason")),
        {"ruinous-transfer-fee", "changeable-tax"},
    ),
    "permanent-delegate": Row(
        ("permanent-delegate",),
        _only("permanent-delegate") | {"mint.permanent_delegate": BOSS_},
        {"permanent-delegate"},
    ),
    "default-frozen": Row(
        ("default-state",),
        _only("default-state") | {"mint.freeze_authority": BOSS_, "mint.is_default_frozen": True,
                                  "trade.reason": "Account is frozen"} | NOT_BOUGHT,
        {"freezable", "default-frozen"}, freezer=True,
    ),
    "non-transferable": Row(
        ("non-transferable",),
        _only("non-transferable") | {"mint.is_transferable": False,
        "trade.reason": "Transfer is disabled for this mint",
        "trade.holders_failed": 1.0} | NOT_BOUGHT,
        {"non-transferable", "holders-cannot-sell"},
    ),
    "transfer-hook": Row(
        ("transfer-hook",),
        _only("transfer-hook") | {"mint.transfer_hook": str(wallet(66)),
                                  "mint.hook_authority": BOSS_} | NOT_RUN,
        {"transfer-hook"},
    ),
    "pausable": Row(
        ("pausable",), _only("pausable") | {"mint.pause_authority": BOSS_}, {"mint-pausable"}
    ),
    "paused": Row(
        ("pausable",),
        _only("pausable") | {"mint.pause_authority": BOSS_, "mint.is_paused": True,
        "trade.reason": "Transferring, minting, and burning is paused on this mint",
        "trade.holders_failed": 1.0} | NOT_BOUGHT,
        {"mint-pausable", "mint-paused", "holders-cannot-sell"},
        _by_boss(b"\x2c\x01"),
    ),
    "close-authority": Row(
        ("close-authority",), _only("close-authority") | {"mint.close_authority": BOSS_}, set()
    ),
    "scaled-amount": Row(
        ("scaled-amount",), _only("scaled-amount") | {"mint.scale_authority": BOSS_}, set()
    ),
    "rescaled": Row(
        ("scaled-amount",),
        _only("scaled-amount") | {"mint.scale_authority": BOSS_, "mint.multiplier": 0.01,
                                  "mint.next_multiplier": 0.01},
        {"rescaled"},
        _by_boss(b"\x2b\x01" + struct.pack("<dq", 0.01, 0)),
    ),
    "rescaling": Row(
        ("scaled-amount",),
        _only("scaled-amount") | {"mint.scale_authority": BOSS_, "mint.next_multiplier": 0.01},
        {"rescaled"},
        _by_boss(b"\x2b\x01" + struct.pack("<dq", 0.01, 2**40)),
    ),
    "interest-bearing": Row(
        ("interest-bearing",),
        _only("interest-bearing") | {"mint.interest_rate": 0.05, "mint.interest_authority": BOSS_},
        set(),
    ),
    "confidential": Row(
        ("confidential-transfer",), _only("confidential-transfer") | {"mint.is_confidential": True},
        set(),
    ),
    "metadata-pointer": Row(
        ("metadata-pointer",), _only("metadata-pointer") | {"mint.pointer_authority": BOSS_}, set()
    ),
    "group": Row(("group-pointer", "member-pointer"),
                 {"mint.extensions": "group-pointer, member-pointer"}, set()),
    "several": Row(
        ("permanent-delegate", "fee-of-2", "pausable"),
        {"mint.extensions": "pausable, permanent-delegate, transfer-fee",
         "mint.permanent_delegate": BOSS_, "mint.fee_authority": BOSS_, "mint.transfer_fee": 0.02,
         "mint.next_transfer_fee": 0.02, "mint.most_transfer_fee": 2**63 / 1e6,
         "mint.pause_authority": BOSS_} | dict.fromkeys(TAXES, 0.02),
        {"permanent-delegate", "changeable-tax", "mint-pausable"},
    ),
}  # fmt: skip


def _launched(pad: Launchpad, name: str, program: Pubkey) -> Any:
    """A launch of such a mint, half of it pooled, the rest with three holders."""
    row, bank = TABLE[name], pad.bank
    freezer = BOSS if row.freezer else None
    mint = bank.mint(program, [MADE[each] for each in row.extensions], freezer=freezer)
    bank.thaws = BOSS if name == "default-frozen" else None
    for holder in HOLDERS:
        bank.give(holder, mint, SUPPLY // 6)
    launch = pad.launch("raydium-cpmm", mint)
    if name != "mintable":
        bank.act(program, b"\x06\x00\x00", (mint, "w"), (bank.payer, "s"))  # nobody mints any more
    if row.after is not None:
        row.after(bank, mint)
    return launch


def _values(found: Examination) -> dict[str, Any]:
    return {name: each.value if each.known else None for name, each in found.findings.items()}


@pytest.mark.anyio
async def test_every_extension_is_reported_and_nothing_else() -> None:
    """What differs from the plain twin is what the table says, on both programs where both can.

    All mints are of one bank: what is found of one has nothing of another's.
    """
    pad = Launchpad()
    async with opened(pad) as nodes:
        twins = {
            program: await asked(pad, _launched(pad, "plain", program), nodes)
            for program in (TOKEN_2022, TOKEN)
        }
        for name, row in TABLE.items():
            for program in (TOKEN_2022,) if row.extensions else twins:
                found = await asked(pad, _launched(pad, name, program), nodes)
                _hold(name, row, found, twins[program])


def _hold(name: str, row: Row, found: Examination, twin: Examination) -> None:
    """A finding of the mint or of trades that the row does not name is as the twin's."""
    mine, its = _values(found), _values(twin)
    own = {each for each in mine if each.startswith(("mint.", "trade."))}
    differs = {each: mine[each] for each in own if mine[each] != its[each]}
    assert differs == pytest.approx(row.found), name
    assert {trap.kind for trap in traps_in(found.findings)} - COMMON == row.traps, name
    assert {trap.kind for trap in traps_in(twin.findings)} <= COMMON


COMMON = {"deployer-holds-liquidity"}
"""The creator of these pools keeps the LP tokens, of every twin too."""


@pytest.mark.anyio
async def test_metadata_of_the_mint_itself() -> None:
    """Token-2022's own: name, symbol, uri, whoever may change it; renounced, it is immutable."""
    for authority in (BOSS, None):
        pad = Launchpad()
        mint = pad.bank.mint(extensions=[EXTENSIONS["metadata-pointer"]])
        metadata(pad.bank, mint, BOSS, ["USD Coin", "USDC", "https://a.example/x.json"])
        if authority is None:
            data = struct.pack("<8s32s", _interface("update_the_authority"), bytes(32))
            pad.bank.act(TOKEN_2022, data, (mint, "w"), (BOSS, "s"))
        async with opened(pad) as nodes:
            found = await asked(pad, pad.launch("raydium-cpmm", mint), nodes)
        assert (found.name, found.symbol, found.decimals) == ("USD Coin", "USDC", 6)
        assert found.creator == str(CREATOR)
        values = _values(found)
        assert values["token.impersonates"] == "USDC"
        assert values["metadata.kind"] == "token-2022"
        assert values["metadata.uri"] == "https://a.example/x.json"
        assert values["metadata.is_mutable"] is (authority is not None)
        assert values["metadata.authority"] == (BOSS_ if authority else False)
        assert values["metadata.has_json"] is None
        assert "off" in found.findings["metadata.has_json"].why


def _interface(name: str) -> bytes:
    return sha256(f"spl_token_metadata_interface:{name}".encode()).digest()[:8]
