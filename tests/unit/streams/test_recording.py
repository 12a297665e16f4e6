"""Recordings of every layout, with every fault a file can have."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.blocktime import time_of_block
from streams.errors import Invalid
from streams.recording import (
    End,
    PoolRow,
    Recording,
    Row,
    _integer,
    _looks_like_token,
    open_recording,
)
from tests.unit.streams.activity import ANN, ZERO
from tests.unit.streams.recorded import (
    FIRST_BLOCK,
    LATE_TOKEN,
    T0,
    TOKEN,
    WETH,
    pool,
    renamed,
    swap,
    sync,
    transfer,
    without,
    write,
)

ETHER = 10**18


def only(recording: Recording) -> PoolRow:
    """The recording's one pool."""
    (row,) = recording.pools.values()
    return row


def refused(folder: Path) -> Invalid:
    """Why the folder is no recording, in one line."""
    with pytest.raises(Invalid) as error:
        open_recording(folder)
    assert len(str(error.value).splitlines()) == 1
    return error.value


def test_the_flat_layout(tmp_path: Path) -> None:
    """Pools, reserves, LP transfers and swaps come as rows in the order of the chain."""
    recording = open_recording(
        write(
            tmp_path,
            pools_part1=[pool(name="Pepe", symbol="PEPE", decimals="9", totalSupply="2000")],
            sync_part1=[sync(number=3), sync()],
            lp_transfers_part1=[transfer()],
            swaps=[swap(number=3)],
        )
    )
    assert recording.count == 4
    assert recording.timed
    assert recording.ends == {"ethereum": End(FIRST_BLOCK + 3, T0 + 36)}
    assert only(recording) == PoolRow(
        pool="0xp1",
        file="pools_part1",
        chain="ethereum",
        venue="uniswap-v2",
        token=TOKEN,
        quote=WETH,
        quote_symbol="WETH",
        quote_decimals=18,
        token_is_0=True,
        name="Pepe",
        symbol="PEPE",
        decimals=9,
        total_supply=2000,
        deployer=None,
        lp_visible=True,
        first_block=FIRST_BLOCK,
    )
    later = FIRST_BLOCK + 3
    assert list(recording.rows()) == [
        Row("lp", "0xp1", FIRST_BLOCK, 5, T0, True, ZERO, ANN, 9000, 0, 0, 0),
        Row("sync", "0xp1", FIRST_BLOCK, 7, T0, False, None, None, 1000, 10 * ETHER, 0, 0),
        Row("sync", "0xp1", later, 7, T0 + 36, False, None, None, 1003, 10 * ETHER, 0, 0),
        Row("swap", "0xp1", later, 8, T0 + 36, False, "0xrouter", ANN, 0, 5, 6, 0),
    ]


def test_the_prefixed_layout(tmp_path: Path) -> None:
    """Other names, no log index: within a block LP transfers, reserves, swaps, in file order."""
    names = {"block": "block_number", "timestamp": "timestamps"}
    wmatic = "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"
    recording = open_recording(
        write(
            tmp_path,
            sushi_pools=renamed([pool(token0=wmatic, token1=LATE_TOKEN)], pool="pair"),
            sushi_sync=renamed(
                without([sync(reserve0=r, reserve1="9") for r in "213"], "log_index"), **names
            ),
            sushi_transfer=renamed(
                without([transfer(), transfer(value="8")], "log_index"), **names
            ),
            sushi_swap=renamed(without([swap()], "log_index"), **names),
        )
    )
    found = [(row.kind, row.log_index, row.a) for row in recording.rows()]
    assert found == [
        ("lp", 1, 9000),
        ("lp", 2, 8),
        ("sync", 3, 2),
        ("sync", 4, 1),
        ("sync", 5, 3),
        ("swap", 6, 0),
    ]
    row = only(recording)
    assert (row.chain, row.venue, row.file) == ("polygon", "sushiswap-v2", "sushi_pools")
    assert (row.quote, row.quote_symbol, row.token) == (wmatic, "WMATIC", LATE_TOKEN)
    assert not row.token_is_0


