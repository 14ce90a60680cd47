"""Logs of pcscd: a real one against what our own trace recorded beside it, and what else such logs hold."""

import io

import pytest

from emulator.formats import pcscd
from emulator.formats.forms import read_events
from emulator.trace.errors import TraceError
from emulator.trace.event import Event
from tests.kit.places import TESTS
from tests.kit.traces import bytes_of

LOG = TESTS / "data" / "pcscd-1.9.9.log"
BESIDE = TESTS / "data" / "pcscd-1.9.9.jsonl"


def read(text: str) -> list[Event]:
    return list(pcscd.read(io.BytesIO(text.encode()), "pcscd.log"))


def test_a_real_log_has_what_the_trace_of_the_cards_has() -> None:
    found, beside = list(read_events(LOG)), list(read_events(BESIDE))
    masked = [(one, apdu.replace("123456", "******"), *rest) for one, apdu, *rest in bytes_of(found)]
    assert [tuple(each) for each in masked] == bytes_of(beside)
    assert [each.kind for each in found if each.kind == "reset"] == ["reset"]
    atrs = {(each.reader, each.answer) for each in beside if each.kind == "power on"}
    assert {(each.reader, each.answer) for each in found if each.kind == "power on"} == atrs
    assert [each.reader for each in found if each.kind == "inserted"] == ["Virtual PCD 00 00", "Virtual PCD 00 01"]
    assert found == sorted(found, key=lambda each: each.time)
    assert all(0 < each.seconds < 1 for each in found if each.kind == "command")


LINES = "00000002 APDU: 00 84 00 00 02 \n00001500 SW: AB CD 90 00 \n"


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        LINES.replace("\n", "\r\n"),
        LINES.replace("000002 ", "000002 [140231] ").replace("001500 ", "001500 [140231] "),  # pcscd 2
        LINES.replace("APDU", "\x1b[01;35mAPDU").replace(" \n", " \x1b[0m\n"),  # in colour
        LINES.replace("0000", "Nov 27 12:00:00 host pcscd[4]: 0000", 1).replace(
            "\n0000", "\nNov 27 host pcscd[4]: 0000"
        ),
        "APDU: 00 84 00 00 02\nSW: AB CD 90 00\n",
        "Nov 27 12:00:00 host pcscd[4]: APDU: 00 84 00 00 02\nNov 27 12:00:00 host pcscd[4]: SW: AB CD 90 00 \n",
    ],
    ids=["plain", "CR", "threads", "colour", "journal", "without times", "syslog"],
)
def test_ways_to_write_the_same(text: str) -> None:
    assert pcscd.begins(text.encode())
    (event,) = read(text)
    assert (event.apdu, event.answer, event.sw) == ("0084000002", "ABCD", "9000")
    assert round(event.seconds, 6) in (0.0015, 0.0)


def client(number: int, what: str) -> str:
    return f"00000001 winscard_svc.c:361:ContextThread() Received command: {what} from client {number}\n"


def done(number: int, said: str = "TRANSMIT for client {}, rv=SCARD_S_SUCCESS") -> str:
    return f"00000001 winscard_svc.c:694:ContextThread() {said.format(number)}\n"


def reader(name: str) -> str:
    return f"00000001 winscard_svc.c:503:ContextThread() Authorized client for '{name}'\n"


CONNECTED = client(8, "CONNECT") + reader("one") + client(9, "CONNECT") + reader("two")


SAID = {
    "to 1.9.8": "TRANSMIT rv=0x0 for client {}",
    "from 1.9.9": "TRANSMIT for client {}, rv=SCARD_S_SUCCESS",
    "syslog": "TRANSMIT for client {}",
}
"""How versions of pcscd end an exchange (WRITE_BODY_WITH_COMMAND of winscard_svc.c, log_line of debuglog.c)."""
ONE, TWO = "00000001 APDU: 00 84 00 00 01 \n", "00000001 APDU: 00 84 00 00 02 \n"
FIRST, SECOND = "00000001 SW: 11 90 00 \n", "00000001 SW: 22 22 90 00 \n"


