"""New pools, from the instructions that make them and the events that tell of them.

The same pool is often seen several times in one transaction: as an instruction, as its event, and
as the migration that caused it. Each sighting becomes a partial launch; those of one pool are one,
and where they differ the pool's own event is right, since instructions state limits and wishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from streams.quotes import quote_of
from streams.solana.decode import Call, Reading, Told
from streams.solana.sightings import CHAIN, NOBODY, WSOL, SeenLaunch, address
from streams.solana.transaction import Transaction

__all__ = ["launches_in"]


class _Rule(NamedTuple):
    """Where a program keeps what a launch is made of, by field or account name."""

    pool: str
    mint0: str
    mint1: str
    amount0: str = ""
    amount1: str = ""
    creator: str = ""
    deployer: str = ""
    sqrt_price: str = ""


CPMM = _Rule("pool_state", "token_0_mint", "token_1_mint", "init_amount_0", "init_amount_1")
CLMM = _Rule("pool_state", "token_mint_0", "token_mint_1")
LAUNCHLAB = _Rule("pool_state", "base_mint", "quote_mint", creator="creator", deployer="payer")
ORCA = _Rule("whirlpool", "token_mint_a", "token_mint_b")
DLMM = _Rule("lb_pair", "token_mint_x", "token_mint_y", deployer="funder")
DAMM = _Rule("pool", "token_a_mint", "token_b_mint", creator="creator", deployer="payer")
PUMP_SWAP = _Rule("pool", "base_mint", "quote_mint", creator="creator")

CALLS: Mapping[tuple[str, str], _Rule] = {
    ("raydium-v4", "initialize2"): _Rule(
        *("amm", "coin_mint", "pc_mint", "init_coin_amount", "init_pc_amount"),
        *("user_wallet", "user_wallet"),
    ),
    ("raydium-cpmm", "initialize"): CPMM._replace(creator="creator", deployer="creator"),
    ("raydium-cpmm", "initialize_with_permission"): CPMM._replace(
        creator="creator", deployer="payer"
    ),
    ("raydium-clmm", "create_pool"): CLMM._replace(creator="pool_creator", deployer="pool_creator"),
    ("raydium-launchlab", "initialize"): LAUNCHLAB,
    ("raydium-launchlab", "initialize_v2"): LAUNCHLAB,
    ("raydium-launchlab", "initialize_with_token_2022"): LAUNCHLAB,
    ("orca-whirlpool", "initialize_pool"): ORCA._replace(deployer="funder"),
    ("orca-whirlpool", "initialize_pool_v2"): ORCA._replace(deployer="funder"),
    ("orca-whirlpool", "initialize_pool_with_adaptive_fee"): ORCA._replace(deployer="funder"),
    ("meteora-dlmm", "initialize_lb_pair"): DLMM,
    ("meteora-dlmm", "initialize_lb_pair2"): DLMM,
    ("meteora-dlmm", "initialize_customizable_permissionless_lb_pair"): DLMM,
    ("meteora-dlmm", "initialize_customizable_permissionless_lb_pair2"): DLMM,
    ("meteora-dlmm", "initialize_permission_lb_pair"): DLMM._replace(deployer="payer"),
    ("meteora-damm-v2", "initialize_pool"): DAMM,
    ("meteora-damm-v2", "initialize_customizable_pool"): DAMM,
    ("meteora-damm-v2", "initialize_pool_with_dynamic_config"): DAMM,
    ("pump-swap", "create_pool"): PUMP_SWAP._replace(
        amount0="base_amount_in", amount1="quote_amount_in", deployer="creator"
    ),
}
"""Instructions that always make a pool. ``migrate`` is not among them: it may do nothing."""

EVENTS: Mapping[tuple[str, str], _Rule] = {
    ("raydium-clmm", "PoolCreatedEvent"): CLMM._replace(sqrt_price="sqrt_price_x64"),
    ("orca-whirlpool", "PoolInitialized"): ORCA._replace(sqrt_price="initial_sqrt_price"),
    ("meteora-dlmm", "LbPairCreate"): _Rule("lb_pair", "token_x", "token_y"),
    ("meteora-damm-v2", "EvtInitializePool"): DAMM._replace(
        amount0="token_a_amount", amount1="token_b_amount"
    ),
    ("pump-swap", "CreatePoolEvent"): PUMP_SWAP._replace(
        amount0="pool_base_amount", amount1="pool_quote_amount", deployer="creator"
    ),
}


def launches_in(transaction: Transaction, reading: Reading) -> list[SeenLaunch]:
    """The pools that a transaction made, each once, in the order of their making."""
    found: dict[tuple[str, str], SeenLaunch] = {}
    for launch in (*_from_events(reading.told), *_from_calls(reading.calls)):
        key = (launch.venue, launch.pool)
        known = found.get(key)
        found[key] = _joined(known, launch) if known else launch
    decimals = _decimals(transaction.meta) if found else {}
    for launch in found.values():
        _place(launch, transaction, decimals)
    return list(found.values())


def _from_events(told: Iterable[Told]) -> Iterator[SeenLaunch]:
    late: list[SeenLaunch] = []
    for event in told:
        venue = event.program.venue
        if rule := EVENTS.get((venue, event.name)):
            yield from _by_rule(venue, rule, event.fields)
        elif (venue, event.name) == ("pump-fun", "CreateEvent"):
            yield _curve_told(event.fields)
        elif event.name == "CompletePumpAmmMigrationEvent":
            late.append(_migrated(event.fields))
    yield from late


def _from_calls(calls: Iterable[Call]) -> Iterator[SeenLaunch]:
    for call in calls:
        venue = call.program.venue
        if rule := CALLS.get((venue, call.name)):
            yield from _by_rule(venue, rule, {**call.fields, **call.accounts})
        elif venue == "pump-fun" and call.name in ("create", "create_v2"):
            yield from _curve_made(call)


def _by_rule(venue: str, rule: _Rule, found: Mapping[str, Any]) -> Iterator[SeenLaunch]:
    """A launch, unless its pool or assets were not sent."""
    pool, mint0, mint1 = (_key(found, name) for name in (rule.pool, rule.mint0, rule.mint1))
    if pool is UNSET or mint0 is UNSET or mint1 is UNSET:
        return
    token_is_0 = _token_is_0(mint0, mint1)
    amounts = [found.get(name, UNSET) for name in (rule.amount0, rule.amount1)]
    token, quote = (mint0, mint1) if token_is_0 else (mint1, mint0)
    params = found.get("base_mint_param") or {}
    decimals = "base_mint_decimals" if token_is_0 else "quote_mint_decimals"  # PumpSwap's
    yield SeenLaunch(
        venue=venue,
        pool=pool,
        token=token,
        quote=quote,
        token_is_0=token_is_0,
        token_amount=amounts[not token_is_0],
        quote_amount=amounts[token_is_0],
        creator=_key(found, rule.creator),
        deployer=_key(found, rule.deployer),
        lp_mint=_key(found, "lp_mint"),
        open_time=found.get("open_time", UNSET),
        name=params.get("name", UNSET),
        symbol=params.get("symbol", UNSET),
        uri=params.get("uri", UNSET),
        token_decimals=params.get("decimals", found.get(decimals, UNSET)),
        total_supply=_curve_supply(found),
        sqrt_price=found.get(rule.sqrt_price, UNSET),
    )


def _token_is_0(mint0: str, mint1: str) -> bool:
    """The side that is not a known quote; the first where neither is."""
    return quote_of(CHAIN, mint0, mint1) != mint0


def _curve_supply(found: Mapping[str, Any]) -> Any:
    """LaunchLab states the supply in whichever kind of curve was chosen."""
    curve = found.get("curve_param")
    if not isinstance(curve, Mapping):
        return UNSET
    return next(iter(curve.values()))["data"]["supply"]


def _curve_told(fields: Mapping[str, Any]) -> SeenLaunch:
    """pump.fun's ``CreateEvent``; older versions end behind ``user``."""
    user = address(fields["user"])
    quoted = fields.get("virtual_quote_reserves") or fields.get("virtual_sol_reserves", UNSET)
    return SeenLaunch(
        venue="pump-fun",
        pool=address(fields["bonding_curve"]),
        token=address(fields["mint"]),
        quote=_quote(fields.get("quote_mint")),
        token_is_0=True,
        token_amount=fields.get("virtual_token_reserves", UNSET),
        quote_amount=quoted,
        virtual=True,
        creator=address(fields.get("creator", user)),
        deployer=user,
        name=fields["name"],
        symbol=fields["symbol"],
        uri=fields["uri"],
        total_supply=fields.get("token_total_supply", UNSET),
        token_decimals=6,
    )


