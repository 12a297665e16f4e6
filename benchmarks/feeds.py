"""Posts a second through decode, dedup and link on one core, memory over many; trades a second.

Posts are Jetstream frames (version 1, recorded shape), of which one in seven names a token; the
link stage is the one that serves, with a directory of 2,000 tokens on SQLite. ``--posts N`` sets
how many.

    python -m benchmarks.feeds --posts 1000000
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe, resident_mib
from heft_model.scamtext import ScamText
from streams.broker import Record
from streams.events import decode, encode
from streams.feeds.seen import Seen
from streams.market import binance, coinbase, kraken
from streams.market.candles import Candles
from streams.market.prices import Prices
from streams.market.trade import Pair, Trade
from streams.posts import Post
from streams.social.authors import Authors
from streams.social.jetstream import decode_event
from streams.social.linking.directory import Directory
from streams.social.linking.linker import LinkTransform
from streams.social.linking.resolving import Token
from streams.social.reading.reader import Reader
from streams.stage import Received
from streams.state import State
from streams.topics import POSTS

BATCH = 500
TOKENS = 2_000
TRADES = 60_000
START_US = 1_790_000_000_000_000
SENTENCE = (
    "the market is up today and everybody talks about it again, which I find funny since nothing "
    "has changed but the weather and my cat who wants dinner now please send help thank you all"
)
WORDS = SENTENCE.split()


def main() -> None:
    """Print what was measured."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    posts = int(sys.argv[sys.argv.index("--posts") + 1]) if "--posts" in sys.argv else 100_000
    print(describe())
    print(f"load {os.getloadavg()[0]:.1f}")
    asyncio.run(_posts(posts))
    _trades()
    _scam()


