"""Issuing the financial environment: what its files and keys hold (JR/T 0025).

The environment has roots and a diversification of its own: purse keys come from a root by the last 8 bytes of
the application serial number, debit/credit keys by account number and its sequence number.
"""

import datetime
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from keys.cryptograms import card_key
from keys.diversify import diversify
from keys.records import Key, KeyId, Usage
from keys.suites import SUITES

from ..model import tlv
from ..model.codecs import encode, from_cn, to_cn
from ..model.files import CardContents, CommandSet, Contents, Element, Structure
from ..profile.files import EfPlan
from ..profile.inputs import IssueError
from .certificates import certificates, private_key
from .draft import Draft, Part
from .holder import Placed
from .roots import root_of

BANK: Final = "629999"
"""First digits of the account number: no bank has them."""
SERVICE: Final = "220"
ISSUER: Final = "issuer_identifier"
SERIAL: Final = "application_serial"
FACTOR_LENGTH: Final = 8
PAN: Final = "pan"
SEQUENCE: Final = "pan_sequence"
AUTHORITY_INDEX: Final = 0x8F
NAME_FACT: Final = ("holder_name", "name")
ID_FACT: Final = ("social_security_number", "id_number")

Values = Mapping[str, bytes]
"""Encoded values by the name of their element; names are unique in the environment."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the environment takes over from the card around it.

    Attributes:
        name, number: of the holder; the number of the identity card. Empty if not given.
        region: six digits. ``serial``: TA to TD of the historical bytes.
        start, expiry: of the card.
    """

    name: str
    number: str
    region: str
    serial: bytes
    start: datetime.date
    expiry: datetime.date


def issue_financial(draft: Draft) -> Part:
    """Issue the financial environment, without its PIN; nothing if the card type has none.

    Raises:
        IssueError: a root is missing, or a value does not fit or cannot be certified.
    """
    if not draft.profile.has_financial:
        return Part({}, {})
    person = Person(
        _fact(draft, NAME_FACT),
        _fact(draft, ID_FACT),
        draft.options.region,
        draft.serial,
        draft.issue_date(),
        draft.expiry_date(),
    )
    values = _collect(draft, person)
    return Part(_keys(draft, values), _contents(draft, values))


def _plans(draft: Draft) -> list[EfPlan]:
    """Return the files of the environment that have no fixed contents."""
    profile = draft.profile
    return [plan for plan in profile.files.values() if plan.records is None and profile.is_financial(plan.ef.parent)]


def _fact(draft: Draft, names: tuple[str, ...]) -> str:
    """Return a fact about the holder, or the empty text.

    It is looked up in the files of the social-security environment first, then flat in the inputs.
    """
    for plan in draft.profile.files.values():
        here = {} if draft.profile.is_financial(plan.ef.parent) else draft.on(plan.ef.path).values
        value = here.get(names[0], b"")
        if value:
            return value.rstrip(b"\x00").decode("gb18030", "ignore")
    for document in (draft.options.values, draft.holder):
        for name in names:
            given = document.data.get(name) if document else None
            if isinstance(given, str):
                return given
    return ""


def _collect(draft: Draft, person: Person) -> dict[str, bytes]:
    """Find the value of every element of the environment: written, else the profile's, else computed.

    Raises:
        IssueError: the account number, or its sequence number, has another form.
    """
    plans = _plans(draft)
    written = {name: value for plan in plans for name, value in draft.on(plan.ef.path).values.items()}
    elements = {element.name: element for plan in plans for element in plan.elements}
    found = {name: value for name, value in _computed(person).items() if name in elements}
    found |= {name: value for plan in plans for name, value in plan.defaults.items()}
    found |= {name: _trimmed(elements[name], value) for name, value in written.items()}
    if PAN in elements:
        try:
            pan = from_cn(found[PAN])
        except ValueError:
            raise IssueError(PAN, "an account number has 12 to 19 digits, and nothing else") from None
        if not 12 <= len(pan) <= 19:
            raise IssueError(PAN, f"an account number has 12 to 19 digits, not {len(pan)}")
        if len(found.get(SEQUENCE, b"")) != 1 or not found[SEQUENCE].hex().isdecimal():
            raise IssueError(SEQUENCE, "the sequence number of an account has two digits")
        found.setdefault("track_2", _track_2(pan, person.expiry))
    return found


def _computed(person: Person) -> dict[str, bytes]:
    digits = BANK + person.region + f"{int.from_bytes(person.serial) % 1_000_000:06d}"
    name = Element("name", "", "an", 20)
    return {
        ISSUER: bytes.fromhex((BANK + person.region).ljust(16, "0")),
        SERIAL: bytes.fromhex("000000" + person.region) + person.serial,
        "application_start": bytes.fromhex(f"{person.start:%Y%m%d}"),
        "application_expiry": bytes.fromhex(f"{person.expiry:%Y%m%d}"),
        "account_holder_name": encode(name, _cut(person.name, 20)),
        "account_holder_id": _short_number(person.number),
        "debit_holder_name": _cut(person.name, 26).encode("gb18030") or b" /",
        "debit_holder_id": person.number.encode("gb18030", "replace")[:40],
        PAN: to_cn(digits + check_digit(digits)),
        "debit_start": bytes.fromhex(f"{person.start:%y%m%d}"),
        "debit_expiry": bytes.fromhex(f"{person.expiry:%y%m%d}"),
    }


