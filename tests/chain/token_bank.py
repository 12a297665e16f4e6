"""Mints and token accounts in LiteSVM, by the real SPL Token and Token-2022 programs.

Instructions are written by their own bytes, so that what we read is not read with what wrote it.
Signatures are not checked: whoever an instruction names has signed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import NamedTuple

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

__all__ = ["ATA", "TOKEN", "TOKEN_2022", "Bank", "Extension", "associated", "wallet"]

TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
SYSTEM = Pubkey.from_string("11111111111111111111111111111111")
RENT = 10**9
MINT_SIZE, KIND_END = 82, 166


class Extension(NamedTuple):
    """How a mint gets an extension: its bytes in the account, and the instruction before it is."""

    size: int
    data: bytes
    """Of the instruction; ``{mint}`` is its one account."""


def wallet(number: int) -> Pubkey:
    """A made-up wallet: a point of the curve, so that no program can be behind it."""
    for salt in count():
        key = Pubkey(sha256(f"{number}:{salt}".encode()).digest())
        if key.is_on_curve():
            return key
    raise AssertionError


def associated(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    """A wallet's own token account of a mint."""
    return Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], ATA)[0]


class Refused(Exception):
    """A program refused; its log is the message."""


class Bank:
    """One LiteSVM; every method is a transaction that went through, or raises ``Refused``."""

    def __init__(self) -> None:
        self.svm = LiteSVM().with_sigverify(False).with_blockhash_check(False)
        self.payer = self.fund(wallet(0), 10**14)
        self._numbers = count(1_000)
        self.thaws: Pubkey | None = None
        """Who thaws each account that is opened, of a mint that freezes new ones."""

    def send(self, *instructions: Instruction) -> TransactionMetadata:
        """Run a transaction that the payer pays."""
        self.svm.expire_blockhash()
        blockhash = self.svm.latest_blockhash()
        message = MessageV0.try_compile(self.payer, list(instructions), [], blockhash)
        signatures = [Signature.default()] * message.header.num_required_signatures
        done = self.svm.send_transaction(VersionedTransaction.populate(message, signatures))
        if isinstance(done, FailedTransactionMetadata):
            raise Refused("\n".join([repr(done.err()), *done.meta().logs()]))
        return done

    def fund(self, owner: Pubkey, lamports: int = 10**12) -> Pubkey:
        """A wallet with SOL."""
        self.put(owner, SYSTEM, b"", lamports)
        return owner

    def mint(
        self,
        program: Pubkey = TOKEN_2022,
        extensions: Sequence[Extension] = (),
        *,
        authority: Pubkey | None = None,
        freezer: Pubkey | None = None,
        decimals: int = 6,
    ) -> Pubkey:
        """A mint; its authority is the payer unless another is given."""
        mint = wallet(next(self._numbers))
        size = MINT_SIZE
        if extensions:
            size = KIND_END + sum(4 + each.size for each in extensions)
        made = CreateAccountParams(
            from_pubkey=self.payer, to_pubkey=mint, lamports=RENT, space=size, owner=program
        )
        minter = bytes(authority or self.payer)
        rest = b"\x01" + bytes(freezer) if freezer else b"\x00"
        self.send(
            create_account(made),
            *(Instruction(program, each.data, [_meta(mint, "w")]) for each in extensions),
            Instruction(program, bytes([20, decimals]) + minter + rest, [_meta(mint, "w")]),
        )
        return mint

    def act(self, program: Pubkey, data: bytes, *accounts: tuple[Pubkey, str]) -> None:
        """One instruction; each account with ``w`` (written), ``s`` (signs), both or neither."""
        self.send(Instruction(program, data, [_meta(*each) for each in accounts]))

    def program_of(self, mint: Pubkey) -> Pubkey:
        """The token program that a mint belongs to."""
        account = self.svm.get_account(mint)
        assert account is not None
        return account.owner

    def open(self, owner: Pubkey, mint: Pubkey) -> Pubkey:
        """A wallet's own token account, made if it is not there."""
        program = self.program_of(mint)
        account = associated(owner, mint, program)
        self.act(
            ATA, b"\x01", (self.payer, "ws"), (account, "w"), (owner, ""), (mint, ""), (SYSTEM, ""),
            (program, ""),
        )  # fmt: skip
        if self.thaws is not None and program == TOKEN_2022:
            self.act(program, b"\x0b", (account, "w"), (mint, ""), (self.thaws, "s"))
        return account

    def give(self, owner: Pubkey, mint: Pubkey, amount: int) -> Pubkey:
        """Mint tokens to a wallet."""
        account = self.open(owner, mint)
        self.act(
            self.program_of(mint), struct.pack("<BQ", 7, amount), (mint, "w"), (account, "w"),
            (self.payer, "s"),
        )  # fmt: skip
        return account

    def transfer(self, sender: Pubkey, to: Pubkey, mint: Pubkey, amount: int) -> None:
        """``TransferChecked`` between the own accounts of two wallets."""
        program = self.program_of(mint)
        self.send(transfer(program, sender, to, mint, amount, self.decimals(mint)))

    def decimals(self, mint: Pubkey) -> int:
        """Of a mint."""
        return self.data(mint)[44]

    def data(self, address: Pubkey) -> bytes:
        """An account's bytes."""
        account = self.svm.get_account(address)
        assert account is not None
        return bytes(account.data)

    def put(self, address: Pubkey, owner: Pubkey, data: bytes, lamports: int = RENT) -> None:
        """An account as some program left it."""
        self.svm.set_account(address, Account(lamports=lamports, data=data, owner=owner))

    def simulate(self, transaction: VersionedTransaction) -> object:
        """What would happen."""
        return self.svm.simulate_transaction(transaction)


