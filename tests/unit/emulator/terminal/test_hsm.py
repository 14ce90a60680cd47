"""The software HSM: its addresses, its computations against independent ones, its refusals."""

import csv
import re

import pytest

from cardfs.model.settings import CryptoSettings
from emulator.terminal import Hsm, HsmCard, Settings, TerminalError, TerminalSettings
from emulator.terminal.keytable import ADDRESSES, TABLE, address_of
from tests.kit.card import HISTORICAL, REGION, reference_key
from tests.kit.places import DATA
from tests.kit.reference import Reference
from tests.kit.terminal import CARD, TIME, demo_roots, roots_without, settings, tac

TABLES = DATA / "keys.csv"
FACTOR, ORIGINAL = "0102030405060708", "A0A1A2A3A4A5A6A7"
SUITES = {"01": "3DES", "03": "SM4"}


def listed() -> list[dict[str, str]]:
    """The list of keys, made from the standard's tables."""
    with TABLES.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hsm(**changes: str) -> Hsm:
    return Hsm(demo_roots(), settings(**changes))


# Addresses ------------------------------------------------------------------------------------------


def test_the_addresses_are_all_155_of_appendix_b() -> None:
    """Terminal interface, appendix B; of DPK three versions with three groups each."""
    expected = {}
    for row in listed():
        ranges = [part.split("-") for part in row["hsm_address"].split(";") if part]
        for version, (first, *last) in enumerate(ranges, 1):
            start = int(first, 16)
            for group in range(int((last or [first])[0], 16) - start + 1):
                which = version if row["name"] == "DPK" else group + 1
                expected[start + group] = (row["name"], which, group + 1)
    assert expected == ADDRESSES
    assert len(ADDRESSES) == 155


def test_the_identifiers_in_a_psam_are_those_of_the_lists() -> None:
    """Part 9, appendix B; terminal interface, appendix B."""
    for row in listed():
        if not row["psam_usage_id"] or row["name"] == "DPK":
            continue
        variants = [part.split("/") for part in row["psam_usage_id"].split(";")]
        key = TABLE[row["name"]]
        assert {identifier for _, identifier in variants} == {f"{key.identifier:02X}"}
        assert {int(usage, 16) & 0x1F for usage, _ in variants} <= set(key.kinds), row["name"]


@pytest.mark.parametrize(
    ("name", "version", "address"),
    [
        ("PUK", 1, "0090"),
        ("STK", 1, "0173"),
        ("IRK", 3, "0172"),
        ("DTK", 1, "00B5"),
        ("DPK", 1, "017F"),
        ("DPK", 2, "0199"),
        ("DPK", 3, "019C"),
        ("DPK", 4, ""),
        ("PUK", 2, ""),
        ("UK1DF06", 1, ""),
        ("nothing", 1, ""),
    ],
)
def test_a_key_is_found_by_its_address(name: str, version: int, address: str) -> None:
    assert address_of(name, version) == address


# Computations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", SUITES)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_authentication_data_are_those_of_the_derived_key(algorithm: str, version: int) -> None:
    """Part 4, 9.3; Part 9, 7.3."""
    suite = SUITES[algorithm]
    expected = Reference(suite).auth(
        reference_key("IRK", suite, version), bytes.fromhex(FACTOR), bytes.fromhex(ORIGINAL)
    )
    text = f"{algorithm}|{address_of('IRK', version)}|{FACTOR}|{ORIGINAL}|"
    assert hsm().authentication(text, CARD) == expected.hex().upper() + ORIGINAL


@pytest.mark.parametrize("algorithm", SUITES)
@pytest.mark.parametrize("plain", ["", "123456", "1234567890123456"])
def test_a_command_is_enciphered_and_has_its_mac(algorithm: str, plain: str) -> None:
    """Part 4, 8.2 and 8.3; STK has 8 bytes in the DES world (Part 9, appendix B, note ***)."""
    suite = "SM4" if algorithm == "03" else "DES"
    rules = Reference(suite)
    session = rules.session_key(reference_key("STK", suite), bytes.fromhex(FACTOR))
    cipher = rules.encrypt(session, bytes.fromhex(plain)) if plain else b""
    covered = bytes.fromhex("84240001") + bytes((len(cipher) + 4,)) + cipher
    expected = (covered + rules.mac(session, covered)).hex().upper()
    text = f"{algorithm}|0173|{FACTOR}|{covered[:5].hex().upper()}|{plain}|"
    assert hsm().secured(text, CARD) == expected


