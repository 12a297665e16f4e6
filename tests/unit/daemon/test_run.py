"""How an asynchronous command ends."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from daemon.run import run_async
from streams.errors import Broken, Retry


def test_the_exit_code_is_what_the_command_returns() -> None:
    """A plain end."""

    async def main() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    assert run_async(main) == 7


def test_a_failure_in_a_task_is_raised_as_itself() -> None:
    """However deep in task groups it happened."""

    async def fail() -> None:
        raise Broken("impossible")

    async def main() -> int:
        async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
            inner.start_soon(fail)
            outer.start_soon(anyio.sleep_forever)
        return 0

    with pytest.raises(Broken, match="impossible"):
        run_async(main)


def test_a_plain_failure_is_raised_as_itself() -> None:
    """No group appears where none was."""

    async def main() -> int:
        raise Retry("no broker")

    with pytest.raises(Retry, match="no broker"):
        run_async(main)
