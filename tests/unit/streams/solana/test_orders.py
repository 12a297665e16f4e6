"""Orders hold the accounts that recorded trades of the same wallets on the same pools hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.errors import Invalid
from streams.examine.solana.orders import GLOBALS, Desk, Order, desk_for
from streams.examine.solana.pools import Pool
from streams.solana.decode import READ_PROGRAMS, Call, read
from streams.solana.documents import documents, transactions_in
from streams.solana.programs import program_of
from streams.solana.sightings import WSOL
from streams.solana.spl.addresses import pubkey
from tests.unit.streams.solana.making import data_of, key


def _settings(venue: str) -> dict[str, Any]:
    """Of the program as a whole: fee recipients that only we know."""
    name = {"pump-fun": "Global", "pump-swap": "GlobalConfig"}[venue]
    return program_of(venue).account(data_of(venue, "accounts", name))[1]


def _buy(path: Path, venue: str) -> tuple[Call, list[str], dict[str, Any]]:
    """The first purchase in a recording: its accounts, and the event that it told."""
    for document in documents(path.read_bytes()):
        for piece in transactions_in(document, READ_PROGRAMS):
            assert piece.transaction is not None
            reading = read(piece.transaction)
            for call in reading.calls:
                if call.program.venue == venue and call.name == "buy":
                    (accounts,) = (
                        list(each.accounts)
                        for each in piece.transaction.instructions
                        if each.program == call.program.id
                        and each.data[:8] == bytes.fromhex("66063d1201daebea")
                    )
                    told = {k: v for event in reading.told for k, v in event.fields.items()}
                    return call, accounts, told
    raise AssertionError


def _differs(desk: Desk, order: Order, recorded: list[str]) -> set[int]:
    ours = [str(meta.pubkey) for meta in desk.buy(order).accounts]
    return {n for n, (one, other) in enumerate(zip(ours, recorded, strict=False)) if one != other}


@pytest.mark.data
def test_a_purchase_on_a_curve(data_dir: Path) -> None:
    """All 18 accounts of a recorded purchase but the two that get fees, which differ each time."""
    folder = data_dir / "fixtures" / "solana" / "chainstack-pumpfun-bonkfun-bot"
    call, recorded, told = _buy(folder / "7ea1860a_raw_create_tx_from_blocksubscribe.json",
                                "pump-fun")  # fmt: skip
    accounts = call.accounts
    pool = Pool(
        address=accounts["bonding_curve"], venue="pump-fun", mint0=accounts["mint"], mint1=WSOL,
        fields={"creator": told["creator"], "complete": False},
    )  # fmt: skip
    order = Order(
        accounts["user"], 10**7, pool, accounts["mint"], accounts["token_program"],
        (10**15, 30 * 10**9), _settings("pump-fun"),
    )  # fmt: skip
    desk = desk_for(pool, accounts["mint"])
    assert len(recorded) == len(desk.buy(order).accounts) == 18
    assert _differs(desk, order, recorded) == {1, 17}


@pytest.mark.data
def test_a_purchase_on_pump_swap(data_dir: Path) -> None:
    """All 23 accounts of a recorded purchase but the fee's recipient and its account."""
    path = data_dir / "fixtures" / "solana" / "agavesim" / "tx3.json"
    call, recorded, told = _buy(path, "pump-swap")
    named = call.accounts
    pool = Pool(
        address=named["pool"], venue="pump-swap", mint0=named["base_mint"], mint1=WSOL,
        vault0=named["pool_base_token_account"], vault1=named["pool_quote_token_account"],
        fields={"coin_creator": told["coin_creator"]},
    )  # fmt: skip
    order = Order(
        named["user"], 10**7, pool, named["base_mint"], named["base_token_program"],
        (10**15, 30 * 10**9), _settings("pump-swap"),
    )  # fmt: skip
    # The recorded wallet trades from an account of its own choice: ours is its associated one.
    assert _differs(desk_for(pool, named["base_mint"]), order, recorded) <= {5, 6, 9, 10}


def test_a_purchase_asks_for_less_than_a_constant_product_gives() -> None:
    """Nine tenths of it, at least one unit; the most that is paid is what is spent."""
    fields = {"creator": bytes(pubkey(key(1))), "complete": False}
    pool = Pool(address=key(2), venue="pump-fun", mint0=key(3), mint1=WSOL, fields=fields)
    for reserves, wanted in (((1_000, 90), 90), ((0, 90), 1), ((10**18, 0), 9 * 10**17)):
        order = Order(key(4), 10, pool, key(3), key(5), reserves, _settings("pump-fun"))
        data = bytes(desk_for(pool, key(3)).buy(order).data)
        assert int.from_bytes(data[8:16], "little") == wanted
        assert int.from_bytes(data[16:24], "little") == 10


@pytest.mark.parametrize(
    ("venue", "quote", "complete"),
    [("orca-whirlpool", WSOL, False), ("pump-fun", WSOL, True), ("raydium-cpmm", key(9), False)],
)
def test_what_cannot_be_traded_is_said(venue: str, quote: str, complete: bool) -> None:
    """Another venue, a curve that is sold out, a quote that is not SOL."""
    pool = Pool(
        address=key(2), venue=venue, mint0=key(3), mint1=quote, fields={"complete": complete}
    )
    with pytest.raises(Invalid):
        desk_for(pool, key(3))


def test_the_accounts_of_settings_are_where_the_programs_have_them() -> None:
    """Known addresses of mainnet."""
    assert GLOBALS == {
        "pump-fun": "4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf",
        "pump-swap": "ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw",
    }
