"""``heft decode``: a file of logs to JSON lines, and a count of what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon import cli

PAIR = "0x" + "b" * 40
TX, HASH = "0x" + "1" * 64, "0x" + "2" * 64
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
TOKEN = "0x" + "a" * 40


def word(value: str) -> str:
    """An address as a topic."""
    return "0x" + value[2:].rjust(64, "0")


def log(index: int, address: str, topics: list[str], *data: int | str) -> dict[str, Any]:
    """A log as nodes send it."""
    numbers = [int(each, 16) if isinstance(each, str) else each for each in data]
    return {
        "address": address, "topics": topics, "data": "0x" + "".join(f"{n:064x}" for n in numbers),
        "blockNumber": "0x10", "logIndex": hex(index), "transactionHash": TX, "blockHash": HASH,
        "removed": False,
    }  # fmt: skip


LAUNCH = log(
    1, "0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f",
    ["0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9", word(TOKEN), word(WETH)],
    PAIR, 1,
)  # fmt: skip
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"
LOGS = [
    LAUNCH,
    log(2, PAIR, [TRANSFER, word("0x0"), word(USDC)], 5),
    log(3, PAIR, [SYNC], 1, 2),
    log(4, TOKEN, [TRANSFER, word("0x0"), word(PAIR)], 7),
    {**LAUNCH, "logIndex": "0x9", "removed": True},
    {**LAUNCH, "address": PAIR, "logIndex": "0xa"},
    log(5, PAIR, ["0x" + "9" * 64]),
    log(6, PAIR, [SYNC], 1),
]


def decoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, chain: str = "ethereum"
) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and what was said beside them."""
    file = tmp_path / "logs.json"
    file.write_text(content)
    code = cli.run(["decode", chain, str(file)])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_events_are_printed_and_the_rest_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Launches, activity and retractions with their places; what is none is told by its reason."""
    code, lines, err = decoded(tmp_path, capsys, json.dumps({"result": LOGS}))
    assert [(line["type"], line.get("kind")) for line in lines] == [
        ("launch", None),
        ("activity", "lp-transfer"),
        ("activity", "sync"),
        ("activity", "token-transfer"),
        ("retraction", "launch"),
    ]
    launch = lines[0]
    assert launch | {
        "chain": "ethereum", "venue": "uniswap-v2", "pool": PAIR, "token": TOKEN, "quote": WETH,
        "token0": TOKEN, "token1": WETH, "block": 16, "log_index": 1, "tx_hash": TX,
        "block_hash": HASH,
    } == launch  # fmt: skip
    assert "at" not in launch
    assert {line["pool"] for line in lines} == {PAIR}
    assert "1 launches, 3 activity, 1 retractions, 1 pools of factories" in err
    assert "1 other logs, 1 not decodable\n  not decodable, log-shape: 1" in err
    assert code == 1


def test_lines_and_ids_are_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A document a line, a chain by its id, and nothing spoilt ends with 0."""
    content = "\n".join(json.dumps(each) for each in LOGS[:3])
    code, lines, _ = decoded(tmp_path, capsys, content, "1")
    assert (code, len(lines)) == (0, 3)


def test_a_chain_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt chain and a missing file are one line each."""
    code, _, err = decoded(tmp_path, capsys, "[]", "etherium")
    assert code == 2
    assert "'etherium' is no chain that heft knows: ethereum, base" in err
    assert cli.run(["decode", "base", str(tmp_path / "none.json")]) == 2


def test_a_fork_is_a_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A factory that only this user knows launches too; one that is no line is refused."""
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", json.dumps([f"ethereum/sushiswap-v2={PAIR}"]))
    code, lines, _ = decoded(tmp_path, capsys, json.dumps(LOGS[5]))
    assert (code, lines[0]["venue"]) == (0, "sushiswap-v2")
    monkeypatch.setenv("HEFT_CHAINS__FACTORIES", '["nonsense"]')
    assert decoded(tmp_path, capsys, "[]")[0] == 2
