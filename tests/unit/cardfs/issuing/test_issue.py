"""Issuing: what a new card contains, and how wrong inputs are named (Part 10, 5; V2.0 notice, 7 to 8.1)."""

import csv
import datetime
import re
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import Roots, load_roots, parse_roots
from cardfs.model.codecs import decode_fields, decode_record
from cardfs.model.files import CardContents, Structure
from cardfs.profile.inputs import Document, IssueError
from cardfs.profile.loader import DEMO, Profile, load_profile
from keys.records import KeyRef, Usage
from tests.kit.card import CardBench
from tests.kit.places import DATA

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

NOBODY = Document("holder.toml", {})
SERIAL = "000001AC"
THREE_VERSIONS = (
    "IRK UK3DF01 UK4DF01 UK1DF02 UK4DF02 UK5DF02 UK2DF03 UK2DF04 DPK RK1DF03 RK2DF03 RK1DF04".split()  # table B1
)
ROOTS = tomllib.loads((DEMO / "roots.toml").read_text(encoding="utf-8"))["roots"]

with (DATA / "data-elements.csv").open(encoding="utf-8", newline="") as table:
    ELEMENTS = list(csv.DictReader(table))


@pytest.fixture(scope="module")
def v2() -> Profile:
    return load_profile("ssc-2.0")


@pytest.fixture(scope="module")
def roots() -> Roots:
    return load_roots(DEMO / "roots.toml")


Make = Callable[..., CardContents]


@pytest.fixture
def make(v2: Profile, roots: Roots) -> Make:
    """Issue a card; a profile and a holder may be given as text, everything else by name."""

    def run(
        holder: str = "", *, profile: str = "ssc-2.0", settings: dict[str, Any] | None = None, **more: Any
    ) -> CardContents:
        loaded = v2 if (profile, settings) == ("ssc-2.0", None) else load_profile(profile, {"settings": settings or {}})
        document = Document("holder.toml", tomllib.loads(holder), more.pop("folder", None))
        return issue(
            loaded, document, more.pop("roots", roots), IssueOptions(**{"serial": SERIAL, "region": "519900", **more})
        )

    return run


# -- keys, computed on their own ----------------------------------------------------------------


