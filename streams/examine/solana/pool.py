"""The launch's own pool, its vaults and what lies in them: asked once a question."""

from __future__ import annotations

from streams.errors import Invalid
from streams.examine.question import Question
from streams.examine.solana.pools import Pool, pool_from, real_quote_of
from streams.examine.solana.slotview import view_of
from streams.solana.spl.addresses import associated
from streams.solana.spl.mint import TokenAccount

__all__ = ["held_quote", "pool_of", "vault_of"]


async def pool_of(question: Question) -> Pool:
    """The pool as its account says it. Raises ``Invalid`` and ``Retry``."""
    found = await view_of(question).account(question.pool)
    if found is None:
        raise Invalid("its pool is gone", reason="pool")
    return pool_from(question.pool, found.owner, found.data, mint=question.token)


async def vault_of(question: Question) -> TokenAccount:
    """Where the pool's tokens lie. Raises ``Invalid`` and ``Retry``."""
    pool = await pool_of(question)
    view = view_of(question)
    if pool.venue == "pump-fun":
        mint = await view.account(question.token)
        program = mint.owner if mint else ""
        address = associated(question.pool, question.token, program)
    else:
        address = pool.vaults_of(question.token)[0]
    (found,) = await view.holdings([address])
    if found is None or found.mint != question.token:
        raise Invalid("its vault cannot be read", reason="pool")
    return found


async def held_quote(question: Question, pool: Pool) -> int:
    """What lies in a pool of the asset that its token is priced in, in base units.

    Of a curve it is what was really paid in. Raises ``Invalid`` and ``Retry``.
    """
    curve = real_quote_of(pool)
    if curve is not None:
        return curve
    vault = pool.vaults_of(question.quote)[0]
    (found,) = await view_of(question).holdings([vault])
    if found is None:
        raise Invalid("its vault cannot be read", reason="pool")
    return found.amount
