"""``heft alerts silence``, ``silences`` and ``lift``: what nobody wants to hear for a while."""

from __future__ import annotations

from daemon.options import Common, SilenceOptions, settings_from

__all__ = ["lift", "silence", "silences"]


def silence(options: SilenceOptions, common: Common = Common()) -> int:
    """Hold alerts back for a while; a daemon that runs heeds it from the next alert on.

    The topic heft.alerts.v1 has them all the same. Critical alerts pass unless --critical is said
    (or --severity critical).

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.silencing import add_silence
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: add_silence(settings, options))


def silences(common: Common = Common()) -> int:
    """List the silences of the settings and of the command line that are neither over nor lifted.

    Args:
        common: See there.
    """
    from daemon.jobs.silencing import print_silences
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), print_silences)


def lift(silence: str, who: str | None = None, common: Common = Common()) -> int:
    """End a silence of the command line; one of the settings ends in heft.toml.

    Args:
        silence: Its id, as heft alerts silences lists it.
        who: Your name; the account's when left out.
        common: See there.
    """
    from daemon.jobs.silencing import lift_silence
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: lift_silence(settings, silence, who))
