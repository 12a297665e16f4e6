"""What of a block's logs is told: of followed pools and their tokens, and of nobody else."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from streams.events import Launch, LpTransfer, Ownership, Sync, TokenTransfer
from streams.evm.blocks import Block
from streams.evm.logs import Log, topic_of
from streams.evm.venues import factories_of
from streams.evm.watchlist import MOST_POOLS, Watchlist, followed_from

WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
FACTORY = "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f"
TOKEN, PAIR, SOMEBODY = ("0x" + digit * 40 for digit in "1ab")
NOON = 1_767_225_600


def block(number: int, time: int = NOON) -> Block:
    """A block of that moment."""
    return Block(number=number, hash=f"0x{number:064x}", parent="", time=time)


def log(address: str, signature: str, topics: list[str], *data: int | str) -> Log:
    """A log with its arguments."""
    return Log(
        address=address,
        topics=[topic_of(signature), *(f"0x{int(each, 16):064x}" for each in topics)],
        data="0x" + "".join(
            f"{int(each, 16) if isinstance(each, str) else each:064x}" for each in data
        ),
        block_number="0x1", log_index="0x1",
    )  # fmt: skip


def launch(pair: str = PAIR) -> Log:
    """A pair of the token is made."""
    made = "PairCreated(address,address,address,uint256)"
    return log(FACTORY, made, [TOKEN, WETH], pair, 1)


def transfer(address: str) -> Log:
    """Somebody moves what this contract counts."""
    return log(address, "Transfer(address,address,uint256)", [SOMEBODY, SOMEBODY], 5)


OWNED = log(TOKEN, "OwnershipTransferred(address,address)", [SOMEBODY, "0x0"])
SYNC = log(PAIR, "Sync(uint112,uint112)", [], 1, 2)


def test_a_pool_is_followed_from_its_launch_on() -> None:
    """In one block: what comes before the launch is a stranger's, what comes behind is told."""
    watchlist = Watchlist("ethereum", factories_of("ethereum"))
    logs = [SYNC, transfer(TOKEN), launch(), SYNC, transfer(PAIR), transfer(TOKEN), OWNED]
    told = watchlist.activity(block(1), logs)
    assert [type(event) for event in told] == [Launch, Sync, LpTransfer, TokenTransfer, Ownership]
    assert {getattr(event, "pool", None) for event in told[1:]} == {PAIR}


def test_transfers_are_told_for_the_first_hours_only() -> None:
    """Later only what changes the token itself is told."""
    watchlist = Watchlist("ethereum", factories_of("ethereum"), token_hours=1.0)
    watchlist.activity(block(1), [launch()])
    late = watchlist.activity(block(2, NOON + 3601), [transfer(TOKEN), OWNED])
    assert [type(event) for event in late] == [Ownership]


def test_a_dropped_pool_is_a_stranger() -> None:
    """After a retraction nothing is told until it is launched again."""
    watchlist = Watchlist("ethereum", factories_of("ethereum"))
    watchlist.activity(block(1), [launch()])
    watchlist.drop(PAIR)
    assert watchlist.activity(block(2), [SYNC, OWNED]) == []
    assert len(watchlist.activity(block(3), [launch(), SYNC])) == 2


def test_many_pools_of_one_token_do_not_multiply_it() -> None:
    """Anybody can make pools of a token: its acts are told on a few of them."""
    watchlist = Watchlist("ethereum", factories_of("ethereum"))
    pairs = [f"0x{number:040x}" for number in range(1000, 1100)]
    watchlist.activity(block(1), [launch(pair) for pair in pairs])
    assert len(watchlist.activity(block(2), [OWNED])) == MOST_POOLS


def test_a_spoilt_log_is_counted() -> None:
    """A factory's log without its data stops nothing and is counted by its reason."""
    watchlist = Watchlist("ethereum", factories_of("ethereum"))
    spoilt = msgspec.structs.replace(launch(), data="0x")
    assert len(watchlist.activity(block(1), [spoilt, launch()])) == 1
    assert watchlist.undecodable == {"log-shape": 1}


def test_what_is_kept_makes_the_same_watchlist() -> None:
    """After a restart the kept pools tell as the launches did."""
    first = Watchlist("ethereum", factories_of("ethereum"))
    launches = first.activity(block(1), [launch()])
    kept = [followed_from(each) for each in launches if isinstance(each, Launch)]
    assert kept[0].at == datetime.fromtimestamp(NOON, UTC)
    again = Watchlist("ethereum", factories_of("ethereum"), pools=kept)
    logs = [SYNC, transfer(PAIR), OWNED]
    assert again.activity(block(2), logs) == first.activity(block(2), logs)