def block(suite: str, key: bytes, data: bytes) -> bytes:
    """One block in OpenSSL: DES is TripleDES with one key three times, 3DES is KL KR KL (Part 4, 8.4)."""
    full = {"DES": key * 3, "3DES": key + key[:8], "SM4": key}[suite]
    algorithm = algorithms.SM4(full) if suite == "SM4" else TripleDES(full)
    encryptor = Cipher(algorithm, modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(data) + encryptor.finalize()


def child(suite: str, key: bytes, factor: bytes) -> bytes:
    """Part 9, 7.1.1 (figures 2 and 3) and 7.2.1 (figure 8)."""
    inverse = bytes(255 - byte for byte in factor)
    if suite == "DES":
        return block(suite, key, factor)
    if suite == "3DES":
        return block(suite, key, factor) + block(suite, key, inverse)
    return block(suite, key, factor + inverse)


FACTORS = [b"510000sh", b"519900sx", bytes.fromhex("86605199000001AC")]
"""Province, city and card for region 519900 and the serial above (Part 9, 7.3)."""


def expected(suite: str, name: str, factors: list[bytes]) -> bytes:
    """The key on the card; of a 16-byte root the left half serves an 8-byte key."""
    key = bytes.fromhex(ROOTS[name])[: 8 if suite == "DES" else 16]
    for factor in factors:
        key = child(suite, key, factor)
    return key


class TestKeys:
    @pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0"])
    def test_every_key_is_diversified(self, make: Make, profile: str) -> None:
        card = make(profile=profile)
        assert card.keys
        for (ref, version), key in card.keys.items():
            if key.usage is Usage.PIN:
                continue
            name = {"UKMF": "UKSSSE"}.get(ref.name, ref.name) + ("" if version == 1 else f".{version}")
            assert key.value == expected(key.suite_name, name, FACTORS), name
            assert (key.name, key.version) == (ref.name, version)

    def test_a_single_length_key_of_a_single_length_root(self, make: Make) -> None:
        data = {"roots": {**ROOTS, "STK": ROOTS["STK"][:16]}}
        short = make(roots=parse_roots(Document("roots.toml", data)))
        ref = KeyRef("3F00/DDF1", "STK")
        assert short.keys[ref, 1].value == make().keys[ref, 1].value == expected("DES", "STK", FACTORS)
        assert len(short.keys[ref, 1].value) == 8

    @pytest.mark.parametrize(("level", "left"), [("nation", 3), ("province", 2), ("city", 1), ("card", 0)])
    def test_roots_may_be_diversified_already(self, make: Make, level: str, left: int) -> None:
        card = make(roots=parse_roots(Document("roots.toml", {"level": level, "roots": ROOTS})))
        key = card.keys[KeyRef("3F00/DDF1/DF04", "RK1DF04"), 1]
        assert key.value == expected("3DES", "RK1DF04", FACTORS[3 - left :])

    def test_zhejiang_takes_four_digits(self, make: Make) -> None:
        # Terminal interface, 10.3.
        ref = KeyRef("3F00/DDF1", "UKSSSE")
        card_level = bytes.fromhex("86603301000001AC")
        rule = [b"330000sh", b"330100sx", card_level]
        assert make(region="330102").keys[ref, 1].value == expected("3DES", "UKSSSE", rule)
        off = make(region="330102", settings={"crypto": {"zhejiang_rule": False}})
        assert off.keys[ref, 1].value == expected("3DES", "UKSSSE", [b"330000sh", b"330102sx", card_level])

    def test_other_card_factor(self, make: Make) -> None:
        card = make(settings={"crypto": {"level3_factor": "T8..TD+0000"}})
        factors = [*FACTORS[:2], bytes.fromhex("5199000001AC0000")]
        assert card.keys[KeyRef("3F00/DDF1", "UKSSSE"), 1].value == expected("3DES", "UKSSSE", factors)

    def test_versions_are_those_with_a_root(self, make: Make) -> None:
        held = {(ref.name, version) for ref, version in make().keys}
        assert {(name, v) for name, v in held if name == "RK1DF04"} == {("RK1DF04", 1), ("RK1DF04", 2), ("RK1DF04", 3)}
        assert {(name, v) for name, v in held if name == "UK2DF02"} == {("UK2DF02", 1)}

    def test_master_keys(self, make: Make) -> None:
        card = make()
        assert card.keys[KeyRef("3F00", "CMK"), 1].usage is Usage.MASTER
        assert card.keys[KeyRef("3F00/DDF1", "EMK"), 1].usage is Usage.MASTER

    def test_pin(self, make: Make) -> None:
        key = make(pin="12345").keys[KeyRef("3F00/DDF1", "PIN"), 1]
        assert (key.value.hex().upper(), key.tries_max, key.kid) == ("12345F", 3, None)
        assert make(pin="").keys[KeyRef("3F00/DDF1", "PIN"), 1].value == b""

    def test_counters_begin_full(self, make: Make) -> None:
        assert make().tries == {}

    def test_nothing_secret_is_printed(self, make: Make, roots: Roots) -> None:
        card = make(pin="918273")
        shown = repr(card).upper() + repr(roots).upper()
        assert "918273" not in shown
        for key in card.keys.values():
            assert not key.value or (key.value.hex().upper() not in shown and repr(key.value).upper() not in shown)
        for root in ROOTS.values():
            assert root not in shown
            assert repr(bytes.fromhex(root)).upper() not in shown


# -- contents -----------------------------------------------------------------------------------


def records(card: CardContents, path: str) -> tuple[bytes, ...]:
    """The records of an EF."""
    contents = card.contents[path]
    assert isinstance(contents, tuple)
    return contents


EF05 = "3F00/DDF1/EF05"
EF06 = "3F00/DDF1/EF06"


class TestIssuerData:
    def test_defaults(self, make: Make) -> None:
        found = [record.hex().upper() for record in records(make(), EF05)]
        assert found == [
            # V2.0 notice, 8.1.1.1: city, D156000005, serial as in the ATR; the authentication code is not public.
            "0110" + "519900" + "D156000005" + "000001AC" + "FFFFFFFF",
            "020133",  # 8.1.1.2: 3 where holders are not distinguished
            "0304" + "322E3030",  # "2.00"
            "040C" + "9156000002" + "519900" + "519900" + "01",  # 8.1.1.4
            "0504" + "20240101",
            "0604" + "20340101",
            # Annex A: A0000428 from the serial: 10*3 + 4*8 + 2*4 + 8*2 = 86, remainder 9, 11 - 9 = 2.
            "0709" + b"A00004282".hex().upper(),
        ]

    @pytest.mark.parametrize(("profile", "version"), [("ssc-1.0", b"1.00"), ("ssc-3.0", b"3.00")])
    def test_specification_version(self, make: Make, profile: str, version: bytes) -> None:
        assert records(make(profile=profile), EF05)[2] == b"\x03\x04" + version

    def test_the_holder_may_say_it(self, make: Make) -> None:
        holder = 'issue_date = 2020-02-29\ncard_number = "D2143569-X"\ncard_category = "4"\n'
        found = [record[2:] for record in records(make(holder), EF05)]
        assert found[1] == b"4"
        assert found[4:6] == [bytes.fromhex("20200229"), bytes.fromhex("20300228")]
        assert found[6] == b"D2143569X"

    def test_the_call_comes_before_the_holder(self, make: Make) -> None:
        holder = 'issue_date = 2020-02-29\nexpiry_date = 2021-01-01\ncard_number = "D2143569X"\n'
        day = datetime.date(2023, 5, 6)
        found = [
            record[2:]
            for record in records(make(holder, issue_date=day, expiry_date=day, card_number="00000000"), EF05)
        ]
        assert found[4:] == [bytes.fromhex("20230506"), bytes.fromhex("20230506"), b"000000000"]

    def test_no_year_after_the_last(self, make: Make) -> None:
        found = records(make(issue_date=datetime.date(9995, 1, 1)), EF05)
        assert found[5] == bytes.fromhex("060499990101")


class TestContents:
    @pytest.mark.parametrize(
        "row", [r for r in ELEMENTS if r["kind"] == "record" and (r["df"], r["ef"]) != ("SSSE", "EF05")],
        ids=lambda row: f"{row['df']}-{row['ef']}-{row['name_en']}",
    )  # fmt: skip
    def test_every_element_is_there_in_full_length(self, make: Make, row: dict[str, str]) -> None:
        path = f"3F00/DDF1/{row['ef']}" if row["df"] == "SSSE" else f"3F00/DDF1/{row['df']}/{row['ef']}"
        record = records(make(), path)[int(row["record"]) - 1]
        length = int(row["length_hex"], 16)
        assert record[:2] == bytes((int(row["tag"], 16), length))
        assert len(record) == 2 + length
        empty = {"an": b"\x00", "cn": b"\xff"}.get(row["type"])
        if empty:
            assert record[2:] == empty * length

    def test_an_empty_b_tlv_holds_its_elements(self, make: Make) -> None:
        record = records(make(), "3F00/DDF1/DF01/EF15")[1]
        assert record.hex().upper() == "4034" + "5703000000" + "5803FFFFFF" + "5928" + "00" * 40

    def test_other_files(self, make: Make) -> None:
        card = make()
        for path, ef in card.efs.items():
            contents = card.contents[path]
            if ef.structure in (Structure.TRANSPARENT, Structure.INTERNAL):
                assert contents == bytes(ef.size)
            if ef.structure is Structure.CYCLIC:
                assert contents == ()
        assert card.contents.keys() == card.efs.keys() == card.dictionary.keys()

    def test_unwritten_byte(self, make: Make) -> None:
        card = make('photo = { hex = "FFD8" }', settings={"data": {"unwritten_byte": 0xFF}})
        assert card.contents["3F00/DDF1/EF08"] == b"\xff\xd8" + b"\xff" * 0xFFE
        assert card.contents["3F00/DDF1/EF07"] == b"\xff" * 0x300
        assert card.contents["3F00/DDF1/DF04/EF01"] == bytes(20)

    def test_filler_of_characters(self, make: Make) -> None:
        card = make('name = "AB"', settings={"data": {"an_fill": "30"}})
        assert records(card, EF06)[1] == b"\x09\x1eAB" + b"0" * 28
        assert records(card, EF06)[2] == b"\x4e\x14" + b"0" * 20

    def test_long_names_go_on(self, make: Make) -> None:
        # V2.0 notice, table 9, note to tag 4E. 15 characters fill tag 09.
        found = records(make(f'name = "{"社" * 14}a会保"'), EF06)
        assert found[1] == b"\x09\x1e" + ("社" * 14 + "a").encode("gb18030") + b"\x00"
        assert found[2] == b"\x4e\x14" + "会保".encode("gb18030") + bytes(16)

    def test_info(self, make: Make) -> None:
        info = make(settings={"pin": {"tries": 5}}).info
        assert info.atr.hex().upper() == "3B6D000000814A444686605199000001AC"
        assert info.historical == info.atr[4:]
        assert (info.profile, info.suite, info.blocked) == ("ssc-2.0", "3DES", False)
        assert info.settings.pin.tries == 5


class TestHolder:
    def test_flat_alias_and_table_are_one(self, make: Make) -> None:
        texts = (
            'name = "测试"',
            'holder_name = "测试"',
            '[SSSE.EF06]\nholder_name = "测试"',
            '[SSSE.EF06]\nname = "测试"',
        )
        found = [records(make(text), EF06) for text in texts]
        assert all(each == found[0] for each in found)
        assert found[0][1] == b"\x09\x1e" + "测试".encode("gb18030") + bytes(26)

    def test_files(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
        for text in ('photo = { file = "photo.jpg" }', '[SSSE]\nEF08 = { file = "photo.jpg" }'):
            card = make(text, folder=tmp_path)
            assert card.contents["3F00/DDF1/EF08"] == b"\xff\xd8\xff" + bytes(0xFFD)

    def test_cyclic_records_newest_first(self, make: Make) -> None:
        text = (
            '[[DF02.EF07]]\noccupation = "2021301"\nemployment_start_date = 2015-03-01\nemployer_name = "新"\n'
            '[[DF02.EF07]]\noccupation = "2021302"\n'
        )
        found = records(make(text), "3F00/DDF1/DF02/EF07")
        assert found == (
            b"2021301" + bytes.fromhex("20150301FFFFFFFF") + "新".encode("gb18030") + bytes(68),
            b"2021302" + b"\xff" * 8 + bytes(70),
        )
        assert records(make(text.replace("DF02.EF07", "employment_record")), "3F00/DDF1/DF02/EF07") == found

    def test_binary_fields_of_cyclic_records(self, make: Make) -> None:
        found = records(make('[[DF04.EF15]]\nsettlement_category = "1"\n'), "3F00/DDF1/DF04/EF15")
        assert found == (b"\x00\x001",)

    def test_money_file(self, make: Make) -> None:
        text = '[DF04.EF01]\naccount_balance = 12345\npayment_year = "2024"\nyear_starting_day = "0101"\n'
        assert make(text).contents["3F00/DDF1/DF04/EF01"] == bytes.fromhex(
            "0000 0000 00003039 00000000 00000000 2024 0101"
        )

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ('nmae = "x"', "holder.toml: nmae: no such data element; did you mean 'name'?"),
            ('zzz = "x"', "holder.toml: zzz: no such data element"),
            (
                'employer_name = "x"',
                "holder.toml: employer_name: this element is in DF01/EF09 and in DF03/EF17; "
                "write it in a table [DF01.EF09] or [DF03.EF17]",
            ),
            ('name = "x"\nholder_name = "y"', "holder.toml: SSSE/EF06 holder_name: this value is given twice"),
            (
                f'household_address = "{"社" * 45}"',
                "holder.toml: DF01/EF05 household_address: 90 bytes in GB 18030, but only 80 fit",
            ),
            (
                f'name = "{"社" * 26}"',
                "holder.toml: SSSE/EF06 holder_name_extension: 22 bytes in GB 18030, but only 20 fit",
            ),
            ('card_number = "D21435690"', "holder.toml: SSSE/EF05 card_number: the check character of card number "
             "'D21435690' is wrong; it should be X"),
            ("DF01 = 1", "holder.toml: DF01: write a table [DF01.EF..]"),
            ("[DF01]\nEF05 = 1", "holder.toml: DF01/EF05: write a table [DF01.EF05]"),
            ("[DF01.EF0B]\nx = 1", "holder.toml: DF01.EF0B: no such file; did you mean 'EF0A'?"),
            ("[SSSE.EF1E]\nx = 1", "holder.toml: SSSE.EF1E: no such file"),
            ('[DF01.EF05]\nadress = "x"', "holder.toml: DF01/EF05 adress: no such data element"),
            ('[DF02.EF07]\noccupation = "1"', "holder.toml: DF02/EF07: write an array of tables [[DF02.EF07]]"),
            ("[DF02]\nEF07 = [1]", "holder.toml: DF02/EF07[0]: write a table"),
            ('[[DF02.EF07]]\njob = "1"', "holder.toml: DF02/EF07[0] job: no such data element"),
            (
                '[[DF02.EF07]]\n[[DF02.EF07]]\nemployment_start_date = "1.1."',
                "holder.toml: DF02/EF07[1] employment_start_date: '1.1.' is not a date; write 2024-01-31 or 20240131",
            ),
            ("[[DF02.EF07]]\n" * 5, "holder.toml: DF02/EF07: 5 records, but only 4 fit"),
            (
                '[[DF02.EF07]]\noccupation = "1"\n[[employment_record]]\noccupation = "2"',
                "holder.toml: DF02/EF07: its records are given twice",
            ),
            ('photo = { file = "nix" }', "holder.toml: SSSE/EF08 digital_photo: No such file or directory: 'nix'"),
            ('photo = { file = "\\u0000" }', "holder.toml: SSSE/EF08 digital_photo: embedded null byte: '\\x00'"),
            ("photo = { file = 1 }", 'holder.toml: SSSE/EF08 digital_photo: write a file as { file = "photo.jpg" }'),
            (
                f'photo = {{ hex = "{"00" * 4097}" }}',
                "holder.toml: SSSE/EF08 digital_photo: 4097 bytes, but only 4096 fit",
            ),
        ],
    )  # fmt: skip
    def test_mistakes(self, make: Make, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(IssueError) as caught:
            make(text, folder=tmp_path)
        said = str(caught.value)
        assert said == sentence or said.startswith(sentence + "; did you mean")

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(IssueError, match=r"/nobody\.toml: No such file or directory$"):
            load_holder(tmp_path / "nobody.toml")

    def test_no_toml(self, tmp_path: Path) -> None:
        (tmp_path / "holder.toml").write_text("name = 测试")
        with pytest.raises(IssueError, match=r"^holder\.toml: Invalid value"):
            load_holder(tmp_path / "holder.toml")


NO_KEY = "roots.toml: roots.IRK: write 32 hexadecimal digits (16 for a key of 8 bytes)"
SECRET = "0123456789ABCDEF0123456789ABCDE"


class TestRoots:
    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            ({}, "roots.toml: the table [roots] is missing"),
            ({"root": {}}, "roots.toml: root: unknown key; a file of root keys has level and [roots]"),
            ({"level": "town", "roots": {}}, "roots.toml: level: write one of nation, province, city, card"),
            (
                {"roots": {"IRK": SECRET}},
                NO_KEY,
            ),
            (
                {"roots": {"IRK": SECRET + "X"}},
                NO_KEY,
            ),
            ({"roots": {"IRK": 1}}, NO_KEY),
            (
                {"roots": {"IRK": {"2": SECRET + "F"}}},
                'roots.toml: roots.IRK: write 32 hexadecimal digits, and a version in quotes: "NAME.2"',
            ),
            ({"roots": {"irk": SECRET + "F"}}, "roots.toml: roots.irk: this is no name of a key"),
            ({"roots": {"IRK.4": SECRET + "F"}}, "roots.toml: roots.IRK.4: this is no name of a key"),
            ({"roots": {"IRK.2": SECRET + "F"}}, "roots.toml: roots.IRK.2: its first version IRK is missing"),
            (
                {"roots": {"IRK": SECRET + "F", "IRK.1": SECRET + "F"}},
                "roots.toml: roots.IRK.1: version 1 is given twice",
            ),
        ],
    )  # fmt: skip
    def test_mistakes(self, data: dict[str, Any], sentence: str) -> None:
        with pytest.raises(IssueError) as caught:
            parse_roots(Document("roots.toml", data))
        assert str(caught.value) == sentence
        assert SECRET[:8] not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"IRK": None, "UK1DF04": None}, "roots.toml: no root for IRK, UK1DF04"),
            ({"IRK": ROOTS["IRK"][:16]}, "roots.toml: roots.IRK: a 3DES key needs a root of 16 bytes"),
            ({"STK.2": ROOTS["STK"]}, "roots.toml: roots.STK.2: this card type has 1 version(s) of STK only"),
        ],
    )
    def test_what_the_card_needs(self, make: Make, change: dict[str, str | None], sentence: str) -> None:
        table = {name: value for name, value in {**ROOTS, **change}.items() if value}
        if "IRK" not in table:
            table = {name: value for name, value in table.items() if not name.startswith("IRK")}
        with pytest.raises(IssueError) as caught:
            make(roots=parse_roots(Document("roots.toml", {"roots": table})))
        assert str(caught.value) == sentence

    def test_an_old_name_has_the_root_of_the_new(self, make: Make) -> None:
        table = {name: value for name, value in ROOTS.items() if not name.startswith("UKSSSE")}
        with pytest.raises(IssueError, match=r"^roots\.toml: no root for UKSSSE$"):
            make(profile="ssc-1.0", roots=parse_roots(Document("roots.toml", {"roots": table})))


