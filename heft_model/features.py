"""What the model is told of a launch: one row a fact, with how it is computed and how it is said.

The only place that turns a dossier into numbers. A bundle picks its rows by name (``prompt.json``),
so that a row may be added here without touching the bundles that exist; a row whose meaning
changes gets a new name, or ``PROMPT_VERSION`` moves. Names of plain facts are their path in the
published ``Facts`` schema. No row is log scaled: the prompt cuts values at quantiles, which no
monotone scale moves. A number that ``Facts.missing`` names is unknown, whatever stands there: a
dossier that somebody gave in part has placeholders (``heft_model.partial``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec
from msgspec import UNSET

from streams.errors import Invalid
from streams.events import Facts

__all__ = ["CODE", "FEATURES", "FOUND", "Feature", "Unit", "feature", "measure"]

Unit = Literal["amount", "count", "ratio", "seconds", "share", "yes"]
"""``amount`` is in whole quote units, ``share`` within 0..1, ``ratio`` has no upper end."""

MAX_DECIMALS = 255
"""ERC-20 ``decimals`` is a ``uint8``; more would only make us compute huge powers of ten."""

STABLECOINS = frozenset({"BUSD", "DAI", "FRAX", "TUSD", "USDC", "USDT"})


class Feature(msgspec.Struct, frozen=True):
    """One fact as the model gets it: a number, or ``None`` where it is unknown."""

    name: str
    value: Callable[[Facts], float | None]
    unit: Unit
    phrase: str
    """How people read it: a clause with ``{}`` where the value goes."""
    reads: tuple[str, ...] = ()
    """The paths of the dossier that it is computed from; its own name, where there are none."""


def measure(facts: Facts, names: Sequence[str]) -> dict[str, float | None]:
    """The named features of a dossier; raises ``Invalid`` for a name or number beyond use."""
    return {name: _finite(name, feature(name), facts) for name in names}


def feature(name: str) -> Feature:
    """The row called ``name``; raises ``Invalid`` when this version has none."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise Invalid(f"fact {name!r} is not known here: upgrade heft", reason="fact") from None


def _lacks(row: Feature, missing: Mapping[str, str]) -> bool:
    """Whether anything that the fact is computed from is missing, alone or with its group."""
    return any(
        path in missing or path.partition(".")[0] in missing for path in row.reads or (row.name,)
    )


def _finite(name: str, row: Feature, facts: Facts) -> float | None:
    if facts.missing and _lacks(row, facts.missing):
        return None
    try:
        value = row.value(facts)
        value = None if value is None else float(value)
    except OverflowError:
        value = math.inf
    if value is not None and not math.isfinite(value):
        raise Invalid(f"fact {name} of {facts.id} is not a finite number", reason="not-finite")
    return value


def _walk(path: tuple[str, ...], facts: Facts) -> float | None:
    """The value at ``path``; ``None`` as soon as a step of it is unknown."""
    value: object = facts
    for step in path:
        value = getattr(value, step)
        if value is UNSET:
            return None
    return value  # type: ignore[return-value]  # every path below ends at a number


def _plain(path: str, unit: Unit, phrase: str) -> Feature:
    return Feature(path, partial(_walk, tuple(path.split("."))), unit, phrase)


def _over(part: float, whole: float) -> float | None:
    """A quotient, unknown while there is nothing to divide by."""
    return part / whole if whole > 0 else None


