"""Offline data authentication (脱机数据认证) as a terminal does it: keys and signatures by plain arithmetic.

EMV Book 2, 5 and 6. The authority's key comes from the root RSACA; what cannot be recovered with it is `Failed`.
"""

import hashlib
from typing import Final, NamedTuple

from cardfs.issuing.certificates import authority
from cardfs.profile.inputs import IssueError
from keys.certificates import RsaPublicKey

from ..bench import Bench, find_object
from ..check import Failed, NotTested
from .payment import CDA, DDA, PAN, SDA, Payment, begin, close, expected, filled, generate, read_list
from .results import ARQC, FORMAT_1, FORMAT_2, Cryptogram
from .rows import ROOTS, aside, before, debit_check

INDEX, ISSUER_CERTIFICATE, ISSUER_REMAINDER, ISSUER_EXPONENT = 0x8F, 0x90, 0x92, 0x9F32
CARD_CERTIFICATE, CARD_REMAINDER, CARD_EXPONENT = 0x9F46, 0x9F48, 0x9F47
STATIC_SIGNATURE, SIGNED_TAGS, DDOL, UNPREDICTABLE = 0x93, 0x9F4A, 0x9F49, 0x9F37
DEFAULT_DDOL: Final = bytes.fromhex("9F3704")

_ISSUER, _STATIC, _CARD, _DYNAMIC = 0x02, 0x03, 0x04, 0x05
_AIP: Final = b"\x82"
_HASH: Final = 20
_HEAD: Final = 8
"""Bytes of a certificate behind its digits: expiry 2, serial 3, both algorithms, then lengths of modulus, exponent."""


class Certified(NamedTuple):
    """A certificate: tags of certificate, remainder and exponent, its format, and the bytes of its digits."""

    tag: int
    remainder: int
    exponent: int
    format: int
    digits: int


_OF_ISSUER: Final = Certified(ISSUER_CERTIFICATE, ISSUER_REMAINDER, ISSUER_EXPONENT, _ISSUER, 4)
_OF_CARD: Final = Certified(CARD_CERTIFICATE, CARD_REMAINDER, CARD_EXPONENT, _CARD, 10)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _recovered(value: bytes, tag: int, form: int, key: RsaPublicKey, beside: bytes) -> bytes:
    """Return the fields that a signature holds (EMV Book 2, A2.1.3).

    Args:
        form: the first of them. ``beside``: what the hash covers besides.

    Raises:
        Failed: it is no signature under this key, or not of these data.
    """
    if not value or len(value) != key.length:
        raise Failed(f"tag {tag:X} has {len(value)} bytes, the key that signs it {key.length}")
    block = pow(int.from_bytes(value), key.exponent, int.from_bytes(key.modulus)).to_bytes(key.length)
    fields, found = block[1 : -_HASH - 1], block[-_HASH - 1 : -1]
    if (block[0], block[-1]) != (0x6A, 0xBC) or fields[:1] != bytes((form,)):
        raise Failed(f"tag {tag:X} cannot be recovered with the key above it")
    if _sha1(fields + beside) != found:
        raise Failed(f"the hash in tag {tag:X} is not that of the data")
    return fields


def _certified(payment: Payment, which: Certified, above: RsaPublicKey, static: bytes = b"") -> RsaPublicKey:
    """Return the key in a certificate; raise `Failed` as `_recovered` does, or if it is of another card."""
    rest = payment.objects.get(which.remainder, b"")
    exponent = payment.objects.get(which.exponent, b"")
    certificate = payment.objects.get(which.tag, b"")
    fields = _recovered(certificate, which.tag, which.format, above, rest + exponent + static)
    number = payment.objects.get(PAN, b"").hex().rstrip("f")
    digits = fields[1 : 1 + which.digits].hex().rstrip("f")
    if not number.startswith(digits) or (which.format == _CARD and number != digits):
        raise Failed(f"tag {which.tag:X} certifies the key of another account number than tag 5A")
    at = 1 + which.digits + _HEAD
    length, left = fields[at - 1 : at], fields[at + 1 :]
    modulus = (left + rest)[: length[0]] if length and length[0] <= len(left) else left + rest
    if length != bytes((len(modulus),)):
        raise Failed(f"tag {which.tag:X} and its remainder are not as long as the key that they say they hold")
    return RsaPublicKey(modulus, int.from_bytes(exponent))


def issuer_key(b: Bench, payment: Payment) -> RsaPublicKey:
    """Recover the issuer's public key (EMV Book 2, 5.3).

    Raises:
        NotTested: there is no certificate, or it is of another authority.
        Failed: it is wrong.
    """
    index, certificate = payment.objects.get(INDEX, b""), payment.objects.get(ISSUER_CERTIFICATE)
    if certificate is None or len(index) != 1:
        raise NotTested("the records have no certificate of the issuer, tags 8F and 90")
    if b.means.hsm is None:
        raise NotTested("there are no root keys")
    try:
        top = authority(b.means.hsm.roots, index[0]).public
    except IssueError as error:
        raise NotTested(str(error)) from None
    if len(certificate) != top.length:
        raise NotTested("the certificate of the issuer, tag 90, is one of another authority")
    return _certified(payment, _OF_ISSUER, top)


def static_data(payment: Payment) -> bytes:
    """Return the static data to be authenticated (EMV Book 3, 10.3); raise `Failed` for a wrong tag 9F4A."""
    listed = payment.objects.get(SIGNED_TAGS)
    if listed is None:
        return payment.static
    if listed != _AIP:
        raise Failed("tag 9F4A lists something else than the AIP, tag 82")
    return payment.static + payment.profile


