"""A transaction of debit/credit (借贷记) as checks make it: a terminal, and the issuer behind it.

What the card does wrong is `Failed`; what a check does before the thing that it checks stands in a block of `before`,
which makes it `NotTested`.
"""

import datetime
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from cardfs.model import tlv
from cardfs.model.fci import PROPRIETARY, TEMPLATE
from keys.cryptograms import (
    application_cryptogram,
    card_key,
    cryptogram_data,
    response_cryptogram,
    script_mac,
    session_key,
)
from keys.errors import SscardError
from keys.suites import Suite

from ..bench import DEBIT_NAME, LOCKED, OK, Bench, all_objects, find_object, select_name
from ..check import Failed, NotTested
from .results import AAC, ARQC, COUNTER, FORMAT_1, FORMAT_2, TC, Cryptogram, cryptogram, require_issuer_data
from .rows import aside, before

SIGN: Final = 0x10

SDA, DDA, ISSUER, CDA = 0x4000, 0x2000, 0x0400, 0x0100
"""Bits of the AIP (EMV Book 3, annex C1)."""

PDOL, CDOL1, CDOL2 = 0x9F38, 0x8C, 0x8D
PAN, SEQUENCE = 0x5A, 0x5F34
LAST_ONLINE, PIN_TRIES, LOG_FORMAT = 0x9F13, 0x9F17, 0x9F4F
CASH, CASH_LIMIT, CASH_SINGLE, CASH_CODE = 0x9F79, 0x9F77, 0x9F78, 0x9F74
APPROVED, DECLINED = b"00", b"05"
"""Authorisation response codes (EMV Book 3, annex A)."""

_LAST_COUNTER: Final = 0xFF00
"""Checks leave a card alone whose transaction counter is beyond it: at FFFF a card locks itself for good."""
_COMMAND: Final = 0x83
_MOST: Final = 252
"""Values that a command carries; template 83 takes 3 bytes more."""
_LAST_EMV_SFI: Final = 10
_NUMERIC: Final = frozenset(
    (0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x9F21, 0x9F7A, 0x9F35)  # filled on the left (EMV Book 3, 5.4)
)
_CHINA: Final = bytes.fromhex("0156")
_ONLINE_TERMINAL, _OFFLINE_TERMINAL = b"\x22", b"\x23"
"""Terminal type, 9F35 (EMV Book 4, annex A1)."""
_OFFLINE_ONLY: Final = 0x08
"""Bit of the first byte of 9F66."""


@dataclass
class Payment:
    """A transaction so far.

    Attributes:
        values: what the terminal knows, by tag.
        pdol: what it sent for the PDOL. ``cdols``: what it sent for CDOL1 and CDOL2.
        sent: the values that the card got, by tag.
        profile, locator: AIP and AFL.
        objects: the data objects of the records that the AFL names, by tag.
        static: what is signed of them (EMV Book 3, 10.3).
        first: the first cryptogram.
    """

    values: Mapping[int, bytes]
    pdol: bytes = b""
    cdols: list[bytes] = field(default_factory=list)
    sent: dict[int, bytes] = field(default_factory=dict)
    profile: bytes = b""
    locator: bytes = b""
    objects: dict[int, bytes] = field(default_factory=dict)
    static: bytes = b""
    first: Cryptogram | None = None

    def supports(self, bit: int) -> bool:
        """Return whether the AIP has a bit."""
        return bool(int.from_bytes(self.profile) & bit)


# -- lists and objects ----------------------------------------------------------------------------


def read_list(value: bytes, what: str) -> tuple[tlv.Field, ...]:
    """Read a data object list; raise `Failed` if it is none, or asks for more than a command carries."""
    try:
        found = tlv.fields(value)
    except tlv.TlvError:
        raise Failed(f"{what} is no list of data objects") from None
    if tlv.total(found) > _MOST:
        raise Failed(f"{what} asks for {tlv.total(found)} bytes, more than the {_MOST} that a command carries")
    return found


