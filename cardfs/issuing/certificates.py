"""Offline data authentication of an issued debit/credit application: keys, certificates, signed records.

Certification authority and issuer are as invented as the card: their keys grow out of two roots, always the same
from the same roots, so that terminals of a test can be given the authority's key once.
"""

import datetime
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final

from keys.certificates import (
    AuthorityKey,
    RsaPrivateKey,
    certify_card,
    certify_issuer,
    generate_rsa,
    sign_static,
)
from keys.cryptograms import card_key
from keys.generate import SeededRandom
from keys.suites import SUITES

from ..model import tlv
from ..model.codecs import from_cn
from ..model.files import Contents
from ..profile.inputs import IssueError
from ..profile.tree import KeyPlan
from .roots import Roots, root_of, root_value

RID: Final = bytes.fromhex("A000000333")
AUTHORITY_ROOT: Final = "RSACA"
ISSUER_ROOT: Final = "RSAISSUER"
AUTHORITY_BITS, ISSUER_BITS, CARD_BITS = 1408, 1152, 1024
SERIAL_NUMBER: Final = bytes.fromhex("000001")
AUTHENTICATION_CODE: Final = bytes.fromhex("DAC1")
ISSUER_DIGITS: Final = 8
_LAST_EMV_SFI: Final = 10


@lru_cache(maxsize=16)
def grow(seed: bytes, bits: int) -> RsaPrivateKey:
    """Return the private key that a secret seed gives; the same seed gives the same key.

    Args:
        bits: length of the modulus.
    """
    return generate_rsa(bits, SeededRandom(seed.hex()))


def private_key(seed: bytes) -> bytes:
    """Return the card's private key as a card holds it: exponent 3 bytes, and two primes of one length.

    Args:
        seed: a derived key of 16 bytes; the same seed gives the same RSA key.
    """
    key = grow(seed, CARD_BITS)
    return key.exponent.to_bytes(3) + key.p + key.q


def authority(roots: Roots, index: int) -> AuthorityKey:
    """Return the certification authority's key, as terminals must have it.

    Args:
        index: tag 8F of the card.

    Raises:
        IssueError: the roots file has no root for it.
    """
    return AuthorityKey(RID, index, grow(root_value(roots, AUTHORITY_ROOT), AUTHORITY_BITS).public)


def certificates(
    roots: Roots, plan: KeyPlan, files: Mapping[int | None, Contents], values: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return what SFI 3 holds, by element name: both certificates, and the signature over the static data.

    Args:
        plan: of the card's private key. ``files``: contents by SFI; the AFL says which records are signed.
        values: values of data objects by name.

    Raises:
        IssueError: a root is missing, or a value cannot be certified.
    """
    root = root_of(roots, plan)
    pan, sequence = from_cn(values["pan"]), values["pan_sequence"].hex()
    seed = root if roots.level == "card" else card_key(SUITES[plan.suite_name], root, pan, sequence)
    card, issuer = grow(seed, CARD_BITS), grow(root_value(roots, ISSUER_ROOT), ISSUER_BITS)
    top = grow(root_value(roots, AUTHORITY_ROOT), AUTHORITY_BITS)
    expiry = _expiry(values["debit_expiry"])
    try:
        signed = static_data(
            _signed(values["file_locator"], files),
            values["interchange_profile"] if values.get("signed_tags") else b"",
        )
        above = certify_issuer(top, issuer.public, identifier=pan[:ISSUER_DIGITS], expiry=expiry, serial=SERIAL_NUMBER)
        own = certify_card(issuer, card.public, pan=pan, expiry=expiry, serial=SERIAL_NUMBER, static=signed)
        signature = sign_static(issuer, AUTHENTICATION_CODE, signed)
    except ValueError as error:
        raise IssueError("DEBIT", f"the records cannot be certified: {error}") from None
    return {
        "issuer_certificate": above.certificate,
        "issuer_remainder": above.remainder,
        "issuer_exponent": above.exponent,
        "card_certificate": own.certificate,
        "card_remainder": own.remainder,
        "card_exponent": own.exponent,
        "static_signature": signature,
    }


def static_data(records: Iterable[tuple[int, bytes]], interchange_profile: bytes = b"") -> bytes:
    """Return the static data to be authenticated (EMV Book 3, 10.3).

    Args:
        records: SFI and content, in the order of the application file locator. Of a record in SFI 1 to 10 its template
            70 does not count, of others the whole record does.
        interchange_profile: the value of tag 82, if tag 9F4A lists it, which is all that it may list.

    Raises:
        ValueError: a record in SFI 1 to 10 is not one whole template 70.
    """
    parts = [_unwrapped(content) if sfi <= _LAST_EMV_SFI else content for sfi, content in records]
    return b"".join(parts) + interchange_profile


def _unwrapped(record: bytes) -> bytes:
    """Return the value of template 70."""
    with suppress(tlv.TlvError):
        for tag, value in tlv.objects(record):
            if tag == tlv.RECORD_TEMPLATE and tlv.encode(tag, value) == record:
                return value
    raise ValueError("a record to be authenticated is one template 70")


def _expiry(value: bytes) -> datetime.date:
    try:
        return datetime.datetime.strptime(value.hex(), "%y%m%d").date()
    except ValueError:
        raise IssueError("debit_expiry", f"{value.hex().upper()} is not a date YYMMDD") from None


def _signed(locator: bytes, files: Mapping[int | None, Contents]) -> list[tuple[int, bytes]]:
    """Return the records that take part in offline data authentication, in the order of the AFL (EMV Book 3, 10.2)."""
    found = []
    if not locator or len(locator) % 4:
        raise ValueError(f"the file locator has {len(locator)} bytes, not four for each file")
    for at in range(0, len(locator), 4):
        sfi, first, _, count = locator[at : at + 4]
        records = files.get(sfi >> 3, ())
        for number in range(first, first + count):
            if not isinstance(records, tuple) or number > len(records):
                raise ValueError(f"the file locator lists record {number} of SFI {sfi >> 3}, which is not there")
            found.append((sfi >> 3, records[number - 1]))
    return found
