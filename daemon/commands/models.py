"""``heft models``: the versions that there are, and which of them serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.options import Common, settings_from

if TYPE_CHECKING:
    from heft_model.registry import Registry

__all__ = ["list_", "promote", "rollback", "show"]


def list_(common: Common = Common()) -> None:
    """List the versions, oldest first.

    Args:
        common: See there.
    """
    from daemon.display.tables import new_table, output

    registry = _registry(common)
    champion = registry.champion()
    table = new_table(
        "Model versions",
        *("version", "serves", "created", "has seen launches until", "pools", "taught on"),
    )
    table.caption = (
        "Of a chain that is not named, a version has learnt nothing: there are no labels of it, "
        "its verdicts there are the odds of others, and say so."
    )
    for manifest in registry.versions():
        table.add_row(
            manifest.id,
            "champion" if manifest.id == champion else "",
            f"{manifest.created:%Y-%m-%d}",
            f"{manifest.window.last_launch_at:%Y-%m-%d}",
            f"{manifest.window.pools:,}",
            ", ".join(
                f"{chain} ({each.rugs:,} of {each.pools:,} rugged)"
                for chain, each in manifest.window.taught().items()
            ),
        )
    output().print(table)


def show(version: str, /, common: Common = Common()) -> None:
    """Show what one version is.

    Args:
        version: Its id, as heft models list gives it.
        common: See there.
    """
    import msgspec
    from rich.console import Console

    from heft_model.bundle import read_manifest

    manifest = read_manifest(_registry(common).folder(version))
    Console().print_json(msgspec.json.encode(manifest).decode())


def promote(version: str, /, common: Common = Common()) -> None:
    """Make a version the champion; daemons that run take it up at their next batch.

    Args:
        version: Its id, as heft models list gives it.
        common: See there.
    """
    _registry(common).promote(version)
    print(f"{version} serves now; heft models rollback undoes it")


def rollback(common: Common = Common()) -> None:
    """Serve the previous champion again.

    Args:
        common: See there.
    """
    print(f"{_registry(common).rollback()} serves again")


def _registry(common: Common) -> Registry:
    from daemon.run import configure_quiet
    from heft_model.registry import Registry

    settings = settings_from(common)
    configure_quiet(settings.log)
    return Registry(settings.model.registry)
