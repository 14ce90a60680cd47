"""Every status word of every command of passbook and purse.

One table says how to get each word; it is total over the rows, and no scenario may see a word that the row
of the command does not list.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.memory.cells import write_cells
from cardfs.model.files import CardContents, CommandSet, Protection
from cardfs.model.settings import EdepSettings, Settings
from emulator.card.row import Row
from emulator.commands.financial.purse.rows import PURSE_ROWS
from emulator.commands.sets import SETS
from emulator.status import MEANINGS
from tests.kit.card import SSSE, SSSE_NAME, FailingStore, family, long_answer
from tests.kit.purse import ADF, EP, PIN, PurseBench, contents, flipped, money, with_ef
from tests.kit.wallet import Wallet

Where = tuple[int, int, int | None]
MakeCommand = Callable[["Watched"], bytes]
"""Brings the card where it has to be, and returns the command that counts."""
TABLE: Final = SETS.table(Settings(), CommandSet.PURSE)


def where(row: Row) -> Where:
    """Class, instruction, and P1 where that tells rows apart."""
    return row.cla, row.ins, row.p1


class Watched(PurseBench):
    """A card with money, the PIN verified, of which no command may answer a word beyond its row's."""

    def __init__(
        self, card_contents: CardContents | None = None, *, settings: Settings | None = None, **changes: Any
    ) -> None:
        self.seen: set[tuple[Where, int]] = set()
        money_in = {"passbook": money(1000, 1, 2, 0), "purse": money(1000, 3, 4)}
        card_contents = card_contents or contents(settings, **{**money_in, **changes})
        self.store = FailingStore(dict(write_cells(card_contents)))
        super().__init__(card_contents=card_contents, store=self.store)
        self.pin()

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = super().send(raw)
        row = TABLE.find(raw[0], raw[1], raw[2]) if len(raw) > 2 else None
        if row is not None:
            word = family(answer[-4:])
            self.seen.add((where(row), word))
            assert word in row.status_words, f"{row.name} answers {answer[-4:]}: {self.reason}"
        return answer


def raw(apdu: str) -> MakeCommand:
    """A command that needs nothing."""
    return lambda _bench: bytes.fromhex(apdu)


def after(*before: str, then: MakeCommand) -> MakeCommand:
    """A command after others."""

    def make(bench: Watched) -> bytes:
        for each in before:
            bench.ask(each)
        return then(bench)

    return make


def line(header: str, data: str = "", key: str = "DAMK", *, le: str = "") -> MakeCommand:
    """A command with a MAC."""
    return lambda bench: bench.protected(header, bytes.fromhex(data), key) + bytes.fromhex(le)


def wrong(command_of: MakeCommand, *, le: bool = False) -> MakeCommand:
    """The same with a wrong MAC."""

    def make(bench: Watched) -> bytes:
        command = command_of(bench)
        return flipped(command[:-1]) + command[-1:] if le else flipped(command)

    return make


def spend(p1: int, which: int, kind: int) -> MakeCommand:
    """DEBIT FOR PURCHASE after its INITIALIZE."""
    return lambda bench: bench.spend(p1, which, 5, kind)


def begun(apdu: str) -> MakeCommand:
    """A command in a composite purchase that has begun."""
    return after("805003020B000000000500112233445500", then=raw(apdu))


