"""``heft eval``: how well a detector does on a labelled set, beside what it must beat."""

from __future__ import annotations

from daemon.options import Common, EvalOptions, settings_from

__all__ = ["eval_"]


def eval_(task: str, *, options: EvalOptions, common: Common = Common()) -> int:
    """Teach a detector on one folder and judge it on another.

    Args:
        task: tm_rugpull, trapdoor, uniswap_v2_pool_events, sushiswap_polygon or janitr_social.
        options: See there.
        common: See there.
    """
    from daemon.jobs.evaluating import evaluate

    return evaluate(settings_from(common), task, options)
