"""Debit/credit cryptograms against worked examples, another library and a computation of their own."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyemv import ac, kd, mac, sm, tools

from keys.cryptograms import (
    AMOUNT,
    AMOUNT_OTHER,
    COUNTRY,
    CURRENCY,
    DATE,
    TVR,
    TYPE,
    UNPREDICTABLE,
    application_cryptogram,
    card_key,
    cryptogram_data,
    discretionary_mac,
    key_factor,
    open_pin,
    response_cryptogram,
    script_mac,
    seal_pin,
    session_key,
)
from keys.errors import CipherDataWrong
from keys.suites import DES, SM4, TRIPLE_DES, Suite, suite
from tests.kit.places import DATA
from tests.kit.reference import Reference, xor

Vector = Mapping[str, Any]
FILE: Final = DATA / "financial.json"
VECTORS: Final[list[Vector]] = json.loads(FILE.read_text())
COUNT: Final = 31

# The other library asks OpenSSL for 3DES in a way that is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:.*TripleDES")

BOTH = pytest.mark.parametrize("which", [TRIPLE_DES, SM4], ids=["3DES", "SM4"])
counters = st.integers(0, 0xFFFF)
keys16 = st.binary(min_size=16, max_size=16).filter(lambda key: key[:8] != key[8:])
pins = st.text("0123456789", min_size=4, max_size=12)

KEY: Final = bytes.fromhex("B8A15DA5F7043C317D9FD8F8DFE2BD75")
HALF: Final = KEY[:8]


def raw(value: str) -> bytes:
    """Hex to bytes."""
    return bytes.fromhex(value)


# -- worked examples -----------------------------------------------------------------------------


def key_of(v: Vector) -> bytes:
    return raw(v["key"])


def of(v: Vector) -> Suite:
    return suite(v["suite"])


def card_keys(v: Vector) -> bytes:
    """The examples give the factor: PAN and sequence number are its 14 and 2 digits, or a longer PAN's end."""
    pan, sequence = v["Y"][:-2], v["Y"][-2:]
    made = card_key(of(v), key_of(v), "621" + pan, sequence)
    assert made == card_key(of(v), key_of(v), pan, sequence)
    return made


def session_keys(v: Vector) -> bytes:
    counter = v["atc"] if "atc" in v else v["data"][12:16]
    return session_key(of(v), key_of(v), int(counter, 16))


def cryptogram(v: Vector) -> bytes:
    """The input again, from its fields."""
    data = raw(v["data"])
    terminal = {
        AMOUNT: data[:6],
        AMOUNT_OTHER: data[6:12],
        COUNTRY: data[12:14],
        TVR: data[14:19],
        CURRENCY: data[19:21],
        DATE: data[21:24],
        TYPE: data[24:25],
        UNPREDICTABLE: data[25:29],
    }
    assert cryptogram_data(0x01, terminal, data[29:31], int.from_bytes(data[31:33]), data[33:]) == data
    return application_cryptogram(of(v), key_of(v), data)


HANDLERS: Final[dict[str, Callable[[Vector], bytes]]] = {
    "application-cryptogram": cryptogram,
    "arpc": lambda v: response_cryptogram(of(v), key_of(v), raw(v["arqc"]), raw(v["arc"])),
    "cbc-mac-no-padding": lambda v: of(v).cipher.cbc(key_of(v), raw(v["iv"]), raw(v["data"]))[-16:],
    "diversify": lambda v: of(v).diversify(key_of(v), raw(v["factor"])),
    "mac-alg1": lambda v: of(v).mac(key_of(v), raw(v["data"]), raw(v["iv"])),
    "mac-alg3": lambda v: of(v).key_load_mac(key_of(v), raw(v["iv"]), raw(v["data"])),
    "session-key-atc": session_keys,
    "sm4-ecb": lambda v: of(v).cipher.encrypt(key_of(v), raw(v["data"])),
    "tdes-ecb": lambda v: of(v).cipher.encrypt(key_of(v), raw(v["data"])),
    "udk": card_keys,
}


@pytest.mark.parametrize("vector", VECTORS, ids=[each["id"] for each in VECTORS])
def test_a_worked_example_is_reproduced(vector: Vector) -> None:
    """Its ``source`` says where it was published."""
    assert HANDLERS[vector["kind"]](vector) == raw(vector["expect"])


def test_every_kind_of_example_has_a_handler_and_every_handler_an_example() -> None:
    assert {each["kind"] for each in VECTORS} == set(HANDLERS)
    assert len(VECTORS) == COUNT == len({each["id"] for each in VECTORS})


