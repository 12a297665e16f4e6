"""One heft scan: find the pool, read its past, ask its chain, judge, and say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import anyio.to_thread
import msgspec

from daemon.display.dossier import show_dossier
from daemon.display.tables import output
from daemon.jobs.nodes import endpoints_of, nodes_from
from daemon.parts.examining import scanners_from
from daemon.parts.scoring import open_judge
from daemon.settings import Settings
from streams.enrich.fold import Fold
from streams.errors import Invalid
from streams.events import Examination, Facts, Head, Verdict
from streams.evm.fetch import Fetcher
from streams.evm.venues import Factory, chain_named, with_factories
from streams.examine.checklist import checklist
from streams.examine.examination import examine
from streams.examine.markets import ID_DIGITS, Market, markets_of, pool_at
from streams.examine.past import Past, past_of
from streams.examine.question import Question
from streams.examine.view import Metered, View

__all__ = ["Scan", "facts_from_past", "judged", "scan_address", "show"]

_ADDRESS = re.compile(r"0x(?:[0-9a-f]{40}|[0-9a-f]{64})")


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan found; without a whole past there is no dossier that a model could judge."""

    examination: Examination
    facts: Facts | None = None
    verdict: Verdict | None = None
    gap: str = ""
    """Why there is no verdict."""
    pools: int = 1
    """How many pools the token has."""


async def scan_address(
    settings: Settings, chain: str, address: str, urls: Sequence[str], *, as_json: bool
) -> int:
    """Print what is found. Raises ``Invalid`` for what cannot be scanned, ``Retry`` for nodes."""
    slug, wanted = chain_named(chain), address.lower()
    if not _ADDRESS.fullmatch(wanted):
        raise Invalid(
            f"{address!r} is no address: give a token's or a pool's, 0x and 40 digits, or a "
            "Uniswap V4 pool's id, 0x and 64",
            reason="usage",
        )
    nodes = nodes_from(settings.chains, [slug], urls)[slug]
    factories = with_factories(slug, settings.chains.factories)
    async with endpoints_of(slug, nodes) as endpoints:
        head = await Fetcher(endpoints).head("latest")
        view = View(Metered(endpoints), head.number)
        now = datetime.fromtimestamp(head.time, UTC)
        market, pools = await _market(view, slug, factories, wanted)
        past = await past_of(view, slug, factories, market, now)
        question = Question(
            launch=past.launch,
            token=market.token,
            quote=market.quote,
            view=view,
            at=now,
            factories=factories,
        )
        scanners = scanners_from(settings.examine)
        found = await examine(
            question, [*checklist(None), *scanners], round_=0, launched=past.launch.at,
            deadline=max(10.0, settings.examine.deadline_seconds),
        )  # fmt: skip
        await view.close()
        for scanner in scanners:
            await scanner.close()
    scan = await anyio.to_thread.run_sync(judged, settings, past, found, pools)
    show(scan, as_json=as_json)
    return 0


def show(scan: Scan, *, as_json: bool) -> None:
    """The dossier on the terminal, or as one JSON object."""
    if as_json:
        print(msgspec.json.encode(scan).decode())
    else:
        show_dossier(output(), scan.examination, scan.facts, scan.verdict, scan.gap, scan.pools)


def facts_from_past(past: Past, found: Examination) -> Facts | None:
    """The dossier as of the examination; ``None`` for a pool that was never traded."""
    fold = Fold()
    for event in [past.launch, *past.events]:
        fold.feed(event)
    fold.feed(Head(chain=found.chain, block=found.block, at=found.at))
    told = fold.feed(found)
    return told[-1] if told else None


async def _market(
    view: View, chain: str, factories: Mapping[str, Factory], address: str
) -> tuple[Market, int]:
    """The market that is meant, and how many the token has."""
    is_id = len(address) == ID_DIGITS
    code = "" if is_id else await view.rpc.call("eth_getCode", [address, view.tag], str)
    if len(code) <= 2 and not is_id:
        raise Invalid(
            f"there is no contract at {address} on {chain}: is it another chain's?", reason="usage"
        )
    pool = await pool_at(view, chain, factories, address)
    if pool is not None:
        return pool, 1
    found = [] if is_id else await markets_of(view, chain, factories, address)
    if not found:
        raise Invalid(
            f"no pool of {address} was found on {chain}: it trades on no venue that heft knows, or "
            "for no quote that it knows (factories of forks: chains.factories)",
            reason="not-found",
        )
    return found[0], len(found)


def judged(settings: Settings, past: Past, found: Examination, pools: int) -> Scan:
    """The dossier as of the examination and what the model thinks of it; it loads the model."""
    facts = None if past.gap else facts_from_past(past, found)
    gap = past.gap or ("" if facts else "nothing was ever put into its pool")
    verdict = None
    if facts is not None:
        (verdict,) = open_judge(settings.model).scorer.score([facts])
    return Scan(examination=found, facts=facts, verdict=verdict, gap=gap, pools=pools)
