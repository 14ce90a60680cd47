"""The data objects of a debit/credit application, and the internal EF that holds them.

The EF has no SFI and the FID 0001. It holds BER-TLV objects one after the other, in any order, then 00 up to
its size. A value never changes its length. GET DATA and PUT DATA use tags of the standard; C1 to CA are this card's
own, and no command reaches them.

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

A limit that is missing is not checked. Amounts have 12 digits. `FORMS` has the form of each object; an issuer can
write another form, and then every command that needs the object is refused (`IssuerDataWrong`).
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from cardfs.model import tlv
from cardfs.model.errors import ConditionsUnmet, IssuerDataWrong
from cardfs.model.files import child
from keys.cryptograms import TERMINAL_DATA

from ....card.context import Context

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
"""Tags that GET DATA answers from the file; 9F17 and 9F5D are computed."""

WRITABLE: Final = frozenset(
    (
        *(CURRENCY_LIMIT, AMOUNT_LIMIT, LOWER_LIMIT, UPPER_LIMIT, AMOUNT_UPPER_LIMIT, CVM_LIMIT, CASH_THRESHOLD),
        *(COUNTRY_LIMIT, CONVERSION, BOTH_LIMIT, CASH_LIMIT, CASH_SINGLE, CASH),
    )
)
"""Tags that PUT DATA replaces."""

# -- what an object may be -----------------------------------------------------------------------

Form = Callable[[bytes], str]
"""Returns what is wrong with a value, for a reason; empty if it is right."""


def _bytes(length: int) -> Form:
    return lambda value: "" if len(value) == length else f"has {len(value)} bytes, not {length}"


def _amount(value: bytes) -> str:
    return _AMOUNT_LENGTH(value) or ("" if value.hex().isdecimal() else "has other digits than 0 to 9")


def _conversion(value: bytes) -> str:
    """Check a conversion factor: a decimal place of 4 bits, then 7 digits."""
    return _FACTOR_LENGTH(value) or ("" if value.hex()[1:].isdecimal() else "has other digits than 0 to 9")


def _list(value: bytes) -> str:
    try:
        tlv.fields(value)
    except tlv.TlvError as error:
        return f"is no list of data objects: {error}"
    return ""


def _locator(value: bytes) -> str:
    return "" if value and not len(value) % 4 else f"has {len(value)} bytes, not four for each file"


def _options(value: bytes) -> str:
    return "" if len(value) > 2 and len(value) % 4 == 2 else f"has {len(value)} bytes, not 2 and four for each file"


def _cryptogram(value: bytes) -> str:
    if len(value) != 3:
        return f"has {len(value)} bytes, not 3"
    return "" if value[1] in TERMINAL_DATA else f"names cryptogram version {value[1]:02X}, for which there is no rule"


def _template(value: bytes) -> str:
    return "" if value in (b"\x80", b"\x77") else "is neither 80 nor 77"


_AMOUNT_LENGTH: Final = _bytes(6)
_FACTOR_LENGTH: Final = _bytes(4)

FORMS: Final[Mapping[int, Form]] = {
    **dict.fromkeys((AIP, ATC, LAST_ONLINE, CURRENCY, SECOND_CURRENCY, COUNTRY), _bytes(2)),
    **dict.fromkeys((DEFAULT_ACTION, LAST, FAILURES), _bytes(2)),
    **dict.fromkeys((ISSUER_INDICATOR, LOWER_LIMIT, UPPER_LIMIT, CURRENCY_LIMIT, COUNTRY_LIMIT), _bytes(1)),
    **dict.fromkeys((ABROAD_CURRENCY, ABROAD_COUNTRY, SIGN_REFUSALS), _bytes(1)),
    CRYPTOGRAM: _cryptogram,
    PROCESSES: _bytes(4),
    **dict.fromkeys((AMOUNT_LIMIT, AMOUNT_UPPER_LIMIT, BOTH_LIMIT, CVM_LIMIT, SPENT, SPENT_BOTH), _amount),
    **dict.fromkeys((CASH, CASH_LIMIT, CASH_SINGLE, CASH_THRESHOLD), _amount),
    CONVERSION: _conversion,
    **dict.fromkeys((LOG_FORMAT, LOAD_FORMAT), _list),
    AFL: _locator,
    CASH_OPTIONS: _options,
    OPTIONS_FORMAT: _template,
}
"""Form of each object that the card interprets; any other object may hold any bytes."""


def wrong(tag: int, value: bytes) -> str:
    """Return what is wrong with the value of an object, for a reason; empty if it is right."""
    form = FORMS.get(tag)
    return form(value) if form else ""


class Ada(IntEnum):
    """Bits of the application default action (应用缺省行为, ADA), 9F52."""

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


class Last(IntEnum):
    """Flags of the transaction before, the first byte of C2."""

    NONE = 0
    ONLINE_PENDING = 0x80
    ISSUER_FAILED = 0x40
    SDA_FAILED = 0x20
    DDA_FAILED = 0x10
    SCRIPT_FAILED = 0x08


_NOTHING: Final[Mapping[int, tuple[slice, str]]] = MappingProxyType({})


class Objects:
    """The data objects of one application. A value: `with_values` returns changed ones.

    Objects of a wrong form are stored apart, so that reading the others needs no check.

    Attributes:
        contents: contents of the EF.
    """

    __slots__ = ("_places", "_wrong", "contents")

    def __init__(
        self, contents: bytes, places: Mapping[int, slice], wrong: Mapping[int, tuple[slice, str]] = _NOTHING
    ) -> None:
        self.contents: Final = contents
        self._places = places
        self._wrong = wrong

    @classmethod
    def read(cls, contents: bytes) -> "Objects":
        """Return the objects in the contents of the EF.

        Raises:
            TlvError: the contents are not whole objects.
        """
        places = dict(tlv.places(contents))
        faults = {tag: (place, fault) for tag, place in places.items() if (fault := wrong(tag, contents[place]))}
        return cls(contents, {tag: place for tag, place in places.items() if tag not in faults}, faults or _NOTHING)

    def get(self, tag: int) -> bytes | None:
        """Return the value of an object, or None.

        Raises:
            IssuerDataWrong: the value does not have its form.
        """
        place = self._places.get(tag)
        if place is None:
            if tag in self._wrong:
                raise IssuerDataWrong(f"data object {tag:X} {self._wrong[tag][1]}")
            return None
        return self.contents[place]

    def raw(self, tag: int) -> bytes | None:
        """Return the value of an object without a check of its form, or None."""
        place = self._places.get(tag) or self._wrong.get(tag, (None,))[0]
        return None if place is None else self.contents[place]

    def need(self, tag: int) -> bytes:
        """Return the value of an object that the command cannot do without.

        Raises:
            ConditionsUnmet: there is none.
            IssuerDataWrong: the value does not have its form.
        """
        value = self.get(tag)
        if value is None:
            raise ConditionsUnmet(f"the application has no data object {tag:X}")
        return value

    def number(self, tag: int, default: int = 0) -> int:
        """Return the value of an object as a binary number, or the default; raise as `get` does."""
        value = self.get(tag)
        return default if value is None else int.from_bytes(value)

    def amount(self, tag: int) -> int | None:
        """Return the value of an object as an amount, or None; raise as `get` does."""
        value = self.get(tag)
        return None if value is None else int(value.hex())

    @property
    def actions(self) -> int:
        """Return the application default action, bits of `Ada`; 0 if it is missing."""
        return self.number(DEFAULT_ACTION)

    @property
    def last(self) -> int:
        """Return the flags of the transaction before, bits of `Last`; raise as `need` does."""
        return self.need(LAST)[0]

    @property
    def scripts(self) -> int:
        """Return how many script commands came after the transaction before, at most 15; raise as `need` does."""
        return self.need(LAST)[1]

    @property
    def available(self) -> int:
        """Return the amount that can still be spent offline, 9F5D, by the choice in 9F68."""
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
        """Return the objects with other values; a new value has the length of the old one.

        An object that is missing is appended.

        Raises:
            IssuerDataWrong: an old value has a wrong form, or the file has no room for a missing object.
            ValueError: a new value has another length.
        """
        contents, missing = bytearray(self.contents), b""
        for tag, value in changes.items():
            place = self._places.get(tag)
            if place is None:
                self.get(tag)
                missing += tlv.encode(tag, value)
            elif place.stop - place.start != len(value):
                raise ValueError(f"object {tag:X} has {place.stop - place.start} bytes, not {len(value)}")
            else:
                contents[place] = value
        if not missing:
            return Objects(bytes(contents), self._places, self._wrong)
        places = (*self._places.values(), *(place for place, _ in self._wrong.values()))
        whole = contents[: max((place.stop for place in places), default=0)] + missing
        if len(whole) > len(contents):
            names = ", ".join(f"{tag:X}" for tag in changes if tag not in self._places)
            raise IssuerDataWrong(f"EF 0001 has no room for data object {names}, which is missing")
        return Objects.read(bytes(whole).ljust(len(contents), b"\x00"))

    def with_last(self, flags: int, scripts: int) -> "Objects":
        """Return the objects with other flags and another count of script commands, at most 15, in C2."""
        return self.with_values({LAST: bytes((flags, min(scripts, 15)))})


def digits(amount: int) -> bytes:
    """Return an amount as 12 digits in 6 bytes; the largest such amount if it is larger."""
    return bytes.fromhex(f"{min(amount, 10**12 - 1):012d}")


def path(ctx: Context) -> str:
    """Return the path of the EF with the objects of the current application."""
    return child(ctx.session.df, FID)


def load(ctx: Context) -> Objects:
    """Return the objects of the current application.

    Raises:
        ConditionsUnmet: it has no EF for them.
        IssuerDataWrong: the EF does not hold whole objects.
    """
    where = path(ctx)
    contents = ctx.image.contents.get(where)
    if not isinstance(contents, bytes):
        raise ConditionsUnmet(f"{ctx.image.label(ctx.session.df)} has no data objects")
    try:
        return ctx.image.parsed(where, contents, Objects.read)
    except tlv.TlvError as error:
        raise IssuerDataWrong(f"EF 0001 holds no whole data objects: {error}") from None


def save(ctx: Context, new: Objects) -> None:
    """Write the objects in the transaction of this command."""
    where = path(ctx)
    ctx.change().put_contents(where, new.contents)
    ctx.image.parsed(where, new.contents, lambda _: new)


def save_at_once(ctx: Context, new: Objects) -> None:
    """Write the objects durably at once, to count a failure before the comparison.

    Raises:
        StoreFailed: nothing was written, and nothing may be compared.
    """
    change = ctx.image.begin()
    change.put_contents(path(ctx), new.contents)
    change.commit()
