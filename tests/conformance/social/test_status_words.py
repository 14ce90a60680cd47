"""Every status word of every command, got from the card by sending APDUs (Part 5, tables 5 to 48).

One table says how to get each word; it is total over the rows of the command table, and no scenario
may see a word that the row of the command does not list.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.model.files import CommandSet
from cardfs.model.settings import PinSettings, Settings, SmSettings
from emulator.card.table import Row
from emulator.commands.social.rows import ROWS
from tests.kit.card import PIN_CN, PSE, HandmadeBench, family, handmade, long_answer, without_key
from tests.kit.reference import Reference

WRONG_PIN: Final = bytes.fromhex("111111")
ON: Final = Settings(sm=SmSettings(update_commands="per-file"))
Where = tuple[str, int]
Scenario = Callable[["Watched"], str]
BY_CODE: Final = {(row.cla, row.ins): row for row in ROWS}


class Watched(HandmadeBench):
    """A card made by hand, with secured updates, of which no command may answer a word beyond its row's."""

    last_sent = b""

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        self.last_sent = raw
        answer = super().send(raw)
        row = BY_CODE.get((raw[0], raw[1])) if len(raw) > 1 else None
        if row is not None:
            assert family(answer[-4:]) in row.status_words, f"{row.name} answers {answer[-4:]}"
        return answer


# -- what every command has in common ----------------------------------------------------------------

# One well-formed command of each row, on the card as it is after SELECT SSSE.
SAMPLES: Final[dict[Where, str]] = {
    ("SELECT", 0x00): "00A4000002DF01",
    ("READ RECORD", 0x00): "00B2012C04",
    ("READ BINARY", 0x00): "00B0870004",
    ("UPDATE RECORD", 0x00): "00DC012C040102FFFF",
    ("UPDATE RECORD", 0x04): "04DC0164080102FFFF00000000",
    ("UPDATE BINARY", 0x00): "00D6870002FFFF",
    ("UPDATE BINARY", 0x04): "04D68D0006FFFF00000000",
    ("GET CHALLENGE", 0x00): "0084000008",
    ("EXTERNAL AUTHENTICATION", 0x00): "0082000410" + "00" * 16,
    ("INTERNAL AUTHENTICATION", 0x00): "0088000010" + "00" * 16,
    ("VERIFY", 0x00): "0020000003" + PIN_CN.hex(),
    ("CHANGE PIN", 0x80): "805E010007" + PIN_CN.hex() + "FF" + PIN_CN.hex(),
    ("PIN CHANGE/UNBLOCK", 0x84): "842400000400000000",
    ("APPLICATION BLOCK", 0x84): "841E00010400000000",
    ("CARD BLOCK", 0x84): "841600000400000000",
    ("GET RESPONSE", 0x00): "00C0000000",
}
# P1 P2 that the command does not have; its table of parameters.
WRONG_PARAMETERS: Final[dict[Where, str]] = {
    ("SELECT", 0x00): "0100",  # table 35
    ("READ RECORD", 0x00): "012F",  # table 32: mode 111
    ("READ BINARY", 0x00): "A700",  # table 29: b7 b6 of the SFI form are 00
    ("UPDATE RECORD", 0x00): "012D",  # table 44: mode 101 is reserved
    ("UPDATE RECORD", 0x04): "0165",
    ("UPDATE BINARY", 0x00): "A700",  # table 41
    ("UPDATE BINARY", 0x04): "A700",
    ("GET CHALLENGE", 0x00): "0001",
    ("EXTERNAL AUTHENTICATION", 0x00): "0104",
    ("INTERNAL AUTHENTICATION", 0x00): "0001",
    ("VERIFY", 0x00): "0001",
    ("CHANGE PIN", 0x80): "0000",
    ("PIN CHANGE/UNBLOCK", 0x84): "0002",  # table 25
    ("APPLICATION BLOCK", 0x84): "0000",
    ("CARD BLOCK", 0x84): "0001",
    ("GET RESPONSE", 0x00): "0100",
}
# A length that the command does not have.
WRONG_LENGTHS: Final[dict[Where, str]] = {
    ("SELECT", 0x00): "00A40400043031302E",  # a name has 05 to 10 bytes
    ("READ RECORD", 0x00): "00B2012C0100",  # no Lc
    ("READ BINARY", 0x00): "00B087000100",
    ("UPDATE RECORD", 0x00): "00DC012C",  # table 45: Lc is empty
    ("UPDATE RECORD", 0x04): "04DC0164",
    ("UPDATE BINARY", 0x00): "00D68700",
    ("UPDATE BINARY", 0x04): "04D68D00",
    ("GET CHALLENGE", 0x00): "0084000005",  # table 17: 04, 08 or 10
    ("EXTERNAL AUTHENTICATION", 0x00): "008200040F" + "00" * 15,
    ("INTERNAL AUTHENTICATION", 0x00): "0088000012" + "00" * 18,
    ("VERIFY", 0x00): "002000000112",
    ("CHANGE PIN", 0x80): "805E01000212FF",
    ("PIN CHANGE/UNBLOCK", 0x84): "842400000C" + "00" * 12,  # table 26: 04 for P2 00
    ("APPLICATION BLOCK", 0x84): "841E0001050000000000",
    ("CARD BLOCK", 0x84): "8416000003000000",
    ("GET RESPONSE", 0x00): "00C000000100",
}


