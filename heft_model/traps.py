"""Findings to the traps that they prove or warn of, beside the model, which was not taught on them.

Pure. A trap is *proven* when the simulation saw it work: then it is told whatever the probability
is. What a contract or its owner only could do is a warning. An unknown finding proves nothing and
warns of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from streams.events import Finding, Trap

__all__ = ["traps_in"]

RUINOUS_TAX = 0.5
"""A tax that leaves a holder with half or less (honeypot.is: ``extremely_high_taxes``)."""
HOLDERS_ENOUGH = 3
"""Holders whose sales must have been tried before they speak for all."""
PHISHING_POSTS = 3
"""Fewer are one stranger's doing, who may mean the token harm."""
MOST_CONCENTRATED = 0.7
MOST_INSIDE = 0.3
MOST_OWN_LIQUIDITY = 0.5
LEAST_SHOWN = 0.5
"""Of an amount, as wallets show it, below which a holder sees less than half of what was bought."""

Value = bool | float | str | None


class _Known:
    """Findings by name, as values; ``None`` is unknown."""

    def __init__(self, findings: Mapping[str, Finding]) -> None:
        self._findings = findings

    def __getitem__(self, name: str) -> Value:
        found = self._findings.get(name)
        return found.value if found is not None and found.known else None  # type: ignore[return-value]

    def number(self, name: str) -> float:
        """A share or count; 0 where it is unknown, which no rule takes for much."""
        value = self[name]
        return value if isinstance(value, float) else 0.0

    @property
    def has_owner(self) -> bool:
        """Whether somebody may still use what the owner can do: renouncing must be known."""
        back = self["owner.is_hidden"] is True or self["owner.can_take_back"] is True
        return self["owner.renounced"] is not True or back


class _Rule(msgspec.Struct, frozen=True):
    kind: str
    says: str
    holds: Callable[[_Known], bool]
    evidence: tuple[str, ...]
    proven: bool = False


def traps_in(findings: Mapping[str, Finding]) -> list[Trap]:
    """Every trap that these findings show, the proven ones first."""
    if not findings:
        return []
    known = _Known(findings)
    return [
        Trap(
            kind=rule.kind,
            proven=rule.proven,
            says=rule.says,
            evidence={name: findings[name] for name in rule.evidence if known[name] is not None},
        )
        for rule in _RULES
        if rule.holds(known)
    ]


def _owner_can(name: str) -> Callable[[_Known], bool]:
    return lambda known: known[name] is True and known.has_owner


def _took_more(changed: Value) -> bool:
    """Whether anything of a list of changes is neither a power given up nor only words."""
    each = changed.split(", ") if isinstance(changed, str) else []
    return any(not e.endswith(" given up") and not e.startswith("metadata") for e in each)


_OWNER = ("owner.address", "owner.renounced", "owner.is_hidden", "owner.can_take_back")

