"""The tail of a chain, held against a model that knows the whole tree of blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Retry
from streams.evm.blocks import Block
from streams.evm.tail import PATIENCE, Tail

FINALITY = 20


def block(number: int, name: str, parent: str) -> Block:
    """A block of this name on that parent."""
    return Block(number=number, hash=name, parent=parent, time=number)


def chain(length: int, fork: str = "a", start: int = 1, parent: str = "root") -> list[Block]:
    """Blocks on each other, named by their fork and number."""
    made = []
    for number in range(start, start + length):
        made.append(block(number, f"{fork}{number}", parent))
        parent = made[-1].hash
    return made


@st.composite
def histories(draw: st.DrawFn) -> list[list[Block]]:
    """Chains as nodes saw them one after the other, each leaving the one before at some block."""
    now = chain(draw(st.integers(1, 5)))
    seen = [now]
    for fork in range(draw(st.integers(1, 8))):
        kept = now[: len(now) - draw(st.integers(0, min(len(now) - 1, FINALITY - 2)))]
        longer = draw(st.integers(len(now) - len(kept) + 1, len(now) - len(kept) + 4))
        last = kept[-1]
        now = kept + chain(longer, f"f{fork}-", last.number + 1, last.hash)
        seen.append(now)
    return seen


@given(histories())
def test_what_is_told_less_what_is_taken_back_is_the_chain(history: list[list[Block]]) -> None:
    """Whatever branches come, told minus orphaned blocks are those of the last chain, in order.

    The model is the whole chain of each moment; the tail is only ever shown heads and ancestors.
    """
    tail, standing = Tail(FINALITY), list[str]()
    for seen in history:
        by_hash = {each.hash: each for each in seen}
        assert tail.judge(seen[-1]) in ("new", "known")
        if tail.judge(seen[-1]) == "known":
            continue
        branch = [seen[-1]]
        while not tail.joins(branch):
            branch = [by_hash[branch[0].parent], *branch]
        if tail.tip is None:
            branch = seen
        orphans, fresh = tail.extend(branch)
        for orphan in orphans:
            assert standing.pop() == orphan.hash
        standing += [each.hash for each in fresh]
        assert standing == [each.hash for each in seen]
        assert tail.tip == seen[-1]


def test_a_lagging_node_is_no_reorganisation() -> None:
    """A head that we told before, however low, is known."""
    tail = Tail(FINALITY)
    told = chain(10)
    tail.extend(told)
    assert {tail.judge(each) for each in told} == {"known"}


def test_a_lower_branch_is_believed_when_nothing_else_is_heard() -> None:
    """A lower head of another branch is doubted, unless it is all that is heard for long."""
    tail = Tail(FINALITY)
    tail.extend(chain(10))
    other = block(7, "b7", "a6")
    assert [tail.judge(other) for _ in range(PATIENCE)] == ["doubtful"] * (PATIENCE - 1) + ["new"]


def test_another_head_ends_the_doubt() -> None:
    """Doubts count in a row only: a second node that goes on is the chain."""
    tail = Tail(FINALITY)
    tail.extend(chain(10))
    for _ in range(PATIENCE):
        assert tail.judge(block(7, "b7", "a6")) == "doubtful"
        assert tail.judge(block(11, "a11", "a10")) == "new"


def test_blocks_that_do_not_join_are_refused() -> None:
    """A branch with a hole, and one that stands on nothing of ours, change nothing."""
    tail = Tail(FINALITY)
    tail.extend(chain(3))
    hole = [block(4, "a4", "a3"), block(5, "a5", "x4")]
    for branch in (hole, chain(2, start=4, parent="b3")):
        with pytest.raises(Retry):
            tail.extend(branch)
        assert tail.tip == block(3, "a3", "a2")


def test_deeper_than_finality_is_said() -> None:
    """A branch that leaves below all that is remembered is an error, not an endless walk."""
    tail = Tail(2)
    tail.extend(chain(30))
    with pytest.raises(Retry, match="deeper than its finality"):
        tail.joins([block(tail.floor, "z", "y")])
