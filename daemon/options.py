"""The options that several commands share, and the settings that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from daemon.settings import Settings, load_settings

__all__ = ["Common", "settings_from"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command that reads settings."""

    config: Path | None = None
    """Settings file, instead of $HEFT_CONFIG or ./heft.toml."""


def settings_from(options: Common, **sections: dict[str, Any]) -> Settings:
    """The settings, with what the command line says on top; ``None`` there says nothing."""
    said = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in sections.items()
    }
    return load_settings(options.config, {key: value for key, value in said.items() if value})
