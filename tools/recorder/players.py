"""Performs the timetable: turns each cue into transactions of the wallets that would send them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from eth_typing import ChecksumAddress

from tools.recorder.cast import Dump, Exit, Inflate, Part, Pull, SetFee
from tools.recorder.chain import Chain
from tools.recorder.contracts import Artifact, compiled
from tools.recorder.market import Market
from tools.recorder.script import Cue, Step, timetable, weighs_buying

__all__ = ["Launched", "perform"]

ETHER: Final = 10**18
CONTRACT: Final = {
    "honest": "Token",
    "liquidity-pull": "Token",
    "honeypot": "HoneypotToken",
    "hidden-mint": "HiddenMintToken",
    "tax": "TaxToken",
}
PAIRED: Final = ("HoneypotToken", "TaxToken")
"""Contracts whose constructor opens the pair, and so must be told where."""
PORTIONS: Final = (25, 50, 75, 100, 100)
"""Percent of their tokens that holders sell at once."""
MOST_MOVED: Final = 9
"""Percent of the pool's WETH that nobody of the crowd moves at once."""
NEWCOMERS: Final = 0.8
"""Share of purchases by a wallet that may be new to the token."""


class Launched:
    """A part on the stage: its wallets, its contract, and what befell it that logs do not tell."""

    def __init__(self, part: Part, deployer: ChecksumAddress, seed: str) -> None:
        self.part = part
        self.deployer = deployer
        self.rng = Random(f"{seed}:{part.symbol}:trades")
        self.token: Any = None
        self.opened = 0
        self.trapped: int | None = None
        """When a holder's sale first came to be worth nothing, for kinds that arrange it."""
        self.failed_sells = 0
        self.holders: list[ChecksumAddress] = []
        self.acted: set[str] = set()
        """Wallets that have traded in the block that is being made."""