class TestInputs:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"region": "1100"}, "region: write six digits, not '1100'"),
            ({"region": "11000A"}, "region: write six digits, not '11000A'"),
            ({"serial": "1AC"}, "serial: write eight hexadecimal digits, not '1AC'"),
            ({"serial": "0001AC"}, "serial: write eight hexadecimal digits, not '0001AC'"),
            ({"pin": "12"}, "pin: a PIN has 4 to 16 digits"),
            ({"pin": "12345x"}, "pin: a PIN has 4 to 16 digits"),
            (
                {"card_number": "D21435690"},
                "card_number: the check character of card number 'D21435690' is wrong; it should be X",
            ),
        ],
    )
    def test_mistakes(self, make: Make, given: dict[str, str], sentence: str) -> None:
        with pytest.raises(IssueError) as caught:
            make(**given)
        assert str(caught.value) == sentence

    def test_same_inputs_give_the_same_card(self, make: Make) -> None:
        assert make(serial="", seed="a") == make(serial="", seed="a")
        assert make(serial="", seed="a").info.atr != make(serial="", seed="b").info.atr

    def test_without_a_seed_every_card_is_another(self, make: Make) -> None:
        assert len({make(serial="").info.atr for _ in range(5)}) == 5

    def test_a_drawn_serial_has_digits(self, make: Make) -> None:
        assert re.fullmatch("[0-9]{8}", make(serial="", seed="a").info.historical[9:].hex())


