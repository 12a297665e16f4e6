"""The test node's answers about accounts, histories and simulations, out of a ``Bank``.

Tokens move by the real token programs in LiteSVM. The venues' programs are not to be had here:
their instructions are carried out as what they do to tokens, a constant product paid and received
through real ``TransferChecked`` calls, which freeze, pause, charge and refuse as on mainnet.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from streams.examine.solana.orders import V4_SWAP_IN
from streams.solana.programs import discriminator, program_of
from tests.chain.solana_node import Chain, Refused
from tests.chain.token_bank import SYSTEM, TOKEN, Bank, associated

__all__ = ["BankNode"]

KEYS = {venue: Pubkey.from_string(program_of(venue).id) for venue in (
    "pump-fun", "pump-swap", "raydium-cpmm", "raydium-v4")}  # fmt: skip
BUY, SELL = discriminator("global", "buy"), discriminator("global", "sell")
Account = Pubkey


class BankNode:
    """Gives a scripted chain a bank's accounts; ``ahead`` slots later than the chain's newest."""

    def __init__(self, chain: Chain, bank: Bank) -> None:
        self.chain, self.bank = chain, bank
        self.ahead = 0
        self.simulated: list[VersionedTransaction] = []
        chain.answers |= {
            "getMultipleAccounts": self._accounts,
            "getTokenLargestAccounts": self._largest,
            "getProgramAccounts": self._program,
            "getEpochInfo": lambda _: {"epoch": bank.svm.get_clock().epoch},
            "getSignaturesForAddress": self._signatures,
            "getTransaction": self._transaction,
            "simulateTransaction": self._simulate,
        }

    def told(self, value: Any, params: list[Any]) -> dict[str, Any]:
        """A value with the slot that it is of; refused where the chain has not come so far."""
        how = params[1] if len(params) > 1 else {}
        slot = self.chain.slot + self.ahead
        if how.get("minContextSlot", 0) > slot:
            raise Refused(-32016, "Minimum context slot has not been reached")
        return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}

    def _accounts(self, params: list[Any]) -> Any:
        assert len(params[0]) <= 100
        return self.told([self._account(Pubkey.from_string(each)) for each in params[0]], params)

    def _account(self, key: Pubkey) -> dict[str, Any] | None:
        found = self.bank.svm.get_account(key)
        return None if found is None or not found.lamports else _shown(found)

    def _largest(self, params: list[Any]) -> Any:
        mint = Pubkey.from_string(params[0])
        if self.bank.svm.get_account(mint) is None:
            raise Refused(-32602, "Invalid param: could not find mint")
        program = self.bank.program_of(mint)
        held = [
            (struct.unpack_from("<Q", bytes(account.data), 64)[0], str(key))
            for key, account in self.bank.svm.get_program_accounts(program)
            if len(account.data) >= 165 and bytes(account.data)[:32] == bytes(mint)
        ]
        listed = [
            {"address": key, "amount": str(amount), "decimals": 6, "uiAmountString": ""}
            for amount, key in sorted(held, reverse=True)[:20]
        ]
        return self.told(listed, params)

    def _program(self, params: list[Any]) -> Any:
        filters = [each["memcmp"] for each in params[1]["filters"]]
        return [
            {"pubkey": str(key), "account": _shown(account)}
            for key, account in self.bank.svm.get_program_accounts(Pubkey.from_string(params[0]))
            if all(
                bytes(account.data)[each["offset"] :].startswith(
                    bytes(Pubkey.from_string(each["bytes"]))
                )
                for each in filters
            )
        ]

    def _signatures(self, params: list[Any]) -> Any:
        wanted, how = params[0], params[1]
        listed = [
            {
                "signature": node["transaction"]["signatures"][0], "slot": slot,
                "err": node["meta"]["err"], "blockTime": self.chain.blocks[slot]["blockTime"],
                "memo": None, "confirmationStatus": "confirmed",
            }
            for slot in sorted(self.chain.blocks, reverse=True)
            for node in reversed(self.chain.blocks[slot]["transactions"])
            if wanted in _addresses(node)
        ]  # fmt: skip
        begin = 0
        if before := how.get("before"):
            begin = 1 + [each["signature"] for each in listed].index(before)
        return listed[begin : begin + how.get("limit", 1000)]

    def _transaction(self, params: list[Any]) -> Any:
        for slot, block in self.chain.blocks.items():
            for node in block["transactions"]:
                if node["transaction"]["signatures"][0] == params[0]:
                    return {**node, "slot": slot, "blockTime": block["blockTime"]}
        return None

    def _simulate(self, params: list[Any]) -> Any:
        how = params[1]
        assert how["sigVerify"] is False
        assert how["replaceRecentBlockhash"] is True
        sent = VersionedTransaction.from_bytes(base64.b64decode(params[0]))
        self.simulated.append(sent)
        done = self.bank.svm.simulate_transaction(self._played(sent))
        meta = done.meta()
        if isinstance(done, FailedTransactionMetadata):
            value = {"err": str(done.err()), "logs": meta.logs(), "accounts": None}
            return self.told(value, params)
        after = dict(done.post_accounts())
        accounts = [
            _shown(after[key]) if (key := Pubkey.from_string(each)) in after else self._account(key)
            for each in how["accounts"]["addresses"]
        ]
        return self.told({"err": None, "logs": meta.logs(), "accounts": accounts}, params)

    def _played(self, sent: VersionedTransaction) -> VersionedTransaction:
        """The same transaction with the venues' instructions carried out by token programs."""
        keys = list(sent.message.account_keys)
        header = sent.message.header
        instructions: list[Instruction] = []
        for each in sent.message.instructions:
            program = keys[each.program_id_index]
            accounts = [keys[index] for index in each.accounts]
            if program in _VENUES:
                instructions += _VENUES[program](self, accounts, bytes(each.data))
                continue
            metas = [
                AccountMeta(
                    keys[index], index < header.num_required_signatures, _is_written(sent, index)
                )
                for index in each.accounts
            ]
            instructions.append(Instruction(program, bytes(each.data), metas))
        self.bank.svm.expire_blockhash()
        message = MessageV0.try_compile(keys[0], instructions, [], self.bank.svm.latest_blockhash())
        signatures = [Signature.default()] * message.header.num_required_signatures
        return VersionedTransaction.populate(message, signatures)

    def curve(self, accounts: Sequence[Account], data: bytes) -> Iterator[Instruction]:
        """pump.fun: exactly so many tokens, for SOL itself."""
        mint, curve, vault, own, user = accounts[2:7]
        amount, limit = struct.unpack_from("<QQ", data, 8)
        if data.startswith(BUY):
            yield _pay(user, curve, limit)
            yield self.moved(mint, vault, own, curve, amount)
        else:
            yield self.moved(mint, own, vault, user, amount)

    def pump_swap(self, accounts: Sequence[Account], data: bytes) -> Iterator[Instruction]:
        """PumpSwap: exactly so many tokens, for wrapped SOL."""
        pool, user, _, mint, quote, own, own_quote, vault, quote_vault = accounts[:9]
        amount, limit = struct.unpack_from("<QQ", data, 8)
        if data.startswith(BUY):
            yield self.moved(quote, own_quote, quote_vault, user, limit)
            yield self.moved(mint, vault, own, pool, amount)
        else:
            yield self.moved(mint, own, vault, user, amount)
            yield self.moved(quote, quote_vault, own_quote, pool, 1_000)

    def cpmm(self, accounts: Sequence[Account], data: bytes) -> Iterator[Instruction]:
        """Raydium CPMM: so much is paid, a constant product comes."""
        user, authority = accounts[0], accounts[1]
        pays, gets, vault_in, vault_out = accounts[4:8]
        (amount,) = struct.unpack_from("<Q", data, 8)
        out = self._product(vault_in, vault_out, amount)
        yield self.moved(accounts[10], pays, vault_in, user, amount)
        yield self.moved(accounts[11], vault_out, gets, authority, out)

    def v4(self, accounts: Sequence[Account], data: bytes) -> Iterator[Instruction]:
        """Raydium AMM v4: the direction follows from the mint of what is paid."""
        assert data[0] == V4_SWAP_IN
        authority, coin, pc, pays, gets, user = accounts[2:8]
        (amount,) = struct.unpack_from("<Q", data, 1)
        mints = {key: self._mint_of(key) for key in (coin, pc)}
        buys = pays == associated(user, WSOL, TOKEN)
        vault_in, vault_out = (coin, pc) if (mints[coin] == WSOL) == buys else (pc, coin)
        out = self._product(vault_in, vault_out, amount)
        yield self.moved(mints[vault_in], pays, vault_in, user, amount)
        yield self.moved(mints[vault_out], vault_out, gets, authority, out)

    def moved(
        self, mint: Pubkey, source: Pubkey, to: Pubkey, owner: Pubkey, amount: int
    ) -> Instruction:
        """``TransferChecked`` between two token accounts."""
        metas = [
            AccountMeta(source, False, True), AccountMeta(mint, False, False),
            AccountMeta(to, False, True), AccountMeta(owner, True, False),
        ]  # fmt: skip
        data = struct.pack("<BQB", 12, amount, self.bank.decimals(mint))
        return Instruction(self.bank.program_of(mint), data, metas)

    def _product(self, vault_in: Pubkey, vault_out: Pubkey, amount: int) -> int:
        held_in, held_out = (self._amount(each) for each in (vault_in, vault_out))
        return held_out * amount // (held_in + amount)

    def _amount(self, account: Pubkey) -> int:
        return int(struct.unpack_from("<Q", self.bank.data(account), 64)[0])

    def _mint_of(self, account: Pubkey) -> Pubkey:
        return Pubkey(self.bank.data(account)[:32])


