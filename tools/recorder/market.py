"""Uniswap V2 on the local chain, and what people do there: add, buy, sell, remove, burn, lock."""

from __future__ import annotations

from typing import Any, Final

from eth_typing import ChecksumAddress

from tools.recorder.chain import Chain
from tools.recorder.contracts import Artifact, published

__all__ = ["Market"]

FOREVER: Final = 2**63
UNLIMITED: Final = 2**256 - 1
BURN: Final = "0x000000000000000000000000000000000000dEaD"
LOCKER: Final = "0x663A5C229c09b049E36dCc11a9B0d4a8Eb9db214"
"""UniCrypt's V2 locker on Ethereum; our own stands there, so that a watcher knows it for one."""
LOCK_S: Final = 180 * 86_400


class Market:
    """The real factory, router and WETH9. Amounts are base units; every call waits for a block."""

    def __init__(self, chain: Chain, keeper: str, locker: Artifact, at: int) -> None:
        """Deploy everything in the block of second ``at``, from ``keeper``'s account."""
        self.chain = chain
        self.approved: set[tuple[str, str]] = set()
        self.pairs: dict[str, Any] = {}
        self.factory, self.weth = self._deploy(
            at,
            keeper,
            (published("v2-core", "UniswapV2Factory"), keeper),
            (published("v2-periphery", "WETH9"),),
        )
        router = published("v2-periphery", "UniswapV2Router02")
        addresses = (self.factory.address, self.weth.address)
        (self.router,) = self._deploy(at + 12, keeper, (router, *addresses))
        chain.place_code(LOCKER, locker.runtime)
        self.locker = self.contract(LOCKER, locker)
        self.pair_artifact = published("v2-core", "UniswapV2Pair")

    def contract(self, address: str, artifact: Artifact) -> Any:
        """The contract at ``address``, ready to be called."""
        checked = self.chain.web3.to_checksum_address(address)
        return self.chain.web3.eth.contract(checked, abi=artifact.abi)

    def construct(self, sender: str, artifact: Artifact, *arguments: Any) -> None:
        """Queue a deployment; ``Chain.mine`` tells the address."""
        maker = self.chain.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        self.chain.send(sender, maker.constructor(*arguments))

    def pair(self, token: Any) -> Any:
        """The token's pair with WETH, which must exist."""
        if token.address not in self.pairs:
            address = self.factory.functions.getPair(token.address, self.weth.address).call()
            self.pairs[token.address] = self.contract(address, self.pair_artifact)
        return self.pairs[token.address]

    def reserves(self, token: Any) -> tuple[int, int]:
        """WETH and token in the pair as of the last block."""
        reserve0, reserve1, _ = self.pair(token).functions.getReserves().call()
        token_is_0 = int(token.address, 16) < int(self.weth.address, 16)
        return (reserve1, reserve0) if token_is_0 else (reserve0, reserve1)

    def add(self, who: ChecksumAddress, token: Any, tokens: int, weth: int) -> None:
        """Add liquidity at the pair's price, or set it when the pair is empty."""
        self._approve(who, token)
        call = self.router.functions.addLiquidityETH(token.address, tokens, 0, 0, who, FOREVER)
        self.chain.send(who, call, value=weth)

    def remove(self, who: ChecksumAddress, token: Any, percent: int) -> None:
        """Take out ``percent`` of the liquidity that ``who`` holds."""
        pair = self.pair(token)
        amount = pair.functions.balanceOf(who).call() * percent // 100
        self._approve(who, pair)
        self.chain.send(
            who,
            self.router.functions.removeLiquidityETHSupportingFeeOnTransferTokens(
                token.address, amount, 0, 0, who, FOREVER
            ),
        )

    def burn(self, who: ChecksumAddress, token: Any) -> None:
        """Give up all the liquidity that ``who`` holds, for good."""
        pair = self.pair(token)
        amount = pair.functions.balanceOf(who).call()
        self.chain.send(who, pair.functions.transfer(BURN, amount))

    def lock(self, who: ChecksumAddress, asset: Any, now: int) -> None:
        """Put all that ``who`` holds of a token or a pair out of reach for half a year."""
        amount = asset.functions.balanceOf(who).call()
        self.chain.send(who, asset.functions.approve(LOCKER, amount))
        self.chain.send(who, self.locker.functions.lock(asset.address, amount, now + LOCK_S))

    def buy(self, who: ChecksumAddress, token: Any, weth: int) -> None:
        """Swap ETH for the token at whatever price."""
        path = [self.weth.address, token.address]
        call = self.router.functions.swapExactETHForTokensSupportingFeeOnTransferTokens(
            0, path, who, FOREVER
        )
        self.chain.send(who, call, value=weth)

    def sell(self, who: ChecksumAddress, token: Any, tokens: int, *, fails: bool = False) -> None:
        """Swap the token for ETH at whatever price; ``fails`` when the token will not let it."""
        self._approve(who, token)
        path = [token.address, self.weth.address]
        call = self.router.functions.swapExactTokensForETHSupportingFeeOnTransferTokens(
            tokens, 0, path, who, FOREVER
        )
        self.chain.send(who, call, fails=fails)

    def _approve(self, who: str, token: Any) -> None:
        if (who, token.address) not in self.approved:
            self.approved.add((who, token.address))
            self.chain.send(who, token.functions.approve(self.router.address, UNLIMITED))

    def _deploy(self, at: int, sender: str, *makers: tuple[Any, ...]) -> list[Any]:
        for artifact, *arguments in makers:
            self.construct(sender, artifact, *arguments)
        addresses = self.chain.mine(at)
        return [self.contract(a, maker[0]) for a, maker in zip(addresses, makers, strict=True)]