def _where(row: Row) -> Where:
    return row.name, row.cla


def _locked_card(where: Where) -> Scenario:
    """After CARD BLOCK every command answers 6A81 (Part 5, 6.2.1)."""

    def scenario(bench: Watched) -> str:
        bench.lock_card()
        return bench.send(SAMPLES[where])

    return scenario


def _locked_application(where: Where) -> Scenario:
    """Only SELECT of another application works (Part 7, 13.2)."""

    def scenario(bench: Watched) -> str:
        bench.lock_application()
        if where[0] == "APPLICATION BLOCK":
            # Well formed it has succeeded already (Part 5, 6.1.5).
            return bench.send("841E0000")
        return bench.send(SAMPLES[where] if where[0] != "SELECT" else "00A4000002DF01")

    return scenario


def _other_class(where: Where) -> Scenario:
    """The instruction with a class that the card has, but not for it."""

    def scenario(bench: Watched) -> str:
        sample = bytes.fromhex(SAMPLES[where])
        other = next(cla for cla in (0x84, 0x80, 0x00) if (cla, sample[1]) not in BY_CODE)
        return bench.send(bytes((other,)) + sample[1:])

    return scenario


def _wrong_parameters(where: Where) -> Scenario:
    def scenario(bench: Watched) -> str:
        return bench.send(SAMPLES[where][:4] + WRONG_PARAMETERS[where] + SAMPLES[where][8:])

    return scenario


def _wrong_length(where: Where) -> Scenario:
    return lambda bench: bench.send(WRONG_LENGTHS[where])


COMMON: Final[dict[int, Callable[[Where], Scenario]]] = {
    0x6A81: _locked_card,
    0x9303: _locked_application,
    0x6E00: _other_class,
    0x6A86: _wrong_parameters,
    0x6700: _wrong_length,
}


# -- single commands ---------------------------------------------------------------------------------

MakeCommand = Callable[["Watched"], bytes]
"""Brings the card where it has to be, and returns the command that counts."""


def plain(apdu: str, *before: str, prove: str = "", df: str = "") -> MakeCommand:
    """A command, after others whose words do not matter."""

    def make(bench: Watched) -> bytes:
        if df:
            bench.select_df(df)
        bench.prove(prove.split())
        for each in before:
            bench.send(each)
        return bytes.fromhex(apdu)

    return make


def secured(
    header: str, data: str = "", key: str = "STK", *, prove: str = "", df: str = "", challenge: bytes | None = None
) -> MakeCommand:
    """A command with a MAC under a challenge that is drawn last, or given."""

    def make(bench: Watched) -> bytes:
        if df:
            bench.select_df(df)
        bench.prove(prove.split())
        return bench.secured(header, bytes.fromhex(data), key, challenge=challenge)

    return make


def flipped(command_of: MakeCommand) -> MakeCommand:
    """The same with the last bit of the MAC the other way round."""

    def make(bench: Watched) -> bytes:
        command = command_of(bench)
        return command[:-1] + bytes((command[-1] ^ 1,))

    return make


def sent(command_of: MakeCommand) -> Scenario:
    """Send the command."""
    return lambda bench: bench.send(command_of(bench))[-4:]


def worn_out(command_of: MakeCommand, writes: int = 0) -> Scenario:
    """Send it to a card whose memory takes ``writes`` more changes: what is refused is not changed."""

    def scenario(bench: Watched) -> str:
        command = command_of(bench)
        contents, keys = dict(bench.card.image.contents), dict(bench.card.image.keys)
        bench.store.writes_left = writes
        proofs = bench.session.proofs
        word = bench.send(command)
        assert (bench.card.image.contents, bench.card.image.keys) == (contents, keys)
        assert bench.session.proofs == proofs
        return word

    return scenario


def without(name: str, command_of: MakeCommand) -> Scenario:
    """Send it to a card that lacks a key."""

    def scenario(bench: Watched) -> str:
        bench.last_sent = command_of(bench)
        return Watched(contents=without_key(handmade(ON), name)).send(bench.last_sent)

    return scenario


def refused_form(apdu: str) -> Scenario:
    """Send it to a card that looks at the form of a PIN first (``pin.ill_formed``)."""

    def scenario(bench: Watched) -> str:
        bench.last_sent = bytes.fromhex(apdu)
        return Watched(Settings(pin=PinSettings(ill_formed="refuse"))).send(apdu)

    return scenario


