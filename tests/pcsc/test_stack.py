"""The private PC/SC stack: what a command sees in it, how it ends, and that nothing stays."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from emulator.reader import doctor
from emulator.reader.machine import find_driver, find_program, pcscd_command
from emulator.reader.stack import Stack, StackError, run
from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import RUN, PcscStack, gone, mark, marked

pytestmark = pytest.mark.pcsc

HOLD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from emulator.reader.vpcd import Slot
from tests.pcsc.harness import EchoCard
Slot(EchoCard(), int(sys.argv[1])).run()
"""
COUNT = """
import signal, sys, time
number, seen = int(sys.argv[1]), []
signal.signal(number, lambda *_: seen.append(1))
print("ready", flush=True)
end = time.monotonic() + 20
while not seen and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.3)  # in which a second one would come
print(len(seen))
sys.exit(5)
"""


def holder(slot: int) -> list[str]:
    return [sys.executable, "-c", HOLD, str(slot)]


def await_marked(seconds: int) -> None:
    deadline = time.monotonic() + 15
    while not marked(seconds):
        assert time.monotonic() < deadline, "the command did not start"
        time.sleep(0.02)


ENDING = """
import signal, sys, time
from pathlib import Path
seen = []
signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
Path(sys.argv[1]).touch()
end = time.monotonic() + 20
while not seen and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))  # what a card has to put in order
Path(sys.argv[1]).write_text(str(len(seen)))
"""


# Status and signals ---------------------------------------------------------------------------------


def test_the_command_starts_when_both_cards_are_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["opensc-tool", "-l"], [holder(0), holder(1)]) == 0
    output = capfd.readouterr().out
    assert output.count("Yes") == 2, output


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_status_is_the_commands(stack: PcscStack, script: str, status: int) -> None:
    assert stack.call(["sh", "-c", script]) == status


@pytest.mark.parametrize("name", ["no-such-command", "./no-such-command", "/etc/passwd/x", ""])
def test_a_command_that_is_not_there_has_status_127(stack: PcscStack, name: str) -> None:
    missing = stack.run([name])
    assert (missing.returncode, missing.stdout) == (127, f"sscard: {name}: there is no such command\n")


@pytest.mark.parametrize(
    ("mode", "text", "why"),
    [
        (0o644, "#!/bin/sh\n", "Permission denied"),
        (0o755, "no program\n", "Exec format error"),
        (0o755, "#!/nowhere/sh\n", "the program that its first line names is missing"),
        (0, "", "Permission denied"),
    ],
)
def test_a_command_that_cannot_be_executed_has_status_126(
    stack: PcscStack, tmp_path: Path, mode: int, text: str, why: str
) -> None:
    path = tmp_path / "program"
    if mode:
        path.write_text(text)
        path.chmod(mode)
    else:
        path.mkdir()
    sentence = f"cannot be executed: {why}\n"
    refused = stack.run([str(path)])
    assert (refused.returncode, refused.stdout) == (126, f"sscard: {path}: {sentence}")
    found = stack.run(["program"], env=child.environment(PATH=f"/nowhere:{tmp_path}"))
    assert (found.returncode, found.stdout) == (126, f"sscard: program: {sentence}")


