"""What is said of a launch in its dossier: windows, moments, and unknown while nobody listens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.enrich.fold import Fold
from streams.enrich.talk import MOST_SAID, Said, findings_of, with_mention
from streams.events import Activity, Facts, Head, Launch, Listening, Market, Mention, encode
from streams.markets import Worth
from tests.unit.streams.activity import Script, head

(LAUNCH,) = (
    each for each in Script(quote_symbol="WETH").launch().events if isinstance(each, Launch)
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def mention(
    seconds: float, number: int, *, author: int = 0, copy: str = "", **more: object
) -> Mention:
    """A word on the script's pool, heard when it was said."""
    at = LAUNCH.at + timedelta(seconds=seconds)
    return Mention(
        chain=LAUNCH.chain,
        pool=LAUNCH.pool,
        feed="x",
        post=f"{number:016x}",
        author=f"{author:016x}",
        how="address",
        said_at=at,
        at=at,
        copy=copy or f"{number:016x}",
        **more,  # type: ignore[arg-type]
    )


def listening(seconds: float, since: float = -90_000) -> Listening:
    """The feeds are heard."""
    return Listening(at=LAUNCH.at + timedelta(seconds=seconds), feeds=["x"],
                     since=LAUNCH.at + timedelta(seconds=since))  # fmt: skip


def dossiers(*beside: Activity) -> list[Facts]:
    """A launch, what stands beside it, and heads up to an hour and more."""
    fold, facts = Fold(), list[Facts]()
    for event in Script(quote_symbol="WETH").launch().sync(0, 10, 1000).events:
        fold.feed(event, facts)
    for event in beside:
        fold.feed(event, facts)
    fold.feed(head(3_700), facts)
    return facts


def value(facts: Facts, name: str) -> object:
    """A finding's value."""
    return facts.findings[name].value


def test_nothing_is_known_while_nobody_listens() -> None:
    """Without a word of the feeds, what is said is unknown as a whole, whatever was mentioned."""
    for facts in dossiers(mention(10, 1)):
        assert "social" in facts.missing
        assert not any(name.startswith("social.") for name in facts.findings)


def test_a_dossier_knows_only_what_was_said_by_its_moment() -> None:
    """A mention after five minutes is in the dossier of an hour and not in that of five minutes."""
    told = dossiers(listening(200), mention(100, 1), mention(400, 2), listening(3_500))
    by_trigger = {facts.trigger: facts for facts in told}
    assert value(by_trigger["5m"], "social.mentions_10m") == 1.0
    assert value(by_trigger["1h"], "social.mentions_1h") == 2.0
    assert "social" not in by_trigger["5m"].missing


def test_a_window_that_began_before_we_listened_is_unknown() -> None:
    """Ten minutes are known, an hour is not, when the feeds are on for a quarter of an hour."""
    (facts,) = [f for f in dossiers(listening(3_590, since=2_700)) if f.trigger == "1h"]
    assert facts.findings["social.mentions_10m"].known
    assert "less than 60 min" in facts.findings["social.mentions_1h"].why


def test_a_burst_of_copies_makes_a_dossier_once() -> None:
    """Five accounts that say the same within ten minutes; the sixth changes nothing."""
    said = [mention(60 + n, n, author=n, copy="c" * 16, scam=0.9, promises=True) for n in range(6)]
    told = [facts for facts in dossiers(listening(50), *said) if facts.trigger == "mentioned"]
    assert len(told) == 0  # the chain's clock has not passed them
    early: list[Activity] = [
        listening(0),
        *(mention(0, n, author=n, copy="c" * 16) for n in range(6)),
    ]
    told = [facts for facts in dossiers(*early) if facts.trigger == "mentioned"]
    assert len(told) == 1
    assert value(told[0], "social.burst_1h") is True
    assert value(told[0], "social.burst_authors_1h") == 5.0


def test_a_deleted_post_leaves_nothing() -> None:
    """Neither its mention nor its numbers."""
    said = mention(10, 1)
    gone = Mention(
        **{name: getattr(said, name) for name in said.__struct_fields__} | {"deleted": True}
    )
    kept = with_mention(with_mention([], said), gone)
    assert kept == []


@given(st.lists(st.tuples(st.integers(0, 7_000), st.integers(0, 20)), max_size=60))
def test_numbers_are_those_of_the_window(said: list[tuple[int, int]]) -> None:
    """Counted anew from the list of what was said, for any times in any order."""
    kept: list[Said] = []
    start = START.timestamp()
    for number, (seconds, author) in enumerate(said):
        at = START + timedelta(seconds=seconds)
        kept = with_mention(kept, Mention(
            chain="base", pool="p", feed="x", post=f"{number:016x}", author=f"{author:016x}",
            how="link", said_at=at, at=at, copy=f"{author:016x}",
        ))  # fmt: skip
    time = start + 7_000
    heard = [Listening(at=START + timedelta(seconds=6_990), since=START - timedelta(days=1))]
    found = findings_of(kept, start, heard, time, 0)
    hour = [each for each in said if time - 3_600 < start + each[0] <= time]
    ten = [each for each in said if time - 600 < start + each[0] <= time]
    before = [each for each in said if time - 1_200 < start + each[0] <= time - 600]
    assert found["social.mentions_1h"].value == len(hour)
    assert found["social.authors_1h"].value == len({author for _, author in hour})
    assert found["social.velocity_10m"].value == len(ten) / 10
    assert abs(found["social.acceleration_20m"].value - (len(ten) - len(before)) / 10) < 1e-9  # type: ignore[operator]


def test_what_is_remembered_is_bounded() -> None:
    """A pool that everybody speaks of costs no more than its newest mentions."""
    kept: list[Said] = []
    for number in range(2 * MOST_SAID):
        kept = with_mention(kept, mention(number, number))
    assert len(kept) == MOST_SAID


def test_the_market_is_in_the_dossier_as_of_its_moment() -> None:
    """The quote's worth with its age, the pool's dollars; a later word is not known earlier."""

    def word(seconds: float, usd: float) -> Market:
        at = LAUNCH.at + timedelta(seconds=seconds)
        worth = {"WETH": Worth(usd=usd, at=at - timedelta(seconds=2))}
        return Market(chain=LAUNCH.chain, at=at, coin="ETH", worth=worth)

    told = {facts.trigger: facts for facts in dossiers(word(290, 2_000.0), word(3_590, 3_000.0))}
    assert value(told["5m"], "market.quote_usd") == 2_000.0
    assert value(told["5m"], "market.quote_age_seconds") == 12.0
    assert value(told["5m"], "market.liquidity_usd") == 2_000.0 * told["5m"].liquidity.reserve
    assert value(told["1h"], "market.quote_usd") == 3_000.0
    assert "market" in told["launch"].missing
    assert isinstance(head(1), Head)
    assert encode(told["1h"])
