"""Findings to traps: what was seen to work is proven, what only could be is a warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.traps import traps_in
from streams.events import Finding


def known(**values: bool | float | str) -> dict[str, Finding]:
    """Findings by name, dots written as two underscores."""
    return {
        name.replace("__", "."): Finding(source="simulation", block=7, value=value)
        for name, value in values.items()
    }


def kinds(**values: bool | float | str) -> list[tuple[str, bool]]:
    """The traps that these show."""
    return [(trap.kind, trap.proven) for trap in traps_in(known(**values))]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"trade__can_buy": True, "trade__can_sell": False}, [("honeypot", True)]),
        ({"trade__can_buy": False, "trade__can_sell": False}, []),
        ({"trade__can_sell": False}, []),
        ({"trade__sell_tax": 0.5}, [("ruinous-sell-tax", True)]),
        ({"trade__sell_tax": 0.49}, []),
        ({"trade__buy_tax": 0.9}, [("ruinous-buy-tax", True)]),
        (
            {"trade__holders_tested": 3.0, "trade__holders_failed": 0.5},
            [("holders-cannot-sell", True)],
        ),
        ({"trade__holders_tested": 2.0, "trade__holders_failed": 1.0}, []),
        ({"contract__can_mint": True, "owner__renounced": False}, [("mintable", False)]),
        ({"contract__can_mint": True, "owner__renounced": True}, []),
        (
            {"contract__can_mint": True, "owner__renounced": True, "owner__is_hidden": True},
            [("mintable", False)],
        ),
        ({"token__impersonates": "USDT"}, [("impersonation", False)]),
        ({"token__impersonates": False}, []),
        ({"deployer__past_rugs": 1.0}, [("deployer-rugged", False)]),
        ({}, []),
    ],
)
def test_each_rule_holds_where_it_says(
    values: dict[str, bool | float | str], expected: list[tuple[str, bool]]
) -> None:
    """Each family of traps, its honest twin, and the thresholds between them."""
    assert kinds(**values) == expected


def test_what_is_unknown_proves_nothing() -> None:
    """An answer that could not be had is neither yes nor no."""
    why = Finding(source="simulation", block=7, why="not answered within 2 s")
    found = known(trade__can_buy=True) | {"trade.can_sell": why}
    assert traps_in(found) == []


def test_a_trap_carries_what_it_follows_from() -> None:
    """The findings behind it travel along, known ones only, and the proven come first."""
    found = known(
        trade__can_buy=True, trade__can_sell=False, trade__reason="cooldown",
        contract__has_selfdestruct=True,
    )  # fmt: skip
    honeypot, destruct = traps_in(found)
    assert set(honeypot.evidence) == {"trade.can_buy", "trade.can_sell", "trade.reason"}
    assert (destruct.kind, destruct.proven) == ("selfdestruct", False)


@given(
    st.dictionaries(
        st.sampled_from(
            ["trade.can_buy", "trade.can_sell", "trade.sell_tax", "token.impersonates",
             "contract.can_mint", "owner.renounced", "deployer.past_rugs", "lp.creator_share"]
        ),
        st.one_of(st.booleans(), st.floats(allow_nan=False), st.text(max_size=5)),
    )
)  # fmt: skip
def test_findings_of_any_kind_are_read(values: dict[str, bool | float | str]) -> None:
    """A value of another type than expected is no trap, and no error."""
    found = {name: Finding(source="call", block=1, value=value) for name, value in values.items()}
    assert all(trap.evidence for trap in traps_in(found))