BEGIN: Final = {
    0x00: "805000020B010000000500112233445500",
    0x01: "805001010B010000000500112233445500",
    0x02: "805002010B010000000500112233445500",
    0x03: "805003020B010000000500112233445500",
    0x04: "80500401070100112233445500",
    0x05: "805005010B010000000500112233445500",
}
SAMPLES: Final[dict[Where, MakeCommand]] = {
    (0x00, 0xA4, None): raw("00A40000023F01"),
    (0x00, 0xB0, None): raw("00B0950004"),
    (0x04, 0xB0, None): line("04B09500", le="04"),
    (0x00, 0xB2, None): raw("00B201CC00"),
    (0x04, 0xB2, None): line("04B201CC", le="00"),
    (0x00, 0xD6, None): lambda bench: (bench.authenticated(), bytes.fromhex("00D6960001FF"))[1],
    (0x04, 0xD6, None): line("04D69500", "AABB"),
    (0x00, 0xDC, None): raw("00DC01BC0444444444"),
    (0x04, 0xDC, None): line("04DC02CC", "A2FF"),
    (0x00, 0xE2, None): raw("00E200BC0444444444"),
    (0x04, 0xE2, None): line("04E200CC", "A4"),
    (0x00, 0x84, None): raw("0084000004"),
    (0x00, 0xC0, None): raw("00C0000000"),
    (0x00, 0x82, None): lambda bench: bench.external(),
    (0x00, 0x88, None): raw("0088000208" + "00" * 8 + "00"),
    (0x00, 0x20, None): raw("0020000003123456"),
    (0x80, 0x5E, 0x00): lambda bench: bench.reload(b"\x22\x33"),
    (0x80, 0x5E, 0x01): raw("805E010007123456FF112233"),
    (0x84, 0x24, None): lambda bench: bench.unblock(b"\x22\x33"),
    (0x84, 0x1E, None): line("841E0000"),
    (0x84, 0x18, None): lambda bench: (bench.ask(bench.protected("841E0000")), bench.protected("84180000"))[1],
    (0x84, 0x16, None): line("84160000"),
    (0x80, 0x5C, None): raw("805C000204"),
    **{(0x80, 0x50, p1): raw(apdu) for p1, apdu in BEGIN.items()},
    (0x80, 0x52, None): lambda bench: bench.load(EP, 5),
    (0x80, 0x54, 0x01): spend(1, EP, 6),
    (0x80, 0x54, 0x03): lambda bench: bench.unload(5),
    (0x80, 0x58, None): lambda bench: bench.limit(5),
    (0x80, 0xDC, None): begun("80DCA1C802A1FF"),
    (0x80, 0x5A, None): lambda bench: (bench.do(bench.load(EP, 5)), bytes.fromhex("805A000202000408"))[1],
}
"""One command of each row that succeeds."""

WRONG_P1_P2: Final[dict[Where, str]] = {
    (0x00, 0xA4, None): "0100",
    (0x00, 0xB0, None): "A000",
    (0x04, 0xB0, None): "A000",
    (0x00, 0xB2, None): "01CF",
    (0x04, 0xB2, None): "01CF",
    (0x00, 0xD6, None): "A000",
    (0x04, 0xD6, None): "A000",
    (0x00, 0xDC, None): "01BD",
    (0x04, 0xDC, None): "01CD",
    (0x00, 0xE2, None): "01BC",
    (0x04, 0xE2, None): "00C8",
    (0x00, 0x84, None): "0001",
    (0x00, 0xC0, None): "0100",
    (0x00, 0x82, None): "0101",
    (0x00, 0x88, None): "0102",
    (0x00, 0x20, None): "0100",
    (0x80, 0x5E, 0x00): "00FF",
    (0x80, 0x5E, 0x01): "0200",
    (0x84, 0x24, None): "0002",
    (0x84, 0x1E, None): "0002",
    (0x84, 0x18, None): "0001",
    (0x84, 0x16, None): "0001",
    (0x80, 0x5C, None): "0003",
    (0x80, 0x50, 0x00): "0003",
    (0x80, 0x50, 0x01): "0103",
    (0x80, 0x50, 0x02): "0202",
    (0x80, 0x50, 0x03): "0301",
    (0x80, 0x50, 0x04): "0402",
    (0x80, 0x50, 0x05): "0502",
    (0x80, 0x52, None): "0001",
    (0x80, 0x54, 0x01): "0101",
    (0x80, 0x54, 0x03): "0301",
    (0x80, 0x58, None): "0001",
    (0x80, 0xDC, None): "00C8",
    (0x80, 0x5A, None): "000A",
}
"""P1 and P2 that the command has not."""


