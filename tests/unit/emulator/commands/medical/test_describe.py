"""What the trace says of medical trades: amounts, numbers and times, and no key (Part 5, 7)."""

from typing import Final

import pytest

from emulator.card.row import Row
from emulator.commands.medical.rows import TRADE_ROWS
from emulator.trace.event import Event
from emulator.trace.mask import MASK
from emulator.trace.traced import Traced
from tests.kit.medical import LOAD, MedicalBench, card_with

APDU: Final = "[settings.transport]\nlevel = 'apdu'\n"


class Witness(MedicalBench):
    """A card with money whose trace is kept."""

    def __init__(self, overrides: str = "") -> None:
        self.events: list[Event] = []
        self.traced: Traced | None = None
        super().__init__(card_with(overrides=overrides))
        self.traced = Traced(self.card, self.events.append)

    def send(self, apdu: str | bytes) -> str:
        if self.traced is None:
            return super().send(apdu)
        return self.traced.transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu).hex().upper()

    def told(self, apdu: str | bytes) -> Event:
        """Send one command; what was told of it."""
        self.send(apdu)
        return self.events[-1]


def test_a_load_is_told_with_its_amounts() -> None:
    b = Witness()
    command = b.begin_load_command(500, 2)
    event = b.told(command)
    assert (event.name, event.file, event.clause) == ("INITIALIZE FOR LOAD", "DF04", "Part 2, 9.3.2")
    assert event.fields == "key 2, amount 500 fen, terminal 519900000001"
    assert event.apdu == command.hex().upper()
    answer = b.told("00C0000010")
    head = "balance 1000 fen, load 1, key version 2, algorithm 00, "
    assert answer.fields.startswith(head)
    assert answer.fields == f"{head}random {answer.answer[16:24]}, MAC1 {answer.answer[24:32]}"
    begun = b.begin_load(500)
    event = b.told(b.credit(begun))
    assert (event.name, event.fields) == ("CREDIT FOR LOAD", "host time 2024-01-31 12:15:00")
    tac = b.load_tac(begun, 1500).hex().upper()
    assert b.told("00C0000004").fields == f"TAC {tac}"
    assert b.told("B02E0001020001").fields == "load 1"
    assert b.told("00C0000008").fields == f"MAC 00000000, TAC {tac}"
    assert b.told("B02E0032020001").fields == "purchase 1"


@pytest.mark.parametrize("which", ["before", "after"])
@pytest.mark.parametrize("number", [0, 7])
def test_a_proof_that_is_not_there_is_refused_with_the_number_that_was_asked_for(which: str, number: int) -> None:
    b = Witness(f"[settings.trade]\nproof_sequence = '{which}'\n")
    event = b.told(f"B02E000202{number:04X}08")
    assert (event.sw, event.reason) == ("9406", f"the last trade was not one of type 2 with number {number}")


def test_a_purchase_is_told_with_its_three_amounts() -> None:
    b = Witness()
    event = b.told(b.begin_purchase_command())
    assert event.fields == "key 1, account 100 fen, self-paid 10 fen, fund 20 fen, terminal 519900000001"
    answer = b.told("00C0000016")
    head = "balance 1000 fen, self-paid 300 fen, fund 400 fen, year 2024, purchase 1, key version 1, algorithm 00, "
    assert answer.fields == f"{head}random {answer.answer[36:]}"
    begun = b.begin_purchase()
    event = b.told(b.debit(begun, 0x0102))
    assert event.fields == "terminal sequence 258, 2024-01-31 12:15:00"
    tac, mac2 = b.purchase_tac(begun, 0x0102).hex().upper(), b.mac2(begun, 0x0102).hex().upper()
    assert b.told("00C0000008").fields == f"TAC {tac}, MAC2 {mac2}"


def test_balances_and_days_are_told_with_their_answers() -> None:
    b = Witness()
    assert b.told("B026000104").fields == "account; 1000 fen"
    assert b.told("B026000206").fields == "self-paid of the year; 300 fen, year 2024"
    assert b.told("B026000306").fields == "fund of the year; 400 fen, year 2024"
    assert b.told("B056010002").fields == "year begins 01-01"
    b.prove(("DSK",))
    event = b.told("B0560000020701")
    assert (event.name, event.fields, event.sw) == ("UPDATE STARTING DAY", "year begins 07-01", "9000")


def test_where_data_come_at_once_question_and_answer_stand_on_one_line() -> None:
    b = Witness(APDU)
    event = b.told(b.begin_load_command(7))
    assert event.fields.startswith("key 1, amount 7 fen, terminal 519900000001; balance 1000 fen, load 1, key ")
    assert event.clause == "Part 5, 7.5"


def test_a_refusal_is_told_with_its_reason() -> None:
    b = Witness()
    event = b.told(b.begin_purchase_command((1001, 0, 0)))
    assert (event.sw, event.meaning) == ("9401", "balance too small")
    assert event.reason
    event = b.told(b.credit(b.begin_load(), wrong=True))
    assert (event.sw, event.reason) == ("9302", "MAC2 does not verify")
    assert b.told("B02E0001020009").reason == "the last trade was not one of type 1 with number 9"


@pytest.mark.parametrize("row", TRADE_ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("tail", ["", "00", "01FF", "0300", "02FFFF00", "0BFF", "13" + "FF" * 19, "0B" + "FF" * 11])
def test_a_command_of_any_form_can_be_told(row: Row, tail: str) -> None:
    b = Witness()
    for p2 in (0x00, 0x01, 0x7F):
        event = b.told(bytes((row.cla, row.ins, row.p1 or 0, p2)) + bytes.fromhex(tail))
        assert event.kind == "command"
        assert MASK not in event.apdu


def test_no_key_stands_in_the_trace() -> None:
    b = Witness()
    b.load(5)
    b.purchase()
    begun = b.begin_load()
    _, session = b.seslk(begun)
    text = "".join(event.json() for event in b.events).upper()
    assert session.hex().upper() not in text
    for name in ("DLK", "DPK", "DTK"):
        assert b.trade_key(name)[1].hex().upper() not in text
    assert b.proof(LOAD, 1)


def test_another_class_with_such_an_instruction_is_masked() -> None:
    """Only of class B0 is it known what stands in the data."""
    event = Witness().told("802A00000B" + "11" * 11)
    assert event.apdu == "802A00000B" + MASK * 11
