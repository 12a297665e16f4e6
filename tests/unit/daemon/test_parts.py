"""Settings become the classes that they are about."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from rich.console import Console as Terminal
from structlog.testing import capture_logs

from alerts.console import ConsoleSettings
from alerts.policy import PolicySettings
from alerts.webhook import WebhookSettings
from daemon.parts.archiving import archive_parts
from daemon.parts.scoring import open_judge
from daemon.parts.sinks import sinks_from
from daemon.plant import Cluster, kafka_settings, plant_on
from daemon.sections import Alerts, Archive, Console, Kafka, Model, Section, Sinks, Webhook
from daemon.settings import Settings
from heft_model.registry import Registry
from streams.broker import KafkaSettings
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.memory import MemoryBroker
from streams.state import State
from streams.topics import POSTS, TOPICS
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = pytest.mark.anyio

MIRRORS = [
    (Kafka, KafkaSettings, {"partitions"}),
    (
        Alerts,
        PolicySettings,
        {
            "quiet_after_seconds",
            "routes",
            "silences",
            "wave_seconds",
            "wave_critical",
            "keep_days",
            "spill_after_seconds",
            "spill_to",
        },
    ),
    (Console, ConsoleSettings, {"enabled"}),
    (Webhook, WebhookSettings, {"secret"}),
]

NOT_FOR_PEOPLE = {"doze_seconds"}
"""Said by the embedded broker to its own clients alone."""


@pytest.mark.parametrize(("section", "struct", "own"), MIRRORS)
def test_sections_mirror_what_they_configure(
    section: type[Section], struct: type[msgspec.Struct], own: set[str]
) -> None:
    """Each section has exactly the struct's fields, with the same defaults."""
    assert set(section.model_fields) - own == set(struct.__struct_fields__) - NOT_FOR_PEOPLE
    defaults = {field.name: field.default for field in msgspec.structs.fields(struct)}
    for name, field in section.model_fields.items():
        if defaults.get(name, msgspec.NODEFAULT) is not msgspec.NODEFAULT:
            assert field.default == defaults[name], name


def test_kafka_settings_reveal_their_secrets() -> None:
    """The client needs the password; printing either side does not show it."""
    made = kafka_settings(Kafka(bootstrap_servers="x:1", sasl_password=SecretStr("hunter2")))
    assert made.sasl_password == "hunter2"
    assert "hunter2" not in repr(made)


async def test_sinks_are_those_switched_on() -> None:
    """The console by default; a webhook when it has a URL; neither when both are off."""
    terminal, clock = Terminal(), SystemClock()
    assert [sink.name for sink in sinks_from(Settings(), terminal, clock)] == ["console"]
    webhook = Webhook(url=SecretStr("https://example.invalid/x"), secret=SecretStr("s"))
    both = Settings(sinks=Sinks(webhook=webhook))
    made = sinks_from(both, terminal, clock)
    assert [sink.name for sink in made] == ["console", "webhook"]
    for sink in made:
        await sink.close()
    off = Settings(sinks=Sinks(console=Console(enabled=False)))
    assert sinks_from(off, terminal, clock) == []


def test_a_webhook_without_a_secret_is_refused() -> None:
    """An unsigned request would be worth nothing to its receiver."""
    webhook = Webhook(url=SecretStr("https://example.invalid/x"))
    with pytest.raises(Invalid, match=r"sinks\.webhook\.secret"):
        sinks_from(Settings(sinks=Sinks(webhook=webhook)), Terminal(), SystemClock())


@pytest.mark.train
def test_the_bundle_is_the_champion_a_version_or_a_folder(tmp_path: Path) -> None:
    """Empty follows the registry; an id or a folder is pinned."""
    id_ = write_tiny_bundle(tmp_path / "made").id
    registry = Registry(tmp_path / "models")
    registry.add(tmp_path / "made")
    registry.promote(id_)
    followed = open_judge(Model(registry=tmp_path / "models"))
    assert (followed.scorer.bundle, followed.registry is None) == (id_, False)
    for pinned in (id_, str(tmp_path / "made")):
        judge = open_judge(Model(registry=tmp_path / "models", bundle=pinned))
        assert (judge.scorer.bundle, judge.registry) == (id_, None)
        assert judge.manifest is not None
        assert judge.manifest.id == id_


@pytest.mark.parametrize(
    "spoilt", ["garbage\n", "", "\x00", '{"x":' + "[" * 9999], ids=["text", "empty", "zero", "deep"]
)
def test_a_spoilt_pointer_is_told_and_something_serves(tmp_path: Path, spoilt: str) -> None:
    """What ships judges when nobody can read who should, and the log says so once."""
    (tmp_path / "champion.json").write_text(spoilt)
    with capture_logs() as lines:
        judge = open_judge(Model(registry=tmp_path))
    assert judge.scorer.bundle in {manifest.id for manifest in Registry(tmp_path).versions()}
    (told,) = [line for line in lines if line["log_level"] == "warning"]
    assert told["event"] == "champion_unknown"
    assert "champion.json cannot be read" in told["error"]


async def test_the_archive_is_off_without_a_folder(tmp_path: Path) -> None:
    """With one, every topic has its part, but for posts: what people say is kept for its time."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    cluster = Cluster(broker=MemoryBroker(), address="")
    assert archive_parts(plant_on(Settings(), cluster, state)) == []
    kept = Settings(archive=Archive(dir=tmp_path / "archive"))
    names = [part.name for part in archive_parts(plant_on(kept, cluster, state))]
    assert names == [f"archive.{topic.name}" for topic in TOPICS if topic is not POSTS]
    await state.close()