def locked(name: str) -> Scenario:
    """Fail with a key until it is locked, then use it."""

    def scenario(bench: Watched) -> str:
        for _ in range(bench.tries(name)):
            assert bench.authenticate(name, wrong=True).startswith("63C")
        return bench.authenticate(name)

    return scenario


def locked_pin(apdu: str) -> Scenario:
    """Give wrong PINs until none is accepted any more."""

    def scenario(bench: Watched) -> str:
        for _ in range(bench.tries("PIN")):
            assert bench.verify(WRONG_PIN) == f"63C{bench.tries('PIN')}"
        return bench.send(apdu)

    return scenario


def locked_unblock(bench: Watched) -> str:
    """Wrong MACs lock the unblock key, although it stays proven (Part 7, 13.3)."""
    bench.prove(("PUK",))
    for _ in range(bench.tries("PUK")):
        assert bench.send(flipped(UNBLOCK)(bench)) == "6988"
    return bench.send(UNBLOCK(bench))


def authentication(bench: Watched) -> bytes:
    """EXTERNAL AUTHENTICATION with the right data."""
    return bench.authentication("UK", 0x04)


def new_pin_of_no_digits(bench: Watched) -> str:
    """The MAC is right and the new PIN is none (table 27, 6A80)."""
    bench.prove(("PUK",))
    challenge = bench.challenge()
    session = Reference("DES").session_key(bench.key_value("STK", "DES"), challenge)
    enciphered = Reference("DES").encrypt(session, bytes.fromhex("ABCDEF"))
    return bench.send(bench.secured("84240001", enciphered, challenge=challenge))


UNBLOCK: Final = secured("84240000")
LOCK_CARD: Final = secured("84160000", prove="BK")
LOCK_APPLICATION: Final = secured("841E0001", key="STK01", prove="LK01", df="DF01")
RECORD: Final = "0102FFFF"
CHANGE_PIN: Final = "805E010007" + PIN_CN.hex() + "FF" + PIN_CN.hex()

SELECT: Final = ("SELECT", 0x00)


def _suspended_purse(bench: Watched) -> str:
    """An application of the financial environment that is locked for a time, selected from here (JR/T 0025)."""
    image = bench.card.image
    purse = image.dfs[f"{PSE}/DF01"]
    image.dfs[PSE] = replace(image.dfs[PSE], command_set=CommandSet.FINANCIAL)
    image.dfs[purse.path] = replace(purse, command_set=CommandSet.PURSE, suspended=True)
    image.reindex()
    return bench.send("00A4040005" + purse.name.hex())


READ_RECORD: Final = ("READ RECORD", 0x00)
READ_BINARY: Final = ("READ BINARY", 0x00)
UPDATE_RECORD: Final = ("UPDATE RECORD", 0x00)
SECURED_RECORD: Final = ("UPDATE RECORD", 0x04)
UPDATE_BINARY: Final = ("UPDATE BINARY", 0x00)
SECURED_BINARY: Final = ("UPDATE BINARY", 0x04)
GET_CHALLENGE: Final = ("GET CHALLENGE", 0x00)
EXTERNAL: Final = ("EXTERNAL AUTHENTICATION", 0x00)
INTERNAL: Final = ("INTERNAL AUTHENTICATION", 0x00)
VERIFY: Final = ("VERIFY", 0x00)
CHANGE: Final = ("CHANGE PIN", 0x80)
PIN_UNBLOCK: Final = ("PIN CHANGE/UNBLOCK", 0x84)
APPLICATION_BLOCK: Final = ("APPLICATION BLOCK", 0x84)
CARD_BLOCK: Final = ("CARD BLOCK", 0x84)
GET_RESPONSE: Final = ("GET RESPONSE", 0x00)

