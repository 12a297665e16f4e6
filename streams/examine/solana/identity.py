"""What a token says of itself on Solana: name, symbol, where its JSON is, who may change that.

Token-2022 keeps it in the mint when the mint points at itself; otherwise Metaplex keeps it.
"""

from __future__ import annotations

from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings, unknowns
from streams.errors import Invalid
from streams.events import MOST_NAME
from streams.examine.impersonation import impersonated
from streams.examine.question import Question, trial
from streams.examine.solana.offchain import JSON_NAMES, Offchain
from streams.examine.solana.slotview import view_of
from streams.finding import Finding
from streams.solana.spl.metaplex import METAPLEX, Metadata, metadata_address, metadata_from
from streams.solana.spl.mint import Mint
from streams.text import sanitise

__all__ = ["Identity"]

MOST_URI = 256
_SAID = (
    "token.name", "token.symbol", "token.impersonates", "metadata.kind", "metadata.uri",
    "metadata.is_mutable", "metadata.authority",
)  # fmt: skip


class Identity:
    """The words of a token, and whether they can change; its JSON where ``offchain`` may ask."""

    name: ClassVar[str] = "identity"
    names: ClassVar[tuple[str, ...]] = (*_SAID, "token.decimals", "token.supply", *JSON_NAMES)

    def __init__(self, offchain: Offchain | None = None) -> None:
        self._offchain = offchain

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        mint = await view_of(question).mint(question.token)
        said = await trial(_metadata_of(question, mint))
        answers: dict[str, Answer] = {
            "token.decimals": float(mint.decimals),
            "token.supply": mint.supply / 10.0**mint.decimals,
        }
        if isinstance(said, Unknown):
            answers |= unknowns(_SAID, said.why) | {"metadata.kind": False}
        else:
            answers |= _words(question, mint, said)
        found = findings(answers, "call", question.block)
        return found | findings(await self._json(said), "third-party", question.block)

    async def _json(self, said: Metadata | Unknown) -> dict[str, Answer]:
        if isinstance(said, Unknown):
            return unknowns(JSON_NAMES, said.why)
        if self._offchain is None:
            return unknowns(
                JSON_NAMES, "its JSON is not asked for: examine.metadata.enabled is off"
            )
        return await self._offchain.answers(said)


async def _metadata_of(question: Question, mint: Mint) -> Metadata:
    """What the mint itself says, or Metaplex. Raises ``Invalid`` and ``Retry``."""
    own = mint.extension("metadata")
    if own.get("unreadable"):
        raise Invalid("its metadata cannot be read", reason="garbage")
    if own:
        authority = own.get("authority")
        return Metadata(
            name=str(own.get("name")), symbol=str(own.get("symbol")), uri=str(own.get("uri")),
            authority=str(authority) if authority else None, mutable=authority is not None,
        )  # fmt: skip
    found = await view_of(question).account(metadata_address(question.token))
    if found is None or found.owner != METAPLEX:
        raise Invalid("it has no metadata", reason="no-metadata")
    return metadata_from(found.data, question.token)


def _words(question: Question, mint: Mint, said: Metadata) -> dict[str, Answer]:
    name, symbol = (sanitise(each, MOST_NAME) for each in (said.name, said.symbol))
    mutable = said.mutable and said.authority is not None
    return {
        "token.name": name,
        "token.symbol": symbol,
        "token.impersonates": impersonated(question.chain, question.token, [name, symbol]) or False,
        "metadata.kind": "token-2022" if mint.extension("metadata") else "metaplex",
        "metadata.uri": sanitise(said.uri, MOST_URI) or False,
        "metadata.is_mutable": mutable,
        "metadata.authority": (said.authority or False) if mutable else False,
    }