def test_a_whole_transaction_of_one_published_card() -> None:
    """From the issuer's master key to the answer of the issuer, each step from the result of the one before."""
    card = card_key(TRIPLE_DES, raw("C4D689158AD9FB9D23105B91CE046D0E"), "20110002707355", "01")
    session = session_key(TRIPLE_DES, card, 0x03D3)
    terminal = {
        AMOUNT: bytes(6),
        AMOUNT_OTHER: bytes(6),
        COUNTRY: raw("0156"),
        TVR: bytes(5),
        CURRENCY: raw("0156"),
        DATE: bytes(3),
        TYPE: bytes(1),
        UNPREDICTABLE: raw("00000444"),
        0x9F4E: b"not in the list",
    }
    data = cryptogram_data(0x01, terminal, raw("7C00"), 0x03D3, raw("0380A800"))
    made = application_cryptogram(TRIPLE_DES, session, data)
    assert made.hex().upper() == "81A9DC9310F88856"
    assert response_cryptogram(TRIPLE_DES, session, made, b"00").hex().upper() == "84DD63A221F915CA"


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pan", "sequence", "factor"),
    [
        ("6217000000000000013", "01", "0000000000001301"),
        ("6217000123456789", "00", "1700012345678900"),
        ("62170001234567", "02", "6217000123456702"),
        ("6217000123456", "02", "0621700012345602"),
        ("1", "99", "0000000000000199"),
    ],
)
def test_a_key_factor_is_the_end_of_pan_and_sequence_number(pan: str, sequence: str, factor: str) -> None:
    assert key_factor(pan, sequence) == raw(factor)


