"""Verdicts and alerts for the tests of this folder: plausible, and changed where a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.example import example_verdict
from alerts.messages import follow
from alerts.policy import PolicySettings, decide
from streams.events import Alert, Evidence, Verdict

LAUNCHED_AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
POOL = "0x00000000000000000000000000000000000000aa"


def a_verdict(sequence: int = 0, **changes: Any) -> Verdict:
    """The example's verdict as a course of them, one a minute from launch."""
    at = LAUNCHED_AT + timedelta(minutes=sequence)
    fields: dict[str, Any] = {
        "block": 100 + sequence,
        "log_index": 7,
        "facts_id": f"ethereum:{changes.get('pool', POOL)}:facts:{sequence}",
        "sequence": sequence,
        "trigger": "launch",
        "age": 60.0 * (sequence + 1),
        "name": "Pepe Classic",
        "symbol": "PEPEC",
        "evidence": [
            Evidence(fact="holders.lp_top_share", value="1.00", weight=0.31),
            Evidence(fact="trading.sells", value="0", weight=0.12),
            Evidence(fact="liquidity.removed", value="2.5 WETH", weight=-0.05),
            Evidence(fact="trading.buys", value="14", weight=0.01),
        ],
        "bundle": "nano-1",
        "facts_hash": "00ff",
        "scored_at": LAUNCHED_AT + timedelta(seconds=1),
    }
    return example_verdict(at, **(fields | changes))


def alerts_of(*verdicts: Verdict, settings: PolicySettings | None = None) -> list[Alert]:
    """What the policy says about these verdicts on one pool, in order."""
    said: list[Alert] = []
    history = None
    for verdict in verdicts:
        decision = decide(verdict, history, settings or PolicySettings())
        alerts, history = follow(decision, verdict, history)
        said.extend(alerts)
    return said


def an_alert(sequence: int = 0, **changes: Any) -> Alert:
    """The alert that a verdict with these changes raises, however young."""
    return alerts_of(a_verdict(sequence, **changes), settings=PolicySettings(minimum_age=0.0))[0]
