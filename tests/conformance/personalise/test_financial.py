"""Personalising a financial environment: what its commands take and what they refuse (Part 4, 5.2 to 5.4).

That the card that comes out is the issued one, cell by cell, shows
`unit/emulator/test_personaliser.py`; here commands are written down by hand, after the layouts of the coding.
"""

from functools import cache
from typing import Final

import pytest

from cardfs.memory.store import MemoryStore
from cardfs.model.files import CommandSet, DfKind, Phase
from keys.records import KeyRef, Usage
from tests.kit.card import MF, SSSE
from tests.kit.cuts import Cells, TornBench, built
from tests.kit.reference import Reference

PSE, EDEP, DEBIT = "3F00/DDF2", "3F00/DDF2/3F01", "3F00/DDF2/3F02"
FMK, EMK, CMK = KeyRef(PSE, "FMK"), KeyRef(SSSE, "EMK"), KeyRef(MF, "CMK")
VALUE: Final = bytes(range(0x21, 0x31)).hex()


@cache
def before(profile: str, title: str) -> Cells:
    whole = built(profile)
    return whole.cells[whole.at(title)]


def building(*fids: str, master: KeyRef | None = FMK) -> TornBench:
    """A bank card whose environment is complete but for its final master key, in one of its DFs."""
    bench = TornBench(MemoryStore(dict(before("pboc", "replace FMK"))))
    bench.select("DDF2")
    if master:
        bench.master(master)
    for fid in fids:
        bench.select(fid)
    return bench


def social_building() -> TornBench:
    bench = TornBench(MemoryStore(dict(before("ssc-2.0", "replace EMK"))))
    bench.select("DDF1")
    bench.master(EMK)
    return bench


def command(header: str, data: str) -> str:
    return f"{header}{len(data) // 2:02X}{data}"


def load(bench: TornBench, mode: str, plain: str, controlling: KeyRef) -> str:
    """WRITE KEY with cipher and MAC under the key in control (Part 9, 7.1.3)."""
    value = bench.card.image.keys[controlling, 1].value
    rules = Reference("3DES")
    cipher = rules.encrypt(value, bytes.fromhex(plain))
    covered = bytes.fromhex(f"84D4{mode}00") + bytes((len(cipher) + 4,)) + cipher
    return bench.send(covered + rules.key_load_mac(value, bench.challenge(), covered))


# -- directories -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "command_set"), [("12", CommandSet.FINANCIAL), ("22", CommandSet.PURSE), ("32", CommandSet.DEBIT)], ids=str
)
def test_an_application_of_the_environment_has_rules_and_an_fci_of_its_own(kind: str, command_set: CommandSet) -> None:
    bench = building()
    name = "A00000000386980799"
    data = f"3F0A{kind}FF0000" + "05" + "8701029F11"[:10] + name
    assert bench.send(command("80E00100", data)) == "9000"
    df = bench.card.image.dfs[f"{PSE}/3F0A"]
    assert (df.command_set, df.kind, df.proprietary.hex(), df.name.hex().upper()) == (
        command_set,
        DfKind.ADF,
        "8701029f11",
        name,
    )
    assert bench.word(command("00A40400", name)) == "9000"


@pytest.mark.parametrize("kind", ["02", "42", "F2"])
def test_no_other_application_stands_in_the_environment(kind: str) -> None:
    bench = building()
    before_it = bench.cells()
    assert bench.send(command("80E00100", f"3F0A{kind}FF0000" + "4142434445")) == "6A80"
    assert bench.cells() == before_it


@pytest.mark.parametrize("kind", ["12", "22", "32"])
def test_no_financial_application_stands_in_the_social_security_environment(kind: str) -> None:
    bench = social_building()
    assert bench.send(command("80E00100", f"DF0A{kind}FF0000" + "00" + "4142434445")) == "6A80"
    assert bench.send(command("80E00100", "DF0A02FF0000" + "4142434445")) == "9000"