SINGLE: Final[dict[tuple[Where, int], Scenario]] = {
    # table 39; 61xx of case 4 from Part 2, 9.3.1.4
    (SELECT, 0x9000): sent(plain("00A4020002EF05")),
    (SELECT, 0x6100): sent(plain("00A4000002DF01")),
    (SELECT, 0x6A82): sent(plain("00A4000002DF09")),
    (SELECT, 0x6283): _suspended_purse,
    # table 33
    (READ_RECORD, 0x9000): sent(plain("00B2012C04")),
    (READ_RECORD, 0x6100): lambda bench: long_answer(bench, "00B2012D00"),
    (READ_RECORD, 0x6981): sent(plain("00B2013C04")),
    (READ_RECORD, 0x6982): sent(plain("00B2013404")),
    (READ_RECORD, 0x6986): sent(plain("00B2010404")),
    (READ_RECORD, 0x6A82): sent(plain("00B201F404")),
    (READ_RECORD, 0x6A83): sent(plain("00B2092C04")),
    (READ_RECORD, 0x6C00): sent(plain("00B2012C00")),
    # table 30
    (READ_BINARY, 0x9000): sent(plain("00B0870004")),
    (READ_BINARY, 0x6981): sent(plain("00B0850004")),
    (READ_BINARY, 0x6982): sent(plain("00B0880004")),
    (READ_BINARY, 0x6986): sent(plain("00B0000004")),
    (READ_BINARY, 0x6A82): sent(plain("00B09E0004")),
    (READ_BINARY, 0x6B00): sent(plain("00B0012C01", "00A4020002EF07")),
    (READ_BINARY, 0x6C00): sent(plain("00B0010000", "00A4020002EF07")),
    # table 45
    (UPDATE_RECORD, 0x9000): sent(plain("00DC012C04" + RECORD)),
    (UPDATE_RECORD, 0x6581): worn_out(plain("00DC012C04" + RECORD)),
    (UPDATE_RECORD, 0x6981): sent(plain("00DC013C04" + RECORD)),
    (UPDATE_RECORD, 0x6982): sent(plain("00DC013404" + RECORD)),
    (UPDATE_RECORD, 0x6986): sent(plain("00DC010404" + RECORD)),
    (UPDATE_RECORD, 0x6987): sent(plain("00DC016404" + RECORD)),
    (UPDATE_RECORD, 0x6A82): sent(plain("00DC01F404" + RECORD)),
    (UPDATE_RECORD, 0x6A83): sent(plain("00DC092C04" + RECORD)),
    (UPDATE_RECORD, 0x6A84): sent(plain("00DC052C1A0518" + "00" * 24)),
    (UPDATE_RECORD, 0x6A85): sent(plain("00DC012C040103FFFF")),
    (SECURED_RECORD, 0x9000): sent(secured("04DC0164", RECORD)),
    (SECURED_RECORD, 0x6581): worn_out(secured("04DC0164", RECORD)),
    (SECURED_RECORD, 0x6981): sent(secured("04DC016C", RECORD)),
    (SECURED_RECORD, 0x6982): sent(secured("04DC0174", RECORD)),
    (SECURED_RECORD, 0x6984): sent(secured("04DC0164", RECORD, challenge=bytes(8))),
    (SECURED_RECORD, 0x6986): sent(secured("04DC0104", RECORD)),
    (SECURED_RECORD, 0x6987): sent(plain("04DC0164040102FFFF", "0084000008")),
    (SECURED_RECORD, 0x6988): sent(flipped(secured("04DC0164", RECORD))),
    (SECURED_RECORD, 0x6A82): sent(secured("04DC01F4", RECORD)),
    (SECURED_RECORD, 0x6A83): sent(secured("04DC0964", RECORD)),
    (SECURED_RECORD, 0x6A84): sent(secured("04DC0564", "0518" + "00" * 24)),
    (SECURED_RECORD, 0x6A85): sent(secured("04DC0164", "0103FFFF")),
    # table 42
    (UPDATE_BINARY, 0x9000): sent(plain("00D6870002FFFF")),
    (UPDATE_BINARY, 0x6581): worn_out(plain("00D6870002FFFF")),
    (UPDATE_BINARY, 0x6981): sent(plain("00D6850002FFFF")),
    (UPDATE_BINARY, 0x6982): sent(plain("00D6880002FFFF")),
    (UPDATE_BINARY, 0x6986): sent(plain("00D6000002FFFF")),
    (UPDATE_BINARY, 0x6987): sent(plain("00D68D0002FFFF")),
    (UPDATE_BINARY, 0x6A82): sent(plain("00D69E0002FFFF")),
    (UPDATE_BINARY, 0x6B00): sent(plain("00D6012B02FFFF", "00A4020002EF07")),
    (SECURED_BINARY, 0x9000): sent(secured("04D68D00", "FFFF")),
    (SECURED_BINARY, 0x6581): worn_out(secured("04D68D00", "FFFF")),
    (SECURED_BINARY, 0x6981): sent(secured("04D68C00", "FFFF")),
    (SECURED_BINARY, 0x6982): sent(secured("04D69400", "FFFF")),
    (SECURED_BINARY, 0x6984): sent(secured("04D68D00", "FFFF", challenge=bytes(8))),
    (SECURED_BINARY, 0x6986): sent(secured("04D60000", "FFFF")),
    (SECURED_BINARY, 0x6987): sent(plain("04D68D0004FFFFFFFF", "0084000008")),
    (SECURED_BINARY, 0x6988): sent(flipped(secured("04D68D00", "FFFF"))),
    (SECURED_BINARY, 0x6A82): sent(secured("04D69E00", "FFFF")),
    (SECURED_BINARY, 0x6B00): sent(secured("04D68D0F", "FFFF")),
    # table 18
    (GET_CHALLENGE, 0x9000): sent(plain("0084000008")),
    # tables 15 and 16
    (EXTERNAL, 0x9000): sent(authentication),
    (EXTERNAL, 0x63C0): lambda bench: bench.authenticate("UK", wrong=True),
    (EXTERNAL, 0x6581): worn_out(authentication),
    (EXTERNAL, 0x6983): locked("UK"),
    (EXTERNAL, 0x6984): sent(plain("0082000410" + "00" * 16)),
    (EXTERNAL, 0x6A88): sent(plain("0082000E10" + "00" * 16)),
    # table 23; 61xx of case 4 from Part 2, 9.3.1.4
    (INTERNAL, 0x9000): lambda bench: bench.ask(SAMPLES[INTERNAL])[-4:],
    (INTERNAL, 0x6100): sent(plain(SAMPLES[INTERNAL])),
    (INTERNAL, 0x6A88): sent(plain(SAMPLES[INTERNAL], "00A4000002" + "3F00")),
    # tables 47 and 48
    (VERIFY, 0x9000): sent(plain(SAMPLES[VERIFY])),
    (VERIFY, 0x63C0): sent(plain("0020000003111111")),
    (VERIFY, 0x6581): worn_out(plain(SAMPLES[VERIFY])),
    (VERIFY, 0x6983): locked_pin(SAMPLES[VERIFY]),
    (VERIFY, 0x6984): refused_form("0020000003ABCDEF"),
    (VERIFY, 0x6A88): sent(plain(SAMPLES[VERIFY], "00A40000023F00")),
    # tables 11 and 12
    (CHANGE, 0x9000): sent(plain(CHANGE_PIN)),
    (CHANGE, 0x63C0): sent(plain("805E010007111111FF123456")),
    (CHANGE, 0x6581): worn_out(plain(CHANGE_PIN)),
    (CHANGE, 0x6983): locked_pin(CHANGE_PIN),
    (CHANGE, 0x6A80): sent(plain("805E010006739154123456")),
    # table 27
    (PIN_UNBLOCK, 0x9000): sent(secured("84240000", prove="PUK")),
    (PIN_UNBLOCK, 0x6581): worn_out(secured("84240000", prove="PUK")),
    (PIN_UNBLOCK, 0x6982): sent(UNBLOCK),
    (PIN_UNBLOCK, 0x6984): sent(secured("84240000", prove="PUK", challenge=bytes(8))),
    (PIN_UNBLOCK, 0x6985): locked_unblock,
    (PIN_UNBLOCK, 0x6988): sent(flipped(secured("84240000", prove="PUK"))),
    (PIN_UNBLOCK, 0x6A80): new_pin_of_no_digits,
    (PIN_UNBLOCK, 0x6A88): without("PUK", UNBLOCK),
    # table 7
    (APPLICATION_BLOCK, 0x9000): sent(LOCK_APPLICATION),
    (APPLICATION_BLOCK, 0x6581): worn_out(LOCK_APPLICATION),
    (APPLICATION_BLOCK, 0x6982): sent(secured("841E0001", key="STK01", df="DF01")),
    (APPLICATION_BLOCK, 0x6984): sent(secured("841E0001", key="STK01", prove="LK01", df="DF01", challenge=bytes(8))),
    (APPLICATION_BLOCK, 0x6988): sent(flipped(LOCK_APPLICATION)),
    (APPLICATION_BLOCK, 0x6A88): sent(plain(SAMPLES[APPLICATION_BLOCK], "0084000008", df="DF03")),
    # table 9
    (CARD_BLOCK, 0x9000): sent(LOCK_CARD),
    (CARD_BLOCK, 0x6581): worn_out(LOCK_CARD),
    (CARD_BLOCK, 0x6982): sent(secured("84160000")),
    (CARD_BLOCK, 0x6984): sent(secured("84160000", prove="BK", challenge=bytes(8))),
    (CARD_BLOCK, 0x6988): sent(flipped(LOCK_CARD)),
    (CARD_BLOCK, 0x6A88): sent(plain(SAMPLES[CARD_BLOCK], "00A40000023F00")),
    # tables 20 and 21
    (GET_RESPONSE, 0x9000): sent(plain("00C000000A", "00A4000002DF01")),
    (GET_RESPONSE, 0x6100): sent(plain("00C0000004", "00A4000002DF01")),
    (GET_RESPONSE, 0x6C00): sent(plain("00C0000000", "00A4000002DF01")),
    (GET_RESPONSE, 0x6F00): sent(plain("00C0000000", "0084000008")),
}

