"""An alert as the policy makes it, of a made-up token: for trying receivers and for the docs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.messages import follow
from alerts.policy import PolicySettings, decide
from streams.events import Alert, Evidence, Verdict

__all__ = ["example", "example_verdict"]

POOL = "0x00000000000000000000000000000000000000aa"


def example(at: datetime, **changes: Any) -> Alert:
    """The alert that a verdict with these changes raises, at this moment."""
    verdict = example_verdict(at, **changes)
    everything = PolicySettings(threshold=0.0, minimum_age=0.0)
    alerts, _ = follow(decide(verdict, None, everything), verdict, None)
    return alerts[0]


def example_verdict(at: datetime, /, **changes: Any) -> Verdict:
    """A verdict on a young pool that holds 10 WETH and will surely rug."""
    fields: dict[str, Any] = {
        "chain": "ethereum",
        "pool": POOL,
        "block": 1,
        "log_index": 0,
        "at": at,
        "facts_id": f"ethereum:{POOL}:facts:1",
        "sequence": 1,
        "trigger": "5m",
        "age": 300.0,
        "venue": "uniswap-v2",
        "name": "Example",
        "symbol": "EXMPL",
        "token_address": "0x00000000000000000000000000000000000000bb",
        "creator": "0x00000000000000000000000000000000000000cc",
        "liquidity": 10.0,
        "liquidity_max": 10.0,
        "quote_symbol": "WETH",
        "probability": 0.93,
        "threshold": 0.8,
        "evidence": [
            Evidence(fact="holders.lp_top_share", value="1.00", weight=0.31),
            Evidence(fact="trading.sells", value="0", weight=0.12),
            Evidence(fact="trading.buys", value="14", weight=0.05),
        ],
        "analysis": "One account can take all of the liquidity, and nobody has sold yet.",
        "bundle": "example",
        "prompt_version": 1,
        "facts_hash": "00",
        "coverage": 0.9,
        "unknown": ["token.total_supply", "trading.buyers", "trading.seconds_to_first_sell"],
        "scored_at": at,
    }
    return Verdict(**(fields | changes))
