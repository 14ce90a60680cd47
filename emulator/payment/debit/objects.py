"""The data objects of a debit/credit application: what its internal EF holds, and how.

The EF has no SFI and the FID 0001. It holds BER-TLV objects one after the other, in any order, then 00 up to
its size. A value never changes its length. Tags of the standard are those that GET DATA and PUT DATA name;
C1 to CA are this card's own, and no command reaches them.

    82     AIP, 2 bytes; 94 AFL
    9F36   application transaction counter (ATC), 2; 9F13 that of the last online transaction, 2: 0000 for a new card
    9F4F   format of the transaction log; DF4F of the load log
    9F51   application currency, 2; 9F76 the second one, 2; 9F73 conversion factor, 4; 9F57 country of the issuer, 2
    9F52   application default action (应用缺省行为, ADA), 2; see `Ada`
    9F56   issuer authentication indicator, 1: 80 if a transaction that went online needs it
    9F58   lower and 9F59 upper limit of consecutive offline transactions, 1 each
    9F53   limit of consecutive offline transactions in another currency, 1; 9F72 in another country, 1
    9F54   limit of the amount spent offline (CTTAL), 6; 9F5C upper limit (CTTAUL), 6; 9F75 over both currencies, 6
    9F68   card additional processes, 4
    9F79   balance of electronic cash (电子现金), 6; 9F77 its limit, 9F78 limit of one payment, 9F6D reset threshold
    C1     key index (DKI), cryptogram version 01 or 17, identifier of the issuer discretionary data 00 to 05
    C2     the last transaction: flags (see `Last`), number of script commands
    C3     amount spent offline (CTTA), 6; C6 in both currencies, 6
    C4     consecutive offline transactions in another currency, 1; C5 in another country, 1
    C7     failures in a row: of issuer authentication, of script MACs
    C8     AIP and AFL of electronic cash, if it has its own
    C9     format of the answer to GET PROCESSING OPTIONS: 80 or 77; 80 if it is missing
    CA     01 if CDA signs a refusal too, when the terminal asks for it

A limit that is missing is not checked. Amounts have 12 digits.
"""

from collections.abc import Mapping
from enum import IntFlag
from typing import Final

from cardfs import tlv
from cardfs.errors import ConditionsUnmet
from cardfs.files import child

from ...context import Context

FID: Final = 0x0001

AIP: Final = 0x82
AFL: Final = 0x94
LAST_ONLINE: Final = 0x9F13
PIN_TRIES: Final = 0x9F17
ATC: Final = 0x9F36
LOG_FORMAT: Final = 0x9F4F
CURRENCY: Final = 0x9F51
DEFAULT_ACTION: Final = 0x9F52
CURRENCY_LIMIT: Final = 0x9F53
AMOUNT_LIMIT: Final = 0x9F54
ISSUER_INDICATOR: Final = 0x9F56
COUNTRY: Final = 0x9F57
LOWER_LIMIT: Final = 0x9F58
UPPER_LIMIT: Final = 0x9F59
AMOUNT_UPPER_LIMIT: Final = 0x9F5C
AVAILABLE: Final = 0x9F5D
PROCESSES: Final = 0x9F68
CVM_LIMIT: Final = 0x9F6B
CASH_THRESHOLD: Final = 0x9F6D
COUNTRY_LIMIT: Final = 0x9F72
CONVERSION: Final = 0x9F73
CASH_CODE: Final = 0x9F74
BOTH_LIMIT: Final = 0x9F75
SECOND_CURRENCY: Final = 0x9F76
CASH_LIMIT: Final = 0x9F77
CASH_SINGLE: Final = 0x9F78
CASH: Final = 0x9F79
LOAD_FORMAT: Final = 0xDF4F

CRYPTOGRAM: Final = 0xC1
LAST: Final = 0xC2
SPENT: Final = 0xC3
ABROAD_CURRENCY: Final = 0xC4
ABROAD_COUNTRY: Final = 0xC5
SPENT_BOTH: Final = 0xC6
FAILURES: Final = 0xC7
CASH_OPTIONS: Final = 0xC8
OPTIONS_FORMAT: Final = 0xC9
SIGN_REFUSALS: Final = 0xCA

READABLE: Final = frozenset(
    (
        *(LAST_ONLINE, ATC, LOG_FORMAT, CURRENCY, DEFAULT_ACTION, CURRENCY_LIMIT, AMOUNT_LIMIT, ISSUER_INDICATOR),
        *(COUNTRY, LOWER_LIMIT, UPPER_LIMIT, AMOUNT_UPPER_LIMIT, PROCESSES, CVM_LIMIT, CASH_THRESHOLD),
        *(
            COUNTRY_LIMIT,
            CONVERSION,
            CASH_CODE,
            BOTH_LIMIT,
            SECOND_CURRENCY,
            CASH_LIMIT,
            CASH_SINGLE,
            CASH,
            LOAD_FORMAT,
        ),
    )
)
"""What GET DATA answers out of the file; 9F17 and 9F5D are worked out."""

WRITABLE: Final = frozenset(
    (
        *(CURRENCY_LIMIT, AMOUNT_LIMIT, LOWER_LIMIT, UPPER_LIMIT, AMOUNT_UPPER_LIMIT, CVM_LIMIT, CASH_THRESHOLD),
        *(COUNTRY_LIMIT, CONVERSION, BOTH_LIMIT, CASH_LIMIT, CASH_SINGLE, CASH),
    )
)
"""What PUT DATA replaces."""

