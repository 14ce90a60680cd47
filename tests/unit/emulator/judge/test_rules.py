"""Every rule has a bad example, which it finds, and a good one, in which nothing is found.

The examples are driven over cards of this project; their traces are real ones.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

import sscard
from emulator.judge.judge import judge
from emulator.judge.rules import GROUPS, RULES, RuleError, chosen
from tests.kit.judged import CHALLENGE, PURCHASE, SSSE, TIME, TRIES, VERIFY, JudgeBench, select

Example = Callable[[JudgeBench], object]
BAD: Final[dict[str, Example]] = {}
GOOD: Final[dict[str, Example]] = {}
CARDS: Final[dict[str, dict[str, str]]] = {}
"""Card types of examples that need another one than ssc-2.0, and options of issuing."""

ALSO: Final[dict[str, set[str]]] = {}
"""Other rules that a bad example breaks, too, because it cannot be otherwise."""


def bad(rule: str, *also: str, **card: str) -> Callable[[Example], Example]:
    """Register the bad example of a rule, and other rules that it breaks."""

    def register(example: Example) -> Example:
        BAD[rule], ALSO[rule], CARDS[rule] = example, set(also), card
        return example

    return register


def good(*rules: str) -> Callable[[Example], Example]:
    """Register the good example of rules."""

    def register(example: Example) -> Example:
        GOOD.update(dict.fromkeys(rules, example))
        return example

    return register


# -- commands and status words ------------------------------------------------------------------------


@bad("wrong-le-left")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    assert b.raw("00B2010400") == "6C14"
    assert b.raw("00B2040400") == "6C03"
    assert b.raw("00B2040403").endswith("9000")
    assert b.raw("00B203042A") == "6C16"
    b.end()


@bad("answer-not-fetched")
def _(b: JudgeBench) -> None:
    b.genuine()
    randoms = b.card.randoms()
    assert b.raw("0088000010" + (randoms.factor + randoms.original).hex()) == "6108"
    b.raw(select("EF06"))
    b.end()


@bad("get-response-without-data")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.raw("00C0000008") == "6F00"
    b.end()


@bad("get-response-other-length")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.raw(select("DF01", "00")) == "610A"
    assert b.raw("00C0000010") == "6C0A"
    assert b.raw("00C000000A").endswith("9000")
    b.end()


@good(
    "wrong-le-left",
    "answer-not-fetched",
    "get-response-without-data",
    "get-response-other-length",
    "wrong-length",
    "wrong-parameters",
    "unknown-command",
    "refusal-repeated",
)
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    assert b.raw("00B2010400") == "6C14"
    assert b.raw("00B2010414").endswith("9000")
    assert b.raw(select("DF01", "00")) == "610A"
    assert b.raw("00C000000A").endswith("9000")
    b.end()


@bad("unknown-command")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.raw("00CA9F7F00") == "6D00"
    b.end()


@bad("wrong-length")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.raw("0084000007") == "6700"
    b.end()


@bad("wrong-parameters")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.raw("0084000108") == "6A86"
    b.end()


@bad("refusal-repeated")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    for _ in range(2):
        assert b.raw(select("EF7F")) == "6A82"
    b.end()


def _update(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.prove("UK2DF01", 0x84)


@bad("memory-failure-ignored")
def _(b: JudgeBench) -> None:
    _update(b)
    b.u(select("EF07"))
    b.rig.card.fault("memory-failure", on="UPDATE RECORD")
    assert b.raw("00DC010403290131") == "6581"
    b.u(select("EF09"))
    assert b.raw("00DC03040432023130") == "9000"
    b.end()


@good("memory-failure-ignored")
def _(b: JudgeBench) -> None:
    _update(b)
    b.u(select("EF07"))
    b.rig.card.fault("memory-failure", on="UPDATE RECORD")
    assert b.raw("00DC010403290131") == "6581"
    b.end()


# -- resets and directories ---------------------------------------------------------------------------


@bad("no-reset-after-insertion")
def _(b: JudgeBench) -> None:
    b.rig.readers[0].swap(b.rig.issue())
    b.raw(SSSE)
    b.raw(TRIES)


@good("no-reset-after-insertion", "no-reset-between-cards", "randoms-repeated", "random-constant")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.end()
    b.rig.readers[0].swap(b.rig.issue())
    b.genuine()
    b.end()


@bad("no-reset-between-cards", "card-left-powered")
def _(b: JudgeBench) -> None:
    """A card behind a switch of which the reader knows nothing."""
    b.genuine()
    other = b.rig.issue()
    other.power_on()
    other.record_to(b.rig.trace, b.rig.readers[0].name, b.rig.clock.now)
    for command in (SSSE, "00C000001E", select("EF05"), "00B2010412"):
        assert other.transmit(bytes.fromhex(command))[-2] in (0x61, 0x90)


@bad("environment-not-selected")
def _(b: JudgeBench) -> None:
    b.power()
    assert b.raw(TRIES) == "6A88"
    b.end()


@good("environment-not-selected", "algorithm-not-read", "selected-twice", "card-left-powered", "card-not-identified")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    b.u("00B2010400")
    b.verify()
    b.end()


@bad("select-by-cut-name")
def _(b: JudgeBench) -> None:
    b.power()
    data, word = b.u("00A40400077378312E73682E")
    assert (data[:4], word) == ("6F1C", "9000")
    b.u(TRIES)
    b.end()


@good("select-by-cut-name")
def _(b: JudgeBench) -> None:
    b.open()
    assert b.u("00A4040006D15600000500")[1] == "9000"
    b.u(TRIES)
    b.end()


@bad("failed-select-ignored")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    assert b.u(select("EF0D"))[1] == "6A82"
    assert b.u("00B2010400")[1] == "9000"
    b.end()


@bad("old-directory-used")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.u(select("DF0B", "00"))[1] == "6A82"
    b.u(select("EF06"))
    b.u("00B2010400")
    b.end()


@good("failed-select-ignored", "old-directory-used")
def _(b: JudgeBench) -> None:
    b.genuine()
    assert b.u(select("DF0B", "00"))[1] == "6A82"
    assert b.u(select("DF01", "00"))[1] == "9000"
    b.verify()
    b.u(select("EF05"))
    b.u("00B2010400")
    b.end()


def _locked_application(b: JudgeBench) -> None:
    """Lock DF04, as its maintenance does."""
    b.genuine()
    b.use("DF04")
    b.prove("LKDF04", 0x83)
    command = b.psam.secured("STKDF04", b.card.data, b.card.challenge(), bytes.fromhex("841E0001"), b"")
    assert b.u(command.hex())[1] == "9000"
    b.end()


@bad("locked-application-used")
def _(b: JudgeBench) -> None:
    _locked_application(b)
    b.open()
    assert b.u(select("DF04", "00"))[1] == "9303"
    b.u(TRIES)
    b.end()


@good("locked-application-used", "maintenance-without-proof")
def _(b: JudgeBench) -> None:
    _locked_application(b)
    b.open()
    assert b.u(select("DF04", "00"))[1] == "9303"
    assert b.u(select("DF01", "00"))[1] == "9000"
    b.u(TRIES)
    b.end()


def _locked_card(b: JudgeBench) -> None:
    b.genuine()
    b.prove("BK", 0x05)
    command = b.psam.secured("STK", b.card.data, b.card.challenge(), bytes.fromhex("84160000"), b"")
    assert b.u(command.hex())[1] == "9000"
    b.end()


@bad("locked-card-used")
def _(b: JudgeBench) -> None:
    _locked_card(b)
    b.power()
    assert b.u(SSSE)[1] == "6A81"
    assert b.u(CHALLENGE)[1] == "6A81"
    b.end()


@good("locked-card-used")
def _(b: JudgeBench) -> None:
    _locked_card(b)
    b.power()
    assert b.u(SSSE)[1] == "6A81"
    b.end()


@bad("algorithm-not-read")
def _(b: JudgeBench) -> None:
    b.power()
    assert b.raw(SSSE) == "611E"
    b.u(CHALLENGE)
    b.u(CHALLENGE)
    randoms = [each.answer for each in b.rig.trace.commands[-2:]]
    b.u("0088000010" + randoms[1] + randoms[0])
    b.end()


@bad("selected-twice")
def _(b: JudgeBench) -> None:
    b.power()
    b.u(SSSE)
    b.u(SSSE)
    b.end()


@bad("card-left-powered")
def _(b: JudgeBench) -> None:
    b.open()


# -- the PIN ------------------------------------------------------------------------------------------


@bad("pin-to-card-without-pin", pin="")
def _(b: JudgeBench) -> None:
    b.open()
    assert b.u(TRIES)[1] == "9000"
    b.u(VERIFY)
    b.end()


@good("pin-to-card-without-pin")
def _(b: JudgeBench) -> None:
    b.rig.readers[0].swap(b.rig.issue(pin=""))
    b.open()
    assert b.u(TRIES)[1] == "9000"
    b.use("DF01")
    b.end()


@bad("pin-tries-not-asked")
def _(b: JudgeBench) -> None:
    b.open()
    assert b.u(VERIFY)[1] == "9000"
    b.end()


@good("pin-tries-not-asked", "pin-verified-again", "pin-form-wrong", "pin-in-wrong-command", "pin-tries-burnt")
def _(b: JudgeBench) -> None:
    b.open()
    b.verify()
    b.end()


@bad("wrong-pin-ignored")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.u(TRIES)
    assert b.u(VERIFY.replace("123456", "999999"))[1] == "63C2"
    b.u(select("EF05"))
    assert b.u("00B2010400")[1] == "6982"
    b.end()


@good("wrong-pin-ignored", "locked-pin-tried")
def _(b: JudgeBench) -> None:
    b.open()
    b.u(TRIES)
    assert b.u(VERIFY.replace("123456", "999999"))[1] == "63C2"
    time.sleep(1)
    assert b.u(VERIFY)[1] == "9000"
    b.end()


@bad("locked-pin-tried")
def _(b: JudgeBench) -> None:
    b.rig.card.fault("tries-left", on="VERIFY", tries=0)
    b.open()
    assert b.u(TRIES)[1] == "63C0"
    assert b.u(VERIFY)[1] == "6983"
    b.end()


@bad("pin-tries-burnt")
def _(b: JudgeBench) -> None:
    b.open()
    b.u(TRIES)
    for _ in range(2):
        b.u(VERIFY.replace("123456", "999999"))
    b.end()


@bad("pin-verified-again")
def _(b: JudgeBench) -> None:
    b.open()
    b.verify()
    b.u(VERIFY)
    b.end()


@bad("pin-in-wrong-command", "unknown-command")
def _(b: JudgeBench) -> None:
    b.open()
    b.u(TRIES)
    assert b.u("0024000106123456471100")[1] in ("6D00", "6E00")
    b.end()


@bad("pin-form-wrong")
def _(b: JudgeBench) -> None:
    b.open()
    b.u(TRIES)
    assert b.u("002000000C" + "31" * 12)[1] == "6700"
    b.end()


# -- random numbers and keys --------------------------------------------------------------------------


@bad("challenge-unused")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(CHALLENGE)
    b.end()


@good(
    "challenge-unused",
    "challenge-reused",
    "challenge-late",
    "challenge-missing",
    "challenge-short",
    "psam-other-random",
    "failed-authentication-ignored",
    "update-without-proof",
    "record-form-wrong",
    "update-repeated",
    "wrong-mac-ignored",
    "card-proof-not-compared",
    "trade-records-written",
)
def _(b: JudgeBench) -> None:
    _update(b)
    b.u(select("EF07"))
    assert b.u("00DC010403290132")[1] == "9000"
    b.end()


@bad("challenge-reused")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.prove("PUK", 0x06)
    challenge = b.rig.trace.commands[-1]
    assert challenge.sw == "9000"
    assert b.u("8424000004" + "00" * 4)[1] == "6984"
    b.end()


@bad("challenge-late")
def _(b: JudgeBench) -> None:
    b.genuine()
    randoms = b.card.randoms()
    data = b.psam.authentication_data("UK2DF01", b.card.data, randoms) + randoms.original
    b.use("DF01")
    assert b.u("0082008410" + data.hex())[1] == "6984"
    b.end()


@bad("challenge-missing")
def _(b: JudgeBench) -> None:
    b.open()
    assert b.u("0082000610" + "00" * 16)[1] == "6984"
    b.end()


@bad("challenge-short")
def _(b: JudgeBench) -> None:
    b.genuine()
    original, factor = b.u("0084000004")[0], b.u("0084000004")[0]
    b.u("0082000610" + "00" * 8 + original + "00000000")
    assert len(factor) == 8
    b.end()


@bad("psam-other-random")
def _(b: JudgeBench) -> None:
    b.genuine()
    randoms = b.card.randoms()
    data = b.psam.authentication_data("PUK", b.card.data, type(randoms)(randoms.original, randoms.factor))
    assert b.u("0082000610" + (data + randoms.original).hex())[1] == "63C2"
    b.end()


@bad("randoms-repeated", "challenge-unused")
def _(b: JudgeBench) -> None:
    for _ in range(2):
        b.open()
        b.u("0088000010" + "0102030405060708" + "1112131415161718")
        b.end()
    b.open()
    b.u(CHALLENGE)
    b.end()


@bad("random-constant")
def _(b: JudgeBench) -> None:
    b.open()
    b.u("0088000010" + "00" * 8 + "1112131415161718")
    b.end()


@bad("card-proof-not-compared")
def _(b: JudgeBench) -> None:
    b.open()
    b.open_psam()
    b.card.internal_authentication(b.card.randoms())
    b.prove("UKSSSE", 0x04)
    b.end()


@bad("failed-authentication-ignored", "update-without-proof")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    assert b.fail(0x84) == "63C2"
    b.u(select("EF07"))
    assert b.u("00DC010403290132")[1] == "6982"
    b.end()


@bad("failed-key-tried-again")
def _(b: JudgeBench) -> None:
    b.genuine()
    for _ in range(2):
        b.fail(0x06)
    b.end()


@good("failed-key-tried-again", "locked-key-tried")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.fail(0x06)
    b.end()
    b.genuine()
    b.prove("PUK", 0x06)
    b.end()


@bad("locked-key-tried")
def _(b: JudgeBench) -> None:
    for _ in range(4):
        b.genuine()
        b.fail(0x06)
        b.end()


@bad("maintenance-without-proof")
def _(b: JudgeBench) -> None:
    b.genuine()
    command = b.psam.secured("STK", b.card.data, b.card.challenge(), bytes.fromhex("84240000"), b"")
    assert b.u(command.hex())[1] == "6982"
    b.end()


@bad("update-without-proof")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.u(select("EF07"))
    assert b.u("00DC010403290132")[1] == "6982"
    b.end()


@bad("read-without-proof")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.u(select("EF05"))
    assert b.u("00B2010400")[1] == "6982"
    b.end()


@good("read-without-proof", "security-status-ignored", "read-past-the-end", "record-read-twice")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.verify()
    b.u(select("EF05"))
    for number in range(1, 5):
        b.u(f"00B2{number:02X}0400")
    b.end()


@bad("security-status-ignored", "read-without-proof")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.u(select("EF05"))
    for number in (1, 2):
        assert b.u(f"00B2{number:02X}0400")[1] == "6982"
    b.end()


@bad("wrong-mac-ignored", "challenge-reused")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.prove("PUK", 0x06)
    b.card.challenge()
    assert b.u("8424000004" + "00" * 4)[1] == "6988"
    b.u("8424000004" + "11" * 4)
    b.end()


# -- reading and writing ------------------------------------------------------------------------------


@bad("personal-data-unauthenticated")
def _(b: JudgeBench) -> None:
    b.open()
    b.u(select("EF06"))
    b.u("00B2010400")
    b.end()


@good(
    "personal-data-unauthenticated",
    "version-not-read",
    "name-extension-not-read",
)
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    for number in (1, 2, 3):
        b.u(f"00B2{number:02X}0400")
    b.end()


@bad("card-not-identified")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.end()
    b.power()
    b.u(SSSE)
    b.u(select("DF01", "00"))
    b.u(TRIES)
    b.u(VERIFY)
    b.u(select("EF05"))
    b.u("00B2010400")
    b.end()


@bad("holder-file-without-rkssse", "read-without-proof", profile="ssc-3.0")
def _(b: JudgeBench) -> None:
    b.open()
    b.open_psam("03")
    b.authenticate()
    b.u(select("EF06"))
    assert b.u("00B2010400")[1] == "6982"
    b.end()


@good("holder-file-without-rkssse")
def _(b: JudgeBench) -> None:
    b.rig.readers[0].swap(b.rig.issue("ssc-3.0"))
    b.open()
    b.open_psam("03")
    b.authenticate()
    b.prove("RKSSSE", 0x0A)
    b.u(select("EF06"))
    assert b.u("00B2010400")[1] == "9000"
    b.end()


@bad("version-not-read")
def _(b: JudgeBench) -> None:
    b.power()
    b.u(SSSE)
    b.u(select("EF05"))
    b.u("00B2010400")
    b.u("0088000010" + "0102030405060708" + "1112131415161718")
    b.u(select("EF06"))
    b.u("00B2010400")
    b.end()


@bad("name-extension-not-read")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    b.u("00B2020400")
    b.end()


@bad("validity-not-read")
def _(b: JudgeBench) -> None:
    b.open()
    b.open_psam()
    b.verify()
    b.pay()
    b.end()


@bad("record-read-twice")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.u(select("EF06"))
    for _ in range(2):
        b.u("00B2010400")
    b.end()


@bad("read-past-the-end")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF01")
    b.verify()
    b.u(select("EF05"))
    for number in range(1, 6):
        b.u(f"00B2{number:02X}0400")
    b.end()


@bad("trade-records-written")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF04")
    b.prove("UK2DF04", 0x86)
    b.u(select("EF08"))
    assert b.u("00DC00031C" + "00" * 28)[1] == "6982"
    b.end()


@bad("record-form-wrong")
def _(b: JudgeBench) -> None:
    _update(b)
    b.u(select("EF07"))
    assert b.u("00DC010403290931")[1] == "6A85"
    b.end()


@bad("update-repeated")
def _(b: JudgeBench) -> None:
    _update(b)
    b.u(select("EF07"))
    for _ in range(2):
        assert b.u("00DC010403290132")[1] == "9000"
    b.end()


# -- trades -------------------------------------------------------------------------------------------


@bad("trade-without-pin")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.use("DF04")
    assert b.u("B02801011301" + PURCHASE + b.psam.terminal_number)[1] == "6982"
    b.end()


@good(
    "trade-without-pin",
    "trade-interrupted",
    "trade-abandoned",
    "trade-not-initialised",
    "tac-not-fetched",
    "initialise-not-fetched",
    "balance-not-needed",
    "balance-before-trade",
    "terminal-sequence-repeated",
    "validity-not-read",
    *(rule.id for rule in GROUPS[-1][2]),
)
def _(b: JudgeBench) -> None:
    for _ in range(2):
        b.genuine()
        b.verify()
        b.pay()
        b.end()


def _begun(b: JudgeBench) -> str:
    b.genuine()
    b.verify()
    return b.initialise()


@bad("trade-interrupted")
def _(b: JudgeBench) -> None:
    made = b.mac1(_begun(b))
    b.u(select("EF08"))
    assert b.u(b.debit(made))[1] == "6901"
    b.end()


@bad("trade-abandoned")
def _(b: JudgeBench) -> None:
    _begun(b)
    b.end()


@bad("trade-not-initialised")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.verify()
    b.use("DF04")
    assert b.u(b.debit("00000001" + "11223344"))[1] == "6901"
    b.end()


@bad("tac-not-fetched", "trade-left-uncertain")
def _(b: JudgeBench) -> None:
    made = b.mac1(_begun(b))
    assert b.raw(b.debit(made)) == "6108"
    b.u(select("EF08"))
    b.end()


@bad("initialise-not-fetched", "trade-abandoned", "balance-not-needed")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.verify()
    b.use("DF04")
    assert b.raw("B02801011301" + PURCHASE + b.psam.terminal_number) == "6116"
    b.u("B026000104")
    b.end()


def _pulled(b: JudgeBench) -> str:
    """Pay, and lose the card before its answer comes; return the sequence of the trade."""
    begun = _begun(b)
    made = b.mac1(begun)
    b.rig.card.fault("pull", on="DEBIT FOR PURCHASE", moment="after", back=0.0)
    with pytest.raises(sscard.TerminalError):
        b.u(b.debit(made))
    b.end()
    return begun[28:32]


@bad("trade-without-proof")
def _(b: JudgeBench) -> None:
    _pulled(b)
    b.genuine()
    b.verify()
    b.pay()
    b.end()


@bad("trade-left-uncertain")
def _(b: JudgeBench) -> None:
    _pulled(b)


@bad("proof-of-another-trade")
def _(b: JudgeBench) -> None:
    _pulled(b)
    b.open()
    b.use("DF04")
    assert b.u("B02E000202" + "0007")[1] == "9406"
    assert b.u("B02E000202" + "0000")[1] == "9000"
    b.end()


@good("trade-without-proof", "trade-left-uncertain", "proof-of-another-trade")
def _(b: JudgeBench) -> None:
    sequence = _pulled(b)
    b.open()
    b.use("DF04")
    assert b.u("B02E000202" + sequence)[1] == "9000"
    b.end()
    b.genuine()
    b.verify()
    b.pay()
    b.end()


@bad("balance-not-needed")
def _(b: JudgeBench) -> None:
    begun = _begun(b)
    b.u("B026000104")
    b.u(b.debit(b.mac1(begun)))
    b.psam.credit(bytes.fromhex(b.rig.trace.commands[-1].answer[8:]))
    b.end()


@bad("balance-before-trade")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.verify()
    b.use("DF04")
    b.u("B026000104")
    assert b.u("B02800010B" + "01" + "00000100" + b.psam.terminal_number)[1] == "9000"
    b.end()


@bad("terminal-sequence-repeated", "debit-differs-from-psam")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.verify()
    made = b.mac1(b.initialise())
    b.u(b.debit(made))
    b.psam.credit(bytes.fromhex(b.rig.trace.commands[-1].answer[8:]))
    again = b.mac1(b.initialise())
    assert b.u(b.debit(made[:8] + again[8:]))[1] == "9302"
    b.end()


# -- the PSAM -----------------------------------------------------------------------------------------


@bad("psam-purchase-differs")
def _(b: JudgeBench) -> None:
    begun = _begun(b)
    made = b.mac1(begun, "000000000000020000000100")
    assert b.u(b.debit(made))[1] == "9302"
    b.end()


@bad("debit-differs-from-psam")
def _(b: JudgeBench) -> None:
    made = b.mac1(_begun(b))
    assert b.u(b.debit(made, TIME[:-2] + "01"))[1] == "9302"
    b.end()


@bad("mac2-not-checked")
def _(b: JudgeBench) -> None:
    assert b.u(b.debit(b.mac1(_begun(b))))[1] == "9000"
    b.end()


@bad("mac1-not-used", "trade-abandoned")
def _(b: JudgeBench) -> None:
    b.mac1(_begun(b))
    b.end()


@bad("mac2-differs")
def _(b: JudgeBench) -> None:
    data, _ = b.u(b.debit(b.mac1(_begun(b))))
    assert b.p("8072000004" + data[:8])[1] == "9302"
    b.end()


@bad("refused-mac2-ignored")
def _(b: JudgeBench) -> None:
    b.rig.card.fault("wrong-mac", on="DEBIT FOR PURCHASE")
    data, _ = b.u(b.debit(b.mac1(_begun(b))))
    assert b.p("8072000004" + data[8:])[1] == "9302"
    b.pay()
    b.end()


@bad("terminal-number-differs", "mac1-not-used", "trade-abandoned")
def _(b: JudgeBench) -> None:
    b.genuine()
    b.verify()
    b.mac1(b.initialise("519900999999"))
    b.end()


@bad("cipher-without-session-key")
def _(b: JudgeBench) -> None:
    b.open_psam()
    assert b.p("80FA000008" + "00" * 8)[1] == "6901"
    b.end()


@bad("credit-without-purchase")
def _(b: JudgeBench) -> None:
    b.open_psam()
    assert b.p("8072000004" + "00" * 4)[1] == "6901"
    b.end()


@bad("factor-of-another-city")
def _(b: JudgeBench) -> None:
    b.open()
    b.open_psam()
    randoms = b.card.randoms()
    b.psam.authentication_data("IRK", b.card.data._replace(region="510100"), randoms)
    b.card.internal_authentication(randoms)
    b.end()


@bad("psam-other-algorithm")
def _(b: JudgeBench) -> None:
    b.open()
    b.open_psam("03")
    randoms = b.card.randoms()
    b.psam.authentication_data("IRK", b.card.data._replace(algorithm="03"), randoms)
    b.card.internal_authentication(randoms)
    b.end()


# -- the table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_its_bad_example_and_no_other_does(rule: str) -> None:
    with JudgeBench(**CARDS[rule]) as bench:
        BAD[rule](bench)
        found = bench.findings()
    mine = [each for each in found if each.rule == rule]
    assert mine, [f"{each.line} {each.rule}: {each.text}" for each in found]
    assert {each.rule for each in found} <= {rule, *ALSO[rule]}, [f"{each.rule}: {each.text}" for each in found]
    assert {each.rule for each in found} == {rule, *ALSO[rule]}
    row = RULES[rule]
    for each in mine:
        assert (each.severity, each.clause, each.better, each.better_zh) == (
            row.severity,
            row.clause,
            row.better,
            row.better_zh,
        )
        assert 0 < each.line <= len(bench.rig.trace) + 1


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_found_in_the_good_example(rule: str) -> None:
    with JudgeBench() as bench:
        GOOD[rule](bench)
        assert [f"{each.line} {each.rule}: {each.text}" for each in bench.findings()] == []


@pytest.mark.parametrize(
    "rule",
    [
        "locked-application-used",
        "locked-card-used",
        "wrong-pin-ignored",
        "psam-other-random",
        "failed-authentication-ignored",
        "locked-key-tried",
        "security-status-ignored",
        "holder-file-without-rkssse",
        "read-past-the-end",
        "trade-interrupted",
        "trade-not-initialised",
        "proof-of-another-trade",
        "debit-differs-from-psam",
    ],
)
def test_what_a_card_carries_out_is_not_called_wrong(rule: str) -> None:
    """The same terminal with a card that does what it is told: then nothing was in the way."""
    with JudgeBench(**CARDS[rule]) as bench:
        BAD[rule](bench)
        events = list(bench.rig.trace)
        line = next(each.line for each in bench.findings() if each.rule == rule)
    events[line - 1] = replace(events[line - 1], sw="9000")
    assert line not in [each.line for each in judge(events) if each.rule == rule]


def test_every_rule_has_both_examples() -> None:
    assert set(BAD) == set(GOOD) == set(RULES)
    assert len(RULES) >= 40


def test_a_rule_is_chosen_by_its_name() -> None:
    assert [rule.id for rule in chosen(["tac-not-fetched", "tac-not-fetched"])] == ["tac-not-fetched"]
    assert chosen([]) == tuple(RULES.values())
    with pytest.raises(RuleError, match="no rule 'x'; there are: wrong-le-left, "):
        chosen(["x"])
