"""Offline data authentication: what a terminal recovers with the public keys alone (EMV Book 2, 5 and 6).

Certificates and signatures are taken apart here field by field, with `pow` and the layouts of the standard.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.certificates import (
    EXPONENTS,
    AuthorityKey,
    Certificate,
    RsaPrivateKey,
    RsaPublicKey,
    certify_card,
    certify_issuer,
    combined_data,
    dynamic_data,
    generate_rsa,
    sign_dynamic,
    sign_static,
    transaction_data_hash,
)
from keys.generate import SeededRandom, system_random

PAN = "6217000000000000013"
SERIAL = bytes.fromhex("00A1B2")
STATIC = bytes.fromhex("5A0A6217000000000000013F5F24033401317C00")
UNPREDICTABLE = bytes.fromhex("DEADBEEF")

AUTHORITY = generate_rsa(1152, SeededRandom("authority"))
ISSUER = generate_rsa(1024, SeededRandom("issuer"))
CARD = generate_rsa(768, SeededRandom("card"), exponent=65537)
KEYS = {"authority": AUTHORITY, "issuer": ISSUER, "card": CARD}


def sha1(data: bytes) -> bytes:
    """SHA-1, from the library itself."""
    return hashlib.sha1(data, usedforsecurity=False).digest()


# -- the terminal's side -------------------------------------------------------------------------


@dataclass
class Recovered:
    """A signed block as a terminal sees it: between header and trailer, and cut before the hash."""

    fields: bytes
    digest: bytes

    def take(self, length: int) -> bytes:
        """Cut the next field off."""
        taken, self.fields = self.fields[:length], self.fields[length:]
        assert len(taken) == length
        return taken


def recover(signature: bytes, modulus: bytes, exponent: int, beside: bytes) -> Recovered:
    """EMV Book 2, A2.1.3: lengths, header, trailer, and the hash over the fields and what stands beside them."""
    assert len(signature) == len(modulus)
    block = pow(int.from_bytes(signature), exponent, int.from_bytes(modulus)).to_bytes(len(modulus))
    assert (block[0], block[-1]) == (0x6A, 0xBC)
    found = Recovered(block[1:-21], block[-21:-1])
    assert found.digest == sha1(found.fields + beside)
    return found


def certified_key(
    certificate: Certificate, signer: RsaPublicKey, layout: dict[str, int], static: bytes = b""
) -> tuple[dict[str, str], bytes, int]:
    """EMV Book 2, 5.3 and 6.4: the fields before the key, the modulus and the exponent that a terminal gets."""
    beside = certificate.remainder + certificate.exponent + static
    found = recover(certificate.certificate, signer.modulus, signer.exponent, beside)
    fields = {name: found.take(length).hex().upper() for name, length in layout.items()}
    assert found.take(2) == b"\x01\x01"  # SHA-1, RSA
    length, exponent_length = found.take(2)
    assert exponent_length == len(certificate.exponent)
    if certificate.remainder:
        modulus = found.fields + certificate.remainder
    else:
        modulus = found.take(length)
        assert found.fields == b"\xbb" * len(found.fields)
    assert len(modulus) == length
    return fields, modulus, int.from_bytes(certificate.exponent)


ISSUER_LAYOUT = {"format": 1, "identifier": 4, "expiry": 2, "serial": 3}
CARD_LAYOUT = {"format": 1, "pan": 10, "expiry": 2, "serial": 3}


def issuer_certificate(authority: RsaPrivateKey, issuer: RsaPublicKey, identifier: str = "621700") -> Certificate:
    return certify_issuer(authority, issuer, identifier=identifier, expiry=date(2034, 1, 31), serial=SERIAL)


def card_certificate(
    issuer: RsaPrivateKey, card: RsaPublicKey, pan: str = PAN, expiry: date = date(2034, 12, 1)
) -> Certificate:
    return certify_card(issuer, card, pan=pan, expiry=expiry, serial=SERIAL, static=STATIC)


# -- keys ----------------------------------------------------------------------------------------


def numbers(key: RsaPrivateKey) -> tuple[int, int, int, int]:
    """Primes, modulus and private exponent, computed without the code under test."""
    p, q = int.from_bytes(key.p), int.from_bytes(key.q)
    return p, q, p * q, pow(key.exponent, -1, math.lcm(p - 1, q - 1))


@pytest.mark.parametrize("name", KEYS)
def test_openssl_accepts_a_key(name: str) -> None:
    """OpenSSL checks that both are primes and that the numbers belong together."""
    key = KEYS[name]
    p, q, n, d = numbers(key)
    public = RSAPublicNumbers(key.exponent, n)
    private = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    assert private.private_key().key_size == 8 * key.length
    assert key.public == RsaPublicKey(n.to_bytes(key.length), key.exponent)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("bits", [512, 528, 1024, 1152, 1984])
def test_a_modulus_has_all_its_bits(bits: int, exponent: int) -> None:
    key = generate_rsa(bits, system_random, exponent=exponent)
    assert int.from_bytes(key.public.modulus).bit_length() == bits
    assert key.length == key.public.length == bits // 8
    assert key.public.exponent == exponent
    _p, _q, n, d = numbers(key)
    assert pow(pow(2, exponent, n), d, n) == 2


def next_prime(random: SeededRandom, bits: int, exponent: int) -> int:
    """The rule of the search once more, with Fermat's test: the first candidate drawn that is a fit prime."""
    while True:
        candidate = int.from_bytes(random(bits // 8))
        candidate |= 1 | 1 << (bits - 1) | 1 << (bits - 2)
        if all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7)) and (
            math.gcd(candidate - 1, exponent) == 1
        ):
            return candidate


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_key_depends_on_the_source_and_the_rule_alone(exponent: int) -> None:
    """The same inputs give the same card, whatever library tests the primes."""
    random = SeededRandom("one card")
    expected = [next_prime(random, 256, exponent) for _ in range(2)]
    key = generate_rsa(512, SeededRandom("one card"), exponent=exponent)
    assert [int.from_bytes(key.p), int.from_bytes(key.q)] == expected
    assert generate_rsa(512, SeededRandom("one card"), exponent=exponent) == key
    assert generate_rsa(512, SeededRandom("another card"), exponent=exponent) != key


