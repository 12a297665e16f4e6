"""Makes dossiers, and a whole bundle of random weights, for the tests of the model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from heft_model.bundle import Golden, Manifest, Window, write_bundle
from heft_model.calibrate import Calibration, Curve, Threshold
from heft_model.features import FEATURES
from heft_model.prompt import Lexicon, fit_lexicon, render, vocabulary
from heft_model.tokenizer import Words
from streams.events import Facts, Holders, Liquidity, TokenFacts, Trading

if TYPE_CHECKING:
    from heft_model.architecture import HeftModel, NanoSettings

LAUNCHED = datetime(2021, 1, 1, tzinfo=UTC)
NAMES = tuple(row.name for row in FEATURES)


def facts(number: int = 0, **changes: Any) -> Facts:
    """A dossier whose numbers follow from ``number``; ``changes`` replace whole fields."""
    rng = np.random.default_rng(number)
    x = rng.exponential(size=8).tolist()
    dossier = Facts(
        chain="ethereum",
        pool=f"0x{number:040x}",
        block=12_000_000 + number,
        log_index=3,
        at=datetime(2021, 1, 1, 1, tzinfo=UTC),
        venue="uniswap-v2",
        trigger="1h",
        sequence=2,
        launched_at=LAUNCHED,
        age=3600.0,
        quote_symbol="WETH",
        token=TokenFacts(
            name="Moon Dog", symbol="MDOG", decimals=18, total_supply=10**27, pooled_share=0.9
        ),
        liquidity=Liquidity(
            reserve=10 * x[0],
            reserve_initial=10.0,
            reserve_max=10 * (x[0] + x[1]),
            added=10.0 + x[2],
            removed=x[3],
            adds=1 + int(3 * x[2]),
            removes=int(2 * x[3]),
            largest_removal_share=0.1,
        ),
        trading=Trading(
            buys=int(30 * x[4]),
            sells=int(20 * x[5]),
            buys_last_hour=int(10 * x[4]),
            sells_last_hour=int(5 * x[5]),
            buys_first_block=0,
            buy_volume=5 * x[4],
            sell_volume=5 * x[5],
            largest_buy=x[4],
            largest_sell_share=0.02,
            price_to_initial=1 + x[6],
            price_to_max=0.7,
            price_to_hour_ago=1.0,
            price_volatility=0.03 * x[7],
            seconds_to_first_buy=12.0,
        ),
        holders=Holders(
            lp_holders=1 + int(x[6]),
            lp_top_share=0.98,
            lp_burnt_share=0.0,
            lp_locked_share=0.0,
            lp_removed_share=0.0,
            lp_mints=1,
            lp_burns=0,
            lp_transfers=2,
            seconds_since_lp_move=3000.0,
        ),
    )
    return msgspec.structs.replace(dossier, **changes)


def many(count: int) -> list[Facts]:
    """Distinct dossiers."""
    return [facts(number) for number in range(count)]


def lexicon(*, name_chars: int = 12, symbol_chars: int = 6) -> Lexicon:
    """The words of every feature."""
    return fit_lexicon(many(64), NAMES, bins=8, name_chars=name_chars, symbol_chars=symbol_chars)


def window(*, last_launch_at: datetime = LAUNCHED) -> Window:
    """What a bundle claims to have seen."""
    return Window(
        recordings=("made",),
        chains=("ethereum",),
        first_block=1,
        last_block=2,
        first_launch_at=datetime(2020, 1, 1, tzinfo=UTC),
        last_launch_at=last_launch_at,
        pools=2,
        rugs=1,
        examples=4,
    )


def calibration(*, threshold: float = 0.5, kinds: tuple[str, ...] = ()) -> Calibration:
    """Logit to probability unchanged."""
    same = Curve(kind="platt", logits=(-1.0, 1.0), outputs=(-1.0, 1.0), tail=1.0)
    return Calibration(
        curve=same,
        kinds=dict.fromkeys(kinds, same),
        threshold=Threshold(
            value=threshold, precision=0.9, wanted=0.9, confidence=0.9, alerted=50, rugged=49
        ),
        error=0.02,
        pools=100,
        examples=500,
    )


def write_tiny_bundle(
    path: Path, *, seed: int = 0, kinds: tuple[str, ...] = (), **changes: Any
) -> Manifest:
    """A bundle folder with a two-member random model of width 16; needs torch."""
    import torch  # noqa: PLC0415 - only the tests that run a model need the extra `train`

    from heft_model.architecture import NanoSettings  # noqa: PLC0415
    from heft_model.export import export_model, torch_logits  # noqa: PLC0415

    words = Words.of(vocabulary(lexicon()))
    shape = NanoSettings(width=16, layers=2, heads=2, kv_heads=1, ffn=32, members=2)
    model = random_model(shape, len(words), seed=seed, kinds=kinds)
    rows = words.encode([render(each, lexicon()) for each in many(3)])
    golden = Golden(token_ids=rows, logits=torch_logits(model, rows), telling={"age": 0.1})
    torch.set_num_threads(1)
    return write_dummy_bundle(path, model=export_model(model), golden=golden, **changes)


def random_model(
    shape: NanoSettings, vocabulary: int, *, seed: int = 0, kinds: tuple[str, ...] = ()
) -> HeftModel:
    """A model whose every weight matters to the answer; needs torch."""
    import torch  # noqa: PLC0415

    from heft_model.architecture import HeftMember, HeftModel  # noqa: PLC0415

    torch.manual_seed(seed)
    model = HeftModel(HeftMember(shape, vocabulary, kinds) for _ in range(shape.members))
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.3)
    return model.eval()


def write_dummy_bundle(
    path: Path,
    *,
    model: bytes = b"no model",
    golden: Golden | None = None,
    threshold: float = 0.5,
    calibrated: tuple[str, ...] = (),
    last_launch_at: datetime = LAUNCHED,
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC),
) -> Manifest:
    """A bundle folder in which everything is sound but, unless given, the model itself."""
    return write_bundle(
        path,
        model=model,
        words=Words.of(vocabulary(lexicon())),
        lexicon=lexicon(),
        calibration=calibration(threshold=threshold, kinds=calibrated),
        golden=golden or Golden(token_ids=[[2, 3]], logits=[0.0]),
        name="tiny",
        window=window(last_launch_at=last_launch_at),
        created=created,
        settings={},
        metrics={},
        licence="made for tests",
    )