def test_a_command_stays_in_its_directory_and_keeps_its_pipes(stack: PcscStack, tmp_path: Path) -> None:
    with stack.start(["sh", "-c", "pwd; cat"], stdin=-1, stdout=-1, text=True, cwd=tmp_path) as process:
        output, _ = process.communicate("through the pipe\n", timeout=child.LIMIT)
    assert output == f"{tmp_path}\nthrough the pipe\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_command_once(number: signal.Signals) -> None:
    command = [sys.executable, "-c", RUN, sys.executable, "-c", COUNT, number]
    with child.start(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as outer:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        outer.send_signal(number)
        output, _ = outer.communicate(timeout=20)
    assert (output, outer.returncode) == ("1\n", 5)


# Nothing stays --------------------------------------------------------------------------------------


def test_the_end_of_a_stack_asks_each_holder_once(tmp_path: Path) -> None:
    """A holder ends at once on a second signal, and then leaves its log and half its trace behind."""
    files = [tmp_path / "first", tmp_path / "second"]
    with Stack(2) as stack:
        for file, seconds in zip(files, (0.6, 1.2), strict=True):
            stack.hold([sys.executable, "-c", ENDING, str(file), str(seconds)])
        deadline = time.monotonic() + 15
        while not all(file.exists() for file in files):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert [file.read_text(encoding="utf-8") for file in files] == ["1", "1"]


def test_what_a_command_leaves_behind_ends_with_the_stack() -> None:
    seconds = mark()
    assert run(["sh", "-c", f"setsid sleep {seconds} >/dev/null 2>&1 &"]) == 0
    assert gone(seconds)


def test_nothing_outlives_a_killed_owner() -> None:
    seconds = mark()
    script = f"setsid sleep {seconds} & sleep {seconds}"
    with child.start([sys.executable, "-c", RUN, "sh", "-c", script]) as outer:
        await_marked(seconds)
        outer.kill()
    assert gone(seconds)


def test_several_stacks_at_once_know_nothing_of_each_other() -> None:
    with Stack() as one, Stack() as two, Stack() as three:
        one.hold(holder(0))
        two.hold(holder(1))
        one.wait_for_cards([0])
        two.wait_for_cards([1])
        seen = [
            child.run(
                ["opensc-tool", "-l"], env=child.environment(PCSCLITE_CSOCK_NAME=stack.socket_path), check=True
            ).stdout.split()
            for stack in (one, two, three)
        ]
    assert [words.count("Yes") for words in seen] == [1, 1, 0]


# Refusals -------------------------------------------------------------------------------------------


def test_a_holder_that_fails_is_quoted() -> None:
    with pytest.raises(StackError, match=r"^the image is not there$"):
        run(["true"], [["sh", "-c", "echo the image is not there >&2; exit 2"]])


def test_a_holder_that_inserts_nothing_is_not_waited_for_for_ever(stack: PcscStack) -> None:
    process = stack.hold(["sleep", "60"])
    with pytest.raises(StackError, match="PC/SC sees no card in Virtual PCD 00 01 after"):
        stack.wait_for_cards([1], timeout=0.5)
    stack.release(process)


@pytest.mark.parametrize("slots", [0, 17])
def test_the_number_of_slots_is_limited(slots: int) -> None:
    with pytest.raises(StackError, match=f"1 to 16 slots, not {slots}"):
        Stack(slots)


def test_more_than_two_slots() -> None:
    with PcscStack(5) as stack:
        stack.hold(holder(4))
        stack.wait_for_cards([4])
        words = stack.run(["opensc-tool", "-l"]).stdout.split("\n")
    assert len(set(stack.readers)) == len(stack.readers) == 6
    assert [line.split()[1] for line in words[2:8]] == ["No"] * 4 + ["Yes", "No"]


def test_a_closed_stack_says_so() -> None:
    with Stack() as stack:
        pass
    with pytest.raises(StackError, match="closed"):
        stack.wait_for_cards([0])


def test_a_stack_that_does_not_answer_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack() as stack:
        os.kill(stack.pid, signal.SIGSTOP)
        monkeypatch.setattr(stack._control, "limit", 0.3)
        with pytest.raises(StackError, match=r"gone \(it does not answer\)"):
            stack.wait_until_empty([0])


def test_a_command_for_a_stack_that_has_ended_is_refused_in_a_sentence() -> None:
    with PcscStack() as stack:
        os.kill(stack.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{stack.pid}/ns/mnt").is_symlink():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        done = stack.run(["true"])
    assert (done.returncode, done.stdout) == (2, "sscard: the PC/SC stack is gone (No such file or directory)\n")


# The parts on the machine ---------------------------------------------------------------------------


def test_the_driver_is_found_by_the_configuration_or_by_its_place(tmp_path: Path) -> None:
    library = tmp_path / "libifdvpcd.so"
    library.touch()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "vpcd").write_text(f'FRIENDLYNAME "x"\nLIBPATH {library}\n')
    assert find_driver(tmp_path / "conf") == library
    library.unlink()
    assert find_driver(tmp_path / "conf") == find_driver(tmp_path / "none") != library


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "emulator.reader.machine.find_program", lambda name: None if name == "pcscd" else find_program(name)
    )
    with pytest.raises(StackError, match="apt install pcscd"):
        Stack().__enter__()
    monkeypatch.undo()
    monkeypatch.setattr("emulator.reader.machine.find_driver", lambda: None)
    with pytest.raises(StackError, match="apt install vsmartcard-vpcd"):
        Stack().__enter__()


@pytest.mark.parametrize(
    ("features", "able"),
    [
        ("Linux x86_64-pc-linux-gnu libsystemd serial usb libudev filter", True),  # 1.9.9, of Debian 12
        ("USB serial filter_names libudev polkit systemd Linux x86_64", True),  # 2.3.3, of Debian 13
        ("Linux x86_64-pc-linux-gnu serial usb libusb", False),
    ],
)
def test_a_pcscd_that_takes_over_a_socket_is_known_by_its_features(
    features: str, able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.reader.machine.output_of", lambda *_: f"Enabled features: {features}\n")
    with nullcontext() if able else pytest.raises(Exception, match="does not take over a socket"):
        assert pcscd_command(takes_socket=True)


def test_the_doctor_finds_a_machine_that_is_fit() -> None:
    checks = doctor.examine()
    assert {check.name for check in checks if check.needed} == {"pcscd", "vpcd driver", "pyscard"}
    assert doctor.usable(checks), checks
    assert all(check.found for check in checks)
    assert all(bool(check.remedy) is not check.ok for check in checks)


def test_the_doctor_inside_a_stack_sees_its_pcscd(stack: PcscStack) -> None:
    done = stack.python(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from emulator.reader import doctor\n"
        "print(*(check.name for check in doctor.examine() if check.ok), sep='\\n')"
    )
    assert {"running pcscd", "vpcd port", "PC/SC service"} <= set(done.stdout.split("\n"))


def test_the_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_program", lambda _: None)
    monkeypatch.setattr(doctor, "find_driver", lambda: None)
    checks = {check.name: check for check in doctor.examine()}
    assert (checks["pcscd"].ok, checks["pcscd"].remedy) == (False, "apt install pcscd")
    assert checks["vpcd driver"].remedy == "apt install vsmartcard-vpcd"
    assert checks["namespaces"].found == "not tried: unshare is not installed"
    assert not doctor.usable(list(checks.values()))