def filled(wanted: tuple[tlv.Field, ...], values: Mapping[int, bytes]) -> bytes:
    """Return the values for a list; what the terminal does not know is 00 (EMV Book 3, 5.4)."""
    parts = []
    for tag, length in wanted:
        value = values.get(tag, b"")
        if tag in _NUMERIC:
            parts.append(value[max(len(value) - length, 0) :].rjust(length, b"\x00"))
        else:
            parts.append(value[:length].ljust(length, b"\x00"))
    return b"".join(parts)


def object_of(b: Bench, tag: int) -> bytes | None:
    """Return a data object by GET DATA; None if the card does not answer it."""
    answer = b.send(bytes((0x80, 0xCA)) + tag.to_bytes(2) + b"\x00")
    with suppress(tlv.TlvError):
        return tlv.find(answer.data, tag) if answer.word == OK else None
    return None


def amount_of(b: Bench, tag: int) -> int | None:
    """Return a data object that is an amount, by GET DATA; None if the card does not answer one."""
    value = object_of(b, tag)
    return int(value.hex()) if value and value.hex().isdecimal() else None


def digits(amount: int) -> bytes:
    """Return an amount in 12 digits, the largest one if it is larger."""
    return bytes.fromhex(f"{min(amount, 10**12 - 1):012d}")


# -- the terminal ---------------------------------------------------------------------------------


def enter(b: Bench) -> bytes:
    """Select the application and return its FCI; raise `NotTested` if it is locked or refused."""
    answer = b.send(select_name(DEBIT_NAME))
    if answer.word == LOCKED:
        raise NotTested("debit/credit is locked")
    if answer.word != OK:
        raise NotTested(f"SELECT of debit/credit came before and was refused with {answer.hex}")
    return answer.data


def pdol_of(fci: bytes) -> tuple[tlv.Field, ...]:
    """Return the PDOL, empty if the FCI has none; raise `Failed` if it is no list."""
    return read_list(find_object(fci, "the FCI", TEMPLATE, PROPRIETARY, PDOL) or b"", "the PDOL, tag 9F38,")


def _terminal(b: Bench, amount: int, *, cash: bool) -> dict[int, bytes]:
    """Return what the terminal knows; with electronic cash it is one that cannot go online."""
    now = datetime.datetime.now()
    return {
        0x9F02: digits(amount),
        0x9F03: bytes(6),
        0x9F1A: object_of(b, 0x9F57) or _CHINA,
        0x5F2A: object_of(b, 0x9F51) or _CHINA,
        0x95: bytes(5),
        0x9A: bytes.fromhex(f"{now:%y%m%d}"),
        0x9F21: bytes.fromhex(f"{now:%H%M%S}"),
        0x9C: b"\x00",
        0x9F37: secrets.token_bytes(4),
        0x9F35: _OFFLINE_TERMINAL if cash else _ONLINE_TERMINAL,
        0x9F66: bytes((_OFFLINE_ONLY if cash else 0, 0, 0, 0)),
        0x9F7A: bytes((cash,)),
        0x9F4E: b"CHECK".ljust(20),
    }


def options_command(values: bytes) -> bytes:
    """Return GET PROCESSING OPTIONS with the values of the PDOL."""
    data = tlv.encode(_COMMAND, values)
    return bytes((0x80, 0xA8, 0x00, 0x00, len(data))) + data


def options(answer: bytes) -> tuple[bytes, bytes]:
    """Return AIP and AFL from the answer to GET PROCESSING OPTIONS (EMV Book 3, 6.5.8.4).

    Raises:
        Failed: the answer has another form.
    """
    what = "the answer to GET PROCESSING OPTIONS"
    body = find_object(answer, what, FORMAT_1)
    if body is not None:
        profile, locator = body[:2], body[2:]
    else:
        profile = find_object(answer, what, FORMAT_2, 0x82) or b""
        locator = find_object(answer, what, FORMAT_2, 0x94) or b""
    if len(profile) != 2:
        raise Failed("GET PROCESSING OPTIONS answers no AIP of 2 bytes")
    if not locator or len(locator) % 4:
        raise Failed(f"GET PROCESSING OPTIONS answers an AFL of {len(locator)} bytes, not of four for each file")
    for at in range(0, len(locator), 4):
        sfi, first, last, signed = locator[at : at + 4]
        if sfi & 0x07 or not 1 <= sfi >> 3 <= 30 or not 1 <= first <= last or signed > last - first + 1:
            raise Failed(f"entry {locator[at : at + 4].hex().upper()} of the AFL is wrong")
    return profile, locator


