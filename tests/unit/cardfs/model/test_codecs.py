"""Data elements between people and bytes (V2.0 notice, 7, 8 and annex A)."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.model.codecs import (
    CodecError,
    card_number,
    check_character,
    decode,
    decode_fields,
    decode_record,
    empty,
    encode,
    fill,
    from_cn,
    pin_to_cn,
    to_cn,
)
from cardfs.model.files import Element

NAME = Element("holder_name", "姓名", "an", 0x1E, 0x09, "text")
SEX = Element("sex", "性别", "an", 1, 0x0A)
ETHNIC = Element("ethnic_group", "民族", "cn", 1, 0x0B)
PLACE = Element("birth_place", "出生地", "cn", 3, 0x0C, "region")
BORN = Element("birth_date", "出生日期", "cn", 4, 0x0D, "date")
AMOUNT = Element("latest_relief_amount", "金额", "cn", 4, 0xE6, "amount")
TRADE = Element("account_amount", "个人账户交易金额", "b", 4, None, "amount")
TIME = Element("transaction_time", "交易时间", "cn", 7)
PHOTO = Element("digital_photo", "数字相片", "b", 0x1000)
DEGREE = Element(
    "degree_info_1",
    "学位信息1",
    "B-TLV",
    0x34,
    0x40,
    "",
    (
        Element("degree_code", "学位代码", "an", 3, 0x57),
        Element("major_field", "所学专业类别", "cn", 3, 0x58),
        Element("school_name", "毕业学校名称", "an", 0x28, 0x59, "text"),
    ),
)
ALL = (NAME, SEX, ETHNIC, PLACE, BORN, AMOUNT, TRADE, TIME, DEGREE, PHOTO)


class TestEncode:
    @pytest.mark.parametrize(
        ("element", "value", "expected"),
        [
            # 社会保障 in GB code as in the SSSE's name (Part 6, 5.1), filled with 00 on the right (V2.0 notice, 7).
            (NAME, "社会保障", "C9E7BBE1B1A3D5CF" + "00" * 22),
            (SEX, "1", "31"),
            (ETHNIC, "01", "01"),
            (ETHNIC, "1", "1F"),  # left aligned, F on the right (V2.0 notice, 7)
            (PLACE, "310000", "310000"),
            (BORN, datetime.date(1990, 1, 31), "19900131"),
            (BORN, "1990-01-31", "19900131"),
            (BORN, "19900131", "19900131"),
            (BORN, "", "FFFFFFFF"),
            (PLACE, "", "FFFFFF"),
            (AMOUNT, 12345, "00012345"),
            (AMOUNT, "12345", "00012345"),
            (AMOUNT, "", "FFFFFFFF"),
            (TRADE, 12345, "00003039"),
            (TIME, "20240131235958", "20240131235958"),
            (TIME, datetime.datetime(2024, 1, 31, 23, 59, 58), "20240131235958"),
            (TIME, datetime.date(2024, 1, 31), "20240131FFFFFF"),
            (NAME, {"hex": "B1 A3"}, "B1A3" + "00" * 28),
            (BORN, {"hex": "20"}, "20FFFFFF"),
            (TRADE, {"hex": "0102"}, "01020000"),
            (
                DEGREE,
                {"degree_code": "408", "school_name": "社会"},
                "5703343038" + "5803FFFFFF" + "5928C9E7BBE1" + "00" * 36,
            ),
        ],
    )
    def test_value(self, element: Element, value: object, expected: str) -> None:
        assert encode(element, value).hex().upper() == expected

    def test_filler_of_characters_is_a_setting(self) -> None:
        assert encode(NAME, "AB", an_fill=0x30) == b"AB" + b"0" * 28
        assert encode(DEGREE, {"degree_code": "4"}, an_fill=0x30)[2:5] == b"400"

    def test_rare_characters_take_four_bytes(self) -> None:
        assert encode(NAME, "㐀")[:5] == "㐀".encode("gb18030") + b"\x00"
        assert len("㐀".encode("gb18030")) == 4

    @pytest.mark.parametrize(
        ("element", "value", "reason"),
        [
            (NAME, "社" * 16, "32 bytes in GB 18030, but only 30 fit"),
            (NAME, 1, 'characters stand in quotes: write "1" for an element of type an'),
            (NAME, datetime.date(2024, 1, 1), "a date was not expected here"),
            (NAME, "\ud800", r"GB 18030 cannot write '\ud800'"),
            (NAME, True, "true or false was not expected here"),
            (NAME, 1.5, "a fraction was not expected here"),
            (NAME, [], "a list was not expected here"),
            (NAME, {"name": "x"}, "a table was not expected here"),
            (NAME, None, "nothing was not expected here"),
            (ETHNIC, 1, 'digits stand in quotes: write "1" for an element of type cn'),
            (ETHNIC, "1A", "'1A' does not consist of digits, as an element of type cn does"),
            (ETHNIC, "١٢", "'١٢' does not consist of digits, as an element of type cn does"),
            (ETHNIC, "123", "3 digits, but only 2 fit"),
            (PLACE, "31000", "a region code has six digits (GB/T 2260), this one has 5"),
            (BORN, "1990-02-30", "'1990-02-30' is not a date; write 2024-01-31 or 20240131"),
            (BORN, "90-01-31", "'90-01-31' is not a date; write 2024-01-31 or 20240131"),
            (BORN, datetime.datetime(1990, 1, 1), "'1990-01-01 00:00:00' is not a date; write 2024-01-31 or 20240131"),
            (AMOUNT, -1, "an amount is a whole number of fen"),
            (AMOUNT, "1.50", "an amount is a whole number of fen"),
            (AMOUNT, 100_000_000, "9 digits, but only 8 fit"),
            (TRADE, 1 << 32, "4294967296 does not fit into 4 bytes"),
            (TRADE, -1, "-1 does not fit into 4 bytes"),
            (TRADE, "1", 'write binary data as a whole number or { hex = "..." }'),
            (PHOTO, 1, 'write binary data as { hex = "..." }'),
            (PHOTO, {"hex": "00" * 0x1001}, "4097 bytes, but only 4096 fit"),
            (PHOTO, {"hex": "0"}, "write two hexadecimal digits for each byte in hex"),
            (PHOTO, {"hex": 1}, 'write exact bytes as { hex = "..." }'),
            (PHOTO, {"hex": "00", "file": "x"}, 'write exact bytes as { hex = "..." }'),
            (DEGREE, "408", "write a table of degree_code, major_field, school_name"),
            (
                DEGREE,
                {"degree": "408"},
                "no element 'degree' in this B-TLV; it holds degree_code, major_field, school_name",
            ),
            (DEGREE, {"degree_code": "4080"}, "degree_code: 4 bytes in GB 18030, but only 3 fit"),
            (DEGREE, {"hex": "57"}, "1 bytes, but this B-TLV has exactly 52"),
        ],
    )
    def test_refused(self, element: Element, value: object, reason: str) -> None:
        with pytest.raises(CodecError) as caught:
            encode(element, value)
        assert str(caught.value) == reason


class TestEmpty:
    @pytest.mark.parametrize(
        ("element", "expected"),
        [
            (SEX, "00"),
            (BORN, "FFFFFFFF"),
            (TRADE, "00000000"),
            (DEGREE, "5703000000" + "5803FFFFFF" + "5928" + "00" * 40),
        ],
    )
    def test_value(self, element: Element, expected: str) -> None:
        assert empty(element).hex().upper() == expected

    def test_fill_refuses_too_much(self) -> None:
        with pytest.raises(CodecError, match="2 bytes in GB 18030, but only 1 fit"):
            fill(SEX, b"12")


class TestDecode:
    @pytest.mark.parametrize(
        ("element", "data", "expected"),
        [
            (NAME, "C9E7BBE1B1A3D5CF" + "00" * 22, "社会保障"),
            (NAME, "00" * 30, ""),
            (SEX, "31", "1"),
            (SEX, "FF", {"hex": "FF"}),
            (NAME, "0A" + "00" * 29, {"hex": "0A" + "00" * 29}),  # a control character is not shown
            (ETHNIC, "1F", "1"),
            (ETHNIC, "FF", ""),
            (ETHNIC, "F1", {"hex": "F1"}),
            (PLACE, "310000", "310000"),
            (PLACE, "3100FF", {"hex": "3100FF"}),
            (BORN, "19900131", "1990-01-31"),
            (BORN, "19900230", {"hex": "19900230"}),
            (BORN, "FFFFFFFF", ""),
            (AMOUNT, "00012345", 12345),
            (AMOUNT, "0001234F", {"hex": "0001234F"}),
            (TRADE, "00003039", 12345),
            (PHOTO, "00" * 16, {"hex": "00" * 16}),
            (
                DEGREE,
                "5703343038" + "5803FFFFFF" + "5928C9E7BBE1" + "00" * 36,
                {"degree_code": "408", "major_field": "", "school_name": "社会"},
            ),
            (DEGREE, "00" * 52, {"hex": "00" * 52}),
            (DEGREE, "", {"hex": ""}),
        ],
    )
    def test_value(self, element: Element, data: str, expected: object) -> None:
        assert decode(element, bytes.fromhex(data)) == expected

    def test_identification_code_has_letters(self) -> None:
        code = Element("card_identification_code", "卡的识别码", "cn", 16, 0x01)
        data = "519900D156000005000001ACFFFFFFFF"
        assert decode(code, bytes.fromhex(data)) == {"hex": data}

    def test_filler_zero_strips_text_only(self) -> None:
        assert decode(NAME, b"AB" + b"0" * 28, an_fill=0x30) == "AB"
        assert decode(Element("code", "", "an", 2), b"10", an_fill=0x30) == "10"

    def test_record(self) -> None:
        assert decode_record(SEX, bytes.fromhex("0A0131")) == "1"
        assert decode_record(SEX, bytes.fromhex("0B0131")) == {"hex": "0B0131"}
        assert decode_record(SEX, bytes.fromhex("0A0231")) == {"hex": "0A0231"}
        assert decode_record(SEX, b"") == {"hex": ""}

    def test_fields(self) -> None:
        fields = (TRADE, BORN)
        assert decode_fields(fields, bytes.fromhex("0000000119900131AA")) == {
            "account_amount": 1,
            "birth_date": "1990-01-31",
            "rest": {"hex": "AA"},
        }
        assert decode_fields(fields, bytes.fromhex("00000001")) == {"account_amount": 1, "birth_date": {"hex": ""}}

    @given(st.sampled_from(ALL), st.data(), st.sampled_from((0x00, 0x30)))
    def test_what_is_shown_can_be_written_again(self, element: Element, data: st.DataObject, an_fill: int) -> None:
        size = min(element.length, 64)
        raw = data.draw(st.binary(min_size=size, max_size=size)).ljust(element.length, b"\x00")
        assert encode(element, decode(element, raw, an_fill=an_fill), an_fill=an_fill) == raw

    @given(st.sampled_from(ALL), st.binary(max_size=80))
    def test_never_raises(self, element: Element, data: bytes) -> None:
        decode(element, data)
        decode_record(element, data)
        decode_fields((element, SEX), data)

    @given(st.text(alphabet=st.characters(codec="gb18030", exclude_categories=("C", "Z")), max_size=7))
    def test_text_comes_back(self, text: str) -> None:
        assert decode(NAME, encode(NAME, text)) == text


class TestDigits:
    @pytest.mark.parametrize(("digits", "data"), [("", ""), ("123456", "123456"), ("12345", "12345F"), ("1", "1F")])
    def test_cn(self, digits: str, data: str) -> None:
        assert to_cn(digits).hex().upper() == data
        assert from_cn(bytes.fromhex(data)) == digits

    @pytest.mark.parametrize(
        ("pin", "data"),
        [
            ("", ""),
            ("1234", "1234"),
            ("12345", "12345F"),
            ("123456", "123456"),
            ("1234567890123456", "1234567890123456"),
        ],
    )
    def test_pin(self, pin: str, data: str) -> None:
        # Part 5, 6.3.1: cn in whole bytes, only the last nibble may be F, at least 4 digits.
        assert pin_to_cn(pin).hex().upper() == data

    @pytest.mark.parametrize("pin", ["123", "12345678901234567", "12a4", "１２３４", " 1234", "-1234"])
    def test_no_pin(self, pin: str) -> None:
        with pytest.raises(CodecError, match="a PIN has 4 to 16 digits") as caught:
            pin_to_cn(pin)
        assert pin not in str(caught.value)


class TestCardNumber:
    @pytest.mark.parametrize(
        ("body", "check"),
        [
            ("D2143569", "X"),  # V2.0 notice, annex A2: sum 199, remainder 1
            ("00000000", "0"),  # remainder 0 is written 0
            ("A0000000", "3"),  # 10 x 3 = 30, remainder 8
            ("Z0000001", "3"),  # 35 x 3 + 2 = 107, remainder 8
        ],
    )
    def test_check_character(self, body: str, check: str) -> None:
        assert check_character(body) == check

    @pytest.mark.parametrize("text", ["D2143569X", "D2143569-X", "D2143569"])
    def test_complete(self, text: str) -> None:
        assert card_number(text) == "D2143569X"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("D21435690", "the check character of card number 'D21435690' is wrong; it should be X"),
            ("D2143569XX", "the check character of card number 'D2143569XX' is wrong; it should be X"),
            ("D214356", "the body of a card number has 8 digits or upper-case letters"),
            ("d2143569X", "the body of a card number has 8 digits or upper-case letters"),
            ("D214356９", "the body of a card number has 8 digits or upper-case letters"),
        ],
    )
    def test_wrong(self, text: str, reason: str) -> None:
        with pytest.raises(CodecError) as caught:
            card_number(text)
        assert str(caught.value) == reason
