"""The sources: what is played or followed live, published once the stages run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daemon.plant import Plant
from daemon.supervisor import Part
from streams.evm.endpoints import Endpoints
from streams.evm.follow import Follower, FollowerSettings
from streams.evm.venues import CHAINS, with_factories
from streams.solana.follow import SolanaFollower
from streams.solana.sightings import CHAIN as SOLANA
from streams.source import Checkpoints, Played, Source, run_source
from streams.stage import Drain

__all__ = ["chain_part", "source_part"]


def source_part(
    plant: Plant,
    source: Source,
    note: Callable[[Played], None],
    stages: Sequence[str],
    *,
    name: str = "source",
) -> Part:
    """Publishes what the source yields once the stages run; ``note`` is told of each batch."""

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await plant.progress.running(stages)
        await run_source(
            source,
            plant.cluster.broker,
            Checkpoints(plant.state, plant.cluster.incarnation),
            drain=drain,
            backlog=plant.backlog,
            progress=note,
        )

    return Part(name, run)


def chain_part(plant: Plant, endpoints: Endpoints, stages: Sequence[str]) -> Part:
    """Follows one live chain, apart from every other: its failures are its own."""
    name, chains = endpoints.chain, plant.settings.chains
    if name == SOLANA:
        solana = SolanaFollower(
            endpoints,
            plant.state,
            commitment="finalized" if chains.delivery == "finalized" else "confirmed",
            most_backfill=chains.most_backfill_blocks,
        )
        return source_part(plant, solana, lambda _: None, stages, name=solana.name)
    follower = Follower(
        name,
        CHAINS[name],
        endpoints,
        with_factories(name, chains.factories),
        plant.state,
        FollowerSettings(
            delivery=chains.delivery,
            most_backfill=chains.most_backfill_blocks,
            token_hours=chains.token_hours,
        ),
    )
    return source_part(plant, follower, lambda _: None, stages, name=follower.name)