# -- the demo -----------------------------------------------------------------------------------


class TestDemo:
    @pytest.mark.parametrize(
        ("profile", "holder"),
        [
            ("ssc-1.0", "holder-1.0.toml"),
            ("ssc-2.0", "holder.toml"),
            ("ssc-2.0-sm4", "holder.toml"),
            ("ssc-3.0", "holder.toml"),
        ],
    )
    def test_every_profile_is_issued(self, roots: Roots, profile: str, holder: str) -> None:
        card = issue(load_profile(profile), load_holder(DEMO / holder), roots, IssueOptions(seed="demo"))
        assert card.contents.keys() == card.efs.keys()

    @pytest.mark.parametrize("variant", ["ssc-2.0-region.toml", "ssc-1.0-city.toml"])
    def test_regional_variants_are_issued(self, roots: Roots, variant: str) -> None:
        text = "[[local_service_record]]\nservice_date = 2024-01-31\n" if "region" in variant else ""
        card = issue(
            load_profile(DATA / variant), Document("holder.toml", tomllib.loads(text)), roots, IssueOptions(seed="demo")
        )
        local = card.contents.get("3F00/DDF1/DF0A/EF0C")
        assert local in (None, (bytes.fromhex("20240131") + bytes(20),))

    def test_every_application_has_something_to_read(self, v2: Profile, roots: Roots) -> None:
        card = issue(v2, load_holder(DEMO / "holder.toml"), roots, IssueOptions(seed="demo"))
        filled = set()
        for path, plan in v2.files.items():
            contents = card.contents[path]
            if plan.records is None and isinstance(contents, tuple):
                shown = (
                    [decode_fields(plan.elements, record) for record in contents]
                    if plan.ef.structure is Structure.CYCLIC
                    else [decode_record(*pair) for pair in zip(plan.elements, contents, strict=True)]
                )
                if any(value not in ("", 0) for value in shown):
                    filled.add(plan.id.partition("/")[0])
        assert filled == {"SSSE", *(f"DF0{n}" for n in range(1, 8))}

    def test_the_holder_is_invented(self) -> None:
        text = (DEMO / "holder.toml").read_text(encoding="utf-8")
        assert "TEST DATA" in text.splitlines()[0]
        data = tomllib.loads(text)
        assert data["name"] == "测试甲"
        assert data["social_security_number"].startswith("999999")

    def test_the_keys_are_marked(self) -> None:
        assert "PUBLIC TEST KEYS" in (DEMO / "roots.toml").read_text(encoding="utf-8")

    def test_there_is_a_root_for_every_key(self) -> None:
        with (DATA / "keys.csv").open(encoding="utf-8", newline="") as file:
            names = {row["name"] for row in csv.DictReader(file) if row["usage"] != "pin"}
        part = load_profile("pboc", {"settings": {"financial": {"kind": "both"}}})
        financial = {plan.root for plan in part.keys if plan.usage is not Usage.PIN} | {"RSACA", "RSAISSUER"}
        psam = {plan.root.partition(".")[0] for plan in load_profile("psam").keys}
        assert names | financial | psam == {name.partition(".")[0] for name in ROOTS}

    @pytest.mark.parametrize("name", THREE_VERSIONS)
    def test_a_demo_card_has_all_versions_that_the_table_gives(self, name: str) -> None:
        """Part 9, appendix B, table B1: 组数 3; of RK1DF04 and DPK, too."""
        for profile in ("ssc-1.0", "ssc-2.0", "ssc-3.0"):
            if profile == "ssc-1.0" and name in ("UK4DF02", "UK5DF02"):
                continue  # keys of files that the V2.0 notice added
            bench = CardBench(profile)
            versions = [version for (ref, version) in bench.card.image.keys if ref.name == name]
            assert versions == [1, 2, 3], profile
        bench.select_df(name[-4:] if "DF" in name else "SSSE")
        if name[:2] in ("UK", "RK"):
            assert [bench.authenticate(name, version=version) for version in (1, 2, 3)] == ["9000"] * 3

    def test_no_root_is_a_weak_or_doubled_key(self) -> None:
        assert len(set(ROOTS.values())) == len(ROOTS)
        for value in ROOTS.values():
            key = bytes.fromhex(value)
            assert len(key) == 16
            assert key[:8] != key[8:]
            assert all(byte.bit_count() % 2 == 1 for byte in key)


def test_programs_write_twelve_bytes_into_the_personnel_number() -> None:
    """Public writing programs of two families of devices send these bytes (EF0D of a 3.0 card, element EA)."""
    bench = CardBench("ssc-3.0")
    bench.select_ssse()
    assert bench.word("00A4020002EF0D") == "9000"
    assert bench.ask("00B201040E") == "EA0C" + "00" * 12 + "9000"
    assert bench.authenticate("UKEF0D") == "9000"
    assert bench.send("00DC01040EEA0C" + "31" * 12) == "9000"
    assert bench.ask("00B201040E") == "EA0C" + "31" * 12 + "9000"


def test_nobody_is_enough(v2: Profile, roots: Roots) -> None:
    assert issue(v2, NOBODY, roots, IssueOptions(seed="x")).info.profile == "ssc-2.0"
