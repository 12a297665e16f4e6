"""Who said what in a log: found from an event backwards, as one would find it line by line."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from streams.solana.logs import Said, events_said
from tests.unit.streams.solana.making import key

OURS, OTHER = key(1), key(2)


def _slowly(logs: list[Any]) -> list[Said]:
    """Line by line, with the stack of those who run."""
    running: list[str] = []
    said: list[Said] = []
    for line in logs:
        if not isinstance(line, str):
            continue
        words = line.replace("\n", " ").split(" ")
        if words[1:2] in (["log:"], ["data:"]):
            text = line.replace("\n", " ").removeprefix("Program data: ")
            if words[1] == "data:" and running and running[-1] == OURS:
                said.append((OURS, base64.b64decode(text)))
        elif len(words) == 4:
            running.append(words[1])
        elif len(words) == 3 and running:
            running.pop()
    return said


def _call(depth: int) -> st.SearchStrategy[list[Any]]:
    """What a program and those that it calls write, nested as the runtime does it."""
    event = st.binary(min_size=3, max_size=6).map(
        lambda raw: [f"Program data: {base64.b64encode(raw).decode()}"]
    )
    lie = st.sampled_from(
        [
            f"Program log: Program {OURS} invoke [{depth}]",
            f"Program log: Program {OURS} success",
            f"Program log: x\nProgram {OURS} invoke [1]",
            f"Program log: x\nProgram {OTHER} success",
            f"Program {OURS} consumed 5 of 9 compute units",
            "Transfer: nothing",
            None,
        ]
    ).map(lambda line: [line])
    inside = event | lie if depth > 3 else event | lie | _call(depth + 1)
    return st.builds(
        lambda who, parts: [
            f"Program {who} invoke [{depth}]",
            *(line for part in parts for line in part),
            f"Program {who} success",
        ],
        st.sampled_from([OURS, OTHER]),
        st.lists(inside, max_size=4),
    )


@given(st.lists(_call(1), max_size=3), st.integers(0, 40))
@example([], 0)
def test_backwards_is_as_forwards(calls: list[list[Any]], cut: int) -> None:
    """Any nesting of calls, with lies in the text, whole or cut short."""
    logs = [line for call in calls for line in call]
    logs = logs[: len(logs) - cut] if cut < len(logs) else logs
    assert list(events_said(logs, frozenset([OURS]))) == _slowly(logs)


@given(st.lists(st.text(max_size=40) | st.none() | st.integers()))
def test_any_lines_are_read(logs: list[Any]) -> None:
    """Whatever stands in a log, nothing is raised."""
    list(events_said(["Program data: AAAA", *logs, "Program data: x"], frozenset([OURS])))
