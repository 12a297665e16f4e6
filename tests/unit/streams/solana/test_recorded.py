"""Recorded mainnet transactions: what happened in them, found exactly.

They are read from the folder of recorded data beside the checkout; expected values are what the
chain's explorers show of these signatures.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import based58
import pytest

from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.documents import documents, transactions_in
from streams.solana.launches import CALLS, launches_in
from streams.solana.programs import program_of
from streams.solana.sightings import WSOL, SeenActivity, SeenLaunch

pytestmark = pytest.mark.data
PUMP = "chainstack-pumpfun-bonkfun-bot"


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    """The recorded transactions of Solana."""
    found = data_dir / "fixtures" / "solana"
    if not found.is_dir():
        pytest.skip(f"no recorded Solana transactions in {found}")
    return found


def _seen(document: Any) -> list[tuple[list[SeenLaunch], list[SeenActivity]]]:
    out = []
    for piece in transactions_in(document, READ_PROGRAMS):
        assert piece.transaction is not None
        reading = read(piece.transaction)
        launches = launches_in(piece.transaction, reading)
        out.append((launches, activity_in(piece.transaction, reading, {})))
    return out


def _of(path: Path) -> list[tuple[list[SeenLaunch], list[SeenActivity]]]:
    return [each for document in documents(path.read_bytes()) for each in _seen(document)]


def test_raydium_launches(folder: Path) -> None:
    """7 of 12 notifications make a pool; coin and pc are told apart by what is money."""
    found = _of(folder / "crypto-emulator-service" / "transactionNotification.jsonl")
    launches = [launch for each, _ in found for launch in each]
    assert [bool(each) for each, _ in found] == [True] * 2 + [False] * 5 + [True] * 5
    assert {launch.quote for launch in launches} == {WSOL}
    first = launches[0]
    assert first.pool == "Hb5nPV8QeyAcom4tMPEZKbpKVEXBQeQgnU7pPQbb1FyG"
    assert first.token == "B4qKiQd97nBgME2c6GwRwYWRCCuw7WzqmxzCHaQMpump"
    assert first.creator == "9m5gT3nYWeCLCJ7sHBmCP46KuMJptmYQsdxsZj7NgBZc"
    assert (first.token_amount, first.quote_amount) == (100_000_000_000_000, 19_010_000_000)
    assert (first.token_decimals, first.quote_decimals, first.slot) == (6, 9, 308_469_958)
    migrated = launches[1]
    assert not migrated.token_is_0
    assert (migrated.token_amount, migrated.quote_amount) == (206_900_000_000_000, 79_005_359_099)


def test_raydium_reserves_are_the_vaults(folder: Path) -> None:
    """The reserves behind a swap equal the vaults' balances behind the transaction."""
    path = folder / "crypto-emulator-service" / "transactionNotification.jsonl"
    document = json.loads(path.read_text().splitlines()[2])
    balances = document["params"]["result"]["transaction"]["meta"]["postTokenBalances"]
    amounts = {each["uiTokenAmount"]["amount"] for each in balances}
    ((_, (swap,)),) = _seen(document)
    assert {str(swap.reserve0), str(swap.reserve1)} <= amounts


def test_pump_swap_reserves_are_the_vaults(folder: Path) -> None:
    """As above for PumpSwap, whose liquidity providers' fee stays in the pool."""
    document = json.loads((folder / "agavesim" / "tx2.json").read_text())
    balances = document["result"]["meta"]["postTokenBalances"]
    amounts = {each["uiTokenAmount"]["amount"] for each in balances}
    ((_, (buy,)),) = _seen(document)
    assert {str(buy.reserve0), str(buy.reserve1)} <= amounts


def test_a_curve_of_2026(folder: Path) -> None:
    """A ``create_v2`` from ``blockSubscribe`` in base64, with its first buy."""
    ((launch,), (buy,)) = _of(folder / PUMP / "7ea1860a_raw_create_tx_from_blocksubscribe.json")[0]
    assert launch.pool == buy.pool == "9hgcsTpZP48Ttku3uhg5gZ388YFCfErayJ5rHSru9PF7"
    assert launch.token == "7YD6ZHb39jGb33ki2iFd7kHK11yMkSFCc9kvjJscpump"
    assert launch.creator == launch.deployer == "5zsxd4pGNCQpwyKiBWZ95nCTPsEPoS62xEGnjpW6FRy7"
    assert (launch.name, launch.symbol, launch.quote) == ("NYXORA", "NYXORA", WSOL)
    assert (launch.token_amount, launch.quote_amount) == (1_073_000_000_000_000, 30_000_000_000)
    assert (buy.kind, buy.amount0, buy.amount1) == ("buy", 3_520_371_073_923, 98_750_018)


