"""Who launches what, and how it ends: the whole play as data.

Sizes and tempo follow Ethereum pools of 2020 and 2021: among those that survived, half opened
with 3 WETH or less and nine tenths with 50 or less, saw some forty buys in the first hour, two
sells for three buys by the end of the first day, and outsiders adding liquidity; those that were
emptied opened larger (median 7 WETH), saw half as many buys and one sell for six.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = ["CAST", "Crowd", "Dump", "Exit", "Inflate", "Kind", "Part", "Pull", "SetFee"]

Kind = Literal["honest", "liquidity-pull", "honeypot", "hidden-mint", "tax"]


class Pull(msgspec.Struct, frozen=True):
    """The deployer removes ``percent`` of its liquidity, ``after`` minutes from the opening."""

    after: float
    percent: int


class Inflate(msgspec.Struct, frozen=True):
    """The deployer mints in secret what it takes to sell ``percent`` of the WETH out, and does."""

    after: float
    percent: int


class Dump(msgspec.Struct, frozen=True):
    """The deployer sells what it takes to get ``percent`` of the WETH, or all that it has."""

    after: float
    percent: int


class SetFee(msgspec.Struct, frozen=True):
    """The deployer changes the fee of each trade to ``percent``."""

    after: float
    percent: int


Exit = Pull | Inflate | Dump | SetFee


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """How strangers trade a token."""

    waves: tuple[tuple[int, float], ...]
    """Trades, and the hours after the opening at which they come on average."""
    buy: float
    """Median purchase in WETH."""
    growth: float
    """What they think the pool should hold in the end, as a multiple of its first WETH."""
    settles: float = 4.0
    """Hours in which two thirds of that growth come."""
    eager: float = 0.9
    """The largest share of trades that are purchases."""
    snipers: int = 0
    """Purchases in the block of the opening."""
    panic: int = 0
    """Sales between the first exit and the last."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One launch."""

    name: str
    symbol: str
    kind: Kind
    opens: float
    """Hours after the recording begins."""
    weth: float
    """First liquidity."""
    supply: int
    """Whole tokens."""
    decimals: int = 18
    pooled: int = 100
    """Percent of the supply in the first liquidity."""
    liquidity: Literal["kept", "burnt", "locked"] = "kept"
    secured: float = 3.0
    """Minutes after the opening at which it is burnt or locked."""
    joins: tuple[float, ...] = ()
    """Hours after the opening at which a holder adds liquidity of its own."""
    crowd: Crowd
    exits: tuple[Exit, ...] = ()


