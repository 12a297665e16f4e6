"""The examine role: launches are put to the nodes of their chain, and to scanners on the web."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import anyio

from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.sections import Examine
from daemon.sections import Scanner as ScannerTable
from daemon.supervisor import Part
from streams.events import Examination
from streams.evm.endpoints import Endpoints
from streams.evm.venues import with_factories
from streams.examine.checklist import checklist
from streams.examine.examiner import Asking, ExamineSettings, ExamineTransform
from streams.examine.solana.checklist import checklist as solana_checklist
from streams.examine.solana.offchain import Offchain
from streams.examine.solana.slotview import SlotView
from streams.examine.thirdparty import GoPlus, HoneypotIs, Scanner
from streams.examine.tokenchecks import warm_up
from streams.solana.sightings import CHAIN as SOLANA
from streams.stage import Drain, message
from streams.topics import ACTIVITY

__all__ = ["examine_part", "offchain_from", "scanners_from"]


def examine_part(plant: Plant, chains: Sequence[Endpoints]) -> Part:
    """Puts launches to the nodes of their chain; what is found goes into the activity."""
    said = plant.settings.examine
    settings = ExamineSettings(
        deadline=said.deadline_seconds, at_once=said.at_once, ages=said.ages_seconds
    )
    nodes = {endpoints.chain: endpoints for endpoints in chains}
    extra = plant.settings.chains.factories

    async def publish(found: Examination) -> None:
        await plant.cluster.broker.publish([message(ACTIVITY, found)])

    async def run(drain: Drain) -> None:
        scanners, offchain = scanners_from(said), offchain_from(said)
        solana = solana_checklist(plant.state, offchain=offchain, payer=said.payer)
        transform = ExamineTransform(
            nodes,
            [*checklist(plant.state), *scanners],
            plant.state,
            publish,
            settings,
            others={SOLANA: Asking(solana, SlotView)},
            factories={each: with_factories(each, extra) for each in nodes if each != SOLANA},
            clock=plant.clock,
        )
        warming = asyncio.gather(*([warm_up()] if nodes.keys() - {SOLANA} else []))
        try:
            await run_transform(plant, "examine", ACTIVITY, transform, drain)
        finally:
            warming.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(warming, return_exceptions=True)
                await transform.close()
                for scanner in scanners:
                    await scanner.close()
                if offchain is not None:
                    await offchain.close()

    return Part("examine", run, beats=True)


def scanners_from(settings: Examine) -> list[Scanner]:
    """The services on the web that are asked about tokens: those that have a URL."""
    known: dict[type[Scanner], ScannerTable] = {
        GoPlus: settings.goplus,
        HoneypotIs: settings.honeypot_is,
    }
    return [
        service(said.url, said.key.get_secret_value(), patience=said.timeout_seconds)
        for service, said in known.items()
        if said.url
    ]


def offchain_from(settings: Examine) -> Offchain | None:
    """Who fetches the JSON of Solana's tokens, if it is switched on."""
    said = settings.metadata
    return Offchain(said.gateway, patience=said.timeout_seconds) if said.enabled else None
