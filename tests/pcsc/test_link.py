"""The reader link under a real pcscd: what clients that are not ours see of a card, and what a card of them."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from emulator.reader.vpcd import Connected, Disconnected, Event, Failed, Slot
from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import ATR, EchoCard, PcscError, PcscStack, Terminal

pytestmark = pytest.mark.pcsc

SELECT = bytes.fromhex("00a4000002ef05")
OTHER_ATR = bytes.fromhex("3b6600002063cb680001")


class ShortCard(EchoCard):
    """A T=0 card that lets data be fetched (61xx) and lengths be corrected (6Cxx)."""

    def transmit(self, command: bytes) -> bytes:
        return {0xA4: b"\x61\x10", 0xB2: b"\x6c\x05"}.get(command[1], b"data\x90\x00")


class BuggyCard(EchoCard):
    """Raises where the second byte is not A4."""

    def transmit(self, command: bytes) -> bytes:
        if command[1] != 0xA4:
            raise ZeroDivisionError("a bug")
        return super().transmit(command)


def test_the_reader_has_two_slots(stack: PcscStack) -> None:
    assert stack.readers == ["Virtual PCD 00 00", "Virtual PCD 00 01"]


# A terminal -----------------------------------------------------------------------------------------


def test_a_terminal_reads_the_atr_and_gets_answers(stack: PcscStack) -> None:
    with stack.card(EchoCard()), stack.terminal() as terminal:
        assert terminal.atr == ATR
        assert terminal.transmit(SELECT) == SELECT + b"\x90\x00"


def test_every_length_passes(stack: PcscStack) -> None:
    with stack.card(EchoCard()), stack.terminal() as terminal:
        for size in (4, 5, 6, 127, 128, 255, 256, 260, 261):
            command = bytes(i & 0xFF for i in range(size))
            assert terminal.transmit(command) == command + b"\x90\x00"


def test_a_command_arrives_as_it_was_sent_and_its_status_words_stay(stack: PcscStack) -> None:
    """Under T=0 too, Le arrives, and nobody but the application fetches what 61xx announces."""
    command = bytes.fromhex("00b2010400")
    with stack.card(ShortCard()), stack.terminal() as terminal:
        assert terminal.transmit(SELECT) == b"\x61\x10"
        assert terminal.transmit(command) == b"\x6c\x05"
    with stack.card(EchoCard()), stack.terminal() as terminal:
        assert terminal.transmit(command) == command + b"\x90\x00"


def test_power_and_reset_reach_the_card(stack: PcscStack) -> None:
    card = EchoCard()
    with stack.card(card), stack.terminal() as terminal:
        card.calls.clear()
        terminal.transmit(SELECT)
        terminal.reset()
        assert card.calls == [SELECT.hex(), "reset"]
        terminal.unpower()
        assert card.calls == [SELECT.hex(), "reset", "off", "on"]


def test_a_card_in_nobodys_use_loses_power_and_keeps_its_place(stack: PcscStack) -> None:
    card = EchoCard()
    with stack.card(card):
        with stack.terminal() as terminal:
            terminal.transmit(SELECT)
        deadline = time.monotonic() + 5
        while card.calls[-1] != "off" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert card.calls[-1] == "off"
        with stack.terminal() as terminal:
            assert terminal.transmit(SELECT) == SELECT + b"\x90\x00"


def test_a_bug_in_the_card_is_no_dead_reader(stack: PcscStack) -> None:
    events: list[Event] = []
    with stack.card(BuggyCard(), watch=events.append), stack.terminal() as terminal:
        assert terminal.transmit(bytes(5)) == b"\x6f\x00"
        assert terminal.transmit(SELECT) == SELECT + b"\x90\x00"
    assert [type(event) for event in events] == [Connected, Failed]


def test_a_card_may_take_three_seconds(stack: PcscStack) -> None:
    class SlowCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            time.sleep(3)
            return super().transmit(command)

    with stack.card(SlowCard()), stack.terminal() as terminal:
        began = time.monotonic()
        assert terminal.transmit(SELECT) == SELECT + b"\x90\x00"
        assert time.monotonic() - began >= 3


def test_an_exchange_takes_no_forty_milliseconds(stack: PcscStack) -> None:
    times = []
    with stack.card(EchoCard()), stack.terminal() as terminal:
        for _ in range(200):
            began = time.perf_counter()
            terminal.transmit(SELECT)
            times.append(time.perf_counter() - began)
    assert sorted(times)[len(times) // 2] < 0.01


# In and out -----------------------------------------------------------------------------------------


def test_two_slots_do_not_disturb_each_other(stack: PcscStack) -> None:
    wrong: list[str] = []

    def talk(terminal: Terminal, tag: bytes) -> None:
        for i in range(300):
            command = SELECT + i.to_bytes(2, "big")
            if (reply := terminal.transmit(command)) != tag + command + b"\x90\x00":
                wrong.append(reply.hex())

    first, second = EchoCard(b"first"), EchoCard(b"second", OTHER_ATR)
    with stack.card(first, 0), stack.card(second, 1), stack.terminal(0) as one, stack.terminal(1) as two:
        assert (one.atr, two.atr) == (ATR, OTHER_ATR)
        second.calls.clear()
        threads = [
            threading.Thread(target=talk, args=(one, b"first")),
            threading.Thread(target=talk, args=(two, b"second")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(child.LIMIT)
            assert not thread.is_alive()
        assert wrong == []
        one.reset()
        assert "reset" in first.calls
        assert not {"reset", "off", "on"} & set(second.calls)


def test_a_pulled_card_is_gone_and_another_can_come(stack: PcscStack) -> None:
    with stack.card(EchoCard()):
        old = stack.terminal()
        assert old.transmit(SELECT)
    with pytest.raises(PcscError) as gone:
        old.transmit(SELECT)
    assert gone.value.code in (0x80100069, 0x80100068, 0x80100016)  # removed, reset, or not transacted
    old.close()
    with pytest.raises(PcscError) as empty:
        stack.terminal()
    assert empty.value.code in (0x8010000C, 0x80100069)  # no smart card, or removed
    with stack.card(EchoCard(b"new", OTHER_ATR)), stack.terminal() as new:
        assert new.atr == OTHER_ATR
        assert new.transmit(SELECT) == b"new" + SELECT + b"\x90\x00"


def test_a_card_can_come_and_go_many_times(stack: PcscStack) -> None:
    for i in range(5):
        with stack.card(EchoCard(bytes([i]))), stack.terminal() as terminal:
            assert terminal.transmit(SELECT) == bytes([i]) + SELECT + b"\x90\x00"


def test_a_slot_holds_one_card(stack: PcscStack) -> None:
    from emulator.reader.stack import StackError  # noqa: PLC0415

    with stack.card(EchoCard()), pytest.raises(StackError, match="Virtual PCD 00 00 already holds a card"):
        stack.wait_until_empty([0], timeout=0.5)


def test_the_card_survives_a_restart_of_pcscd() -> None:
    """A stack of its own: PC/SC clients that live through the restart of their pcscd are no use to later tests."""
    events: list[Event] = []
    card = EchoCard()
    ask = (
        "from smartcard.System import readers\n"
        "connection = readers()[0].createConnection()\n"
        "connection.connect()\n"
        "print(connection.transmit([0, 0xA4, 0, 0]))\n"
    )
    with PcscStack() as stack, Slot(card, connect=stack.dial, watch=events.append):
        stack.wait_for_cards([0])
        before = stack.python(ask).stdout
        stack.restart_pcscd()
        stack.wait_for_cards([0])
        assert stack.python(ask).stdout == before == "([0, 164, 0, 0], 144, 0)\n"
    assert [type(event) for event in events if not isinstance(event, Failed)][:2] == [Connected, Disconnected]
    assert isinstance(events[-1], Connected)


# Clients that are not ours ----------------------------------------------------------------------------


def test_pyscard_as_programs_use_it(stack: PcscStack) -> None:
    done = stack.python(
        "from smartcard.CardConnection import CardConnection\n"
        "from smartcard.System import readers\n"
        "reader = readers()[0]\n"
        "connection = reader.createConnection()\n"
        "connection.connect(CardConnection.T0_protocol)\n"
        "print(reader, bytes(connection.getATR()).hex(), connection.transmit([0, 0xB0, 0x85, 0, 0]))\n",
        cards=[EchoCard()],
    )
    assert done.stdout == f"Virtual PCD 00 00 {ATR.hex()} ([0, 176, 133, 0, 0], 144, 0)\n"


def test_opensc_tool_lists_the_reader(stack: PcscStack) -> None:
    done = stack.run(["opensc-tool", "-l"], cards=[EchoCard()])
    assert re.search(r"^0 +Yes +Virtual PCD 00 00$", done.stdout, re.M), done.stdout
    assert re.search(r"^1 +No +Virtual PCD 00 01$", done.stdout, re.M), done.stdout


def test_opensc_tool_shows_the_atr(stack: PcscStack) -> None:
    done = stack.run(["opensc-tool", "-r", "0", "-a"], cards=[EchoCard()])
    assert done.stdout.strip() == ATR.hex(":")


def test_opensc_tool_sends_a_command(stack: PcscStack) -> None:
    done = stack.run(["opensc-tool", "-r", "1", "-c", "default", "-s", "00b0850003"], cards=[EchoCard(), EchoCard()])
    assert "Received (SW1=0x90, SW2=0x00)" in done.stdout, done.stdout
    assert done.returncode == 0


def test_scriptor_shows_raw_t0(stack: PcscStack, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("00 A4 04 00 02 3F 00\n00 B2 01 04 00\n00 C0 00 00 10\n")
    done = stack.run(["scriptor", "-r", stack.readers[0], "-p", "T=0", str(script)], cards=[ShortCard()])
    replies = re.findall(r"^< ([0-9A-F ]+?) :", done.stdout, re.M)
    assert replies == ["61 10", "6C 05", "64 61 74 61 90 00"], done.stdout


def test_pcsc_scan_sees_a_card_come_and_go(stack: PcscStack) -> None:
    with stack.start(
        ["stdbuf", "-oL", "pcsc_scan", "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as scan:
        output = scan.stdout
        assert output is not None
        seen = ""

        def until(pattern: str) -> None:
            nonlocal seen
            while not re.search(pattern, seen):
                line = output.readline()
                assert line, f"no {pattern} in {seen}"
                seen += line

        until(r"Virtual PCD 00 01")
        with stack.card(EchoCard()):
            until(r"Card inserted")
            until(ATR.hex(" ").upper())
        until(r"Card removed")
        scan.terminate()


def test_a_card_held_by_a_process_inside(stack: PcscStack) -> None:
    imports = "from emulator.reader.vpcd import Slot\nfrom tests.pcsc.harness import EchoCard"
    script = f"{imports}\nSlot(EchoCard(b'held'), 1).run()\n"
    holder = stack.hold([sys.executable, "-c", f"import sys; sys.path[:0] = {[str(ROOT)]}\n{script}"])
    stack.wait_for_cards([1])
    with stack.terminal(1) as terminal:
        assert terminal.transmit(SELECT) == b"held" + SELECT + b"\x90\x00"
    stack.release(holder)
    stack.wait_until_empty([1])


def test_a_card_image_held_by_the_command_line(stack: PcscStack, tmp_path: Path) -> None:
    image = tmp_path / "card.sscard"
    child.run([sys.executable, "-m", "emulator.cli", "issue", image], check=True)
    done = stack.run(["opensc-tool", "-r", "0", "-a"], cards=[image])
    assert done.stdout.startswith("3b:"), done.stdout
