"""Logs to events: known ones of mainnet, each kind by its layout, and anything at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from streams.errors import Invalid
from streams.events import (
    Collected,
    Launch,
    LiquidityChange,
    LpTransfer,
    Ownership,
    Pause,
    Role,
    Swap,
    Sync,
    TaxChange,
    TokenTransfer,
    Upgrade,
)
from streams.evm.decode import TOPICS, decode_log
from streams.evm.logs import Log, place_of, topic_of
from streams.evm.venues import CHAINS, factories_of

AT = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = ("0x" + digit * 40 for digit in "abc")
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
MANAGER = "0x000000000004444c5dc75cb358380d2e3de08a90"
ID = "0x" + "7" * 64
MINUS = 2**256


def word(value: int | str) -> str:
    """32 bytes as hex."""
    number = int(value, 16) if isinstance(value, str) else value % MINUS
    return f"{number:064x}"


def log(signature: str, topics: list[Any], data: list[Any], address: str = A) -> Log:
    """A log as a node sends it."""
    return Log(
        address=address,
        topics=[topic_of(signature), *("0x" + word(each) for each in topics)],
        data="0x" + "".join(word(each) for each in data),
        block_number="0x10",
        log_index="0x2",
        transaction_hash="0x" + "1" * 64,
    )


def event_of(log: Log, chain: str = "ethereum", pairs: tuple[str, ...] = ()) -> Any:
    """What it decodes to."""
    return decode_log(log, place_of(chain, log, AT), factories_of(chain), pairs)


def test_the_first_pair_of_uniswap_v2() -> None:
    """Block 10000835, log 29: USDC and WETH, as the factory announced them."""
    found = event_of(
        Log(
            address="0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f",
            topics=[
                "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9",
                "0x000000000000000000000000a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
                "0x000000000000000000000000c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            ],
            data="0x000000000000000000000000b4e16d0168e52d35cacd2c6185b44281ec28c9dc"
            "0000000000000000000000000000000000000000000000000000000000000001",
            block_number="0x9899c3",
            log_index="0x1d",
        )
    )
    assert isinstance(found, Launch)
    assert found.pool == "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"
    assert (found.venue, found.quote_symbol, found.token_is_0) == ("uniswap-v2", "WETH", True)
    assert (found.block, found.log_index) == (10000835, 29)


LAUNCHES = [
    ("ethereum", "uniswap-v3", "PoolCreated(address,address,uint24,int24,address)",
     "0x1f98431c8ad98523631ae4a59f267346ea31f984", [A, WETH, 3000], [60, B],
     {"pool": B, "fee": 3000, "tick_spacing": 60, "token": A, "quote": WETH}),
    ("bnb", "pancakeswap-v3", "PoolCreated(address,address,uint24,int24,address)",
     "0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865", [A, B, 100], [1, C],
     {"pool": C, "token": UNSET, "quote": UNSET, "token0": A, "token1": B}),
    ("base", "aerodrome", "PoolCreated(address,address,bool,address,uint256)",
     "0x420dd381b31aef6683db6b902084cb0ffece40da", [A, B, 1], [C, 9],
     {"pool": C, "stable": True, "lp_visible": True}),
    ("base", "slipstream", "PoolCreated(address,address,int24,address)",
     "0x5e7bb104d84c7cb9b682aac2f3d509f5f406809a", [A, B, 200], [C],
     {"pool": C, "tick_spacing": 200, "lp_visible": False}),
    ("ethereum", "uniswap-v4",
     "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)",
     MANAGER, [ID, 0, A], [1 << 23, -200, "0x" + "0" * 36 + "00c8", 2**96, -5],
     {"pool": ID, "quote_symbol": "ETH", "token": A, "token_is_0": False, "tick_spacing": -200,
      "sqrt_price": 2**96, "hook_permissions":
          ["before-swap-returns-delta", "after-swap", "before-swap"]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("chain", "venue", "signature", "factory", "topics", "data", "expected"), LAUNCHES
)
def test_a_launch_of_each_kind_of_venue(
    chain: str, venue: str, signature: str, factory: str, topics: Any, data: Any, expected: Any
) -> None:
    """Each kind of factory's log says which pool, which sides, and what only it says."""
    found = event_of(log(signature, topics, data, factory), chain)
    assert isinstance(found, Launch)
    assert found.venue == venue
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_launch_of_a_stranger_is_none() -> None:
    """Anybody can emit ``PairCreated``: only the factories of that chain launch."""
    made = log("PairCreated(address,address,address,uint256)", [A, WETH], [B, 1])
    assert event_of(made) is None
    sushi = log("PairCreated(address,address,address,uint256)", [A, B], [C, 1],
                "0xc35dadb65012ec5796536bd9864ed8773abc74c4")  # fmt: skip
    assert event_of(sushi, "bnb").venue == "sushiswap-v2"
    assert event_of(sushi, "base") is None  # there it is SushiSwap's V3 factory


def test_trades_say_what_went_in_and_out() -> None:
    """V2 says it itself; V3 from the pool's side, V4 from the trader's."""
    v2 = event_of(
        log("Swap(address,uint256,uint256,uint256,uint256,address)", [A, B], [1, 0, 0, 2])
    )
    v3 = event_of(log("Swap(address,address,int256,int256,uint160,uint128,int24)",
                      [A, B], [1, -2, 2**96, 7, -1]))  # fmt: skip
    v4 = event_of(log("Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)",
                      [ID, B], [-1, 2, 2**96, 7, -1, 3000], MANAGER))  # fmt: skip
    cake = event_of(log(
        "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)",
        [A, B], [1, -2, 2**96, 7, -1, 0, 0]))  # fmt: skip
    for found in (v2, v3, v4, cake):
        assert isinstance(found, Swap)
        assert found.amount0_in == 1
        assert found.amount1_out == 2
        assert (found.amount1_in, found.amount0_out, found.to) == (0, 0, B)
    assert v4.pool == ID
    assert (v3.sqrt_price, v3.liquidity, v3.tick) == (2**96, 7, -1)


