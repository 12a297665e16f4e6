"""Links to phishing: hosts that a list names, and hosts dressed up as one that everybody trusts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import disarm
import msgspec

from streams.errors import Invalid
from streams.social.linking.plain import folded
from streams.social.linking.sites import host_of, known_hosts

__all__ = ["Phishing", "read_hosts"]

TRUSTED = known_hosts() | {
    "binance.com", "coinbase.com", "kraken.com", "metamask.io", "opensea.io", "phantom.app",
    "phantom.com", "trustwallet.com", "uniswap.org", "walletconnect.com", "ledger.com",
    "medium.com", "x.com", "twitter.com", "t.me",
}  # fmt: skip
BAIT = frozenset({
    "airdrop", "app", "bonus", "claim", "connect", "event", "finance", "gift", "help", "login",
    "migrate", "official", "restore", "reward", "rewards", "secure", "stake", "support", "swap",
    "sync", "token", "verify", "wallet", "web3",
})  # fmt: skip
"""Words that stand beside a trusted name where somebody else wants to be taken for it."""
LONG_ENOUGH = 6
"""Letters of a name from which one wrong letter is no coincidence."""
MOST_LIST_BYTES = 64 * 2**20


class Phishing:
    """Judges links by their hosts; ``listed`` are hosts that others found to phish."""

    def __init__(self, listed: Collection[str] = ()) -> None:
        self._listed = frozenset(each.lower().removeprefix("www.") for each in listed)
        self._names = {
            host.split(".")[0] for host in TRUSTED if len(host.split(".")[0]) >= LONG_ENOUGH
        }

    def in_links(self, links: Iterable[str]) -> bool:
        """Whether one of the links phishes."""
        return any(self._phishes(link) for link in links)

    def _phishes(self, link: str) -> bool:
        host = host_of(link)
        if not host or _is_trusted(host):
            return False
        parts = host.split(".")
        if any(".".join(parts[place:]) in self._listed for place in range(len(parts) - 1)):
            return True
        return _has_user(link) or self._is_disguised(host)

    def _is_disguised(self, host: str) -> bool:
        alike = folded(_readable(host)).lower()
        if alike != host and _is_trusted(alike):
            return True
        if any(f"{known}." in alike or f"{known}-" in alike for known in TRUSTED
               if len(known) > LONG_ENOUGH):  # fmt: skip
            return True
        name = alike.split(".")[-2] if "." in alike else alike
        words = frozenset(name.split("-"))
        return bool(words & self._names and words & BAIT) or self._is_misspelt(name)

    def _is_misspelt(self, name: str) -> bool:
        """Whether one letter away from a name that everybody trusts."""
        return name not in self._names and len(name) >= LONG_ENOUGH and any(
            abs(len(known) - len(name)) <= 1 and disarm.edit_distance(name, known) == 1
            for known in self._names
        )  # fmt: skip


def read_hosts(path: Path) -> list[str]:
    """A list of phishing hosts: a line each, or JSON (a list, or one under ``blacklist``).

    The shape of eth-phishing-detect and ScamSniffer. Raises ``Invalid``.
    """
    try:
        if path.stat().st_size > MOST_LIST_BYTES:
            raise Invalid(f"{path} is over 64 MiB", reason="setting")
        data = path.read_bytes()
        if not data.lstrip().startswith((b"[", b"{")):
            lines = (line.strip() for line in data.decode().splitlines())
            return [line for line in lines if line and not line.startswith("#")]
        said = msgspec.json.decode(data)
        hosts = said if isinstance(said, list) else said.get("blacklist", [])
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise Invalid(f"{path} is no list of hosts: {error}", reason="setting") from error
    return [each for each in hosts if isinstance(each, str)]


def _is_trusted(host: str) -> bool:
    return host in TRUSTED or any(host.endswith(f".{known}") for known in TRUSTED)


def _has_user(link: str) -> bool:
    """``https://etherscan.io@evil.io``: what is read as the host is a user's name."""
    netloc = urlsplit(link).netloc
    return "@" in netloc and any(known in netloc.split("@")[0] for known in TRUSTED)


def _readable(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except (UnicodeError, ValueError):
        return host
