"""Transactions to launches and activity: each venue, each way of telling, nothing twice."""

from __future__ import annotations

from typing import Any

import based58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.documents import transactions_in
from streams.solana.launches import CALLS, launches_in
from streams.solana.sightings import WSOL, SeenActivity, SeenLaunch, curve_of
from tests.unit.streams.solana.making import (
    ITEMS,
    LAYOUTS,
    cpi_event,
    data_of,
    instruction,
    item,
    key,
    logged,
    transaction,
)

MINT, POOL, USER, OTHER, LP = (key(n) for n in range(10, 15))


def seen(document: Any) -> tuple[list[SeenLaunch], list[SeenActivity], dict[Any, int]]:
    """Launches, activity and outcomes of the one transaction in a document."""
    (piece,) = transactions_in(document, READ_PROGRAMS)
    assert piece.transaction is not None
    reading = read(piece.transaction)
    activity = activity_in(piece.transaction, reading, {})
    return launches_in(piece.transaction, reading), activity, dict(reading.outcomes)


def _accounts(rule: Any) -> dict[str, str]:
    return {rule.pool: POOL, rule.mint0: WSOL, rule.mint1: MINT, rule.deployer: USER} | (
        {rule.creator: OTHER} if rule.creator and rule.creator != rule.deployer else {}
    )


@pytest.mark.parametrize("which", sorted(CALLS), ids="-".join)
@pytest.mark.parametrize("inner", [False, True])
def test_every_pool_maker_is_a_launch(which: tuple[str, str], *, inner: bool) -> None:
    """Pool, token, quote and maker of every instruction, called by a user or by a program."""
    rule = CALLS[which]
    made = instruction(*which, _accounts(rule))
    router = {"programId": key(5), "accounts": [], "data": ""}
    document = transaction(router, inner=[made]) if inner else transaction(made)
    (launch,), _, _ = seen(document)
    assert (launch.venue, launch.pool, launch.token) == (which[0], POOL, MINT)
    assert (launch.quote, launch.token_is_0, launch.deployer) == (WSOL, False, USER)
    assert (launch.signature, launch.slot, launch.at) == ("5sig", 7, 1_780_000_000)


@pytest.mark.parametrize("which", sorted(CALLS), ids="-".join)
def test_a_pool_maker_of_tomorrow_is_still_a_launch(which: tuple[str, str]) -> None:
    """More bytes and more accounts than today's change nothing."""
    rule = CALLS[which]
    today = instruction(*which, _accounts(rule))
    grown = instruction(*which, _accounts(rule), extra=b"\x07" * 30)
    grown["accounts"] = [*grown["accounts"], key(70), key(71)]
    assert seen(transaction(grown))[0] == seen(transaction(today))[0]


def _create(**given: Any) -> dict[str, Any]:
    accounts = {"mint": MINT, "bonding_curve": POOL, "user": USER}
    return instruction(
        "pump-fun", "create_v2", accounts, name="A", symbol="B", uri="u", creator=OTHER, **given
    )


CREATED: dict[str, Any] = {
    "name": "A",
    "symbol": "B",
    "uri": "u",
    "mint": MINT,
    "bonding_curve": POOL,
    "user": USER,
    "creator": OTHER,
    "virtual_token_reserves": 1073,
    "virtual_sol_reserves": 30,
    "virtual_quote_reserves": 30,
    "token_total_supply": 1000,
    "quote_mint": "1" * 32,
}


@pytest.mark.parametrize("way", ["log", "cpi", "both"])
def test_a_curve_told_in_every_way_is_one_launch(way: str) -> None:
    """Instruction, log and self-call of one creation are one launch with all that each knows."""
    logs = logged("pump-fun", "CreateEvent", **CREATED) if way != "cpi" else []
    inner = [cpi_event("pump-fun", "CreateEvent", **CREATED)] if way != "log" else []
    (launch,), _, outcomes = seen(transaction(_create(), inner=inner, logs=logs))
    assert (launch.pool, launch.token, launch.quote) == (POOL, MINT, WSOL)
    assert (launch.creator, launch.deployer) == (OTHER, USER)
    assert (launch.name, launch.symbol, launch.uri) == ("A", "B", "u")
    assert (launch.token_amount, launch.quote_amount, launch.virtual) == (1073, 30, True)
    assert outcomes == {("pump-fun", "decoded"): 2}


