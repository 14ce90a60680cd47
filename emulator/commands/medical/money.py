"""The money file and the trade records: how to find them, and what their bytes mean.

Only this module reads and writes them (V2.0 notice, after table 9, and 8.5.3; Part 7, 11.8, 12 and 14).
"""

import struct
from dataclasses import dataclass, replace
from typing import Final

from cardfs.memory.image import Image
from cardfs.memory.transaction import Transaction
from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import Ef, Structure
from cardfs.model.records import Mode, written
from keys.records import Usage

AMOUNT_MAX: Final = 0xFFFFFFFF
COUNTER_MAX: Final = 0xFFFF
ACCOUNT_ONLY_LENGTH: Final = 20
"""Length of a trade record with the account's amount only; a file with it marks the account-only mode (Part 7, 12)."""
THREE_AMOUNTS_LENGTH: Final = 28

MONEY_NAMES: Final = (
    "load_counter",
    "purchase_counter",
    "account_balance",
    "year_self_paid_total",
    "year_fund_total",
    "payment_year",
    "year_starting_day",
)
"""Data elements of the money file (医疗保险金额文件), in the order of the V2.0 notice, after table 9."""
RECORD_NAMES: Final = ("transaction_sequence", "transaction_type", "terminal_number", "transaction_time")
"""Data elements that every record of the trade file (医疗交易明细文件) begins with (V2.0 notice, table 9)."""

_MONEY: Final = struct.Struct(">HHIII2s2s")
_PROOF: Final = struct.Struct(">cH4s4s")


@dataclass(frozen=True, slots=True)
class Proof:
    """What GET TRANSACTION PROOF answers of the last trade (Part 7, 14).

    Attributes:
        kind: trade type, ``31`` or ``32``.
        sequence: number of the trade, as INITIALIZE answered it.
        mac: MAC2 of a purchase, 4 bytes; zero for a load, in which the card makes no second MAC.
        tac: the TAC, 4 bytes.
    """

    kind: bytes
    sequence: int
    mac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class Money:
    """What the money file holds; amounts in fen.

    Attributes:
        load_counter: sequence number of the next load (CIA 划入交易序号).
        purchase_counter: sequence number of the next purchase (医疗消费交易序号).
        balance: of the account (CIA 余额).
        self_paid, fund: totals of the payment year (SPIP, SPFP).
        year, starting_day: payment year yyyy and its first day mmdd, both cn 2.
        proof: of the last trade, None if the file has no room for one yet.
        tail: the bytes after the elements of the standard.
    """

    load_counter: int
    purchase_counter: int
    balance: int
    self_paid: int
    fund: int
    year: bytes
    starting_day: bytes
    proof: Proof | None = None
    tail: bytes = b""


def read_money(contents: bytes) -> Money:
    """Read a money file of at least 20 bytes.

    The proof is stored after the elements of the standard, which has no place for it: ``type 1 || sequence 2
    || MAC 4 || TAC 4``. In a file that was created longer, filled with zeros, it belongs to no trade.
    """
    load, purchase, balance, self_paid, fund, year, day = _MONEY.unpack_from(contents)
    tail = contents[_MONEY.size :]
    proof = Proof(*_PROOF.unpack_from(tail)) if len(tail) >= _PROOF.size else None
    return Money(load, purchase, balance, self_paid, fund, year, day, proof, tail)


def write_money(money: Money) -> bytes:
    """Return the contents of a money file: undo `read_money`. A file without room for the proof grows by it."""
    contents = _MONEY.pack(
        money.load_counter,
        money.purchase_counter,
        money.balance,
        money.self_paid,
        money.fund,
        money.year,
        money.starting_day,
    )
    proof = money.proof
    if proof is None:
        return contents + money.tail
    packed = _PROOF.pack(proof.kind, proof.sequence, proof.mac, proof.tac)
    return contents + packed + money.tail[_PROOF.size :]


