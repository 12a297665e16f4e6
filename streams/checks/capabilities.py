"""What a contract can do, as answers: measured effects, checked against what its storage shows.

A function that writes balances, or what transfers read, and that could not be made to do anything
leaves the answers that hang on it unknown, not "no". Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from streams.checks.acts import STANDARD, TRANSFER_FROM
from streams.checks.answers import Answer, Unknown
from streams.checks.bytecode import Code
from streams.checks.effects import Effect
from streams.checks.layout import Layout
from streams.checks.likeness import closest
from streams.checks.ownership import Owner
from streams.checks.powers import Powers
from streams.checks.probe import ABSENT, FAILED
from streams.checks.proxy import Proxy
from streams.checks.withdrawals import Withdrawals

__all__ = ["CALLED", "MEASURED", "READ", "called", "listed", "measured", "read", "taking"]

OPCODES: Final = (
    "SLOAD", "SSTORE", "CALL", "STATICCALL", "DELEGATECALL", "CREATE", "CREATE2", "CALLER",
    "ORIGIN", "TIMESTAMP", "NUMBER", "EXTCODESIZE", "SELFBALANCE", "LOG3", "REVERT",
)  # fmt: skip
"""Counted as features: what tells storage-heavy, clock-reading and calling contracts apart."""

MOST_SELECTORS = 200

CALLED: Final = (
    "owner.address", "owner.renounced",
    "contract.is_proxy", "contract.implementation", "contract.is_upgradeable",
)  # fmt: skip
READ: Final = (
    "contract.has_selfdestruct", "contract.has_delegatecall", "contract.has_external_call",
    "contract.is_open_source", "contract.code_hash", "contract.code_sketch",
    "contract.code_size", "contract.functions", "contract.selectors", "contract.likeness_to_rugs",
    *(f"contract.opcodes.{name.lower()}" for name in OPCODES),
)  # fmt: skip
MEASURED: Final = (
    "owner.is_hidden", "owner.can_take_back",
    "contract.can_mint", "contract.has_hidden_mint", "contract.owner_changes_balance",
    "contract.can_blacklist", "contract.can_whitelist", "contract.can_pause",
    "contract.is_fee_changeable", "contract.is_fee_per_wallet", "contract.can_exempt_from_fee",
    "contract.highest_fee", "contract.has_max_tx", "contract.is_max_tx_changeable",
    "contract.has_cooldown", "contract.is_cooldown_changeable", "contract.opens_trading",
    "contract.can_withdraw",
)  # fmt: skip

_NUMBERS = ("uint256", "uint128", "uint112", "uint96", "uint64", "uint32", "uint16", "uint8")
_OF_ONE = ("mapping(address => bool)", "mapping(address => uint256)", "mapping(address => uint8)")
_OF_BALANCES: tuple[Effect, ...] = ("mint", "hidden-mint", "balance")
_HARM: frozenset[Effect] = frozenset(
    {
        "mint", "hidden-mint", "balance", "blacklist", "pause", "limit", "fee", "fee-of-one",
        "cooldown", "take-back",
    }
)  # fmt: skip


def called(owner: Owner, proxy: Proxy | None) -> dict[str, Answer]:
    """What the contract and its storage slots say when asked."""
    return owner.answers() | {
        "contract.is_proxy": proxy is not None,
        "contract.implementation": proxy.implementation if proxy else "none",
        "contract.is_upgradeable": proxy is not None and proxy.form != "eip-1167",
    }


def read(code: Code, proxy: Proxy | None, known_rugs: Sequence[str]) -> dict[str, Answer]:
    """What the bytecode shows by itself; of a proxy, that of its implementation."""
    alike = closest(code.sketch, known_rugs)
    return {
        "contract.has_selfdestruct": "SELFDESTRUCT" in code.opcodes,
        "contract.has_delegatecall": proxy is not None or "DELEGATECALL" in code.opcodes,
        "contract.has_external_call": code.calls_out,
        "contract.is_open_source": Unknown("bytecode does not tell; a source registry would"),
        "contract.code_hash": code.hash,
        "contract.code_sketch": code.sketch,
        "contract.code_size": float(code.size),
        "contract.functions": float(len(code.functions)),
        "contract.selectors": listed(each.selector for each in code.functions),
        "contract.likeness_to_rugs": Unknown("no contract of a rug is known to compare with")
        if alike is None
        else alike,
        **{f"contract.opcodes.{n.lower()}": float(code.opcodes.get(n, 0)) for n in OPCODES},
    }


def listed(selectors: Iterable[str]) -> str:
    """Selectors in order, parted by spaces, as far as there is room."""
    return " ".join(sorted(selectors)[:MOST_SELECTORS])


def measured(powers: Powers | str, layout: Layout, *, foreign: bool) -> dict[str, Answer]:
    """What the owner can do; ``powers`` is why nothing was tried where it is text.

    ``foreign`` says that the code can run code of others (other than a proxy's implementation): it
    may do anything, so that no answer is "no".
    """
    judge = _Judge(powers, layout, foreign=foreign)
    balances = layout.balance_writers
    wallets = layout.writers_of(*_OF_ONE)
    amounts = layout.writers_of(*_NUMBERS)
    flags = layout.writers_of("bool", *_NUMBERS)
    return {
        "contract.can_mint": judge.can(balances, "mint", "hidden-mint"),
        "contract.has_hidden_mint": judge.can(balances, "hidden-mint"),
        "contract.owner_changes_balance": judge.can(balances, "balance"),
        "contract.can_blacklist": judge.can(wallets, "blacklist"),
        "contract.can_whitelist": judge.can(wallets, "whitelist"),
        "contract.can_pause": judge.can(flags, "pause"),
        "contract.is_fee_changeable": judge.can(amounts, "fee"),
        "contract.is_fee_per_wallet": judge.can(wallets, "fee-of-one"),
        "contract.can_exempt_from_fee": judge.can(wallets, "exempt"),
        "contract.is_max_tx_changeable": judge.can(amounts, "limit"),
        "contract.is_cooldown_changeable": judge.can(flags, "cooldown"),
        "contract.opens_trading": judge.opens(),
        "owner.is_hidden": judge.hidden(_HARM - {"take-back"}),
        "owner.can_take_back": judge.hidden(frozenset({"take-back"})),
        **_as_it_stands(powers),
    }


def taking(found: Withdrawals | str, code: Code) -> dict[str, Answer]:
    """Whether an owner can take out what the contract holds; text is why nothing was tried."""
    return {"contract.can_withdraw": _taking(found, code)}


def _taking(found: Withdrawals | str, code: Code) -> Answer:
    left = frozenset(each.selector for each in code.functions if each.sends) - STANDARD
    if isinstance(found, str):
        why = f"might, and was not tried: {found}"
    elif found.taking:
        return True
    else:
        left -= found.passed | {TRANSFER_FROM}
        why = "might, and could not be made to show what it does"
    if left:
        return Unknown(f"{_named(left)} {why}")
    return Unknown("it sends, by no function that was found") if code.strays else False


class _Judge:
    """Yes where an effect was seen, no where nothing is left that could have it, else unknown."""

    def __init__(self, powers: Powers | str, layout: Layout, *, foreign: bool) -> None:
        self._foreign = foreign
        self._powers = powers
        self._layout = layout

    def can(self, suspects: frozenset[str], *effects: Effect) -> Answer:
        """Whether any function has one of ``effects``; ``suspects`` are those that might."""
        if isinstance(self._powers, str):
            return self._by_storage(suspects, self._powers)
        if any(self._powers.having(effect) for effect in effects):
            return True
        if effects[0] not in _OF_BALANCES and _still(self._powers):
            return self._by_storage(suspects, "nothing can be moved or sold as it stands")
        if effects[0] not in _OF_BALANCES and self._powers.asks:
            return Unknown("transfers ask another contract, which may refuse them")
        left = suspects - self._explained(suspects)
        if left:
            return Unknown(f"{_named(left)} might, and could not be made to show what it does")
        return (
            Unknown("it can run code of others, which may do anything") if self._foreign else False
        )

    def opens(self) -> Answer:
        """Whether the token is shut, and its owner can open it."""
        return Unknown(self._powers) if isinstance(self._powers, str) else self._powers.opened

    def hidden(self, effects: frozenset[Effect]) -> Answer:
        """Whether somebody who is not the owner has one of ``effects``."""
        if isinstance(self._powers, str):
            return Unknown(self._powers)
        return bool(self._powers.hidden & effects)

    def _explained(self, suspects: frozenset[str]) -> frozenset[str]:
        """Functions whose effect was seen; what writes balances must have moved some."""
        assert not isinstance(self._powers, str)  # noqa: S101 - told apart by the callers
        seen = frozenset(self._powers.found) | self._powers.harmless
        return seen if suspects & self._layout.balance_writers else seen | self._powers.passed

    def _by_storage(self, suspects: frozenset[str], why: str) -> Answer:
        if suspects:
            return Unknown(f"{_named(suspects)} might, and was not tried: {why}")
        if self._layout.balances is None or self._foreign:
            return Unknown(why)
        return False


def _still(powers: Powers) -> bool:
    """Whether no wallet could do anything that an act could have stopped or taxed."""
    return all(FAILED in pair or ABSENT in pair for pair in powers.standing.pairs)


def _named(selectors: frozenset[str]) -> str:
    first = sorted(selectors)[:3]
    return f"function {', '.join(f'0x{each}' for each in first)}"


def _as_it_stands(powers: Powers | str) -> dict[str, Answer]:
    """What needs no act of the owner: limits and cool-downs that hold now."""
    names = ("contract.has_max_tx", "contract.has_cooldown", "contract.highest_fee")
    if isinstance(powers, str):
        return dict.fromkeys(names, Unknown(powers))
    base = powers.standing
    if base.moves == FAILED:
        return dict.fromkeys(names, Unknown("wallets cannot move the token as it stands"))
    return {
        "contract.has_max_tx": powers.limited,
        "contract.has_cooldown": base.moves_again == FAILED,
        "contract.highest_fee": round(powers.highest_tax, 6),
    }