def test_a_curve_of_2024(folder: Path) -> None:
    """A ``create`` of three arguments, recorded as a message alone with notes behind it."""
    found = _of(folder / PUMP / "24781f3b_decoded_create_tx_from_getTransaction.json")
    ((launch,), _) = found[0]
    assert launch.pool == "FFzxakVNzpirwMFtLyD22UZ6UM3KLF2EAGC2RxNPaYoH"
    assert launch.quote == WSOL


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("134efeb9_raw_buy_tx_from_getTransaction.json", ["buy", "sell"]),
        ("1c7db6d8_raw_buy_tx_from_gettransaction.json", ["buy"]),
        ("233abc29_raw_create_tx_from_blockSubscribe.json", ["buy"]),
    ],
)
def test_trades_on_curves(folder: Path, name: str, kinds: list[str]) -> None:
    """Trades of 2024 to 2026, called directly, through routers and by Mayhem; no launch in them."""
    ((launches, deeds),) = _of(folder / PUMP / name)
    assert (launches, [deed.kind for deed in deeds]) == ([], kinds)


def test_what_happened_elsewhere_is_nothing(folder: Path) -> None:
    """A swap on a pool of concentrated liquidity and plain transfers launch nothing."""
    for name in ("tx1.json", "tx3.json", "tx4.json"):
        assert all(not launches for launches, _ in _of(folder / "agavesim" / name))


def test_curves_as_accounts(folder: Path) -> None:
    """Bonding curves of two years, short and long, field by field."""
    curves = []
    for path in sorted((folder / PUMP).glob("*ondin*urve*getaccount*")) or sorted(
        (folder / PUMP).glob("*Account*")
    ):
        data = json.loads(path.read_text())["result"]["value"]["data"][0]
        curves.append(program_of("pump-fun").account(base64.b64decode(data))[1])
    assert curves
    for curve in curves:
        assert curve["token_total_supply"] == 1_000_000_000_000_000
        assert curve["virtual_token_reserves"] > curve["real_token_reserves"]


DLMM = "meteora-dlmm"
VECTORS = {
    ("orca-whirlpool", "initialize_pool"): "orca-whirlpool-decoder__initialize_pool_ix",
    ("raydium-clmm", "create_pool"): "raydium-clmm-decoder__create_pool_ix",
} | {
    (DLMM, name): f"meteora-dlmm-decoder__{name}_ix"
    for name in (
        "initialize_lb_pair2",
        "initialize_customizable_permissionless_lb_pair",
        "initialize_customizable_permissionless_lb_pair2",
        "initialize_permission_lb_pair",
    )
}


@pytest.mark.parametrize("which", VECTORS, ids="-".join)
def test_pool_makers_recorded_by_others(folder: Path, which: tuple[str, str]) -> None:
    """Instructions that another project recorded and labelled: accounts and bytes as they say."""
    vector = json.loads((folder / "carbon" / f"{VECTORS[which]}.json").read_text())
    program = program_of(which[0])
    data = _bytes(vector["data"])
    shape = program.instructions[data[:8]]
    assert shape.name == which[1]
    shape.layout.read(data, 8)
    theirs = [_plain(each.get("label") or "") for each in vector["accounts"]]
    rule = CALLS[which]
    for name in (rule.pool, rule.mint0, rule.mint1):
        assert theirs[shape.accounts.index(name)] == _plain(name)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _bytes(text: Any) -> bytes:
    if isinstance(text, list):
        return bytes(text)
    try:
        return bytes.fromhex(text)
    except ValueError:
        return based58.b58decode(text.encode())


def test_byte_vectors(folder: Path) -> None:
    """Events and instructions that another project recorded are of our layouts where it says so."""
    read_ = 0
    for line in (folder / "pinax-idls" / "vectors.jsonl").read_text().splitlines():
        vector = json.loads(line)
        if "/pumpfun" not in vector["file"]:
            continue
        data = bytes.fromhex(vector["data"])
        venue = "pump-swap" if "pumpfun_amm" in vector["file"] else "pump-fun"
        program = program_of(venue)
        body = data[8:] if data.startswith(bytes.fromhex("e445a52e51cb9a1d")) else data
        shape = {**program.events, **program.instructions}.get(body[:8])
        assert shape is not None, vector["test"]
        assert shape.layout.read(body, 8), vector["test"]
        read_ += 1
    assert read_ >= 10
