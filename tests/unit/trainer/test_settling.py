"""Whose word counts: people over rules, and no campaign over the chain."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.trainer.cases import case, dossier, ruling, word
from trainer.settling import audit, late_share, settle, taught, trusted


def test_people_outrank_rules_and_the_disagreement_is_kept() -> None:
    """One word against the ruling: it counts, it weighs more, it is disputed."""
    told = dossier(1)
    found = settle(case(1, rug=False, said=(word(told, "rug"),)))
    assert (found.label, found.disputed) == (True, True)
    assert found.weight > 1


def test_people_who_are_even_leave_it_to_the_rules() -> None:
    """One says rug, one false alarm; and who changes their mind counts once."""
    told = dossier(1)
    split = (word(told, "rug", "a"), word(told, "false-alarm", "b"))
    assert settle(case(1, rug=True, said=split)).label is True
    mind = (word(told, "rug", "a"), word(told, "false-alarm", "a"))
    assert settle(case(1, rug=True, said=mind)).label is False


@pytest.mark.parametrize("horizon", ["1h"])
def test_an_hour_decides_nothing(horizon: str) -> None:
    """Alive after an hour is no outcome; nor is a launch without a ruling, or an unknown one."""
    told = dossier(1)
    assert settle(case(1, ruling=ruling(told, "alive", "1h"))).label is None
    assert settle(case(1, ruling=None)).label is None
    assert settle(case(1, ruling=ruling(told, "unknown", "7d"))).label is None


def test_a_young_launch_is_taught_as_both() -> None:
    """Alive after a day: two examples share one weight, by how likely a late rug is."""
    launches = [case(n, rug=n % 2 == 0, probability=0.5) for n in range(20)]
    told = dossier(30)
    young = [
        case(30 + n, probability=p, ruling=ruling(dossier(30 + n), "alive", "24h"))
        for n, p in enumerate((0.1, 0.9))
    ]
    examples = taught([*launches, *young], late=0.3).examples
    shares = {}
    for n in range(2):
        mine = [e for e in examples if e.group == dossier(30 + n).key]
        assert [e.label for e in mine] == [True, False]
        assert sum(e.weight for e in mine) == pytest.approx(1.0)
        shares[n] = mine[0].weight
    assert 0 < shares[0] < shares[1] < 1
    assert told.key in {e.group for e in examples}


def test_late_share_counts_rugs_after_a_day() -> None:
    """Of three rugs one came late."""
    assert late_share([(0, 10), (0, 90_000), (0, 3600), (0, None)]) == pytest.approx(1 / 3)


def test_flipped_rulings_are_refused() -> None:
    """One in ten rulings is another than its dossiers give: they were not made by us."""
    launches = []
    for n in range(100):
        rug = n % 2 == 0
        told = msgspec.structs.replace(dossier(n, drained=rug), age=86_400.0)
        kind = "liquidity-pulled" if rug else "alive"
        launches.append(case(n, facts=told, ruling=ruling(told, kind)))  # type: ignore[arg-type]
    assert audit(launches) == ""
    for n in range(0, 100, 10):
        flipped = ruling(launches[n].facts, "alive")
        launches[n] = msgspec.structs.replace(launches[n], ruling=flipped)
    assert "10 of 100 rulings do not follow" in audit(launches)


def test_people_who_contradict_the_chain_at_large_are_refused() -> None:
    """One in ten launches is called the contrary of what the chain shows."""
    launches = []
    for n in range(100):
        told = msgspec.structs.replace(dossier(n, drained=True), age=86_400.0)
        said = (word(told, "false-alarm", f"who-{n}"),) if n < 10 else ()
        launches.append(case(n, facts=told, ruling=ruling(told, "liquidity-pulled"), said=said))
    assert "people contradict the chain on 10 of 100" in audit(launches)


def test_a_deployers_campaign_is_set_aside() -> None:
    """Many voices for one creator's rugs: none counts; a single honest word elsewhere does."""
    creator = "0x" + "c" * 40
    launches = []
    for n in range(8):
        told = dossier(n, creator=creator)
        launches.append(case(n, facts=told, rug=True, said=(word(told, "false-alarm", f"w{n}"),)))
    other = dossier(50)
    launches.append(case(50, facts=other, rug=True, said=(word(other, "false-alarm", "honest"),)))
    kept, told_aside = trusted(launches)
    assert [settle(each).label for each in kept] == [True] * 8 + [False]
    assert told_aside == [f"words on tokens of {creator}: against the chain on 8 pools"]


def test_one_loud_voice_is_set_aside() -> None:
    """Five contradictions by one person: all of their words go, those of others stay."""
    launches = [
        case(n, rug=True, said=(word(dossier(n), "false-alarm", "spam"), word(dossier(n), "rug")))
        for n in range(5)
    ]
    kept, told = trusted(launches)
    assert [[w.who for w in each.said] for each in kept] == [["cli:ann"]] * 5
    assert told == ["words of spam: against the chain on 5 pools"]