def test_only_pools_and_reserves_are_needed(tmp_path: Path) -> None:
    """Without transfers the holders are not visible; a recording may hold no more than syncs."""
    recording = open_recording(write(tmp_path, pools=[{"pool": "0xp1"}], sync=[sync()]))
    assert not only(recording).lp_visible
    assert [row.kind for row in recording.rows()] == ["sync"]


def test_a_recording_names_what_it_knows_better(tmp_path: Path) -> None:
    """Chain, venue and deployer columns win over what the files' names suggest."""
    told = pool(chain="devnet", venue="uniswap-v3", deployer=ANN, quote_symbol="dWETH")
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.chain, row.venue, row.deployer) == ("devnet", "uniswap-v3", ANN)
    assert (row.quote_symbol, row.quote_decimals) == ("dWETH", 18)


def test_an_unknown_quote_has_no_symbol(tmp_path: Path) -> None:
    """On a chain whose quote assets are not known, nothing is guessed; 18 decimals are usual."""
    told = pool(chain="atlantis")
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.quote, row.quote_symbol, row.quote_decimals) == (WETH, None, 18)


@pytest.mark.parametrize(
    ("token0", "token1", "quote", "token_is_0"),
    [
        (TOKEN, WETH, WETH, True),
        (WETH, LATE_TOKEN, WETH, False),
        ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", WETH, WETH, True),
        (TOKEN, LATE_TOKEN, LATE_TOKEN, True),
    ],
)
def test_addresses_tell_the_sides(
    tmp_path: Path, token0: str, token1: str, quote: str, token_is_0: bool
) -> None:
    """The better known quote asset is the quote; of two strangers, the second."""
    told = pool(token0=token0, token1=token1)
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.quote, row.token_is_0) == (quote, token_is_0)


def test_a_named_token_is_not_the_quote(tmp_path: Path) -> None:
    """Of two strangers, the one that the file calls the token is the token."""
    told = pool(token0=TOKEN, token1=LATE_TOKEN, token=LATE_TOKEN)
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.token, row.quote, row.token_is_0) == (LATE_TOKEN, TOKEN, False)


@pytest.mark.parametrize("is_weth", [True, 1, "true"], ids=["bool", "int", "text"])
@pytest.mark.parametrize(("token", "token_is_0"), [(TOKEN, True), (LATE_TOKEN, False)])
def test_a_token_beside_the_wrapped_coin(
    tmp_path: Path, is_weth: object, token: str, token_is_0: bool
) -> None:
    """Where only the token is named, being a WETH pair tells the other side."""
    told = {"pool": "0xp1", "token": token, "is_weth_pair": is_weth}
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.token, row.quote, row.token_is_0) == (token, WETH, token_is_0)


@pytest.mark.parametrize(
    ("reserve0", "reserve1", "token_is_0"),
    [
        (10**27, 10 * ETHER, True),
        (10 * ETHER, 10**27, False),
        (10**9, 2 * ETHER, True),
        (2 * ETHER, 10**9, False),
        (3 * ETHER, 2 * ETHER, True),
        (10**26, 10**27, False),
        (0, 0, False),
    ],
)
@pytest.mark.parametrize("first", ["sync", "lp"])
def test_without_addresses_the_first_reserves_tell(
    tmp_path: Path, reserve0: int, reserve1: int, token_is_0: bool, first: str
) -> None:
    """What looks like a first deposit of wrapped coins is the quote; else the smaller is."""
    syncs = [sync(number=9), sync(reserve0=str(reserve0), reserve1=str(reserve1))]
    tables: dict[str, Any] = {"pools": [{"pool": "0xp1"}], "sync": syncs}
    if first == "lp":
        tables["lp_transfers"] = [transfer()]
    assert only(open_recording(write(tmp_path, **tables))).token_is_0 is token_is_0


