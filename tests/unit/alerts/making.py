"""Verdicts and alerts for the tests of this folder: plausible, and changed where a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.policy import PolicySettings, decide, follow
from streams.events import Alert, Evidence, Verdict

LAUNCHED_AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
POOL = "0x00000000000000000000000000000000000000aa"


def a_verdict(sequence: int = 0, **changes: Any) -> Verdict:
    """A verdict on a young pool that holds 10 WETH and will surely rug."""
    pool = changes.get("pool", POOL)
    fields: dict[str, Any] = {
        "chain": "ethereum",
        "pool": pool,
        "block": 100 + sequence,
        "log_index": 7,
        "at": LAUNCHED_AT + timedelta(minutes=sequence),
        "facts_id": f"ethereum:{pool}:facts:{sequence}",
        "sequence": sequence,
        "trigger": "launch",
        "age": 60.0 * (sequence + 1),
        "venue": "uniswap-v2",
        "name": "Pepe Classic",
        "symbol": "PEPEC",
        "token_address": "0x00000000000000000000000000000000000000bb",
        "liquidity": 10.0,
        "liquidity_max": 10.0,
        "quote_symbol": "WETH",
        "probability": 0.93,
        "threshold": 0.8,
        "evidence": [
            Evidence(fact="holders.lp_top_share", value="1.00", weight=0.31),
            Evidence(fact="trading.sells", value="0", weight=0.12),
            Evidence(fact="liquidity.removed", value="2.5 WETH", weight=-0.05),
            Evidence(fact="trading.buys", value="14", weight=0.01),
        ],
        "analysis": "One account can take all of the liquidity, and nobody has sold yet.",
        "bundle": "nano-1",
        "prompt_version": 1,
        "facts_hash": "00ff",
        "coverage": 0.9,
        "scored_at": LAUNCHED_AT + timedelta(seconds=1),
    }
    return Verdict(**{**fields, **changes})


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