ACTS = [
    ("Sync(uint112,uint112)", [], [5, 6], Sync, {"reserve0": 5, "reserve1": 6}),
    ("Sync(uint256,uint256)", [], [5, 6], Sync, {"reserve0": 5, "reserve1": 6}),
    ("Mint(address,uint256,uint256)", [B], [5, 6], LiquidityChange, {"added": True, "amount1": 6}),
    ("Burn(address,uint256,uint256,address)", [B, C], [5, 6], LiquidityChange,
     {"added": False, "amount0": 5, "owner": B}),
    ("Mint(address,address,int24,int24,uint128,uint256,uint256)", [B, -60, 60], [C, 9, 5, 6],
     LiquidityChange, {"lower": -60, "upper": 60, "liquidity": 9, "amount0": 5, "amount1": 6}),
    ("Burn(address,int24,int24,uint128,uint256,uint256)", [B, -60, 60], [9, 5, 6],
     LiquidityChange, {"added": False, "liquidity": 9, "amount0": 5, "amount1": 6}),
    ("Collect(address,address,int24,int24,uint128,uint128)", [B, -60, 60], [C, 5, 6],
     Collected, {"owner": B, "to": C, "amount0": 5, "amount1": 6}),
    ("Transfer(address,address,uint256)", [B, C], [7], TokenTransfer, {"token": A, "value": 7}),
    ("OwnershipTransferred(address,address)", [B, 0], [], Ownership, {"owner": "0x" + "0" * 40}),
    ("Paused(address)", [], [B], Pause, {"paused": True, "by": B}),
    ("Unpaused(address)", [], [B], Pause, {"paused": False}),
    ("Upgraded(address)", [B], [], Upgrade, {"what": "implementation", "to": B}),
    ("AdminChanged(address,address)", [], [B, C], Upgrade, {"what": "admin", "to": C}),
    ("RoleGranted(bytes32,address,address)", [ID, B, C], [], Role, {"granted": True, "role": ID}),
    ("RoleRevoked(bytes32,address,address)", [ID, B, C], [], Role, {"granted": False}),
    ("BuyTaxUpdated(uint256)", [], [99], TaxChange, {"values": [99]}),
]  # fmt: skip


@pytest.mark.parametrize(("signature", "topics", "data", "type_", "expected"), ACTS)
def test_what_happens_on_pools_and_tokens(
    signature: str, topics: Any, data: Any, type_: type, expected: Any
) -> None:
    """Each event is read by its layout, from whoever emits it."""
    found = event_of(log(signature, topics, data))
    assert isinstance(found, type_)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_removal_on_v4_is_a_negative_delta() -> None:
    """``ModifyLiquidity`` names liquidity and range alone, and only the manager's counts."""
    signature = "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)"
    found = event_of(log(signature, [ID, B], [-60, 60, -9, 0], MANAGER))
    assert (found.added, found.liquidity, found.amount0) == (False, 9, UNSET)
    assert event_of(log(signature, [ID, B], [-60, 60, -9, 0])) is None


def test_a_pair_is_its_own_lp_token() -> None:
    """A transfer that a followed pair logs is one of its LP token."""
    moved = log("Transfer(address,address,uint256)", [B, C], [7])
    assert isinstance(event_of(moved, pairs=(A,)), LpTransfer)


def test_an_nft_is_no_token() -> None:
    """An ERC-721 transfer has the same first topic and its id for a fourth."""
    assert event_of(log("Transfer(address,address,uint256)", [B, C, 7], [])) is None


SPOILT = [
    {"data": "0x"}, {"data": "0xzz"}, {"data": "0x" + " " * 64 + "0" * 64}, {"topics": ["only"]},
    {"address": "0x12"}, {"address": "nobody"}, {"block_number": "0xzz"}, {"log_index": None},
    {"block_number": -1}, {"transaction_hash": "0x1"}, {"data": "0x" + "00" * 5000},
]  # fmt: skip


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_is_spoilt_is_invalid(spoilt: dict[str, Any]) -> None:
    """Missing and wrong parts are said, and never become an event."""
    made = log("Swap(address,uint256,uint256,uint256,uint256,address)", [A, B], [1, 0, 0, 2])
    for name, value in spoilt.items():
        kept = [made.topics[0]] if name == "topics" else value
        setattr(made, name, kept)
    with pytest.raises(Invalid):
        event_of(made)


hexes = st.binary(max_size=320).map(lambda data: "0x" + data.hex())
words = st.integers(0, 2**256 - 1).map(lambda value: f"0x{value:064x}")
anything = hexes | words | st.text(max_size=80)
logs = st.builds(
    Log,
    address=st.sampled_from([A, MANAGER, *factories_of("ethereum")]) | anything,
    topics=st.tuples(st.sampled_from(sorted(TOPICS)), st.lists(anything, max_size=4)).map(
        lambda parts: [parts[0], *parts[1]]
    )
    | st.lists(anything, max_size=5),
    data=anything,
    block_number=st.integers() | anything | st.none(),
    log_index=st.integers() | anything | st.none(),
    transaction_hash=anything | st.none(),
)


@given(logs, st.sampled_from(sorted(CHAINS)))
def test_anything_is_an_event_or_invalid(log: Log, chain: str) -> None:
    """No log, whatever stands in it, raises anything but ``Invalid``."""
    try:
        event = event_of(log, chain)
    except Invalid:
        return
    assert event is None or event.chain == chain