SCENARIOS: Final[dict[tuple[str, int, int], Scenario]] = {
    **{(*where, word): scenario for (where, word), scenario in SINGLE.items()},
    **{(*where, word): make(where) for where in SAMPLES for word, make in COMMON.items()},
}


@pytest.mark.parametrize(
    ("where", "scenario"), list(SCENARIOS.items()), ids=[f"{n}/{cla:02X}/{word:04X}" for n, cla, word in SCENARIOS]
)
def test_a_command_answers_each_of_its_words(where: tuple[str, int, int], scenario: Scenario) -> None:
    """Part 5, 6: the tables of the command; the clause stands beside the group."""
    name, cla, word = where
    bench = Watched(ON)
    assert family(scenario(bench)) == word, bench.reason
    last = bench.last_sent
    if word == 0x6E00:
        assert last[1] in {each.ins for each in ROWS if each.name == name}
    elif (name, word) != ("INTERNAL AUTHENTICATION", 0x9000):  # its data came by GET RESPONSE
        row = BY_CODE[last[0], last[1]]
        assert (row.name, row.cla) == (name, cla)


def test_every_row_and_word_has_a_scenario_and_no_scenario_a_word_that_its_row_does_not_list() -> None:
    assert set(SCENARIOS) == {(row.name, row.cla, word) for row in ROWS for word in row.status_words}