Scenario = Callable[["Watched"], str]
"""Gets a word from a fresh card, or from another that it makes; `Watched` sees them all."""


def sent(command_of: MakeCommand) -> Scenario:
    """The word of the command."""
    return lambda bench: bench.word(command_of(bench))


def on(command_of: MakeCommand, **changes: Any) -> Scenario:
    """The word of the command on another card."""

    def scenario(bench: Watched) -> str:
        other = Watched(**changes)
        word = other.send(command_of(other))[-4:]
        bench.seen |= other.seen
        return word

    return scenario


def repeated(command_of: MakeCommand, times: int = 4) -> Scenario:
    """The word of the last of several."""
    return lambda bench: [bench.word(command_of(bench)) for _ in range(times)][-1]


def words(apdus: dict[int, str]) -> dict[int, Scenario]:
    """Scenarios that are one command each."""
    return {word: sent(raw(apdu)) for word, apdu in apdus.items()}


def t0(command_of: MakeCommand) -> Scenario:
    """The same under T=0, where data wait (Part 2, 9.3)."""
    return on(command_of, t1=False)


def unusable(apdu: str) -> Scenario:
    """The word on an FMCOS card whose keys and accounts may be used in state 2 alone, which nothing here reaches."""
    return lambda _bench: Wallet(use=0x22, key_use=0x22, pin_use=0x22).bench.word(apdu)


def mac_words(header: str, data: str = "", *, le: str = "") -> dict[int, Scenario]:
    """What every command under DAMK can answer."""
    length = len(data) // 2 + 4
    return {
        0x6984: sent(raw(f"{header}{length:02X}{data}00000000{le}")),
        0x6988: sent(wrong(line(header, data, le=le), le=bool(le))),
        0x6A88: on(raw(f"{header}{length:02X}{data}00000000{le}"), without=("DAMK",)),
    }


def tlv() -> CardContents:
    """A card whose composite records are TLV, without line protection or with it."""
    return with_ef(contents(passbook=money(limit=0)), 0x19, tlv=True)


NO_PIN: Final = "00A40000023F01"
"""Selected anew, the application has nothing proven."""
DEAR: Final = Settings(edep=EdepSettings(balance_error="6985"))
LATE: Final = Settings(edep=EdepSettings(second_command_error="6985"))
UNLIMITED: Final = {"passbook": money(0xFFFFFFFF, 1, 2, 0), "purse": money(0xFFFFFFFF, 3, 4)}
USED_UP: Final = {"passbook": money(9, 0xFFFF, 0xFFFF, 0), "purse": money(9, 0xFFFF, 0xFFFF)}
LOG: Final = "17" + "00" * 23


def begin_words(p1: int) -> dict[int, Scenario]:
    """What an INITIALIZE can answer."""
    apdu = BEGIN[p1]
    poor = {"passbook": money(4, limit=0), "purse": money(4)}
    nobody = apdu[:10] + "09" + apdu[12:]
    every: dict[int, Scenario] = {
        0x6100: t0(raw(apdu)),
        0x6700: sent(raw(apdu[:8] + "0A" + apdu[10:30])),
        # A composite purchase takes no PIN.
        0x6982: unusable(apdu) if p1 == 3 else sent(after(NO_PIN, then=raw(apdu))),
        0x6985: {0: on(raw(apdu), **UNLIMITED), 4: on(raw(apdu), passbook=bytes(10))}.get(
            p1, on(raw(apdu), settings=DEAR, **poor)
        ),
        0x6A82: on(raw(apdu), without=("0018",)),
        0x6A88: on(raw(apdu), without=("DTK",)),
        0x9401: on(raw(apdu), **poor),
        0x9402: on(raw(apdu), **USED_UP),
        0x9403: sent(raw(nobody)),
    }
    row = TABLE.find(0x80, 0x50, p1)
    assert row is not None
    return {word: scenario for word, scenario in every.items() if word in row.status_words}