NUMBERS: Final = frozenset(
    (AMOUNT_LIMIT, AMOUNT_UPPER_LIMIT, CVM_LIMIT, CASH_THRESHOLD, CONVERSION, BOTH_LIMIT, CASH_LIMIT, CASH_SINGLE, CASH)
)
"""Objects of digits: amounts have 12, the conversion factor a decimal place and 7."""


class Ada(IntFlag):
    """Bits of the application default action, 9F52."""

    ISSUER_FAILED_ONLINE = 0x8000
    ISSUER_FAILED_DECLINE = 0x4000
    NO_RESPONSE_DECLINE = 0x2000
    DECLINED_ADVICE = 0x1000
    PIN_EXCEEDED_ADVICE = 0x0800
    ISSUER_FAILED_ADVICE = 0x0400
    NEW_ONLINE = 0x0200
    NEW_DECLINE = 0x0100
    PIN_EXCEEDED_BLOCK = 0x0080
    PIN_LAST_DECLINE = 0x0040
    PIN_LAST_ONLINE = 0x0020
    PIN_LAST_NOT_ONLINE_DECLINE = 0x0010
    SCRIPT_FAILED_ONLINE = 0x0008
    PIN_LAST_BLOCK = 0x0004


class Last(IntFlag):
    """What the card remembers of the transaction before: the first byte of C2."""

    NONE = 0
    ONLINE_PENDING = 0x80
    ISSUER_FAILED = 0x40
    SDA_FAILED = 0x20
    DDA_FAILED = 0x10
    SCRIPT_FAILED = 0x08


class Objects:
    """The objects of one application, read once; a change makes another one."""

    __slots__ = ("_places", "contents")

    def __init__(self, contents: bytes, places: Mapping[int, slice]) -> None:
        self.contents: Final = contents
        self._places = places

    @classmethod
    def read(cls, contents: bytes) -> "Objects":
        """Read the contents of the file."""
        return cls(contents, dict(tlv.places(contents)))

    def get(self, tag: int) -> bytes | None:
        """The value of an object, or None."""
        place = self._places.get(tag)
        return None if place is None else self.contents[place]

    def need(self, tag: int) -> bytes:
        """The value of an object that this command cannot do without.

        Raises:
            ConditionsUnmet
        """
        value = self.get(tag)
        if value is None:
            raise ConditionsUnmet(f"the application has no data object {tag:X}")
        return value

    def number(self, tag: int, default: int = 0) -> int:
        """An object as a binary number."""
        value = self.get(tag)
        return default if value is None else int.from_bytes(value)

    def amount(self, tag: int) -> int | None:
        """An object as an amount, None if it is missing."""
        value = self.get(tag)
        return None if value is None else int(value.hex())

    @property
    def actions(self) -> Ada:
        """The application default action; nothing if it is missing."""
        return Ada(self.number(DEFAULT_ACTION))

    @property
    def last(self) -> Last:
        """The flags of the transaction before."""
        return Last(self.need(LAST)[0])

    @property
    def scripts(self) -> int:
        """How many script commands came after the transaction before, at most 15."""
        return self.need(LAST)[1]

    @property
    def available(self) -> int:
        """The amount that can still be spent offline, 9F5D, as 9F68 has it worked out."""
        balance = self.amount(CASH) or 0
        limit = self.amount(AMOUNT_UPPER_LIMIT)
        limit = self.amount(AMOUNT_LIMIT) if limit is None else limit
        unspent = max((limit or 0) - (self.amount(SPENT) or 0), 0)
        processes = (self.get(PROCESSES) or b"\x80")[0]
        if processes & 0x80:
            return balance
        if processes & 0x40:
            return unspent
        return balance + unspent if processes & 0x20 else 0

    def with_values(self, changes: Mapping[int, bytes]) -> "Objects":
        """The same with other values; a new value has the length of the old one."""
        contents, missing = bytearray(self.contents), b""
        for tag, value in changes.items():
            place = self._places.get(tag)
            if place is None:
                missing += tlv.encode(tag, value)
            elif place.stop - place.start != len(value):
                raise ValueError(f"object {tag:X} has {place.stop - place.start} bytes, not {len(value)}")
            else:
                contents[place] = value
        if not missing:
            return Objects(bytes(contents), self._places)
        end = max((place.stop for place in self._places.values()), default=0)
        return Objects.read(bytes(contents[:end] + missing).ljust(len(contents), b"\x00"))

    def with_last(self, flags: Last, scripts: int) -> "Objects":
        """The same with another memory of the transaction."""
        return self.with_values({LAST: bytes((flags, min(scripts, 15)))})


def digits(amount: int) -> bytes:
    """Write an amount with 12 digits; what is larger stays at the largest."""
    return bytes.fromhex(f"{min(amount, 10**12 - 1):012d}")


def path(ctx: Context) -> str:
    """Where the objects of the current application stand."""
    return child(ctx.session.df, FID)


def load(ctx: Context) -> Objects:
    """The objects of the current application.

    Raises:
        ConditionsUnmet: it has none.
    """
    contents = ctx.image.contents.get(path(ctx))
    if not isinstance(contents, bytes):
        raise ConditionsUnmet(f"{ctx.image.label(ctx.session.df)} has no data objects")
    return ctx.image.parsed(path(ctx), contents, Objects.read)


def save(ctx: Context, new: Objects) -> None:
    """Write the objects with the other changes of this command."""
    ctx.change().put_contents(path(ctx), new.contents)
    ctx.image.parsed(path(ctx), new.contents, lambda _: new)


def save_at_once(ctx: Context, new: Objects) -> None:
    """Write the objects durably before anything else happens: a failure that is counted before the comparison.

    Raises:
        StoreFailed: nothing was written, and nothing may be compared.
    """
    change = ctx.image.begin()
    change.put_contents(path(ctx), new.contents)
    change.commit()