def test_every_row_has_its_samples() -> None:
    rows = {_where(row) for row in ROWS}
    assert set(SAMPLES) == set(WRONG_PARAMETERS) == set(WRONG_LENGTHS) == rows


# -- the standard's tables ----------------------------------------------------------------------------

LISTED: Final[dict[str, str]] = {
    # Part 5: the words of the command's own tables, 9000 left out.
    "APPLICATION BLOCK": "6581 6700 6982 6984 6985 6988 6A86 6A81 6A88 6E00 9303",  # table 7
    "CARD BLOCK": "6581 6700 6982 6984 6985 6988 6A81 6A86 6A88 6E00",  # table 9
    "CHANGE PIN": "63C0 6581 6700 6983 6A80 6A81 6A86 9303 6E00",  # tables 11 and 12
    "EXTERNAL AUTHENTICATION": "63C0 6581 6700 6983 6984 6A81 6A86 6A88 6E00 9303",  # tables 15 and 16
    "GET CHALLENGE": "6700 6A81 6A86 6E00 9303",  # table 18
    "GET RESPONSE": "6100 6700 6A81 6A86 6C00 6E00 6F00 9303",  # tables 20 and 21
    "INTERNAL AUTHENTICATION": "6700 6A81 6A86 6A88 6E00 9303",  # table 23
    "PIN CHANGE/UNBLOCK": "6581 6700 6982 6984 6985 6988 6A80 6A81 6A86 6A88 6E00 9303",  # table 27
    "READ BINARY": "6981 6982 6986 6A81 6A82 6A86 6B00 6C00 6E00 9303",  # table 30
    "READ RECORD": "6981 6982 6986 6A81 6A82 6A83 6A86 6C00 6E00 9303",  # table 33
    "SELECT": "6700 6A81 6A82 6A86 6E00 9303",  # table 39
    "UPDATE BINARY": "6581 6700 6981 6982 6984 6986 6988 6A81 6A82 6A86 6B00 6E00 9303",  # table 42
    "UPDATE RECORD": "6581 6700 6981 6982 6984 6986 6988 6A81 6A82 6A83 6A84 6A85 6A86 6E00 9303",  # table 45
    "VERIFY": "63C0 6700 6983 6984 6A81 6A86 6A88 6E00 9303",  # tables 47 and 48
}
MORE: Final[dict[Where, dict[int, str]]] = {
    SELECT: {0x6100: "Part 2, 9.3.1.4: case 4 under T=0", 0x6283: "JR/T 0025: an application there is locked"},
    INTERNAL: {0x6100: "Part 2, 9.3.1.4: case 4 under T=0"},
    READ_RECORD: {
        0x6100: "Part 5, table 5 and 6.6.1: what one answer does not carry",
        0x6700: "Part 5, table 5: a data field that the command does not have",
    },
    READ_BINARY: {0x6700: "Part 5, table 5: a data field that the command does not have"},
    UPDATE_RECORD: {0x6987: "Part 7, 7.4: the MAC is missing"},
    UPDATE_BINARY: {0x6987: "Part 7, 7.4: the MAC is missing"},
    SECURED_RECORD: {0x6987: "Part 7, 7.4: the MAC is missing"},
    SECURED_BINARY: {0x6987: "Part 7, 7.4: the MAC is missing"},
    VERIFY: {0x6581: "Part 5, table 5: the try counter is non-volatile (Part 7, 5.8)"},
    CARD_BLOCK: {0x9303: "Part 7, 13.2: in a locked application every other command answers 9303"},
}
FEWER: Final[dict[Where, dict[int, str]]] = {
    UPDATE_RECORD: dict.fromkeys((0x6984, 0x6988), "of secured updates only"),
    UPDATE_BINARY: dict.fromkeys((0x6984, 0x6988), "of secured updates only"),
    APPLICATION_BLOCK: {0x6985: "the standard names no case"},
    CARD_BLOCK: {0x6985: "the standard names no case"},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}/{row.cla:02X}")