def _curve_made(call: Call) -> Iterator[SeenLaunch]:
    """``create`` and ``create_v2`` themselves: all but the reserves, and a later quote."""
    pool, mint = _key(call.accounts, "bonding_curve"), _key(call.accounts, "mint")
    if pool is UNSET or mint is UNSET:
        return
    user = _key(call.accounts, "user")
    yield SeenLaunch(
        venue="pump-fun",
        pool=pool,
        token=mint,
        quote=WSOL if call.name == "create" else UNSET,
        token_is_0=True,
        virtual=True,
        creator=_key(call.fields, "creator") or user,
        deployer=user,
        name=call.fields["name"],
        symbol=call.fields["symbol"],
        uri=call.fields["uri"],
        token_decimals=6,
    )


def _migrated(fields: Mapping[str, Any]) -> SeenLaunch:
    """A curve's liquidity moved to PumpSwap: told by pump.fun too, only when it happened."""
    return SeenLaunch(
        venue="pump-swap",
        pool=address(fields["pool"]),
        token=address(fields["mint"]),
        quote=_quote(fields.get("quote_mint")),
        token_is_0=True,
        token_amount=fields["mint_amount"],
        quote_amount=fields["sol_amount"],
    )


def _quote(raw: bytes | None) -> str:
    """pump.fun writes no mint for SOL."""
    mint = address(raw) if raw else NOBODY
    return WSOL if mint == NOBODY else mint