def test_a_curve_may_be_quoted_in_another_coin() -> None:
    """The quote that the event names is the quote."""
    logs = logged("pump-fun", "CreateEvent", **{**CREATED, "quote_mint": OTHER})
    (launch,), _, _ = seen(transaction(_create(), logs=logs))
    assert launch.quote == OTHER


def test_a_cut_log_loses_nothing() -> None:
    """Where the runtime cut the log, the self-calls tell the rest."""
    logs = [*logged("pump-fun", "CreateEvent", **CREATED), "Log truncated"]
    inner = [
        cpi_event("pump-fun", "CreateEvent", **CREATED),
        cpi_event("pump-fun", "TradeEvent", mint=MINT, user=USER, is_buy=True),
    ]
    launches, activity, _ = seen(transaction(_create(), inner=inner, logs=logs))
    assert len(launches) == 1
    assert [deed.kind for deed in activity] == ["buy"]


def test_a_failed_transaction_says_nothing() -> None:
    """What did not happen is not told."""
    logs = logged("pump-fun", "CreateEvent", **CREATED)
    document = transaction(_create(), logs=logs, err={"InstructionError": [0, "Custom"]})
    assert seen(document) == ([], [], {})


def test_a_log_notification_alone_is_enough_for_a_curve() -> None:
    """``logsSubscribe`` sends no instructions; the event in the log has it all."""
    value = {"signature": "5sig", "err": None, "logs": logged("pump-fun", "CreateEvent", **CREATED)}
    result = {"context": {"slot": 9}, "value": value}
    document = {"method": "logsNotification", "params": {"result": result, "subscription": 1}}
    (launch,), _, _ = seen(document)
    assert (launch.pool, launch.creator, launch.slot) == (POOL, OTHER, 9)


def test_another_programs_words_are_no_event() -> None:
    """What a stranger writes to the log, even to look like the runtime, launches nothing."""
    event = logged("pump-fun", "CreateEvent", **CREATED)[1]
    pump = LAYOUTS["pump-fun"]["program"]
    logs = [f"Program {key(5)} invoke [1]", f"Program log: Program {pump} invoke [2]", event]
    assert seen(transaction(logs=logs))[:2] == ([], [])


def test_a_migration_is_a_launch_on_pump_swap_once() -> None:
    """The new pool is told by its own event and by pump.fun's; ``migrate`` alone makes none."""
    accounts = {"mint": MINT, "bonding_curve": OTHER, "pool": POOL, "lp_mint": LP}
    migrate = instruction("pump-fun", "migrate", accounts)
    assert seen(transaction(migrate))[0] == []
    told: dict[str, Any] = {"base_mint": MINT, "quote_mint": WSOL, "pool": POOL, "lp_mint": LP}
    inner = [
        instruction("pump-swap", "create_pool", {**told, "creator": USER}, base_amount_in=5),
        cpi_event("pump-swap", "CreatePoolEvent", **told, pool_base_amount=5, pool_quote_amount=6),
        cpi_event(
            "pump-fun", "CompletePumpAmmMigrationEvent", pool=POOL, mint=MINT, quote_mint=WSOL
        ),
    ]
    launches, activity, _ = seen(transaction(migrate, inner=inner))
    (launch,) = launches
    assert (launch.venue, launch.pool, launch.token) == ("pump-swap", POOL, MINT)
    assert (launch.token_amount, launch.quote_amount) == (5, 6)
    assert [(deed.kind, deed.to_pool) for deed in activity] == [("migrate", POOL)]