def _cut(text: str, length: int) -> str:
    while len(text.encode("gb18030", "replace")) > length:
        text = text[:-1]
    return text


def _short_number(number: str) -> bytes:
    """Return the number in 16 bytes: 18 digits as they were before 1999, without century and check character."""
    short = number[:6] + number[8:17] if len(number) == 18 else number
    return short.encode("ascii", "replace")[:16].ljust(16, b"\x00")


def _trimmed(element: Element, value: bytes) -> bytes:
    """Take away what fills an element of a variable length; a fixed one keeps its length by `_build`."""
    if element.tag is None:
        return value
    return value.rstrip(b"\x00") if element.type == "an" else value.rstrip(b"\xff") or value


def check_digit(digits: str) -> str:
    """Return the last digit of an account number (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits)))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _track_2(pan: str, expiry: datetime.date) -> bytes:
    """Return track 2 equivalent data: number, D, expiry, service code, filled with zeros to 37 digits, F."""
    text = f"{pan}D{expiry:%y%m}{SERVICE}".ljust(37, "0")
    return bytes.fromhex(text + "F")


# -- keys ----------------------------------------------------------------------------------------


def _keys(draft: Draft, values: Values) -> dict[KeyId, Key]:
    """Derive every key of the environment, PINs left out.

    A card without an application serial number takes TA to TD of the historical bytes for it.

    Raises:
        IssueError: a root is missing or too short.
    """
    profile, roots = draft.profile, draft.roots
    plans = [plan for plan in profile.keys if plan.usage is not Usage.PIN and profile.is_financial(plan.ref.owner)]
    factor = values.get(SERIAL, bytes(6) + draft.serial)[-FACTOR_LENGTH:]
    if len(factor) != FACTOR_LENGTH:
        raise IssueError(SERIAL, f"the keys of the purse need its last {FACTOR_LENGTH} bytes, but it has {len(factor)}")
    keys: dict[KeyId, Key] = {}
    for plan in plans:
        root = root_of(roots, plan)
        debit = profile.dfs[plan.ref.owner].command_set is CommandSet.DEBIT
        if roots.level == "card":
            value = root
        elif debit:
            value = card_key(SUITES[plan.suite_name], root, from_cn(values[PAN]), values[SEQUENCE].hex())
        else:
            value = diversify(SUITES[plan.suite_name], root, (factor,))
        if plan.usage is Usage.DATA_AUTH:
            value = private_key(value)
        keys[plan.ref, 1] = plan.key(value, 1)
    return keys


# -- contents ------------------------------------------------------------------------------------


def _build(plan: EfPlan, values: Values, placed: Placed) -> Contents:
    """Fill one file of the environment.

    Raises:
        IssueError: a value does not fit.
    """
    if plan.ef.structure is Structure.CYCLIC:
        return tuple(placed.records)
    if plan.ef.structure is Structure.LINEAR_VARIABLE and plan.objects is None:
        return ()
    tags = {element.name: element for element in plan.elements}
    if plan.objects is None:
        flat = b"".join(_filled(element, values.get(element.name, b"")) for element in plan.elements)
        return flat.ljust(plan.ef.size, b"\x00")
    records = [
        b"".join(tlv.encode(tags[name].tag or 0, values[name]) for name in names if values.get(name))
        for names in plan.objects
    ]
    if plan.ef.structure is Structure.INTERNAL:
        return records[0].ljust(plan.ef.size, b"\x00")
    whole = tuple(tlv.encode(tlv.RECORD_TEMPLATE, record) for record in records)
    if any(len(record) > 255 for record in whole):
        raise IssueError(plan.id, "a record has at most 255 bytes")
    return whole


def _filled(element: Element, value: bytes) -> bytes:
    return value.ljust(element.length, b"\xff" if element.type == "cn" and value else b"\x00")


def authority_index(card: CardContents) -> int | None:
    """Return tag 8F of an issued card, the index of the authority's key that its certificates need, or None."""
    for path, elements in card.dictionary.items():
        if any(element.name == "authority_index" for element in elements):
            for record in card.contents[path]:
                # Of a record that an issuer has cut, what stands before the cut counts.
                with suppress(tlv.TlvError):
                    for tag, value in tlv.walk(record if isinstance(record, bytes) else b""):
                        if tag == AUTHORITY_INDEX and len(value) == 1:
                            return value[0]
    return None


def _contents(draft: Draft, values: dict[str, bytes]) -> dict[str, Contents]:
    """Fill every file of the environment, by path; certificates and signatures come last, over what is signed."""
    plans = _plans(draft)
    filled = {plan.ef.path: _build(plan, values, draft.on(plan.ef.path)) for plan in plans}
    signer = next((plan for plan in plans if "issuer_certificate" in {each.name for each in plan.elements}), None)
    if signer is None:
        return filled
    by_sfi = {plan.ef.sfi: filled[plan.ef.path] for plan in plans if plan.ef.parent == signer.ef.parent}
    key = next(
        plan for plan in draft.profile.keys if plan.usage is Usage.DATA_AUTH and plan.ref.owner == signer.ef.parent
    )
    certified = certificates(draft.roots, key, by_sfi, values)
    filled[signer.ef.path] = _build(signer, {**certified, **values}, Placed())
    return filled