def _key(found: Mapping[str, Any], name: str) -> Any:
    """An address; unset when the program writes none or it was not sent."""
    raw = found.get(name)
    if not raw or not isinstance(raw, str | bytes):
        return UNSET
    key = address(raw)
    return UNSET if key == NOBODY else key


def _joined(first: SeenLaunch, second: SeenLaunch) -> SeenLaunch:
    """The first, with what only the second knows; amounts stay on the sides they were said of."""
    missing = {
        name: value
        for name in first.__struct_fields__
        if getattr(first, name) is UNSET and (value := getattr(second, name)) is not UNSET
    }
    return msgspec.structs.replace(first, **missing)


def _decimals(meta: Mapping[str, Any]) -> dict[str, int]:
    """Each mint's decimals, from the token balances behind the transaction."""
    out: dict[str, int] = {}
    balances: Sequence[Any] = meta.get("postTokenBalances") or ()
    for each in balances if isinstance(balances, list) else ():
        amount = each.get("uiTokenAmount") if isinstance(each, dict) else None
        digits = amount.get("decimals") if isinstance(amount, dict) else None
        if isinstance(digits, int) and isinstance(mint := each.get("mint"), str):
            out[mint] = digits
    return out


def _place(launch: SeenLaunch, transaction: Transaction, decimals: Mapping[str, int]) -> None:
    launch.signature = transaction.signature or UNSET
    launch.slot = UNSET if transaction.slot is None else transaction.slot
    launch.at = UNSET if transaction.time is None else transaction.time
    if launch.deployer is UNSET and transaction.payer:
        launch.deployer = transaction.payer
    if launch.creator is UNSET:
        launch.creator = launch.deployer
    launch.token_decimals = decimals.get(launch.token, launch.token_decimals)
    if launch.quote is not UNSET:
        launch.quote_decimals = decimals.get(launch.quote, launch.quote_decimals)
