"""One ``heft train``: examples from the recordings, the recipe, the registry."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from daemon.options import TrainOptions
from daemon.run import configure_quiet
from daemon.settings import Settings
from heft_model.registry import Registry
from streams.errors import Invalid
from streams.recording import open_recording

if TYPE_CHECKING:
    from trainer.dataset import Example

__all__ = ["train_on"]


def train_on(settings: Settings, folders: Sequence[Path], options: TrainOptions) -> int:
    """Train on the folders and add the version, or write it to ``--out``; gives the exit code.

    Raises ``Invalid`` when the extra ``train`` is missing or the recordings cannot teach.
    """
    if options.analyst:
        return _teach_analyst(settings, folders, options)
    if not folders:
        raise Invalid("train needs a folder of recorded pools at least", reason="usage")
    try:
        from trainer.finetune import is_first_process
        from trainer.presets import read_recipe
        from trainer.recipe import train
    except ImportError as error:
        raise Invalid("training needs more: pip install 'heft-monitor[cpu,train]'") from error
    console = Console(stderr=True, quiet=not is_first_process())
    configure_quiet(settings.log)
    recipe = read_recipe(options.preset, options.recipe, options.base)
    recipe = msgspec.structs.replace(recipe, name=options.name or recipe.name)
    registry = settings.model.registry
    examples = [e for folder in folders for e in _examples(folder, options.earlier, console)]
    made = train(
        _with_kinds(examples, options, console),
        recipe,
        options.out or registry / "training" / recipe.name,
        recordings=[
            folder.resolve().name for folder in (*folders, options.codes, options.traps) if folder
        ],
        licence=options.licence,
        console=console,
    )
    if not is_first_process():  # of several, under torchrun, the first alone writes
        return 0
    if options.out is not None:
        print(f"bundle written to {made}")
        return 0
    _add(Registry(registry), made, promote=options.promote)
    return 0


def _teach_analyst(settings: Settings, folders: Sequence[Path], options: TrainOptions) -> int:
    if folders or options.out is None:
        raise Invalid("--analyst takes --out FOLDER and no recordings", reason="usage")
    try:
        from trainer.analyst.teach import read_settings, teach_analyst
    except ImportError as error:
        raise Invalid("training needs more: pip install 'heft-monitor[cpu,train]'") from error
    configure_quiet(settings.log)
    recipe = read_settings(options.recipe)
    made = teach_analyst(recipe, options.out, console=Console(stderr=True))
    print(f"analyst written to {made}")
    return 0


def _examples(folder: Path, earlier: float, console: Console) -> list[Example]:
    from trainer.dataset import examples_from_recording, launched_before, split_by_launch

    examples = examples_from_recording(open_recording(folder))
    if earlier < 1:
        examples = split_by_launch(examples, launched_before(examples, earlier)).earlier
    pools = len({example.group for example in examples})
    console.print(f"{folder}: {len(examples):,} dossiers of {pools:,} pools", soft_wrap=True)
    return examples


def _with_kinds(examples: list[Example], options: TrainOptions, console: Console) -> list[Example]:
    """The examples with what else is told of kinds, nothing of it younger than they are."""
    from trainer.dataset import even, told_of
    from trainer.mixtures import codes_on_pools
    from trainer.sources.crpwarner import load_codes
    from trainer.sources.trapdoor import load_kinds

    launches = [example.facts.launched_at for example in examples]
    if options.traps is not None:
        tokens, answers = load_kinds(options.traps, max(launches))
        examples = [told_of(example, answers) for example in examples] + even(tokens)
        console.print(f"{options.traps}: {len(tokens):,} tokens", soft_wrap=True)
    if options.codes is not None:
        codes = load_codes(options.codes, min(launches), max(launches))
        examples = examples + codes_on_pools(examples, codes) + even(codes)
        console.print(f"{options.codes}: {len(codes):,} codes", soft_wrap=True)
    return examples


def _add(registry: Registry, folder: Path, *, promote: bool) -> None:
    version = registry.add(folder)
    shutil.rmtree(folder)
    if promote:
        registry.promote(version)
    print(
        f"{version} added" + (", and serves now" if promote else f"; heft models promote {version}")
    )