def test_a_pool_without_reserves_is_read(tmp_path: Path) -> None:
    """A pool with nothing but LP transfers has no sides to tell, and is no reason to stop."""
    tables = {"sync": [sync("0xp2")], "lp_transfers": [transfer()]}
    recording = open_recording(
        write(tmp_path, pools=[{"pool": "0xp1"}, {"pool": "0xp2"}], **tables)
    )
    assert recording.pools["0xp1"].token_is_0
    assert (recording.pools["0xp1"].lp_visible, recording.pools["0xp2"].lp_visible) == (True, False)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (str(2**112 - 1), 2**112 - 1),
        (1.5e25, 15 * 10**24),
        (123, 123),
        (" 42 ", 42),
        ("1e20", 10**20),
        (0.0, 0),
    ],
    ids=["text", "double", "integer", "spaces", "exponent", "zero"],
)
def test_amounts_may_be_text_or_numbers(tmp_path: Path, written: object, read: int) -> None:
    """Big amounts as decimal text are exact; doubles are as exact as they are."""
    syncs = [sync(reserve0=written, reserve1=written)]
    (row,) = open_recording(write(tmp_path, pools=[pool()], sync=syncs)).rows()
    assert row.a == row.b
    assert row.a == read or (isinstance(written, float) and float(row.a) == written)


def test_without_timestamps_blocks_tell_the_time(tmp_path: Path) -> None:
    """Ethereum's own block times stand in."""
    syncs = without([sync(), sync(number=100)], "timestamp")
    recording = open_recording(write(tmp_path, pools=[pool()], sync=syncs))
    assert not recording.timed
    assert [row.time for row in recording.rows()] == [
        time_of_block("ethereum", FIRST_BLOCK),
        time_of_block("ethereum", FIRST_BLOCK + 100),
    ]
    assert recording.ends["ethereum"].time == time_of_block("ethereum", FIRST_BLOCK + 100)


def test_times_count_only_where_every_event_has_one(tmp_path: Path) -> None:
    """Recorded and interpolated times would not agree: one missing time makes all interpolated."""
    tables = {"sync": [sync(), sync(number=1)], "lp_transfers": without([transfer()], "timestamp")}
    recording = open_recording(write(tmp_path, pools=[pool()], **tables))
    assert not recording.timed
    expected = [time_of_block("ethereum", FIRST_BLOCK + number) for number in (0, 0, 1)]
    assert [row.time for row in recording.rows()] == expected


@pytest.mark.parametrize("zone", [None, UTC], ids=["naive", "zoned"])
@pytest.mark.parametrize("column", ["timestamp", "timestamps"])
def test_times_may_be_timestamps(tmp_path: Path, zone: tzinfo | None, column: str) -> None:
    """What Parquet calls a timestamp counts as the UNIX seconds that it is, in UTC."""
    at = datetime.fromtimestamp(T0, UTC).replace(tzinfo=zone)
    syncs = renamed([sync(timestamp=at)], timestamp=column)
    recording = open_recording(write(tmp_path, pools=[pool()], sync=syncs))
    assert recording.timed
    assert [row.time for row in recording.rows()] == [T0]


@pytest.mark.parametrize("timed", [True, False])
def test_the_time_of_a_pools_first_event(tmp_path: Path, timed: bool) -> None:
    """It is the recorded one, or its block's."""
    syncs = [sync("0xp2"), sync("0xp1", 9), sync("0xp1", 4)]
    written = syncs if timed else without(syncs, "timestamp")
    recording = open_recording(write(tmp_path, pools=[pool(), pool("0xp2")], sync=written))
    told = T0 + 48 if timed else time_of_block("ethereum", FIRST_BLOCK + 4)
    assert recording.first_time("0xp1") == told


