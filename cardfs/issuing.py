"""Issuing: profile, holder, root keys, region and serial become the contents of a card (Part 10, 5).

The same inputs give the same card; what is drawn (the serial, if none is given) comes from the seed.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keys.generate import RandomSource, SeededRandom, system_random
from keys.records import Key, KeyRef, Usage

from .codecs import CodecError, check_character, empty, encode, pin_to_cn, to_cn
from .files import CardContents, CardInfo, Contents, Element, Structure
from .holder import Placed, place
from .inputs import Document, IssueError, ProfileError
from .profile import Profile
from .profile_files import EfPlan
from .roots import Roots, card_factors, card_keys

__all__ = ["DEMO_PIN", "DEMO_REGION", "IssueError", "ProfileError", "issue"]

DEMO_PIN: Final = "123456"
DEMO_REGION: Final = "110000"
ISSUER_FILE: Final = "SSSE/EF05"
APPLICATION: Final = "D156000005"
"""Identifier of the social-security card, middle of the card identification code (V2.0 notice, table 10)."""
INSTITUTION: Final = "9156000002"
"""Identifier of the issuing institutions (V2.0 notice, table 12)."""
AUTHENTICATION_CODE: Final = "FFFFFFFF"
"""How it is computed is not public; a test card holds FF bytes."""
ISSUE_DATE: Final = datetime.date(2024, 1, 1)
"""Deterministic, since the same inputs give the same card."""
VALID_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class _Facts:
    """What belongs to the one card that is made."""

    region: str
    serial: bytes
    specification: str
    issue_date: datetime.date
    expiry_date: datetime.date
    card_number: str


def issue(
    profile: Profile,
    holder: Document,
    roots: Roots,
    *,
    region: str = DEMO_REGION,
    serial: str = "",
    pin: str = DEMO_PIN,
    seed: str | None = None,
    issue_date: datetime.date | None = None,
    expiry_date: datetime.date | None = None,
    card_number: str = "",
) -> CardContents:
    """Make the contents of a card.

    Args:
        profile: from `load_profile`. ``holder``: from `load_holder`. ``roots``: from `load_roots`.
        region: application city code, six digits (GB/T 2260).
        serial: TA to TD of the historical bytes, eight hexadecimal digits; drawn if empty.
        pin: 4 to 16 digits, or empty for a card without PIN.
        seed: draws come from it instead of the operating system.
        issue_date, expiry_date, card_number: elements of SSSE/EF05; the holder's file may have them too.

    Raises:
        IssueError: an input is wrong; says file and key, never the value of a secret.
    """
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise IssueError(f"region: six digits were expected, not {region!r}")
    random: RandomSource = system_random if seed is None else SeededRandom(seed)
    serial_bytes = _serial(serial, random)
    issued = issue_date or ISSUE_DATE
    facts = _Facts(
        region,
        serial_bytes,
        profile.specification,
        issued,
        expiry_date or _years_later(issued),
        card_number or _card_number(serial_bytes),
    )
    historical = profile.atr.historical(region, serial_bytes)
    keys = card_keys(profile.keys, roots, card_factors(region, historical, roots.level, profile.settings.crypto))
    keys.update(_pins(profile, pin))
    overrides = {"issue_date": issue_date, "expiry_date": expiry_date, "card_number": card_number}
    taken = {name for name, value in overrides.items() if value}
    placed = place(holder, profile)
    contents = {
        path: _contents(plan, placed.get(path, Placed()), facts, taken, profile) for path, plan in _files(profile)
    }
    info = CardInfo(profile.name, profile.suite, profile.atr.build(historical), historical, region, profile.settings)
    return CardContents(info, dict(profile.dfs), dict(profile.efs), contents, keys, dict(profile.dictionary))


def _files(profile: Profile) -> Iterator[tuple[str, EfPlan]]:
    yield from profile.files.items()


def _serial(text: str, random: RandomSource) -> bytes:
    """Four bytes; a drawn one has decimal digits, since it also stands in a cn element."""
    if not text:
        return bytes.fromhex(f"{int.from_bytes(random(8)) % 100_000_000:08d}")
    try:
        serial = bytes.fromhex(text)
    except ValueError:
        serial = b""
    if len(serial) != 4:
        raise IssueError(f"serial: eight hexadecimal digits were expected, not {text!r}")
    return serial


def _years_later(day: datetime.date) -> datetime.date:
    try:
        return day.replace(year=day.year + VALID_YEARS)
    except ValueError:  # 29 February, or beyond the year 9999
        return day.replace(year=min(day.year + VALID_YEARS, 9999), day=28)


def _card_number(serial: bytes) -> str:
    """A letter for the district, seven digits from the serial, the check character (V2.0 notice, annex A)."""
    body = f"A{int.from_bytes(serial) % 10_000_000:07d}"
    return body + check_character(body)


def _pins(profile: Profile, pin: str) -> dict[tuple[KeyRef, int], Key]:
    try:
        value = pin_to_cn(pin)
    except CodecError as error:
        raise IssueError(f"pin: {error}") from None
    return {(plan.ref, 1): plan.key(value, 1) for plan in profile.keys if plan.usage is Usage.PIN}


# -- contents -----------------------------------------------------------------------------------


def _contents(plan: EfPlan, placed: Placed, facts: _Facts, taken: set[str], profile: Profile) -> Contents:
    """Fill one EF: the holder's values, computed ones, and empty ones for the rest."""
    settings = profile.settings.data
    structure = plan.ef.structure
    if plan.records is not None:
        return plan.records
    if structure is Structure.CYCLIC:
        return tuple(placed.records)
    if structure is Structure.TRANSPARENT:
        written = b"".join(placed.values.values())
        return written.ljust(plan.ef.size, bytes((settings.unwritten_byte,)))
    if structure is Structure.INTERNAL:
        return b"".join(placed.values.get(element.name, bytes(element.length)) for element in plan.elements)
    computed = _computed(facts) if plan.id == ISSUER_FILE else {}
    an_fill = int(settings.an_fill, 16)
    records = []
    for element in plan.elements:
        value = None if element.name in taken and plan.id == ISSUER_FILE else placed.values.get(element.name)
        if value is None and element.name in computed:
            value = _encode_computed(element, computed[element.name], an_fill)
        if value is None:
            value = empty(element, an_fill=an_fill)
        records.append(bytes((element.tag or 0, len(value))) + value if plan.ef.tlv else value)
    return tuple(records)


def _computed(facts: _Facts) -> dict[str, object]:
    """The issuer's elements (发卡机构数据; V2.0 notice, 8.1.1)."""
    identification = facts.region + APPLICATION + facts.serial.hex() + AUTHENTICATION_CODE
    return {
        "card_identification_code": {"hex": identification},
        "card_category": "3",
        "specification_version": facts.specification,
        "initialising_institution_code": {"hex": to_cn(INSTITUTION + facts.region + facts.region + "01").hex()},
        "issue_date": facts.issue_date,
        "expiry_date": facts.expiry_date,
        "card_number": facts.card_number,
    }


def _encode_computed(element: Element, value: object, an_fill: int) -> bytes:
    try:
        return encode(element, value, an_fill=an_fill)
    except CodecError as error:
        raise IssueError(f"{element.name}: {error}") from None
