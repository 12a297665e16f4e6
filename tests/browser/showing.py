"""The real page with made-up tokens on it, served: for the browser's tests and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal
from prometheus_client import CollectorRegistry, Counter, Gauge

from alerts.example import example, example_verdict
from alerts.secret import Secret
from daemon.health import listen, serve, url_of
from daemon.page.api import page_app
from daemon.page.board import Board, News, Summary
from daemon.page.feedback import Desk
from daemon.page.hub import Hub
from daemon.page.vitals import Vitals
from heft_model.registry import Registry
from heft_model.traps import traps_in
from streams.clock import SystemClock
from streams.finding import Finding
from streams.labels import Label
from tests.unit.daemon.page.test_board import dossier_of

__all__ = ["TOKEN", "TRAPPED", "Showing", "alert_on", "showing"]

TOKEN = "a-token-of-the-tests"
TRAPPED = "0x00000000000000000000000000000000000000a0"
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NAMES = (
    ("Harbor Lantern", "LAMP", 0.06),
    ("Velvet Comet", "VCOM", 0.93),
    ("Copper Kettle", "KETL", 0.11),
    ("Quiet Meadow", "MEADOW", 0.24),
    ("Amber Walrus", "WALRUS", 0.9),
    ("<b>Free</b> pordri", "FREE", 0.88),
    ("Tidal Loom", "LOOM", 0.19),
    ("Sapphire Otter", "OTTR", 0.97),
    ("Paper Sparrow", "SPRW", 0.31),
    ("Moonlit Teapot", "TEA", 0.91),
)
AGES = ((300.0, "5m", 0.71), (3_600.0, "1h", 0.88), (21_600.0, "6h", 0.93))
SEEN: dict[str, bool | float | str] = {
    "trade.can_buy": True,
    "trade.can_sell": False,
    "trade.buy_tax": 0.02,
    "trade.reason": "TransferHelper: TRANSFER_FROM_FAILED",
    "contract.is_verified_shape": False,
    "owner.can_mint": True,
    "locks.burnt_share": 0.0,
    "holders.count": 14,
}
FINDINGS = {
    name: Finding(
        source="simulation" if name.startswith("trade") else "call", block=21_000_000, value=value
    )
    for name, value in SEEN.items()
} | {"deployer.age": Finding(source="call", block=21_000_000, why="no node here serves ots_")}


def pool_of(number: int) -> str:
    """The address of one made-up pool."""
    return f"0x{0xB0 + number:040x}"


def alert_on(number: int, name: str) -> News:
    """An alert that is raised on a new token."""
    at = AT + timedelta(days=1, seconds=number)
    pool = pool_of(100 + number)
    return example(at, pool=pool, name=name, symbol="NEW", facts_id=f"ethereum:{pool}:facts:1")


def trapped() -> list[News]:
    """A token whose sale fails: its dossiers and verdicts at three ages, and its alert."""
    told: list[News] = []
    traps = traps_in(FINDINGS)
    for sequence, (age, trigger, probability) in enumerate(AGES):
        verdict = example_verdict(
            AT + timedelta(seconds=age),
            pool=TRAPPED,
            name="Glass Pineapple",
            symbol="GPINE",
            facts_id=f"ethereum:{TRAPPED}:facts:{sequence}",
            sequence=sequence,
            trigger=trigger,
            age=age,
            probability=probability,
            traps=traps,
            liquidity=(10.0, 15.7, 27.3)[sequence],
        )
        facts = msgspec.structs.replace(dossier_of(verdict), pool=TRAPPED, findings=FINDINGS)
        told += [facts, verdict]
    alert = example(
        AT + timedelta(minutes=5), pool=TRAPPED, name="Glass Pineapple", symbol="GPINE", traps=traps
    )
    return [*told, alert]


def others() -> list[News]:
    """Tokens of several risks, half an hour apart; the risky ones are alerted."""
    told: list[News] = []
    for number, (name, symbol, probability) in enumerate(NAMES):
        at, pool = AT + timedelta(minutes=30 * number), pool_of(number)
        said = {"pool": pool, "name": name, "symbol": symbol, "probability": probability}
        verdict = example_verdict(
            at, **said, facts_id=f"ethereum:{pool}:facts:1", age=60.0 * (3 + 40 * number)
        )
        told.append(verdict)
        if probability >= verdict.threshold:
            told.append(example(at, **said, facts_id=verdict.facts_id))
    return told


class Showing:
    """A page that is served."""

    def __init__(self, portal: BlockingPortal, url: str, board: Board, hub: Hub) -> None:
        self.url = url
        self.labels: list[Label] = []
        """What its buttons have written."""
        self._portal = portal
        self._board, self._hub = board, hub

    def tell(self, event: News) -> None:
        """Something happens now."""

        def note() -> Summary:
            summary = self._board.note(event)
            self._hub.tell(str(event.__struct_config__.tag), summary)
            return summary

        self._portal.call(note)


@contextmanager
def showing() -> Iterator[Showing]:
    """Serve it until the block ends."""
    board, hub, metrics = Board(), Hub(), CollectorRegistry()
    for event in [*others(), *trapped()]:
        board.note(event)
    _count(metrics)
    listener = listen("page", "127.0.0.1", 0)
    with start_blocking_portal() as portal:
        shown = Showing(portal, url_of(listener), board, hub)

        async def take(label: Label) -> None:
            shown.labels.append(label)

        registry = Registry(Path("no-such-folder"))
        desk = Desk(Secret(TOKEN), take, SystemClock())
        gone = "http://127.0.0.1:9/metrics"
        app = page_app(
            board, hub, registry.versions, desk=desk, vitals=Vitals([gone], metrics).health
        )
        served = portal.start_task_soon(serve, app, listener)
        yield shown
        served.cancel()


def _count(registry: CollectorRegistry) -> None:
    """Figures as a process of ours has them."""
    head = Gauge("heft_source_head_seconds", ".", ["source"], registry=registry)
    head.labels("evm-ethereum").set(datetime.now(UTC).timestamp() - 14)
    lag = Gauge("heft_stage_lag_records", ".", ["stage"], registry=registry)
    handled = Counter("heft_stage_records_total", ".", ["stage"], registry=registry)
    for stage, records in (("enrich", 1_717_361), ("score", 50_929), ("alert", 50_929)):
        lag.labels(stage).set(0)
        handled.labels(stage).inc(records)
    latency = Gauge("heft_rpc_endpoint_seconds", ".", ["chain", "endpoint"], registry=registry)
    latency.labels("ethereum", "wss://node.example").set(0.041)
