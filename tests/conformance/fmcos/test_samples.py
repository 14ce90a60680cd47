"""Listings that the FMCOS 2.0 manuals print, line by line on a blank card.

Sources: FMCOS2.0专用技术手册 1.1, chapter 2 (发卡范例); FMCOS2.0用户手册, the examples of 7.5 to 7.12. A public account
of issuing an FM1208 has the first listing with the answers of a real card: 9000 to every line, and the FCIs. MACs are
computed independently, for the challenges of this card.
"""

from typing import Final

import pytest

from tests.kit.fmcos import TRIPLE, FmcosBench, create, directory, fmcos_contents, key, write_key

LINE_36: Final = b"\x36" * 16
ADF: Final = "A00000000386980701"

ISSUING: Final = """
80E03F000D38FFFFF0F001FFFFFFFFFFFFFF
80E00000073F005001F0FFFF
80D401000D36F0F0FF33FFFFFFFFFFFFFFFF
80D401001539F0F0AA33FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF
80E00001072A0213F000FFFF
00E200081361114F09A00000000386980701500450424F43
80E03F011138036FF0F095FFFFA00000000386980701
"""
"""建立 MF to 建立 EF, in the MF. The record's length is that of the file: 13 hexadecimal."""

APPLICATION: Final = """
80E00000073F018F95F0FFFF
80D401001534F002000134343434343434343434343434343434
80D401001536F002FF3336363636363636363636363636363636
80D401001537F002FF3337373737373737373737373737373737
80D401001538F002FF3338383838383838383838383838383838
80D401001539F002443339393939393939393939393939393939
80D40101153EF00200013E013E013E013E013E013E013E013E01
80D40102153EF00200013E023E023E023E023E023E023E023E02
80D40101153FF00200013F013F013F013F013F013F013F013F01
80D40102153FF00200013F023F023F023F023F023F023F023F02
80D40101153DF00201003D013D013D013D013D013D013D013D01
80D40102153DF00201003D023D023D023D023D023D023D023D02
80D40101153CF00201003C013C013C013C013C013C013C013C01
80D40102153CF00201003C023C023C023C023C023C023C023C02
80D401000D3AF0EF013312345FFFFFFFFFFF
80E0001507A8001EF0F0FFFF
"""
"""In the ADF, up to the file 15."""

FILE_15: Final = "111122223333000603010006199808170000003019980815199812155566"
FILE_16: Final = "000053414D504C45204341524420414446310000003131303130323938313231383030313005"

REST: Final = """
80E00017072805DCF0F0FFFF
80E00018072E0A17F1EFFFFF
80E00001072F0208F100FF18
80E00002072F0208F000FF18
"""


def listing(bench: FmcosBench, text: str) -> None:
    """Send every line; each is answered 9000."""
    for line in text.split("\n"):
        if line:
            bench.ok(line.replace(" ", ""))


def erased(overrides: str = "") -> FmcosBench:
    """A blank card, its MF erased, as the public accounts begin."""
    bench = FmcosBench(fmcos_contents(overrides))
    bench.ok("800E000000")
    return bench


@pytest.fixture
def issued() -> FmcosBench:
    """A card of the issuing sample, its application selected."""
    bench = erased()
    listing(bench, ISSUING)
    assert bench.ask(f"00A4040009{ADF}") == f"6F0B8409{ADF}9000"
    listing(bench, APPLICATION)
    return bench


def test_the_issuing_sample_runs_on_a_blank_card(issued: FmcosBench) -> None:
    issued.ok(issued.mac("04D69500", bytes.fromhex(FILE_15), LINE_36, length=4))
    issued.ok("80E0001607A80027F0F0FFFF")
    file_16 = bytes.fromhex(FILE_16)
    issued.ok(issued.mac("04D69600", file_16, LINE_36, length=4))
    listing(issued, REST)
    # 7.4: the FCI of the MF, and that of the ADF with its file 15, the version before it as real cards have it.
    assert issued.ask("00A40000023F00") == "6F15840E315041592E5359532E4444463031A5038801019000"
    assert issued.ask(f"00A4040009{ADF}") == f"6F328409{ADF}A5259F0801029F0C1E{FILE_15}9000"
    assert issued.ask(f"00B09600{len(file_16):02X}") == FILE_16 + "9000"
    assert len(issued.ok("00B0970000")) == 256
    assert issued.ask("805C000204") == "000000009000"
    # The record of the directory file, 7.4: DIR, first record.
    issued.ok("00A40000023F00")
    assert issued.ask("00B2010C13") == f"61114F09{ADF}500450424F439000"


