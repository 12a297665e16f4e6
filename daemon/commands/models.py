"""``heft models``: the versions that there are, and which of them serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from daemon.options import Common, settings_from

if TYPE_CHECKING:
    from heft_model.decision import What
    from heft_model.registry import Registry

__all__ = ["diff", "list_", "pin", "promote", "rollback", "show"]


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
    """Show what one version is, and what was decided of it.

    Args:
        version: Its id, as heft models list gives it.
        common: See there.
    """
    import msgspec
    from rich.console import Console

    from heft_model.bundle import read_manifest

    registry = _registry(common)
    manifest = read_manifest(registry.folder(version))
    decided = [d for d in registry.decisions(dict) if manifest.id in d.values()]
    told = msgspec.to_builtins(manifest) | {"decisions": decided}
    Console().print_json(msgspec.json.encode(told).decode())


def diff(one: str, other: str, /, common: Common = Common()) -> None:
    """Show what two versions differ in: what they have seen, how they were taught, their figures.

    Args:
        one: A version's id.
        other: Another's.
        common: See there.
    """
    import msgspec

    from daemon.display.tables import new_table, output
    from heft_model.bundle import read_manifest

    registry = _registry(common)
    told = [
        dict(_flat(msgspec.to_builtins(read_manifest(registry.folder(version)))))
        for version in (one, other)
    ]
    table = new_table(f"{one} and {other}", "what", one, other)
    for name in sorted(told[0].keys() | told[1].keys()):
        values = [str(each.get(name, "")) for each in told]
        if values[0] != values[1] and not name.startswith("files."):
            table.add_row(name, *values)
    output().print(table)


def pin(*, off: bool = False, common: Common = Common()) -> None:
    """Hold the champion against promotions and rollbacks that nobody asked for.

    Args:
        off: Let go of it again.
        common: See there.
    """
    registry = _registry(common)
    champion = registry.pin(on=not off)
    _record(registry, "unpinned" if off else "pinned", champion, champion)
    print(
        f"{champion} " + ("may be replaced again" if off else "stays until heft models pin --off")
    )


def promote(version: str, /, common: Common = Common()) -> None:
    """Make a version the champion; daemons that run take it up at their next batch.

    Args:
        version: Its id, as heft models list gives it.
        common: See there.
    """
    registry = _registry(common)
    before = _champion(registry)
    registry.promote(version)
    _record(registry, "promoted", before, version)
    print(f"{version} serves now; heft models rollback undoes it")


def rollback(common: Common = Common()) -> None:
    """Serve the previous champion again.

    Args:
        common: See there.
    """
    registry = _registry(common)
    before = _champion(registry)
    after = registry.rollback()
    _record(registry, "rolled-back", before, after)
    print(f"{after} serves again")


def _champion(registry: Registry) -> str:
    """Who serves; nobody where the pointer is spoilt."""
    from streams.errors import Invalid

    try:
        return registry.champion()
    except Invalid:
        return ""


def _record(registry: Registry, what: What, before: str, after: str) -> None:
    """A person's decision, as it stands beside those of the gates."""
    import getpass
    from datetime import UTC, datetime

    from heft_model.decision import Decision

    registry.record(
        Decision(
            at=datetime.now(UTC),
            what=what,
            champion=before,
            challenger=after,
            reason="asked for on the command line",
            by=getpass.getuser(),
        )
    )


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Dotted names and the values at their ends."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def _registry(common: Common) -> Registry:
    from daemon.run import configure_quiet
    from heft_model.registry import Registry

    settings = settings_from(common)
    configure_quiet(settings.log)
    return Registry(settings.model.registry)