def begin_bare(b: Bench, amount: int = 1, *, cash: bool = False) -> Payment:
    """Begin a transaction, and read no record.

    Raises:
        NotTested: the application cannot be selected, or its transaction counter is near its end.
        Failed: the card does not answer as it should.
    """
    fci = enter(b)
    counter = object_of(b, COUNTER)
    if counter and int.from_bytes(counter) > _LAST_COUNTER:
        raise NotTested("the transaction counter is near its end, where the card would lock itself")
    payment = Payment(_terminal(b, amount, cash=cash))
    wanted = pdol_of(fci)
    payment.pdol = filled(wanted, payment.values)
    payment.sent = tlv.split(wanted, payment.pdol)
    answer = b.expect(options_command(payment.pdol), "GET PROCESSING OPTIONS")
    payment.profile, payment.locator = options(answer.data)
    return payment


def read(b: Bench, payment: Payment) -> list[tuple[int, bytes]]:
    """Read the records that the AFL names, and return their data objects in this order; raise `Failed` if one is wrong.

    The payment gets the objects and the signed data. Records of files beyond 10 hold what they like (EMV Book 3, 10.2).
    """
    found: list[tuple[int, bytes]] = []
    for at in range(0, len(payment.locator), 4):
        sfi, first, last, signed = payment.locator[at : at + 4]
        for number in range(first, last + 1):
            what = f"record {number} of file {sfi >> 3}"
            record = b.expect(bytes((0x00, 0xB2, number, sfi | 0x04, 0x00)), f"READ RECORD {number} of {sfi >> 3}").data
            covered = record
            if sfi >> 3 <= _LAST_EMV_SFI:
                covered = _template(record, what)
                found += all_objects(covered, what)
            if number < first + signed:
                payment.static += covered
    payment.objects = dict(found)
    return found


def _template(record: bytes, what: str) -> bytes:
    """Return the value of template 70; raise `Failed` if a record is something else."""
    value = find_object(record, what, tlv.RECORD_TEMPLATE)
    if value is None or tlv.encode(tlv.RECORD_TEMPLATE, value) != record:
        raise Failed(f"{what} is not one template 70")
    return value


def begin(b: Bench, amount: int = 1, *, cash: bool = False) -> Payment:
    """Begin a transaction and read its records; raise `NotTested` if the card does not answer as it should."""
    with before():
        payment = begin_bare(b, amount, cash=cash)
        read(b, payment)
    return payment


def generate(b: Bench, payment: Payment, wanted: int, *, sign: bool = False, code: bytes = b"") -> Cryptogram:
    """Send the first or the second GENERATE AC.

    Args:
        wanted: `AAC`, `TC` or `ARQC`.
        sign: whether the answer is to be signed (CDA).
        code: authorisation response code, for the second one.

    Raises:
        NotTested: the card has no list for it.
        Failed: it is refused, or answers something else than a cryptogram.
    """
    answer = b.expect(generate_command(payment, wanted, sign=sign, code=code), "GENERATE AC")
    found = cryptogram(answer.data)
    if payment.first is None:
        payment.first = found
    return found


def generate_command(payment: Payment, wanted: int, *, sign: bool = False, code: bytes = b"") -> bytes:
    """Return GENERATE AC; its values count as sent. See `generate`."""
    tag, name = (CDOL1, "CDOL1, tag 8C,") if payment.first is None else (CDOL2, "CDOL2, tag 8D,")
    value = payment.objects.get(tag)
    if value is None:
        raise NotTested(f"no record of the AFL has {name} which GENERATE AC needs")
    wished = read_list(value, name)
    values = filled(wished, {**payment.values, 0x8A: code})
    if not values:
        raise Failed(f"{name} asks for nothing")
    payment.sent |= tlv.split(wished, values)
    payment.cdols.append(values)
    return bytes((0x80, 0xAE, wanted | (SIGN if sign else 0), 0x00, len(values))) + values