def test_burnt_lp_is_told_unless_it_was_paid_out() -> None:
    """LP tokens destroyed behind a pool's creation are burnt; those of a withdrawal are spent."""
    accounts = {"pool": POOL, "lp_mint": LP, "base_mint": MINT, "quote_mint": WSOL}
    token = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
    raw = b"\x08" + (77).to_bytes(8, "little")
    burn = {"programId": token, "accounts": [key(3), LP, USER], "data": _base58(raw)}
    info = {"mint": LP, "account": key(3), "authority": USER, "amount": "77"}
    parsed = {"programId": token, "parsed": {"type": "burn", "info": info}}
    for each in (burn, parsed):
        create = instruction("pump-swap", "create_pool", accounts)
        _, (deed,), _ = seen(transaction(create, each))
        assert (deed.kind, deed.pool, deed.user, deed.lp_amount) == ("lp-burn", POOL, USER, 77)
        withdraw = instruction("pump-swap", "withdraw", accounts)
        _, deeds, _ = seen(transaction(withdraw, inner=[each]))
        assert [deed.kind for deed in deeds] == ["withdraw"]


def _base58(raw: bytes) -> str:
    return based58.b58encode(raw).decode()


def test_a_trade_tells_its_curve() -> None:
    """The pool of a trade is derived from its token, as the program does it."""
    mint = "HfJVjBdkhAD2ynVM8PdTSii4ECZdsxNTCx5wpEqUpump"
    assert curve_of(mint) == "6fogeBTRjgm9Kb9dVtqpjDf6bGvjGgdScmTu5nCVPJPn"  # mainnet, 2024-08-20
    logs = logged("pump-fun", "TradeEvent", mint=mint, user=USER, is_buy=False, token_amount=5)
    _, (deed,), _ = seen(transaction(logs=logs))
    assert (deed.kind, deed.pool, deed.user, deed.amount0) == ("sell", curve_of(mint), USER, 5)


def test_what_cannot_be_read_is_counted_by_program() -> None:
    """An unknown discriminator and cut data are two different counts; nothing is raised."""
    program = LAYOUTS["meteora-dlmm"]["program"]
    new = {"programId": program, "accounts": [], "data": _base58(b"\x01" * 12)}
    data = data_of("pump-fun", "instructions", "create")[:9]
    cut = {"programId": LAYOUTS["pump-fun"]["program"], "accounts": [], "data": _base58(data)}
    known = LAYOUTS["meteora-dlmm"]["ignored"]
    assert "swap" in known
    assert seen(transaction(new, cut))[2] == {
        ("meteora-dlmm", "unknown"): 1,
        ("pump-fun", "undecodable"): 1,
    }


@given(st.sampled_from([i for i in ITEMS if i[1] != "accounts"]), st.binary(max_size=120))
def test_arbitrary_data_behind_a_known_beginning_never_raises(which: Any, data: bytes) -> None:
    """Any bytes behind any discriminator, as call, self-call and log: counted at worst."""
    venue, kind, _ = which
    head = bytes.fromhex(item(venue, kind, which[2]["name"])["discriminator"])
    call = {
        "programId": LAYOUTS[venue]["program"],
        "accounts": [key(1)],
        "data": _base58(head + data),
    }
    inner = {**call, "data": _base58(bytes.fromhex("e445a52e51cb9a1d") + head + data)}
    seen(transaction(call, inner=[inner]))


WORDS = (
    "transaction transactions meta message accountKeys instructions logs signature result value "
    "data programIdIndex accounts innerInstructions index loadedAddresses logMessages slot parsed"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    """Whatever a node sends, nothing but transactions or reasons come out."""
    for piece in transactions_in(document, READ_PROGRAMS):
        if piece.transaction is not None:
            reading = read(piece.transaction)
            launches_in(piece.transaction, reading)
            activity_in(piece.transaction, reading, {})