_RULES = (
    _Rule(
        "honeypot",
        "it can be bought, and not be sold",
        lambda known: known["trade.can_buy"] is True and known["trade.can_sell"] is False,
        ("trade.can_sell", "trade.can_buy", "trade.reason", "trade.outcome"),
        proven=True,
    ),
    _Rule(
        "holders-cannot-sell",
        "half or more of its holders cannot sell",
        lambda known: (
            known.number("trade.holders_tested") >= HOLDERS_ENOUGH
            and known.number("trade.holders_failed") >= 0.5
        ),
        ("trade.holders_failed", "trade.holders_tested"),
        proven=True,
    ),
    _Rule(
        "ruinous-sell-tax",
        "selling it costs half or more",
        lambda known: known.number("trade.sell_tax") >= RUINOUS_TAX,
        ("trade.sell_tax",),
        proven=True,
    ),
    _Rule(
        "ruinous-buy-tax",
        "buying it costs half or more",
        lambda known: known.number("trade.buy_tax") >= RUINOUS_TAX,
        ("trade.buy_tax",),
        proven=True,
    ),
    _Rule(
        "non-transferable",
        "its tokens can never be moved or sold",
        lambda known: known["mint.is_transferable"] is False,
        ("mint.is_transferable",),
        proven=True,
    ),
    _Rule(
        "mint-paused",
        "all transfers of it are stopped",
        lambda known: known["mint.is_paused"] is True,
        ("mint.is_paused", "mint.pause_authority"),
        proven=True,
    ),
    _Rule(
        "ruinous-transfer-fee",
        "every transfer of it loses half or more",
        lambda known: known.number("mint.transfer_fee") >= RUINOUS_TAX,
        ("mint.transfer_fee", "mint.most_transfer_fee"),
        proven=True,
    ),
    _Rule(
        "ruinous-fee-scheduled",
        "every transfer of it will lose half or more from an epoch that is set",
        lambda known: (
            known.number("mint.next_transfer_fee") >= RUINOUS_TAX
            and known.number("mint.transfer_fee") < RUINOUS_TAX
        ),
        ("mint.next_transfer_fee", "mint.next_fee_epoch", "mint.transfer_fee"),
    ),
    _Rule(
        "default-frozen",
        "whoever buys it cannot sell it before its maker allows it",
        lambda known: known["mint.is_default_frozen"] is True,
        ("mint.is_default_frozen", "mint.freeze_authority"),
    ),
    _Rule(
        "permanent-delegate",
        "somebody can take or burn what others hold",
        lambda known: isinstance(known["mint.permanent_delegate"], str),
        ("mint.permanent_delegate",),
    ),
    _Rule(
        "freezable",
        "somebody can freeze what others hold",
        lambda known: isinstance(known["mint.freeze_authority"], str),
        ("mint.freeze_authority",),
    ),
    _Rule(
        "transfer-hook",
        "another program decides on every transfer of it",
        lambda known: isinstance(known["mint.transfer_hook"], str),
        ("mint.transfer_hook", "mint.hook_authority"),
    ),
    _Rule(
        "changed-since-launch",
        "its maker changed what can be done with it since people could buy it",
        lambda known: _took_more(known["mint.changed"]),
        ("mint.changed", "mint.minted_since"),
    ),
    _Rule(
        "cannot-sell-all",
        "a holding cannot be sold as a whole",
        lambda known: known["trade.can_sell_all"] is False and known["trade.can_sell"] is True,
        ("trade.can_sell_all", "trade.max_sell"),
    ),
    _Rule(
        "hidden-mint",
        "its code can make tokens without saying so",
        lambda known: known["contract.has_hidden_mint"] is True,
        ("contract.has_hidden_mint",),
    ),
    _Rule(
        "mintable",
        "its owner can make more tokens",
        _owner_can("contract.can_mint"),
        ("contract.can_mint", *_OWNER),
    ),
    _Rule(
        "mintable",
        "somebody can make more tokens",
        lambda known: isinstance(known["mint.authority"], str),
        ("mint.authority", "mint.minted_since"),
    ),
    _Rule(
        "mint-pausable",
        "somebody can stop all transfers",
        lambda known: isinstance(known["mint.pause_authority"], str),
        ("mint.pause_authority",),
    ),
    _Rule(
        "changeable-tax",
        "somebody can change what transfers lose",
        lambda known: isinstance(known["mint.fee_authority"], str),
        ("mint.fee_authority", "mint.transfer_fee"),
    ),
    _Rule(
        "rescaled",
        "wallets show less than half of what is held, or will",
        lambda known: any(
            isinstance(shown := known[name], float) and shown < LEAST_SHOWN
            for name in ("mint.multiplier", "mint.next_multiplier")
        ),
        ("mint.multiplier", "mint.next_multiplier", "mint.scale_authority"),
    ),
    _Rule(
        "balances-changeable",
        "its owner can change what others hold",
        _owner_can("contract.owner_changes_balance"),
        ("contract.owner_changes_balance", *_OWNER),
    ),
    _Rule(
        "blacklist",
        "its owner can keep accounts from selling",
        _owner_can("contract.can_blacklist"),
        ("contract.can_blacklist", *_OWNER),
    ),
    _Rule(
        "pausable",
        "its owner can stop all transfers",
        _owner_can("contract.can_pause"),
        ("contract.can_pause", *_OWNER),
    ),
    _Rule(
        "changeable-tax",
        "its owner can change the tax",
        _owner_can("contract.is_fee_changeable"),
        ("contract.is_fee_changeable", "contract.highest_fee", *_OWNER),
    ),
    _Rule(
        "upgradeable",
        "its code can be replaced",
        lambda known: known["contract.is_upgradeable"] is True,
        ("contract.is_upgradeable", "contract.implementation"),
    ),
    _Rule(
        "selfdestruct",
        "its code can destroy itself",
        lambda known: known["contract.has_selfdestruct"] is True,
        ("contract.has_selfdestruct",),
    ),
    _Rule(
        "impersonation",
        "it bears the name of another token",
        lambda known: isinstance(known["token.impersonates"], str),
        ("token.impersonates", "token.name", "token.symbol"),
    ),
    _Rule(
        "deployer-rugged",
        "earlier launches of its deployer were drained",
        lambda known: known.number("deployer.past_rugs") >= 1,
        ("deployer.past_rugs", "deployer.past_launches", "deployer.address"),
    ),
    _Rule(
        "deployer-holds-liquidity",
        "its deployer can take half or more of the liquidity out",
        lambda known: known.number("lp.creator_share") >= MOST_OWN_LIQUIDITY,
        ("lp.creator_share", "lp.locked_share", "lp.burnt_share"),
    ),
    _Rule(
        "concentrated",
        "ten accounts hold 70 % or more of it",
        lambda known: known.number("holders.top10_share") >= MOST_CONCENTRATED,
        ("holders.top10_share", "holders.count"),
    ),
    _Rule(
        "bundled",
        "others bought 30 % or more of it before anybody could have seen the launch",
        lambda known: known.number("bundle.share") >= MOST_INSIDE,
        ("bundle.share", "bundle.wallets", "bundle.launch_slot_buys"),
    ),
    _Rule(
        "insider-network",
        "wallets of one hand hold 30 % or more of it",
        lambda known: known.number("insiders.share") >= MOST_INSIDE,
        ("insiders.share", "insiders.wallets", "insiders.with_creator"),
    ),
    _Rule(
        "insiders",
        "buyers of the first blocks hold 30 % or more of it",
        lambda known: known.number("holders.insider_share") >= MOST_INSIDE,
        ("holders.insider_share", "holders.insiders"),
    ),
    _Rule(
        "coordinated-posts",
        "several accounts posted nearly the same about it within minutes",
        lambda known: known["social.burst_1h"] is True,
        ("social.burst_authors_1h", "social.copies_1h", "social.mentions_1h"),
    ),
    _Rule(
        "phishing-posts",
        "several posts about it link to phishing",
        lambda known: known.number("social.phishing_1h") >= PHISHING_POSTS,
        ("social.phishing_1h", "social.mentions_1h"),
    ),
)
"""The gravest first; what is proven before what is only possible."""
