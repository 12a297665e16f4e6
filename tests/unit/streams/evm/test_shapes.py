"""Logs are found in whatever they were kept in, and a spoilt one does not hide the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Invalid
from streams.evm.logs import Log, number
from streams.evm.shapes import documents, logs_in, time_of

TOPIC = "0x" + "1" * 64
LOG = {
    "address": "0x" + "a" * 40, "topics": [TOPIC], "data": "0x", "blockNumber": "0x10",
    "logIndex": "0x2", "transactionHash": "0x" + "2" * 64, "blockHash": "0x" + "3" * 64,
}  # fmt: skip
BARE = {name: LOG[name] for name in ("address", "topics", "data", "logIndex")}
RECEIPT = {"transactionHash": LOG["transactionHash"], "blockNumber": "0x10", "logs": [BARE]}
ROW = {
    "contract_address": LOG["address"], "topic0": TOPIC, "topic1": None, "data": None,
    "block_number": 16, "index": 2, "tx_hash": LOG["transactionHash"],
    "block_time": "2026-01-01 00:00:00.000 UTC",
}  # fmt: skip
KEPT: dict[str, Any] = {
    "a result": [LOG],
    "a response": {"jsonrpc": "2.0", "id": 1, "result": [LOG]},
    "a batch": [{"jsonrpc": "2.0", "id": 1, "result": [LOG]}],
    "a notice": {"method": "eth_subscription", "params": {"subscription": "0x1", "result": LOG}},
    "a receipt": {**RECEIPT, "status": "0x1"},
    "receipts": [RECEIPT],
    "a response of receipts": {"id": 1, "result": [RECEIPT]},
    "a wrapping": {"logs": [LOG]},
    "a block": {"number": "0x10", "hash": "0x" + "3" * 64, "receipts": [RECEIPT]},
    "numbers": {**LOG, "blockNumber": 16, "logIndex": 2},
    "decimals": {**LOG, "blockNumber": "16", "logIndex": "2"},
    "HexBytes": {**LOG, "topics": [f"HexBytes('{TOPIC}')"], "data": "HexBytes('0x')"},
    "no 0x": {**LOG, "topics": [TOPIC[2:]], "address": "a" * 40},
    "Etherscan": {"status": "1", "message": "OK", "result": [{**LOG, "timeStamp": "0x6955b900"}]},
    "a row": ROW,
    "deep": {"data": {"items": [{"tx": {"receipt": RECEIPT}}]}},
}


@pytest.mark.parametrize("name", KEPT)
def test_a_log_is_found(name: str) -> None:
    """Every wrapping gives the same log, with what it inherits."""
    (found,) = logs_in(KEPT[name])
    assert isinstance(found, Log)
    assert (found.address, found.topics, found.data) == (LOG["address"], [TOPIC], "0x")
    assert (number(found.block_number), number(found.log_index)) == (16, 2)
    assert found.transaction_hash == LOG["transactionHash"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([LOG, LOG]),
        "\n".join([json.dumps(LOG)] * 2) + "\n",
        json.dumps(LOG, indent=2) + "\n" + json.dumps(LOG, indent=2),
        ",\n".join([json.dumps(LOG)] * 2),
    ],
    ids=["list", "lines", "spread", "commas"],
)
def test_files_of_each_form_are_read(text: str) -> None:
    """One document, one a line, or several over many lines."""
    found = [log for document in documents(text) for log in logs_in(document)]
    assert [type(log) for log in found] == [Log, Log]


def test_a_spoilt_line_does_not_hide_the_next() -> None:
    """What is no JSON is one ``Invalid``, and what follows is read."""
    found = list(documents(json.dumps(LOG) + "\n{oops\n" + json.dumps(LOG)))
    assert [isinstance(each, Invalid) for each in found] == [False, True, False]


def test_times_are_read_as_they_are_written() -> None:
    """Hex seconds, decimal seconds, milliseconds and ISO text are the same moment."""
    said: list[str | int] = [
        "0x6955b900",
        1767225600,
        "1767225600",
        1767225600000,
        "2026-01-01T00:00:00Z",
        "2026-01-01 00:00:00.000 UTC",
    ]
    found = {time_of(Log(address="", topics=[], block_timestamp=each)) for each in said}
    assert len(found) == 1


@given(st.text(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*LOG, *ROW, "logs", "result"]), inner, max_size=4),
).map(json.dumps))  # fmt: skip
def test_any_text_is_logs_or_invalid(text: str) -> None:
    """Whatever a file holds, nothing but logs and ``Invalid`` comes of it."""
    for document in documents(text):
        for found in [document] if isinstance(document, Invalid) else logs_in(document):
            assert isinstance(found, Log | Invalid)
