"""What a token's contract can do: read from its bytecode, and tried as its owner by simulation."""

from __future__ import annotations

from streams.checks.answers import Answer, Unknown, findings, told, unknowns
from streams.checks.chainstate import Block, block_of
from streams.checks.ownership import owner_of
from streams.checks.proxy import Proxy, code_at, proxied
from streams.errors import Invalid, Retry
from streams.evm.rpc import Rpc
from streams.finding import Finding

__all__ = ["contract_findings"]


async def contract_findings(rpc: Rpc, token: str, block: int | str) -> dict[str, Finding]:
    """Everything known of ``token``'s contract as of ``block`` (a number, or a block's hash).

    Never raises for what a chain, node or contract does: what could not be found out is unknown,
    and says why.
    """
    number = block if isinstance(block, int) else 0
    try:
        at = await block_of(rpc, block)
        return await _found(rpc, token, at)
    except (Retry, Invalid) as error:
        return findings(unknowns(_NAMES, told(error)), "call", number)


_NAMES = ("owner.address", "owner.renounced", "contract.is_proxy", "contract.implementation")


async def _found(rpc: Rpc, token: str, at: Block) -> dict[str, Finding]:
    code = await code_at(rpc, token, at)
    if not code:
        raise Invalid("there is no code at the token's address", reason="code")
    owner = await owner_of(rpc, token, at)
    proxy = await proxied(rpc, token, code, at)
    return findings(owner.answers() | _proxy_answers(proxy), "call", at.number)


def _proxy_answers(proxy: Proxy | None) -> dict[str, Answer]:
    return {
        "contract.is_proxy": proxy is not None,
        "contract.implementation": proxy.implementation if proxy else Unknown("it is no proxy"),
    }
