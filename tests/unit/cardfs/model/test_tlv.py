"""TLV, byte for byte: ISO/IEC 8825-1 (BER), Part 3, 5.3.1 (records), EMV Book 3, 5.4 (lists) and annex B."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.image import Image
from cardfs.model import tlv
from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from tests.kit.card import CardBench

LENGTHS = [(0, "00"), (1, "01"), (127, "7F"), (128, "8180"), (255, "81FF"), (256, "820100"), (65535, "82FFFF")]
TAGS = [(0x4F, "4F"), (0x9F38, "9F38"), (0xBF0C, "BF0C"), (0xDF8129, "DF8129"), (0x5F818201, "5F818201")]


@pytest.mark.parametrize(("length", "coded"), LENGTHS)
@pytest.mark.parametrize(("tag", "written"), TAGS)
def test_tag_and_length_take_as_many_bytes_as_they_need(tag: int, written: str, length: int, coded: str) -> None:
    """ISO/IEC 8825-1, 8.1.2.4 and 8.1.3: low five bits all set, then 7 bits a byte; 81 one byte, 82 two."""
    whole = bytes.fromhex(written + coded) + b"\xa5" * length
    assert tlv.encode(tag, b"\xa5" * length) == whole
    assert list(tlv.objects(whole)) == [(tag, b"\xa5" * length)]
    assert tlv.find(whole, tag) == b"\xa5" * length


def test_a_longer_value_is_refused() -> None:
    with pytest.raises(tlv.TlvError, match="object 70 would have 65536 bytes"):
        tlv.encode(0x70, bytes(65536))


@given(st.lists(st.tuples(st.sampled_from([0x4F, 0x9F38, 0xBF0C, 0xDF8129]), st.binary(max_size=300)), max_size=6))
def test_what_is_written_is_read(pairs: list[tuple[int, bytes]]) -> None:
    assert list(tlv.objects(b"".join(tlv.encode(*pair) + b"\x00" for pair in pairs))) == pairs


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_a_whole(data: bytes) -> None:
    for read in (lambda: list(tlv.objects(data)), lambda: list(tlv.walk(data)), lambda: tlv.fields(data)):
        with suppress(tlv.TlvError):
            read()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("9F", "the data end within tag 9F"),
        ("DF81", "the data end within tag DF81"),
        ("4F", "the data end before the length of object 4F"),
        ("9F38", "the data end before the length of object 9F38"),
        ("4F0201", "object 4F has 2 bytes, but only 1 are there"),
        ("4F81", "the data end within the length of object 4F"),
        ("4F8200", "the data end within the length of object 4F"),
        ("4F818000", "object 4F has 128 bytes, but only 1 are there"),
        ("4F80010000", "object 4F has a length that begins with 80"),
        ("4F8300000100", "object 4F has a length that begins with 83"),
        ("4F01AA9F3802AA", "object 9F38 has 2 bytes, but only 1 are there"),
    ],
)
def test_what_is_cut_names_the_object(data: str, reason: str) -> None:
    with pytest.raises(tlv.TlvError, match=reason):
        list(tlv.objects(bytes.fromhex(data)))


def test_an_object_is_found_through_its_templates_and_not_in_a_value() -> None:
    data = bytes.fromhex("50049F380105A5099F3803010203880101")
    assert tlv.find(data, 0xA5, 0x9F38) == b"\x01\x02\x03"
    assert tlv.find(data, 0x9F38) is None
    assert tlv.find(data, 0xA5, 0x88) == b"\x01"
    assert tlv.find(data, 0xA5, 0x50) is None


def test_a_record_template_is_opened_and_filling_skipped() -> None:
    record = bytes.fromhex("700B5A021234000000 5F340101".replace(" ", ""))
    assert list(tlv.walk(record + b"\x00\x00")) == [(0x5A, b"\x12\x34"), (0x5F34, b"\x01")]


# -- simple TLV and lists --------------------------------------------------------------------------------


def test_a_record_has_tag_and_length_of_one_byte_whatever_its_length() -> None:
    """Part 3, 5.3.1: a simple TLV object, so 130 bytes are 82 and not 8182."""
    assert tlv.encode_record(0x20, b"\x01" * 130) == b"\x20\x82" + b"\x01" * 130
    assert tlv.record_value(b"\x20\x82" + b"\x01" * 130) == b"\x01" * 130
    assert [tlv.record_value(bytes.fromhex(each)) for each in ("", "20", "2001", "200101", "20010101")] == [
        *[None] * 3,
        b"\x01",
        None,
    ]


def test_a_list_has_lengths_of_one_byte() -> None:
    """EMV Book 3, 5.4: one or two bytes of tag, one of length."""
    assert tlv.fields(bytes.fromhex("9F02069F1A0295059F4E81")) == ((0x9F02, 6), (0x9F1A, 2), (0x95, 5), (0x9F4E, 0x81))
    assert tlv.total(tlv.fields(bytes.fromhex("9F02069F1A029505"))) == 13
    assert tlv.split(tlv.fields(bytes.fromhex("95029A01")), b"\x01\x02\x03") == {0x95: b"\x01\x02", 0x9A: b"\x03"}


@pytest.mark.parametrize("dol", ["9F", "9F02", "95059F1A", "95"])
def test_a_list_that_ends_within_an_entry_is_refused(dol: str) -> None:
    with pytest.raises(tlv.TlvError):
        tlv.fields(bytes.fromhex(dol))


# -- FCIs ------------------------------------------------------------------------------------------------


def overrides(df: str, proprietary: str, **settings: Any) -> dict[str, Any]:
    return {
        "df": [{"id": df, "proprietary": proprietary}],
        "settings": {"financial": {"kind": "both", **settings}},
    }


def card(*changes: dict[str, Any]) -> CardBench:
    profile = load_profile("pboc", *changes)
    holder, roots = replace(load_holder(DEMO / "holder.toml"), lenient=True), load_roots(DEMO / "roots.toml")
    return CardBench(
        card=Card(Image.in_memory(issue(profile, holder, roots, IssueOptions(region="519900", serial="00000001"))))
    )


def padding(length: int) -> str:
    """An object of the issuer that has this length in all, with its tag and length."""
    if length < 0x80 + 2:
        return f"85{length - 2:02X}" + "AB" * (length - 2)
    return f"8581{length - 3:02X}" + "AB" * (length - 3)


PSE: Final = "315041592E5359532E4444463031"
NAMES: Final = {"PSE": PSE, "EDEP": "A00000000386980701", "DEBIT": "A000000333010101"}


def select(df: str) -> str:
    return f"00A40400{len(NAMES[df]) // 2:02X}{NAMES[df]}"


@pytest.mark.parametrize(
    ("own", "head", "inner"),
    [
        # 84 and the name take 16 bytes, 88 takes three: A5 holds `own` and three.
        (105, "6F7E", "A56C"),
        (106, "6F7F", "A56D"),
        (107, "6F8180", "A56E"),
        (124, "6F8191", "A57F"),
        (125, "6F8193", "A58180"),
        (231, "6F81FD", "A581EA"),
    ],
)
def test_the_environment_answers_an_fci_of_any_length_up_to_256_bytes(own: int, head: str, inner: str) -> None:
    """ISO/IEC 8825-1, 8.1.3.5: from 128 bytes on the length stands behind 81."""
    answer = card(overrides("PSE", padding(own))).ask(select("PSE"))
    assert answer == f"{head}840E{PSE}{inner}880101{padding(own)}9000"
    assert own != 231 or len(answer) == 2 * (256 + 2)


def test_an_application_answers_a_long_fci_too() -> None:
    head = "500A50424F43204445424954" + "870101"
    answer = card(overrides("DEBIT", padding(200))).ask(select("DEBIT"))
    assert answer == f"6F81E48408{NAMES['DEBIT']}A581D7{head}{padding(200)}9000"


@pytest.mark.parametrize(
    ("df", "proprietary", "reason"),
    [
        ("PSE", padding(232), "the FCI would have 257 bytes, but an answer carries 256"),
        ("PSE", padding(235), "the FCI would have 261 bytes, but an answer carries 256"),
        ("DEBIT", padding(226), "the FCI would have 257 bytes, but an answer carries 256"),
        ("EDEP", padding(207), "the FCI, which shows EDEP/0015, would have 257 bytes, but an answer carries 256"),
        ("DEBIT", "85", "these are not whole data objects: the data end before the length of object 85"),
        ("DEBIT", "9F", "these are not whole data objects: the data end within tag 9F"),
        ("DEBIT", "500441", "these are not whole data objects: object 50 has 4 bytes, but only 1 are there"),
    ],
)
def test_what_fits_no_fci_is_refused_by_place(df: str, proprietary: str, reason: str) -> None:
    with pytest.raises(ProfileError) as error:
        load_profile("pboc", overrides(df, proprietary))
    assert str(error.value) == f"overrides: df[0].proprietary: {reason}"


@pytest.mark.parametrize(("df", "longest"), [("PSE", 231), ("DEBIT", 225), ("EDEP", 206)])
def test_what_just_fits_is_loaded_and_answered(df: str, longest: int) -> None:
    assert len(card(overrides(df, padding(longest))).ask(select(df))) == 2 * (256 + 2)


@pytest.mark.clause("Part 2, 9.3.2.2", "61 00 announces an answer of 256 bytes, which GET RESPONSE with Le 00 fetches")
def test_an_answer_of_exactly_256_bytes_is_announced_as_00() -> None:
    bench = card(overrides("PSE", padding(231)))
    assert bench.send(select("PSE")) == "6100"
    answer = bench.send("00C0000000")
    assert answer == f"6F81FD840E{PSE}A581EA880101{padding(231)}9000"
    assert len(answer) == 2 * (256 + 2)
    shorter = card(overrides("PSE", padding(230)))
    assert shorter.send(select("PSE")) == "61FF"
    assert len(shorter.send("00C00000FF")) == 2 * (255 + 2)
