"""Every check on a launch, in the order in which a dossier tells them."""

from __future__ import annotations

from streams.examine.deployer import Deployer
from streams.examine.holders import Holders
from streams.examine.identity import Identity
from streams.examine.locks import Locks
from streams.examine.origins import Origins
from streams.examine.question import Check
from streams.examine.rugs import Rugs
from streams.examine.tokenchecks import Contract, Trade
from streams.examine.worth import Worth
from streams.state import State

__all__ = ["checklist"]


def checklist(state: State | None) -> list[Check]:
    """The checks; without a state of ours, nothing is known of earlier launches and rugs."""
    origins = Origins(state) if state is not None else None
    rugs = Rugs(state) if state is not None else None
    return [Identity(), Worth(), Trade(), Contract(rugs), Holders(), Locks(), Deployer(origins)]