def test_other_chains_must_bring_their_times(tmp_path: Path) -> None:
    """Where block times are not known, the user is told which column to add, at once."""
    syncs = without([sync()], "timestamp")
    error = refused(write(tmp_path, pools=[pool(chain="devnet")], sync=syncs))
    assert error.reason == "no-time"
    assert "add a `timestamp` column" in str(error)


@pytest.mark.parametrize("time", [T0 * 1000, -1, float("nan"), 10**17])
def test_times_that_are_no_unix_seconds_are_refused(tmp_path: Path, time: float) -> None:
    """Milliseconds, nonsense and times before 1970 are named, and not played."""
    assert refused(write(tmp_path, pools=[pool()], sync=[sync(timestamp=time)])).reason == "time"


def test_chains_end_where_their_own_events_end(tmp_path: Path) -> None:
    """Each chain of a recording has its last block and time."""
    recording = open_recording(
        write(
            tmp_path,
            pools=[pool("0xp1"), pool("0xp2", chain="devnet"), pool("0xp3")],
            sync=[sync("0xp1", 9), sync("0xp2", 50, block=3), sync("0xp3", 4), sync("0xp2", 1)],
        )
    )
    assert recording.ends == {
        "ethereum": End(FIRST_BLOCK + 9, T0 + 108),
        "devnet": End(FIRST_BLOCK + 1, T0 + 600),
    }


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Thirty pools with a hundred events each, shuffled over two files, in the same blocks."""
    rows = [sync(f"0xp{p:02}", n, log_index=p) for n in range(100) for p in range(30)]
    rows = [rows[index * 1009 % len(rows)] for index in range(len(rows))]
    return write(
        tmp_path / "crowd",
        pools=[pool(f"0xp{p:02}") for p in range(30)],
        sync_part1=rows[:1000],
        sync_part2=rows[1000:],
    )


def test_rows_are_the_same_at_every_reading(crowd: Path) -> None:
    """Rows are sorted by block, log index and pool; a count of rows is a place to go on from."""
    recording = open_recording(crowd)
    rows = list(recording.rows())
    assert len(rows) == recording.count == 3000
    assert rows == sorted(rows, key=lambda row: (row.block, row.log_index, row.pool))
    assert list(open_recording(crowd).rows()) == rows
    for skip in (0, 1, 29, 1500, 2999, 3000, 5000):
        assert list(recording.rows(skip)) == rows[skip:]


def test_the_first_row_of_each_pool_is_marked(crowd: Path) -> None:
    """Exactly one row a pool is its first, and it comes before the others."""
    seen: set[str] = set()
    for row in open_recording(crowd).rows():
        assert row.first == (row.pool not in seen)
        seen.add(row.pool)


def test_two_readers_do_not_disturb_each_other(crowd: Path) -> None:
    """Rows can be read twice at the same time."""
    recording = open_recording(crowd)
    pairs = list(zip(recording.rows(), recording.rows(1), strict=False))
    assert len(pairs) == 2999
    assert [second for _, second in pairs[:-1]] == [first for first, _ in pairs[1:]]


@pytest.mark.parametrize(("limit", "count"), [(1, 100), (7, 700), (30, 3000), (99, 3000)])
def test_only_so_many_pools(crowd: Path, limit: int, count: int) -> None:
    """A limit takes the pools that were launched first, then by address, and their events."""
    recording = open_recording(crowd, limit_pools=limit)
    assert list(recording.pools) == [f"0xp{p:02}" for p in range(min(limit, 30))]
    assert recording.count == count == len(list(recording.rows()))


def test_no_pools_at_all(crowd: Path) -> None:
    """A limit of none leaves nothing to play, and says so."""
    with pytest.raises(Invalid, match="holds no events"):
        open_recording(crowd, limit_pools=0)


@pytest.mark.parametrize("limit", [None, 1])
def test_events_of_unknown_pools_are_left_out(tmp_path: Path, limit: int | None) -> None:
    """What no pools file names is not played; a pool without events is not followed; both told."""
    listed = [pool("0xp1"), pool("0xp3"), pool("0xp4"), pool("0xp5")]
    syncs = [sync("0xp1"), sync("0xP2"), sync("0xp2", 1), sync("0xp6")]
    with capture_logs() as told:
        recording = open_recording(write(tmp_path, pools=listed, sync=syncs), limit_pools=limit)
    assert list(recording.pools) == ["0xp1"]
    assert recording.count == 1
    assert [row.pool for row in recording.rows()] == ["0xp1"]
    assert told == [
        {"event": "pools_unlisted", "pools": 2, "events": 3, "log_level": "warning"},
        {"event": "pools_without_events", "pools": 3, "log_level": "warning"},
    ]


def test_a_whole_recording_is_not_warned_of(crowd: Path) -> None:
    """Pools beyond the limit are left out on request, and nothing is said."""
    with capture_logs() as told:
        open_recording(crowd, limit_pools=7)
    assert told == []


def test_a_pool_of_two_files_is_one_pool(tmp_path: Path) -> None:
    """The first file's word counts; a log that stands in two files stays double."""
    recording = open_recording(
        write(
            tmp_path,
            pools_part1=[pool(name="first")],
            pools_part2=[{"pool": "0xp1", "name": "second", "decimals": 5}],
            sync_part1=[sync(), sync(number=1)],
            sync_part2=[sync(number=1)],
        )
    )
    assert (only(recording).name, only(recording).decimals) == ("first", None)
    assert [row.block - FIRST_BLOCK for row in recording.rows()] == [0, 1, 1]


