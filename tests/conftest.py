"""What every test may ask for: the event loop, the recorded data, and a Kafka-protocol broker."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from anyio.from_thread import start_blocking_portal

from streams.embedded import embedded_broker

pytest_plugins = ["tests.databases", "tests.require"]

ROOT = Path(__file__).parent.parent

# A property that holds slowly on a busy machine holds.
hypothesis.settings.register_profile("heft", deadline=None)
hypothesis.settings.load_profile("heft")

# What aiokafka has to say of a broken connection reaches a test as an exception.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@pytest.fixture(autouse=True)
def _fresh_logging() -> None:
    """No test inherits the log level that another one has set."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Every asynchronous test runs on asyncio: aiokafka needs it."""
    return "asyncio"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded mainnet data, which is not part of the repository."""
    folder = Path(os.environ.get("HEFT_DATA_DIR", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no recorded data in {folder}: set HEFT_DATA_DIR")
    return folder


@pytest.fixture(scope="session")
def embedded_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One embedded broker for the whole session; tests keep apart by names of topics."""
    folder = tmp_path_factory.mktemp("broker")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(embedded_broker(folder, grace=2)) as address,
    ):
        yield address.bootstrap_servers
