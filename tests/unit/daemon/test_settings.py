"""Where settings come from, who wins, and what is said about a bad one."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from daemon.settings import Settings, known_keys, load_settings
from streams.errors import Invalid

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and no setting in the environment."""
    for name in list(os.environ):
        if name.startswith("HEFT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HEFT_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.chdir(tmp_path)


def refusal(config: Path | None = None) -> str:
    """The one line that a bad setting gives."""
    with pytest.raises(Invalid) as caught:
        load_settings(config)
    assert caught.value.reason == "setting"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def toml(text: str) -> Path:
    """A settings file in the current folder."""
    path = Path("given.toml")
    path.write_text(text)
    return path


def test_defaults_need_no_file() -> None:
    """Nothing has to be configured."""
    assert load_settings() == Settings()


def test_nearest_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line over environment over secret file over settings file over default."""
    Path("secrets").mkdir()
    for level, name in enumerate(["client_id", "sasl_username", "sasl_password"]):
        Path(f"secrets/heft_kafka__{name}").write_text(f"secret{level}\n")
    monkeypatch.setenv("HEFT_KAFKA__CLIENT_ID", "environment")
    monkeypatch.setenv("HEFT_KAFKA__SASL_USERNAME", "environment")
    config = toml(
        "[kafka]\nclient_id = 'file'\nsasl_username = 'file'\nsasl_password = 'file'\n"
        "partitions = 7\nbootstrap_servers = 'file:9092'\n"
    )
    kafka = load_settings(config, {"kafka": {"client_id": "command line"}}).kafka
    assert kafka.client_id == "command line"
    assert kafka.sasl_username == "environment"
    assert kafka.sasl_password == SecretStr("secret2")
    assert kafka.partitions == 7
    assert kafka.security_protocol == "PLAINTEXT"


def test_file_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The named file, else $HEFT_CONFIG, else ./heft.toml."""
    Path("heft.toml").write_text("[http]\nport = 1\n")
    Path("other.toml").write_text("[http]\nport = 2\n")
    assert load_settings().http.port == 1
    monkeypatch.setenv("HEFT_CONFIG", "other.toml")
    assert load_settings().http.port == 2
    assert load_settings(toml("[http]\nport = 3\n")).http.port == 3


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("[kafka]\nbootstrap_server = 'x'", "kafka.bootstrap_server", "kafka.bootstrap_servers"),
        ("[kafak]\nx = 1", "kafak", "kafka"),
        ("[sinks.webhook]\nulr = 'x'", "sinks.webhook.ulr", "sinks.webhook.url"),
        ("http_port = 1", "http_port", "http"),
    ],
)
def test_unknown_key_names_the_nearest(text: str, key: str, nearest: str) -> None:
    """A misspelt key is refused with what was probably meant."""
    message = refusal(toml(text))
    assert message == f"unknown setting {key} in given.toml; the nearest known one is {nearest}"


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("HEFT_KAFKA__BOOT_SERVERS", "kafka.bootstrap_servers"), ("HEFT_KAFAK__CLIENT", "kafka")],
)
def test_unknown_variable_names_the_nearest(
    variable: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt HEFT_ variable is not silently ignored."""
    monkeypatch.setenv(variable, "x")
    message = refusal()
    assert variable in message
    assert message.endswith(f"the nearest known one is {nearest}")


def test_bad_value_names_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of the wrong type is refused by key and by where it was set."""
    monkeypatch.setenv("HEFT_HTTP__PORT", "many")
    assert refusal().startswith("setting http.port in HEFT_HTTP__PORT: ")
    monkeypatch.delenv("HEFT_HTTP__PORT")
    assert refusal(toml("[http]\nport = -1")).startswith("setting http.port in given.toml: ")


@pytest.mark.parametrize("text", ["[kafka", "\x00", "kafka = 1"])
def test_broken_file_is_one_line(text: str) -> None:
    """A file that is not TOML, or has a value where a table belongs, is one line."""
    assert "given.toml" in refusal(toml(text))


def test_missing_file_is_refused() -> None:
    """A named file that is not there is not the same as no file."""
    assert refusal(Path("nowhere.toml")) == "settings file nowhere.toml does not exist"


def test_a_file_that_cannot_be_looked_for() -> None:
    """Neither a folder that is closed to us nor a name that no disk takes is a traceback."""
    assert "cannot be looked for (File name too long)" in refusal(Path("x" * 300))


def test_a_section_given_as_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """HEFT_KAFKA=... without a key is explained."""
    monkeypatch.setenv("HEFT_KAFKA", "kafka:9092")
    assert "kafka" in refusal()


def test_settings_are_frozen_and_hide_secrets() -> None:
    """Nobody changes settings at run time, and printing them tells no secret."""
    settings = load_settings(toml("[kafka]\nsasl_password = 'hunter2'"))
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.kafka = settings.kafka  # type: ignore[misc]


def test_shipped_file_holds_every_default() -> None:
    """heft.toml changes nothing, shows every key in order, and each with its true default."""
    shipped = ROOT / "heft.toml"
    text = shipped.read_text(encoding="utf-8")
    assert load_settings(shipped) == Settings()
    assert keys_in(text) == list(known_keys())
    uncommented = re.sub(r"(?m)^# ([a-z_]+ = )", r"\1", text)
    assert load_settings(toml(uncommented)) == Settings()
    assert uncommented != text


def keys_in(text: str) -> list[str]:
    """The dotted keys that a settings file shows, in their order."""
    keys, section = list[str](), ""
    for line in text.splitlines():
        if table := re.fullmatch(r"\[([a-z_.]+)\]", line):
            section = table[1]
        elif key := re.match(r"# (?:e\.g\. )?([a-z_]+) = ", line):
            keys.append(f"{section}.{key[1]}")
    return keys
