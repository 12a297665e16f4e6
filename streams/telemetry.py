"""Every metric, declared once with its help text; and how log lines look.

Metrics are named ``heft_<noun>_<unit>``; labels are slugs of ours (a stage, a topic, a reason),
never text from outside, so that nobody can make their number grow. Log events are short
past-tense facts with bound context; ``redact`` takes secrets out of every line.

This module does not own who serves the metrics (the daemon's health pages).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import Counter, Gauge, Histogram

from streams.quotes import QUOTES

__all__ = [
    "ALERTS",
    "ALERTS_HELD",
    "BUNDLE",
    "BUNDLE_REFUSALS",
    "DEAD_LETTERS",
    "DRIFT",
    "EVENT_AGE",
    "EVM_LIES",
    "EVM_MISSED",
    "EVM_UNDECODABLE",
    "EXAMINATIONS",
    "EXAMINE_CALLS",
    "EXAMINE_COVERAGE",
    "EXAMINE_FAULTS",
    "EXAMINE_SECONDS",
    "FACTS",
    "FEED_BREAKS",
    "FEED_HEARD",
    "FEED_ITEMS",
    "FEED_MISSING",
    "FEED_REFUSED",
    "FEED_SILENT",
    "LAUNCHES",
    "MENTIONS",
    "OTHER",
    "OUTCOMES",
    "PART_RESTARTS",
    "PUBLISHED",
    "REORGS",
    "RPC_CALLS",
    "RPC_ERRORS",
    "RPC_LATENCY",
    "RPC_REQUESTS",
    "SCORER_BATCH",
    "SCORER_SECONDS",
    "SINK_DELIVERIES",
    "SOLANA_DECODED",
    "SOLANA_DRIFT",
    "SOURCE_HEAD",
    "STAGE_LAG",
    "STAGE_RECORDS",
    "STAGE_RETRIES",
    "STAGE_SECONDS",
    "UNKNOWN_POOLS",
    "VERDICTS",
    "chain_label",
    "configure_logging",
    "fault_label",
    "redact",
    "venue_label",
]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

STAGE_RECORDS = Counter("heft_stage_records_total", "Records a stage has handled.", ["stage"])
STAGE_SECONDS = Histogram(
    "heft_stage_batch_seconds",
    "From a batch's arrival to its commit.",
    ["stage"],
    buckets=SECONDS,
)
STAGE_LAG = Gauge(
    "heft_stage_lag_records", "Records on this member's partitions not yet committed.", ["stage"]
)
STAGE_RETRIES = Counter(
    "heft_stage_retries_total", "Times a stage waited for the outside world.", ["stage"]
)
PART_RESTARTS = Counter(
    "heft_part_restarts_total", "Times a part of the process failed and started again.", ["part"]
)
DEAD_LETTERS = Counter(
    "heft_dead_letters_total", "Records that could not be used.", ["topic", "reason"]
)
PUBLISHED = Counter("heft_published_messages_total", "Messages acknowledged.", ["topic"])
LAUNCHES = Counter("heft_launches_total", "Launches seen.", ["chain", "venue"])
UNKNOWN_POOLS = Counter("heft_unknown_pools_total", "Events of pools whose launch was not seen.")
FACTS = Counter("heft_facts_total", "Dossiers emitted, by what made them due.", ["trigger"])
VERDICTS = Counter(
    "heft_verdicts_total", "Verdicts given: trap (proven), risk (at the threshold) or clear.",
    ["chain", "kind"],
)  # fmt: skip
DRIFT = Gauge(
    "heft_drift_psi", "Stability of the score and of each feature against the version's first.",
    ["of"],
)  # fmt: skip
EVENT_AGE = Histogram(
    "heft_event_age_seconds", "From an event on its chain to the commit of the stage.", ["stage"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600),
)  # fmt: skip
OUTCOMES = Gauge(
    "heft_alert_outcomes", "Alerted pools: right, wrong or still open, as far as the page reads.",
    ["outcome"],
)  # fmt: skip
ALERTS = Counter("heft_alerts_total", "Alerts, by what was done.", ["action"])
ALERTS_HELD = Counter(
    "heft_alerts_held_total", "Alerts that no sink was told of: silenced or inhibited.", ["reason"]
)
SINK_DELIVERIES = Counter(
    "heft_sink_deliveries_total", "Deliveries: sent, or why not.", ["sink", "reason"]
)
SCORER_BATCH = Histogram(
    "heft_scorer_batch_dossiers", "Dossiers scored in one run of the model.", buckets=SIZES
)
SCORER_SECONDS = Histogram(
    "heft_scorer_batch_seconds", "Time of one run of the model.", buckets=SECONDS
)
BUNDLE = Gauge(
    "heft_bundle_info", "1 for the bundle that is serving.", ["bundle", "prompt_version"]
)
BUNDLE_REFUSALS = Counter(
    "heft_bundle_refusals_total", "Bundles that could not serve, by what is wrong.", ["reason"]
)
SOURCE_HEAD = Gauge(
    "heft_source_head_seconds", "Unix time up to which a source has sent everything.", ["source"]
)
RPC_REQUESTS = Counter(
    "heft_rpc_requests_total", "Requests to nodes, by how they ended.", ["chain", "outcome"]
)
RPC_CALLS = Counter(
    "heft_rpc_calls_total", "JSON-RPC calls made, by method: what a paid node counts.",
    ["chain", "method"],
)  # fmt: skip
RPC_LATENCY = Gauge(
    "heft_rpc_endpoint_seconds", "Weighted mean time of an endpoint's answers.",
    ["chain", "endpoint"],
)  # fmt: skip
RPC_ERRORS = Gauge(
    "heft_rpc_endpoint_errors_ratio", "Weighted share of an endpoint's requests that failed.",
    ["chain", "endpoint"],
)  # fmt: skip
EVM_LIES = Counter(
    "heft_evm_lies_total",
    "Answers that left out logs which the block's header tells of.",
    ["chain"],
)
EVM_UNDECODABLE = Counter(
    "heft_evm_undecodable_logs_total",
    "Logs of followed contracts of no known shape.",
    ["chain", "reason"],
)
EVM_MISSED = Gauge(
    "heft_evm_missed_blocks", "Blocks passed over, whose logs are still asked for.", ["chain"]
)
SOLANA_DECODED = Counter(
    "heft_solana_instructions_total",
    "Instructions and events of followed programs: decoded, unknown, undecodable.",
    ["venue", "outcome"],
)
SOLANA_DRIFT = Gauge(
    "heft_solana_drift", "1 while a program cannot be read: it was probably upgraded.", ["venue"]
)
EXAMINATIONS = Counter(
    "heft_examinations_total", "Examinations of launches, by whether all was answered.",
    ["chain", "outcome"],
)  # fmt: skip
EXAMINE_SECONDS = Histogram(
    "heft_examine_seconds", "Time of each group of checks on a launch, and of all.", ["check"],
    buckets=SECONDS,
)  # fmt: skip
EXAMINE_CALLS = Counter(
    "heft_examine_calls_total", "JSON-RPC calls that each group of checks made.", ["check"]
)
EXAMINE_COVERAGE = Histogram(
    "heft_examine_coverage_ratio", "Share of an examination's findings that are known.",
    buckets=(0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1),
)  # fmt: skip
EXAMINE_FAULTS = Counter(
    "heft_examine_faults_total", "Questions that a contract or a node did not answer.",
    ["check", "reason"],
)  # fmt: skip
FEED_ITEMS = Counter(
    "heft_feed_items_total", "Posts, deletions and trades of each feed, by what became of them.",
    ["feed", "outcome"],
)  # fmt: skip
FEED_BREAKS = Counter(
    "heft_feed_breaks_total", "Times a feed's connection ended, by kind of failure.",
    ["feed", "fault"],
)  # fmt: skip
FEED_MISSING = Counter(
    "heft_feed_missing_total", "Messages that a service numbered and we never got.", ["feed"]
)
FEED_REFUSED = Counter(
    "heft_feed_refused_total", "Messages of a feed that were of no use, by why.",
    ["feed", "reason"],
)  # fmt: skip
FEED_HEARD = Gauge("heft_feed_heard_seconds", "Unix time at which a feed was last heard.", ["feed"])
FEED_SILENT = Gauge(
    "heft_feed_silent", "1 while a feed says nothing for longer than expected.", ["feed"]
)
MENTIONS = Counter(
    "heft_mentions_total", "Mentions of tokens in posts: linked, kept for later, or why not.",
    ["outcome"],
)  # fmt: skip
REORGS = Counter("heft_reorgs_total", "Times a chain took back blocks.", ["chain"])

CHAINS = frozenset(QUOTES)
VENUES = frozenset(
    {
        "aerodrome",
        "meteora-damm-v2",
        "meteora-dlmm",
        "orca-whirlpool",
        "pancakeswap-v2",
        "pancakeswap-v3",
        "pump-fun",
        "pump-swap",
        "raydium-clmm",
        "raydium-cpmm",
        "raydium-launchlab",
        "raydium-v4",
        "slipstream",
        "sushiswap-v2",
        "sushiswap-v3",
        "uniswap-v2",
        "uniswap-v3",
        "uniswap-v4",
    }
)
FAULTS = frozenset(
    {"garbage", "later", "log-shape", "no-answer", "refused", "reverted", "rpc", "too-large"}
)
OTHER = "other"

MASK = "***"
_SECRET_FIELD = re.compile(r"(?i)(passw|secret|token$|api_?key|authorization|private_?key|cookie)")
_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]+"), rf"\1 {MASK}"),
    (re.compile(r"(?i)\bbot\d+(?::|%3a)[\w-]+"), f"bot{MASK}"),
    (re.compile(r"\b\d{6,}:[\w-]{30,}"), MASK),  # a Telegram token by itself
    (re.compile(r"(?<=/webhooks/)\d+/[\w-]+"), MASK),
    (
        re.compile(r"(?i)\b([\w-]*(?:key|token|secret|passw\w*|signature))=[^&\s\"']+"),
        rf"\1={MASK}",
    ),
    # Nodes put the key into the path: https://host/v3/<key>. An 0x hash is no secret.
    (re.compile(r"(?<=://)([^\s?]*?/)(?!0x)[\w-]{24,}"), rf"\1{MASK}"),
)


def chain_label(chain: str) -> str:
    """The chain as a label: records say what they like, so one that we do not know is "other"."""
    return chain if chain in CHAINS else OTHER


def venue_label(venue: str) -> str:
    """The venue as a label; one that we do not know is "other"."""
    return venue if venue in VENUES else OTHER


def fault_label(reason: str) -> str:
    """Why a question was not answered, as a label."""
    return reason if reason in FAULTS else OTHER


def redact(text: str) -> str:
    """The text without passwords, tokens and keys, as they stand in URLs and headers."""
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text


def configure_logging(*, as_json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send our log lines and those of every library to ``stream`` (standard error)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_last_steps(as_json, out.isatty())
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # ours says that it migrated
    # aiokafka reports each attempt of its own; what counts reaches us as an exception.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _last_steps(as_json: bool, colors: bool) -> list[Any]:
    steps: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # as text, so that it can be redacted
        _redact_event,
    ]
    if as_json:
        return [*steps, structlog.processors.JSONRenderer()]
    # structlog's own choice prints every local variable of every frame, URLs and keys included.
    plain = structlog.dev.plain_traceback
    return [*steps, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_FIELD.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = redact(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            event[name] = redact(str(value))
    return event