def test_a_row_lists_the_words_of_the_standard_apart_from_explained_ones(row: Row) -> None:
    """Part 5, tables 7 to 48."""
    listed = {0x9000} | {int(word, 16) for word in LISTED[row.name].split()}
    words = set(row.status_words)
    assert len(words) == len(row.status_words)
    assert words - listed == set(MORE.get(_where(row), {}))
    assert listed - words == set(FEWER.get(_where(row), {}))


# -- order of checks ------------------------------------------------------------------------------------

# Two faults at once: the earlier check gives the word. One or more pairs for every two neighbouring steps.
# Steps: 1 card locked, 3 application locked, 2 class and instruction, 5 P1 P2, 6 lengths, 7 object, 8 lock,
# 9 challenge, 10 access, 11 secure messaging, 12 data and position, 13 write. (4 belongs to the trades.)


def _two(first: Callable[["Watched"], Any], apdu: str) -> Scenario:
    def scenario(bench: Watched) -> str:
        first(bench)
        return bench.send(apdu)[-4:]

    return scenario


def _lock_pin(bench: Watched) -> None:
    for _ in range(bench.tries("PIN")):
        bench.verify(WRONG_PIN)


def _lock_key(bench: Watched) -> None:
    for _ in range(bench.tries("UK")):
        bench.authenticate("UK", wrong=True)


def _worn(command_of: MakeCommand, writes: int = 0) -> Scenario:
    def scenario(bench: Watched) -> str:
        command = command_of(bench)
        bench.store.writes_left = writes
        return bench.send(command)

    return scenario


ORDER: Final[dict[str, tuple[str, Scenario]]] = {
    "1 before 2: a locked card and an unknown class": ("6A81", _two(Watched.lock_card, "FF84000008")),
    "1 before 2: a locked card and half a command": ("6A81", _two(Watched.lock_card, "0084")),
    "2 before 2: an unknown class and an unknown instruction": ("6E00", sent(plain("7F33000000"))),
    "2 before 2: an unknown instruction before a class of another": ("6D00", sent(plain("8033000000"))),
    "3 before 2: a locked application and an unknown instruction": (
        "9303",
        _two(Watched.lock_application, "0033000000"),
    ),
    "3 before 2: a locked application and an unknown class": ("9303", _two(Watched.lock_application, "7F84000008")),
    "3 before 2: a locked application and a wrong class": ("9303", _two(Watched.lock_application, "8084000008")),
    "3 before 2: a locked application and SELECT of a wrong class": (
        "9303",
        _two(Watched.lock_application, "80A4000002DF02"),
    ),
    "3 before 2: a locked application and half a command": ("9303", _two(Watched.lock_application, "0084")),
    "3 before 5: a locked application and wrong P1 P2": ("9303", _two(Watched.lock_application, "0084000108")),
    "3 before 6: a locked application and a wrong length": ("9303", _two(Watched.lock_application, "0084000005")),
    "5 before 6: wrong P1 P2 and a wrong length": ("6A86", sent(plain("0084000105"))),
    "5 before 6: of a secured command": ("6A86", sent(plain("84240002050000000000"))),
    "5 before 6: Lc against the length of the whole": ("6A86", sent(plain("00A4010005DF01"))),
    "6 before 7: a wrong length and no such file": ("6700", sent(plain("00DC01F4"))),
    "6 before 7: a wrong length and no current file": ("6700", sent(plain("00B2010401FF"))),
    "6 before 7: a wrong length and no such key": ("6700", sent(plain("0082000E0F" + "00" * 15))),
    "6 before 7: Lc of the other operation and no key": (
        "6700",
        sent(plain("842400000C" + "00" * 12, "00A40000023F00")),
    ),
    "6 before 7: P1 against Lc and no such DF": ("6700", sent(plain("00A4000003DF0909"))),
    "7 before 7: no such file before the structure": ("6A82", sent(plain("00B09E0004"))),
    "7 before 10: a wrong structure and no right": ("6981", sent(plain("00B0860004"))),
    "7 before 10: a wrong structure and no right to update": ("6981", sent(plain("00DC014404" + RECORD))),
    "7 before 8: no such version of a locked key": (
        "6A88",
        _two(_lock_key, "0082000411" + "00" * 16 + "09"),
    ),
    "7 before 9: no such key and no challenge": ("6A88", sent(plain("0082000E10" + "00" * 16))),
    "7 before 9: no lock key and no challenge": ("6A88", sent(plain(SAMPLES[APPLICATION_BLOCK], df="DF03"))),
    "7 before 9: no unblock key and no challenge": ("6A88", sent(plain(SAMPLES[PIN_UNBLOCK], "00A40000023F00"))),
    "8 before 9: a locked key and no challenge": ("6983", _two(_lock_key, "0082000410" + "00" * 16)),
    "7 before 9: no key for the MAC and no challenge": (
        "6A81",
        sent(plain("04DC012C080102FFFF00000000", df="DF02")),
    ),
    "7 before 9: no key for the MAC of a binary update": ("6A81", sent(plain("04D6870006FFFF00000000", df="DF02"))),
    "7 before 12: no PIN here and no separator": ("6A81", sent(plain("805E010006739154123456", "00A40000023F00"))),
    "8 before 12: a locked PIN and data that are none": ("6983", _two(_lock_pin, "805E010006739154123456")),
    "8 before 12: a locked PIN and no digits": ("6983", _two(_lock_pin, "0020000003ABCDEF")),
    "9 before 10: no challenge and no right": ("6984", sent(plain(SAMPLES[PIN_UNBLOCK]))),
    "9 before 10: no challenge and no right to lock the card": ("6984", sent(plain(SAMPLES[CARD_BLOCK]))),
    "9 before 10: no challenge and no right to lock": ("6984", sent(plain(SAMPLES[APPLICATION_BLOCK], df="DF01"))),
    "9 before 11: no challenge and no MAC": ("6984", sent(plain("04DC0164040102FFFF"))),
    "9 before 11: no challenge and a wrong MAC": ("6984", sent(plain("04DC0164080102FFFF00000000"))),
    "10 before 9 where Part 5, 6.13 names it so: no right and no challenge": (
        "6982",
        sent(plain("04DC0174080102FFFF00000000")),
    ),
    "10 before 11: no right and a wrong MAC": ("6982", sent(flipped(UNBLOCK))),
    "10 before 11: no right and a wrong MAC of an update": ("6982", sent(flipped(secured("04DC0174", RECORD)))),
    "10 before 11: no right and no MAC": ("6982", sent(plain("00DC017404" + RECORD))),
    "10 before 12: no right and no such record": ("6982", sent(plain("00B2093404"))),
    "10 before 12: no right and an offset outside": ("6982", sent(plain("00B088FF04"))),
    "10 before 12: no right and a wrong TLV": ("6982", sent(plain("00DC0134040103FFFF"))),
    "11 before 12: a wrong MAC and no such record": ("6988", sent(flipped(secured("04DC0964", RECORD)))),
    "11 before 12: a wrong MAC and an offset outside": ("6988", sent(flipped(secured("04D68DFF", "FFFF")))),
    "11 before 12: no MAC and no such record": ("6987", sent(plain("00DC096404" + RECORD))),
    "11 before 12: a wrong MAC and no PIN": (
        "6988",
        sent(flipped(secured("84240001", "00" * 8, prove="PUK"))),
    ),
    "12 before 12: no such record before the TLV": ("6A83", sent(plain("00DC092C040103FFFF"))),
    "12 before 12: the TLV before the space": ("6A85", sent(plain("00DC052C1A0517" + "00" * 24))),
    "12 before 12: no such record before Le": ("6A83", sent(plain("00B2092C00"))),
    "12 before 12: an offset outside before Le": ("6B00", sent(plain("00B0012C00", "00A4020002EF07"))),
    "12 before 13: a wrong TLV and a worn-out memory": ("6A85", _worn(plain("00DC012C040103FFFF"))),
    "12 before 13: no space and a worn-out memory": ("6A84", _worn(plain("00DC052C1A0518" + "00" * 24))),
    "12 before 13: an offset outside and a worn-out memory": ("6B00", _worn(plain("00D687FF2F" + "00" * 47))),
    "12 before 13: no separator and a worn-out memory": ("6A80", _worn(plain("805E010006739154123456"))),
}


