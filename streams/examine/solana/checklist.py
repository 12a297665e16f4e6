"""Every check on a launch of Solana, in the order in which a dossier tells them."""

from __future__ import annotations

from streams.examine.origins import Origins
from streams.examine.question import Check
from streams.examine.solana.deployer import Deployer
from streams.examine.solana.early import Bundle
from streams.examine.solana.holders import Holders
from streams.examine.solana.identity import Identity
from streams.examine.solana.liquidity import Liquidity
from streams.examine.solana.memory import Memory
from streams.examine.solana.mints import Mints
from streams.examine.solana.network import Network
from streams.examine.solana.offchain import Offchain
from streams.examine.solana.trading import Trade
from streams.state import State

__all__ = ["checklist"]


def checklist(
    state: State | None, *, offchain: Offchain | None = None, payer: str = ""
) -> list[Check]:
    """The checks; without a state of ours, nothing is known of earlier launches and findings.

    Without ``offchain`` no stranger's JSON is asked for; ``payer`` is a wallet with some SOL that
    trial trades name as the one who pays.
    """
    memory = Memory(state) if state is not None else None
    origins = Origins(state) if state is not None else None
    return [
        Identity(offchain), Mints(memory), Liquidity(), Trade(payer), Holders(), Bundle(memory),
        Network(), Deployer(origins),
    ]  # fmt: skip