def test_both_primes_differ_even_if_the_source_repeats_itself() -> None:
    random = SeededRandom("repeats")
    p, q = (next_prime(random, 256, 3).to_bytes(32) for _ in range(2))
    script = iter([p, p, p, q])
    assert generate_rsa(512, lambda _length: next(script)) == RsaPrivateKey(p, q, 3)


@pytest.mark.parametrize("bits", [496, 511, 520, 1016, 1992, 2000, 2048])
def test_lengths_that_no_emv_key_has_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"not {bits}"):
        generate_rsa(bits)


@pytest.mark.parametrize("exponent", [1, 2, 5, 17, 65536])
def test_exponents_that_emv_does_not_allow_are_refused(exponent: int) -> None:
    """EMV Book 2, B2.1."""
    with pytest.raises(ValueError, match=f"not {exponent}"):
        generate_rsa(512, exponent=exponent)


def test_an_exponent_has_one_or_three_bytes() -> None:
    """EMV Book 2, B2.1."""
    assert [RsaPublicKey(b"", each).exponent_bytes.hex() for each in EXPONENTS] == ["03", "010001"]


@settings(max_examples=25)
@given(st.sampled_from(sorted(KEYS)), st.data())
def test_the_private_operation_is_one_exponentiation(name: str, data: st.DataObject) -> None:
    key = KEYS[name]
    _p, _q, n, d = numbers(key)
    value = data.draw(st.integers(0, n - 1))
    assert key.transform(value.to_bytes(key.length)) == pow(value, d, n).to_bytes(key.length)


def test_the_largest_and_the_smallest_blocks_are_transformed() -> None:
    n = numbers(CARD)[2]
    assert CARD.transform((n - 1).to_bytes(96)) == (n - 1).to_bytes(96)
    assert CARD.transform(bytes(96)) == bytes(96)


def test_blocks_of_another_length_or_beyond_the_modulus_are_refused() -> None:
    n = numbers(CARD)[2]
    for block in (bytes(95), bytes(97), n.to_bytes(96), b"\xff" * 96):
        with pytest.raises(ValueError, match="96 bytes below the modulus"):
            CARD.transform(block)