def test_without_the_file_15_the_fci_is_that_of_the_manual() -> None:
    """7.4: 6F 2E ... A5 21 9F0C 1E, where the card is asked to leave the version out."""
    bench = erased("edep fci_version none")
    listing(bench, ISSUING)
    bench.ok(f"00A4040009{ADF}")
    listing(bench, APPLICATION)
    bench.ok(bench.mac("04D69500", bytes.fromhex(FILE_15), LINE_36, length=4))
    listing(bench, REST)
    assert bench.ask(f"00A4040009{ADF}") == f"6F2E8409{ADF}A5219F0C1E{FILE_15}9000"


def test_the_mf_is_created_anew_only_when_it_is_empty() -> None:
    bench = FmcosBench()
    mf = "80E03F000D38FFFFF0F001FFFFFFFFFFFFFF"
    assert bench.word(mf) == "6A86"
    bench.ok("800E000000")
    bench.ok(mf)
    bench.ok(create(0x0001, "280008F0F0FFFF"))
    assert bench.word(mf) == "6A86"
    bench.ok("800E000000")
    bench.ok(directory(0x3F01))
    assert bench.word(mf) == "6A86"
    bench.ok("00A40000023F01")
    assert bench.word(mf) == "6A86"


def test_a_created_mf_has_the_name_and_the_rights_that_it_is_given() -> None:
    """4.1.1 and 5.2: creating needs state 1 to F from now on."""
    bench = erased()
    bench.ok("80E03F000E381000F1F002FFFF" + b"SAMPLE".hex())
    assert bench.ask("00A40000023F00") == f"6F0D8406{b'SAMPLE'.hex().upper()}A5038801029000"
    assert bench.ask("00A4040006" + b"SAMPLE".hex())[-4:] == "9000"
    bench.ok(create(0x0001, "3F004001F0FFFF"))
    # Left and entered again, it is open no more.
    bench.ok("00A40000023F00")
    assert bench.word(create(0x0002, "280008F0F0FFFF")) == "6982"


def test_the_memory_of_the_card_is_the_limit() -> None:
    """4.2: each file takes its body and 11 bytes; 8 KByte in all, or what the MF was given."""
    bench = erased()
    bench.ok("80E03F000D380200F0F001FFFFFFFFFFFFFF")
    left = 0x0200 - 11
    bench.ok(create(0x0001, "280064F0F0FFFF"))
    left -= 100 + 11
    bench.ok(directory(0x3F01, b"below", size=0x0010))
    left -= 11 + 5
    bench.ok("00A40000023F01")
    assert bench.word(create(0x0001, f"28{left - 10:04X}F0F0FFFF")) == "6A84"
    bench.ok(create(0x0001, f"28{left - 11:04X}F0F0FFFF"))
    assert bench.word(create(0x0002, "280001F0F0FFFF")) == "6A84"


# -- the examples of the commands ------------------------------------------------------------------


@pytest.fixture
def bench() -> FmcosBench:
    """A directory with a key file, open."""
    bench = erased()
    bench.ok(directory(0x3F01, size=0x1000, create_erase="F0F0"))
    bench.ok("00A40000023F01")
    bench.ok("80E00000073F018F95F0FFFF")
    return bench


def test_the_examples_of_binary_files(bench: FmcosBench) -> None:
    """7.5, example 1; 7.7, example 1."""
    bench.ok("80E0000507280008F0F0FFFF")
    bench.ok("00D68500080011223344556677")
    assert bench.ask("00B0850100") == "112233445566779000"
    bench.ok("80E0000107280008F0F0FFFF")
    bench.ok("00A40000020001")
    bench.ok("00D60000020102")
    assert bench.ask("00B0810002") == "01029000"


@pytest.mark.parametrize("asked", [6, 0x10])
def test_a_length_may_stand_enciphered_before_the_mac(bench: FmcosBench, asked: int) -> None:
    """7.5, example 3: Le || 80 00 under the line-protection key; what is there is read, up to the end of the file."""
    bench.ok(write_key(0x36, LINE_36))
    bench.ok("80E0000507E80008F0F0FF7F")
    content = bytes.fromhex("4455667788FFFFFF")
    bench.ok(bench.mac("04D68500", TRIPLE.encrypt(LINE_36, content), LINE_36))
    length = bytes((asked, 0x80)) + bytes(6)
    command = bench.mac("04B08502", TRIPLE.blocks(LINE_36, length), LINE_36)
    assert command[4] == 0x0C
    answer = bench.ok(command)
    assert TRIPLE.decrypt(LINE_36, answer[:-4]) == content[2:]


