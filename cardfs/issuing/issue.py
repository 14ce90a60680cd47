"""Issuing: profile, holder, root keys, region and serial become the contents of a card (Part 10, 5).

The same inputs give the same card; what is drawn (the serial, if none is given) comes from the seed.
"""

import datetime
from dataclasses import replace
from typing import Final

from keys.diversify import HISTORICAL_LENGTH
from keys.generate import RandomSource, SeededRandom, system_random
from keys.records import Key, KeyRef, Usage

from ..memory import fmcos_heads as fmcos
from ..model.atr import HEADS
from ..model.codecs import CodecError, empty, encode, from_cn, pin_to_cn
from ..model.codecs import card_number as complete_card_number
from ..model.files import MF_FID, MF_PATH, CardContents, CardInfo, Contents, Df, DfKind, Element, Phase, Structure
from ..model.tlv import encode_record
from ..profile.files import EfPlan
from ..profile.inputs import Document, IssueError, ProfileError
from ..profile.loader import Profile
from . import financial
from .holder import Placed, lay_over, place
from .psam import issue_psam
from .roots import Roots, card_factors, card_keys

__all__ = ["DEMO_PIN", "DEMO_REGION", "IssueError", "ProfileError", "blank", "issue"]

DEMO_PIN: Final = "123456"
DEMO_REGION: Final = "110000"
ISSUER_FILE: Final = "SSSE/EF05"
APPLICATION: Final = "D156000005"
"""Identifier of the social-security card, middle of the card identification code (V2.0 notice, table 10)."""
INSTITUTION: Final = "9156000002"
"""Identifier of the issuing institutions (V2.0 notice, table 12)."""
AUTHENTICATION_CODE: Final = "FFFFFFFF"
"""How it is computed is not public; a test card holds FF bytes."""
UNDISTINGUISHED: Final = "3"
"""Card category of regions that do not tell holders apart (V2.0 notice, 8.1.1.2)."""
ISSUE_DATE: Final = datetime.date(2024, 1, 1)
"""Deterministic, since the same inputs give the same card."""
VALID_YEARS: Final = 10


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
    values: Document | None = None,
) -> CardContents:
    """Make the contents of a card.

    Args:
        profile: from `load_profile`. ``holder``: from `load_holder`. ``roots``: from `load_roots`.
        region: application city code, six digits (GB/T 2260).
        serial: TA to TD of the historical bytes, eight hexadecimal digits; drawn if empty.
        pin: 4 to 16 digits, 12 with a financial environment, or empty for a card without PIN.
        seed: draws come from it instead of the operating system.
        issue_date, expiry_date, card_number: elements of SSSE/EF05; the holder's file may have them too.
        values: what takes the place of single values of the holder's file, in the same form.

    A security module has neither holder nor PIN; see `issue_psam`.

    Raises:
        IssueError: an input is wrong; says file and key, never the value of a secret.
    """
    if profile.is_psam:
        start = issue_date or ISSUE_DATE
        end = expiry_date or _years_later(start)
        return issue_psam(profile, roots, region=region, serial=serial, seed=seed, dates=(start, end), values=values)
    if profile.settings.personalisation.cos == "fmcos":
        raise IssueError(
            "settings.personalisation.cos", "an FMCOS card is built over its own commands, from a blank one"
        )
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise IssueError("region", f"six digits were expected, not {region!r}")
    random: RandomSource = system_random if seed is None else SeededRandom(seed)
    serial_bytes = _serial(serial, random)
    placed = place(holder, profile)
    if values is not None:
        lay_over(placed, place(values, profile))
    computed = _issuer_data(profile, region, serial_bytes, placed, (issue_date, expiry_date, card_number))
    historical = profile.atr.historical(region, serial_bytes)
    keys = card_keys(
        financial.key_plans(profile), roots, card_factors(region, historical, roots.level, profile.settings.crypto)
    )
    keys.update(_pins(profile, pin))
    made: dict[str, Contents] = {}
    if financial.has_environment(profile):
        person = financial.Person(
            financial.fact(financial.NAME_FACT, profile, placed, values, holder),
            financial.fact(financial.ID_FACT, profile, placed, values, holder),
            region,
            serial_bytes,
            *_dates(profile, placed, issue_date, expiry_date),
        )
        known = financial.collect(profile, placed, person)
        keys.update(financial.derive_keys(profile, roots, known, serial_bytes))
        made = financial.contents(profile, placed, known, roots)
    contents = {
        path: made[path]
        if path in made
        else _contents(plan, placed.get(path, Placed()), profile, computed if plan.id == ISSUER_FILE else {})
        for path, plan in profile.files.items()
    }
    info = CardInfo(profile.name, profile.suite, profile.atr.build(historical), historical, profile.settings)
    return CardContents(
        info, dict(profile.dfs), dict(profile.efs), contents, keys, dict(profile.dictionary), profile.names
    )


