"""LP balances: who can pull, by hand-computed transfers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrich.liquidity import HOLDERS_KEPT, LpBook
from streams.lockers import BURN_ADDRESSES, LOCKERS
from tests.unit.streams.activity import ANN, BEN, CEM, DEAD, LOCKER, POOL, ZERO

TEAM_FINANCE = "0xe2fe530c047f2d85298b07d9333c05737f1435fb"


def book_of(*moves: tuple[str, str, int]) -> LpBook:
    """The book after these transfers, one a second."""
    book = LpBook()
    for time, (sender, to, value) in enumerate(moves):
        book.move(sender, to, value, POOL, float(time))
    return book


FIRST_DEPOSIT = ((ZERO, ZERO, 1000), (ZERO, ANN, 9000))
"""As the pair mints it: the minimum liquidity to nobody, the rest to the depositor."""


def test_a_first_deposit() -> None:
    """One holder, one mint; the locked minimum is burnt and belongs to the supply."""
    book = book_of(*FIRST_DEPOSIT)
    assert (book.holders, book.mints, book.burns, book.transfers) == (1, 1, 0, 2)
    assert (book.supply, book.last_move) == (10_000, 1.0)
    assert (book.top_share(POOL), book.burnt_share()) == (0.9, 0.1)
    assert (book.locked_share(), book.removed_share()) == (0.0, 0.0)


def test_a_withdrawal_goes_through_the_pair() -> None:
    """LP tokens sent to the pair are nobody's, and removed when the pair burns them."""
    book = book_of(*FIRST_DEPOSIT, (ANN, POOL, 4500))
    assert (book.top_share(POOL), book.removed_share(), book.burns) == (0.45, 0.0, 0)
    book.move(POOL, ZERO, 4500, POOL, 9.0)
    assert (book.supply, book.burns, book.transfers, book.last_move) == (5500, 1, 4, 9.0)
    assert book.removed_share() == 0.45
    assert book.top_share(POOL) == pytest.approx(4500 / 5500)
    assert book.holders == 1


def test_a_full_withdrawal_leaves_no_holder() -> None:
    """Who took all out holds nothing: what doubles leave of it is rounding."""
    first, second = 6_855_543_267_441_242_937, 93_703_113_672_226_432_739
    taken = 99_365_697_354_855_516_889
    rest = first + second - taken
    assert float(first) + second - taken > rest
    book = book_of((ZERO, ANN, first), (ZERO, ANN, second))
    for value in (taken, rest):
        book.move(ANN, POOL, value, POOL, 5.0)
        book.move(POOL, ZERO, value, POOL, 5.0)
    assert book.holders == 0
    assert book.top_share(POOL) == 0.0
    assert book.removed_share() == pytest.approx(1.0)


@pytest.mark.parametrize("address", sorted(BURN_ADDRESSES))
def test_burnt_is_gone_but_still_supply(address: str) -> None:
    """LP sent to a burn address can never come back, and keeps its share of the pool."""
    book = book_of(*FIRST_DEPOSIT, (ANN, address, 6000))
    assert (book.burnt_share(), book.top_share(POOL), book.supply) == (0.7, 0.3, 10_000)
    assert book.removed_share() == 0.0


def test_lockers_hold_but_cannot_pull() -> None:
    """Locked shares are summed over all known lockers and are not the top holder's."""
    book = book_of(*FIRST_DEPOSIT, (ANN, LOCKER, 5000), (ANN, TEAM_FINANCE, 1500))
    assert book.locked_share() == 0.65
    assert book.top_share(POOL) == 0.25
    assert book.holders == 3
    assert {LOCKER, TEAM_FINANCE} <= LOCKERS


def test_shares_follow_the_tokens() -> None:
    """Passing LP tokens on changes who is on top; a second provider adds to the supply."""
    book = book_of(*FIRST_DEPOSIT, (ZERO, BEN, 10_000), (ANN, CEM, 9000), (CEM, BEN, 2000))
    assert (book.holders, book.mints, book.supply) == (2, 2, 20_000)
    assert book.top_share(POOL) == 0.6
    assert book.burnt_share() == 0.05


def test_moving_nothing_makes_no_holder() -> None:
    """Anybody can send zero tokens from anybody to anybody: it is a transfer and no more."""
    book = book_of(*FIRST_DEPOSIT, (BEN, CEM, 0), (ANN, ANN, 0), (ZERO, BEN, 0))
    assert (book.holders, book.supply, book.top_share(POOL)) == (1, 10_000, 0.9)
    assert book.transfers == 5


def test_burning_by_the_dead_moves_nothing_back() -> None:
    """A transfer out of a burn address, which no chain allows, leaves the books in range."""
    book = book_of(*FIRST_DEPOSIT, (DEAD, ANN, 500))
    assert 0.0 <= book.top_share(POOL) <= 1.0


def test_before_any_transfer_nothing_is_shared() -> None:
    """Shares of nothing are zero, also when a recording begins with a withdrawal."""
    assert LpBook().top_share(POOL) == LpBook().burnt_share() == LpBook().removed_share() == 0.0
    late = book_of((ANN, POOL, 500), (POOL, ZERO, 500), (BEN, CEM, 5))
    assert (late.top_share(POOL), late.removed_share(), late.supply) == (0.0, 0.0, -500)


def test_thousands_of_holders_are_held_in_bounded_space() -> None:
    """The smallest are summed into one; the large stay exact, and so do all shares."""
    book = book_of(*FIRST_DEPOSIT, *((ZERO, f"0x{n:x}", n) for n in range(1, 5001)))
    assert len(book.balances) <= HOLDERS_KEPT
    assert book.holders == len(book.balances) + 1
    total = sum(range(1, 5001))
    assert book.supply == 10_000 + total
    assert sum(book.balances.values()) + book.others == 9000 + total
    assert book.top_share(POOL) == 9000 / book.supply
    assert book.balances["0x1388"] == 5000


def test_who_was_summed_takes_from_the_sum() -> None:
    """A holder among the others sends: the sum shrinks, also for what he holds beyond his own."""
    book = book_of(*((ZERO, f"0x{n:x}", n) for n in range(1, 5001)))
    others = book.others
    assert "0x1" not in book.balances
    book.move("0x1", BEN, 1, POOL, 0.0)
    assert book.others == others - 1
    book.move(ANN, "0x2", 10, POOL, 0.0)
    book.move("0x2", BEN, 12, POOL, 0.0)
    assert "0x2" not in book.balances
    assert book.others == others - 1 - 10 - 2
    book.move("0x3", BEN, 10**30, POOL, 0.0)
    assert book.others == 0.0


holders = st.sampled_from([ZERO, DEAD, POOL, LOCKER, ANN, BEN, *(f"0x{n}" for n in range(9))])
values = st.one_of(st.integers(0, 1000), st.sampled_from([2**112 - 1, 2**256 - 1]))


@given(st.lists(st.tuples(holders, holders, values), max_size=60))
def test_shares_are_shares_whatever_moves(moves: list[tuple[str, str, int]]) -> None:
    """No series of transfers, however absurd, makes a share leave 0..1 or a balance negative."""
    book = book_of(*moves)
    shares = [
        book.top_share(POOL),
        book.burnt_share(),
        book.locked_share(),
        book.removed_share(),
    ]
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert all(value > 0 for value in book.balances.values())
    assert book.others >= 0.0
    assert ZERO not in book.balances
    assert book.transfers == len(moves)