# -- the issuer -----------------------------------------------------------------------------------


def own_key(b: Bench, payment: Payment, root: str) -> tuple[Suite, bytes]:
    """Derive a key of the card by account number and its sequence; raise `NotTested` if there is no such root."""

    def derive(suite: Suite, value: bytes) -> bytes:
        number, sequence = payment.objects.get(PAN, b""), payment.objects.get(SEQUENCE, b"\x00")
        try:
            return card_key(suite, value, number.hex().rstrip("f"), sequence.hex())
        except ValueError:
            raise NotTested("the records have no account number to derive keys from, tags 5A and 5F34") from None

    return b.financial_key(root, derive)


def session(b: Bench, payment: Payment, root: str, counter: bytes) -> tuple[Suite, bytes]:
    """Derive a session key of the transaction; raise `NotTested` as `own_key` does."""
    suite, value = own_key(b, payment, root)
    return suite, session_key(suite, value, int.from_bytes(counter))


def expected(b: Bench, payment: Payment, found: Cryptogram) -> bytes:
    """Return the cryptogram that the root keys give for an answer of GENERATE AC, the latest one.

    Raises:
        NotTested: it cannot be computed.
    """
    with before():
        require_issuer_data(found)
    suite, value = session(b, payment, "MDKAC", found.counter)
    version, results, counter = found.issuer_data[2], found.issuer_data[3:7], int.from_bytes(found.counter)
    try:
        data = cryptogram_data(version, payment.sent, payment.profile, counter, results)
    except ValueError as error:
        raise NotTested(f"the cryptogram cannot be computed: {error}") from None
    return application_cryptogram(suite, value, data)


def online(b: Bench, *, issuer: bool = False) -> Payment:
    """Begin a transaction and ask for an ARQC.

    Args:
        issuer: whether the check is about issuer authentication.

    Raises:
        NotTested: the card gives none, or the AIP has no issuer authentication, which the check is about.
    """
    payment = begin(b)
    if issuer and not payment.supports(ISSUER):
        raise NotTested("the AIP has no issuer authentication")
    with before():
        found = generate(b, payment, ARQC)
    if found.kind != ARQC:
        raise NotTested(f"the card answered {found.name} when it was asked for ARQC")
    return payment


def answer_of_issuer(b: Bench, payment: Payment, code: bytes = APPROVED, *, wrong: bool = False) -> bytes:
    """Return EXTERNAL AUTHENTICATE with the issuer's answer to the first cryptogram, a right one or a wrong one."""
    first = first_of(payment)
    suite, value = session(b, payment, "MDKAC", first.counter)
    return bytes.fromhex("008200000A") + _spoiled(response_cryptogram(suite, value, first.value, code), wrong) + code


def authenticate(b: Bench, payment: Payment) -> None:
    """Send the issuer's answer if the card wants one; raise `NotTested` if it is refused."""
    if payment.supports(ISSUER):
        b.need(answer_of_issuer(b, payment), "EXTERNAL AUTHENTICATE")


def finish(b: Bench, payment: Payment, code: bytes = APPROVED) -> Cryptogram:
    """Ask for a TC in the second GENERATE AC; raise `NotTested` if that is refused."""
    with before():
        return generate(b, payment, TC, code=code)


def complete(b: Bench) -> Payment:
    """Make a transaction that the issuer approves: nothing of those before it stays open."""
    payment = online(b)
    authenticate(b, payment)
    finish(b, payment)
    return payment