@pytest.mark.parametrize("algorithm", SUITES)
@pytest.mark.parametrize("type_byte", ["ascii", "binary"])
def test_the_macs_of_a_purchase(algorithm: str, type_byte: str) -> None:
    """Part 7, 12.2, 12.3 and 12.6; the terminal sequence is the HSM's own and grows."""
    rules = Reference(SUITES[algorithm])
    module = hsm(type_byte=type_byte)
    random, sequence, amounts, number = "11223344", "0007", "000004E2000003E8", "519900000007"
    kind = {"ascii": "32", "binary": "02"}[type_byte]
    text = f"{algorithm}|0199|{random}|{sequence}|{amounts}|2|{number}|{TIME}|"
    for terminal_sequence in ("00000001", "00000002"):
        given, time, mac1, _ = module.purchase(text, CARD).split("|")
        key = reference_key("DPK", SUITES[algorithm], 2)
        session = rules.session_key(key, bytes.fromhex(random + sequence + terminal_sequence[4:]))
        single = rules if algorithm == "03" else Reference("DES")
        covered = bytes.fromhex("00000000" + amounts + kind + number + TIME)
        assert (given, time, mac1) == (terminal_sequence, TIME, single.mac(session, covered).hex().upper())
        mac2 = single.mac(session, bytes.fromhex("00000000" + amounts)).hex().upper()
        head = f"{algorithm}|00B5|{amounts}|2|{number}|{terminal_sequence}|{TIME}"
        last = tac(SUITES[algorithm], bytes.fromhex("00000000" + amounts + kind + number + terminal_sequence + TIME))
        unknown = head.replace(f"|{terminal_sequence}|", "|00000009|")
        assert not module.check_mac2(f"{mac2}|{unknown}|{last}|")
        assert module.check_mac2(f"{mac2}|{head}|{last}|")
        assert not module.check_mac2(f"{mac2}|{head}|{last}|"), "once"
        assert module.check_tac(f"{head}|{last}|", CARD)
        assert module.check_tac(f"{mac2}|{head}|{last}|", CARD)
        assert not module.check_tac(f"{head}|{last[:-1]}{'0' if last[-1] != '0' else '1'}|", CARD)


def test_three_amounts_are_all_that_there_are() -> None:
    module = hsm(debit_amounts="account")
    two = module.purchase(f"01|017F|11223344|0007|{'00' * 7}05|2|519900000007|{TIME}|", CARD).split("|")[2]
    three = (
        Hsm(demo_roots()).purchase(f"01|017F|11223344|0007|{'00' * 11}05|2|519900000007|{TIME}|", CARD).split("|")[2]
    )
    other = Hsm(demo_roots()).purchase(f"01|017F|11223344|0007|{'00' * 3}01{'00' * 7}05|2|519900000007|{TIME}|", CARD)
    assert two == three
    assert three != other.split("|")[2]


@pytest.mark.parametrize("algorithm", SUITES)
def test_the_macs_of_a_load(algorithm: str) -> None:
    """Part 7, 11.2, 11.5 and 11.8."""
    suite = SUITES[algorithm]
    rules = Reference(suite)
    single = rules if algorithm == "03" else Reference("DES")
    random, sequence, balance, amount, number = "11223344", "0007", "00000064", "00002710", "519900000007"
    session = rules.session_key(reference_key("DLK", suite), bytes.fromhex(random + sequence + "8000"))
    mac1 = single.mac(session, bytes.fromhex(balance + amount + "31" + number)).hex().upper()
    text = f"{algorithm}|00B2|{random}|{sequence}|{balance}|{amount}|1|{number}|{mac1}|"
    mac2 = single.mac(session, bytes.fromhex(amount + "31" + number + TIME)).hex().upper()
    assert hsm().load(text, CARD, TIME) == f"{TIME}|{mac2}|"
    with pytest.raises(TerminalError, match="MAC1 is wrong") as wrong:
        hsm().load(text.replace(mac1, "00000000"), CARD, TIME)
    assert wrong.value.code == -0x9302
    new = "00002774"
    last = tac(suite, bytes.fromhex(new + sequence + amount + "31" + number + TIME))
    output = f"{algorithm}|00B5|{new}|{sequence}|{amount}|1|{number}|{TIME}|{last}|"
    assert hsm().check_load_tac(output, CARD)
    assert not hsm().check_load_tac(output.replace(new, balance), CARD)


