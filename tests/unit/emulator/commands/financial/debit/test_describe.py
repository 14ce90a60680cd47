"""What the trace tells of debit/credit, and that no PIN is in it."""

from emulator.trace.event import Event
from emulator.trace.traced import Traced
from tests.kit.card import PIN
from tests.kit.debit import CASH, PIN_BLOCK, DebitBench


class Told(DebitBench):
    """The card, and what was told of each of its commands."""

    def told(self, apdu: str | bytes) -> Event:
        events: list[Event] = []
        Traced(self.card, events.append).transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)
        return events[-1]


def asked() -> Told:
    bench = Told(CASH)
    bench.online()
    return bench


def test_what_a_transaction_says() -> None:
    bench = Told(CASH)
    bench.select()
    options = "80A800000B83090000000000100001 56".replace(" ", "")
    event = bench.told(options)
    assert (event.name, event.fields, event.apdu) == ("GET PROCESSING OPTIONS", "9 bytes for the PDOL", options)
    event = bench.told("80CA9F7909")
    assert (event.fields, event.clause) == ("9F79 balance of electronic cash 000000010000", "EMV Book 3, 6.5.7")
    assert bench.told("80CA9F9900").fields == "9F99"
    first = "80AE90001D" + bench.cdol()
    assert bench.told(first).fields == "ARQC is asked for, signed"
    event = bench.told("80AE40001D" + bench.cdol())
    assert (event.fields, event.apdu) == ("TC is asked for", "80AE40001D" + bench.cdol())


def test_what_an_issuer_says() -> None:
    bench = asked()
    event = bench.told(bench.proof())
    assert event.fields == "issuer's answer '00'"
    assert event.apdu == "008200000A" + "**" * 8 + "3030"
    script = bench.script("04DA9F58", "05")
    event = bench.told(script)
    assert (event.fields, event.apdu) == ("9F58 lower limit of transactions offline", script.hex().upper())
    for header, fields in (
        ("84180000", "DEBIT"),
        ("841E0000", "DEBIT until it is unblocked"),
        ("84240000", "unblock the PIN"),
        ("84160000", "the financial environment for ever"),
    ):
        event = bench.told(bench.script(header))
        assert (event.fields, event.sw) == (fields, "9000")


def test_no_pin_is_told() -> None:
    bench = Told()
    bench.start()
    event = bench.told("0020008008" + PIN_BLOCK)
    assert (event.apdu, event.fields) == ("0020008008" + "**" * 8, "PIN masked")
    bench.ac("ARQC")
    for p2, current, fields in (
        ("02", "", "replace the PIN, which is masked"),
        ("01", PIN, "replace the PIN with the help of the current one; both masked"),
    ):
        sealed = bench.sealed_pin("2468", current)
        command = bench.script(f"842400{p2}", sealed)
        event = bench.told(command)
        assert event.fields == fields
        assert event.apdu == f"842400{p2}14" + "**" * 16 + command[-4:].hex().upper()
        assert sealed.upper() not in event.json().upper()


def test_a_command_that_contradicts_its_length_is_masked() -> None:
    bench = Told()
    bench.start()
    assert bench.told("80AE40001D" + bench.cdol()[2:]).apdu == "80AE4000" + "**" * 29