def test_no_private_number_shows() -> None:
    """Neither in a key's representation nor in what is refused."""
    shown = repr(CARD) + str(CARD)
    with pytest.raises(ValueError, match="block") as refusal:
        CARD.transform(b"")
    shown += repr(refusal.value)
    assert shown.startswith("RsaPrivateKey(exponent=65537)")
    for secret in (CARD.p, CARD.q):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
        assert str(int.from_bytes(secret)) not in shown


# -- the certification authority -----------------------------------------------------------------


def test_the_check_value_is_that_of_a_published_key() -> None:
    """The live key 02 of UnionPay (RID A000000333), as acquirers publish it with its check value."""
    modulus = (
        "A3767ABD1B6AA69D7F3FBF28C092DE9ED1E658BA5F0909AF7A1CCD907373B7210FDEB16287BA8E78E1529F443976FD27"
        "F991EC67D95E5F4E96B127CAB2396A94D6E45CDA44CA4C4867570D6B07542F8D4BF9FF97975DB9891515E66F525D2B3C"
        "BEB6D662BFB6C3F338E93B02142BFC44173A3764C56AADD202075B26DC2F9F7D7AE74BD7D00FD05EE430032663D27A57"
    )
    key = AuthorityKey(bytes.fromhex("A000000333"), 0x02, RsaPublicKey(bytes.fromhex(modulus), 3))
    assert key.check_value.hex().upper() == "03BB335A8549A03B87AB089D006F60852E4B8060"


def test_the_check_value_covers_every_part() -> None:
    """EMV Book 2, 11.2.2."""
    key = AuthorityKey(bytes.fromhex("A000000333"), 0xF0, AUTHORITY.public)
    assert key.check_value == sha1(bytes.fromhex("A000000333F0") + AUTHORITY.public.modulus + b"\x03")
    others = (
        replace(key, rid=bytes(5)),
        replace(key, index=0xF1),
        replace(key, public=ISSUER.public),
        replace(key, public=replace(AUTHORITY.public, exponent=65537)),
    )
    assert len({key.check_value, *(each.check_value for each in others)}) == 5


# -- certificates --------------------------------------------------------------------------------


def test_an_issuer_certificate_gives_the_issuers_key_back() -> None:
    """EMV Book 2, 5.3; the key of 128 bytes leaves a remainder of 128 - (144 - 36)."""
    certificate = issuer_certificate(AUTHORITY, ISSUER.public)
    fields, modulus, exponent = certified_key(certificate, AUTHORITY.public, ISSUER_LAYOUT)
    assert fields == {"format": "02", "identifier": "621700FF", "expiry": "0134", "serial": "00A1B2"}
    assert (modulus, exponent) == (ISSUER.public.modulus, 3)
    assert len(certificate.certificate) == 144
    assert len(certificate.remainder) == 20


def test_a_card_certificate_gives_the_cards_key_back() -> None:
    """EMV Book 2, 6.4; the key of 96 bytes leaves a remainder of 96 - (128 - 42)."""
    certificate = card_certificate(ISSUER, CARD.public)
    fields, modulus, exponent = certified_key(certificate, ISSUER.public, CARD_LAYOUT, STATIC)
    assert fields == {"format": "04", "pan": PAN + "F", "expiry": "1234", "serial": "00A1B2"}
    assert (modulus, exponent) == (CARD.public.modulus, 65537)
    assert len(certificate.certificate) == 128
    assert len(certificate.remainder) == 10
    assert certificate.exponent.hex() == "010001"


