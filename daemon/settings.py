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
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError
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

from streams.errors import Invalid

__all__ = ["Settings", "known_keys", "load_settings"]

PREFIX = "HEFT_"
NOT_SETTINGS = frozenset({"CONFIG", "DATA_DIR", "REQUIRE", "SECRETS_DIR"})
"""``HEFT_*`` variables that are read elsewhere: where settings and test data lie."""

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
HOURS = r"^((?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d)?$"
"""From and until in UTC, such as ``22:00-06:30``; empty is never."""


class Section(BaseModel):
    """One table of the file: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(Section):
    """The broker that the topics live on; what is ``None`` is left to aiokafka."""

    bootstrap_servers: str = ""
    partitions: Count = 4
    client_id: str = "heft"
    enable_idempotence: bool = False
    compression: Literal["gzip", "lz4", "snappy", "zstd"] | None = None
    replication_factor: int = -1
    fetch_max_wait_ms: Count = 500
    session_timeout_ms: Count = 6_000
    max_poll_interval_ms: Count = 900_000
    timeout_ms: Count = 15_000
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: SecretStr | None = None


class State(Section):
    """Where the daemon remembers: checkpoints, pools, the alert ledger."""

    dir: Path = Path(".heft")
    url: SecretStr = SecretStr("")


class Model(Section):
    """Which bundle scores, and with how much of the machine."""

    bundle: str = ""
    registry: Path = Path(".heft/models")
    provider: Literal["auto", "cuda", "tensorrt", "openvino", "cpu"] = "auto"
    workers: Annotated[int, Field(ge=0)] = 0
    batch: Count = 16
    max_wait_seconds: Seconds = 0.005


class Stages(Section):
    """How the stages read, and when too much refused input stops one of them."""

    max_records: Count = 500
    max_wait_seconds: Seconds = 0.5
    backlog: Count = 20_000
    dead_in_a_row: Count = 100
    dead_share: Share = 0.5


class Archive(Section):
    """Every topic as Parquet files; off without a folder."""

    dir: Path | None = None


class RouteTable(Section):
    """Who hears of what: all that a route names must fit; what it leaves out fits always."""

    name: str
    to: list[str]
    chains: list[str] = []
    venues: list[str] = []
    watchlist: list[str] = []
    severity: Literal["info", "warning", "critical"] = "info"
    minimum_liquidity: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    mute_hours: Annotated[str, Field(pattern=HOURS)] = ""
    repeat_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    most_per_minute: Annotated[int, Field(ge=0)] = 0


class SilenceTable(Section):
    """What nobody is to hear: all that it names must fit."""

    who: str
    why: str
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    hours: Annotated[str, Field(pattern=HOURS)] = ""
    chain: str = ""
    venue: str = ""
    token: str = ""
    creator: str = ""
    severity: Literal["info", "warning", "critical"] | None = None
    critical: bool = False


class Alerts(Section):
    """When the policy speaks, and who hears it."""

    threshold: Share | None = None
    minimum_liquidity: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    minimum_age: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60.0
    update_step: Annotated[float, Field(gt=0, le=1)] = 0.1
    clear_below: Share = 0.2
    quiet_after_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3_600.0
    spill_to: str = ""
    spill_after_seconds: Seconds = 60.0
    routes: list[RouteTable] = []
    silences: list[SilenceTable] = []
    wave_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0
    wave_critical: bool = False


class Console(Section):
    """Alerts on the terminal."""

    enabled: bool = True
    shape: Literal["panel", "line"] = "panel"


class Chains(Section):
    """The live chains that heft watch follows."""

    follow: tuple[str, ...] = ()
    rpc: tuple[SecretStr, ...] = ()
    delivery: Literal["instant", "finalized"] = "instant"
    factories: tuple[str, ...] = ()
    most_backfill_blocks: Count = 20_000
    token_hours: Annotated[float, Field(ge=0)] = 6.0


class Scanner(Section):
    """A service on the web that is asked about tokens, too; off without a URL."""

    url: str = ""
    key: SecretStr = SecretStr("")
    timeout_seconds: Seconds = 1.0


class Examine(Section):
    """How launches are put to the nodes of their chain: what they are, do and hold."""

    enabled: bool = True
    deadline_seconds: Seconds = 2.0
    at_once: Count = 32
    ages_seconds: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (
        0.0,
        300.0,
        3_600.0,
        21_600.0,
        86_400.0,
    )
    goplus: Scanner = Scanner()
    honeypot_is: Scanner = Scanner()


class Webhook(Section):
    """Alerts as signed HTTP requests to a receiver of yours; off without a URL."""

    url: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")
    name: str = "webhook"
    timeout_seconds: Seconds = 10.0
    attempts: Count = 3
    patience_seconds: Annotated[float, Field(ge=0)] = 5.0


class TelegramChat(Section):
    """Alerts in one Telegram chat; off without a token."""

    token: SecretStr = SecretStr("")
    chat_id: str = ""
    thread_id: int | None = None
    base_url: str = "https://api.telegram.org"
    name: str = "telegram"
    timeout_seconds: Seconds = 10.0


class DiscordChannel(Section):
    """Alerts in one Discord channel, by its webhook; off without a URL."""

    url: SecretStr = SecretStr("")
    name: str = "discord"
    timeout_seconds: Seconds = 10.0


class SlackChannel(Section):
    """Alerts in one Slack channel, by a bot; off without a token."""

    token: SecretStr = SecretStr("")
    channel: str = ""
    base_url: str = "https://slack.com/api"
    name: str = "slack"
    timeout_seconds: Seconds = 10.0


class AppriseUrl(Section):
    """Alerts by e-mail or any other service that Apprise knows; off without a URL."""

    url: SecretStr = SecretStr("")
    name: str = "apprise"
    timeout_seconds: Seconds = 30.0


class Sinks(Section):
    """Where alerts go besides the Kafka topic, which always gets them."""

    console: Console = Console()
    webhook: Webhook = Webhook()
    telegram: TelegramChat = TelegramChat()
    discord: DiscordChannel = DiscordChannel()
    slack: SlackChannel = SlackChannel()
    apprise: AppriseUrl = AppriseUrl()


class Http(Section):
    """The health endpoint: /live, /ready and /metrics."""

    host: str = "127.0.0.1"
    port: Port = 9464
    stall_seconds: Seconds = 120.0


class Page(Section):
    """The page and its API: what the service sees and says, to look at."""

    host: str = "127.0.0.1"
    port: Port = 9465
    hosts: tuple[str, ...] = ()
    token: SecretStr = SecretStr("")


class Log(Section):
    """What is logged on stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


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
    archive: Archive = Archive()
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
