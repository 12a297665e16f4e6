"""Every setting: one TOML file, the environment and secret files, read once and frozen.

What is set nearer to the process wins: command line, then ``HEFT_<SECTION>__<KEY>``, then a file
of that name in ``$HEFT_SECRETS_DIR`` (default ``/run/secrets``), then the TOML file, then the
default. The file is ``--config``, else ``$HEFT_CONFIG``, else ``./heft.toml`` if there is one.
An unknown key is an error that names the nearest known one. ``heft.toml`` in the repository
holds every default with its explanation; a test keeps the two equal.

This module does not build anything from the settings; ``parts`` do.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from daemon.feed_sections import Market, Social
from daemon.sections import (
    Alerts,
    Archive,
    Chains,
    Examine,
    Http,
    Kafka,
    Learn,
    Log,
    Model,
    Page,
    Sinks,
    Stages,
    State,
)
from streams.errors import Invalid

__all__ = ["Settings", "known_keys", "load_settings"]

PREFIX = "HEFT_"
NOT_SETTINGS = frozenset({"CONFIG", "DATA_DIR", "REQUIRE", "SECRETS_DIR"})
"""``HEFT_*`` variables that are read elsewhere: where settings and test data lie."""


class Settings(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__"
    )

    kafka: Kafka = Kafka()
    state: State = State()
    model: Model = Model()
    stages: Stages = Stages()
    chains: Chains = Chains()
    examine: Examine = Examine()
    social: Social = Social()
    market: Market = Market()
    archive: Archive = Archive()
    learn: Learn = Learn()
    alerts: Alerts = Alerts()
    sinks: Sinks = Sinks()
    http: Http = Http()
    page: Page = Page()
    log: Log = Log()


def load_settings(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of this process; ``overrides`` are the command line's, nested by section.

    Raises ``Invalid`` (reason ``setting``) in one line that names the key.
    """
    path = _find(config)
    _refuse_unknown_variables()
    try:
        return Settings(_build_sources=(_sources(path, dict(overrides or {})), {}))
    except ValidationError as error:
        raise Invalid(_explain(error, path), reason="setting") from error
    except SettingsError as error:
        raise Invalid(f"the environment: {error}", reason="setting") from error


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as a dotted key, in the order of the file."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _sources(
    path: Path | None, overrides: dict[str, Any]
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Nearest to the process first: the first source that knows a key wins."""
    secrets = os.environ.get("HEFT_SECRETS_DIR", "/run/secrets")
    return (
        InitSettingsSource(Settings, overrides),
        EnvSettingsSource(Settings),
        NestedSecretsSettingsSource(
            SecretsSettingsSource(Settings),
            secrets_dir=secrets,
            secrets_dir_missing="ok",
            secrets_nested_delimiter="__",
        ),
        InitSettingsSource(Settings, _read(path) if path else {}),
    )


def _find(config: Path | None) -> Path | None:
    named = config or (Path(os.environ["HEFT_CONFIG"]) if os.environ.get("HEFT_CONFIG") else None)
    if named is not None and not _is_file(named):
        raise Invalid(f"settings file {named} does not exist", reason="setting")
    default = Path("heft.toml")
    return named or (default if _is_file(default) else None)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; raises ``Invalid`` where we may not look."""
    try:
        return path.is_file()
    except OSError as error:
        raise Invalid(
            f"settings file {path} cannot be looked for ({error.strerror}): name one with --config "
            "or start in a folder of yours",
            reason="setting",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(
            f"settings file {path} is not readable TOML: {error}", reason="setting"
        ) from error


def _refuse_unknown_variables() -> None:
    """A misspelt ``HEFT_`` variable must not be silently ignored."""
    for name in sorted(os.environ):
        section = name.removeprefix(PREFIX).split("__")[0]
        if not name.startswith(PREFIX) or section in NOT_SETTINGS:
            continue
        if section.lower() not in Settings.model_fields:
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            raise Invalid(f"unknown setting {name}{_nearest(key)}", reason="setting")


def _explain(error: ValidationError, path: Path | None) -> str:
    """The first problem: its key, where it was set, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    variable = PREFIX + key.upper().replace(".", "__")
    where = variable if variable in os.environ else path or "the command line"
    if first["type"] == "extra_forbidden":
        return f"unknown setting {key} in {where}{_nearest(key)}"
    return f"setting {key} in {where}: {first['msg']}"


def _nearest(key: str) -> str:
    """What was probably meant: a section when the section is unknown, else a key of it."""
    section = key.split(".", maxsplit=1)[0]
    if section in Settings.model_fields:
        candidates = [known for known in known_keys() if known.startswith(f"{section}.")]
    else:
        key, candidates = section, list(Settings.model_fields)
    close = difflib.get_close_matches(key, candidates, n=1, cutoff=0)
    return f"; the nearest known one is {close[0]}"
