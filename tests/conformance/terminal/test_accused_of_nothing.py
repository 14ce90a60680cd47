"""What is right on some card of the standard: the judge accuses nobody of it.

Each example looks like a mistake of the rules it names, and is none. The examples are driven over cards of this
project; where no card of it behaves so, one status word is put in by a fault.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

import sscard
from emulator.judge.rules import RULES
from emulator.terminal.card import Randoms
from tests.kit.judged import CHALLENGE, SSSE, TRIES, VERIFY, JudgeBench, select

Example = Callable[[JudgeBench], object]
RIGHT: Final[list[tuple[Example, tuple[str, ...], frozenset[str], dict[str, Any]]]] = []
"""Examples, the rules they seem to break, what is found nevertheless, and how their card is issued."""

WRONG_PIN: Final = VERIFY.replace("123456", "999999")
PURSE: Final = "00A4040009A00000000386980701"


def right(*rules: str, also: str = "", **card: Any) -> Callable[[Example], Example]:
    """Register an example that breaks none of these rules; `also` names rules that it breaks."""

    def register(example: Example) -> Example:
        RIGHT.append((example, rules, frozenset(also.split()), card))
        return example

    return register


# -- commands and status words --------------------------------------------------------------------------


@right("get-response-other-length", "answer-not-fetched")
def _less_is_fetched(b: JudgeBench) -> None:
    """GET RESPONSE may ask for less than waits (Part 2, 9.3.1.4 and 9.3.2)."""
    b.genuine()
    randoms = b.card.randoms()
    assert b.raw("0088000010" + (randoms.factor + randoms.original).hex()) == "6108"
    assert b.raw("00C0000004").endswith("6104")
    b.raw(select("EF06"))
    b.end()


@right("refusal-repeated")
def _tries_asked_twice(b: JudgeBench) -> None:
    """VERIFY without data asks, and 63Cx is the answer (Part 5, 6.14.5)."""
    b.open()
    for _ in range(2):
        assert b.raw(TRIES) == "63C3"
    b.end()


@right("memory-failure-ignored")
def _record_tried_again(b: JudgeBench) -> None:
    """The record that could not be written is written again; what a terminal does then no clause says."""
    b.genuine()
    b.use("DF01")
    b.prove("UK2DF01", 0x84)
    b.u(select("EF07"))
    b.rig.card.fault("memory-failure", on="UPDATE RECORD")
    assert b.raw("00DC010403290131") == "6581"
    assert b.raw("00DC010403290131") == "9000"
    b.end()


# -- resets and directories -------------------------------------------------------------------------------


@right("environment-not-selected", settings={"structure": {"ssse_location": "mf"}})
def _environment_is_the_mf(b: JudgeBench) -> None:
    """The SSSE may be the MF (Part 3, 6.2); then VERIFY says how many tries are left."""
    b.power()
    assert b.u(TRIES)[1] == "63C3"
    b.end()


@right("failed-select-ignored", "old-directory-used")
def _missing_file_and_sfi(b: JudgeBench) -> None:
    """An optional file is missing; the next one is named by its SFI, and lies where it should."""
    b.genuine()
    assert b.u(select("EF0D"))[1] == "6A82"
    assert b.u("00B2013400")[1] == "9000"
    b.end()


@right("locked-application-used", also="old-directory-used")
def _other_directory_goes_on(b: JudgeBench) -> None:
    """The application is locked, and the directory before it is not: what it answers is not 9303 (Part 7, 13.2)."""
    b.genuine()
    b.rig.card.fault("status", on="SELECT", sw="9303")
    assert b.u(select("DF04", "00"))[1] == "9303"
    assert b.u(TRIES)[1] == "63C3"
    b.u(select("EF06"))
    b.end()


@right("locked-card-used")
def _function_is_missing(b: JudgeBench) -> None:
    """6A81 also says that a function is not supported (Part 5, table 39): a locked card answers nothing else."""
    b.genuine()
    b.rig.card.fault("status", on="SELECT", sw="6A81")
    assert b.u(select("EF0D"))[1] == "6A81"
    assert b.u(TRIES)[1] == "63C3"
    b.end()


# -- the PIN --------------------------------------------------------------------------------------------


@right("wrong-pin-ignored", "read-without-proof")
def _free_after_a_wrong_pin(b: JudgeBench) -> None:
    """What is free is read after a wrong PIN, and what a key opens is read and updated (V2.0 notice, tables 3 to 8)."""
    b.genuine()
    b.u(TRIES)
    assert b.u(WRONG_PIN)[1] == "63C2"
    b.u(select("EF06"))
    for number in (1, 2, 3):
        assert b.u(f"00B2{number:02X}0400")[1] == "9000"
    b.use("DF03")
    b.prove("RK1DF03", 0x84)
    b.u(select("EF07"))
    assert b.u("00B2010400")[1] == "9000"
    b.use("DF01")
    b.prove("UK2DF01", 0x84)
    b.u(select("EF07"))
    assert b.u("00DC010403290132")[1] == "9000"
    b.end()


@right("wrong-pin-ignored", "trade-without-pin", also="pin-tries-not-asked", pin="")
def _no_pin_after_all(b: JudgeBench) -> None:
    """The card has no PIN, says so, and trades (Part 5, 6.14.5; Part 7, 5.6)."""
    b.genuine()
    assert b.u(VERIFY)[1] == "63C3"
    assert b.u(TRIES)[1] == "9000"
    b.pay()
    b.end()


@right("wrong-pin-ignored")
def _pin_not_changed(b: JudgeBench) -> None:
    """CHANGE PIN fails; the PIN that was verified before stays verified (Part 7, 5.8 and 9.7)."""
    b.genuine()
    b.verify()
    assert b.u("805E010007" + "999999" + "FF" + "111111")[1] == "63C2"
    b.pay()
    b.end()


@right("pin-verified-again", also="read-without-proof", settings={"state": {"pin_scope": "df-change"}})
def _proof_is_gone(b: JudgeBench) -> None:
    """6982 says that the card has forgotten the PIN, so it is verified again."""
    b.genuine()
    b.verify()
    b.use("DF01")
    b.u(select("EF05"))
    assert b.u("00B2010400")[1] == "6982"
    assert b.u(VERIFY)[1] == "9000"
    assert b.u("00B2010400")[1] == "9000"
    b.end()


@right("pin-verified-again")
def _new_pin_is_verified(b: JudgeBench) -> None:
    b.open()
    b.verify()
    assert b.u("805E010007" + "123456" + "FF" + "654321")[1] == "9000"
    assert b.u("0020000003654321")[1] == "9000"
    b.end()


@right("pin-in-wrong-command", also="wrong-parameters trade-not-initialised")
def _debit_is_no_pin(b: JudgeBench) -> None:
    """2C of class B0 is DEBIT FOR PURCHASE (Part 5, 7.2)."""
    b.genuine()
    b.verify()
    b.use("DF04")
    b.rig.card.fault("status", on="B02C", sw="6A86")
    assert b.u("B02C01000F" + "00" * 15)[1] == "6A86"
    b.end()


@right("wrong-pin-ignored", "locked-pin-tried", "failed-authentication-ignored", "pin-verified-again", financial="both")
def _another_application(b: JudgeBench) -> None:
    """PIN and keys of the financial application are its own (JR/T 0025); the social-security session goes on."""
    b.genuine()
    b.verify()
    assert b.u(PURSE)[1] == "9000"
    for on, apdu, word in (
        ("VERIFY", WRONG_PIN, "6983"),
        ("EXTERNAL AUTHENTICATION", "0082000010" + "00" * 16, "63C2"),
        ("READ BINARY", "00B0950008", "6982"),
    ):
        b.rig.card.fault("status", on=on, sw=word)
        assert b.u(apdu)[1] == word
    assert b.u(SSSE)[1] == "9000"
    b.pay()
    assert b.u("805E010007" + "123456" + "FF" + "654321")[1] == "9000"
    b.end()


# -- random numbers and keys ----------------------------------------------------------------------------------


@right("failed-authentication-ignored", "failed-key-tried-again")
def _pin_in_place_of_a_key(b: JudgeBench) -> None:
    """The rule is PIN or key: the key fails, the PIN opens the file. The key of another DF is another key."""
    b.genuine()
    b.use("DF03")
    assert b.fail(0x84) == "63C2"
    b.verify()
    b.u(select("EF07"))
    assert b.u("00B2010400")[1] == "9000"
    b.use("DF04")
    b.prove("RK1DF04", 0x84)
    b.end()


@right("failed-key-tried-again", also="challenge-missing")
def _no_try_was_lost(b: JudgeBench) -> None:
    """6984 costs no try (Part 7, 6.6)."""
    b.open()
    b.open_psam()
    assert b.u("0082000610" + "00" * 16)[1] == "6984"
    b.prove("PUK", 0x06)
    b.end()


@right("security-status-ignored", also="update-without-proof")
def _read_after_a_refused_update(b: JudgeBench) -> None:
    """Reading and updating have rules of their own."""
    b.genuine()
    b.use("DF01")
    b.verify()
    b.u(select("EF07"))
    assert b.u("00DC010403290132")[1] == "6982"
    assert b.u("00B2010400")[1] == "9000"
    b.end()


@right("wrong-mac-ignored", "challenge-reused")
def _begin_again_with_a_challenge(b: JudgeBench) -> None:
    """The MAC is wrong; the terminal looks at the card and begins again with GET CHALLENGE."""
    b.genuine()
    b.prove("PUK", 0x06)
    b.card.challenge()
    assert b.u("8424000004" + "00" * 4)[1] == "6988"
    b.u(TRIES)
    command = b.psam.secured("STK", b.card.data, b.card.challenge(), bytes.fromhex("84240000"), b"")
    assert b.u(command.hex())[1] == "9000"
    b.end()


@right("challenge-reused", also="failed-key-tried-again", settings={"challenge": {"failure_consumes": False}})
def _challenge_is_kept(b: JudgeBench) -> None:
    """No clause says whether a failed proof uses the random number up; this card keeps it."""
    b.genuine()
    randoms = b.card.randoms()
    assert b.u("0082000610" + "00" * 8 + randoms.original.hex())[1] == "63C2"
    data = b.psam.authentication_data("PUK", b.card.data, randoms) + randoms.original
    assert b.u("0082000610" + data.hex())[1] == "9000"
    b.end()


@right("challenge-unused", also="challenge-short")
def _four_bytes_are_filled(b: JudgeBench) -> None:
    """A random number of four bytes is used with four more behind it (Part 4, 8.4.1)."""
    b.genuine()
    original, factor = (bytes.fromhex(b.u("0084000004")[0]) + bytes(4) for _ in range(2))
    data = b.psam.authentication_data("PUK", b.card.data, Randoms(factor, original)) + original
    assert b.u("0082000610" + data.hex())[1] == "9000"
    b.end()


@right("challenge-late", also="environment-not-selected")
def _mf_selected_again(b: JudgeBench) -> None:
    """After a reset the MF is selected (Part 3, 6.4): to select it is no change of directory."""
    b.power()
    b.u(CHALLENGE)
    b.u("00A4000000")
    b.u("0082000110" + "00" * 16)
    b.end()


# -- reading and writing ------------------------------------------------------------------------------------


@right("card-not-identified")
def _read_debit_record(b: JudgeBench) -> None:
    """iReadDebitRecord is not told whose card it should be (terminal interface, 9.1)."""
    b.genuine()
    b.verify()
    b.pay()
    b.end()
    b.power()
    b.u(SSSE)
    b.verify()
    b.use("DF04")
    b.u(select("EF08"))
    assert b.u("00B2010400")[1] == "9000"
    b.end()


@right("holder-file-without-rkssse", profile="ssc-3.0", settings={"access": {"ef06_ssse": "free"}})
def _holder_file_is_free(b: JudgeBench) -> None:
    b.open()
    b.open_psam("03")
    b.authenticate()
    b.u(select("EF06"))
    for number in (1, 2, 3):
        assert b.u(f"00B2{number:02X}0400")[1] == "9000"
    b.end()


@right("record-read-twice", "read-past-the-end")
def _read_updated_and_read(b: JudgeBench) -> None:
    """A record is read, updated and read; one is added behind the end (Part 5, 6.13.1), and the next is asked for."""
    b.genuine()
    b.use("DF01")
    b.verify()
    b.prove("UK2DF01", 0x84)
    b.u(select("EF07"))
    for apdu in ("00B2010400", "00DC010403290132", "00B2010400"):
        assert b.u(apdu)[1] == "9000"
    assert b.u("00B2020400")[1] == "6A83"
    b.rig.card.fault("status", on="UPDATE RECORD", sw="9000")
    assert b.u("00DC020403290131")[1] == "9000"
    assert b.u("00B2030400")[1] == "6A83"
    b.end()


@right("read-past-the-end")
def _hole_between_records(b: JudgeBench) -> None:
    """A record is missing, and the one behind it is there: the terminal was right to ask."""
    b.genuine()
    b.u(select("EF06"))
    b.rig.card.fault("status", on="00B20304", sw="6A83")
    assert b.u("00B2030400")[1] == "6A83"
    assert b.u("00B2040400")[1] == "9000"
    b.end()


@right("record-form-wrong")
def _file_is_full(b: JudgeBench) -> None:
    """6A84 is no mistake of form: there is no room (Part 5, table 45), which the terminal cannot know."""
    b.genuine()
    b.use("DF01")
    b.prove("UK2DF01", 0x84)
    b.u(select("EF07"))
    b.rig.card.fault("status", on="UPDATE RECORD", sw="6A84")
    assert b.u("00DC020403290131")[1] == "6A84"
    b.end()


# -- trades ---------------------------------------------------------------------------------------------


@right("trade-interrupted", "trade-abandoned")
def _host_refuses(b: JudgeBench) -> None:
    """A load is initialised, the host refuses it (Part 7, 11.4), and the terminal does something else."""
    b.genuine()
    b.verify()
    b.use("DF04")
    assert b.u("B02800010B" + "01" + "00000100" + b.psam.terminal_number)[1] == "9000"
    b.u(select("EF08"))
    b.end()


@right("trade-interrupted", "trade-abandoned", "mac1-not-used")
def _psam_refuses(b: JudgeBench) -> None:
    """The PSAM refuses the purchase; the terminal ends it."""
    b.genuine()
    b.verify()
    begun = b.initialise()
    b.rig.readers[1].card.fault("status", on="INIT SAM FOR PURCHASE", sw="6A88", times="all")  # type: ignore[union-attr]
    with pytest.raises(sscard.TerminalError):
        b.mac1(begun)
    b.u(select("EF08"))
    b.end()


@right("balance-not-needed", "balance-before-trade", "record-read-twice")
def _balance_before_and_after(b: JudgeBench) -> None:
    """The amount from the account is chosen by the balance; after the trade balance and records are others."""
    b.genuine()
    b.verify()
    b.use("DF04")
    b.u("B026000104")
    for _ in range(2):
        b.pay()
        b.u("B026000104")
        b.u(select("EF08"))
        assert b.u("00B2010400")[1] == "9000"
    b.end()


# -- the PSAM, and a desk with two cards ----------------------------------------------------------------


@right("psam-purchase-differs", "factor-of-another-city", "psam-other-algorithm", "psam-other-random")
def _two_cards(b: JudgeBench) -> None:
    """Another card lies in another reader, of another city and cipher, and has a command in the middle of the trade."""
    other = b.rig.issue("ssc-3.0", region="330100")
    other.record_to(b.rig.trace, "another", b.rig.clock.now)
    other.power_on()
    for apdu in (SSSE, select("EF05"), "00B2010412"):
        assert sscard.exchange(other.transmit, bytes.fromhex(apdu))[1] == 0x9000
    b.genuine()
    other.transmit(bytes.fromhex(TRIES))
    b.verify()
    begun = b.initialise()
    other.transmit(bytes.fromhex(TRIES))
    made = b.mac1(begun)
    other.transmit(bytes.fromhex(TRIES))
    data, word = b.u(b.debit(made))
    assert word == "9000"
    other.transmit(bytes.fromhex(TRIES))
    b.psam.credit(bytes.fromhex(data[8:]))
    other.power_off()
    b.end()


@right("refused-mac2-ignored", "mac2-not-checked", also="credit-without-purchase mac2-differs")
def _psam_has_no_purchase(b: JudgeBench) -> None:
    """6901 says nothing about the card: only 9302 and 63CF do (Part 9, 9.10)."""
    b.genuine()
    b.verify()
    b.pay()
    assert b.p("8072000004" + "00" * 4)[1] == "6901"
    b.pay()
    b.end()


# -- the test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("example", "rules", "also", "card"), [pytest.param(*each, id=each[0].__name__[1:]) for each in RIGHT]
)
def test_nobody_is_accused_of_what_is_right(
    example: Example, rules: tuple[str, ...], also: frozenset[str], card: dict[str, Any]
) -> None:
    assert set(rules) <= set(RULES)
    with JudgeBench(**card) as bench:
        example(bench)
        found = bench.findings()
    assert {each.rule for each in found} == also, [f"{each.line} {each.rule}: {each.text}" for each in found]