def card_key(b: Bench, payment: Payment) -> RsaPublicKey:
    """Recover the card's public key (EMV Book 2, 6.4).

    Raises:
        NotTested: there is no certificate, or the issuer's is wrong.
        Failed: it is wrong.
    """
    with before():
        above = issuer_key(b, payment)
    if CARD_CERTIFICATE not in payment.objects:
        raise NotTested("the records have no certificate of the card, tag 9F46")
    return _certified(payment, _OF_CARD, above, static_data(payment))


def require_static(b: Bench, payment: Payment) -> None:
    """Raise `Failed` unless the issuer has signed the static data (EMV Book 2, 5.4)."""
    signature = payment.objects.get(STATIC_SIGNATURE)
    if signature is None:
        raise NotTested("the records have no signed static data, tag 93")
    with before():
        above = issuer_key(b, payment)
    _recovered(signature, STATIC_SIGNATURE, _STATIC, above, static_data(payment))


def require_dynamic(key: RsaPublicKey, signature: bytes, beside: bytes) -> bytes:
    """Return the dynamic data that the card has signed; raise `Failed` if the signature is wrong (EMV Book 2, 6.5.2).

    Args:
        beside: the terminal's data that the hash covers.
    """
    fields = _recovered(signature, 0x9F4B, _DYNAMIC, key, beside)
    length = fields[2] if len(fields) > 2 else 0
    dynamic = fields[3 : 3 + length]
    if not dynamic or dynamic[0] >= len(dynamic) or not 2 <= dynamic[0] <= 8:
        raise Failed("the signed dynamic data, tag 9F4B, hold no dynamic number of 2 to 8 bytes")
    return dynamic


def require_combined(key: RsaPublicKey, payment: Payment, found: Cryptogram) -> bytes:
    """Return the cryptogram that the signature of GENERATE AC holds (EMV Book 2, 6.6.2).

    Raises:
        Failed: the signature is wrong, or not of this transaction.
    """
    dynamic = require_dynamic(key, found.signature, payment.sent.get(UNPREDICTABLE, b""))
    cid, value, whole = (dynamic[1 + dynamic[0] :][part] for part in (slice(1), slice(1, 9), slice(9, 29)))
    if cid != bytes((found.cid,)):
        raise Failed("the signature of GENERATE AC holds another cryptogram information than the answer")
    if whole != _sha1(payment.pdol + b"".join(payment.cdols) + found.signed):
        raise Failed("the signature of GENERATE AC is not over the data of this transaction")
    return value


def _issuer_certificate(b: Bench) -> None:
    issuer_key(b, begin(b))


def _static(b: Bench) -> None:
    payment = begin(b)
    if not payment.supports(SDA):
        raise NotTested("the AIP has no static data authentication")
    require_static(b, payment)


def _card_certificate(b: Bench) -> None:
    card_key(b, begin(b))


def _dynamic(b: Bench) -> None:
    payment = begin(b)
    if not payment.supports(DDA):
        raise NotTested("the AIP has no dynamic data authentication")
    with before():
        key = card_key(b, payment)
        wanted = read_list(payment.objects.get(DDOL, DEFAULT_DDOL), "the DDOL, tag 9F49,")
    values = filled(wanted, payment.values)
    answer = b.expect(bytes((0x00, 0x88, 0x00, 0x00, len(values))) + values, "INTERNAL AUTHENTICATE").data
    what = "the answer to INTERNAL AUTHENTICATE"
    signature = find_object(answer, what, FORMAT_1) or find_object(answer, what, FORMAT_2, 0x9F4B)
    if signature is None:
        raise Failed("INTERNAL AUTHENTICATE answers neither template 80 nor 77 with a signature")
    require_dynamic(key, signature, values)


def _combined(b: Bench) -> None:
    payment = begin(b)
    if not payment.supports(CDA):
        raise NotTested("the AIP has no combined data authentication")
    with before():
        key = card_key(b, payment)
    found = generate(b, payment, ARQC, sign=True)
    if found.kind != ARQC:
        raise NotTested(f"the card answered {found.name} when it was asked for ARQC")
    if not found.signature:
        raise Failed("GENERATE AC answers no signature, tag 9F4B, when it is asked for one")
    value = require_combined(key, payment, found)
    payment.first = found._replace(value=value)
    with aside(b):
        right = expected(b, payment, payment.first) == value
        close(b, payment)
    if not right:
        raise Failed("the cryptogram in the signature of GENERATE AC is not what the root keys give")


SIGNATURE_CHECKS: Final = (
    debit_check(
        "issuer-certificate",
        "The authority has certified the issuer's key",
        "发卡行公钥证书正确",
        "EMV Book 2, 5.3",
        _issuer_certificate,
        ROOTS,
    ),
    debit_check(
        "static", "The issuer has signed the static data", "静态数据签名正确", "EMV Book 2, 5.4", _static, ROOTS
    ),
    debit_check(
        "card-certificate",
        "The issuer has certified the card's key",
        "IC卡公钥证书正确",
        "EMV Book 2, 6.4",
        _card_certificate,
        ROOTS,
    ),
    debit_check(
        "dynamic",
        "INTERNAL AUTHENTICATE answers the right signature",
        "内部认证的动态签名正确",
        "EMV Book 2, 6.5",
        _dynamic,
        ROOTS,
    ),
    debit_check(
        "combined",
        "GENERATE AC answers the right signature",
        "生成应用密文的复合签名正确",
        "EMV Book 2, 6.6",
        _combined,
        ROOTS,
    ),
)
