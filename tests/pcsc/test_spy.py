"""`sscard spy` from one private stack into another: the first one stands for the machine with a physical card.

The physical card is in the stack of the session. The client runs in the stack that `spy` makes, and says what it saw.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sscard
from emulator.control.controller import Controller
from emulator.control.errors import ControlError
from emulator.rig.relay import Relay
from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import EchoCard, PcscStack

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")
SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PIN = "739154"

CLIENT = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from smartcard import scard
from tests.pcsc.harness import PcscError, Terminal, checked

context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
name = scard.SCardListReaders(context, [])[1][0]

def say(text):
    print(text, flush=True)

def until(present):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        _, states = scard.SCardGetStatusChange(context, 100, [(name, scard.SCARD_STATE_UNAWARE)])
        if bool(states[0][1] & scard.SCARD_STATE_PRESENT) is present:
            return say("there" if present else "gone")
    sys.exit("too late")

def ask(terminal, command):
    try:
        say(terminal.transmit(bytes.fromhex(command)).hex())
    except PcscError as error:
        say(f"error {{error.code:08X}}")
"""


def outside(stack: PcscStack) -> dict[str, str]:
    """The environment of a program on the machine that the first stack stands for."""
    return child.environment(PCSCLITE_CSOCK_NAME=stack.socket_path)