def put_data(b: Bench, payment: Payment, tag: int, value: bytes, *, wrong: bool = False) -> bytes:
    """Return the script command PUT DATA with its MAC, a right one or a wrong one."""
    first = first_of(payment)
    suite, key = session(b, payment, "MDKMAC", first.counter)
    header = bytes((0x04, 0xDA)) + tag.to_bytes(2) + bytes((len(value) + 4,))
    mac = script_mac(suite, key, header, int.from_bytes(first.counter), first.value, value)
    return header + value + _spoiled(mac, wrong)


def first_of(payment: Payment) -> Cryptogram:
    """Return the first cryptogram; raise `NotTested` if there is none."""
    if payment.first is None or len(payment.first.value) != 8:
        raise NotTested("there is no first cryptogram")
    return payment.first


def _spoiled(value: bytes, wrong: bool) -> bytes:
    return bytes(byte ^ 0xFF for byte in value) if wrong else value


def declined(b: Bench) -> tuple[Payment, Cryptogram]:
    """Ask for an AAC, and return it; raise `NotTested` if the card answers something else."""
    payment = begin(b)
    with before():
        found = generate(b, payment, AAC)
    if found.kind != AAC:
        raise NotTested(f"the card answered {found.name} when it was asked for AAC")
    return payment, found


def close(b: Bench, payment: Payment) -> None:
    """End a transaction as the issuer approves it, so that nothing stays open."""
    authenticate(b, payment)
    finish(b, payment)


def second(b: Bench) -> tuple[Payment, Cryptogram]:
    """Return a transaction that the issuer has approved, with its TC; raise `NotTested` if there is none."""
    payment = online(b)
    authenticate(b, payment)
    found = finish(b, payment)
    if found.kind != TC:
        raise NotTested("the card gave no TC when the issuer had approved")
    return payment, found


def require_right(b: Bench, payment: Payment, found: Cryptogram, what: str) -> None:
    if expected(b, payment, found) != found.value:
        raise Failed(f"{what} is not what the root keys give")


# -- electronic cash ------------------------------------------------------------------------------


def load(b: Bench, amount: int) -> None:
    """Write the balance of electronic cash in a transaction that the issuer approves; raise `NotTested` if refused."""
    payment = online(b)
    authenticate(b, payment)
    b.need(put_data(b, payment, CASH, digits(amount)), "PUT DATA of the balance")
    finish(b, payment)


def cash_of(b: Bench) -> int:
    """Return the balance of electronic cash; raise `NotTested` if the card has none."""
    balance = amount_of(b, CASH)
    if balance is None:
        raise NotTested("the card has no electronic cash")
    return balance


def stock(b: Bench, least: int) -> int:
    """Give the card some electronic cash, and return what it had.

    Args:
        least: fen that it has at least afterwards.

    Raises:
        NotTested: it has no electronic cash, or less is allowed.
    """
    enter(b)
    held, limit = cash_of(b), amount_of(b, CASH_LIMIT)
    if limit is not None and limit < least:
        raise NotTested(f"the limit of electronic cash is {limit}, less than the {least} that the check needs")
    if held < least:
        load(b, least)
    return held


@contextmanager
def with_cash(b: Bench, least: int) -> Iterator[int]:
    """Do as `stock` does, return the balance, and in the end write back what the card had."""
    held = stock(b, least)
    try:
        yield max(held, least)
    except (Failed, NotTested):
        with aside(b), suppress(SscardError):
            _restore(b, held)
        raise
    _restore(b, held)


def _restore(b: Bench, balance: int) -> None:
    enter(b)
    if cash_of(b) != balance:
        load(b, balance)


def pay(b: Bench, amount: int) -> Payment:
    """Begin a payment with electronic cash; raise `NotTested` if the card does not take it for one.

    Tag 9F74 in its records says that it does (JR/T 0025). A failure before may keep it from that until the issuer has
    approved a transaction.
    """
    payment = begin(b, amount, cash=True)
    if CASH_CODE not in payment.objects:
        complete(b)
        payment = begin(b, amount, cash=True)
    if CASH_CODE not in payment.objects:
        raise NotTested("no record has tag 9F74: the card does not take this for a payment with electronic cash")
    return payment
