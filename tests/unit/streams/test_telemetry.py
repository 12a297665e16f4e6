"""Log lines without secrets, and metrics under one scheme of names."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client.metrics import MetricWrapperBase

from streams import telemetry
from streams.evm.venues import VENUES as EVM_VENUES
from streams.quotes import QUOTES
from streams.telemetry import chain_label, configure_logging, redact, venue_label

SECRET = "s3cr3tS3cr3tS3cr3tS3cr3t"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging belongs to the process, so it is given back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def logged(*, as_json: bool = True) -> io.StringIO:
    """Set logging up and give what it writes to."""
    stream = io.StringIO()
    configure_logging(as_json=as_json, stream=stream)
    return stream


def test_labels_are_known_words() -> None:
    """Every chain and venue that we can name keeps its name; any other is one of the others."""
    chains = [*QUOTES, "devnet"]
    assert [chain_label(chain) for chain in [*chains, "made-up"]] == [*chains, "other"]
    venues = ["uniswap-v2", "sushiswap-v2"]
    assert [venue_label(venue) for venue in [*venues, "made-up"]] == [*venues, "other"]


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@example.org/x",
        f"postgresql+asyncpg://heft:{SECRET}@db/heft",
        f"redis://:{SECRET}@cache",
        f"https://mainnet.example.io/v3/{SECRET}",
        f"wss://eth.example.com/v2/{SECRET}?x=1",
        f"https://api.telegram.org/bot123456789:{SECRET}/sendMessage",
        f"/bot123456789%3A{SECRET}/sendMessage",
        f"123456789:AA{SECRET}{SECRET}",
        f"https://discord.com/api/webhooks/123456/{SECRET}",
        f"GET /x?api_key={SECRET}&chain=ethereum",
        f"access_token={SECRET}",
        f"password={SECRET}",
        f"X-Signature={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization: basic {SECRET}==",
    ],
)
def test_secrets_are_taken_out_of_text(text: str) -> None:
    """Wherever a URL or a header carries one."""
    assert SECRET not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://etherscan.io/tx/0x" + "ab" * 32,
        "pool 0x" + "ab" * 20 + " on uniswap-v2",
        "offset 123:456 of heft.facts.v1",
        "https://example.org/docs/a-page?page=2",
        "So11111111111111111111111111111111111111112",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Hashes, addresses and places are what a log is for."""
    assert redact(text) == text


def test_a_json_line_is_an_event_with_its_context() -> None:
    """One object a line, with level and time, and secrets masked by name and by form."""
    stream = logged()
    structlog.get_logger().info(
        "sink_failed", url=f"https://u:{SECRET}@x", bot_token=SECRET, count=3, where=["a", SECRET]
    )
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["count"]) == ("sink_failed", "info", 3)
    assert line["timestamp"].endswith("Z")
    assert line["bot_token"] == telemetry.MASK
    assert SECRET not in line["url"]


def test_libraries_and_warnings_speak_the_same_way() -> None:
    """What comes by the standard library's logging is one of our lines, secrets masked."""
    stream = logged()
    logging.getLogger("some.library").warning("gave up on https://u:%s@x", SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an old way", UserWarning, stacklevel=1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 2
    assert SECRET not in stream.getvalue()
    assert "an old way" in lines[1]["event"]


def test_an_exception_is_part_of_its_line_without_secrets() -> None:
    """A traceback that quotes a secret is masked too."""
    stream = logged()
    try:
        int(f"https://u:{SECRET}@x refused")
    except ValueError:
        structlog.get_logger().exception("feed_failed")
    assert "ValueError" in json.loads(stream.getvalue())["exception"]
    assert SECRET not in stream.getvalue()


def test_console_lines_are_for_people() -> None:
    """Without a terminal there are no colour codes."""
    stream = logged(as_json=False)
    structlog.get_logger().info("launch_seen", chain="ethereum")
    assert "launch_seen" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_the_kafka_client_is_silent() -> None:
    """What aiokafka logs of each attempt reaches us as an exception, once."""
    stream = logged()
    logging.getLogger("aiokafka.client").error("Unable to connect")
    assert stream.getvalue() == ""


def test_metrics_are_named_alike_and_explained() -> None:
    """heft_<noun>_<unit> with a help text; no label whose values strangers could invent."""
    found = [each for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)]
    assert len(found) >= 14
    for metric in found:
        (family,) = metric.collect()
        assert family.name.startswith("heft_")
        assert family.documentation.endswith(".")
        assert not {"pool", "token", "name", "symbol", "address", "url"} & {*metric._labelnames}


def test_every_venue_of_the_table_is_a_label() -> None:
    """What the table of venues names can be told apart in metrics."""
    assert {venue_label(venue) for venue in EVM_VENUES} == set(EVM_VENUES)
