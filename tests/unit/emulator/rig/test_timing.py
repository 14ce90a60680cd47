"""How slowly a card answers: bytes times characters, computed here by hand."""

import time

import pytest

import sscard
from emulator.rig.timing import TIMINGS, WORK, wire, work

CHALLENGE = bytes.fromhex("0084000008")


def test_bytes_take_twelve_etu_with_contacts() -> None:
    # Header of 5, procedure byte, 8 data, SW1 SW2: 16 characters of 12 bits at 9600 bit/s are 20 ms.
    assert TIMINGS["contact-9600"].seconds(CHALLENGE, bytes(10)) == pytest.approx(0.020)
    assert TIMINGS["contact-115200"].seconds(CHALLENGE, bytes(10)) == pytest.approx(0.020 / 12)
    # VERIFY with three digits: 5, procedure byte, 3, 2.
    assert TIMINGS["contact-9600"].seconds(bytes(8), bytes(2)) == pytest.approx(11 * 12 / 9600)
    # Without data either way: 5 and 2.
    assert TIMINGS["contact-9600"].seconds(bytes(4), bytes(2)) == pytest.approx(7 * 12 / 9600)


def test_blocks_through_the_air() -> None:
    air = TIMINGS["contactless-106"]
    assert air.seconds(bytes(5), bytes(10)) == pytest.approx(15 * 9 / 106_000 + 2 * 0.0006)
    assert air.seconds(bytes(5), bytes(258)) == pytest.approx(263 * 9 / 106_000 + 3 * 0.0006)


def test_a_card_waits_as_long_as_that() -> None:
    card = sscard.Card.issue()
    assert card.timing == "none"
    card.timing = "contact-9600"
    began = time.monotonic()
    card.transmit(CHALLENGE)
    assert time.monotonic() - began >= 0.020 + WORK["any"].seconds
    assert card.timing == "contact-9600"
    card.timing = "none"
    assert card._send == card._core.transmit


def test_work_is_added_up() -> None:
    row, _ = sscard.Card.issue()._core.find_row(bytes.fromhex("00A40000023F00"))
    assert work(None) == WORK["any"].seconds
    assert work(row) == pytest.approx(WORK["any"].seconds + WORK["selects"].seconds)


def test_an_unknown_timing_is_one_sentence() -> None:
    with pytest.raises(sscard.SscardError, match=r"there is no timing 'fast'; there are: contact-9600, .*none"):
        wire("fast")
