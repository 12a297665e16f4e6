"""Phrases to texts: what people say of tokens, spelled out anew each time.

``phrases.toml`` holds what each claim sounds like; a pattern such as ``{the|our} LP is <word>`` is
thousands of texts. Words and numbers that carry no claim come from here.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from heft_model.claims import CLAIMS
from streams.errors import Broken

__all__ = ["Phrases", "bank", "layout", "orders", "spell"]

FOLDER = Path(__file__).parent
_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<([a-z]+)>")


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one claim is put."""

    weight: int
    say: list[str]
    with_: list[str] = msgspec.field(name="with")


@cache
def bank() -> dict[str, Phrases]:
    """Claim to its phrases; raises ``Broken`` when file and claims do not fit."""
    read = tomllib.loads((FOLDER / "phrases.toml").read_text())
    if set(read) != set(CLAIMS):
        raise Broken(f"phrases.toml lacks or adds claims: {set(read) ^ set(CLAIMS)}")
    return msgspec.convert(read, dict[str, Phrases])


@cache
def orders() -> list[str]:
    """Patterns of text that gives orders."""
    read = tomllib.loads((FOLDER / "orders.toml").read_text())
    return msgspec.convert(read["orders"], list[str])


@cache
def layout() -> dict[str, list[str]]:
    """Patterns of what stands around claims: openers, asides, and what is asked."""
    read = tomllib.loads((FOLDER / "layout.toml").read_text())
    return msgspec.convert(read, dict[str, list[str]])


def spell(pattern: str, rng: random.Random) -> str:
    """One text of a pattern: choices made from the inside out, slots drawn."""
    while _CHOICE.search(pattern):
        pattern = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), pattern)
    return " ".join(_SLOT.sub(lambda match: _slot(match[1], rng), pattern).split())


FIRMS = "CertiK Hacken OpenZeppelin PeckShield Quantstamp SlowMist Halborn ConsenSys ChainSecurity"
COMPANIES = "Siemens Maersk Visa Deloitte Nokia Bosch Orange Shopify Stripe Cisco Airbus Vodafone"
FUNDS = "Paradigm,Polychain,Pantera,a16z,Variant,Framework Ventures,Multicoin,Dragonfly"
EXCHANGES = "Coinbase,Kraken,Binance,Bitstamp,OKX,Bybit,KuCoin,Gate"
FIRST = (
    "Anna Marco Priya Lena Tomas Yuki Sara David Elif Jonas Maria Wei Omar Ingrid Paul Nadia Ivan"
)
LAST = "Keller Rossi Sharma Novak Tanaka Okafor Silva Meier Demir Larsen Garcia Chen Haddad Berg"
CITIES = "Lisbon Tallinn Zurich Lagos Austin Porto Vienna Seoul Nairobi Lima Oslo Pune Gdansk Hanoi"
COUNTRIES = (
    "Spain,Portugal,Malta,Kenya,Switzerland,Estonia,Japan,Brazil,Canada,Ghana,Germany,Vietnam"
)
MONTHS = "January March April May June July August September October November December"


def _slot(name: str, rng: random.Random) -> str:
    number = rng.randint
    drawn = {
        "n": lambda: rng.choice([str(number(2, 12)), "two", "three", "five", "ten", "a dozen"]),
        "pct": lambda: rng.choice([str(number(1, 60)), f"{number(1, 9)}.{number(1, 9)}", "100"]),
        "tax": lambda: str(number(12, 99)),
        "big": lambda: str(number(40, 99)),
        "small": lambda: str(number(1, 10)),
        "huge": lambda: rng.choice([str(number(3, 90) * 100), f"{number(1, 400)},000"]),
        "x": lambda: rng.choice(["10", "50", "100", "500", "1000", str(number(5, 300))]),
        "amount": lambda: _amount(rng),
        "year": lambda: str(number(2016, 2032)),
        "city": lambda: rng.choice(CITIES.split()),
        "country": lambda: rng.choice(COUNTRIES.split(",")),
        "month": lambda: rng.choice(MONTHS.split()),
        "short": lambda: rng.choice(
            [f"{number(1, 30)} days", "a week", "one day", f"{number(2, 72)} hours", "a month"]
        ),
        "hours": lambda: f"{number(2, 48)} {rng.choice(['hours', 'minutes', 'hrs'])}",
        "long": lambda: rng.choice(
            [f"{number(2, 10)} years", f"{number(12, 60)} months", "two years", "five years"]
        ),
        "firm": lambda: rng.choice(FIRMS.split()),
        "company": lambda: rng.choice(COMPANIES.split()),
        "fund": lambda: rng.choice(FUNDS.split(",")),
        "exchange": lambda: rng.choice(EXCHANGES.split(",")),
        "person": lambda: f"{rng.choice(FIRST.split())} {rng.choice(LAST.split())}",
        "ticker": lambda: "".join(rng.choices("abcdefghiklmnoprstuvxz", k=number(3, 5))).upper(),
    }
    return drawn[name]()


def _amount(rng: random.Random) -> str:
    small = str(rng.randint(2, 999))
    return rng.choice([f"{small},000", f"{small} million", f"{small}k", "100 million", "1 billion"])
