"""Settings of debit/credit, of passbook and purse, and of their environment."""

import json
from typing import Final

from tests.conformance.settings.registry import exercise, issued, settings
from tests.kit.card import (
    CardBench,
)
from tests.kit.debit import DebitBench
from tests.kit.purse import AID, TERMINAL, TIME, line_mac, tac
from tests.kit.purse import ready as purse

# -- debit/credit ----------------------------------------------------------------------------------


@exercise("emv.script_chaining", False, True)
def _(value: bool) -> None:
    """Issuer scripts: the second MAC covers the cryptogram, or the MAC before (EMV Book 2, 9.2.3)."""
    bench = DebitBench(settings=settings("emv.script_chaining", value))
    bench.online()
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    assert bench.send(bench.script("04DA9F59", "06", chain=bench.last_mac)) == ("9000" if value else "6988")


@exercise("emv.pin_block_key", "ac", "enc")
def _(value: str) -> None:
    bench = DebitBench(settings=settings("emv.pin_block_key", value))
    bench.online()
    sealed = bench.sealed_pin("2468", half="UDKAC")
    assert bench.send(bench.script("84240002", sealed)) == {"ac": "9000", "enc": "6A80"}[value]


@exercise("emv.arpc_error", "6300", "63Cx")
def _(value: str) -> None:
    bench = DebitBench(settings=settings("emv.arpc_error", value))
    bench.online()
    assert bench.arpc(wrong=True) == {"6300": "6300", "63Cx": "63CF"}[value]


@exercise("emv.failure_limit", 1, 100)
def _(value: int) -> None:
    bench = DebitBench(settings=settings("emv.failure_limit", value))
    for _ in range(2):
        bench.online()
        word = bench.arpc(wrong=True)
    assert word == {1: "6985", 100: "6300"}[value]


@exercise("emv.sm4_algorithm_id", 4, 9)
def _(value: int) -> None:
    """9F10: length, key index, version, results of 1 + 3 bytes, algorithm."""
    for suite, found in (("SM4", value), ("3DES", 1)):
        bench = DebitBench(suite=suite, settings=settings("emv.sm4_algorithm_id", value))
        assert bench.online().iad[7] == found


# -- passbook and purse ----------------------------------------------------------------------------


@exercise("edep.fci_version", "02", "none")
def _(value: str) -> None:
    """Logs of real cards against FMCOS manual, table 7.2."""
    bench = issued("edep.fci_version", value, "pboc")
    answer = bench.ask(b"\x00\xa4\x04\x00\x09" + AID)
    assert answer[26:34] == {"02": "A5259F08", "none": "A5219F0C"}[value]


@exercise("edep.blocked_select", "coding", "6283", "6A81")
def _(value: str) -> None:
    """FMCOS manual, 8.3, against what other cards are said to do; this card is no FMCOS card."""
    bench = purse(settings=settings("edep.blocked_select", value))
    word = "6283" if value == "coding" else value
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert (bench.select()[-4:], bench.select()[:2] == "6F") == (word, word == "6283")
    assert bench.word(bench.protected("84180000")) == "9000"


@exercise("edep.balance_error", "9401", "6985")
def _(value: str) -> None:
    assert purse(settings=settings("edep.balance_error", value)).initialize(1, 2, 0, 10001) == (b"", value)


@exercise("edep.second_command_error", "6901", "6985")
def _(value: str) -> None:
    assert purse(settings=settings("edep.second_command_error", value)).word("805200000B" + "00" * 11) == value


@exercise("edep.pin_cleared_after_trade", False, True)
def _(value: bool) -> None:
    bench = purse(settings=settings("edep.pin_cleared_after_trade", value))
    bench.do(bench.spend(1, 2, 5, 6))
    assert bench.word("805C000104") == ("6982" if value else "9000")


@exercise("edep.overdraft_tac_key", "xor", "direct")
def _(value: str) -> None:
    """FMCOS manual, 8.12.2.4, against its public client."""
    bench = purse(settings=settings("edep.overdraft_tac_key", value))
    suite, key = bench.key_of("DTK")
    data = (10500).to_bytes(4) + b"\0\x01" + (500).to_bytes(3) + b"\x07" + TERMINAL + TIME
    expected = {"xor": tac(suite, key, data), "direct": line_mac(suite, key, b"", data)}
    assert bench.do(bench.limit(500)) == expected[value]


@exercise("edep.command_iv", "challenge", "zero")
def _(value: str) -> None:
    bench = purse(settings=settings("edep.command_iv", value))
    assert bench.word(bench.protected("04D69500", b"\xaa")) == ("9000" if value == "challenge" else "6988")
    assert bench.word(bench.protected("04D69500", b"\xaa", zero=True)) == ("9000" if value == "zero" else "6984")


@exercise("edep.reload_pin_tries", 3, 1, 15)
def _(value: int) -> None:
    """FMCOS manual, 8.5: 9303 after failures on end, three with other cards."""
    bench = CardBench("pboc", f"[settings.edep]\nreload_pin_tries = {value}\n")
    bench.ask(b"\x00\xa4\x04\x00\x09" + AID)
    words = [bench.word("805E000007123456" + "00" * 4) for _ in range(value)]
    assert words == ["9302"] * (value - 1) + ["9303"]


LATER: Final = "read by commands that are not there yet"
# -- the financial environment ---------------------------------------------------------------------


@exercise("financial.kind", "none", "edep", "debit_credit", "both")
def _(value: str) -> None:
    """JR/T 0025 of 2013 has no passbook and purse any more; most social-security cards have a bank's application."""
    bench = issued("financial.kind", value)
    assert bench.word("00A404000E315041592E5359532E4444463031") == ("6A82" if value == "none" else "9000")
    assert (bench.word("00A4040009A00000000386980701") == "9000") is (value in ("edep", "both"))
    assert (bench.word("00A4040008A000000333010101") == "9000") is (value in ("debit_credit", "both"))


@exercise("financial.listed", "all", "debit_credit")
def _(value: str) -> None:
    """The published directory of a bank card has debit/credit alone."""
    bench = CardBench("pboc", f'[settings.financial]\nlisted = "{value}"\n')
    assert bench.word("00A404000E315041592E5359532E4444463031") == "9000"
    assert bench.ask("00B2010C00")[8:26] == "4F08A000000333010101"[:18]
    assert bench.ask("00B2020C00")[8:28] == ("4F09A000000003869807" if value == "all" else "")
    assert bench.word("00A4040009A00000000386980701") == "9000"


@exercise("financial.contactless", True, False)
def _(value: bool) -> None:
    """A second name, which contactless terminals select first."""
    settings = f'[settings.financial]\nkind = "both"\ncontactless = {json.dumps(value)}\n'
    assert CardBench("ssc-2.0", settings).word("00A404000E325041592E5359532E4444463031") == (
        "9000" if value else "6A82"
    )
