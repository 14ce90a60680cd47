"""Published numbers of passbook and purse, and whole published traces on a card that holds their keys."""

import json
from dataclasses import replace
from typing import Final

import pytest

from keys import purse as crypto
from keys.errors import CipherDataWrong
from keys.suites import DES, SM4, SUITES, TRIPLE_DES
from tests.kit.card import scripted
from tests.kit.places import DATA
from tests.kit.purse import ADF, AID, PUBLIC, PurseBench, contents, line_mac, mac, session_key, tac
from tests.kit.reference import Reference

SUITE_NAMES: Final = ("3DES", "DES", "SM4")
VECTORS: Final = json.loads((DATA / "financial.json").read_text(encoding="utf-8"))


# -- computations -----------------------------------------------------------------------------------------


def vector(name: str) -> dict[str, str]:
    """A published number."""
    return next(each for each in VECTORS if each["id"] == name)


@pytest.mark.parametrize("name", ["LOAD.SESLK", "T1.load#1.SESLK", "T1.load#2.SESLK"])
def test_published_session_keys_of_online_trades(name: str) -> None:
    given = vector(name)
    data = bytes.fromhex(given["data"])
    assert data[6:] == crypto.ONLINE_TAIL
    key = crypto.online_key(TRIPLE_DES, bytes.fromhex(given["key"]), data[:4], data[4:6])
    assert key.hex().upper() == given["expect"]


@pytest.mark.parametrize("name", ["PURCH.SESPK", "T1.purch.SESPK"])
def test_published_session_keys_of_offline_trades(name: str) -> None:
    given = vector(name)
    data = bytes.fromhex(given["data"])
    key = crypto.offline_key(TRIPLE_DES, bytes.fromhex(given["key"]), data[:4], data[4:6], b"\xaa\xbb" + data[6:])
    assert key.hex().upper() == given["expect"]


@pytest.mark.parametrize(
    "name", [each["id"] for each in VECTORS if each["kind"] == "mac-alg1" and not each["id"].endswith("TAC")]
)
def test_published_macs_of_trades(name: str) -> None:
    given = vector(name)
    assert (
        crypto.trade_mac(TRIPLE_DES, bytes.fromhex(given["key"]), bytes.fromhex(given["data"])).hex().upper()
        == (given["expect"])
    )


@pytest.mark.parametrize("name", ["T1.load#2.TAC", "T1.purch.TAC"])
def test_published_tacs(name: str) -> None:
    given = vector(name)
    dtk = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    assert crypto.tac(TRIPLE_DES, dtk, bytes.fromhex(given["data"])).hex().upper() == given["expect"]


def test_the_published_mac_of_a_line_protected_command() -> None:
    given = vector("T5.lineMAC")
    key, data = bytes.fromhex(given["key"]), bytes.fromhex(given["data"])
    assert crypto.line_mac(TRIPLE_DES, key, bytes.fromhex("5D72B3FD"), data).hex().upper() == given["expect"]


def test_the_published_cipher_of_a_line_protected_command() -> None:
    given = vector("T5.enc")
    plain = bytes.fromhex(given["data"])
    cipher = bytes.fromhex(given["expect"])
    assert crypto.decipher(TRIPLE_DES, bytes.fromhex(given["key"]), cipher) == plain[1 : 1 + plain[0]]


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_enciphered_data_are_padded_to_whole_blocks_or_by_one_more(suite: str) -> None:
    rules, other = SUITES[suite], Reference(suite)
    key = bytes(range(0x10, 0x10 + rules.key_length))
    block = rules.block
    aligned = bytes((block - 1,)) + bytes(range(block - 1))
    short = b"\x03\xa1\xa2\xa3\x80" + bytes(block - 5)
    for plain in (aligned, aligned + b"\x80" + bytes(block - 1), short):
        assert crypto.decipher(rules, key, other.blocks(key, plain)) == plain[1 : 1 + plain[0]]
    for wrong in (
        aligned + b"\x80" + bytes(2 * block - 1),
        aligned + bytes(block),
        b"\x03\xa1\xa2\xa3" + bytes(block - 4),
        bytes((block,)) + bytes(block - 1),
    ):
        with pytest.raises(CipherDataWrong):
            crypto.decipher(rules, key, other.blocks(key, wrong))
    for partial in (b"", bytes(block - 1)):
        with pytest.raises(CipherDataWrong):
            crypto.decipher(rules, key, partial)


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("length", [0, 1, 7, 8, 15, 16, 17, 40])
def test_the_computations_against_independent_ones(suite: str, length: int) -> None:
    rules = SUITES[suite]
    key = bytes(range(0x10, 0x10 + rules.key_length))
    data = bytes(range(length))
    random, counter, sequence = b"\x01\x02\x03\x04", b"\xaa\xbb", b"\xc1\xc2\xc3\xc4"
    assert crypto.online_key(rules, key, random, counter) == session_key(suite, key, random + counter + b"\x80\x00")
    assert crypto.offline_key(rules, key, random, counter, sequence) == session_key(
        suite, key, random + counter + b"\xc3\xc4"
    )
    session = session_key(suite, key, bytes(8))
    assert crypto.trade_mac(rules, session, data) == mac(suite, session, data)
    assert crypto.tac(rules, key, data) == crypto.reload_mac(rules, key, data) == tac(suite, key, data)
    for challenge in (b"", b"\x0f" * 4, b"\xf0" * 8):
        assert crypto.line_mac(rules, key, challenge, data) == line_mac(suite, key, challenge, data)


