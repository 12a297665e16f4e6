"""Nodes that cannot, will not or do not tell the truth: findings that say why, no exception."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec
import pytest
from eth_abi import encode  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.checks import bytecode
from streams.checks.contract import contract_findings
from streams.checks.trade import trade_findings
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.evm.rpc import Call, RpcError
from streams.finding import Finding

TOKEN, QUOTE, POOL = ("0x" + digit * 40 for digit in "123")
LAUNCH = Launch(
    chain="devnet", pool=POOL, block=7, log_index=0, at=datetime(2026, 1, 1, tzinfo=UTC),
    venue="uniswap-v2", token=TOKEN, quote=QUOTE, token_is_0=True,
)  # fmt: skip
HEADER = {"number": "0x7", "timestamp": "0x65920080"}
WORD = f"0x{10**20:064x}"


class Node:
    """``Rpc`` that answers by method; an exception is raised, or stands in a batch."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The answer as ``type_``."""
        answer = self._answer(method, params)
        if isinstance(answer, Exception):
            raise answer
        return _as(answer, type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """An answer or ``RpcError`` for each."""
        answers = [self._answer(method, params) for method, params in calls]
        for answer in answers:
            if isinstance(answer, Retry):
                raise answer
        return [each if isinstance(each, RpcError) else _as(each, type_) for each in answers]

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        self.asked.append(method)
        kind = "simulate" if method == "eth_call" and len(params) > 2 else method
        answer = self.answers.get(kind, RpcError(-32601, "method not found"))
        return answer() if callable(answer) else answer


def _as(answer: Any, type_: Any) -> Any:
    if type_ is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(answer))
    try:
        return msgspec.convert(answer, type_)
    except msgspec.ValidationError as error:
        raise Retry(str(error)) from error


def _both(node: Node) -> dict[str, Finding]:
    async def ask() -> dict[str, Finding]:
        trade = await trade_findings(node, LAUNCH, 7, holders=[POOL])
        return trade | await contract_findings(node, TOKEN, "0x" + "ab" * 32, launch=LAUNCH)

    return anyio.run(ask)


SOUND = {
    "eth_getBlockByNumber": HEADER,
    "eth_getBlockByHash": HEADER,
    "eth_call": WORD,
    "eth_getCode": "0x6080604052600080fd",
    "eth_getStorageAt": f"0x{0:064x}",
}


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (RpcError(-32602, "too many arguments, want at most 2"), "no state override"),
        (RpcError(-32601, "method not found"), "no state override"),
        ("0x", "does not heed state overrides"),
        (RpcError(-32000, "execution aborted (timeout = 5s)"), "timeout"),
        (Retry("no answer within 10 s"), "no answer within 10 s"),
        ("0xzz", "no hex"),
        ("0x" + "ff" * 64, "cannot be read"),
        (f"0x{encode(['uint256[]'], [[]]).hex()}", "not what was asked for"),
        (f"0x{encode(['uint256[]'], [[0] * 62]).hex()}", "balances were not found"),
    ],
)
def test_a_node_that_cannot_simulate_leaves_trades_unknown(refusal: Any, why: str) -> None:
    """What could not be simulated is unknown for the reason that stood in the way."""
    found = _both(Node(SOUND | {"simulate": refusal}))
    assert why in found["trade.can_sell"].why
    assert all(not finding.known for name, finding in found.items() if name.startswith("trade."))
    assert found["contract.code_size"].known
    assert not found["contract.can_mint"].known


def test_a_node_that_is_away_leaves_everything_unknown() -> None:
    """A failing node costs the answers, not the dossier."""
    found = _both(
        Node({"eth_getBlockByNumber": Retry("gone"), "eth_getBlockByHash": Retry("gone")})
    )
    assert found
    assert {finding.why for finding in found.values()} == {"gone"}


def test_an_address_without_code_is_told() -> None:
    """A wallet in a token's place is a finding's reason."""
    found = _both(Node(SOUND | {"eth_getCode": "0x", "simulate": "0x"}))
    assert "no code" in found["contract.can_mint"].why


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=20)
    | st.binary(max_size=300).map(lambda data: f"0x{data.hex()}")
    | st.just(WORD)
    | st.just(HEADER),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
METHODS = (*SOUND, "simulate")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(METHODS, JSON)))
@settings(max_examples=60)
def test_any_answers_give_findings(answers: dict[str, Any]) -> None:
    """Whatever a node answers, every question has a finding with a value or a reason."""
    for finding in _both(Node(SOUND | answers)).values():
        assert finding.known != bool(finding.why)


def test_reading_code_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code whose reading takes too long is refused, and the next is read."""

    async def read() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(bytecode, "PATIENCE_S", 0.0)
            with pytest.raises(Invalid, match="not read within"):
                await bytecode.read_code(b"\x5b" * 20_000)
        assert (await bytecode.read_code(b"\x5b\x00")).size == 2
        with pytest.raises(Invalid, match="too large"):
            await bytecode.read_code(bytes(10**6))

    anyio.run(read)


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=50)
)
@settings(max_examples=30)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A token, pool or holder that is no address gives findings that say so."""
    launch = msgspec.structs.replace(LAUNCH, token=text)

    async def ask() -> list[dict[str, Finding]]:
        node = Node(SOUND | {"simulate": "0x"})
        return [
            await trade_findings(node, launch, 7),
            await trade_findings(node, LAUNCH, 7, holders=[text]),
            await contract_findings(node, text, 7),
        ]

    for found in anyio.run(ask):
        assert not any(finding.known for finding in found.values())
        assert any("no address" in finding.why for finding in found.values())