def test_events_that_share_a_place_are_told_apart(tmp_path: Path) -> None:
    """A log index that names several events is no order: all of them are read, and it is said."""
    rows = [sync(reserve0=r) for r in "213"]
    with capture_logs() as logs:
        recording = open_recording(write(tmp_path, pools=[pool()], sync=rows))
    assert [(row.log_index, row.a) for row in recording.rows()] == [(1, 2), (2, 1), (3, 3)]
    assert [each["event"] for each in logs] == ["log_indexes_repeat"]


def test_an_event_that_is_recorded_twice_is_one_event(tmp_path: Path) -> None:
    """The same log in two files keeps its log index, by which it is known again."""
    folder = write(tmp_path, pools=[pool()], sync_a=[sync()], sync_b=[sync()])
    assert {row.log_index for row in open_recording(folder).rows()} == {7}


def test_addresses_are_lowered(tmp_path: Path) -> None:
    """Checksummed addresses of a recording meet the lower-case ones of the rest of the program."""
    told = pool("0xP1", token1=WETH.upper().replace("X", "x"), deployer="0xANN", chain="Ethereum")
    tables = {"sync": [sync("0xp1")], "lp_transfers": [transfer("0xP1", to="0xBEN")]}
    recording = open_recording(write(tmp_path, pools=[told], **tables))
    row = only(recording)
    assert (row.pool, row.quote, row.deployer, row.chain) == ("0xp1", WETH, "0xann", "ethereum")
    assert [(row.pool, row.to) for row in recording.rows()] == [("0xp1", "0xben"), ("0xp1", None)]


def test_an_empty_address_is_none(tmp_path: Path) -> None:
    """Empty text in an address column says that it is not known."""
    told = {"pool": "0xp1", "token": "", "token0": "", "token1": "", "deployer": ""}
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert (row.token, row.quote, row.deployer) == (None, None, None)


def test_hostile_names_are_cut_and_kept(tmp_path: Path) -> None:
    """A name of thousands of characters does not hide its pool, nor does one that is SQL."""
    told = pool(name="'; drop table events; --", symbol="🐸" * 5000, quote_symbol="W" * 99)
    row = only(open_recording(write(tmp_path, pools=[told], sync=[sync()])))
    assert row.name == "'; drop table events; --"
    assert row.symbol == "🐸" * 256
    assert row.quote_symbol == "W" * 32