@pytest.mark.parametrize("bits", [512, 848, 864, 880, 1152])
def test_an_issuers_key_of_any_length_is_recovered(bits: int) -> None:
    """Shorter than the room of 108 bytes: filled with BB; as long: neither; longer: a remainder."""
    key = generate_rsa(bits, SeededRandom("any length"))
    certificate = issuer_certificate(AUTHORITY, key.public)
    _, modulus, _ = certified_key(certificate, AUTHORITY.public, ISSUER_LAYOUT)
    assert modulus == key.public.modulus
    assert len(certificate.remainder) == max(0, bits // 8 - 108)


@pytest.mark.parametrize("bits", [512, 672, 688, 704, 1024])
def test_a_cards_key_of_any_length_is_recovered(bits: int) -> None:
    """The room of 86 bytes in a certificate of 128."""
    key = generate_rsa(bits, SeededRandom("any length"))
    certificate = card_certificate(ISSUER, key.public)
    _, modulus, _ = certified_key(certificate, ISSUER.public, CARD_LAYOUT, STATIC)
    assert modulus == key.public.modulus
    assert len(certificate.remainder) == max(0, bits // 8 - 86)


def test_the_static_data_of_another_card_do_not_fit_a_certificate() -> None:
    """EMV Book 2, 6.4, step 7."""
    certificate = card_certificate(ISSUER, CARD.public)
    with pytest.raises(AssertionError):
        certified_key(certificate, ISSUER.public, CARD_LAYOUT, STATIC[:-1] + b"\x01")


@pytest.mark.parametrize(("identifier", "expected"), [("621", "621FFFFF"), ("62170001", "62170001")])
def test_an_issuer_identifier_is_filled_on_the_right(identifier: str, expected: str) -> None:
    """EMV Book 2, 5.1: leftmost 3 to 8 digits of the PAN."""
    certificate = issuer_certificate(AUTHORITY, ISSUER.public, identifier)
    assert certified_key(certificate, AUTHORITY.public, ISSUER_LAYOUT)[0]["identifier"] == expected


@pytest.mark.parametrize("pan", ["62170000", "6217000000000001", PAN])
def test_a_pan_is_filled_on_the_right(pan: str) -> None:
    certificate = card_certificate(ISSUER, CARD.public, pan)
    assert certified_key(certificate, ISSUER.public, CARD_LAYOUT, STATIC)[0]["pan"] == pan.ljust(20, "F")


@pytest.mark.parametrize(("day", "expected"), [(date(2009, 3, 31), "0309"), (date(2034, 12, 1), "1234")])
def test_a_certificate_expires_with_a_month(day: date, expected: str) -> None:
    certificate = card_certificate(ISSUER, CARD.public, expiry=day)
    assert certified_key(certificate, ISSUER.public, CARD_LAYOUT, STATIC)[0]["expiry"] == expected


@pytest.mark.parametrize("identifier", ["62", "621700011", "62170A", "６２１７", ""])
def test_an_issuer_identifier_has_three_to_eight_digits(identifier: str) -> None:
    with pytest.raises(ValueError, match="3 to 8 digits"):
        issuer_certificate(AUTHORITY, ISSUER.public, identifier)


@pytest.mark.parametrize("pan", ["", "6217000", "62170000000000000133", "621700000000000A"])
def test_a_pan_has_up_to_nineteen_digits(pan: str) -> None:
    with pytest.raises(ValueError, match="8 to 19 digits"):
        card_certificate(ISSUER, CARD.public, pan)


@pytest.mark.parametrize("serial", [b"", b"\x01\x02", b"\x01\x02\x03\x04"])
def test_a_certificate_serial_number_has_three_bytes(serial: bytes) -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        certify_issuer(AUTHORITY, ISSUER.public, identifier="621700", expiry=date(2034, 1, 1), serial=serial)
    with pytest.raises(ValueError, match="3 bytes"):
        certify_card(ISSUER, CARD.public, pan=PAN, expiry=date(2034, 1, 1), serial=serial, static=b"")


def test_a_key_certifies_none_longer_than_itself() -> None:
    """EMV Book 2, D1."""
    with pytest.raises(ValueError, match="128 bytes certifies none of 144"):
        issuer_certificate(ISSUER, AUTHORITY.public)
    with pytest.raises(ValueError, match="96 bytes certifies none of 128"):
        card_certificate(CARD, ISSUER.public)


def test_the_shortest_key_certifies_one_of_its_own_length() -> None:
    """A card's certificate has 42 bytes around the key; 64 bytes leave 22 for it."""
    small = generate_rsa(512, SeededRandom("small"))
    certificate = card_certificate(small, small.public)
    assert certified_key(certificate, small.public, CARD_LAYOUT, STATIC)[1] == small.public.modulus
    assert len(certificate.remainder) == 64 - 22


# -- signatures ----------------------------------------------------------------------------------


def test_signed_static_data_are_recovered() -> None:
    """EMV Book 2, 5.4: format 03, SHA-1, the code, BB up to the hash."""
    signature = sign_static(ISSUER, bytes.fromhex("DAC1"), STATIC)
    found = recover(signature, ISSUER.public.modulus, 3, STATIC)
    assert found.take(4) == bytes.fromhex("0301DAC1")
    assert found.fields == b"\xbb" * (128 - 26)
    with pytest.raises(AssertionError):
        recover(signature, ISSUER.public.modulus, 3, STATIC + b"\x00")


@pytest.mark.parametrize("code", [b"", b"\x01", b"\x01\x02\x03"])
def test_a_data_authentication_code_has_two_bytes(code: bytes) -> None:
    with pytest.raises(ValueError, match="2 bytes"):
        sign_static(ISSUER, code, STATIC)


def test_a_dynamic_signature_is_recovered() -> None:
    """EMV Book 2, 6.5.2: format 05, SHA-1, length and dynamic data, BB up to the hash."""
    number = bytes.fromhex("0102030405060708")
    signature = sign_dynamic(CARD, dynamic_data(number), UNPREDICTABLE)
    found = recover(signature, CARD.public.modulus, 65537, UNPREDICTABLE)
    assert found.take(3) == bytes.fromhex("050109")
    assert found.take(9) == b"\x08" + number
    assert found.fields == b"\xbb" * (96 - 25 - 9)
    with pytest.raises(AssertionError):
        recover(signature, CARD.public.modulus, 65537, bytes(4))


def test_a_combined_signature_is_recovered() -> None:
    """EMV Book 2, 6.6.2: the number, CID, cryptogram and transaction data hash code, in this order."""
    pdol, cdol1 = bytes.fromhex("000000000100"), bytes.fromhex("0156DEADBEEF")
    answer = bytes.fromhex("9F2701809F360200019F1008070001030000000 1".replace(" ", ""))
    digest = transaction_data_hash(pdol, [cdol1], answer)
    assert digest == sha1(pdol + cdol1 + answer)
    cryptogram = bytes.fromhex("81A9DC9310F88856")
    dynamic = combined_data(bytes.fromhex("BEEF"), 0x80, cryptogram, digest)
    found = recover(sign_dynamic(CARD, dynamic, UNPREDICTABLE), CARD.public.modulus, 65537, UNPREDICTABLE)
    assert found.take(2) == b"\x05\x01"
    assert found.take(1)[0] == 3 + 1 + 8 + 20
    assert found.take(3) == bytes.fromhex("02BEEF")
    assert found.take(1) == b"\x80"
    assert found.take(8) == cryptogram
    assert found.take(20) == digest
    assert found.fields == b"\xbb" * (96 - 25 - 32)


def test_the_second_generate_ac_hashes_both_lists() -> None:
    """EMV Book 2, 6.6.1: PDOL, CDOL1 and CDOL2 values, then the answer."""
    assert transaction_data_hash(b"p", [b"one", b"two"], b"answer") == sha1(b"ponetwoanswer")


@pytest.mark.parametrize("length", [0, 1, 9])
def test_a_dynamic_number_has_two_to_eight_bytes(length: int) -> None:
    """EMV Book 2, 6.5.1."""
    with pytest.raises(ValueError, match=f"not {length}"):
        dynamic_data(bytes(length))
    with pytest.raises(ValueError, match=f"not {length}"):
        combined_data(bytes(length), 0x40, bytes(8), bytes(20))


@pytest.mark.parametrize(("cryptogram", "digest"), [(7, 20), (9, 20), (8, 19), (8, 21)])
def test_combined_data_have_fixed_lengths(cryptogram: int, digest: int) -> None:
    with pytest.raises(ValueError, match="8 bytes and"):
        combined_data(bytes(2), 0x40, bytes(cryptogram), bytes(digest))


def test_dynamic_data_must_fit_the_key() -> None:
    """64 bytes leave 64 - 25 for dynamic data."""
    small = generate_rsa(512, SeededRandom("small"))
    found = recover(sign_dynamic(small, bytes(39), b""), small.public.modulus, 3, b"")
    assert found.fields == bytes.fromhex("050127") + bytes(39)
    with pytest.raises(ValueError, match="64 bytes signs 42 bytes, not 43"):
        sign_dynamic(small, bytes(40), b"")