@pytest.mark.parametrize(("kind", "word"), [("01", "9000"), ("11", "9000"), ("21", "6A80"), ("31", "6A80")])
def test_an_environment_is_of_one_world_or_the_other(kind: str, word: str) -> None:
    bench = TornBench(MemoryStore(dict(before("pboc", "create PSE"))))
    bench.master(CMK)
    more = "" if kind == "01" else "00"
    assert bench.send(command("80E00100", f"DDF5{kind}FF0100" + more + "4142434445")) == word
    if word == "9000":
        df = bench.card.image.dfs[f"{MF}/DDF5"]
        assert (df.command_set is CommandSet.FINANCIAL) is (kind == "11")
        assert df.phase is Phase.CREATED


def test_an_fci_that_would_be_too_long_is_refused() -> None:
    """A name of 5 bytes and tag 88 leave 240 of 256 bytes: 6F81FD 8405... A581F3 880101."""
    bench = building()
    cells = bench.cells()
    for length, word in ((0xF1, "6A80"), (0xF0, "9000")):
        own = f"8581{length - 3:02X}" + "AB" * (length - 3)
        assert bench.send(command("80E00100", f"3F0A12FF0100{length:02X}{own}4142434445")) == word
        assert (bench.cells() == cells) is (word == "6A80")


def test_a_file_that_the_fci_of_a_purse_could_not_show_is_refused() -> None:
    """EF 0015 stands whole in the FCI: 6F81FD 8409... A581EF 9F080102 9F0C81E7 and 231 are 256."""
    bench = building("3F01")
    assert bench.send("80E1000102" + "0015") == "9000"
    cells = bench.cells()
    for size, word in ((0xE8, "6A80"), (0xE7, "9000")):
        assert bench.send(f"80E001000D0015C41500{size:04X}0000" + "0100" + "0100") == word
        assert (bench.cells() == cells) is (word == "6A80")


# -- data --------------------------------------------------------------------------------------------------------


def test_data_go_into_a_file_at_their_place_and_leave_the_rest() -> None:
    bench = building("3F01")
    path = f"{EDEP}/0001"
    assert bench.send(command("80E00600", "0001" + "0003" + "AABB")) == "9000"
    assert bench.card.image.contents[path] == bytes(3) + b"\xaa\xbb" + bytes(17)
    assert bench.send(command("80E00600", "0001" + "0014" + "CCDD")) == "9000"
    assert bench.card.image.contents[path] == bytes(3) + b"\xaa\xbb" + bytes(15) + b"\xcc\xdd"


def test_a_cyclic_file_gets_a_new_newest_record_and_a_linear_one_the_record_named() -> None:
    bench = building("3F01")
    for byte in ("11", "22"):
        assert bench.send(command("80E00600", "0018" + "0000" + byte * 23)) == "9000"
    assert bench.card.image.contents[f"{EDEP}/0018"] == (b"\x22" * 23, b"\x11" * 23)
    for number, data in (("0001", "A1A2"), ("0002", "B1"), ("0001", "C1C2C3")):
        assert bench.send(command("80E00600", "0019" + number + data)) == "9000"
    assert bench.card.image.contents[f"{EDEP}/0019"] == (b"\xc1\xc2\xc3", b"\xb1")


@pytest.mark.parametrize(
    "data",
    [
        "00010015AABB",  # one byte too far
        "0001FFFFAA",
        "00770000AA",  # no such file
        "00180000AABB",  # a record of another length
        "00190003AA",  # a gap between records
        "0019",
        "00",
    ],
)
def test_data_that_do_not_fit_are_refused(data: str) -> None:
    bench = building("3F01")
    was = bench.cells()
    assert bench.send(command("80E00600", data)) == "6A80"
    assert bench.cells() == was


@pytest.mark.clause(
    "Part 4, 5.4", "the files below the environment are written under its master key, until the handover"
)
def test_data_need_the_master_key_in_control_and_personalisation_that_goes_on() -> None:
    data = command("80E00600", "0001" + "0000" + "AABB")
    bench = building("3F01", master=None)
    was = bench.cells()
    assert bench.send(data) == "6982"
    assert bench.send(command("80E00600", "00")) == "6982", "the right comes before the data"
    bench.card._session = bench.card.session._replace(proofs=frozenset((CMK,)))
    assert bench.send(data) == "6982"
    assert bench.cells() == was
    finished = TornBench(MemoryStore(dict(built("pboc").cells[-1])))
    finished.select("DDF2")
    finished.select("3F01")
    finished.card._session = finished.card.session._replace(proofs=frozenset((FMK,)))
    assert finished.send(data) == "6985"


