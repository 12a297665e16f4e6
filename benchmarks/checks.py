"""The checks of contracts and trades: how long they take, and what they find of known rugs.

Times are those of both checks on our own tokens on anvil, one after the other. CRPWarner's 70
confirmed rugs (Lin et al., IEEE TSE 2024, arXiv 2403.01425) are judged by their runtime code alone,
as it was published: it is placed on anvil with an owner, a supply and a filled pair, everything
else of its state being zero. The paper's own figures are over all three kinds together: precision
.918, recall .859.

Then the contracts that their program had found in a large set and that they judged by hand, of each
kind apart (``mint.xlsx``, ``leak.xlsx``, ``limit.xlsx``): whoever is asked only about those has a
recall of what CRPWarner found, not of all there is.

    HEFT_DATA_DIR=../shared python -m benchmarks.checks
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import openpyxl
import pyarrow.parquet as pq
from eth_abi import encode  # type: ignore[attr-defined]
from eth_hash.auto import keccak

from benchmarks.machine import describe
from streams.checks.acts import selector_of
from streams.checks.bytecode import Code, code_from
from streams.checks.contract import contract_findings
from streams.checks.trade import trade_findings
from streams.events import Launch
from streams.evm.http import Http
from streams.evm.rpc import Call
from streams.finding import Finding
from tests.chain.devnet import Devnet, devnet, selector
from tests.chain.showroom import HOLDERS, Showroom

Truth = tuple[bool, bool, bool]
Found = Mapping[str, Finding]

TIMED = ("Plain", "FeeSetter", "Blacklister", "Honeypot", "MaxTxSetter", "Upgradeable")
ROUNDS = 20
OWNER = "0x" + "0a" * 20
SUPPLY, POOLED, QUOTE = 10**24, 4 * 10**23, 10**21
KINDS: dict[str, tuple[str, ...]] = {
    "mint": ("can_mint", "has_hidden_mint"),
    "leak": ("can_withdraw",),
    "limit": (
        "can_blacklist", "can_whitelist", "can_pause", "is_max_tx_changeable",
        "is_fee_changeable", "is_fee_per_wallet", "opens_trading",
    ),
}  # fmt: skip
"""CRPWarner's three kinds, and the findings that speak of them."""


def main() -> None:
    """Print what was measured."""
    print(describe())
    with devnet("--gas-limit", "1000000000") as net:
        room = Showroom.of(net, list(TIMED))
        asyncio.run(_timed(net, room))
    folder = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data" / "crpwarner"
    if not folder.is_dir():
        print(f"{folder} is not there: set HEFT_DATA_DIR to judge known rugs")
        return
    with devnet("--gas-limit", "1000000000") as net:
        asyncio.run(_judged(net, _codes(folder), _truth(folder)))
    with devnet("--gas-limit", "1000000000") as net:
        asyncio.run(_sampled(net, folder))


