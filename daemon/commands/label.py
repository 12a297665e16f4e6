"""``heft label``: say what became of an alerted pool."""

from __future__ import annotations

from daemon.options import Common, LabelOptions, settings_from
from streams.labels import Word

__all__ = ["label"]


def label(
    pool: str,
    what: Word,
    options: LabelOptions = LabelOptions(),
    common: Common = Common(),
) -> int:
    """Write a label to the topic heft.labels.v1.

    Args:
        pool: As chain:pool, or an alert's id.
        what: What it was; mute ends the messages about it.
        options: See there.
        common: See there.
    """
    from daemon.jobs.alerting import write_label
    from daemon.run import run_quietly

    return run_quietly(
        settings_from(common), lambda settings: write_label(settings, pool, what, options)
    )
