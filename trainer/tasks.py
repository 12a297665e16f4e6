"""The sets that ``heft eval`` knows: how each is read, ruled, taught and what was published of it.

Rules are in the style of today's scanners: words and thresholds that a person wrote down, none
fitted. Published figures are quoted with the split that they were made on; it is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.errors import Invalid
from trainer.detectors import Trees
from trainer.network import NetworkSettings
from trainer.sources import janitr, pools, tm_rugpull, trapdoor
from trainer.sources.table import Table

__all__ = ["TASKS", "Published", "Task", "task_named"]

Floats = NDArray[np.float64]


class Published(NamedTuple):
    """A figure that others state."""

    who: str
    auc: float
    split: str


class Task(NamedTuple):
    """One set and how it is judged."""

    name: str
    load: Callable[[Path], Table]
    rules: Callable[[Table], Floats]
    network: NetworkSettings
    headline: tuple[str, str] | None
    """The slice whose figures stand for the whole (a dossier counts once there); ``None``: all."""
    published: tuple[Published, ...] = ()
    load_after: Callable[[Path, Path], Table] | None = None
    """Reads a judged folder with the teaching one as its past, where a row's past is a fact."""
    trees: Trees = "boosting"
    """Which trees the stack holds.

    Pools' newest launches are few; on four later windows of part 2 the mean of network and forest
    came to AUC .842 / .840 / .836, of network and boosting to .828 / .834 / .828."""
    stale: bool = False
    """Whether a model of launches 120 days older than the newest is shown beside."""


def task_named(name: str) -> Task:
    """Raises ``Invalid`` for a name that is none, and says those that are."""
    if name not in TASKS:
        raise Invalid(f"no task {name!r}: choose from {', '.join(TASKS)}", reason="usage")
    return TASKS[name]


def _word_rules(words: Mapping[str, float]) -> Callable[[Table], Floats]:
    """The sum of what each word that stands in a text weighs."""

    def score(table: Table) -> Floats:
        lowered = (set(text.lower().split()) for text in table.texts)
        return np.array([sum(words[word] for word in told & words.keys()) for told in lowered])

    return score


def _column(table: Table, name: str, unknown: float = 0.0) -> Floats:
    return np.nan_to_num(table.numbers[:, table.names.index(name)], nan=unknown)


def _trapdoor_rules(table: Table) -> Floats:
    """A copied name or symbol, odd decimals, a supply that is not round."""
    copied = (_column(table, "earlier_name") > 0) + (_column(table, "earlier_symbol") > 0)
    return np.asarray(
        1.0 * copied
        + 0.5 * (_column(table, "decimals", 18) != 18)
        + 0.5 * (_column(table, "supply_round") == 0),
        dtype=np.float64,
    )


def _pool_rules(table: Table) -> Floats:
    """LP tokens in one hand and not locked, nobody sells, little money, a falling price."""
    safe = _column(table, "holders.lp_burnt_share") + _column(table, "holders.lp_locked_share")
    return np.asarray(
        1.0 * ((_column(table, "holders.lp_top_share", 1) > 0.9) & (safe < 0.5))
        + 1.0 * (_column(table, "trading.sells") == 0)
        + 1.0 * (_column(table, "liquidity.reserve") < 5)
        + 0.5 * (_column(table, "trading.price_to_max", 1) < 0.5)
        + 0.5 * (_column(table, "liquidity.removed") > 0),
        dtype=np.float64,
    )


_SOURCE_RULES = _word_rules(
    {
        "mint": 1.0,
        "_mint": 0.2,
        "blacklist": 1.0,
        "isblacklisted": 1.0,
        "isbot": 1.0,
        "bots": 0.5,
        "settaxfeepercent": 1.0,
        "setfee": 1.0,
        "excludefromfee": 0.5,
        "_maxtxamount": 0.5,
        "tradingopen": 1.0,
        "opentrading": 1.0,
        "swapandliquify": 0.5,
        "pause": 0.5,
        "selfdestruct": 1.0,
        "delegatecall": 0.5,
    }
)
_POST_RULES = _word_rules(
    dict.fromkeys(
        (
            "airdrop",
            "giveaway",
            "presale",
            "dm",
            "100x",
            "1000x",
            "guaranteed",
            "profit",
            "signals",
        ),
        1.0,
    )
    | dict.fromkeys(("linkto", "telegram", "join", "free", "claim", "follow"), 0.5)
)
_AUTHORS = "the authors' own split; quoted, not rerun"

TASKS = {
    task.name: task
    for task in (
        Task(
            name="tm_rugpull",
            load=tm_rugpull.load,
            rules=_SOURCE_RULES,
            network=NetworkSettings(),
            headline=None,
            published=(
                Published("Forta rules", 0.529, _AUTHORS),
                Published("CRPWarner", 0.538, _AUTHORS),
                Published("CodeBERT", 0.755, _AUTHORS),
                Published("TM-RugPull ensemble", 0.792, _AUTHORS),
            ),
        ),
        Task(
            name="trapdoor",
            load=trapdoor.load,
            load_after=trapdoor.load_after,
            rules=_trapdoor_rules,
            network=NetworkSettings(words=24, steps=120),
            headline=None,
        ),
        Task(
            name="uniswap_v2_pool_events",
            load=pools.load_uniswap,
            rules=_pool_rules,
            network=NetworkSettings(steps=120),
            headline=("age", "1h"),
            trees="forest",
            stale=True,
        ),
        Task(
            name="sushiswap_polygon",
            load=pools.load_sushiswap,
            rules=_pool_rules,
            network=NetworkSettings(steps=120),
            headline=("age", "24h"),
            trees="forest",
        ),
        Task(
            name="janitr_social",
            load=janitr.load,
            rules=_POST_RULES,
            network=NetworkSettings(steps=150),
            headline=None,
        ),
    )
}