@contextmanager
def spying(stack: PcscStack, script: str, *options: object) -> "Iterator[subprocess.Popen[str]]":
    command = [SSCARD, "spy", "--from", stack.readers[0], *options, "--", sys.executable, "-c", CLIENT + script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with child.start(command, env=outside(stack), **pipes) as process:
        yield process


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def soon(found: Callable[[], object], limit: float = 5.0) -> None:
    end = time.monotonic() + limit
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def events(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in trace.read_text().splitlines()]


def test_a_terminal_reads_the_same_through_it(stack: PcscStack, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    read = [SSCARD, "terminal", "read-basic", "--hsm", "--json"]
    with stack.card(sscard.Card.issue(serial="000000AD")):
        direct = child.run(read, env=outside(stack))
        spied = child.run(
            [SSCARD, "spy", "--from", stack.readers[0], "--trace", trace, "--", *read], env=outside(stack)
        )
    assert (direct.returncode, spied.returncode) == (0, 0)
    assert json.loads(spied.stdout) == json.loads(direct.stdout)
    assert spied.stderr == ""
    shown = [(each["name"], each["file"]) for each in events(trace) if each["kind"] == "command"]
    assert ("SELECT", "SSSE") in shown
    assert ("READ RECORD", "SSSE/EF06") in shown
    assert any("测试甲" in each.get("fields", "") for each in events(trace))


def test_no_pin_is_in_the_trace_and_a_refusal_has_its_reason(stack: PcscStack, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    script = f"""
with Terminal(name) as terminal:
    for command in ({SELECT!r}, "0020000003{PIN}", "00A4000002DF04", "00DC012C0500030000FF"):
        ask(terminal, command)
"""
    with stack.card(sscard.Card.issue(pin=PIN)), spying(stack, script, "--trace", trace) as process:
        assert [line(process) for _ in range(4)] == ["611e", "9000", "610a", "6982"]
        process.communicate(timeout=30)
    assert PIN not in trace.read_text()
    verified, denied = [each for each in events(trace) if each["kind"] == "command"][1::2]
    assert (verified["apdu"], verified["fields"], verified["sw"]) == ("0020000003******", "PIN masked", "9000")
    assert denied["reason"] == "in ssc-2.0 DF04/EF05 update needs UK1DF04; proven: PIN"


def test_removal_in_mid_use_is_seen_on_both_sides(stack: PcscStack, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    script = """
terminal = Terminal(name)
ask(terminal, "00010000")
until(False)
ask(terminal, "00020000")
until(True)
terminal.close()
with Terminal(name) as terminal:
    say(terminal.atr.hex())
    ask(terminal, "00030000")
"""
    first, second = EchoCard(b"\x01"), EchoCard(b"\x02", bytes.fromhex("3b6500002063cb6801"))
    slot = stack.insert(first)
    try:
        with spying(stack, script, "--trace", trace) as process:
            assert line(process) == "01000100009000"
            slot.close()
            assert line(process) == "gone"
            assert line(process) == "error 80100069"
            slot = stack.insert(second)
            assert line(process) == "there"
            assert line(process) == second.atr.hex()
            assert line(process) == "02000300009000"
            process.communicate(timeout=30)
    finally:
        slot.close()
        stack.wait_until_empty([0])
    kinds = [each["kind"] for each in events(trace) if each["kind"] in ("inserted", "removed")]
    assert kinds[:3] == ["inserted", "removed", "inserted"]


def test_a_card_that_a_fault_pulls_leaves_the_physical_one_without_power(stack: PcscStack, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    script = """
terminal = Terminal(name)
ask(terminal, "00010000")
ask(terminal, "00020000")
until(False)
input()
"""
    card = EchoCard()
    with stack.card(card), spying(stack, script, "--fault", "pull on=0002", "--trace", trace) as process:
        assert line(process) == "000100009000"
        assert line(process) in ("", "error 80100069")  # pcscd tells of success with no data
        assert line(process) == "gone"
        soon(lambda: card.calls[-1] == "off")
        assert "00020000" not in card.calls
        process.communicate("\n", timeout=30)
    assert [each["fields"] for each in events(trace) if each["kind"] == "fault"] == ["pull on=0002"]


def test_resets_and_power_are_passed_on(stack: PcscStack) -> None:
    script = """
with Terminal(name) as terminal:
    ask(terminal, "00010000")
    terminal.reset()
    ask(terminal, "00020000")
    terminal.unpower()
    ask(terminal, "00030000")
"""
    card = EchoCard()
    with stack.card(card), spying(stack, script) as process:
        assert [line(process) for _ in range(3)] == [f"000{number}00009000" for number in (1, 2, 3)]
        process.communicate(timeout=30)
    calls = card.calls
    warm = calls[calls.index("00010000") + 1 : calls.index("00020000")]
    cold = calls[calls.index("00020000") + 1 : calls.index("00030000")]
    assert warm == ["reset"]
    assert "on" in cold
    assert "reset" not in cold


def test_faults_and_timing_act_on_the_way(stack: PcscStack) -> None:
    script = """
with Terminal(name) as terminal:
    for command in ("00010000", "00010000"):
        began = time.monotonic()
        ask(terminal, command)
        say(time.monotonic() - began > 0.3)
"""
    options = ("--fault", "truncate bytes=3 nth=1", "--fault", "delay seconds=0.35 nth=2", "--fault", "pad nth=9")
    with stack.card(EchoCard()), spying(stack, script, *options) as process:
        assert [line(process) for _ in range(4)] == ["000100", "False", "000100009000", "True"]
        _, errors = process.communicate(timeout=30)
    assert errors == "sscard: this fault never struck: pad nth=9\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--from", "Virtual PCD 00 00", "--fault", "power-cut"),
            "--fault: fault power-cut: nothing reaches into a physical card; faults on its way are delay, truncate, "
            "one-byte, pad, lost-answer, pull, garbage-atr",
        ),
        (("--from", "Virtual PCD 00 00", "--fault", "status sw=6A82"), "nothing reaches into a physical card"),
        (("--from", "No such"), "PC/SC shows no reader that begins with 'No such'; there are 'Virtual PCD 00 00', "),
        (("--from", "Virtual PCD 00 00", "--profile", "ssc-9"), "ssc-9"),
        (("--from", "Virtual PCD 00 00", "--seed", "1"), "--seed: a physical card draws its own random numbers"),
    ],
)
def test_what_cannot_be_is_one_sentence(stack: PcscStack, options: tuple[str, ...], sentence: str) -> None:
    with stack.card(EchoCard()):
        done = child.run([SSCARD, "spy", *options], env=outside(stack))
    assert done.returncode == 2
    assert done.stderr.startswith("sscard: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [b'{"mine": true}\n', b"SQLite format 3\0 a card"])
def test_the_trace_is_written_over_no_other_file(stack: PcscStack, tmp_path: Path, content: bytes) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(content)
    with stack.card(EchoCard()):
        done = child.run([SSCARD, "spy", "--from", stack.readers[0], "--trace", mine, "--", "true"], env=outside(stack))
    assert (done.returncode, mine.read_bytes()) == (2, content)
    assert done.stderr.startswith(f"sscard: {mine}: ")


def test_without_a_command_it_shows_what_passes_until_it_is_interrupted(stack: PcscStack) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [SSCARD, "spy", "--from", stack.readers[0]]
    with child.start(command, env=outside(stack), **pipes) as process:
        assert line(process) == f"card     {stack.readers[0]}: no card yet"
        assert line(process) == "reader   Virtual PCD 00 00"
        where = line(process).removeprefix("PC/SC    PCSCLITE_CSOCK_NAME=")
        with stack.card(sscard.Card.issue()):
            script = f"{CLIENT}\nuntil(True)\nwith Terminal(name) as terminal: ask(terminal, {SELECT!r})"
            client = child.run([sys.executable, "-c", script], env=child.environment(PCSCLITE_CSOCK_NAME=where))
            assert client.stdout.split() == ["there", "611e"]
            process.send_signal(2)
            output, errors = process.communicate(timeout=30)
    assert "inserted ssc-2.0" in output
    assert "SELECT                  SSSE" in output
    assert (process.returncode, errors) == (130, "sscard: interrupted\n")
    assert not Path(where).exists()


def test_a_rig_in_this_process_takes_a_physical_card(stack: PcscStack) -> None:
    card = EchoCard(b"\x01")
    with stack.card(card), sscard.Rig(["empty", f"from:{stack.readers[0]}"]) as rig:
        first, second = rig.readers
        assert (second.card, second.atr) == (None, card.atr)
        assert second.transmit(bytes.fromhex("00010000")) == bytes.fromhex("01000100009000")
        fault = second.fault("one-byte", on="0002")
        assert second.transmit(bytes.fromhex("00020000")) == b"\x90"
        assert fault.fired == 1
        with pytest.raises(sscard.SscardError, match="nobody looks into the memory of a physical card"):
            second.snapshot()
        with pytest.raises(sscard.SscardError, match="is in 'sscard 1' already"):
            first.insert(relay_of(second))
        moved = first.insert(second.remove())
        assert isinstance(moved, Relay)
        assert first.transmit(bytes.fromhex("00030000")) == bytes.fromhex("01000300009000")
        assert [each.name for each in rig.trace.commands] == ["INS 01", "INS 02", "INS 03"]
    assert card.calls[-1] == "off"


def test_control_puts_a_physical_card_in(stack: PcscStack) -> None:
    with stack.card(EchoCard()), sscard.Rig(["empty", f"from:{stack.readers[0]}"]) as rig:
        control = Controller(rig)
        shown = control.reader(1)["card"]
        assert (shown["from"], shown["profile"], shown["psam"]) == (stack.readers[0], "ssc-2.0", False)
        assert control.transmit(1, "00010000") == {"answer": "00010000", "sw": "9000"}
        with pytest.raises(ControlError, match="reader 1 holds a physical card, and nobody looks into its memory"):
            control.snapshot(1)
        control.remove(1)
        assert control.insert(0, f"from:{stack.readers[0]}", profile="psam")["card"]["psam"] is True
        control.arm(0, "one-byte")
        assert [each["card"] is None for each in control.reset()] == [True, False]
        assert control.transmit(1, "00010000") == {"answer": "00010000", "sw": "9000"}


def relay_of(reader: sscard.Reader) -> Relay:
    found = reader.inserted
    assert isinstance(found, Relay)
    return found


def test_in_a_rig_a_physical_card_comes_and_goes_too(stack: PcscStack) -> None:
    with sscard.Rig(["empty"]) as rig:
        relay = rig.relay(stack.readers[0])
        reader = rig.readers[0]
        reader.insert(relay)
        assert reader.inserted is None
        with pytest.raises(sscard.TerminalError, match="no card in"):
            reader.transmit(bytes(4))
        with stack.card(EchoCard()):
            soon(lambda: reader.inserted is relay)
            assert reader.transmit(bytes.fromhex("00010000")) == bytes.fromhex("000100009000")
        soon(lambda: reader.inserted is None)
        with pytest.raises(sscard.TerminalError):
            reader.transmit(bytes(4))
        with stack.card(EchoCard(b"\x02")):
            soon(lambda: reader.inserted is relay)
            assert reader.transmit(bytes.fromhex("00010000")) == bytes.fromhex("02000100009000")
        reader.swap(sscard.Card.issue())
        with stack.card(EchoCard()):
            time.sleep(0.5)
            assert reader.card is not None
    assert [each.kind for each in rig.trace if each.kind in ("inserted", "removed")] == [
        *("inserted", "removed") * 2,
        "inserted",
    ]


LATER = """
import sys
import sscard
from emulator.control.controller import Controller

def ask(reader, command="00010000"):
    print(reader.transmit(bytes.fromhex(command)).hex(), flush=True)

with sscard.Rig(["empty", "demo"], transport="pcsc") as rig:
    first, second = rig.readers
    ask(second, "0084000008")  # now the PC/SC library of this process leads to the rig
    relay = rig.relay(sys.argv[1])
    first.insert(relay)
    ask(first)
    first.swap(sscard.Card.issue())
    second.swap(relay)
    ask(second)
    control = Controller(rig)  # what `sscard rig` does over HTTP
    control.remove(1)
    control.swap(0, "from:" + sys.argv[1])
    print(control.transmit(0, "00010000")["answer"])
"""


def test_a_physical_card_goes_into_a_rig_on_pcsc_at_any_time(stack: PcscStack) -> None:
    """Both stacks have readers of the same names: the card is the one outside, not one of the rig's own."""
    card = EchoCard(b"\x01")
    with stack.card(card):
        done = child.run([sys.executable, "-c", LATER, stack.readers[0]], env=outside(stack))
    assert done.stderr == ""
    assert done.stdout.split()[1:] == ["01000100009000", "01000100009000", "0100010000"]
    assert card.calls.count("00010000") == 3
    assert card.calls[-1] == "off"
