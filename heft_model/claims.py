"""What a description can claim, to which side it speaks, and why it matters: the analyst's grammar.

An analysis is a verdict, then a sentence for each of the gravest claims, then a closing. All
sentences stand here, word for word, so that ``heft_model.grounding`` can tell what was given from
what was made up. The model writes verdict and closing; claims are found by their cues.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "CLAIMS",
    "CLOSINGS",
    "GROWTH",
    "RUG",
    "VERDICTS",
    "Claim",
    "Side",
    "prompt_for",
]

Side = Literal["rug", "growth", "none"]

RUG, GROWTH = " RUG", " Growth"
"""How an analysis begins; the model's odds between the two are its score."""


class Claim(msgspec.Struct, frozen=True):
    """One thing that descriptions say, in many words."""

    side: Side
    sentence: str
    """How an analysis says it, and why it matters."""


CLAIMS: dict[str, Claim] = {  # of each side the gravest and plainest first
    "phish": Claim("rug", "It asks for access to wallets, which is how they are emptied."),
    "pyramid": Claim("rug", "Payouts depend on new buyers and end when they stop coming."),
    "honeypot": Claim("rug", "Holders may find that they cannot sell."),
    "mint": Claim("rug", "More tokens can be made and sold to the holders."),
    "presend": Claim("rug", "Money is to be sent ahead and cannot be called back."),
    "unlocked": Claim(
        "rug", "The liquidity is not safely locked, so it can be taken out at any time."
    ),
    "history": Claim("rug", "What is said of its past points to money taken from holders."),
    "tax": Claim("rug", "High or changeable fees leave little of what a sale brings."),
    "promise": Claim("rug", "It promises returns, which nobody can promise."),
    "control": Claim("rug", "The owner can change the rules after people have bought."),
    "copycat": Claim("rug", "It copies a known name or the work of others."),
    "unaudited": Claim("rug", "Nobody independent has vouched for the contract."),
    "anonymous": Claim("rug", "Nobody is named who answers for the money."),
    "silence": Claim("rug", "Its makers avoid questions or have gone quiet."),
    "urgency": Claim("rug", "It presses buyers to be quick, which leaves no time to check."),
    "concentration": Claim(
        "rug", "A few hands hold much of the supply and can sell it all at once."
    ),
    "famous": Claim("rug", "It leans on names or partners that cannot be checked."),
    "nothing": Claim("rug", "There is little behind the token that could carry its price."),
    "hype": Claim("rug", "It leans on hype instead of reasons to hold the token."),
    "murky": Claim("rug", "What is said of it is suspicious and hardly explained."),
    "locked": Claim(
        "growth", "The liquidity is said to be locked or deep, so it cannot simply be taken out."
    ),
    "audited": Claim("growth", "It is said to have been audited, so others have looked at it."),
    "capped": Claim("growth", "The supply is said to be fixed, so holders cannot be diluted."),
    "bound": Claim("growth", "Nobody can change the rules alone or overnight."),
    "vested": Claim("growth", "Insiders cannot sell everything at once."),
    "record": Claim("growth", "It has a record that can be checked."),
    "backed": Claim("growth", "Others put their name or money behind it."),
    "used": Claim("growth", "It is in use today, which supports its price."),
    "named": Claim("growth", "The people behind it are known and have something to lose."),
    "developed": Claim("growth", "Work on it can be followed in public."),
    "plain": Claim("growth", "It speaks plainly about risk and promises nothing."),
    "governed": Claim("growth", "Holders have a say in what happens."),
    "open": Claim("growth", "Its code or its books are open, so anyone can check them."),
    "useful": Claim("growth", "There is a reason to want the token besides its price."),
    "planned": Claim(
        "growth", "Its plans are written down and can be checked against what gets done."
    ),
    "cheap": Claim("growth", "Fees are said to be low, so buying and selling cost holders little."),
    "sober": Claim("growth", "Its foundations are described as sound."),
    "topic": Claim("none", ""),
}

VERDICTS: dict[Side, tuple[str, ...]] = {
    "rug": (
        "RUG: this reads like a rug pull.",
        "RUG: the description gives clear warning signs.",
        "RUG: what is said here speaks for a rug pull.",
        "RUG: the description gives no reason to trust the token.",
    ),
    "growth": (
        "Growth: this reads like a sound project with room for growth.",
        "Growth: the description gives good reasons to expect growth.",
        "Growth: what is said here speaks for healthy growth.",
    ),
}
"""An analysis names one side, and never the word of the other."""

CLOSINGS: dict[Side, tuple[str, ...]] = {
    "rug": (
        "Buyers should stay away unless this is proven wrong.",
        "Money put in here may be lost for good.",
    ),
    "growth": (
        "The claims should still be checked before buying.",
        "None of this is proven by being said, so check it first.",
    ),
}


def prompt_for(name: str, address: str, description: str) -> str:
    """The request as the author's card words it; the analysis follows its last word."""
    return (
        "Analyze the following crypto token:\n"
        f"Name: {name}\nAddress: {address}\nDescription: {description}\n\nAnalysis:"
    )