def _supply(facts: Facts) -> float | None:
    """Whole tokens in existence; unknown without the decimals to tell."""
    supply, decimals = facts.token.total_supply, facts.token.decimals
    if not isinstance(supply, int) or not isinstance(decimals, int):
        return None
    return float(supply // 10**decimals) if 0 <= decimals <= MAX_DECIMALS else None


def _trades(facts: Facts) -> int:
    return facts.trading.buys + facts.trading.sells


def _stable(facts: Facts) -> float | None:
    if facts.quote_symbol is UNSET:
        return None
    return float(facts.quote_symbol in STABLECOINS)


def _found(name: str, unit: Unit, phrase: str) -> Feature:
    """What an examination found: a number, yes or no; an address is somebody, so yes."""

    def value(facts: Facts) -> float | None:
        found = facts.findings.get(name)
        if found is None or found.value is UNSET:
            return None
        return float(bool(found.value)) if isinstance(found.value, str) else float(found.value)

    return Feature(f"found.{name}", value, unit, phrase)


_TRADES = ("trading.buys", "trading.sells")
_VOLUMES = ("trading.buy_volume", "trading.sell_volume")

CODE: tuple[Feature, ...] = (
    _found("contract.code_size", "count", "its code has {} bytes"),
    _found("contract.functions", "count", "its code has {} functions"),
    *(
        _found(f"contract.opcodes.{name}", "count", f"its code has {name.upper()} {{}} times")
        for name in ("sload", "sstore", "caller", "timestamp", "log3", "call", "revert")
    ),
)
"""What the contract's bytecode shows by itself, as examinations find it (``streams.checks``)."""

FEATURES: tuple[Feature, ...] = (
    _plain("age", "seconds", "it is {} old"),
    # The money in the pool, and how its providers moved it.
    _plain("liquidity.reserve", "amount", "the pool holds {}"),
    _plain("liquidity.reserve_initial", "amount", "it opened with {}"),
    _plain("liquidity.reserve_max", "amount", "it held {} at its peak"),
    _plain("liquidity.added", "amount", "{} of liquidity was added"),
    _plain("liquidity.removed", "amount", "{} of liquidity was removed"),
    _plain("liquidity.adds", "count", "liquidity was added {} times"),
    _plain("liquidity.removes", "count", "liquidity was removed {} times"),
    _plain("liquidity.largest_removal_share", "share", "one removal took {} of the pool"),
    _plain("liquidity.seconds_since_removal", "seconds", "liquidity was last removed {} ago"),
    Feature(
        "reserve_to_max",
        lambda f: _over(f.liquidity.reserve, f.liquidity.reserve_max),
        "share",
        "the pool holds {} of its peak",
        ("liquidity.reserve", "liquidity.reserve_max"),
    ),
    Feature(
        "reserve_to_initial",
        lambda f: _over(f.liquidity.reserve, f.liquidity.reserve_initial),
        "ratio",
        "the pool holds {} times what it opened with",
        ("liquidity.reserve", "liquidity.reserve_initial"),
    ),
    Feature(
        "removed_to_added",
        lambda f: _over(f.liquidity.removed, f.liquidity.added),
        "ratio",
        "{} times the liquidity added has been removed",
        ("liquidity.removed", "liquidity.added"),
    ),
    # Trades.
    _plain("trading.buys", "count", "it was bought {} times"),
    _plain("trading.sells", "count", "it was sold {} times"),
    _plain("trading.buys_last_hour", "count", "it was bought {} times in the last hour"),
    _plain("trading.sells_last_hour", "count", "it was sold {} times in the last hour"),
    _plain("trading.buys_first_block", "count", "it was bought {} times in its first block"),
    _plain("trading.buy_volume", "amount", "buyers paid {} in all"),
    _plain("trading.sell_volume", "amount", "sellers took {} in all"),
    _plain("trading.largest_buy", "amount", "the largest buy paid {}"),
    _plain("trading.largest_sell_share", "share", "one sale took {} of the pool"),
    _plain("trading.buyers", "count", "{} different accounts bought"),
    Feature(
        "sells_share",
        lambda f: _over(f.trading.sells, _trades(f)),
        "share",
        "{} of its trades are sales",
        _TRADES,
    ),
    Feature(
        "sold_to_bought",
        lambda f: _over(f.trading.sell_volume, f.trading.buy_volume),
        "ratio",
        "sellers took {} times what buyers paid",
        _VOLUMES,
    ),
    Feature(
        "largest_buy_to_initial",
        lambda f: _over(f.trading.largest_buy, f.liquidity.reserve_initial),
        "ratio",
        "the largest buy was {} times the opening liquidity",
        ("trading.largest_buy", "liquidity.reserve_initial"),
    ),
    Feature(
        "volume_to_max",
        lambda f: _over(f.trading.buy_volume + f.trading.sell_volume, f.liquidity.reserve_max),
        "ratio",
        "{} times the peak liquidity was traded",
        (*_VOLUMES, "liquidity.reserve_max"),
    ),
    Feature(
        "volume_per_trade",
        lambda f: _over(f.trading.buy_volume + f.trading.sell_volume, _trades(f)),
        "amount",
        "a trade moves {} on average",
        (*_VOLUMES, *_TRADES),
    ),
    # The path of the price.
    _plain("trading.price_to_initial", "ratio", "the price is {} times the first"),
    _plain("trading.price_to_max", "share", "the price is {} of its peak"),
    _plain("trading.price_to_hour_ago", "ratio", "the price is {} times that of an hour ago"),
    _plain("trading.price_volatility", "ratio", "a trade moves the log price by {} typically"),
    # The rhythm.
    _plain("trading.seconds_to_first_buy", "seconds", "the first buy came after {}"),
    _plain("trading.seconds_to_first_sell", "seconds", "the first sale came after {}"),
    _plain("trading.seconds_since_trade", "seconds", "it was last traded {} ago"),
    _plain("trading.seconds_since_sell", "seconds", "it was last sold {} ago"),
    # Who can pull the liquidity.
    _plain("holders.lp_holders", "count", "{} accounts hold LP tokens"),
    _plain("holders.lp_top_share", "share", "one account holds {} of the LP tokens"),
    _plain("holders.lp_burnt_share", "share", "{} of the LP tokens are burnt"),
    _plain("holders.lp_locked_share", "share", "{} of the LP tokens are locked"),
    _plain("holders.lp_removed_share", "share", "{} of the LP tokens were redeemed"),
    _plain("holders.lp_mints", "count", "LP tokens were minted {} times"),
    _plain("holders.lp_burns", "count", "LP tokens were redeemed {} times"),
    _plain("holders.lp_transfers", "count", "LP tokens changed hands {} times"),
    _plain("holders.seconds_since_lp_move", "seconds", "LP tokens last moved {} ago"),
    # The token itself.
    _plain("token.decimals", "count", "the token has {} decimals"),
    _plain("token.pooled_share", "share", "{} of the supply was put in the pool"),
    Feature(
        "supply",
        _supply,
        "count",
        "there are {} tokens",
        ("token.total_supply", "token.decimals"),
    ),
    Feature(
        "quote_is_stable", _stable, "yes", "its price is in a stablecoin: {}", ("quote_symbol",)
    ),
    *CODE,
)


FOUND: tuple[Feature, ...] = (
    _found("mint.authority", "yes", "somebody can make more of it: {}"),
    _found("mint.freeze_authority", "yes", "somebody can freeze what others hold: {}"),
    _found("mint.permanent_delegate", "yes", "somebody can take what others hold: {}"),
    _found("mint.is_default_frozen", "yes", "new holders are frozen: {}"),
    _found("mint.is_transferable", "yes", "it can be moved: {}"),
    _found("mint.is_paused", "yes", "its transfers are stopped: {}"),
    _found("mint.transfer_fee", "share", "a transfer loses {}"),
    _found("mint.next_transfer_fee", "share", "a transfer will lose {}"),
    _found("mint.transfer_hook", "yes", "another program decides on transfers: {}"),
    _found("mint.changed", "yes", "its maker changed it since the launch: {}"),
    _found("metadata.is_mutable", "yes", "its name can be changed: {}"),
    _found("curve.progress", "share", "{} of its curve is sold"),
    _found("bundle.wallets", "count", "{} wallets bought before anybody could see it"),
    _found("bundle.share", "share", "they bought {} of it"),
    _found("insiders.share", "share", "wallets of one hand hold {}"),
    _found("holders.top10_share", "share", "ten accounts hold {}"),
    _found("holders.creator_share", "share", "its creator holds {}"),
    _found("lp.burnt_share", "share", "{} of its liquidity is burnt"),
    _found("trade.can_sell", "yes", "a trial sale works: {}"),
)
"""Rows that a bundle may name once it is taught on examinations. They are in no default recipe: of
the recordings that there are, none was examined, and a fact that is never known teaches nothing."""

_BY_NAME = {row.name: row for row in (*FEATURES, *FOUND)}