def test_the_examples_of_record_files(bench: FmcosBench) -> None:
    """7.6, examples 1 to 3; 7.8, examples 1, 4 and 5."""
    bench.ok("80E00002072A030CF0F0FFFF")
    records = [bytes(range(at, at + 12)).hex().upper() for at in (1, 21, 41)]
    for record in records:
        bench.ok("00E200140C" + record)
    assert bench.ask("00B2021400") == records[1] + "9000"
    bench.ok("00DC01140C" + records[2])
    assert bench.ask("00B2011400") == records[2] + "9000"
    bench.ok("80E00001072C0040F0F0FFFF")
    bench.ok("00DC000A04AA021122")
    bench.ok("00DCAA0804CC023344")
    assert bench.ask("00B2CC0800") == bench.ask("00B2010C00") == "CC0233449000"
    assert bench.ask("00B2AA0800") == "6A83"
    bench.ok("80E00003072E020CF0F0FFFF")
    for record in records:
        bench.ok("00DC011A0C" + record)
    assert [bench.ask(f"00B2{at:02X}1C00") for at in (1, 2, 3)] == [f"{records[2]}9000", f"{records[1]}9000", "6A83"]


def test_the_examples_of_keys(bench: FmcosBench) -> None:
    """7.12, examples 1 to 3."""
    first = bytes.fromhex("39FF39FF39FF39FF39FF39FF39013901")
    second = bytes.fromhex("39FF39FF39FF39FF39FF39FF39023902")
    third = bytes.fromhex("39FF39FF39FF39FF39FF39FF39033903")
    bench.ok("80D401001539F0FAAA88" + first.hex())
    bench.ok("80D401000D36F0FAFF3336FF36FF36FF3601")
    # 更改权 FA: what proves the master key may change both.
    bench.ok(bench.authenticated(0, first))
    bench.ok("80D439001539F0FAAA88" + second.hex())
    bench.ok("80D436000D36F0F0FF6636FF36FF36FF3602")
    bench.ok("80D4390015F9F0FAAA88" + second.hex())
    assert bench.word("80D439001539F0FAAA88" + third.hex()) == "6987"
    bench.ok(bench.load("84D43900", key(0xF9, 0xF0, 0xFA, 0xAA, 0x88, third), second))
    bench.ok("80D436000DF6F0F0FF6636FF36FF36FF3602")
    loaded = bench.load("84D43600", key(0xF6, 0xF0, 0xF0, 0xFF, 0x66, bytes.fromhex("36FF36FF36FF3603")), third)
    assert loaded[4] == 0x14
    bench.ok(loaded)
    bench.ok(bench.authenticated(0, third))


def test_the_example_of_a_pin(bench: FmcosBench) -> None:
    """7.10; the listing runs on into the example of an ASCII PIN."""
    bench.ok("80D401000D3AF0EF013312345FFFFFFFFFFF")
    bench.ok("002000000312345F")
    bench.ok("80D401010B3AF0EF0133313233343536")
    bench.ok("0020000106313233343536")


def test_public_accounts_add_and_change_protected_keys() -> None:
    """An account of the FM1208: F9 added, 39 made F9, F9 made 39, all enciphered; its cipher texts, MACs of ours."""
    bench = erased()
    ones = b"\xff" * 16
    bench.ok("80E00000073F008001F0FFFF")
    bench.ok(write_key(0x39, ones))
    bench.ok(write_key(0x39, bytes.fromhex("0102030405060708"), identifier=1))
    value = bytes.fromhex("1122334455667788")
    protected, plain = (key(kind, 0xF0, 0xF0, 0xAA, 0xFF, value) for kind in (0xF9, 0x39))
    cipher = {
        protected: "7C87BC23140021B3AFEA67E6359DDCFE",
        plain: "7E65DE142F66CA41AFEA67E6359DDCFE",
    }
    for header, data in (("84D40102", protected), ("84D43901", protected), ("84D4F902", plain)):
        command = bench.load(header, data, ones)
        assert command[5:21].hex().upper() == cipher[data]
        bench.ok(command)
