"""Labels of kinds come from what took the reserve, and only where somebody could tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.enrich.fold import Fold
from streams.events import Finding, Launch, Sync
from tests.unit.heft_model.making import facts, many
from trainer.dataset import Example, check_examples, even, shared_out, told_of, weighed
from trainer.labels import Outcome, kinds_ahead, observe
from trainer.mixtures import codes_on_pools

START = datetime(2021, 1, 1, tzinfo=UTC)
Reserves = tuple[float, float]


def outcome_of(*reserves: Reserves) -> Outcome:
    """What came of a pool with these reserves of token and quote, a minute apart."""
    fold, outcomes = Fold(schedule=()), dict[str, Outcome]()
    at = START
    fold.feed(
        Launch(
            chain="ethereum", pool="0x1", block=1, log_index=0, at=at, venue="v", token_is_0=True
        )
    )
    for number, (token, quote) in enumerate(reserves):
        at += timedelta(minutes=1)
        event = Sync(
            chain="ethereum", pool="0x1", block=2 + number, log_index=0, at=at,
            reserve0=int(token * 10**18), reserve1=int(quote * 10**18),
        )  # fmt: skip
        fold.feed(event)
        observe(fold, event, outcomes)
    return outcomes["ethereum:0x1"]


@pytest.mark.parametrize(
    ("reserves", "pulled"),
    [
        ([(100, 10), (50, 20), (1, 0.4)], True),  # both sides leave together
        ([(100, 10), (50, 20), (5000, 0.2)], False),  # tokens come, quote leaves
        ([(100, 10), (150, 6.7), (3, 0.13)], True),  # a sale, then the pull of most
        ([(100, 10), (1, 0.1), (100, 10), (9000, 0.1)], False),  # refilled, and dumped at last
        ([(100, 10), (50, 20)], None),
    ],
)
def test_a_fall_is_what_took_most_of_it(reserves: list[Reserves], pulled: bool | None) -> None:
    """Removals against sales since the peak; nothing is said of a pool that did not fall."""
    assert outcome_of(*reserves).pulled is pulled


def test_only_rugs_have_a_way_of_rugging() -> None:
    """A dossier of a pool that recovers says nothing of how it would fall."""
    dossier = facts()
    alive = {dossier.key: Outcome(launched=0.0, pulled=True)}
    rug = {dossier.key: Outcome(launched=0.0, pulled=True, last_drained=9e9)}
    assert kinds_ahead(dossier, alive) == {}
    assert kinds_ahead(dossier, rug) == {"liquidity-pull": True}


def test_kinds_alone_weigh_their_share() -> None:
    """However many they are, examples of kinds are the stated share of what is taught."""
    rugs = [Example(each, label=True) for each in many(10)]
    codes = even([Example(facts(n), label=False, told=False) for n in range(50, 90)])
    shared = shared_out(weighed([*rugs, *codes], drained=1, half_life=timedelta(days=9)), 0.2)
    weight = sum(e.weight for e in shared if not e.told) / sum(e.weight for e in shared)
    assert weight == pytest.approx(0.2)


def test_a_pool_learns_of_its_token() -> None:
    """By its address, in any case; another's answer is none of its business."""
    example = Example(facts(token_address="0xAb" + "0" * 38), label=True)
    assert told_of(example, {"0xab" + "0" * 38: True}).kinds == {"honeypot": True}
    assert told_of(example, {"0x" + "1" * 40: True}).kinds == {}


def test_codes_are_put_on_pools_of_their_time() -> None:
    """The pool keeps its outcome, the traps are the code's, and no example is of another time."""
    pools = [
        Example(
            facts(n, launched_at=START + timedelta(days=n), at=START + timedelta(days=n, hours=1)),
            label=bool(n % 2),
            kinds={"liquidity-pull": True, "honeypot": True},
        )
        for n in range(40)
    ]
    found = {"contract.code_size": Finding(source="bytecode", block=0, value=9.0)}
    code = msgspec.structs.replace(pools[20].facts, findings=found)
    codes = [Example(code, label=False, kinds={"honeypot": False}, told=False)]
    mixed = codes_on_pools(pools, codes, copies=8)
    assert len(mixed) == 8
    assert all(e.facts.findings == found and e.told for e in mixed)
    assert all(e.kinds == {"liquidity-pull": True, "honeypot": False} for e in mixed)
    labels = {e.facts.key: e.label for e in pools}
    assert all(e.label == labels[e.facts.key] for e in mixed)
    check_examples([*pools, *mixed], now=datetime.now(UTC))