CAST: Final = (
    Part(
        name="Harbor Lantern",
        symbol="LANT",
        kind="honest",
        opens=1.0,
        weth=12,
        supply=300_000_000,
        decimals=9,
        pooled=20,
        liquidity="burnt",
        joins=(3.0, 9.5, 31.0),
        crowd=Crowd(waves=((120, 0.4), (200, 9), (70, 40)), buy=0.4, growth=2.2, snipers=1),
    ),
    Part(
        name="Velvet Comet",
        symbol="VCOM",
        kind="liquidity-pull",
        opens=3.2,
        weth=10,
        supply=1_000_000_000,
        crowd=Crowd(waves=((16, 0.16),), buy=0.25, growth=9, settles=1, snipers=2),
        exits=(Pull(20, 100),),
    ),
    Part(
        name="Copper Kettle",
        symbol="KETL",
        kind="honest",
        opens=5.5,
        weth=5,
        supply=500_000_000,
        decimals=9,
        pooled=35,
        liquidity="burnt",
        secured=140,
        joins=(1.2, 6.0, 20.0, 44.0),
        crowd=Crowd(waves=((90, 0.5), (170, 11), (60, 40)), buy=0.2, growth=2.4, snipers=1),
    ),
    Part(
        name="Glass Pineapple",
        symbol="GPINE",
        kind="honeypot",
        opens=7.1,
        weth=15,
        supply=1_000_000_000_000,
        decimals=9,
        pooled=96,
        crowd=Crowd(waves=((26, 0.5), (26, 4)), buy=0.2, growth=9, settles=1, eager=0.8, snipers=1),
        exits=(Pull(8 * 60, 100),),
    ),
    Part(
        name="Quiet Meadow",
        symbol="MEAD",
        kind="honest",
        opens=9.4,
        weth=40,
        supply=1_000_000,
        pooled=12,
        liquidity="locked",
        secured=25,
        joins=(5.0, 26.0),
        crowd=Crowd(waves=((110, 0.5), (220, 10), (80, 36)), buy=0.9, growth=1.4, snipers=2),
    ),
    Part(
        name="Amber Walrus",
        symbol="WALR",
        kind="hidden-mint",
        opens=11.6,
        weth=6,
        supply=420_000_000,
        pooled=90,
        crowd=Crowd(waves=((24, 0.6),), buy=0.15, growth=5, settles=1, eager=0.9),
        exits=(Inflate(125, 60), Inflate(131, 92)),
    ),
    Part(
        name="Sapphire Otter",
        symbol="SOTT",
        kind="liquidity-pull",
        opens=14.0,
        weth=30,
        supply=1_000_000_000,
        decimals=9,
        pooled=100,
        crowd=Crowd(waves=((20, 0.4), (16, 2.5)), buy=0.3, growth=4, settles=1, eager=0.85),
        exits=(Pull(5 * 60, 100),),
    ),
    Part(
        name="Tidal Loom",
        symbol="LOOM",
        kind="honest",
        opens=16.3,
        weth=25,
        supply=1_000_000_000,
        decimals=9,
        pooled=40,
        liquidity="burnt",
        joins=(2.0, 14.0, 38.0),
        crowd=Crowd(waves=((120, 0.4), (200, 10), (70, 36)), buy=0.7, growth=1.7, snipers=2),
    ),
    Part(
        name="Cobalt Radish",
        symbol="RDSH",
        kind="tax",
        opens=18.7,
        weth=8,
        supply=1_000_000_000,
        pooled=100,
        crowd=Crowd(
            waves=((22, 0.4), (18, 1.6)),
            buy=0.15,
            growth=5,
            settles=1,
            eager=0.8,
            snipers=1,
            panic=9,
        ),
        exits=(SetFee(3 * 60, 99), Dump(3 * 60 + 25, 85), Pull(3 * 60 + 40, 100)),
    ),
    Part(
        name="Paper Sparrow",
        symbol="SPRW",
        kind="honest",
        opens=21.0,
        weth=3,
        supply=21_000_000,
        decimals=8,
        pooled=8,
        liquidity="burnt",
        joins=(0.8, 4.0, 17.0),
        crowd=Crowd(waves=((130, 0.4), (200, 9), (60, 36)), buy=0.12, growth=3.0, snipers=1),
    ),
    Part(
        # Hostile on purpose: markup, a direction override, a mention and a line break.
        name="<b>Free</b> \u202epordria\u202c @everyone\nALERT [all clear](https://example.invalid)",
        symbol="<i>X</i>\u200b`*_",
        kind="honeypot",
        opens=23.5,
        weth=4,
        supply=1_000_000_000_000_000,
        crowd=Crowd(
            waves=((22, 0.4), (10, 1.5)), buy=0.15, growth=9, settles=1, eager=0.85, snipers=2
        ),
        exits=(Pull(3 * 60 + 10, 100),),
    ),
    Part(
        name="Marble Pigeon",
        symbol="PIGN",
        kind="liquidity-pull",
        opens=26.2,
        weth=20,
        supply=500_000_000,
        pooled=90,
        crowd=Crowd(waves=((24, 0.5), (20, 3)), buy=0.25, growth=5, settles=1, eager=0.85),
        exits=(Pull(3 * 60 + 20, 35), Pull(7 * 60, 100)),
    ),
    Part(
        name="Olive Cartographer",
        symbol="OLIV",
        kind="honest",
        opens=28.0,
        weth=8,
        supply=600_000_000,
        decimals=9,
        pooled=25,
        liquidity="locked",
        secured=372,
        joins=(3.5, 11.0),
        crowd=Crowd(waves=((100, 0.5), (180, 10), (60, 32)), buy=0.3, growth=2.0),
    ),
    Part(
        name="Clover Engine",
        symbol="CLVR",
        kind="hidden-mint",
        opens=30.9,
        weth=9,
        supply=1_000_000_000_000,
        pooled=100,
        liquidity="burnt",
        crowd=Crowd(waves=((24, 0.5), (26, 4)), buy=0.2, growth=5, settles=1, eager=0.9, snipers=1),
        exits=(Inflate(9 * 60, 55), Inflate(9 * 60 + 9, 60), Inflate(9 * 60 + 21, 90)),
    ),
    Part(
        name="Moonlit Teapot",
        symbol="TPOT",
        kind="honeypot",
        opens=33.3,
        weth=5,
        supply=1_000_000_000,
        pooled=75,
        crowd=Crowd(waves=((24, 0.7), (30, 9)), buy=0.1, growth=9, settles=1, eager=0.8),
        exits=(Dump(14 * 60, 45), Pull(26 * 60, 100)),
    ),
    Part(
        name="Bramble and Finch",
        symbol="BRMB",
        kind="honest",
        opens=36.0,
        weth=14,
        supply=2_000_000_000,
        decimals=6,
        pooled=5,
        liquidity="locked",
        secured=45,
        joins=(2.4, 8.0, 29.0),
        crowd=Crowd(waves=((110, 0.5), (190, 10), (60, 30)), buy=0.5, growth=1.9, snipers=1),
    ),
    Part(
        name="Frosted Acorn",
        symbol="FRAC",
        kind="tax",
        opens=40.5,
        weth=3,
        supply=100_000_000_000,
        decimals=9,
        crowd=Crowd(
            waves=((26, 0.3),), buy=0.15, growth=9, settles=1, eager=0.85, snipers=2, panic=6
        ),
        exits=(SetFee(50, 99), Dump(62, 90), Pull(70, 100)),
    ),
    Part(
        name="Lucky Turnip",
        symbol="TRNP",
        kind="liquidity-pull",
        opens=43.0,
        weth=50,
        supply=1_000_000_000,
        pooled=50,
        crowd=Crowd(waves=((14, 0.8), (22, 8)), buy=0.3, growth=2, settles=1, eager=0.8),
        exits=(Pull(22 * 60, 100),),
    ),
    Part(
        name="Polar Biscuit",
        symbol="PBIS",
        kind="honeypot",
        opens=47.5,
        weth=7,
        supply=1_000_000_000,
        pooled=4,
        crowd=Crowd(waves=((22, 0.5), (22, 5)), buy=0.2, growth=9, settles=1, eager=0.8, snipers=1),
        exits=(Dump(12 * 60, 99),),
    ),
    Part(
        name="Saffron Kite",
        symbol="KITE",
        kind="hidden-mint",
        opens=52.0,
        weth=14,
        supply=30_000_000,
        pooled=80,
        liquidity="locked",
        crowd=Crowd(waves=((20, 0.7), (24, 7)), buy=0.25, growth=3, settles=1, eager=0.8),
        exits=(Inflate(16 * 60, 50), Inflate(16 * 60 + 14, 95)),
    ),
    Part(
        name="Dandelion Rocket",
        symbol="DNDR",
        kind="tax",
        opens=58.0,
        weth=16,
        supply=1_000_000_000,
        pooled=85,
        crowd=Crowd(waves=((22, 0.6), (24, 4)), buy=0.25, growth=4, settles=1, eager=0.8, panic=12),
        exits=(SetFee(11 * 60, 99), Dump(11 * 60 + 30, 80), Pull(11 * 60 + 52, 100)),
    ),
)