def _serial(text: str, random: RandomSource) -> bytes:
    """Four bytes; a drawn one has decimal digits, since it also stands in a cn element."""
    if not text:
        return bytes.fromhex(f"{int.from_bytes(random(8)) % 100_000_000:08d}")
    try:
        serial = bytes.fromhex(text)
    except ValueError:
        serial = b""
    if len(serial) != 4:
        raise IssueError("serial", f"eight hexadecimal digits were expected, not {text!r}")
    return serial


def _pins(profile: Profile, pin: str) -> dict[tuple[KeyRef, int], Key]:
    try:
        value = pin_to_cn(pin)
    except CodecError as error:
        raise IssueError("pin", str(error)) from None
    if len(pin) > financial.PIN_DIGITS and financial.has_environment(profile):
        raise IssueError("pin", f"applications of the financial environment take at most {financial.PIN_DIGITS} digits")
    return {(plan.ref, 1): plan.key(value, 1) for plan in profile.keys if plan.usage is Usage.PIN}


# -- the issuer's elements ----------------------------------------------------------------------


def _issuer_data(
    profile: Profile,
    region: str,
    serial: bytes,
    placed: dict[str, Placed],
    given: tuple[datetime.date | None, datetime.date | None, str],
) -> dict[str, bytes]:
    """Encode the issuer's elements (发卡机构数据; V2.0 notice, 8.1.1) that the holder's file leaves out.

    The ``given`` issue date, expiry date and card number come before those of the holder's file.
    """
    plan = next((each for each in profile.files.values() if each.id == ISSUER_FILE), None)
    if plan is None:
        return {}
    written = placed.setdefault(plan.ef.path, Placed()).values
    for name, each in zip(("issue_date", "expiry_date", "card_number"), given, strict=True):
        if each:
            written.pop(name, None)
    issue_date, expiry_date, number = given
    issue_date = issue_date or _written_date(written.get("issue_date", b""))
    values: dict[str, object] = {
        "card_identification_code": {"hex": region + APPLICATION + serial.hex() + AUTHENTICATION_CODE},
        "card_category": UNDISTINGUISHED,
        "specification_version": profile.specification,
        "initialising_institution_code": INSTITUTION + region + region + "01",
        "issue_date": issue_date,
        "expiry_date": expiry_date or _years_later(issue_date),
        "card_number": number or f"A{int.from_bytes(serial) % 10_000_000:07d}",
    }
    result = {}
    for element in plan.elements:
        if element.name not in values or element.name in written:
            continue
        value = values[element.name]
        try:
            if element.name == "card_number":
                value = complete_card_number(str(value))
            result[element.name] = encode(element, value, an_fill=_an_fill(profile))
        except CodecError as error:
            raise IssueError(element.name, str(error)) from None
    return result