@pytest.mark.parametrize(
    ("pan", "sequence"),
    [("", "00"), ("62170A", "00"), ("6217", "0"), ("6217", "000"), ("６２１７", "00"), ("6217", "0A")],
)
def test_a_pan_or_a_sequence_number_of_anything_but_digits_is_refused(pan: str, sequence: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        key_factor(pan, sequence)


def test_a_card_without_a_sequence_number_has_number_00() -> None:
    assert key_factor("6217000123456789") == key_factor("6217000123456789", "00")
    assert card_key(SM4, KEY, "6217000123456789") == card_key(SM4, KEY, "6217000123456789", "00")


@given(keys16, st.text("0123456789", min_size=8, max_size=16), st.integers(0, 99))
def test_a_card_key_is_that_of_emv_apart_from_parity(master: bytes, pan: str, number: int) -> None:
    """EMV Book 2, A1.4.1, adjusts parity; here bytes stay as the cipher made them."""
    sequence = f"{number:02}"
    made = card_key(TRIPLE_DES, master, pan, sequence)
    assert tools.adjust_key_parity(made) == kd.derive_icc_mk_a(master, pan, sequence)
    left = tools.encrypt_tdes_ecb(master, key_factor(pan, sequence))
    assert made[:8] == left


@given(keys16, counters)
def test_a_session_key_complements_the_counter_alone(key: bytes, atc: int) -> None:
    left, right = bytes(6) + atc.to_bytes(2), bytes(6) + (0xFFFF - atc).to_bytes(2)
    assert session_key(TRIPLE_DES, key, atc) == Reference("3DES").blocks(key, left + right)
    assert session_key(SM4, key, atc) == Reference("SM4").blocks(key, left + right)


# -- MACs ----------------------------------------------------------------------------------------


def sm4_mac(key: bytes, data: bytes) -> bytes:
    """CBC over padded data, block by block, the left half of the last."""
    data += b"\x80"
    data += bytes(-len(data) % 16)
    state = bytes(16)
    for at in range(0, len(data), 16):
        state = Reference("SM4").blocks(key, xor(state, data[at : at + 16]))
    return state[:8]


def full_mac(which: Suite, key: bytes, data: bytes) -> bytes:
    """8 bytes: retail MAC of another library, or the computation above."""
    return mac.mac_iso9797_3(key[:8], key[8:], data, 2) if which is TRIPLE_DES else sm4_mac(key, data)


@given(keys16, st.binary(max_size=70))
def test_an_application_cryptogram_agrees_with_another_library(key: bytes, data: bytes) -> None:
    """Every length, also empty and aligned."""
    assert application_cryptogram(TRIPLE_DES, key, data) == ac.generate_ac(key, data, ac.PaddingType.EMV)
    assert application_cryptogram(SM4, key, data) == sm4_mac(key, data)


@given(keys16, st.binary(min_size=8, max_size=8), st.binary(min_size=2, max_size=2))
def test_a_response_cryptogram_agrees_with_another_library(key: bytes, arqc: bytes, code: bytes) -> None:
    assert response_cryptogram(TRIPLE_DES, key, arqc, code) == ac.generate_arpc_1(key, arqc, code)
    block = xor(arqc, code + bytes(6)) + bytes(8)
    assert response_cryptogram(SM4, key, arqc, code) == Reference("SM4").blocks(key, block)[:8]


@pytest.mark.parametrize(("arqc", "code"), [(7, 2), (9, 2), (8, 1), (8, 3)])
def test_a_response_cryptogram_needs_a_cryptogram_and_a_code(arqc: int, code: int) -> None:
    with pytest.raises(ValueError, match="8 bytes, a response code 2"):
        response_cryptogram(TRIPLE_DES, KEY, bytes(arqc), bytes(code))


def test_version_17_signs_amount_number_counter_and_one_byte_of_results() -> None:
    """The first byte after the length of the results, as byte 5 of the issuer application data."""
    terminal = {AMOUNT: raw("000000001234"), UNPREDICTABLE: raw("DEADBEEF"), TVR: raw("8000000000")}
    data = cryptogram_data(0x17, terminal, raw("7C00"), 0x0102, raw("03A4B5C6"))
    assert data.hex().upper() == "000000001234DEADBEEF0102A4"


def test_the_input_of_a_cryptogram_is_complete_or_refused() -> None:
    terminal = {AMOUNT: bytes(6), UNPREDICTABLE: bytes(4)}
    with pytest.raises(ValueError, match="9F03 has 6 bytes, not 0"):
        cryptogram_data(0x01, terminal, bytes(2), 1, bytes(4))
    with pytest.raises(ValueError, match="9F37 has 4 bytes, not 5"):
        cryptogram_data(0x17, {**terminal, UNPREDICTABLE: bytes(5)}, bytes(2), 1, bytes(4))
    with pytest.raises(ValueError, match="version 10"):
        cryptogram_data(0x10, terminal, bytes(2), 1, bytes(4))
    for profile, results in ((bytes(3), bytes(4)), (bytes(2), bytes(3))):
        with pytest.raises(ValueError, match="2 bytes, verification results 4"):
            cryptogram_data(0x17, terminal, profile, 1, results)


@BOTH
@given(keys16, counters, st.sampled_from((5, 10)), st.data())
def test_the_mac_of_discretionary_data_is_over_whole_blocks_and_one_more(
    which: Suite, key: bytes, atc: int, length: int, data: st.DataObject
) -> None:
    """5 bytes and the counter make 7, filled to 8; 10 make 12, filled to 16; then 80 and zeros."""
    value = data.draw(st.binary(min_size=length, max_size=length))
    filled = (atc.to_bytes(2) + value).ljust(8 if length == 5 and which is TRIPLE_DES else 16, b"\x00")
    assert discretionary_mac(which, key, atc, value) == full_mac(which, key, filled)[:4]


@BOTH
@given(keys16, counters, st.binary(min_size=8, max_size=8), st.binary(max_size=40))
def test_a_script_mac_covers_header_counter_cryptogram_and_data(
    which: Suite, key: bytes, atc: int, first: bytes, data: bytes
) -> None:
    header = bytes((0x84, 0x24, 0, 0, len(data) + 4))
    made = script_mac(which, key, header, atc, first, data)
    assert made == full_mac(which, key, header + atc.to_bytes(2) + first + data)[:4]
    if which is TRIPLE_DES:
        assert made == sm.generate_command_mac(key, header + atc.to_bytes(2) + first + data, 4)


def test_a_script_without_data_is_a_script_with_none() -> None:
    header = raw("8416000004")
    assert script_mac(SM4, KEY, header, 1, bytes(8)) == script_mac(SM4, KEY, header, 1, bytes(8), b"")


@pytest.mark.parametrize(("header", "first"), [(4, 8), (6, 8), (5, 7), (5, 9)])
def test_a_script_mac_needs_a_whole_header_and_cryptogram(header: int, first: int) -> None:
    with pytest.raises(ValueError, match="5 bytes, a cryptogram 8"):
        script_mac(TRIPLE_DES, KEY, bytes(header), 1, bytes(first))


# -- PIN -----------------------------------------------------------------------------------------


@given(keys16, keys16, pins, st.one_of(st.none(), pins))
def test_a_sealed_pin_agrees_with_another_library(key: bytes, card: bytes, pin: str, current: str | None) -> None:
    block = sm.format_vis_pin_block(card, pin, current)
    expected = sm.encrypt_command_data(key, block, sm.EncryptionType.VISA)
    assert seal_pin(TRIPLE_DES, key, card[:8], pin, current or "") == expected
    assert open_pin(TRIPLE_DES, key, card[:8], expected, current or "") == pin
    padded = b"\x08" + block + b"\x80" + bytes(6)
    enciphered = Reference("SM4").blocks(key, padded)
    assert seal_pin(SM4, key, card[:8], pin, current or "") == enciphered
    assert open_pin(SM4, key, card[:8], enciphered, current or "") == pin


@BOTH
def test_a_pin_opens_only_with_the_keys_and_the_current_pin_it_was_sealed_with(which: Suite) -> None:
    sealed = seal_pin(which, KEY, HALF, "123456", "654321")
    assert open_pin(which, KEY, HALF, sealed, "654321") == "123456"
    with pytest.raises(CipherDataWrong):
        open_pin(which, KEY[::-1], HALF, sealed, "654321")
    for half, current in ((HALF, ""), (HALF, "654320"), (HALF[::-1], "654321")):
        try:
            opened = open_pin(which, KEY, half, sealed, current)
        except CipherDataWrong:
            continue
        assert opened != "123456"  # a difference that leaves digits cannot be seen


@BOTH
@pytest.mark.parametrize(
    "block",
    [
        "03123FFFFFFFFFFF",  # too short
        "0D1234567890123F",  # too long: 13 digits
        "0512345FFFFFFFF0",  # not filled with F
        "061234FFFFFFFFFF",  # fewer digits than said
        "041234567FFFFFFF",  # more
        "241234FFFFFFFFFF",  # another format
        "04123AFFFFFFFFFF",  # not digits
        "0412F4FFFFFFFFFF",
        "041234FFFFFFFF",  # not 8 bytes
        "041234FFFFFFFFFFFF",
    ],
)
def test_what_is_no_pin_block_is_refused(which: Suite, block: str) -> None:
    data = raw(block)
    mask = (bytes(4) + HALF[4:]).ljust(len(data), b"\x00")[: len(data)]
    plain = bytes((len(data),)) + xor(data, mask)
    plain += b"\x80" + bytes(-(len(plain) + 1) % which.block) if len(plain) % which.block else b""
    with pytest.raises(CipherDataWrong) as refusal:
        open_pin(which, KEY, HALF, Reference(which.name).blocks(KEY, plain))
    assert "1234" not in refusal.value.reason


@BOTH
def test_data_that_are_no_sealed_block_are_refused(which: Suite) -> None:
    sealed = seal_pin(which, KEY, HALF, "123456")
    for wrong in (b"", sealed[:-1], sealed[: len(sealed) - which.block], sealed[:-1] + bytes((sealed[-1] ^ 1,))):
        with pytest.raises(CipherDataWrong):
            open_pin(which, KEY, HALF, wrong)


@pytest.mark.parametrize("pin", ["", "123", "1234567890123", "12345A", "１２３４"])
def test_a_pin_has_four_to_twelve_digits(pin: str) -> None:
    with pytest.raises(ValueError, match="4 to 12 digits") as refusal:
        seal_pin(TRIPLE_DES, KEY, HALF, pin)
    assert not pin or pin not in str(refusal.value)
    if pin:  # an empty current PIN means none
        with pytest.raises(ValueError, match="4 to 12 digits"):
            seal_pin(TRIPLE_DES, KEY, HALF, "1234", pin)


@pytest.mark.parametrize("length", [7, 9, 16])
def test_half_a_key_has_eight_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        seal_pin(TRIPLE_DES, KEY, bytes(length), "1234")
    with pytest.raises(ValueError, match=f"not {length}"):
        open_pin(TRIPLE_DES, KEY, bytes(length), seal_pin(TRIPLE_DES, KEY, HALF, "1234"))


def test_a_single_length_key_makes_no_cryptogram_of_a_double_length_one() -> None:
    """The whole key counts: with equal halves the retail MAC is plain CBC, else it is not."""
    data = bytes(range(20))
    equal = application_cryptogram(TRIPLE_DES, HALF + HALF, data)
    assert equal[:4] == DES.mac(HALF, data)
    assert application_cryptogram(TRIPLE_DES, KEY, data)[:4] != DES.mac(HALF, data)