def end_words(header: str, command_of: MakeCommand) -> dict[int, Scenario]:
    """What a command that completes a trade can answer."""
    apdu = header + "00" * int(header[-2:], 16)
    return {
        0x6100: t0(command_of),
        0x6700: sent(raw(header[:8] + "0100")),
        0x6901: sent(raw(apdu)),
        0x6985: on(raw(apdu), settings=LATE),
        0x9302: sent(wrong(command_of)),
    }


WORDS: Final[dict[Where, dict[int, Scenario]]] = {
    (0x00, 0xA4, None): {
        **words({0x6A82: "00A40000023F77", 0x6700: "00A4000001FF"}),
        0x6100: t0(raw("00A40000023F01")),
        0x6283: lambda bench: (bench.do(bench.protected("841E0000")), bench.word("00A40000023F01"))[1],
        0x9303: lambda bench: bench.word(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME),
    },
    (0x00, 0xB0, None): {
        **words({
            0x6700: "00B095000100", 0x6981: "00B0990004", 0x6982: "00B09C0004", 0x6986: "00B0000004",
            0x6A82: "00B09E0004", 0x6B00: "00B0957F04",
        }),
        0x6C00: t0(raw("00B0950000")),
    },
    (0x04, 0xB0, None): {
        **words({0x6700: "04B0950003000000", 0x6986: "04B000000400000000", 0x6A82: "04B09E000400000000"}),
        **mac_words("04B09500", le="04"),
        0x6100: t0(line("04B09500", le="04")),
        0x6981: sent(line("04B09900", le="04")),
        0x6982: sent(line("04B09C00", le="04")),
        0x6B00: sent(line("04B0957F", le="04")),
        0x6E00: sent(line("04B09600", le="04")),
    },
    (0x00, 0xB2, None): {
        **words({
            0x6700: "00B201CC0100", 0x6981: "00B201AC00", 0x6982: "00B201D400", 0x6986: "00B2010400",
            0x6A82: "00B201F400", 0x6A83: "00B209CC00",
        }),
        0x6100: lambda bench: long_answer(bench, "00B201CD00"),
        0x6C00: t0(raw("00B201CC01")),
    },
    (0x04, 0xB2, None): {
        **words({0x6700: "04B201CC03000000", 0x6986: "04B201040400000000", 0x6A82: "04B201F40400000000"}),
        **mac_words("04B201CC", le="00"),
        0x6100: t0(line("04B201CC", le="00")),
        0x6981: sent(line("04B201AC", le="00")),
        0x6982: sent(line("04B201D4", le="00")),
        0x6A83: sent(line("04B209CC", le="00")),
        0x6E00: sent(line("04B201BC", le="00")),
    },
    (0x00, 0xD6, None): {
        **words({
            0x6700: "00D69600", 0x6981: "00D6990001FF", 0x6982: "00D6960001FF", 0x6986: "00D6000001FF",
            0x6987: "00D6950001FF", 0x6A82: "00D69E0001FF",
        }),
        0x6B00: lambda bench: (bench.authenticated(), bench.word("00D6967F01FF"))[1],
    },
    (0x04, 0xD6, None): {
        **words({
            0x6700: "04D69500", 0x6981: "04D6990005FF00000000", 0x6982: "04D69C0005FF00000000",
            0x6986: "04D6000005FF00000000", 0x6987: "04D695000400000000", 0x6A82: "04D69E0005FF00000000",
        }),
        **mac_words("04D69500", "FF"),
        0x6B00: sent(line("04D6957F", "FF")),
        0x6E00: lambda bench: (bench.authenticated(), bench.word(line("04D69600", "FF")(bench)))[1],
    },
    (0x00, 0xDC, None): {
        **words({
            0x6700: "00DC01BC01FF", 0x6981: "00DC01AC01FF", 0x6982: f"00DC01C4{LOG}", 0x6986: "00DC010401FF",
            0x6987: "00DC01CC01FF", 0x6A82: "00DC01F401FF", 0x6A83: "00DC09BC0444444444",
        }),
        0x6A84: sent(after("00DC03BC0444444444", then=raw("00DC04BC0444444444"))),
        0x6A85: on(raw("00DC01CC03A10511"), card_contents=with_ef(tlv(), 0x19, secured_update=Protection.NONE)),
    },
    (0x04, 0xDC, None): {
        **words({
            0x6700: "04DC01CC", 0x6981: "04DC01AC05FF00000000", 0x6982: "04DC01D405FF00000000",
            0x6986: "04DC010405FF00000000", 0x6987: "04DC01CC0400000000", 0x6A82: "04DC01F405FF00000000",
        }),
        **mac_words("04DC01CC", "FF"),
        0x6A83: sent(line("04DC09CC", "FF")),
        0x6A84: sent(line("04DC01CC", "FF" * 20)),
        0x6A85: on(line("04DC01CC", "A10511"), card_contents=tlv()),
        0x6E00: sent(line("04DC01BC", "FF")),
    },
    (0x00, 0xE2, None): {
        **words({
            0x6700: "00E200BC01FF", 0x6981: "00E200AC01FF", 0x6982: f"00E200C4{LOG}", 0x6986: "00E2000401FF",
            0x6987: "00E200CC01FF", 0x6A82: "00E200F401FF",
        }),
        0x6A84: sent(after("00E200BC0444444444", then=raw("00E200BC0444444444"))),
        0x6A85: on(raw("00E200CC03A10511"), card_contents=with_ef(tlv(), 0x19, secured_update=Protection.NONE)),
    },
    (0x04, 0xE2, None): {
        **words({
            0x6700: "04E200CC", 0x6981: "04E200AC05FF00000000", 0x6982: "04E200D405FF00000000",
            0x6986: "04E2000405FF00000000", 0x6987: "04E200CC0400000000", 0x6A82: "04E200F405FF00000000",
        }),
        **mac_words("04E200CC", "FF"),
        0x6A84: sent(line("04E200CC", "FF" * 20)),
        0x6A85: on(line("04E200CC", "A10511"), card_contents=tlv()),
        0x6E00: sent(line("04E200BC", "FF")),
    },
    (0x00, 0x84, None): words({0x6700: "0084000010"}),
    (0x00, 0xC0, None): {
        0x9000: t0(lambda bench: (bench.send(BEGIN[1]), b"\x00\xc0\x00\x00\x0f")[1]),
        0x6100: t0(lambda bench: (bench.send(BEGIN[1]), b"\x00\xc0\x00\x00\x04")[1]),
        0x6C00: t0(lambda bench: (bench.send(BEGIN[1]), b"\x00\xc0\x00\x00\x00")[1]),
        **words({0x6F00: "00C0000000", 0x6700: "00C000000100"}),
    },
    (0x00, 0x82, None): {
        **words({0x6700: "0082000107" + "00" * 7, 0x6984: "0082000108" + "00" * 8, 0x6A88: "0082000908" + "00" * 8}),
        0x63C0: sent(wrong(lambda bench: bench.external())),
        0x6983: repeated(wrong(lambda bench: bench.external())),
    },
    (0x00, 0x88, None): {
        **words({0x6700: "0088000207" + "00" * 8, 0x6A88: "0088000908" + "00" * 9}),
        0x6100: t0(raw("0088000208" + "00" * 8)),
    },
    (0x00, 0x20, None): {
        **words({0x6700: "002000000112", 0x63C0: "0020000003999999", 0x9403: "0020000903999999"}),
        0x6983: repeated(raw("0020000003999999")),
    },
    (0x80, 0x5E, 0x00): {
        **words({0x6700: "805E0000051200000000", 0x9403: "805E000906223300000000"}),
        0x6982: unusable("805E000006223300000000"),
        0x6A88: on(raw("805E000006223300000000"), without=("DRPK",)),
        0x9302: sent(wrong(lambda bench: bench.reload(PIN))),
    },
    (0x80, 0x5E, 0x01): {
        **words({
            0x6700: "805E01000412FF1234", 0x63C0: "805E010007999999FF112233", 0x6A80: "805E0100051234561234",
            0x9403: "805E010907123456FF112233",
        }),
        0x6982: unusable("805E010007999999FF112233"),
        0x6983: repeated(raw("805E010007999999FF112233")),
    },
    (0x84, 0x24, None): {
        **words({0x6700: "842400000400000000", 0x9403: "842409000C" + "00" * 12, 0x6984: "842400000C" + "00" * 12}),
        0x6988: sent(wrong(lambda bench: bench.unblock(PIN))),
        0x6A80: sent(lambda bench: bench.unblock(b"\x12")),
        0x6982: unusable("842400000C" + "00" * 12),
        0x6A88: on(raw("842400000C" + "00" * 12), without=("DPUK",)),
    },
    (0x84, 0x1E, None): {
        **mac_words("841E0000"), **words({0x6700: "841E0000050000000000"}), 0x6982: unusable("841E00000400000000"),
    },
    (0x84, 0x18, None): {
        **mac_words("84180000"), **words({0x6700: "84180000050000000000"}), 0x6982: unusable("841800000400000000"),
    },
    (0x84, 0x16, None): {
        **mac_words("84160000"), **words({0x6700: "84160000050000000000"}), 0x6982: unusable("841600000400000000"),
    },
    (0x80, 0x5C, None): {
        0x6700: sent(raw("805C00020100")),
        0x6982: sent(after(NO_PIN, then=raw("805C000104"))),
        0x6985: on(raw("805C000204"), purse=bytes(7)),
        0x6A82: on(raw("805C000204"), without=("0002",)),
        0x6C00: t0(raw("805C000200")),
    },
    **{(0x80, 0x50, p1): begin_words(p1) for p1 in BEGIN},
    (0x80, 0x52, None): end_words("805200000B", lambda bench: bench.load(EP, 5)),
    (0x80, 0x54, 0x01): end_words("805401000F", spend(1, EP, 6)),
    (0x80, 0x54, 0x03): end_words("805403000B", lambda bench: bench.unload(5)),
    (0x80, 0x58, None): {
        **end_words("805800000E", lambda bench: bench.limit(5)),
        0x9401: on(lambda bench: bench.limit(4), passbook=money(0, limit=5)),
    },
    (0x80, 0xDC, None): {
        0x6700: sent(begun("80DC01BC01FF")),
        0x6901: sent(raw("80DCA1C802A1FF")),
        0x6981: sent(begun("80DC01AC01FF")),
        0x6982: sent(begun("80DCA1D002A1FF")),
        0x6985: on(raw("80DCA1C802A1FF"), settings=LATE),
        0x6986: sent(begun("80DCA10002A1FF")),
        0x6A82: sent(begun("80DCA1F002A1FF")),
        0x6A83: sent(begun("80DCA9C802A9FF")),
        0x6A84: sent(begun("80DCA1C814A1" + "FF" * 19)),
    },
    (0x80, 0x5A, None): {
        **words({0x6700: "805A0002010000", 0x9406: "805A0002020000"}),
        0x6982: unusable("805A0002020000"),
        0x6100: t0(lambda bench: (bench.do(bench.load(EP, 5)), bytes.fromhex("805A0002020004"))[1]),
        0x6985: on(raw("805A0002020000"), purse=bytes(7)),
        0x6A82: on(raw("805A0002020000"), without=("0002",)),
    },
}  # fmt: skip