def test_hostile_file_names_are_read(tmp_path: Path) -> None:
    """Quotes, spaces and wild cards in names of files and folders are just names."""
    folder = tmp_path / "it's [a-z]* {x,y} ?"
    recording = open_recording(
        write(folder, **{"pools'; --": [pool()], "sync'*'": [sync()], "sync'b'": [sync(number=1)]})
    )
    assert recording.count == 2
    assert only(recording).file == "pools'; --"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A missing folder and a file in its place are told apart from an empty recording."""
    (tmp_path / "file").touch()
    assert refused(tmp_path / "missing").reason == "no-folder"
    assert refused(tmp_path / "file").reason == "no-folder"


def test_a_folder_without_a_recording(tmp_path: Path) -> None:
    """An empty folder, and one with only one of the two tables, say what is not there."""
    assert "no *_pools.parquet" in str(refused(tmp_path))
    write(tmp_path, sync=[sync()])
    error = refused(tmp_path)
    assert "no pools*.parquet" in str(error)
    assert error.reason == "no-files"
    assert refused(write(tmp_path / "b", x_pools=[pool()])).reason == "no-files"


def test_a_recording_without_events(tmp_path: Path) -> None:
    """Files without rows, or with events of unknown pools only, hold nothing to play."""
    write(tmp_path, pools=[pool()], sync=[sync("0xp2")])
    assert refused(tmp_path).reason == "empty"
    nothing = pa.Table.from_pylist([sync()]).slice(0, 0)
    pq.write_table(nothing, tmp_path / "sync.parquet")
    assert refused(tmp_path).reason == "empty"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("pools", "pool"),
        ("sync", "pool"),
        ("sync", "block"),
        ("sync", "reserve0"),
        ("lp_transfers", "from"),
        ("lp_transfers", "value"),
        ("swaps", "amount1Out"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, table: str, column: str) -> None:
    """The file and the column are in the message."""
    tables: dict[str, Any] = {
        "pools": [pool()],
        "sync": [sync()],
        "lp_transfers": [transfer()],
        "swaps": [swap()],
    }
    tables[table] = without(tables[table], column)
    error = refused(write(tmp_path, **tables))
    assert error.reason == "columns"
    assert f"{table}.parquet lacks the column(s) {column}" in str(error)


@pytest.mark.parametrize("kept", [0, 10, 200, -8])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    """A file cut off anywhere, or empty, is one line that names the folder."""
    write(tmp_path, pools=[pool()], sync=[sync(number=n) for n in range(1000)])
    file = tmp_path / "sync.parquet"
    file.write_bytes(file.read_bytes()[:kept])
    error = refused(tmp_path)
    assert error.reason == "unreadable"
    assert str(tmp_path) in str(error)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Bytes overwritten in the middle are found when the rows are read."""
    write(tmp_path, pools=[pool()], sync=[sync(number=n) for n in range(1000)])
    file = tmp_path / "sync.parquet"
    content = bytearray(file.read_bytes())
    content[20:900] = b"\xff" * 880
    file.write_bytes(content)
    assert refused(tmp_path).reason == "unreadable"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"pool": None}, "amounts"),
        ({"block": None}, "amounts"),
        ({"log_index": None}, "amounts"),
        ({"reserve0": None}, "amounts"),
        ({"reserve1": "-1"}, "amounts"),
        ({"block": -1}, "amounts"),
        ({"log_index": -1}, "amounts"),
        ({"reserve0": "many"}, "unreadable"),
        ({"reserve0": ""}, "unreadable"),
        ({"reserve0": float("nan")}, "unreadable"),
        ({"reserve0": float("inf")}, "unreadable"),
        ({"reserve0": 1e39}, "unreadable"),
        ({"reserve0": str(10**40)}, "unreadable"),
        ({"block": "latest"}, "unreadable"),
        ({"block": 10**15, "timestamp": None}, "time"),
    ],
)
def test_values_that_cannot_be_are_refused(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    """Nulls, negatives and what is no number are told before anything is played."""
    tables = {"pools": [pool()], "sync_part1": [sync()], "sync_part2": [sync(number=1, **fields)]}
    assert refused(write(tmp_path, **tables)).reason == reason


@pytest.mark.parametrize(
    "fields",
    [
        {"chain": "Main Net"},
        {"venue": "x" * 65},
        {"token0": "0x" + "a" * 200},
        {"deployer": "0x" + "a" * 200},
    ],
)
def test_pools_that_no_event_could_carry_are_refused(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    """What the wire would refuse of every launch is told once, with its pool and column."""
    error = refused(write(tmp_path, pools=[pool(**fields)], sync=[sync()]))
    assert error.reason == "pools"
    assert "pool 0xp1 in pools: " in str(error)


@pytest.mark.parametrize(
    ("said", "most", "number"),
    [
        ("18", 255, 18),
        (9, 255, 9),
        (18.0, 255, 18),
        ("1e27", 2**256 - 1, 10**27),
        (str(2**256 - 1), 2**256 - 1, 2**256 - 1),
        (str(2**256), 2**256 - 1, None),
        ("256", 255, None),
        ("-1", 255, None),
        ("1.5", 255, None),
        ("nan", 255, None),
        ("inf", 255, None),
        ("1e999999999", 255, None),
        ("9" * 5000, 255, None),
        ("eighteen", 255, None),
        ("", 255, None),
        (None, 255, None),
        (float("-inf"), 255, None),
    ],
)
def test_numbers_as_strangers_write_them(said: object, most: int, number: int | None) -> None:
    """Decimals and supplies come as text, doubles or nonsense; what is no number is not known."""
    assert _integer(said, most=most) == number


@given(st.text() | st.floats() | st.integers())
def test_no_number_is_out_of_range(said: object) -> None:
    """Whatever is written, the number is in range or not known."""
    number = _integer(said, most=255)
    assert number is None or 0 <= number <= 255


@pytest.mark.data
def test_all_of_uniswap_is_read(data_dir: Path) -> None:
    """Every event of both parts, with sides for every pool."""
    recording = open_recording(data_dir / "data" / "uniswap_v2_pool_events")
    assert (len(recording.pools), recording.count) == (6276, 1_646_075)
    assert not recording.timed
    assert {row.chain for row in recording.pools.values()} == {"ethereum"}
    assert sum(row.lp_visible for row in recording.pools.values()) == 653
    last = list(recording.rows(recording.count - 2))
    assert [row.block for row in last][-1] == recording.ends["ethereum"].block


@pytest.mark.data
def test_all_of_polygon_is_read(data_dir: Path) -> None:
    """Both collections of the other layout, with recorded times."""
    recording = open_recording(data_dir / "data" / "sushiswap_polygon")
    assert (len(recording.pools), recording.count) == (1243, 446_119)
    assert recording.timed
    assert {row.chain for row in recording.pools.values()} == {"polygon"}
    assert {row.file for row in recording.pools.values()} == {"sushi_pools", "univ2fork_pools"}


@pytest.mark.data
def test_the_sides_are_guessed_right_nearly_always(data_dir: Path) -> None:
    """Of the older pools with known addresses, the first reserves alone tell 97 % of the sides."""
    recording = open_recording(data_dir / "data" / "uniswap_v2_pool_events")
    query = "select pool, [a, b] from events where first and kind = 'sync'"
    first = dict(recording.database.execute(query).fetchall())
    known = [
        row
        for row in recording.pools.values()
        if row.file == "pools_part1" and row.token and row.quote
    ]
    right = sum(_looks_like_token(first[row.pool]) == row.token_is_0 for row in known)
    assert len(known) > 3000
    assert round(right / len(known), 2) == 0.97
