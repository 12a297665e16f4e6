"""Real hostile contracts through the contract check: HoneyBadger's honeypots, compiled.

The 350 sources of Torres et al. (USENIX Security 2019) are traps for ether, not tokens: what they
show is that hostile code of old compilers is read in bounded time and that every question gets a
finding. Compiled where solc 0.4.26 allows (npm, into ``build/``), placed on anvil and examined.

    HEFT_DATA_DIR=../shared python -m benchmarks.honeybadger
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import pyarrow.parquet as pq

from benchmarks.machine import describe
from streams.checks.contract import contract_findings
from streams.evm.http import Http
from tests.chain.devnet import Devnet, devnet

BUILD = Path("build") / "honeybadger"
COMPILER = "solc@0.4.26"
SCRIPT = """
const solc = require('solc');
const sources = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const settings = {outputSelection: {'*': {'*': ['evm.deployedBytecode.object']}}};
console.log(JSON.stringify(sources.map((content) => {
  const input = {language: 'Solidity', sources: {a: {content}}, settings};
  const made = JSON.parse(solc.compileStandardWrapper(JSON.stringify(input)));
  const codes = Object.values((made.contracts || {}).a || {}).map(
    (contract) => contract.evm.deployedBytecode.object);
  const whole = codes.filter((code) => /^([0-9a-f]{2})+$/.test(code));  // linked, and not empty
  return whole.sort((one, other) => other.length - one.length)[0] || '';
})));
"""


def main() -> None:
    """Print what was found."""
    print(describe())
    folder = Path(os.environ.get("HEFT_DATA_DIR", "../shared")) / "data" / "address_lists"
    rows = pq.read_table(folder / "honeybadger_sources.parquet").to_pylist()
    codes = _compiled([row["source_code"] for row in rows])
    # some have a name where others have an address: any address will do
    made = {f"0x{place + 1:040x}": code for place, code in enumerate(codes, 0x1000) if code}
    print(f"{len(made)} of {len(rows)} sources compile with {COMPILER}")
    with devnet() as net:
        asyncio.run(_examined(net, made))


def _compiled(sources: Sequence[str]) -> list[str]:
    """The runtime code of each source's largest contract; empty where it does not compile."""
    BUILD.mkdir(parents=True, exist_ok=True)
    install = ["npm", "install", "--prefix", str(BUILD), "--no-package-lock", COMPILER]
    subprocess.run(install, check=True, capture_output=True)  # noqa: S603 - our own words
    with TemporaryFile("w+") as answer:
        subprocess.run(  # noqa: S603 - our own script
            ["node", "-e", SCRIPT],  # noqa: S607 - wherever Node is
            input=json.dumps(sources), stdout=answer, text=True, check=True, cwd=BUILD,
        )  # fmt: skip
        answer.seek(0)
        text = answer.read()
    return [str(code) for code in json.loads(text[text.index("[") :])]


async def _examined(net: Devnet, codes: Mapping[str, str]) -> None:
    rpc = Http(net.http, patience=60)
    yes: Counter[str] = Counter()
    unread, times = 0, []
    for address, code in codes.items():
        net.ask("anvil_setCode", address, f"0x{code}")
    net.mine()
    block = int(net.ask("eth_blockNumber"), 16)
    for address in codes:
        started = time.perf_counter()
        found = await contract_findings(rpc, address, block)
        times.append(time.perf_counter() - started)
        assert all(finding.known != bool(finding.why) for finding in found.values())
        unread += not found["contract.code_hash"].known
        yes.update(name for name, finding in found.items() if finding.value is True)
    await rpc.close()
    print(f"{len(times)} examined, {unread} not read, {max(times) * 1e3:.0f} ms at most for one")
    for name, count in yes.most_common():
        print(f"  {name:<32}{count:>5}")


if __name__ == "__main__":
    main()
