"""An answer that leaves logs out is found out by the block's header."""

from __future__ import annotations

from typing import Any

from eth_hash.auto import keccak
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.evm.blocks import are_all
from streams.evm.logs import Log

addresses = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
topics = st.lists(st.binary(min_size=32, max_size=32).map(lambda d: "0x" + d.hex()), max_size=4)
logs = st.builds(Log, address=addresses, topics=topics)


def bloom_of(*found: Log) -> int:
    """The yellow paper's M3:2048, written out again by bytes rather than by shifts."""
    filter_ = bytearray(256)
    for log in found:
        for item in (log.address, *log.topics):
            digest: Any = keccak(bytes.fromhex(item[2:]))
            for place in (0, 2, 4):
                bit = ((digest[place] << 8) + digest[place + 1]) & 2047
                filter_[255 - bit // 8] |= 1 << (bit % 8)
    return int.from_bytes(filter_, "big")


@given(st.lists(logs, max_size=8))
def test_all_logs_account_for_the_filter(found: list[Log]) -> None:
    """The whole set proves itself, and more than the set does too (Polygon's state syncs)."""
    bloom = bloom_of(*found)
    assert are_all(bloom, found)
    assert are_all(bloom, [*found, Log(address="0x" + "9" * 40, topics=[])])


@given(st.lists(logs, min_size=1, max_size=8), st.data())
def test_a_missing_log_is_missed(found: list[Log], data: st.DataObject) -> None:
    """Without one log that adds a bit the set proves nothing; an empty answer least of all."""
    left = data.draw(st.integers(0, len(found) - 1))
    rest = [log for place, log in enumerate(found) if place != left]
    assume(bloom_of(*rest) != bloom_of(*found))
    assert not are_all(bloom_of(*found), rest)
    assert not are_all(bloom_of(*found), [])