@pytest.mark.parametrize(("word", "scenario"), list(ORDER.values()), ids=list(ORDER))
def test_of_two_faults_the_earlier_check_gives_the_word(word: str, scenario: Scenario) -> None:
    """The order of checks: Part 5, 7; Part 7, 6.6, 7.4, 9.5 and 12.2; the rest is this project's choice."""
    bench = Watched(ON)
    assert scenario(bench) == word, bench.reason


def test_the_counter_is_charged_before_the_comparison_and_a_failing_memory_compares_nothing() -> None:
    """Part 7, 6.6 and 5.8: with the memory worn out a wrong PIN, too, answers 6581."""
    bench = Watched(ON)
    bench.store.writes_left = 0
    assert bench.verify(WRONG_PIN) == "6581"
    bench.store.writes_left = None
    wrong = bench.authentication("UK", 0x04, wrong=True)
    bench.store.writes_left = 0
    assert bench.send(wrong) == "6581"
    assert (bench.tries("PIN"), bench.tries("UK")) == (3, 3)


@pytest.mark.parametrize("writes", [0, 1])
def test_a_try_whose_success_cannot_be_stored_is_taken_and_proves_nothing(writes: int) -> None:
    """The charge is one write, the restored counter another."""
    bench = Watched(ON)
    command = bench.authentication("UK", 0x04)
    bench.store.writes_left = writes
    assert bench.send(command) == "6581"
    assert bench.tries("UK") == 3 - writes
    assert not bench.session.proofs