@pytest.mark.parametrize("order", ["answers apart", "answers together", "commands together"])
@pytest.mark.parametrize("version", SAID)
def test_commands_that_cross_are_told_apart_by_their_clients(version: str, order: str) -> None:
    end = SAID[version]
    sent = client(8, "TRANSMIT") + ONE + client(9, "TRANSMIT") + TWO
    if order == "commands together":
        sent = client(8, "TRANSMIT") + client(9, "TRANSMIT") + ONE + TWO
    answered = SECOND + done(9, end) + FIRST + done(8, end)
    if order == "answers together":
        answered = SECOND + FIRST + done(9, end) + done(8, end)
    text = CONNECTED + sent + answered
    if version == "syslog":
        text = text.replace("00000001 ", "Nov 27 12:00:00 host pcscd[4]: ")
    assert bytes_of(read(text)) == [("two", "0084000002", "2222", "9000"), ("one", "0084000001", "11", "9000")]


@pytest.mark.parametrize(
    "failed", ["TRANSMIT rv=0x80100069 for client {}", "TRANSMIT for client {}, rv=SCARD_W_REMOVED_CARD"]
)
def test_the_answer_of_one_is_not_given_to_another_that_failed(failed: str) -> None:
    sent = client(8, "TRANSMIT") + ONE + client(9, "TRANSMIT") + TWO
    events = read(CONNECTED + sent + FIRST + done(9, failed) + done(8))
    assert [(each.kind, each.reader) for each in events] == [("note", "two"), ("command", "one")]
    assert bytes_of(events) == [("one", "0084000001", "11", "9000")]


def test_what_was_refused_before_it_was_sent_is_no_command() -> None:
    refused = done(9, "TRANSMIT for client {}, rv=SCARD_E_SHARING_VIOLATION")
    text = CONNECTED + client(9, "TRANSMIT") + refused + client(8, "TRANSMIT") + ONE + FIRST + done(8)
    assert bytes_of(read(text)) == [("one", "0084000001", "11", "9000")]


@pytest.mark.parametrize("apdu", ["", "84 ", "00 84 "])
def test_a_command_of_fewer_than_four_bytes(apdu: str) -> None:
    assert bytes_of(read(f"00000001 APDU: {apdu}\n00000001 SW: 67 00 \n")) == [("", apdu.replace(" ", ""), "", "6700")]
    assert not apdu or pcscd.begins(f"APDU: {apdu.strip()}\n".encode())


def test_digits_in_the_name_of_a_reader_are_no_time() -> None:
    """The system's log has no microseconds, and names of readers have serial numbers."""
    named = "host pcscd[4]: eventhandler.c:423:EHStatusHandlerThread() Card inserted into CardMan 12345678 00\n"
    inserted, command = read(named + LINES.replace("00000002 ", "").replace("00001500 ", ""))
    assert (inserted.kind, inserted.reader, inserted.time) == ("inserted", "CardMan 12345678 00", 0.0)
    assert command.time == 0.0


def test_a_command_without_an_answer_is_a_note() -> None:
    removed = "00000001 eventhandler.c:336:EHStatusHandlerThread() Card Removed From one\n"
    text = CONNECTED + client(8, "TRANSMIT") + "00000001 APDU: 00 20 00 00 01 31 \n" + done(8) + removed
    lost, out = read(text)
    assert (lost.kind, lost.fields, lost.reader) == ("note", "no answer to 00200000…: was the card pulled out?", "one")
    assert (out.kind, out.reader) == ("removed", "one")
    again = read(CONNECTED + client(8, "TRANSMIT") + "APDU: 00 84 00 00 \nAPDU: 00 84 00 00 \n")
    assert [each.kind for each in again] == ["note", "note"]
    assert [each.fields for each in read("SW: 90 00\n")] == ["an answer without its command"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("00000001 APDU: 00 84 00 0", "pcscd.log, line 1: the bytes are cut off (a byte has two hex digits)"),
        (
            "00000001 winscard.c:1:SCardConnect() x\n",
            "pcscd.log: this log of pcscd has no APDUs: start pcscd with --apdu",
        ),
    ],
)
def test_what_is_cut_off_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(text)
    assert str(refused.value) == sentence
