"""The accounts: passbook (电子存折) and purse (电子钱包), their log, and the proof of the last trade.

The internal EF 0001 is the passbook (ED), EF 0002 the purse (EP); `cardfs.model.accounts` has their
layout.

The balance of the passbook is the amount that can be spent: the holder's money and the overdraft limit. A new limit
changes it by the difference, so 9401 always means that it is too small.

The log is the cyclic EF 0018, or for an FMCOS account file the one that it names. Its records:

    counter after the trade 2 | overdraft limit 3 | amount 4 | kind 1 | terminal 6 | time 7
"""

from struct import Struct
from typing import Final, NamedTuple

from cardfs.memory.fmcos_heads import head_of, right
from cardfs.model.accounts import LENGTHS, PASSBOOK, PROOF_LENGTH
from cardfs.model.errors import FileUnknown, IssuerDataWrong
from cardfs.model.files import Ef, Structure, child

from ....card.context import Context
from ...fmcos_state import prepare, require

LOG_FID: Final = 0x0018
RECORD_LENGTH: Final = 0x17
NO_PROOF: Final = bytes(PROOF_LENGTH)
_MONEY: Final = Struct(">IHH")
MAX_BALANCE: Final = 0xFFFFFFFF
MAX_COUNTER: Final = 0xFFFF


class Account(NamedTuple):
    """A passbook or purse.

    Attributes:
        path: path of its internal file.
        passbook: whether it is the passbook, else the purse.
        balance, limit: balance and overdraft limit, in fen; a purse has no limit.
        online, offline: counters of the trades with and without the host.
        proof: the proof of its last trade; see `cardfs.model.accounts`.
    """

    path: str
    passbook: bool
    balance: int
    online: int
    offline: int
    limit: int = 0
    proof: bytes = NO_PROOF

    def pack(self) -> bytes:
        """Return the contents of the internal file."""
        head = _MONEY.pack(self.balance, self.online, self.offline)
        return head + (self.limit.to_bytes(3) if self.passbook else b"") + self.proof


def account(ctx: Context, which: int) -> Account:
    """Return the passbook (``which`` 01) or the purse (02) of the current application.

    Raises:
        FileUnknown: it has none.
        AccessDenied: it is an FMCOS file whose right of use does not hold.
        IssuerDataWrong: the file is too short for the amounts.
    """
    here = ctx.session.df
    path = child(here, which)
    ef, contents = ctx.image.efs.get(path), ctx.image.contents.get(path)
    if ef is None or ef.structure is not Structure.INTERNAL or not isinstance(contents, bytes):
        name = "passbook" if which == PASSBOOK else "purse"
        raise FileUnknown(f"{ctx.image.label(here)} has no {name}, which is the internal EF {which:04X}")
    if ctx.settings.personalisation.cos == "fmcos":
        prepare(ctx)
        require(ctx, right(head_of(ctx.image, ef).first, here, ctx.image.root), f"the use of EF {which:04X}")
    at = LENGTHS[which] - PROOF_LENGTH
    if len(contents) < at:
        raise IssuerDataWrong(f"EF {which:04X} has {len(contents)} bytes, balance and counters take {at}")
    # A file created for the amounts alone gets its proof with the first trade.
    balance, online, offline = _MONEY.unpack_from(contents)
    return Account(path, which == PASSBOOK, balance, online, offline, int.from_bytes(contents[8:at]), contents[at:])


def log(ctx: Context, money: Account) -> Ef:
    """Return the log of an account.

    Raises:
        FileUnknown: there is no cyclic file with its record length.
    """
    image, here = ctx.image, ctx.session.df
    ef = image.efs.get(child(here, LOG_FID))
    if ctx.settings.personalisation.cos == "fmcos":
        ef = image.ef_by_sfi(here, head_of(image, image.efs[money.path]).access & 0x1F)
    if ef is None or ef.structure is not Structure.CYCLIC or ef.record_length != RECORD_LENGTH:
        raise FileUnknown(f"{image.label(here)} has no log: a cyclic EF 0018 with records of {RECORD_LENGTH} bytes")
    return ef


def settle(ctx: Context, new: Account, ef: Ef, record: bytes) -> None:
    """Write account and log record in one transaction.

    Args:
        new: the account with its new balance, counters, limit and proof.
        ef: the log.
        record: its new record, 23 bytes.
    """
    records = ctx.image.contents[ef.path]
    assert isinstance(records, tuple)  # noqa: S101 - its structure is cyclic
    change, money, old = ctx.change(), new.pack(), ctx.image.contents[new.path]
    assert isinstance(old, bytes)  # noqa: S101 - it is an internal file
    # A file that is longer keeps its length.
    change.put_contents(new.path, money + old[len(money) :])
    change.put_contents(ef.path, (record, *records)[: ef.max_records])
