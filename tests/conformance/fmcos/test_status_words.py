"""Every status word of every row of the coding `fmcos`, and power that fails in each that writes.

One table says how to get each word; it is total over the rows.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from emulator.card.row import Row
from emulator.commands.fmcos.rows import FMCOS_ROWS
from tests.kit.card import ATR_T0, long_answer
from tests.kit.fmcos import (
    ADDED,
    APP,
    BY_CODE,
    DATA,
    LINE,
    MASTER,
    PIN,
    SAMPLES,
    SINGLE,
    FmcosBench,
    create,
    directory,
    family,
    fmcos_contents,
    key,
    raw,
    ready,
    write_key,
)

# -- every word of every row ------------------------------------------------------------------------

Scenario = Callable[[FmcosBench], str]


def steps(*apdus: str | bytes) -> Scenario:
    """Send these; the word of the last."""
    return lambda bench: [bench.word(each) for each in apdus][-1]


def protected(header: str, data: bytes = b"", **more: Any) -> Scenario:
    """Send a command with a MAC."""
    return lambda bench: bench.word(bench.mac(header, data, **more))


def unasked(header: str, data: bytes = b"") -> Scenario:
    """A MAC without a challenge."""
    whole = bytes.fromhex(header) + bytes((len(data) + 4,)) + data + bytes(4)
    return steps(whole)


def locked(make: Callable[[FmcosBench], bytes]) -> Scenario:
    """Three failures, and the right one."""

    def scenario(bench: FmcosBench) -> str:
        for _ in range(3):
            wrong = make(bench)
            bench.word(wrong[:-2] + bytes((wrong[-2] ^ 0xFF, wrong[-1])))
        return bench.word(make(bench))

    return scenario


def at_t0(apdu: Callable[[FmcosBench], bytes]) -> Scenario:
    """The same card in a reader with T=0, where data wait (Part 2, 9.3)."""

    def scenario(bench: FmcosBench) -> str:
        card = read_cells(bench.cells())
        turned = FmcosBench(replace(card, info=replace(card.info, atr=ATR_T0)))
        turned.ok("00A40000023F01")
        answer = turned.send(apdu(turned))[-4:]
        bench.seen |= turned.seen
        return answer

    return scenario


def worn_out(make: Callable[[FmcosBench], bytes]) -> Scenario:
    """The memory takes no writes."""

    def scenario(bench: FmcosBench) -> str:
        apdu = make(bench)
        bench.store.writes_left = 0
        return bench.word(apdu)

    return scenario


def locked_purse(bench: FmcosBench) -> str:
    """SELECT of a directory with a purse that a temporary APPLICATION BLOCK has locked, by a setting."""
    before, bench = bench, FmcosBench(fmcos_contents("edep blocked_select 6283"))
    before.seen = bench.seen
    for apdu in ("00A40000023F00", directory(0x3F02, b"purse"), "00A40000023F02", create(0, "3F010095F0FFFF")):
        bench.ok(apdu)
    for apdu in (write_key(0x36, LINE), create(0x18, "2E0A17F0EFFFFF"), create(2, "2F0208F000FF18")):
        bench.ok(apdu)
    bench.ok(bench.mac("841E0000"))
    return bench.word("00A40000023F02")


FULL: Final = [create(0x0300 + at, "2803E8F0F0FFFF") for at in range(3)]
FULL_CARD: Final = [create(0x0400 + at, "2803E8F0F0FFFF") for at in range(6)]
TLV: Final = bytes.fromhex("AA021122")
WORDS: Final[dict[tuple[int, int], dict[int, Scenario]]] = {
    (0x80, 0xE0): {
        0x6982: steps("00A40000023F00", directory(0x3F02, b"other", create_erase="F1F1"), "00A40000023F02",
                      create(1, "3F004095F0FFFF"), "00A40000023F02", create(2, "280008F0F0FFFF")),
        0x6985: steps("00A40000023F00", directory(0x3F02, b"other"), "00A40000023F02",
                      create(2, "280008F0F0FFFF"), create(1, "3F004095F0FFFF")),
        0x6A80: steps(create(0x0200, "2F0208F0F0FFFF")),
        0x6A84: steps(*FULL, *FULL_CARD),
        0x6700: steps(create(0x0200, "280008F0F0FF")),
        0x6A86: steps(create(0x0002, "280008F0F0FFFF")),
    },
    (0x80, 0xD4): {
        0x6982: steps("00A40000023F01", b"\x80\xd4\x39\x01\x0d" + key(0x39, 0xF0, 0xF0, 1, 0x33, SINGLE)),
        0x6987: steps(write_key(0xF9, SINGLE, identifier=3)),
        0x6A80: steps(write_key(0x33, SINGLE, identifier=3)),
        0x6A82: steps("00A40000023F00", directory(0x3F02, b"other"), "00A40000023F02", write_key(0x39, SINGLE)),
        0x6A84: steps(*(write_key(0x39, MASTER, identifier=at) for at in range(3, 30))),
        0x6A88: steps(b"\x80\xd4\x39\x07\x0d" + key(0x39, 0xF0, 0xF0, 1, 0x33, SINGLE)),
        0x6700: steps(write_key(0x39, SINGLE + b"\x00", identifier=3)),
        0x6A86: steps("80D401FF07" + "00" * 7),
    },
    (0x84, 0xD4): {
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.load("84D43901", ADDED)))[-1],
        0x6983: locked(lambda bench: bench.load("84D40103", ADDED)),
        0x6984: unasked("84D40103", bytes(16)),
        0x6987: steps("84D401030400000000"),
        0x6988: protected("84D40103", bytes(16)),
        0x6A80: protected("84D40103", bytes(12), key=MASTER),
        0x6A82: lambda bench: (
            bench.word("00A40000023F00"),
            bench.word(directory(0x3F02, b"other")),
            bench.word("00A40000023F02"),
            bench.word(bench.load("84D40103", ADDED)),
        )[-1],
        0x6A84: lambda bench: [
            bench.word(bench.load(f"84D401{at:02X}", key(0xF9, 0xF0, 0xF0, 1, 0x33, MASTER))) for at in range(3, 30)
        ][-1],
        0x6A88: lambda bench: bench.word(bench.load("84D43907", ADDED)),
        0x6700: steps("84D40103"),
        0x6A86: steps("84D401FF0400000000"),
    },
    (0x80, 0x0E): {
        0x6982: steps("00A40000023F01", "800E000000"),
        0x6700: steps("800E00000100"),
        0x6A86: steps("800E000100"),
    },
    (0x00, 0xA4): {
        0x6A82: steps("00A40000020FFF"),
        0x6700: steps("00A4000001FF"),
        0x6A86: steps("00A40200020002"),
        0x6100: at_t0(raw("00A40000023F01")),
        0x6283: locked_purse,
        0x9303: steps("00A4040005" + b"\xd1appl".hex()),
    },
    (0x00, 0x84): {0x6700: steps("0084000010"), 0x6A86: steps("0084000108")},
    (0x00, 0x82): {
        0x63C0: lambda bench: bench.word(bench.authenticated(0, SINGLE)),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.authenticated(1, SINGLE)))[-1],
        0x6983: locked(lambda bench: bench.authenticated(0, MASTER)),
        0x6984: steps("0082000008" + "00" * 8),
        0x6A88: lambda bench: bench.word(bench.authenticated(9, SINGLE)),
        0x6700: steps("0082000007" + "00" * 7),
        0x6A86: steps("0082010008" + "00" * 8),
    },
    (0x00, 0x88): {
        0x6982: steps("00A40000023F01", write_key(0x30, SINGLE, identifier=3, use=0x11), "0088000308" + "00" * 8),
        0x6A88: steps("0088000908" + "00" * 8),
        0x6700: steps("0088000207" + "00" * 7),
        0x6A86: steps("0088030208" + "00" * 8),
        0x6100: at_t0(raw("0088000208" + "00" * 8)),
    },
    (0x00, 0x20): {
        0x63C0: steps("0020000003999999"),
        0x6982: steps("00A40000023F01", write_key(0x3A, PIN, identifier=3, use=0x11), "0020000303123456"),
        0x6983: locked(raw(b"\x00\x20\x00\x00\x03" + PIN)),
        0x6A88: steps("0020000903123456"),
        0x6700: steps("002000000112"),
        0x6A86: steps("0020010003123456"),
    },
    (0x00, 0xB0): {
        0x6981: steps("00B0850008"),
        0x6982: steps("00A40000023F01", "00B0960008"),
        0x6986: steps("00A40000023F01", "00B0000008"),
        0x6987: steps("00B0830008"),
        0x6A82: steps("00B09E0008"),
        0x6B00: steps("00B0827008"),
        0x6C00: at_t0(raw("00B0820000")),
        0x6700: steps("00B082000100"),
        0x6A86: steps("00B0A00008"),
    },
    (0x04, 0xB0): {
        0x6981: unasked("04B08600"),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04B09600")))[-1],
        0x6983: locked(lambda bench: bench.mac("04B08300")),
        0x6984: unasked("04B08300"),
        0x6986: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04B00000")))[-1],
        0x6988: protected("04B08300", key=MASTER),
        0x6A82: unasked("04B09E00"),
        0x6A80: lambda bench: bench.word(bench.mac("04B08300", bytes(8))),
        0x6A88: protected("04B09900"),
        0x6B00: protected("04B08370"),
        0x6E00: protected("04B08200"),
        0x6100: at_t0(lambda bench: bench.mac("04B08300", le=b"\x10")),
        0x6700: steps("04B08300020000"),
        0x6A86: unasked("04B0A000"),
    },
    (0x00, 0xB2): {
        0x6981: steps("00B2011400"),
        0x6982: steps("00A40000023F01", "00B201BC00"),
        0x6986: steps("00A40000023F01", "00B2010400"),
        0x6987: steps("00B2013400"),
        0x6A82: steps("00B201F400"),
        0x6A83: steps("00B2092C00"),
        0x6100: lambda bench: long_answer(bench, "00B2012D00"),
        0x6C00: at_t0(raw("00B2012C05")),
        0x6700: steps("00B2012C0100"),
        0x6A86: steps("00B2012F00"),
    },
    (0x04, 0xB2): {
        0x6981: unasked("04B2011C"),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04B201BC")))[-1],
        0x6983: locked(lambda bench: bench.mac("04B20134")),
        0x6984: unasked("04B20134"),
        0x6986: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04B20104")))[-1],
        0x6988: protected("04B20134", key=MASTER),
        0x6A82: unasked("04B201F4"),
        0x6A83: protected("04B20934"),
        0x6A80: lambda bench: bench.word(bench.mac("04B20134", bytes(8))),
        0x6A88: protected("04B201D4"),
        0x6100: at_t0(lambda bench: bench.mac("04B20134", le=b"\x10")),
        0x6700: steps("04B20134020000"),
        0x6A86: unasked("04B2012F"),
    },
    (0x00, 0xD6): {
        0x6981: steps("00D6850001FF"),
        0x6982: steps("00A40000023F01", "00D6960001FF"),
        0x6986: steps("00A40000023F01", "00D6000001FF"),
        0x6987: steps("00D6830001FF"),
        0x6A82: steps("00D69E0001FF"),
        0x6B00: steps("00D6827001FF"),
        0x6700: steps("00D68200"),
        0x6A86: steps("00D6A00001FF"),
    },
    (0x04, 0xD6): {
        0x6981: unasked("04D68600", DATA),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04D69600", DATA)))[-1],
        0x6983: locked(lambda bench: bench.mac("04D68300", DATA)),
        0x6984: unasked("04D68300", DATA),
        0x6986: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04D60000", DATA)))[-1],
        0x6987: steps("04D683000400000000"),
        0x6988: protected("04D68300", DATA, key=MASTER),
        0x6A80: protected("04D68400", DATA),
        0x6A82: unasked("04D69E00", DATA),
        0x6A88: protected("04D69800", DATA),
        0x6B00: protected("04D68370", DATA),
        0x6E00: protected("04D68200", DATA),
        0x6700: steps("04D68300"),
        0x6A86: unasked("04D6A000", DATA),
    },
    (0x00, 0xDC): {
        0x6981: steps("00DC011401FF"),
        0x6982: steps("00A40000023F01", "00DC01BC04AA021122"),
        0x6986: steps("00A40000023F01", "00DC010401FF"),
        0x6987: steps("00DC013401FF"),
        0x6A82: steps("00DC01F401FF"),
        0x6A83: steps(b"\x00\xdc\x09\x2c\x10" + DATA),
        0x6A84: steps("00DC01443FAA3D" + "00" * 61, "00DC024404AA021122"),
        0x6A85: steps("00DC014404AA031122"),
        0x6700: steps("00DC012C01FF"),
        0x6A86: steps("00DC012D01FF"),
    },
    (0x04, 0xDC): {
        0x6981: unasked("04DC011C", DATA),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04DC01BC", TLV)))[-1],
        0x6983: locked(lambda bench: bench.mac("04DC0134", DATA)),
        0x6984: unasked("04DC0134", DATA),
        0x6986: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04DC0104", DATA)))[-1],
        0x6987: steps("04DC01340400000000"),
        0x6988: protected("04DC0134", DATA, key=MASTER),
        0x6A80: protected("04DC013C", DATA),
        0x6A82: unasked("04DC01F4", DATA),
        0x6A83: protected("04DC0934", DATA),
        0x6A84: lambda bench: (
            bench.word(bench.mac("04DC014C", b"\xaa\x3d" + bytes(61))),
            bench.word(bench.mac("04DC024C", TLV)),
        )[-1],
        0x6A85: protected("04DC014C", b"\xaa\x03\x11"),
        0x6A88: protected("04DC01D4", TLV),
        0x6700: protected("04DC0134", TLV),
        0x6A86: unasked("04DC012D", DATA),
    },
    (0x00, 0xE2): {
        0x6981: steps("00E2001401FF"),
        0x6982: steps("00A40000023F01", "00E200BC04AA021122"),
        0x6986: steps("00A40000023F01", "00E2000401FF"),
        0x6987: steps("00E2003401FF"),
        0x6A82: steps("00E200F401FF"),
        0x6A84: steps(*[b"\x00\xe2\x00\x2c\x10" + DATA] * 3),
        0x6A85: steps("00E2004404AA031122"),
        0x6700: steps("00E2002C01FF"),
        0x6A86: steps("00E2012C01FF"),
    },
    (0x04, 0xE2): {
        0x6981: unasked("04E2001C", DATA),
        0x6982: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04E200BC", TLV)))[-1],
        0x6983: locked(lambda bench: bench.mac("04E20034", DATA)),
        0x6984: unasked("04E20034", DATA),
        0x6986: lambda bench: (bench.word("00A40000023F01"), bench.word(bench.mac("04E20004", DATA)))[-1],
        0x6987: steps("04E200340400000000"),
        0x6988: protected("04E20034", DATA, key=MASTER),
        0x6A80: protected("04E2003C", DATA),
        0x6A82: unasked("04E200F4", DATA),
        0x6A84: lambda bench: [bench.word(bench.mac("04E20034", DATA)) for _ in range(3)][-1],
        0x6A85: protected("04E2004C", b"\xaa\x03\x11"),
        0x6A88: protected("04E200D4", TLV),
        0x6700: protected("04E20034", TLV),
        0x6A86: unasked("04E2012D", DATA),
    },
}  # fmt: skip
"""How to get each word of each row but those that all rows have in common."""


def card_blocked(code: tuple[int, int]) -> Scenario:
    """After CARD BLOCK."""

    def scenario(bench: FmcosBench) -> str:
        apdu = SAMPLES[code](bench)
        bench.card.image.info = replace(bench.card.image.info, blocked=True)
        return bench.word(apdu)

    return scenario


def application_blocked(code: tuple[int, int], scenario: Scenario | None) -> Scenario:
    """After APPLICATION BLOCK."""

    def run(bench: FmcosBench) -> str:
        apdu = SAMPLES[code](bench)
        image = bench.card.image
        image.dfs[APP] = replace(image.dfs[APP], blocked=True)
        return scenario(bench) if scenario else bench.word(apdu)

    return run


def other_class(code: tuple[int, int]) -> Scenario:
    """A class that no command has, with its instruction."""
    return lambda bench: bench.word(b"\x10" + SAMPLES[code](bench)[1:])


CASES: Final = [(row, word) for row in FMCOS_ROWS for word in sorted(set(row.status_words))]


def scenario_of(row: Row, word: int) -> Scenario:
    """The scenario for a word of a row."""
    code = row.cla, row.ins
    special = WORDS[code].get(word)
    match word:
        case 0x9000:
            return lambda bench: bench.word(SAMPLES[code](bench))
        case 0x6A81:
            return card_blocked(code)
        case 0x9303:
            return application_blocked(code, special)
        case 0x6581:
            return worn_out(SAMPLES[code])
        case 0x6E00:
            return special or other_class(code)
    assert special is not None, f"no scenario for {word:04X} of {row.name}"
    return special


@pytest.mark.parametrize(("row", "word"), CASES, ids=lambda each: f"{each:04X}" if isinstance(each, int) else each.name)
def test_every_word_of_every_row_is_answered(row: Row, word: int) -> None:
    bench = ready()
    assert family(scenario_of(row, word)(bench)) == word, bench.reason


def test_no_scenario_is_for_a_word_that_its_row_has_not() -> None:
    assert WORDS.keys() == SAMPLES.keys() == BY_CODE.keys()
    for code, scenarios in WORDS.items():
        assert set(scenarios) <= set(BY_CODE[code].status_words), code


# -- power ---


@pytest.mark.parametrize("row", [row for row in FMCOS_ROWS if row.writes], ids=lambda row: f"{row.cla:02X} {row.name}")
def test_power_that_fails_leaves_the_old_card_or_the_new_one(row: Row) -> None:
    """A try that was charged stays charged."""

    def rest(cells: dict[Any, Any]) -> dict[Any, Any]:
        return {at: cell for at, cell in cells.items() if at[0] != "tries"}

    whole = ready()
    old = rest(whole.cells())
    assert whole.word(SAMPLES[row.cla, row.ins](whole)) == "9000"
    new = rest(whole.cells())
    for writes in range(3):
        bench = ready()
        apdu = SAMPLES[row.cla, row.ins](bench)
        tries = sum(bench.card.image.tries.values())
        bench.store.writes_left = writes
        word = bench.word(apdu)
        assert word in ("9000", "6581")
        assert rest(bench.cells()) == (new if word == "9000" else old)
        if word == "6581":
            assert sum(bench.card.image.tries.values()) == tries - writes
        again = Image(read_cells(bench.cells()), bench.store)
        assert (again.keys, again.efs, again.dfs) == (bench.card.image.keys, bench.card.image.efs, bench.card.image.dfs)
