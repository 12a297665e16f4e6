"""The contract under examination: the code that runs when the token is called, and its people."""

from __future__ import annotations

from typing import NamedTuple

from streams.checks.bytecode import Code, read_code
from streams.checks.chainstate import Block, together
from streams.checks.ownership import Others, Owner, others_of, owner_of
from streams.checks.powers import Powers, powers_of
from streams.checks.probe import fresh_address
from streams.checks.proxy import Proxy, code_at, proxied
from streams.checks.setting import market_in, setting_of
from streams.checks.slots import place_of_balances
from streams.checks.withdrawals import Purse, Withdrawals, withdrawals_of
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.rpc import Rpc

__all__ = ["Subject", "opens", "powers_over", "subject_of", "withdrawals_from"]

MOST_ACTORS = 4


class Subject(NamedTuple):
    """What calls say of a token's contract."""

    token: str
    code: bytes
    """Of a proxy, its implementation's."""
    owner: Owner
    proxy: Proxy | None


async def subject_of(rpc: Rpc, token: str, at: Block) -> Subject:
    """The contract as of a block. Raises ``Retry``, and ``Invalid`` for an address without code."""
    code = await code_at(rpc, token, at)
    if not code:
        raise Invalid("there is no code at the token's address", reason="code")
    proxy, owner = await together(proxied(rpc, token, code, at), owner_of(rpc, token, at))
    if proxy:
        code = await code_at(rpc, proxy.implementation, at) or code
    return Subject(token, code, owner, proxy)


async def powers_over(
    rpc: Rpc, subject: Subject, code: Code, at: Block, launch: Launch | None, others: Others
) -> Powers:
    """What the owner and others can do. Raises ``Retry`` and ``Invalid`` when it is not tried."""
    setting = await setting_of(rpc, subject.token, at, launch, others.contracts)
    behind = {setting.market.pool, setting.market.quote, *(subject.proxy or ())}
    asked = tuple(each for each in others.contracts if each not in behind) if code.calls_out else ()
    setting = setting._replace(others=asked)
    return await powers_of(rpc, setting, code, subject.owner, _but(others, subject.owner))


async def opens(rpc: Rpc, token: str, at: Block, launch: Launch) -> bool:
    """Whether an act of the owner makes trading possible. Raises ``Retry`` and ``Invalid``."""
    subject = await subject_of(rpc, token, at)
    code = await read_code(subject.code)
    others = await others_of(rpc, token, code, at)
    return (await powers_over(rpc, subject, code, at, launch, others)).opened


async def withdrawals_from(
    rpc: Rpc, subject: Subject, code: Code, at: Block, launch: Launch | None, others: Others
) -> Withdrawals:
    """What the owner and others can take out of it. Raises ``Retry`` and ``Invalid``."""
    market = await market_in(rpc, subject.token, at, launch, others.contracts)
    purse = Purse(None, None)
    if market.kind:
        held = [market.quote, *([market.pool] if market.kind == 1 else [])]
        places = await together(*(place_of_balances(rpc, each, at.tag) for each in held))
        purse = Purse(places[0], places[1] if len(places) > 1 else None)
    owner = subject.owner.address if not subject.owner.renounced else None
    people = [*([owner] if owner else []), *_but(others, subject.owner)][:MOST_ACTORS]
    return await withdrawals_of(rpc, market, at, purse, code, people or [fresh_address()])


def _but(others: Others, owner: Owner) -> list[str]:
    return [each for each in others.wallets if each != owner.address]
