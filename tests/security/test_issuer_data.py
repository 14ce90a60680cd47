"""Whatever an issuer has written into a debit/credit application, no command ends in 6F00.

Every data object is there in turn empty, cut, longer, FF, no digits and zero; the file is cut at every byte; so are
lists in FCI and records. The terminal goes through all commands at all stages each time. What the card cannot
work with is 6985, with a reason that names the object, and changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest

from cardfs.model.files import CardContents
from keys.certificates import generate_rsa
from keys.generate import SeededRandom
from keys.records import KeyRef
from keys.suites import SUITES
from tests.kit.debit import (
    CDOL1,
    CDOL2,
    DEBIT,
    PDOL,
    STORE,
    contents,
    tlv,
)
from tests.kit.issuer_data import FLOWS, WHOLE, IssuerDataBench

SIGNER: Final = generate_rsa(768, SeededRandom("issuer data"))


def refused(made: CardContents) -> dict[str, tuple[str, str]]:
    """Go through all commands; word and reason of each step by flow and number."""
    found: dict[str, tuple[str, str]] = {}
    for flow in FLOWS:
        bench = IssuerDataBench(made)
        flow(bench)
        for name, word, reason in bench.steps:
            found.setdefault(f"{flow.__name__} {name}", (word, reason))
    return found


def card(objects: Mapping[str, str] = WHOLE, *, store: bytes | None = None, **changes: Any) -> CardContents:
    made = contents(objects, signer=SIGNER, **changes)
    if store is None:
        return made
    return replace(made, contents={**made.contents, STORE: store})


def flat(objects: Mapping[str, str]) -> bytes:
    return bytes.fromhex("".join(tlv(tag, value) for tag, value in objects.items()))


def mutations(value: str) -> Iterator[tuple[str, str]]:
    length = len(value) // 2
    yield "empty", ""
    yield "cut", value[:-2]
    yield "longer", value + "00"
    yield "twice", value * 2
    yield "FF", "FF" * length
    yield "no digits", "AB" * length
    yield "zero", "00" * length


CASES: Final = [(tag, how, new) for tag, value in WHOLE.items() for how, new in mutations(value) if new != value]


_USUAL: Final = cache(lambda: refused(card()))


def check(made: CardContents, named: str) -> None:
    """What the card refuses now and did not before has a reason that names the object, where it is one of these."""
    usual = _USUAL()
    for step, (word, reason) in refused(made).items():
        if word == "6985" and usual.get(step, ("",))[0] == "9000" and not reason.startswith(_SOUND):
            assert named in reason, (step, reason)


_SOUND: Final = (
    "the transaction ",
    "the AIP has no ",
    "no record of the application has the list ",
    "issuer authentication has failed ",
    "script MACs have failed ",
)
"""How reasons begin that follow from a refusal before, or from a value that is right and forbids the command."""


@pytest.mark.parametrize(("tag", "how", "new"), CASES, ids=[f"{tag}-{how}" for tag, how, _ in CASES])
def test_no_value_of_a_data_object_is_too_much(tag: str, how: str, new: str) -> None:
    check(card(store=flat({**WHOLE, tag: new}) + bytes(40)), f"data object {tag}")


@pytest.mark.parametrize("tag", WHOLE)
def test_no_data_object_is_needed_to_answer_in_words(tag: str) -> None:
    left = {each: value for each, value in WHOLE.items() if each != tag}
    check(card(store=flat(left) + bytes(60)), f"data object {tag}")
    # Without room for what the card itself adds.
    check(card(store=flat(left)), f"data object {tag}")


@pytest.mark.parametrize("at", range(0, len(flat(WHOLE)), 3))
def test_the_file_may_be_cut_anywhere(at: int) -> None:
    whole = flat(WHOLE)
    starts = [len(flat(dict(list(WHOLE.items())[:number]))) for number in range(len(WHOLE) + 1)]
    if at in starts:
        refused(card(store=whole[:at]))
        return
    for step, (word, reason) in refused(card(store=whole[:at])).items():
        if "options" in step:
            assert word == "6985"
            assert reason.startswith("EF 0001 holds no whole data objects: ")


def _proprietary(made: CardContents, old: str, new: str) -> CardContents:
    df = made.dfs[DEBIT]
    changed = df.proprietary.hex().upper().replace(old, new)
    assert changed != df.proprietary.hex().upper()
    return replace(made, dfs={**made.dfs, DEBIT: replace(df, proprietary=bytes.fromhex(changed))})


@pytest.mark.parametrize(
    ("new", "named"),
    [
        ("9F38019F", "data object 9F38 is no list"),
        ("9F3802 9F02", "data object 9F38 is no list"),
        ("9F3806 9F7A019F0206", ""),
        ("9F3800", ""),
        ("9F380C 9F7A009F02009F35009F6600", ""),
        ("9F38", "tag A5 of the FCI holds no whole data objects"),
    ],
)
def test_a_list_of_the_fci_may_be_anything(new: str, named: str) -> None:
    check(_proprietary(card(), tlv("9F38", PDOL), new.replace(" ", "")), named)


@pytest.mark.parametrize(
    ("new", "named"),
    [
        ("9F4D020603", "data object 9F4D names DEBIT/EF06, which is linear-variable"),
        ("9F4D020503", "data object 9F4D names DEBIT/EF05, which is transparent"),
        ("9F4D020C03", "data object 9F4F makes records of 45 bytes, those of DEBIT/EF0C have 25"),
        ("9F4D02FF03", ""),
        ("9F4D0000", "tag A5 of the FCI holds no whole data objects"),
        ("9F4DFF0B03", "tag A5 of the FCI holds no whole data objects"),
    ],
)
def test_the_place_of_the_log_may_be_anywhere(new: str, named: str) -> None:
    check(_proprietary(card(), "9F4D020B03", new), named)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cdol1": ""}, "the list 8C"),
        ({"cdol1": CDOL1[:-2]}, "data object 8C is no list"),
        ({"cdol1": "9F02069F03069F1A0295005F2A029A039C019F3704"}, "tag 95 has 5 bytes, not 0"),
        ({"cdol1": "9F3500" + CDOL1}, ""),
        ({"cdol2": ""}, "the list 8D"),
        ({"cdol2": CDOL2[:-2]}, "data object 8D is no list"),
        ({"cdol2": "8A00" + CDOL2[4:]}, ""),
        ({"ddol": "9F"}, "data object 9F49 is no list"),
        ({"ddol": ""}, ""),
    ],
)
def test_a_list_in_a_record_may_be_anything(changes: dict[str, str], named: str) -> None:
    made: dict[str, Any] = dict(changes)
    check(card(**made), named)


@pytest.mark.parametrize("record", ["", "70", "7001", "70038C0195", "8C0195", "0000", "FF", "9F" * 60, "7081"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_record_may_be_anything(record: str, number: int) -> None:
    made = card()
    path = f"{DEBIT}/EF02"
    held = made.contents[path]
    assert isinstance(held, tuple)
    changed = (*held[:number], bytes.fromhex(record), *held[number + 1 :])
    refused(replace(made, contents={**made.contents, path: changed}))


@pytest.mark.parametrize(
    ("form", "files", "word"), [("80", 62, "9000"), ("80", 63, "6985"), ("77", 61, "9000"), ("77", 62, "6985")]
)
def test_a_file_locator_that_makes_the_answer_too_long_is_told(form: str, files: int, word: str) -> None:
    """EMV Book 3, 10.2: at most 252 bytes; with AIP, tag and length an answer has 256 under T=0."""
    bench = IssuerDataBench(card({**WHOLE, "94": "08010100" * files, "C9": form}))
    bench.options_()
    name, got, reason = bench.steps[-1]
    assert (name, got) == ("options 0156", word)
    assert (word == "9000") or reason.startswith("data object 94 makes an answer of ")


@pytest.mark.parametrize("locator", ["00000000", "F8010100", "08000000", "0801FF00", "08FF0100", "5801010060010100"])
def test_a_file_locator_may_name_what_is_not_there(locator: str) -> None:
    check(card({**WHOLE, "94": locator}), "the list 8")


@pytest.mark.parametrize(
    "value",
    [
        bytes(3),
        b"\x00\x00\x03",
        b"\x00\x00\x03" + b"\x01\x01",
        b"\x00\x00\x03" + bytes(96),
        b"\x00\x00\x03" + b"\xff" * 96,
        b"\x01\x00\x01" + b"\xfb" * 64,
        b"\x00\x00\x00" + b"\xfb" * 64,
        b"\xff" * 261,
    ],
    ids=len,
)
def test_an_rsa_key_that_is_none_is_told(value: bytes) -> None:
    made = card()
    at = (KeyRef(DEBIT, "ICCKEY"), 1)
    check(replace(made, keys={**made.keys, at: replace(made.keys[at], value=value)}), "the RSA key of the card")


@pytest.mark.parametrize(
    "pin", ["12", "F1", "FF", "ABCD", "123456789012", "1234567890123F", "12345678901234", "1234567890123456"]
)
def test_the_pin_of_the_card_may_be_any_that_can_be_loaded(pin: str) -> None:
    check(card(pin=bytes.fromhex(pin)), "the PIN on the card has 16 digits")


@pytest.mark.parametrize("names", [("UDKAC",), ("UDKMAC",), ("UDKENC",), ("UDKAC", "UDKMAC", "UDKENC")])
@pytest.mark.parametrize("suite", ["DES", "SM4"])
def test_keys_of_another_cipher_are_used_or_refused(names: tuple[str, ...], suite: str) -> None:
    made = card()
    keys = dict(made.keys)
    for name in names:
        at = (KeyRef(DEBIT, name), 1)
        keys[at] = replace(keys[at], suite_name=suite, value=keys[at].value[: SUITES[suite].key_length])
    refused(replace(made, keys=keys))


@pytest.mark.parametrize(("length", "head"), [(250, "9F7481FA"), (252, "9F7481FC"), (253, ""), (255, ""), (300, "")])
def test_an_object_too_long_for_an_answer_is_not_cut_and_not_announced_wrong(length: int, head: str) -> None:
    """Under T=0 one answer has 256 bytes: of 9F74 and its length behind 81 four are taken."""
    coded = "9F74" + (f"81{length:02X}" if length < 256 else f"82{length:04X}") + "AB" * length
    others = {tag: value for tag, value in WHOLE.items() if tag != "9F74"}
    bench = IssuerDataBench(card(store=flat(others) + bytes.fromhex(coded)))
    bench.select()
    answer = bench.step("get data", "80CA9F7400")
    assert answer == (head + "AB" * length + "9000" if head else "6985")
    assert head or bench.steps[-1][2].startswith("data object 9F74 ")