def trade_record(sequence: int, kind: bytes, terminal: bytes, time: bytes, amounts: bytes, length: int) -> bytes:
    """Return a trade record (Part 7, 11.8 and 12.6).

    ``sequence 2 || type 1 || terminal 6 || time 7 || account 4 || self-paid 4 || fund 4``, without the last
    two in an account-only file.

    Args:
        sequence: number of the trade, see `emulator.commands.medical.state.record_sequence`.
        kind: trade type, one byte in ASCII.
        terminal, time: terminal number, 6 bytes; yyyymmddhhmmss in BCD, 7 bytes.
        amounts: the three amounts, 4 bytes each; of a load only the first is not zero.
        length: length of a record of the file, 20 or at least 28; more is filled with 00.
    """
    whole = sequence.to_bytes(2) + kind + terminal + time + amounts
    return whole[:length] if length == ACCOUNT_ONLY_LENGTH else whole.ljust(length, b"\x00")


# -- where they are ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """The account (基本医疗保险个人帐户) of an application.

    Attributes:
        path: path of the money file.
        money: its contents.
        log: the trade file; None if the application has no file that takes trade records.
    """

    path: str
    money: Money
    log: Ef | None

    @property
    def account_only(self) -> bool:
        """Return whether only the account pays: no totals, year or day (仅支持个人帐户处理模式; Part 7, 12)."""
        return self.log is not None and self.log.record_length == ACCOUNT_ONLY_LENGTH

    @property
    def shown(self) -> Money:
        """Return the money as commands answer it: zero for all that an account-only application lacks (Part 7, 12)."""
        if not self.account_only:
            return self.money
        return replace(self.money, self_paid=0, fund=0, year=bytes(2), starting_day=bytes(2))


def open_account(image: Image, df: str) -> Account:
    """Return the account of an application.

    Args:
        df: path of the application.

    Raises:
        ConditionsUnmet: it has no money file, so it has no trades.
    """
    found = _money_file(image, df)
    contents = image.contents[found.path] if found else b""
    if found is None or not isinstance(contents, bytes) or len(contents) < _MONEY.size:
        raise ConditionsUnmet(f"{image.label(df)} has no money file")
    return Account(found.path, read_money(contents), _trade_file(image, df))


def require_log(image: Image, account: Account) -> Ef:
    """Return the trade file of an account; raise `ConditionsUnmet` if there is none."""
    if account.log is None:
        raise ConditionsUnmet(f"there is no file for trade records beside {image.label(account.path)}")
    return account.log


def commit_trade(image: Image, change: Transaction, account: Account, money: Money, record: bytes) -> None:
    """Write money, proof and trade record in one transaction: all of them, or none (Part 7, 11.8, 12.6 and 14)."""
    log = require_log(image, account)
    records = image.contents[log.path]
    assert isinstance(records, tuple)  # noqa: S101 - its structure is one of records
    change.put_contents(account.path, write_money(money))
    change.put_contents(log.path, written(log, records, Mode.PREVIOUS, 0, None, record)[0])


def _names(image: Image, ef: Ef) -> tuple[str, ...]:
    return tuple(element.name for element in image.dictionary.get(ef.path, ()))


def _of(image: Image, df: str, structure: Structure) -> list[Ef]:
    return [ef for ef in image.efs_in(df) if ef.structure is structure]


def _money_file(image: Image, df: str) -> Ef | None:
    """Return the internal file with the money elements; if none has elements, the one in a DF with trade keys."""
    internal = _of(image, df, Structure.INTERNAL)
    for ef in internal:
        if _names(image, ef)[: len(MONEY_NAMES)] == MONEY_NAMES:
            return ef
    # An internal file of FMCOS holds keys.
    if image.info.settings.personalisation.cos == "fmcos":
        return None
    if image.ref_by_usage(df, Usage.LOAD) is None and image.ref_by_usage(df, Usage.PURCHASE) is None:
        return None
    return next((ef for ef in internal if not _names(image, ef) and ef.size >= _MONEY.size), None)


def _trade_file(image: Image, df: str) -> Ef | None:
    """Return the cyclic file with the trade elements; if none has elements, the one with the right record length."""
    cyclic = [ef for ef in _of(image, df, Structure.CYCLIC) if not ef.tlv and _takes_trades(ef.record_length)]
    for ef in cyclic:
        if _names(image, ef)[: len(RECORD_NAMES)] == RECORD_NAMES:
            return ef
    return next((ef for ef in cyclic if not _names(image, ef)), None)


def _takes_trades(record_length: int) -> bool:
    return record_length == ACCOUNT_ONLY_LENGTH or record_length >= THREE_AMOUNTS_LENGTH