def test_a_key_of_zhejiang_takes_four_digits() -> None:
    """Terminal interface, 10.3."""
    card = HsmCard("330100", HISTORICAL)
    suite, key = hsm().key("01", "IRK", 1, card)
    rules = Reference("3DES")
    expected = bytes.fromhex("7AC7FD7F8504FDF2D9F8E510A240EFF2")
    for factor in (b"330000sh", b"330100sx", HISTORICAL[5:]):
        expected = rules.child(expected, factor)
    assert (suite.name, key) == ("3DES", expected)
    other = Settings(crypto=CryptoSettings(zhejiang_rule=False))
    assert Hsm(demo_roots(), other).key("01", "IRK", 1, HsmCard("330101", HISTORICAL))[1] != expected


# Refusals -------------------------------------------------------------------------------------------

REFUSED = {
    "no such address": ("01|0001|{f}|{o}|", -0x6A88, "no key at the address '0001'"),
    "another group of DPK": ("01|0180|{f}|{o}|", -0x6A88, "no key at the address '0180'"),
    "no address": ("01|XYZ|{f}|{o}|", -0x6A88, "no key at the address 'XYZ'"),
    "SSF33": ("02|0170|{f}|{o}|", -2202, "SSF33 is not public"),
    "no algorithm": ("|0170|{f}|{o}|", -2202, "does not have the algorithm ''"),
    "too few fields": ("01|0170|{f}|", -42, "expected 4 fields, each with"),
    "no end": ("01|0170|{f}|{o}", -42, "expected 4 fields, each with"),
    "no hex": ("01|0170|{f}|Z{o}|", -41, "expected hexadecimal digits only"),
    "too short": ("01|0170|{f}|A0|", -42, "expected 16 hexadecimal digits, not 2"),
}


@pytest.mark.parametrize(("text", "code", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused_in_a_sentence(text: str, code: int, sentence: str) -> None:
    with pytest.raises(TerminalError, match=re.escape(sentence)) as caught:
        hsm().authentication(text.format(f=FACTOR, o=ORIGINAL), CARD)
    assert caught.value.code == code


def test_a_root_that_is_missing_is_named_and_no_key_is_shown() -> None:
    module = Hsm(roots_without("IRK"))
    with pytest.raises(TerminalError, match=r"has no root IRK of version 1$") as caught:
        module.authentication(f"01|0170|{FACTOR}|{ORIGINAL}|", CARD)
    assert caught.value.code == -0x6A88
    hsm_with_sessions = hsm()
    hsm_with_sessions.purchase(f"01|017F|11223344|0007|{'00' * 8}|2|519900000007|{TIME}|", CARD)
    shown = repr(hsm_with_sessions)
    assert not any(value.hex()[:16] in shown.lower() for value in demo_roots().values.values())
    assert "_sessions" not in shown


@pytest.mark.parametrize("card", [HsmCard("51990", HISTORICAL), HsmCard("AB9900", HISTORICAL), HsmCard(REGION, b"")])
def test_a_card_without_region_or_serial_has_no_keys(card: HsmCard) -> None:
    with pytest.raises(TerminalError, match="no key can be derived") as caught:
        hsm().authentication(f"01|0170|{FACTOR}|{ORIGINAL}|", card)
    assert caught.value.code == -23


def test_a_header_that_does_not_fit_its_data_is_refused() -> None:
    with pytest.raises(TerminalError, match="Lc in the command's header"):
        hsm().secured(f"01|0173|{FACTOR}|8424000114|1234|", CARD)


def test_the_settings_are_the_terminals() -> None:
    assert hsm(type_byte="binary").settings.terminal == TerminalSettings(type_byte="binary")


def test_a_wrong_mac2_is_told_once() -> None:
    module = hsm()
    key = module.purchase(f"01|017F|11223344|0007|{'00' * 8}|2|519900000007|{TIME}|", CARD)
    sequence = key.split("|")[0]
    assert not module.check_mac2(f"00000000|01|00B5|{'00' * 8}|2|519900000007|{sequence}|{TIME}|00000000|")
