"""``heft alerts``: try a receiver, ask who would hear, and see what was told."""

from __future__ import annotations

from daemon.options import Common, HistoryOptions, TokenOptions, settings_from

__all__ = ["drop", "history", "retry", "route", "try_"]


def try_(receiver: str, common: Common = Common()) -> int:
    """Send one alert, marked as a test, to a receiver of the settings; tells what it answered.

    Args:
        receiver: Its name: telegram, discord, slack, apprise, webhook, console, or your own.
        common: See there.
    """
    from daemon.jobs.alerting import try_receiver
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: try_receiver(settings, receiver))


def route(options: TokenOptions = TokenOptions(), common: Common = Common()) -> int:
    """Say who would hear of an alert on such a token now, and why or why not.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.alerting import print_routes
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: print_routes(settings, options))


def history(options: HistoryOptions = HistoryOptions(), common: Common = Common()) -> int:
    """List who was told what about which pool, and how it ended.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.alerting import print_history
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: print_history(settings, options))


def retry(options: HistoryOptions = HistoryOptions(), common: Common = Common()) -> int:
    """Queue refused deliveries again, once the cause is mended; a running daemon takes them up.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.alerting import deal
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: deal(settings, options, "pending"))


def drop(options: HistoryOptions = HistoryOptions(), common: Common = Common()) -> int:
    """Count refused deliveries as dealt with: they are not listed as refused again.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.alerting import deal
    from daemon.run import run_quietly

    return run_quietly(settings_from(common), lambda settings: deal(settings, options, "dropped"))