_Play = Callable[[BankNode, Sequence[Account], bytes], Iterator[Instruction]]
_VENUES: dict[Pubkey, _Play] = {
    KEYS["pump-fun"]: BankNode.curve,
    KEYS["pump-swap"]: BankNode.pump_swap,
    KEYS["raydium-cpmm"]: BankNode.cpmm,
    KEYS["raydium-v4"]: BankNode.v4,
}

WSOL = Pubkey.from_string("So11111111111111111111111111111111111111112")


def _pay(sender: Pubkey, to: Pubkey, lamports: int) -> Instruction:
    metas = [AccountMeta(sender, True, True), AccountMeta(to, False, True)]
    return Instruction(SYSTEM, struct.pack("<IQ", 2, lamports), metas)


def _is_written(sent: VersionedTransaction, index: int) -> bool:
    header, many = sent.message.header, len(sent.message.account_keys)
    signers = header.num_required_signatures
    if index < signers:
        return index < signers - header.num_readonly_signed_accounts
    return index < many - header.num_readonly_unsigned_accounts


def _shown(account: Any) -> dict[str, Any]:
    return {
        "lamports": account.lamports, "owner": str(account.owner),
        "data": [base64.b64encode(bytes(account.data)).decode(), "base64"],
        "executable": account.executable, "rentEpoch": 0, "space": len(account.data),
    }  # fmt: skip


def _addresses(node: dict[str, Any]) -> set[str]:
    message = node["transaction"]["message"]
    keys = {each["pubkey"] if isinstance(each, dict) else each for each in message["accountKeys"]}
    inner = [e for group in node["meta"]["innerInstructions"] for e in group["instructions"]]
    for each in [*message["instructions"], *inner]:
        keys.update(a for a in each["accounts"] if isinstance(a, str))
    return keys
