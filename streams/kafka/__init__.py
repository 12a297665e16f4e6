"""KafkaBroker: the Broker seam on a Kafka cluster, and the only home of aiokafka.

Three things that aiokafka leaves to its user are settled here. It logs and repeats for ever where
we want a ``Retry``; it resumes sending behind a batch that failed, which would re-order a repeated
publish; and it gives partitions away in the middle of a batch.

This package does not own the promises (``streams.broker``) nor the embedded cluster
(``streams.embedded``).
"""

from __future__ import annotations

from streams.kafka.broker import KafkaBroker

__all__ = ["KafkaBroker"]
