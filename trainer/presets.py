"""Everything that a training depends on besides its examples, and the presets: one file a size.

``presets/*.toml`` are read like a recipe of your own: what they do not say is as below.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heft_model.architecture import NanoSettings
from heft_model.features import FEATURES
from streams.errors import Invalid
from trainer.finetune import HeftSettings, Teaching

__all__ = ["PRESETS", "RecipeSettings", "read_recipe"]

PRESETS = Path(__file__).parent / "presets"


class RecipeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a run depends on besides its examples."""

    name: str = "nano"
    """First part of the bundle's id."""

    # What the model reads.
    facts: tuple[str, ...] = tuple(row.name for row in FEATURES)
    bins: int = 16
    name_chars: int = 0
    symbol_chars: int = 0
    entities: int = 64
    """Venues, flags of findings and selectors that become words, the most frequent."""

    # What it is.
    network: NanoSettings = NanoSettings(width=64, layers=2, ffn=128, members=4)

    heft: HeftSettings | None = None
    """Fine-tune this pretrained base, instead of teaching ``network`` from nothing."""

    # How it is taught.
    steps: int = 350
    """Batches that each member is taught, whatever the number of examples."""
    batch: int = 256
    """Dossiers drawn for a step, by their weights: what weighs little costs little."""
    learning_rate: float = 1e-3
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises; it then falls as a cosine."""
    weight_decay: float = 0.05
    hidden: float = 0.1
    """Share of facts that read as unknown, drawn anew each time: also what evidence relies on."""
    jitter: float = 0.3
    """Share of facts that move to a neighbouring bin, drawn anew each time."""
    partial: float = 0.15
    """Share of dossiers that lose whole groups of facts, so that one given in part is judged as
    what is known of it, and moves towards the base rate."""
    kind_weight: float = 0.3
    """Weight of the loss of kinds beside that of rugs."""
    sides: float = 0.1
    """Share of what is taught that examples of kinds alone make up (codes, tokens)."""
    smoothness: float = 0.0
    """Weight of the squared distance between the words of neighbouring bins."""
    label_smoothing: float = 0.05
    average: float = 0.99
    """Decay of the running mean of the weights, a step; what is kept is the mean. 0: the last."""
    bootstrap: bool = True
    """Whether each member is taught on its own draw of pools (bagging)."""
    checks: int = 20
    """Times that a checkpoint is saved and the validation loss, if any, is looked at."""
    patience: int = 6
    """Checks without a better loss after which teaching ends; the best weights are kept."""

    # From what it is taught.
    drained: float = 0.3
    """Weight of a dossier that already shows the drain: easy, but it must be known when seen."""
    half_life_days: float = 100.0
    """A launch so much older than the newest counts half: scammers change."""
    refit: bool = True
    """Teach again on everything once the calibration is known. The newest launches are worth most,
    and holding them back to calibrate would withhold them from the weights that serve."""

    # How it is judged.
    validation: float = 0.0
    """Share of pools, by launch, that stops the teaching. 0: teach every step, keep the last."""
    calibration: float = 0.06
    """Share of pools, the newest, that calibrates. Small, because what is held back is what the
    rehearsal then does not know: with 15 % it had never seen part 2, whose launches calibrate."""
    precision: float = 0.9
    """Wanted precision of alerts, over pools."""
    confidence: float = 0.9
    """With which the precision must hold."""

    seed: int = 0
    threads: int = 1
    """Of torch. On a machine with other work two are slower than one: each waits for the other
    at every operation (measured: 0.21 s a step with one, 1.2 s with two)."""

    def teaching(self) -> Teaching:
        """What fine-tuning a base takes of these."""
        names = Teaching.__struct_fields__
        return Teaching(**{name: getattr(self, name) for name in names})


def read_recipe(preset: str, recipe: Path | None = None, base: str | None = None) -> RecipeSettings:
    """The settings of a preset, or of the file ``recipe``; ``base`` replaces the base it names.

    Raises ``Invalid`` for a preset that does not exist, a file that cannot be used, or a base where
    none is fine-tuned.
    """
    path = recipe or PRESETS / f"{preset}.toml"
    if recipe is None and not path.is_file():
        known = ", ".join(sorted(each.stem for each in PRESETS.glob("*.toml")))
        raise Invalid(f"no preset {preset!r}: choose from {known}", reason="usage")
    try:
        settings = msgspec.toml.decode(path.read_bytes(), type=RecipeSettings)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"recipe {path} cannot be used: {error}", reason="setting") from error
    if settings.heft is None:
        if base is not None:
            raise Invalid(f"{path.stem} teaches from nothing: it takes no base", reason="usage")
        return settings
    heft = msgspec.structs.replace(settings.heft, base=base or settings.heft.base)
    if not heft.base:
        raise Invalid("name what to fine-tune: --base HUB-ID, FOLDER or FILE.gguf", reason="usage")
    return msgspec.structs.replace(settings, heft=heft)
