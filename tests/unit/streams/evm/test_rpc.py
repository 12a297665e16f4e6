"""What nodes answer: what a refusal means, how wide to ask, and how endpoints are judged."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import HeftError, Retry
from streams.evm.endpoint import Endpoint
from streams.evm.rpc import RpcError, Throttled, refused_by_http, replies, request
from streams.evm.window import WIDEST, Window

SAID = [
    (-32005, "query returned more than 10000 results", "limit"),
    (-32602, "block range is too wide", "limit"),
    (-32600, "Log response size exceeded. Try with this block range [0x1, 0x2]", "limit"),
    (-32000, "exceed maximum block range: 5000", "limit"),
    (-32005, "daily request count exceeded, request rate limited", "rate"),
    (429, "Too Many Requests", "rate"),
    (-32005, "limit exceeded", "limit"),
    (-32601, "the method eth_getBlockReceipts does not exist/is not available", "unsupported"),
    (-32701, "Please specify an address in your request", "unsupported"),
    (-32000, "header not found", "behind"),
    (-32000, "missing trie node 1234 (path )", "behind"),
    (-32000, "cannot query unfinalized data: after last accepted block", "behind"),
    (3, "execution reverted: TransferHelper", "reverted"),
    (-32000, "out of gas", "reverted"),
    (-32603, "EVM error MemoryOOG", "reverted"),
    (3, "execution reverted: rate limit exceeded, archive disabled", "reverted"),
    (-32000, "execution reverted: header not found", "reverted"),
    (-32603, "something else", "refused"),
]


@pytest.mark.parametrize(("code", "message", "refusal"), SAID)
def test_what_a_refusal_means(code: int, message: str, refusal: str) -> None:
    """Providers' words and codes are told apart by what is to be done."""
    assert RpcError(code, message).refusal == refusal


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_any_frame_is_replies_or_retry(frame: bytes | str) -> None:
    """Whatever a node sends, it is JSON-RPC or the node's failure."""
    with contextlib.suppress(Retry):
        for reply in replies(frame):
            reply.value(Any)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "result", "error", "code", "message", "params", "x"]), inner),
))  # fmt: skip
def test_any_json_is_replies_or_a_failure_of_ours(value: Any) -> None:
    """JSON of any shape raises nothing of a library's."""
    with contextlib.suppress(HeftError):
        for reply in replies(json.dumps(value)):
            reply.value(list[str])


def test_a_batch_and_a_call_are_asked_differently() -> None:
    """One call is an object, a batch a list, ids as given."""
    one = json.loads(request([(7, ("eth_call", ({}, "latest")))], batch=False))
    assert one == {"jsonrpc": "2.0", "id": 7, "method": "eth_call", "params": [{}, "latest"]}
    assert json.loads(request([(1, ("a", ())), (2, ("b", ()))], batch=True))[1]["id"] == 2


@pytest.mark.parametrize("most", [1, 2, 7, 100, 999])
def test_a_working_window_is_found_in_six_tries(most: int) -> None:
    """However narrow a node's limit and however it says so, six refusals are enough."""
    window = Window(WIDEST)
    tries = 0
    while window.width > most:
        window.refused("no")
        tries += 1
    assert tries <= 6


@pytest.mark.parametrize(
    ("message", "width"),
    [
        ("Try with this block range [0x10, 0x19]", 10),
        ("exceed maximum block range: 50", 50),
        ("you can query up to 20 blocks", 20),
        ("no hint at all", 25),
        ("maximum is 99999999 blocks", 25),
    ],
)
def test_a_hint_is_taken(message: str, width: int) -> None:
    """A range that the refusal names is what is asked for next."""
    window = Window(100)
    window.refused(message)
    assert window.width == width


def test_a_failing_endpoint_falls_behind_and_comes_back() -> None:
    """Failures and lies cost rank and rest; answers win it back."""
    good, bad = (Endpoint(url=name, label=name) for name in ("good", "bad"))
    bad.failed(0.0)
    bad.failed(0.0)
    assert bad.score(0.0) > good.score(0.0)
    for _ in range(60):
        bad.answered(0.01)
        good.answered(0.2)
    assert bad.score(100.0) < good.score(100.0)


def test_a_pace_is_learnt() -> None:
    """Refusals for rate double the pause between requests, those of one moment once; answers ease.

    Calls that were under way together are refused together, and say no more than one of them.
    """
    endpoint = Endpoint(url="x", label="x")
    for moment in range(4):
        for _ in range(8):
            endpoint.refused_rate(float(moment))
    assert endpoint.pace == pytest.approx(0.4)
    assert endpoint.delay(10.0) == 0.0
    assert endpoint.delay(10.0) == pytest.approx(0.4)
    for _ in range(400):
        endpoint.answered(0.1)
    assert endpoint.pace == 0.0


@pytest.mark.parametrize(
    ("status", "wait", "kind", "after"),
    [
        (429, "7", Throttled, 7.0),
        (429, "", Throttled, 1.0),
        (429, "soon", Throttled, 1.0),
        (503, "²", Retry, None),
        (500, "12", Retry, 12.0),
    ],
)
def test_a_status_tells_how_long_to_wait(
    status: int, wait: str, kind: type[Retry], after: float | None
) -> None:
    """Too many requests are told apart from a failure; a header of nonsense asks for nothing."""
    refusal = refused_by_http(status, wait)
    assert type(refusal) is kind
    assert refusal.retry_after == after
    assert refused_by_http(200, wait) is None
    assert refused_by_http(403, wait) is None
