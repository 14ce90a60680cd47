"""Issuing the social-security environment: the issuer's and the holder's data, the keys and the PIN (Part 10, 5.4)."""

from typing import Final

from keys.cryptograms import PIN_DIGITS
from keys.records import Key, KeyId, Usage

from ..model.codecs import CodecError, empty, encode, pin_to_cn
from ..model.codecs import card_number as complete_card_number
from ..model.files import Contents, Element, Structure
from ..model.tlv import encode_record
from ..profile.files import EfPlan
from ..profile.inputs import IssueError
from ..profile.loader import Profile
from .draft import ISSUER_FILE, Draft, Part
from .roots import card_factors, card_keys

APPLICATION: Final = "D156000005"
"""Identifier of the social-security card, middle of the card identification code (V2.0 notice, table 10)."""
INSTITUTION: Final = "9156000002"
"""Identifier of the issuing institutions (V2.0 notice, table 12)."""
AUTHENTICATION_CODE: Final = "FFFFFFFF"
"""How it is computed is not public; a test card holds FF bytes."""
UNDISTINGUISHED: Final = "3"
"""Card category of regions that do not tell holders apart (V2.0 notice, 8.1.1.2)."""
FINANCIAL_PIN_DIGITS: Final = PIN_DIGITS[-1]
"""Most digits of a PIN beside a financial environment: a PIN block carries so many, and so does VERIFY of the purse."""


def issue_social(draft: Draft) -> Part:
    """Issue everything but the financial environment; of that only the PIN, which is the holder's one.

    Raises:
        IssueError: an input is wrong; it never has the value of a secret.
    """
    profile = draft.profile
    computed = _issuer_data(draft)
    region, historical = draft.options.region, draft.historical
    factors = card_factors(region, historical, draft.roots.level, profile.settings.crypto)
    plans = [plan for plan in profile.keys if not profile.is_financial(plan.ref.owner)]
    keys = card_keys(plans, draft.roots, factors) | _pins(profile, draft.options.pin)
    contents = {
        path: _contents(plan, draft, computed if plan.id == ISSUER_FILE else {})
        for path, plan in profile.files.items()
        if plan.records is not None or not profile.is_financial(plan.ef.parent)
    }
    return Part(keys, contents)


def _pins(profile: Profile, pin: str) -> dict[KeyId, Key]:
    try:
        value = pin_to_cn(pin)
    except CodecError as error:
        raise IssueError("pin", str(error)) from None
    if len(pin) > FINANCIAL_PIN_DIGITS and profile.has_financial:
        raise IssueError("pin", f"applications of the financial environment take at most {FINANCIAL_PIN_DIGITS} digits")
    return {(plan.ref, 1): plan.key(value, 1) for plan in profile.keys if plan.usage is Usage.PIN}


def _issuer_data(draft: Draft) -> dict[str, bytes]:
    """Encode the issuer's elements (发卡机构数据; V2.0 notice, 8.1.1) that the holder's file leaves out.

    Issue date, expiry date and card number of the options come before those of the holder's file.
    """
    profile, options, serial = draft.profile, draft.options, draft.serial
    plan = next((each for each in profile.files.values() if each.id == ISSUER_FILE), None)
    if plan is None:
        return {}
    region = options.region
    values: dict[str, object] = {
        "card_identification_code": {"hex": region + APPLICATION + serial.hex() + AUTHENTICATION_CODE},
        "card_category": UNDISTINGUISHED,
        "specification_version": profile.specification,
        "initialising_institution_code": INSTITUTION + region + region + "01",
        "issue_date": draft.issue_date(),
        "expiry_date": draft.expiry_date(),
        "card_number": options.card_number or f"A{int.from_bytes(serial) % 10_000_000:07d}",
    }
    given = {name for name in ("issue_date", "expiry_date", "card_number") if getattr(options, name)}
    written = draft.written(ISSUER_FILE).keys() - given
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


def _contents(plan: EfPlan, draft: Draft, computed: dict[str, bytes]) -> Contents:
    """Fill one EF: with computed values, the holder's, and empty ones for the rest."""
    if plan.records is not None:
        return plan.records
    placed, profile = draft.on(plan.ef.path), draft.profile
    structure = plan.ef.structure
    if structure is Structure.CYCLIC:
        return tuple(placed.records)
    if structure is Structure.TRANSPARENT:
        written = b"".join(placed.values.values())
        return written.ljust(plan.ef.size, bytes((profile.settings.data.unwritten_byte,)))
    if structure is Structure.INTERNAL:
        return b"".join(placed.values.get(element.name, bytes(element.length)) for element in plan.elements)
    values = placed.values | computed
    return tuple(_record(element, values, profile, plan.ef.tlv) for element in plan.elements)


def _record(element: Element, values: dict[str, bytes], profile: Profile, tlv: bool) -> bytes:
    value = values.get(element.name)
    if value is None:
        value = empty(element, an_fill=_an_fill(profile))
    return encode_record(element.tag or 0, value) if tlv else value


def _an_fill(profile: Profile) -> int:
    return int(profile.settings.data.an_fill, 16)