def scenario_of(row: Row, word: int) -> Scenario:
    """The scenario for a word of a row."""
    code = where(row)
    special = WORDS[code].get(word)
    if special is not None and word != 0x9303:
        return special
    match word:
        case 0x9000:
            return sent(SAMPLES[code])
        case 0x6A81:
            return _locked_card(code)
        case 0x9303:
            return _locked_application(code, special)
        case 0x6581:
            return _worn_out(code)
        case 0x6E00:
            return lambda bench: bench.word(b"\x10" + SAMPLES[code](bench)[1:])
        case 0x6A86:
            return lambda bench: bench.word(_with_parameters(SAMPLES[code](bench), WRONG_P1_P2[code]))
    raise AssertionError(f"no scenario for {word:04X} of {row.name}")


def _with_parameters(command: bytes, parameters: str) -> bytes:
    return command[:2] + bytes.fromhex(parameters) + command[4:]


def _locked_card(code: Where) -> Scenario:
    def scenario(bench: Watched) -> str:
        command = SAMPLES[code](bench)
        bench.card.image.info = replace(bench.card.image.info, blocked=True)
        return bench.word(command)

    return scenario


def _locked_application(code: Where, special: Scenario | None) -> Scenario:
    def scenario(bench: Watched) -> str:
        command = SAMPLES[code](bench)
        image = bench.card.image
        for path in (ADF, SSSE):
            image.dfs[path] = replace(image.dfs[path], blocked=True)
        return special(bench) if special else bench.word(command)

    return scenario


