"""What every aiokafka client needs: to start and stop for certain, and to say what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import LeaveGroupRequest

from streams.broker import KafkaSettings
from streams.errors import Invalid, Retry

__all__ = ["admin", "start", "stop", "told"]

CLOSE_SECONDS = 5.0
CANCEL_SECONDS = 0.1

DENIED = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
)


@contextmanager
def told(doing: str, settings: KafkaSettings) -> Iterator[None]:
    """Turn what aiokafka raises into one of our three kinds, in one line with the address."""
    where = f"could not {doing} at Kafka {settings.bootstrap_servers}"
    try:
        yield
    except DENIED as error:
        raise Invalid(
            f"{where}: {_short(error)}: check kafka.security_protocol, sasl_* and the ACLs",
            reason="denied",
        ) from error
    except (kafka_errors.KafkaConnectionError, TimeoutError) as error:
        raise Retry(
            f"{where}: no answer; check that it runs, kafka.bootstrap_servers and, if the cluster"
            " wants them, kafka.security_protocol and kafka.sasl_*"
        ) from error
    except (kafka_errors.KafkaError, OSError) as error:
        raise Retry(f"{where}: {_short(error)}") from error


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".split("\n")[0][:200]


async def start(client: Any, seconds: float) -> None:
    """Start an aiokafka client, or stop what was started of it."""
    try:
        with anyio.fail_after(seconds):
            await client.start()
    except BaseException:
        await stop(client)
        raise


async def stop(client: Any) -> None:
    """Stop an aiokafka client, also when cancelled, but do not wait for ever.

    In a task of its own, since a consumer that waits to repeat a fetch raises ``CancelledError``
    when it is stopped (``Fetcher.close``), which would end ours; its connections stay open then.
    """
    stopping = asyncio.ensure_future(_close(client))
    with anyio.move_on_after(CLOSE_SECONDS, shield=True):
        await asyncio.wait([stopping])
        if stopping.cancelled():
            await client._client.close()  # noqa: SLF001
    stopping.cancel()


async def _close(client: Any) -> None:
    coordinator = getattr(client, "_coordinator", None)
    if isinstance(coordinator, GroupCoordinator):  # of a consumer in no group it is another
        await _leave(client, coordinator)
    await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


async def _leave(consumer: Any, coordinator: Any) -> None:
    """Leave the group at once, also in the middle of a join or in generation 0 (Tansu's first).

    aiokafka does neither: it waits for the join, that is for the other members' batches. The
    coordinator's own connection may be held by the join, so the good-bye takes another; without
    one, the others would wait until our session has run out.
    """
    await _end(coordinator._coordination_task)  # noqa: SLF001
    request = LeaveGroupRequest(coordinator.group_id, coordinator.member_id)
    coordinator.generation = OffsetCommitRequest.DEFAULT_GENERATION_ID  # said once is enough
    if coordinator.member_id and coordinator.coordinator_id is not None:
        with suppress(kafka_errors.KafkaError):
            await consumer._client.send(coordinator.coordinator_id, request)  # noqa: SLF001


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel until it ends: its heart beat, if it waits for that, takes a cancellation for its."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)


@asynccontextmanager
async def admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for one conversation."""
    client = AIOKafkaAdminClient(**settings.client())
    await start(client, settings.seconds)
    try:
        yield client
    finally:
        await stop(client)
