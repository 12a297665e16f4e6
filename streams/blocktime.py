"""When a block was made, for recordings that name blocks but no times.

Between anchors the time is interpolated: on Ethereum right to half an hour in autumn 2020 and to
some hours elsewhere, the pace (and so an age) to two percent. Outside of the anchors time goes on
at the nearest pace. Chains without anchors must bring their own timestamps.
"""

from __future__ import annotations

from bisect import bisect_right

from streams.errors import Invalid

__all__ = ["time_of_block"]

ANCHORS: dict[str, tuple[tuple[int, int], ...]] = {
    # Fork blocks and their timestamps, from the chain's own history (Muir Glacier, Berlin,
    # London, Arrow Glacier, Gray Glacier, the Merge); from the Merge on, twelve seconds a slot.
    # Those of autumn 2020 are pools created and first funded in one block (the creation
    # dates of the Akimov labels), where the pace between forks is 8 to 12 hours off.
    "ethereum": (
        (9_200_000, 1_577_953_849),
        (10_822_174, 1_599_583_520),
        (10_860_143, 1_600_086_918),
        (10_899_814, 1_600_612_757),
        (10_941_857, 1_601_172_646),
        (10_980_326, 1_601_692_427),
        (11_020_060, 1_602_230_604),
        (11_066_725, 1_602_849_148),
        (11_093_130, 1_603_198_782),
        (11_139_585, 1_603_814_631),
        (12_244_000, 1_618_481_223),
        (12_965_000, 1_628_166_822),
        (13_773_000, 1_639_079_723),
        (15_050_000, 1_656_586_444),
        (15_537_393, 1_663_224_162),
        (25_537_393, 1_783_224_162),
    ),
}


def time_of_block(chain: str, block: int) -> float:
    """UNIX seconds of ``block``, whole ones; ``Invalid`` where the chain has no anchors."""
    anchors = ANCHORS.get(chain)
    if anchors is None:
        raise Invalid(
            f"the recording has no timestamps and the block times of {chain} are not known; "
            "add a `timestamp` column (UNIX seconds)",
            reason="no-time",
        )
    after = min(max(bisect_right(anchors, (block, 0)), 1), len(anchors) - 1)
    (block0, time0), (block1, time1) = anchors[after - 1], anchors[after]
    return float(time0 + round((block - block0) * (time1 - time0) / (block1 - block0)))
