"""Every status word of reading on a card that has files which are read with a MAC (Part 5, tables 30 and 33).

Updates with CLA 04 stand with the other commands, in `tests/conformance/social/test_status_words.py`.
"""

from collections.abc import Callable
from typing import Final

import pytest

from cardfs.model.settings import Settings, SmSettings
from emulator.card.row import Row
from emulator.commands.social.rows import SECURED_READING_ROWS
from tests.kit.card import HandmadeBench, long_answer

ON: Final = Settings(sm=SmSettings(read_commands="per-file"))
Scenario = Callable[[HandmadeBench], str]
PLACES: Final = {0xB2: ("01B4", "0134", "01F4", "0104", "01BC"), 0xB0: ("9700", "8800", "9E00", "0000", "9600")}
"""P1 P2 of a secured file, of one without the right, of no file, of the current one, of the other structure."""


def plain(apdu: str, *before: str) -> Scenario:
    """A command after others whose words do not matter."""

    def scenario(bench: HandmadeBench) -> str:
        for each in before:
            bench.send(each)
        return bench.send(apdu)

    return scenario


def maced(header: str, *, df: str = "", flip: bool = False, challenge: bytes | None = None) -> Scenario:
    """A command with a MAC under STK; with its last bit the other way round."""

    def scenario(bench: HandmadeBench) -> str:
        if df:
            bench.select_df(df)
        command = bench.secured(header, challenge=challenge)
        return bench.send(command[:-1] + bytes((command[-1] ^ flip,)))

    return scenario


def locked_card(apdu: str) -> Scenario:
    def scenario(bench: HandmadeBench) -> str:
        bench.lock_card()
        return bench.send(apdu)

    return scenario


def locked_application(apdu: str) -> Scenario:
    def scenario(bench: HandmadeBench) -> str:
        bench.lock_application()
        return bench.send(apdu)

    return scenario


def _scenarios(ins: int, cla: int) -> dict[int, Scenario]:
    good, forbidden, none, current, other = PLACES[ins]
    head = f"{cla:02X}{ins:02X}"
    sample = head + good + ("0400000000" if cla else "04")
    found: dict[int, Scenario] = {
        0x6A81: locked_card(sample),
        0x9303: locked_application(sample),
        0x6E00: plain("84" + sample[2:]),
        0x6A86: plain(f"{head}{'FFB4' if ins == 0xB2 else 'A700'}{sample[8:]}"),
    }
    wrong: Callable[[str], Scenario] = (
        (lambda where: maced(head + where)) if cla else lambda where: plain(head + where + "04")
    )
    found |= {
        0x6981: wrong(other),
        0x6982: wrong(forbidden),
        0x6986: wrong(current),
        0x6A82: wrong(none),
        **({0x6A83: wrong("09B4" if cla else "092C")} if ins == 0xB2 else {}),
    }
    if ins == 0xB0:
        found[0x6B00] = wrong("9710") if cla else plain("00B0012C04", "00A4020002EF07")
    if not cla:
        return found | {
            0x9000: plain("00B2012C04" if ins == 0xB2 else "00B0870004"),
            0x6700: plain(head + good + "0400000000"),
            0x6987: plain(sample),
            0x6C00: plain("00B2012C00" if ins == 0xB2 else "00B08D0000"),
            **({0x6100: lambda bench: long_answer(bench, "00B2012D00")} if ins == 0xB2 else {}),
        }
    return found | {
        0x9000: lambda bench: bench.ask(bench.secured(head + good))[-4:],
        0x6100: maced(head + good),
        0x6700: plain(head + good + "050000000000"),
        0x6984: plain(sample),
        0x6987: plain(head + good + "03000000", "0084000008"),
        0x6988: maced(head + good, flip=True),
    }


CASES: Final = [
    pytest.param(row, word, id=f"{row.name}/{row.cla:02X}/{word:04X}")
    for row in SECURED_READING_ROWS
    for word in row.status_words
]


@pytest.mark.parametrize(("row", "word"), CASES)
def test_reading_answers_each_of_its_words(row: Row, word: int) -> None:
    bench = HandmadeBench(ON)
    answer = _scenarios(row.ins, row.cla)[word](bench)[-4:]
    assert (answer[:2] + "00" if answer[:2] in ("61", "6C") else answer) == f"{word:04X}", bench.reason


def test_every_word_has_a_scenario_and_no_scenario_is_without_its_word() -> None:
    for row in SECURED_READING_ROWS:
        assert len(set(row.status_words)) == len(row.status_words)
        assert _scenarios(row.ins, row.cla).keys() == set(row.status_words)


LISTED: Final = {
    "READ BINARY": "6981 6982 6986 6A81 6A82 6A86 6B00 6C00 6E00 9303",  # table 30
    "READ RECORD": "6981 6982 6986 6A81 6A82 6A83 6A86 6C00 6E00 9303",  # table 33
}
MORE: Final = {
    0x00: {0x6700: "table 5: data that the command does not have", 0x6987: "Part 7, 7.4: the MAC is missing"},
    0x04: {
        0x6100: "Part 2, 9.4: case 2 with a MAC is case 4",
        0x6700: "table 5: more than a MAC",
        0x6984: "table 5: no challenge",
        0x6987: "Part 7, 7.4: the MAC is missing",
        0x6988: "table 5: the MAC is wrong",
    },
}


@pytest.mark.parametrize("row", SECURED_READING_ROWS, ids=lambda row: f"{row.name}/{row.cla:02X}")
def test_a_row_lists_the_words_of_the_standard_apart_from_explained_ones(row: Row) -> None:
    listed = {0x9000} | {int(word, 16) for word in LISTED[row.name].split()}
    parts = {0x6100} if row.name == "READ RECORD" else set()  # table 5: what one answer does not carry
    assert set(row.status_words) - listed == set(MORE[row.cla]) | parts
    # With a MAC it is case 4, so that no Le is wrong (Part 2, 9.3.2.2).
    assert listed - set(row.status_words) == ({0x6C00} if row.cla else set())


ORDER: Final = {
    "no such file before the MAC": ("6A82", maced("04B201F4", flip=True)),
    "the structure before the MAC": ("6981", maced("04B201BC", flip=True)),
    "no right and a wrong MAC": ("6982", maced("04B201C4", flip=True)),
    "no right and no MAC": ("6982", plain("00B201C404")),
    "no challenge and a wrong MAC": ("6984", plain("04B201B40400000000")),
    "no key and no challenge": ("6A81", lambda bench: (bench.select_df("DF02"), bench.send("04B201440400000000"))[1]),
    "a wrong MAC and no such record": ("6988", maced("04B209B4", flip=True)),
    "a wrong MAC and an offset outside": ("6988", maced("04B09720", flip=True)),
    "no MAC and no such record": ("6987", plain("00B209B404")),
    "no MAC and a wrong Le": ("6987", plain("00B201B400")),
}


@pytest.mark.parametrize(("word", "scenario"), list(ORDER.values()), ids=list(ORDER))
def test_of_two_faults_the_earlier_check_gives_the_word(word: str, scenario: Scenario) -> None:
    """The order is that of updates (Part 7, 7.4): the MAC first, then the place."""
    assert scenario(HandmadeBench(ON)) == word