def transfer(
    program: Pubkey, sender: Pubkey, to: Pubkey, mint: Pubkey, amount: int, decimals: int
) -> Instruction:
    """``TransferChecked`` from the own account of a wallet, which signs, to another's."""
    accounts = [
        _meta(associated(sender, mint, program), "w"), _meta(mint, ""),
        _meta(associated(to, mint, program), "w"), _meta(sender, "s"),
    ]  # fmt: skip
    return Instruction(program, struct.pack("<BQB", 12, amount, decimals), accounts)


def metadata(bank: Bank, mint: Pubkey, authority: Pubkey, texts: Sequence[str]) -> None:
    """Token-2022's own metadata: name, symbol, uri."""
    data = sha256(b"spl_token_metadata_interface:initialize_account").digest()[:8]
    for text in texts:
        data += struct.pack("<I", len(text.encode())) + text.encode()
    bank.act(TOKEN_2022, data, (mint, "w"), (authority, ""), (mint, ""), (bank.payer, "s"))


def _meta(key: Pubkey, how: str) -> AccountMeta:
    return AccountMeta(key, is_signer="s" in how, is_writable="w" in how)


NOBODY = bytes(32)
BOSS = wallet(7)
"""Whoever has the powers that the extensions of the tests give."""

EXTENSIONS: Mapping[str, Extension] = {
    "transfer-fee": Extension(
        108,
        b"\x1a\x00" + (b"\x01" + bytes(BOSS)) * 2 + struct.pack("<HQ", 300, 5_000_000),
    ),
    "close-authority": Extension(32, b"\x19\x01" + bytes(BOSS)),
    "confidential-transfer": Extension(65, b"\x1b\x00" + bytes(BOSS) + b"\x01" + NOBODY),
    "default-state": Extension(1, b"\x1c\x00\x02"),
    "non-transferable": Extension(0, b"\x20"),
    "interest-bearing": Extension(52, b"\x21\x00" + bytes(BOSS) + struct.pack("<h", 500)),
    "permanent-delegate": Extension(32, b"\x23" + bytes(BOSS)),
    "transfer-hook": Extension(64, b"\x24\x00" + bytes(BOSS) + bytes(wallet(66))),
    "metadata-pointer": Extension(64, b"\x27\x00" + bytes(BOSS) + bytes(wallet(67))),
    "group-pointer": Extension(64, b"\x28\x00" + bytes(BOSS) + bytes(wallet(68))),
    "member-pointer": Extension(64, b"\x29\x00" + bytes(BOSS) + bytes(wallet(69))),
    "scaled-amount": Extension(56, b"\x2b\x00" + bytes(BOSS) + struct.pack("<d", 1.0)),
    "pausable": Extension(33, b"\x2c\x00" + bytes(BOSS)),
}
"""An instance of each extension that a mint can be made with, by our name for it."""

HASH = Hash.default()
