"""The Broker seam: what publishing and reading promise, whoever carries the records.

``kafka`` keeps these promises on a cluster, ``memory`` in one process, and
``tests/contract/test_broker.py`` holds both to them:

- ``publish`` returns when every message is acknowledged by all replicas; messages with one key
  keep their order, also when a publish failed half-way and is repeated as a whole;
- a subscription hands a partition to one member of its group at a time. ``generation`` changes
  whenever the assignment was made anew, and ``commit`` never touches an older generation's
  records: whoever holds the partitions now will read them again;
- nothing is committed unless asked, so delivery is at least once.

This module does not own what records mean (``events``) nor what becomes of them (``stage``).
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol

import msgspec

from streams.errors import Invalid
from streams.topics import Topic

__all__ = [
    "MAX_RECORD_BYTES",
    "Broker",
    "KafkaSettings",
    "Message",
    "Record",
    "Subscription",
    "key_bytes",
    "key_text",
    "partition_of",
    "place_of",
    "too_large",
]

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""No record of ours is larger: room for a 10 MB poisoned record as base64 in a dead letter."""

_MASK = 0xFFFFFFFF


class Message(msgspec.Struct, frozen=True):
    """What is to be published; without ``partition``, the key's hash chooses one."""

    topic: str
    key: str
    value: bytes
    partition: int | None = None


class Record(msgspec.Struct, frozen=True):
    """What was read, and where it stands."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


class Subscription(Protocol):
    """One member of one consumer group on one topic."""

    partitions: frozenset[int]
    """The assigned partitions, as of the last ``batch()``; none while they are dealt anew."""
    generation: int
    """Changes when partitions are taken away and when they come, even if they are the same."""

    async def batch(self) -> list[Record]:
        """The next records, after at most ``max_wait`` seconds; may be empty; raises ``Retry``.

        Cancelling it loses nothing: what it had gathered comes with the next call.
        """
        ...

    def rest(self) -> list[Record]:
        """What a ``batch()`` that was cut short had gathered; at once, and without waiting."""
        ...

    async def commit(self) -> None:
        """Commit all that ``batch()`` returned; nothing if its partitions moved meanwhile."""
        ...

    async def lag(self) -> int:
        """Records on the assigned partitions that are not yet committed; raises ``Retry``."""
        ...

    async def close(self) -> None:
        """Leave the group without committing."""
        ...


class Broker(Protocol):
    """Where records are published to and read from."""

    async def ensure_topics(self, topics: Sequence[Topic], partitions: int) -> None:
        """Create what is missing, and a dead-letter topic beside each."""
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has; raises ``Invalid`` when there is no such topic."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when all are acknowledged; raises ``Retry``, or ``Invalid`` (too large)."""
        ...

    async def subscribe(
        self,
        topic: str,
        group: str,
        *,
        max_records: int = 500,
        min_records: int = 1,
        max_wait: float = 0.5,
        in_no_hurry: bool = False,
    ) -> Subscription:
        """Join the group. A batch is complete at ``min_records`` or after ``max_wait`` seconds.

        ``in_no_hurry``: news may come ``max_wait`` late, if asking less often spares work.
        """
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


def key_bytes(key: str) -> bytes:
    """A key as it travels; undoes ``key_text`` exactly, whatever bytes the key was."""
    return key.encode("utf-8", "surrogateescape")


def key_text(key: bytes) -> str:
    """A travelled key as text, also when it is not UTF-8."""
    return key.decode("utf-8", "surrogateescape")


@lru_cache(maxsize=65_536)
def _hash(key: str) -> int:
    return _murmur2(key_bytes(key)) & 0x7FFFFFFF


def _murmur2(data: bytes) -> int:
    """Kafka's hash of a key (org.apache.kafka.common.utils.Utils.murmur2)."""
    m = 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & _MASK
        k = (k ^ k >> 24) * m & _MASK
        h = h * m & _MASK ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & _MASK
    h = (h ^ h >> 13) * m & _MASK
    return h ^ h >> 15


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: Kafka's own default (murmur2), so other producers agree."""
    return _hash(key) % partitions


def place_of(message: Message, partitions: int) -> int:
    """The partition that a message goes to; raises ``Invalid`` when its own does not exist."""
    if message.partition is None:
        return partition_of(message.key, partitions)
    if message.partition < partitions:
        return message.partition
    raise Invalid(
        f"topic {message.topic} has no partition {message.partition}", reason="no-partition"
    )


def too_large(message: Message, limit: str) -> Invalid:
    """The refusal of a message that no broker would take."""
    return Invalid(
        f"a message of {len(message.value)} bytes is over {limit} of topic {message.topic}",
        reason="too-large",
    )


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a Kafka cluster and how to behave there; never prints its secrets."""

    bootstrap_servers: str
    client_id: str = "heft"
    enable_idempotence: bool = False
    """Wants a broker with InitProducerId for aiokafka: a real Kafka, not the embedded one."""
    compression: Literal["gzip", "lz4", "snappy", "zstd"] | None = None
    replication_factor: int = -1
    """Of topics created here; -1 is the cluster's own default."""
    fetch_max_wait_ms: int = 500
    doze_seconds: float = 0.0
    """How long a consumer that found nothing does not ask, unless this process publishes."""
    session_timeout_ms: int = 6_000
    max_poll_interval_ms: int = 900_000
    """How long one batch may take before the group gives its partitions away."""
    timeout_ms: int = 15_000
    """Of one request, of a connection, and of a publish with its repetitions."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: str | None = None

    def __repr__(self) -> str:
        """Only what is fit for a log."""
        return f"KafkaSettings({self.bootstrap_servers}, {self.security_protocol})"

    @property
    def seconds(self) -> float:
        """``timeout_ms`` as Python's libraries want it."""
        return self.timeout_ms / 1000

    def client(self) -> dict[str, Any]:
        """The options that every Kafka client takes; raises ``Invalid`` for bad TLS files."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": self.timeout_ms,
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context(),
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
        }

    def _ssl_context(self) -> ssl.SSLContext | None:
        if not self.security_protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile is not None:
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, self.ssl_password)
            return context  # noqa: TRY300 - one block that may fail
        except OSError as error:
            raise Invalid(f"the kafka.ssl files cannot be used: {error}", reason="tls") from error