def test_a_session_key_comes_from_eight_bytes_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        crypto.online_key(DES, bytes(8), bytes(4), bytes(3))
    with pytest.raises(ValueError, match="8 bytes"):
        crypto.offline_key(SM4, bytes(16), bytes(3), bytes(2), bytes(4))


# -- published traces, whole APDUs --------------------------------------------------------------------------

DEBUGGED: Final = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
"""All keys of the e-wallet debugging record."""
SIMPLE: Final = {
    name: bytes.fromhex(half * 8 + "1122334455667788") for name, half in (("DPK0", "3E"), ("DLK1", "3F"), ("DTK", "34"))
}
"""Keys of the simple test environment: the type eight times, then 11 to 88."""


def traced(randoms: tuple[str, ...], keys: tuple[tuple[str, int, int, int, bytes], ...], pin: bytes) -> PurseBench:
    """A card that holds the keys of a trace, and draws its randoms.

    Args:
        keys: name, index, version, algorithm, value.
    """
    made = contents(pin=pin, without=("PIN",) if not pin else ())
    found = {ref.name: (ref, key) for (ref, _), key in made.keys.items() if ref.owner == ADF}
    changed = {
        (found[name][0], version): replace(found[name][1], kid=index, version=version, algorithm=algorithm, value=value)
        for name, index, version, algorithm, value in keys
    }
    named = {name for name, *_ in keys}
    kept = {at: key for at, key in made.keys.items() if at[0].name not in named}
    return PurseBench(card_contents=replace(made, keys={**kept, **changed}), random=scripted(*randoms))


def replay(bench: PurseBench, *dialogue: tuple[str, str]) -> None:
    """Send whole commands; whole answers are expected."""
    for command, answer in dialogue:
        assert bench.send(command) == answer.replace(" ", "").upper(), bench.reason


def test_the_published_load_and_purchase_of_a_real_card() -> None:
    """E-wallet debugging record: a load begun and left, the load, the purchase."""
    keys = (
        ("DLK2", 2, 0, 0, DEBUGGED),
        ("DLK1", 1, 1, 0, DEBUGGED),
        ("DPK0", 0, 0, 0, DEBUGGED),
        ("DTK", 0, 1, 1, DEBUGGED),
    )
    bench = traced(("E0B84748", "C903814D", "584633C9"), keys, b"")
    replay(
        bench,
        ("805000020B020000200000112233445510", "00000000 0000 00 00 E0B84748 EA411F90 9000"),
        ("805000020B010000200000112233445510", "00000000 0000 01 00 C903814D 03976C22 9000"),
        ("805200000B201612161058008AFA571804", "FA00066D 9000"),
        ("805C000204", "00002000 9000"),
        ("805001020B0000000001001122334455", "00002000 0000 000000 00 00 584633C9 9000"),
        ("805401000F0000000020161216134600D45737C508", "8AF270DC 66B54A6B 9000"),
        ("805C000204", "00001FFF 9000"),
    )


def test_the_published_load_of_a_simple_test_environment() -> None:
    """Its PIN is verified before the load, its log has the counter after the load."""
    keys = (
        ("DLK1", 0, 0, 1, SIMPLE["DLK1"]),
        ("DPK0", 0, 0, 1, SIMPLE["DPK0"]),
        ("DTK", 0, 0, 1, SIMPLE["DTK"]),
    )
    bench = traced(("4E066548",), keys, bytes.fromhex("1234"))
    replay(
        bench,
        ("805C000204", "00000000 9000"),
        ("00200000021234", "9000"),
        ("805000020B000000001066666666666610", "00000000 0000 00 01 4E066548 0D39ADBB 9000"),
        ("805200000B20240411212121097E98FE04", "A802863E 9000"),
        ("805C000204", "00000010 9000"),
        ("00B201C400", "0001 000000 00000010 02 666666666666 20240411 212121 9000"),
    )


def test_selection_answers_the_published_fci() -> None:
    """The FMCOS 2.0 manual, 8.3: the same bytes around another serial number."""
    assert PurseBench().select() == f"6F2E8409{AID.hex()}A5219F0C1E{PUBLIC.hex()}9000".upper()
    assert PurseBench(without=("0015",)).select() == f"6F0B8409{AID.hex()}9000".upper()


def test_the_fci_has_the_tlvs_of_the_application_too() -> None:
    made = contents()
    made = replace(made, dfs={**made.dfs, ADF: replace(made.dfs[ADF], proprietary=bytes.fromhex("500450424F43"))})
    assert f"A527500450424F439F0C1E{PUBLIC.hex()}9000".upper() in PurseBench(card_contents=made).select()