class _Counting(Http):
    """A node that is asked, and how often."""

    asked = 0

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        self.asked += 1
        return await super().call(method, params, type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        self.asked += 1
        return await super().batch(calls, type_)


async def _timed(net: Devnet, room: Showroom) -> None:
    rpc = _Counting(net.http)
    asked: dict[str, int] = {"trade": 0, "contract": 0}
    times: dict[str, list[float]] = {"trade": [], "contract": []}
    for number in range(ROUNDS + 1):
        for launch in room.launches.values():
            token = launch.token or ""
            trade = trade_findings(rpc, launch, room.block, holders=HOLDERS)
            contract = contract_findings(rpc, token, room.block, launch=launch)
            for name, check in (("trade", trade), ("contract", contract)):
                before = rpc.asked
                spent = await _seconds(check)
                asked[name] += rpc.asked - before
                if number:  # the first round starts the reading processes
                    times[name].append(spent)
    rate = await _rate(rpc, room)
    await rpc.close()
    for name, spent_s in times.items():
        cuts = quantiles(spent_s, n=20)
        mean = asked[name] / (ROUNDS + 1) / len(TIMED)
        shown = f"p50 {cuts[9] * 1e3:6.1f} ms   p95 {cuts[18] * 1e3:6.1f} ms"
        print(f"{name:<9} {shown}   {mean:.1f} requests")
    print(f"both      {rate:6.1f} launches/s, {len(TIMED)} at once on one machine")


async def _rate(rpc: Http, room: Showroom) -> float:
    """Launches a second with both checks, so many at once."""

    async def one(launch: Launch) -> None:
        await trade_findings(rpc, launch, room.block, holders=HOLDERS)
        await contract_findings(rpc, launch.token or "", room.block, launch=launch)

    started = time.perf_counter()
    for _ in range(ROUNDS):
        await asyncio.gather(*(one(launch) for launch in room.launches.values()))
    return ROUNDS * len(room.launches) / (time.perf_counter() - started)


async def _seconds(asked: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await asked
    return time.perf_counter() - started


def _codes(folder: Path, split: str = "groundtruth") -> dict[str, bytes]:
    rows = pq.read_table(folder / "bytecode.parquet").to_pylist()
    return {row["address"].lower(): bytes(row["bytecode"]) for row in rows if row["split"] == split}


def _truth(folder: Path) -> dict[str, Truth]:
    sheet = openpyxl.load_workbook(folder / "groundTruth.xlsx", read_only=True).worksheets[0]
    return {
        str(address).lower(): (bool(mint), bool(leak), bool(limit))
        for address, mint, leak, limit, *_ in sheet.iter_rows(min_row=2, values_only=True)
        if address
    }


async def _judged(net: Devnet, codes: Mapping[str, bytes], truth: Mapping[str, Truth]) -> None:
    rpc = Http(net.http, patience=60)
    found: dict[str, Found] = {}
    times: list[float] = []
    reading: list[float] = []
    for address in sorted(set(codes) & set(truth)):
        started = time.perf_counter()
        code = code_from(codes[address])
        reading.append(time.perf_counter() - started)
        launch = _placed(net, address, codes[address], code)
        started = time.perf_counter()
        found[address] = await contract_findings(rpc, address, launch.block, launch=launch)
        times.append(time.perf_counter() - started)
    await rpc.close()
    cuts = quantiles(times, n=20)
    print(f"\n{len(found)} contracts of CRPWarner, state unknown but for owner, supply and pair")
    print(f"reading   {max(reading) * 1e3:6.0f} ms at most for one code")
    print(f"contract  p50 {cuts[9] * 1e3:6.1f} ms   p95 {cuts[18] * 1e3:6.1f} ms")
    print(f"{'':<26}precision  recall  (right, wrong, missed)")
    for rule, says in (("shown", _shown), ("shown or suspected", _suspected)):
        _table(rule, says, found, truth)


async def _sampled(net: Devnet, folder: Path) -> None:
    """What is said of contracts that the authors judged by hand after their program found them."""
    codes = _codes(folder, "large")
    rpc = Http(net.http, patience=60)
    print("\ncontracts that CRPWarner found elsewhere, as its authors judged them")
    print(f"{'':<26}precision  recall  (right, wrong, missed)")
    for kind, names in KINDS.items():
        sheet = openpyxl.load_workbook(folder / f"{kind}.xlsx", read_only=True).worksheets[0]
        rows = [
            (str(a).lower(), told) for a, told, *_ in sheet.iter_rows(min_row=2, values_only=True)
        ]
        counts = {"shown": [0, 0, 0], "shown or suspected": [0, 0, 0]}
        for address, told in rows:
            if address not in codes:
                continue
            launch = _placed(net, address, codes[address], code_from(codes[address]))
            found = await contract_findings(rpc, address, launch.block, launch=launch)
            for rule, says in (("shown", _shown), ("shown or suspected", _suspected)):
                said, true = any(says(found[f"contract.{n}"]) for n in names), told == "Yes"
                _count(counts[rule], said=said, true=true)
        for rule, count in counts.items():
            print(_line(f"{kind}, {rule}", count))
    await rpc.close()


def _count(counts: list[int], *, said: bool, true: bool) -> None:
    counts[0] += said and true
    counts[1] += said and not true
    counts[2] += true and not said


def _table(rule: str, says: Any, found: Mapping[str, Found], truth: Mapping[str, Truth]) -> None:
    total = [0, 0, 0]
    for place, (kind, names) in enumerate(KINDS.items()):
        counts = [0, 0, 0]
        for address, findings in found.items():
            said, true = any(says(findings[f"contract.{n}"]) for n in names), truth[address][place]
            _count(counts, said=said, true=true)
        total = [a + b for a, b in zip(total, counts, strict=True)]
        print(_line(f"{kind}, {rule}", counts))
    print(_line(f"all, {rule}", total))


def _line(name: str, counts: list[int]) -> str:
    right, wrong, missed = counts
    precision = f"{right / (right + wrong):.3f}" if right + wrong else "    -"
    recall = f"{right / (right + missed):.3f}" if right + missed else "    -"
    return f"{name:<26}{precision:>9}{recall:>8}  ({right}, {wrong}, {missed})"


def _shown(finding: Finding) -> bool:
    return finding.value is True


def _suspected(finding: Finding) -> bool:
    """Shown, or a function that might is named."""
    return finding.value is True or finding.why.startswith("function 0x")


def _placed(net: Devnet, token: str, runtime: bytes, code: Code) -> Launch:
    """The code at its address with an owner, a supply and a pair that holds some of it."""
    net.ask("anvil_setCode", token, f"0x{runtime.hex()}")
    quote = net.tokens[0]
    for place in code.storage:
        if place.type == "address":
            _store(net, token, place.slot, int(OWNER, 16) << 8 * place.offset)
        elif selector_of("totalSupply()") in place.reads and place.type.startswith("uint"):
            _store(net, token, place.slot, SUPPLY)
    net.launch(token, quote)
    net.mine()
    asked = selector("getPair(address,address)") + encode(["address", "address"], [token, quote])
    answer = net.ask("eth_call", {"to": net.factory, "data": f"0x{asked.hex()}"}, "latest")
    pair = f"0x{answer[-40:]}"
    for place in code.storage:
        if selector_of("balanceOf(address)") in place.reads and place.type.startswith("mapping"):
            key = bytes(12) + bytes.fromhex(pair[2:]) + place.slot.to_bytes(32, "big")
            _store(net, token, int.from_bytes(keccak(key), "big"), POOLED)
    paid = encode(["address", "uint256"], [pair, QUOTE])
    net.send(quote, selector("transfer(address,uint256)") + paid)
    net.send(pair, selector("sync()"))
    net.mine()
    return Launch(
        chain="devnet", pool=pair, block=int(net.ask("eth_blockNumber"), 16), log_index=0,
        at=datetime.now(UTC), venue="uniswap-v2", token=token, quote=quote,
        token_is_0=int(token, 16) < int(quote, 16),
    )  # fmt: skip


def _store(net: Devnet, contract: str, slot: int, value: int) -> None:
    net.ask("anvil_setStorageAt", contract, f"0x{slot:064x}", f"0x{value % 2**256:064x}")


if __name__ == "__main__":
    main()