class Players:
    """Everybody: deployers with their launches, and a crowd that trades all of them."""

    def __init__(self, chain: Chain, cast: Sequence[Part], start: int, seed: str) -> None:
        self.chain = chain
        self.artifacts: dict[str, Artifact] = compiled()
        wallets: list[ChecksumAddress]
        keeper, *wallets = chain.web3.eth.accounts
        self.market = Market(chain, keeper, self.artifacts["LpLocker"], start + 12)
        self.launches = [
            Launched(part, deployer, seed) for part, deployer in zip(cast, wallets, strict=False)
        ]
        self.crowd = wallets[len(cast) :]

    def block(self, at: int, cues: Sequence[Cue]) -> None:
        """Perform what is due and make the block of UNIX second ``at``."""
        for launch in self.launches:
            launch.acted.clear()
        for cue in cues:
            self._perform(self.launches[cue.part], cue.step, at)
        created = self.chain.mine(at)
        deployed = [self.launches[cue.part] for cue in cues if cue.step == "deploy"]
        for launch, address in zip(deployed, created, strict=True):
            artifact = self.artifacts[CONTRACT[launch.part.kind]]
            launch.token = self.market.contract(address, artifact)

    def _perform(self, launch: Launched, step: Step, at: int) -> None:
        match step:
            case "deploy":
                self._deploy(launch)
            case "open":
                self._open(launch, at)
            case "secure":
                self._secure(launch, at)
            case "snipe":
                self._buy(launch, self._newcomer(launch), launch.part.weth)
            case "trade":
                self._trade(launch, at)
            case "panic":
                self._panic(launch)
            case "join":
                self._join(launch)
            case _:
                self._exit(launch, step, at)

    def _exit(self, launch: Launched, step: Exit, at: int) -> None:
        """What the deployer of a rug does at the end."""
        deployer, token = launch.deployer, launch.token
        match step:
            case Pull(percent=percent):
                self.market.remove(deployer, token, percent)
            case SetFee(percent=percent):
                launch.trapped = at
                self.chain.send(deployer, token.functions.setFee(percent))
            case Inflate(percent=percent):
                amount = self._worth(launch, percent)
                self.chain.send(deployer, token.functions.syncRewards(amount))
                self.market.sell(deployer, token, amount)
            case Dump(percent=percent):
                amount = min(self._worth(launch, percent), _balance(launch, deployer))
                self.market.sell(deployer, token, amount)

    def _deploy(self, launch: Launched) -> None:
        part, contract = launch.part, CONTRACT[launch.part.kind]
        supply = part.supply * 10**part.decimals
        arguments: tuple[Any, ...] = (part.name, part.symbol, part.decimals, supply)
        if contract in PAIRED:
            arguments += (self.market.factory.address, self.market.weth.address)
        self.market.construct(launch.deployer, self.artifacts[contract], *arguments)

    def _open(self, launch: Launched, at: int) -> None:
        launch.opened = at
        if launch.part.kind == "honeypot":
            launch.trapped = at
        pooled = _balance(launch, launch.deployer) * launch.part.pooled // 100
        self.market.add(launch.deployer, launch.token, pooled, _wei(launch.part.weth))

    def _secure(self, launch: Launched, at: int) -> None:
        """Let go of the liquidity; the honest also lock the tokens that they did not pool."""
        if launch.part.liquidity == "burnt":
            self.market.burn(launch.deployer, launch.token)
        else:
            self.market.lock(launch.deployer, self.market.pair(launch.token), at)
        if launch.part.kind == "honest":
            self.market.lock(launch.deployer, launch.token, at)

    def _trade(self, launch: Launched, at: int) -> None:
        reserve = self.market.reserves(launch.token)[0] / ETHER
        hours = (at - launch.opened) / 3600
        buying = weighs_buying(launch.part.crowd, launch.part.weth, reserve, hours)
        if launch.rng.random() >= buying and (seller := self._holder(launch)):
            self._sell(launch, seller)
        else:
            self._buy(launch, self._newcomer(launch), reserve)

    def _panic(self, launch: Launched) -> None:
        if seller := self._holder(launch):
            self._sell(launch, seller)

    def _buy(self, launch: Launched, buyer: ChecksumAddress, reserve: float) -> None:
        """Spend about the crowd's median."""
        weth = launch.rng.lognormvariate(0, 0.8) * launch.part.crowd.buy
        self.market.buy(buyer, launch.token, _wei(min(max(weth, 0.01), reserve * MOST_MOVED / 100)))
        launch.acted.add(buyer)
        if buyer not in launch.holders:
            launch.holders.append(buyer)

    def _sell(self, launch: Launched, seller: ChecksumAddress) -> None:
        fails = launch.part.kind == "honeypot"
        percent = launch.rng.choice(PORTIONS)
        amount = min(_balance(launch, seller) * percent // 100, self._worth(launch, MOST_MOVED))
        self.market.sell(seller, launch.token, amount, fails=fails)
        launch.failed_sells += fails
        launch.acted.add(seller)
        if percent == PORTIONS[-1] and not fails:
            launch.holders.remove(seller)

    def _join(self, launch: Launched) -> None:
        """A holder pairs half of its tokens with ETH of its own."""
        if provider := self._holder(launch):
            tokens = _balance(launch, provider) // 2
            weth, reserve = self.market.reserves(launch.token)
            self.market.add(provider, launch.token, tokens, tokens * weth // reserve)
            launch.acted.add(provider)

    def _newcomer(self, launch: Launched) -> ChecksumAddress:
        """Most often any wallet of the crowd, else one that holds the token already."""
        known = self._holder(launch) if launch.rng.random() >= NEWCOMERS else None
        return known or launch.rng.choice([w for w in self.crowd if w not in launch.acted])

    def _holder(self, launch: Launched) -> ChecksumAddress | None:
        """A holder that is free in this block; its balance is that of the last one."""
        free = [wallet for wallet in launch.holders if wallet not in launch.acted]
        return launch.rng.choice(free) if free else None

    def _worth(self, launch: Launched, percent: int) -> int:
        """Tokens that must be sold to take ``percent`` of the WETH (x * y = k, fee 0.3 %)."""
        _, tokens = self.market.reserves(launch.token)
        return tokens * percent * 1000 // ((100 - percent) * 997)


def perform(chain: Chain, cast: Sequence[Part], start: int, seed: str) -> Players:
    """Play the whole cast from UNIX second ``start``; raises ``Broken`` at the first surprise."""
    players = Players(chain, cast, start, seed)
    for at, cues in timetable(cast, seed):
        players.block(start + at, cues)
    return players


def _balance(launch: Launched, wallet: str) -> int:
    balance: int = launch.token.functions.balanceOf(wallet).call()
    return balance


def _wei(weth: float) -> int:
    """Base units of an amount rounded to a thousandth, as people type them."""
    return round(weth * 1000) * (ETHER // 1000)
