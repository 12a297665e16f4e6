"""The tables of the settings file: what each may hold, with its default.

This module does not read anything; ``daemon.settings`` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

__all__ = [
    "HOURS",
    "Alerts",
    "AppriseUrl",
    "Archive",
    "Chains",
    "Console",
    "DiscordChannel",
    "Examine",
    "Http",
    "Kafka",
    "Learn",
    "Log",
    "Model",
    "Page",
    "RouteTable",
    "Scanner",
    "Section",
    "SilenceTable",
    "Sinks",
    "SlackChannel",
    "Stages",
    "State",
    "TelegramChat",
    "Webhook",
]

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


class Learn(Section):
    """How the model is refreshed from the archive while the service runs."""

    enabled: bool = False
    cron: str = "0 3 * * *"
    labels: Annotated[int, Field(ge=0)] = 200
    drift: bool = True
    look_seconds: Seconds = 300.0
    shadow_seconds: Annotated[float, Field(ge=0)] = 21_600.0
    days: Count = 180
    recordings: tuple[Path, ...] = ()
    preset: str = "refresh"
    recipe: Path | None = None
    fewest: Count = 40
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    labels_to_roll_back: Count = 40


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
    keep_days: Count = 90


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


class OffchainMetadata(Section):
    """The JSON that a Solana token's metadata names, on a host of its maker's choice."""

    enabled: bool = False
    gateway: str = "https://ipfs.io/ipfs"
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
    payer: str = ""
    metadata: OffchainMetadata = OffchainMetadata()
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
    metrics: tuple[str, ...] = ()


class Log(Section):
    """What is logged on stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
