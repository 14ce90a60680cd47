"""Reasons for refusals: they say what would be right and where it is, and never what the terminal has sent."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfs.memory.image import Image
from cardfs.model.settings import SelectSettings, Settings
from emulator.card.gate import lengths, parameters
from emulator.card.reasons import numbers
from emulator.card.row import Row
from emulator.cards import Card
from emulator.commands.sets import SETS
from tests.kit.card import CardBench, HandmadeBench, handmade

ROWS = [row for rows in (*SETS.rows.values(), *SETS.codings.values()) for row in rows]
WHOLE = [row for row in ROWS if "and more" not in parameters([row])]
"""Those of which all P1 and P2 are said, and not the first ones."""
FINANCIAL = '[settings.financial]\nkind = "both"\n'


@pytest.fixture(scope="module")
def card() -> CardBench:
    """A card with both environments."""
    return CardBench("ssc-2.0", FINANCIAL)


# What the card has elsewhere ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apdu", "word", "reason"),
    [
        ("80CA9F7900", "6D00", "GET DATA works in DEBIT, not in MF: SELECT it first"),
        ("805C000204", "6D00", "GET BALANCE works in EDEP, not in MF: SELECT it first"),
        ("80A8000002830000", "6D00", "GET PROCESSING OPTIONS works in DEBIT, not in MF: SELECT it first"),
        ("00CA9F7900", "6D00", "no command of this card has this instruction"),
        ("90CA9F7900", "6E00", "no command of this card has this class; the classes here are 00, 04, 80, 84, B0"),
        ("8084000008", "6E00", "GET CHALLENGE has class 00 here"),
    ],
)
def test_a_command_of_another_directory_says_where_it_works(card: CardBench, apdu: str, word: str, reason: str) -> None:
    card.card.power_on()
    assert (card.send(apdu), card.reason) == (word, reason)


@pytest.mark.parametrize(
    ("apdu", "word", "reason"),
    [
        ("00B08A0000", "6A82", "MF has no EF with SFI 0A; DF01 has one"),
        ("0020000003123456", "6A88", "MF has no PIN; SSSE has one"),
        ("0088000010" + "00" * 16, "6A88", "MF has no key for internal authentication; SSSE has one"),
        ("00A4020002EF0A", "6A82", "MF has no EF with this identifier; DF01 has one"),
        ("00A4020002DF04", "6A82", "MF has no EF with this identifier; DF04 has it: P1 00 selects a DF"),
        ("00A4040005AABBCCDDEE", "6A82", "no DF of this card has this name"),
    ],
)
def test_what_another_directory_has_is_not_denied(apdu: str, word: str, reason: str) -> None:
    bench = CardBench()
    assert bench.send(apdu) == word
    assert bench.reason == reason


def test_a_key_of_applications_is_said_to_be_theirs() -> None:
    bench = HandmadeBench()
    assert bench.send("0082008710" + "00" * 16) == "6A88"
    assert bench.reason == "SSSE has no key 87"
    bench.select_df("DF03")
    bench.challenge()
    assert bench.send("0082008310" + "00" * 16) == "6A88"
    assert bench.reason == "DF03 has no key 83; DF01 has one"


def test_a_file_of_another_structure_says_what_works_on_it() -> None:
    bench = CardBench()
    bench.select_ssse()
    assert bench.send("00B0850010") == "6981"
    assert bench.reason == "SSSE/EF05 is linear-variable: READ RECORD and UPDATE RECORD work on it"


# What the tables allow ------------------------------------------------------------------------------


def values(text: str) -> set[int]:
    """Read numbers as `numbers` writes them, by their own rules."""
    if text == "of any value":
        return set(range(256))
    stepped = re.fullmatch("(..) to (..) in steps of ([0-9]+)", text)
    if stepped:
        return set(range(int(stepped[1], 16), int(stepped[2], 16) + 1, int(stepped[3])))
    found = set()
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


def seconds(text: str) -> set[int]:
    """Read the values of P2."""
    coded = re.fullmatch(r"8 x SFI \+ (.*), SFI (.*)", text)
    if coded is None:
        return values(text)
    return {sfi << 3 | mode for sfi in values(coded[2]) for mode in values(coded[1])}


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: f"{row.cla:02X}{row.ins:02X} {row.name}")
def test_the_values_of_p1_and_p2_are_those_of_the_table(row: Row) -> None:
    text = parameters([row])
    assert text.startswith(f"{row.name} has P1 ")
    said = set()
    for part in text.removeprefix(f"{row.name} has ").split("; "):
        first, _, second = part.removeprefix("P1 ").partition(" with P2 ")
        said |= {(p1, p2) for p1 in values(first) for p2 in seconds(second)}
    assert said == {(p1, p2) for p1 in range(256) for p2 in range(256) if row.parameters(p1, p2)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.cla:02X}{row.ins:02X} {row.name}")
def test_the_lengths_are_those_of_the_table(row: Row) -> None:
    text = lengths(row).removeprefix(f"{row.name} has Lc ")
    if "and more" not in text:
        assert values(text) == {each for each in range(256) if each in row.lc}


@given(st.sets(st.integers(0, 255), min_size=1, max_size=7))
def test_numbers_name_what_they_are_given(allowed: set[int]) -> None:
    assert values(numbers(allowed)) == allowed


@pytest.mark.parametrize(
    ("apdu", "word", "reason"),
    [
        ("00A4000C023F00", "6A86", "SELECT has P1 00, 02, 04 with P2 00, 02"),
        ("0084000005", "6700", "GET CHALLENGE has Le 04, 08, 10"),
        ("0020000001FF", "6700", "VERIFY has Lc 00, 02 to 08"),
        ("B028020000", "6A86", "INITIALIZE FOR LOAD and INITIALIZE FOR PURCHASE have P1 00, 01 with P2 01"),
    ],
)
def test_a_refusal_says_what_is_allowed(apdu: str, word: str, reason: str) -> None:
    bench = CardBench()
    assert (bench.send(apdu), bench.reason) == (word, reason)


@pytest.mark.parametrize(
    ("fid", "reason"),
    [
        ("EF05", ".*DF01/EF05.* has this identifier and is no DF: SELECT its DF, then the EF with P1 02"),
        ("EEEE", "no file of this card has this identifier"),
        ("DF01", "MF does not reach .*DF01.*: SELECT the DF above it first"),
    ],
)
def test_where_p1_00_selects_no_ef_the_reason_says_what_there_is(fid: str, reason: str) -> None:
    """And where an identifier is sought nearby only, an application is not seen from the MF (Part 3, 5.2)."""
    made = handmade(Settings(select=SelectSettings(ef_with_p1_00=False, fids="near")))
    bench = CardBench(card=Card(Image.in_memory(made)))
    assert bench.send(f"00A4000002{fid}") == "6A82"
    assert re.fullmatch(reason, bench.reason), bench.reason


# Secrets --------------------------------------------------------------------------------------------

SECRET = bytes.fromhex("D1E2F3A4B5C6D7E8")


def commands() -> Iterator[tuple[int, int, int, int]]:
    """Every command, as its table has it and with a wrong class, P1 or P2."""
    for row in ROWS:
        first = next((p1, p2) for p1 in range(256) for p2 in range(256) if row.parameters(p1, p2))
        for cla, p1, p2 in ((row.cla, *first), (row.cla, 0xD1, 0xE2), (row.cla ^ 0x10, *first)):
            yield cla, row.ins, p1, p2


def test_no_reason_holds_what_was_sent() -> None:
    """The data may be a PIN or a key, and often at the wrong place."""
    for profile in ("ssc-2.0", "psam"):
        bench = CardBench(profile, FINANCIAL if profile != "psam" else "")
        for path in list(bench.card.image.dfs):
            for cla, ins, p1, p2 in dict.fromkeys(commands()):
                if ins in (0x16, 0x1E):
                    continue
                bench.card.session.df, bench.card.session.ef = path, None
                for length in (1, 2, 3, 8, 16):
                    data = (SECRET * 2)[:length]
                    bench.card.transmit(bytes((cla, ins, p1, p2, length)) + data)
                    assert bench.card.last is not None
                    assert SECRET[:2].hex().upper() not in bench.reason.upper(), (bench.card.last, bench.reason)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=4, max_size=4), st.integers(0, 20))
def test_no_reason_of_any_command_holds_what_was_sent(header: bytes, length: int) -> None:
    bench = CardBench()
    bench.select_ssse()
    bench.card.transmit(header + bytes((length,)) + (SECRET * 3)[:length])
    assert bench.card.last is not None
    assert SECRET[:2].hex().upper() not in bench.reason.upper()
