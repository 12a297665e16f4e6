"""``heft scan``: one token or pool, examined and judged now."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["scan"]


def scan(
    chain: str,
    address: str,
    *,
    rpc: tuple[str, ...] = (),
    as_json: Annotated[bool, Parameter(name="--json")] = False,
    bundle: str | None = None,
    common: Common = Common(),
) -> int:
    """Examine a token, or one pool of it, as of the newest block.

    Args:
        chain: The chain's slug (base, solana) or id (8453).
        address: Of the token, or of a pool; of a token's pools, the one that holds most. On Solana
            a token's address is its mint.
        rpc: A node of the chain, instead of the public ones: https://... or wss://...
        as_json: Print one JSON object with the dossier and the verdict, instead of tables.
        bundle: A model version's id, or the folder of a bundle, instead of the champion.
        common: See there.
    """
    from daemon.jobs.scanning import scan_address
    from daemon.jobs.scanning_solana import scan_mint
    from daemon.run import configure_silent, run_async
    from streams.solana.sightings import CHAIN as SOLANA

    settings = settings_from(common, model={"bundle": bundle})
    configure_silent()
    if chain.lower() == SOLANA:
        return run_async(partial(scan_mint, settings, address, rpc, as_json=as_json))
    return run_async(partial(scan_address, settings, chain, address, rpc, as_json=as_json))
