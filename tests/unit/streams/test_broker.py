"""Keys, partitions and settings: what every broker shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.broker import KafkaSettings, key_bytes, key_text, partition_of
from streams.errors import Invalid


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key(key: bytes) -> None:
    """A key survives the way through text, whatever it was."""
    assert key_bytes(key_text(key)) == key


@given(st.binary(max_size=100), st.integers(1, 50))
def test_keys_go_where_other_kafka_producers_send_them(key: bytes, partitions: int) -> None:
    """Our hash is Kafka's default one, so an outside producer keeps our order."""
    everywhere = list(range(partitions))
    expected = DefaultPartitioner()(key, everywhere, everywhere)
    assert partition_of(key_text(key), partitions) == expected


def test_settings_do_not_print_their_secrets() -> None:
    """A password in the settings shows neither in a log line nor in a traceback."""
    settings = KafkaSettings(
        bootstrap_servers="kafka:9093", sasl_password="hunter2", ssl_password="hunter3"
    )
    assert "hunter" not in f"{settings!r} {settings}"
    assert "kafka:9093" in repr(settings)


def test_unusable_tls_files_are_named(tmp_path: Path) -> None:
    """A missing certificate is one line that says which setting is wrong."""
    settings = KafkaSettings(
        bootstrap_servers="kafka:9093",
        security_protocol="SASL_SSL",
        ssl_cafile=str(tmp_path / "absent.pem"),
    )
    with pytest.raises(Invalid, match=r"kafka\.ssl"):
        settings.client()


def test_tls_is_verified_and_plain_text_has_none() -> None:
    """With SSL the server's name and certificate are checked."""
    plain = KafkaSettings(bootstrap_servers="kafka:9092", security_protocol="SASL_PLAINTEXT")
    secure = KafkaSettings(bootstrap_servers="kafka:9093", security_protocol="SSL")
    assert plain.client()["ssl_context"] is None
    assert secure.client()["ssl_context"].check_hostname
