"""A file of dossiers to a file of verdicts: lines in order, bad ones told and passed over."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from daemon.jobs.dossiers import dossier_from
from daemon.jobs.verdicts import write_line
from daemon.parts.scoring import open_judge
from daemon.sections import Model
from heft_model.scorer import Scorer
from streams.errors import Invalid
from streams.events import Facts, Verdict

__all__ = ["Refused", "score_file", "score_lines"]

Line = tuple[int, bytes]


class Refused(msgspec.Struct, frozen=True):
    """A line that is no dossier, or one that cannot be judged."""

    line: int
    why: str


def score_file(model: Model, file: Path, out: Path | None) -> int:
    """Judge ``file`` (``-`` is standard input); 1 when a line was refused, each told on stderr."""
    scorer = open_judge(model).scorer
    workers = model.workers or os.cpu_count() or 1
    refused = 0
    with _source(file) as lines, _told_if_full(out), _target(out) as target:
        for answer in score_lines(_read(lines, file), scorer, batch=model.batch, workers=workers):
            if isinstance(answer, Verdict):
                write_line(target, answer)
            else:
                refused += 1
                print(f"heft: line {answer.line}: {answer.why}", file=sys.stderr)
        target.flush()
    return 1 if refused else 0


def score_lines(
    lines: Iterable[bytes], scorer: Scorer, *, batch: int = 16, workers: int = 1
) -> Iterator[Verdict | Refused]:
    """An answer a line, in order; empty lines are passed over. Reads ahead only a little."""
    numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
    with ThreadPoolExecutor(workers, thread_name_prefix="score") as pool:
        running: deque[Future[list[Verdict | Refused]]] = deque()
        while chunk := list(islice(numbered, batch)):
            running.append(pool.submit(_answers, scorer, chunk))
            if len(running) > 2 * workers:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()


def _answers(scorer: Scorer, chunk: Sequence[Line]) -> list[Verdict | Refused]:
    facts: list[Facts] = []
    numbers: list[int] = []
    answers: dict[int, Verdict | Refused] = {}
    for number, line in chunk:
        try:
            facts.append(dossier_from(line))
            numbers.append(number)
        except Invalid as error:
            answers[number] = Refused(number, str(error))
    answers |= dict(zip(numbers, _judge(scorer, facts, numbers), strict=True))
    return [answers[number] for number, _ in chunk]


def _judge(
    scorer: Scorer, facts: Sequence[Facts], numbers: Sequence[int]
) -> list[Verdict | Refused]:
    """Together if that goes; one that cannot be judged must not take the others with it."""
    try:
        return list(scorer.score(facts))
    except Invalid as error:
        if len(facts) == 1:
            return [Refused(numbers[0], str(error))]
        alone = zip(facts, numbers, strict=True)
        return [answer for one, number in alone for answer in _judge(scorer, [one], [number])]


def _source(file: Path) -> AbstractContextManager[BinaryIO]:
    if str(file) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return file.open("rb")
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", reason="input") from error


def _read(lines: Iterable[bytes], file: Path) -> Iterator[bytes]:
    try:
        yield from lines
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", reason="input") from error


@contextmanager
def _told_if_full(out: Path | None) -> Iterator[None]:
    """A failed write as ``Invalid``; a reader that went away is the command line's matter."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if out is None:
            _forget_output()
        where = out or "standard output"
        raise Invalid(f"cannot write {where}: {error.strerror}", reason="output") from error


def _forget_output() -> None:
    """Else the interpreter tries at its end to write what is left, and complains once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _target(out: Path | None) -> AbstractContextManager[BinaryIO]:
    if out is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return out.open("wb")
    except OSError as error:
        raise Invalid(f"cannot write {out}: {error.strerror}", reason="output") from error