# -- keys --------------------------------------------------------------------------------------------------------


def test_a_key_brings_index_and_algorithm_along() -> None:
    for identifier, algorithm in (("00", 0), ("04", 4), ("FF", None)):
        bench = building("3F01")
        assert load(bench, "00", f"090702{identifier}00000010{VALUE}", FMK) == "9000"
        key = bench.card.image.keys[KeyRef(EDEP, "PURCHASE07"), 2]
        assert (key.usage, key.kid, key.version, key.algorithm) == (Usage.PURCHASE, 7, 2, algorithm)


def test_one_index_serves_every_function() -> None:
    bench = building("3F01")
    for kind in ("08", "09", "0A", "10", "11", "12", "13", "14", "15"):
        assert load(bench, "00", f"{kind}0301FF00000010{VALUE}", FMK) == "9000", kind
    assert load(bench, "00", f"090301FF00000010{VALUE}", FMK) == "6A80", "it is there"


@pytest.mark.parametrize("kind", ["10", "11", "12", "13", "14", "15", "16"])
def test_functions_of_the_financial_world_are_unknown_in_the_other(kind: str) -> None:
    bench = social_building()
    assert load(bench, "00", f"{kind}0E010000000010{VALUE}", EMK) == "6A80"


def test_a_key_of_the_social_security_world_has_no_algorithm_byte() -> None:
    bench = social_building()
    assert load(bench, "00", f"0D0E010433000010{VALUE}", EMK) == "6A80"
    assert load(bench, "00", f"0D0E010033000010{VALUE}", EMK) == "9000"


PRIMES: Final = "FB" + "11" * 62 + "01" + "FD" + "33" * 62 + "03"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("000003" + PRIMES, "9000"),
        ("010001" + PRIMES, "9000"),
        ("000005" + PRIMES, "6A80"),  # no exponent that EMV allows
        ("000003" + PRIMES[:-2], "6A80"),  # of two lengths
        ("000003" + PRIMES[:126] + "02" + PRIMES[128:], "6A80"),  # even
        ("000003" + PRIMES[:-2] + "02", "6A80"),
    ],
)
def test_an_rsa_key_is_an_exponent_and_two_primes(value: str, word: str) -> None:
    bench = building("3F02")
    ref = KeyRef(DEBIT, "ICCKEY")
    assert load(bench, "01", f"16FF01FF000000{len(value) // 2:02X}{value}", FMK) == word
    assert (bench.card.image.keys[ref, 1].value.hex().upper() == value) is (word == "9000")


def test_only_an_rsa_key_is_longer_than_its_field() -> None:
    bench = building("3F01")
    value = "000003" + PRIMES
    assert load(bench, "00", f"090701FF000000{len(value) // 2:02X}{value}", FMK) == "6A80"
    assert load(bench, "00", f"16FF01FF00000010{VALUE}", FMK) == "6A80"


def test_lengths_between_a_key_and_an_rsa_key_are_none() -> None:
    bench = building("3F02")
    for length in (0x28, 0x2C, 0x40, 0x49, 0xFD):
        assert bench.send(command("84D40000", "00" * length)) == "6700", length
    for length in (0x20, 0x48, 0xF8):
        assert bench.send(command("84D40000", "00" * length)) == "6987", length


@pytest.mark.clause("Part 4, 5.4", "the master key of the environment controls its own update")
def test_the_master_key_replaces_itself_also_in_use_and_keys_of_applications_with_it() -> None:
    bench = TornBench(MemoryStore(dict(built("pboc").cells[-1])))
    bench.select("DDF2")
    assert load(bench, "01", f"00FF01FF33000010{VALUE}", FMK) == "9000"
    assert bench.card.image.keys[FMK, 1].value.hex() == VALUE
    bench.select("3F01")
    other = VALUE[2:] + "77"
    assert load(bench, "01", f"0901010000000010{other}", FMK) == "9000"
    assert bench.card.image.keys[KeyRef(EDEP, "DPK"), 1].value.hex() == other
    assert load(bench, "00", f"0909010000000010{other}", FMK) == "6985", "no new ones"