def _worn_out(code: Where) -> Scenario:
    def scenario(bench: Watched) -> str:
        command = SAMPLES[code](bench)
        bench.store.writes_left = 0
        before = bench.cells()
        word = bench.word(command)
        assert bench.cells() == before
        return word

    return scenario


CASES: Final = [(row, word) for row in PURSE_ROWS for word in sorted(set(row.status_words))]


@pytest.mark.parametrize(
    ("row", "word"), CASES, ids=lambda each: f"{each:04X}" if isinstance(each, int) else f"{each.cla:02X} {each.name}"
)
def test_every_word_of_every_row_is_answered(row: Row, word: int) -> None:
    bench = Watched()
    assert family(scenario_of(row, word)(bench)) == word, bench.reason


def test_the_tables_name_the_rows_and_their_words_and_no_others() -> None:
    rows = {where(row): row for row in PURSE_ROWS}
    assert rows.keys() == SAMPLES.keys() == WRONG_P1_P2.keys() == WORDS.keys()
    for code, scenarios in WORDS.items():
        assert set(scenarios) <= set(rows[code].status_words), rows[code].name


@pytest.mark.parametrize("row", PURSE_ROWS, ids=lambda row: f"{row.cla:02X} {row.name}")
def test_a_locked_application_knows_only_what_ends_the_lock(row: Row) -> None:
    bench = Watched()
    command = SAMPLES[where(row)](bench)
    bench.card.image.dfs[ADF] = replace(bench.df, suspended=True)
    assert (bench.word(command) != "6A81") is row.while_suspended
    assert row.while_suspended is (
        row.name in ("SELECT", "GET CHALLENGE", "GET RESPONSE", "CARD BLOCK") or row.name.startswith("APPLICATION")
    )


@pytest.mark.parametrize("row", PURSE_ROWS, ids=lambda row: f"{row.cla:02X} {row.name}")
def test_a_row_says_whether_it_writes(row: Row) -> None:
    bench = Watched()
    command = SAMPLES[where(row)](bench)
    before = bench.cells()
    bench.store.writes_left = 0 if not row.writes else None
    bench.word(command)
    # VERIFY and an authentication that succeed leave the card as it was.
    assert (bench.cells() != before) is (row.writes and row.ins not in (0x20, 0x82))


def test_every_word_of_these_commands_is_known() -> None:
    assert {word for row in PURSE_ROWS for word in row.status_words} <= set(MEANINGS)