async def _posts(count: int) -> None:
    chance = random.Random(1)
    tokens = [_token(chance, place) for place in range(TOKENS)]
    with tempfile.TemporaryDirectory() as folder:
        state = await State.open(f"sqlite:///{Path(folder) / 'state.sqlite'}")
        directory = Directory(state)
        await directory.learn(tokens)
        authors, seen = Authors(b"key"), Seen()
        link = LinkTransform(directory, Reader(authors))
        mentions = known = done = 0
        spent, cpu, memory = 0.0, 0.0, list[float]()
        while done < count:
            frames = list(_frames(chance, tokens, done, min(BATCH, count - done)))
            started, busy = time.perf_counter(), time.process_time()
            batch = []
            for frame in frames:
                post, _ = decode_event(frame, 1, authors, datetime.now(UTC))
                if isinstance(post, Post) and seen.add(post.id):
                    batch.append(_through_kafka(post))
                else:
                    known += 1
            outcome = await link.apply(batch)
            await link.save()
            spent += time.perf_counter() - started
            cpu += time.process_time() - busy
            mentions += len(outcome.messages)
            done += len(frames)
            if done % max(BATCH, count // 10) < BATCH:
                memory.append(resident_mib())
                print(
                    f"  {done:>9,} posts, {done / spent:,.0f}/s, {memory[-1]:.0f} MiB", flush=True
                )
        await state.close()
    told = f"{count / spent:>10,.0f} /s by the wall, {count / cpu:,.0f} /s of processor time"
    print(f"posts    {told}, through decode, dedup and link")
    held = f"{memory[0]:.0f} MiB after a tenth, {memory[-1]:.0f} MiB at the end"
    held = f"{memory[0]:.0f} MiB after a tenth, {memory[-1]:.0f} MiB at the end"
    print(f"         {mentions:,} mentions, {known:,} sent twice; memory {held}")


def _through_kafka(post: Post) -> Received:
    value = encode(post)
    return Received(decode(value, POSTS.event), Record(POSTS.name, 0, 0, b"", value))


def _token(chance: random.Random, place: int) -> Token:
    address, pool = (f"0x{chance.getrandbits(160):040x}" for _ in range(2))
    launched = START_US / 1e6 - 3_600 * chance.random() * 24
    return Token("base", address, pool, f"TOK{place}", launched, 9_000.0, "USDC")


def _frames(chance: random.Random, tokens: list[Token], start: int, count: int) -> Iterator[bytes]:
    for number in range(start, start + count):
        again = number - 1 if chance.random() < 0.01 else number
        text = " ".join(chance.choices(WORDS, k=chance.randint(5, 40)))
        if chance.random() < 1 / 7:
            token = chance.choice(tokens)
            named = (token.token, f"https://dexscreener.com/base/{token.pool}", f"${token.symbol}")
            text = (
                f"{chance.choice(named)} {text}"
                if chance.random() < 0.5
                else (f"LAST CHANCE {chance.choice(named)} easy 100x do not miss this gem")
            )
        record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-09-21T12:00:00Z"}
        commit = {"rev": "r", "operation": "create", "collection": "app.bsky.feed.post",
                  "rkey": f"k{again}", "cid": "c", "record": record}  # fmt: skip
        body = {"did": f"did:plc:{again % 50_000}", "time_us": START_US + number,
                "kind": "commit", "commit": commit}  # fmt: skip
        yield json.dumps(body).encode()


def _trades() -> None:
    for name, way, frame in (
        ("binance", binance.decode, _binance), ("coinbase", coinbase.decode, _coinbase),
        ("kraken", kraken.decode, _kraken),
    ):  # fmt: skip
        pairs = {"ETHUSDT": Pair("ETH", "USDT"), "ETH-USD": Pair("ETH", "USD"),
                 "ETH/USD": Pair("ETH", "USD")}  # fmt: skip
        frames = [frame(number) for number in range(TRADES)]
        candles, prices, trades = Candles(), Prices(), 0
        started, busy = time.perf_counter(), time.process_time()
        for each in frames:
            for news in way(each, pairs):
                if isinstance(news, Trade):
                    trades += 1
                    prices.hear(news)
                    candles.add(news)
        spent, cpu = time.perf_counter() - started, time.process_time() - busy
        assert trades >= TRADES
        told = f"{trades / spent:>10,.0f} /s by the wall, {trades / cpu:,.0f} /s of processor time"
        print(f"{name:8} {told}, trades to prices and candles")


def _binance(number: int) -> bytes:
    data = {"e": "trade", "E": number, "s": "ETHUSDT", "t": number, "p": "2500.50000000",
            "q": "0.10000000", "T": 1_790_000_000_000 + number, "m": True, "M": True}  # fmt: skip
    return json.dumps({"stream": "ethusdt@trade", "data": data}).encode()


def _coinbase(number: int) -> bytes:
    return json.dumps({
        "type": "match", "trade_id": number, "maker_order_id": "ac928c66-ca53-498f-9c13",
        "taker_order_id": "132fb6ae-456b-4654-b4e0", "side": "sell", "size": "0.1",
        "price": "2500.50", "product_id": "ETH-USD", "sequence": number,
        "time": "2026-09-21T12:00:00.123456Z",
    }).encode()  # fmt: skip


def _kraken(number: int) -> bytes:
    row = {"symbol": "ETH/USD", "side": "buy", "qty": 0.1, "price": 2500.5, "ord_type": "limit",
           "trade_id": number, "timestamp": "2026-09-21T12:00:00.123456Z"}  # fmt: skip
    return json.dumps({"channel": "trade", "type": "update", "data": [row]}).encode()


def _scam() -> None:
    model, chance = ScamText(), random.Random(2)
    texts = [" ".join(chance.choices(WORDS, k=30)) for _ in range(2_000)]
    started = time.perf_counter()
    model.odds(texts)
    rate = len(texts) / (time.perf_counter() - started)
    print(f"scam     {rate:>10,.0f} texts/s judged by ONNX Runtime, one thread, batches of 64")


if __name__ == "__main__":
    main()
