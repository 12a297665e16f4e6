"""Both checks on purpose-made tokens: each family of traps and its honest twin, on a real pair."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from eth_abi import encode  # type: ignore[attr-defined]

from streams.checks.trade import trade_findings
from streams.events import Launch
from streams.evm.http import Http
from streams.finding import Finding
from tests.chain.devnet import Devnet, devnet, selector
from tests.chain.showroom import EXPECTED, Showroom, compared, examine, expected

DUSTY = "0x" + "d5" * 20
Found = dict[str, dict[str, Finding]]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """Every token of the table, launched and examined."""
    with devnet("--gas-limit", "1000000000") as net:
        room = Showroom.of(net, list(EXPECTED))
        yield anyio.run(examine, net, room)


@pytest.fixture(scope="module")
def dusty() -> Iterator[dict[str, Finding]]:
    """A plain token of which one wallet has nearly nothing."""
    with devnet("--gas-limit", "1000000000") as net:
        (launch,) = Showroom.of(net, ["Plain"]).launches.values()
        paid = selector("transfer(address,uint256)") + encode(["address", "uint256"], [DUSTY, 1])
        net.send(str(launch.token), paid)
        net.mine()
        yield anyio.run(_traded, net, launch)


async def _traded(net: Devnet, launch: Launch) -> dict[str, Finding]:
    rpc = Http(net.http)
    try:
        return await trade_findings(rpc, launch, launch.block + 1, holders=[DUSTY])
    finally:
        await rpc.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EXPECTED)
def test_every_check_says_what_the_token_does(found: Found, name: str) -> None:
    """All answers about one token are the expected ones: none is silently "no", none made up."""
    told, wanted = compared(found[name]), expected(name)
    assert {key: _rough(value) for key, value in told.items()} == {
        key: _rough(value) for key, value in wanted.items()
    }


def test_whatever_is_unknown_says_why(found: Found) -> None:
    """A finding has a value or a reason, never both and never neither."""
    for findings in found.values():
        for name, finding in findings.items():
            assert finding.known != bool(finding.why), name


def test_a_proxy_names_its_implementation(found: Found) -> None:
    """The implementation is told for each form of proxy, and its code is what was read."""
    for name in ("Upgradeable", "Beaconed", "Cloned"):
        address = found[name]["contract.implementation"].value
        assert isinstance(address, str)
        assert len(address) == 42
    hashes = {found[name]["contract.code_hash"].value for name in ("Upgradeable", "Beaconed")}
    assert len(hashes) == 1


def test_limits_are_met_closely(found: Found) -> None:
    """The largest purchase that passed is within 10 % of the token's own limit."""
    for name, limit in {"MaxTx": 10_000, "MaxWallet": 20_000}.items():
        most = found[name]["trade.max_buy"].value
        assert isinstance(most, float)
        assert 0.9 * limit <= most <= limit
    most = found["SellLimit"]["trade.max_sell"].value
    assert isinstance(most, float)
    assert 80 <= most <= 100


def test_dust_that_no_pool_pays_for_is_no_trap(dusty: dict[str, Finding]) -> None:
    """Anybody may send a base unit to a hundred wallets: that they cannot sell it says nothing."""
    assert dusty["trade.outcome"].value == "ok"
    assert dusty["trade.holders_tested"].value == 0
    assert not dusty["trade.holders_failed"].known
    assert dusty["trade.is_honeypot"].value is False


def _rough(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value