def _dates(
    profile: Profile, placed: dict[str, Placed], issued: datetime.date | None, expires: datetime.date | None
) -> tuple[datetime.date, datetime.date]:
    """First and last day of the card: as given, else as the holder's file has them, else the default."""
    plan = next((each for each in profile.files.values() if each.id == ISSUER_FILE), None)
    written = placed.get(plan.ef.path, Placed()).values if plan else {}
    start = issued or _written_date(written.get("issue_date", b""))
    try:
        end = datetime.datetime.strptime(from_cn(written.get("expiry_date", b"")), "%Y%m%d").date()
    except ValueError:
        end = _years_later(start)
    return start, expires or end


def _written_date(data: bytes) -> datetime.date:
    """The date that the holder's file gives, else the default."""
    try:
        return datetime.datetime.strptime(from_cn(data), "%Y%m%d").date()
    except ValueError:
        return ISSUE_DATE


def _years_later(day: datetime.date) -> datetime.date:
    year = min(day.year + VALID_YEARS, datetime.MAXYEAR)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)  # 29 February


# -- contents -----------------------------------------------------------------------------------


def _contents(plan: EfPlan, placed: Placed, profile: Profile, computed: dict[str, bytes]) -> Contents:
    """Fill one EF: the holder's values, computed ones, and empty ones for the rest."""
    if plan.records is not None:
        return plan.records
    structure = plan.ef.structure
    if structure is Structure.CYCLIC:
        return tuple(placed.records)
    if structure is Structure.TRANSPARENT:
        written = b"".join(placed.values.values())
        return written.ljust(plan.ef.size, bytes((profile.settings.data.unwritten_byte,)))
    if structure is Structure.INTERNAL:
        return b"".join(placed.values.get(element.name, bytes(element.length)) for element in plan.elements)
    values = {**computed, **placed.values}
    return tuple(_record(element, values, profile, plan.ef.tlv) for element in plan.elements)


def _record(element: Element, values: dict[str, bytes], profile: Profile, tlv: bool) -> bytes:
    value = values.get(element.name)
    if value is None:
        value = empty(element, an_fill=_an_fill(profile))
    return encode_record(element.tag or 0, value) if tlv else value


def _an_fill(profile: Profile) -> int:
    return int(profile.settings.data.an_fill, 16)


def blank(profile: Profile) -> CardContents:
    """Make a blank card: an MF with the manufacturer's transport key, waiting to be activated (Part 10, 5.1).

    The names of keys and data elements are the profile's, so that people read the card built later;
    the card itself does nothing with them. An FMCOS card comes with an MF and a master key of its own.

    Raises:
        IssueError: FMCOS has not the cipher of the profile, or it is a security module.
    """
    if profile.is_psam:
        raise IssueError(profile.name, "a security module has no blank state; CREATE KEY fills an issued one")
    settings = profile.settings
    historical = bytes(HISTORICAL_LENGTH)
    if settings.personalisation.cos == "fmcos":
        if profile.suite != "3DES":
            raise IssueError("settings.personalisation.cos", f"FMCOS 2.0 has DES and 3DES, {profile.name} has not")
        # FMCOS is contactless; readers show such a card with an ATR for T=1.
        atr = replace(profile.atr, head=HEADS["T=1"]).build(historical)
        return fmcos.blank(CardInfo(profile.name, profile.suite, atr, historical, settings), MF_PATH, MF_FID)
    info = CardInfo(profile.name, profile.suite, profile.atr.build(historical), historical, settings)
    transport = Key(
        name="TRANSPORT",
        usage=Usage.TRANSPORT,
        suite_name=profile.suite,
        value=bytes.fromhex(settings.personalisation.maker_key),
        tries_max=settings.key.tries,
    )
    return CardContents(
        info,
        {MF_PATH: Df(MF_PATH, MF_FID, DfKind.MF, phase=Phase.BLANK)},
        {},
        {},
        {(KeyRef(MF_PATH, transport.name), 1): transport},
        dict(profile.dictionary),
        profile.names,
    )
