"""Which roles of ``heft watch`` can run, by the settings, and which stages they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from daemon.feed_sections import Social
from daemon.settings import Settings
from streams.errors import Invalid

if TYPE_CHECKING:
    from daemon.jobs.nodes import Nodes

__all__ = ["able_roles", "stages_of", "why_off"]

NO_STAGES = ("source", "page", "social", "market", "train")
LINKING = ("link", "directory")
"""The stages of the role social."""

log = structlog.get_logger(__name__)


def stages_of(roles: Sequence[str]) -> list[str]:
    """The names of the stages that these roles run, in flow order."""
    stages = [role for role in roles if role not in NO_STAGES]
    return [*stages, *(LINKING if "social" in roles else ())]


def able_roles(settings: Settings, roles: Sequence[str], nodes: Nodes) -> list[str]:
    """The roles that can run: launches are examined by nodes of their chain, feeds are followed.

    Raises ``Invalid`` when one that cannot is all that was asked for.
    """
    idle = {name for name, feeds in (("social", settings.social.follow),
                                     ("market", settings.market.follow)) if not feeds}  # fmt: skip
    if not settings.learn.enabled and list(roles) == ["train"]:
        raise Invalid("refreshing is off: set learn.enabled, and archive.dir", reason="usage")
    roles = [role for role in roles if settings.learn.enabled or role != "train"]
    if set(roles) <= idle:
        raise Invalid(
            f"{' and '.join(sorted(roles))} would follow nothing: set "
            f"{' and '.join(f'{role}.follow' for role in sorted(roles))} in heft.toml",
            reason="usage",
        )
    if not set(settings.social.follow) - why_off(settings).keys():
        _tell_off(settings)
        idle.add("social")
    if set(roles) <= idle:
        raise Invalid(f"no feed can be heard: {'; '.join(why_off(settings).values())}",
                      reason="usage")  # fmt: skip
    roles = [role for role in roles if role not in idle]
    asked = settings.examine.enabled and bool(nodes)
    if not asked and list(roles) == ["examine"]:
        raise Invalid(
            "examine asks the nodes of a chain: name one (--chain base), and leave "
            "examine.enabled on",
            reason="usage",
        )
    return [role for role in roles if asked or role != "examine"]


def _tell_off(settings: Settings) -> None:
    """One line a feed that is followed and cannot work."""
    for name, why in why_off(settings).items():
        log.warning("feed_off", feed=name, why=why)


def why_off(settings: Settings) -> dict[str, str]:
    """Of each feed that is followed and cannot work, what it lacks."""
    social = settings.social
    telegram = social.telegram.token.get_secret_value()
    lacks = {
        "x": "" if social.x.token.get_secret_value() else "social.x.token is empty",
        "reddit": ""
        if social.reddit.client_id and social.reddit.secret.get_secret_value()
        else "social.reddit.client_id or secret is empty",
        "farcaster": ""
        if social.farcaster.key.get_secret_value() or _is_own_hub(social)
        else "social.farcaster.key is empty",
        "telegram": "" if telegram else "social.telegram.token is empty",
        "intake": "" if social.intake.token.get_secret_value() else "social.intake.token is empty",
        "rss": "" if social.rss.urls else "social.rss.urls is empty",
    }
    if telegram and telegram == settings.sinks.telegram.token.get_secret_value():
        lacks["telegram"] = "its bot is sinks.telegram's: two polls of one bot disturb each other"
    return {name: why for name, why in lacks.items() if why and name in social.follow}


def _is_own_hub(social: Social) -> bool:
    return social.farcaster.base_url != type(social.farcaster)().base_url
