"""`sscard rig` and `sscard ctl`: control from outside while PC/SC clients look, and nothing stays behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import sscard
from emulator.control.client import Client
from emulator.control.operations import OPERATIONS
from tests.kit import child
from tests.pcsc.harness import NO_FOLDER
from tests.soak.__main__ import control

pytestmark = pytest.mark.pcsc

SSCARD: Final = Path(sys.executable).with_name("sscard")
WAIT: Final = 20.0
SELECT: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"

LOOK: Final = """
import os, sys
from smartcard import scard
from emulator.control.client import Client

code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
control = Client(os.environ["SSCARD_CONTROL"])

def look(place):
    name = control.ask("GET", f"/readers/{place}")["name"]
    code, [(_, state, atr)] = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE)])
    return bytes(atr).hex().upper() if state & scard.SCARD_STATE_PRESENT else None
"""
"""What a COMMAND of `sscard rig` needs to compare control with what PC/SC shows at that moment."""


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """The environment of a rig whose processes and files can be found: a folder for its files, and a mark."""
    return child.environment(TMPDIR=str(folder), SSCARD_TEST_MARK=str(folder), **changes)


def rig(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run `sscard rig` until it ends."""
    return child.run([SSCARD, "rig", *arguments], **options)


def marked(folder: Path) -> dict[int, str]:
    """The processes of a rig, by what they run, wherever they are."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if f"SSCARD_TEST_MARK={folder}\0".encode() in (each / "environ").read_bytes():
                found[int(each.name)] = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def await_nothing(folder: Path) -> None:
    """Wait until no process of a rig is left, and look for files."""
    deadline = time.monotonic() + 10
    while left := marked(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)
    assert list(folder.iterdir()) == []


@contextmanager
def serving(folder: Path, *options: object, **changes: str) -> Iterator[tuple["subprocess.Popen[str]", Client]]:
    """`sscard rig` without a command, until the block ends."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with child.start([SSCARD, "rig", *options], text=True, env=environment(folder, **changes), **pipes) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("control  "), (line, process.stderr and process.stderr.read())
        yield process, Client(line.split()[1])
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT) == 0


# -- what clients see -------------------------------------------------------------------------------------


def test_a_call_returns_when_clients_see_the_change(tmp_path: Path) -> None:
    """Directly after each call another PC/SC client is asked, without waiting."""
    script = (
        LOOK
        + """
for what, body in [("remove", None), ("insert", {}), ("swap", {"profile": "ssc-1.0"}), ("remove", None),
                   ("insert", {"image": "demo"})]:
    shown = control.ask("POST", f"/readers/0/{what}", body)
    assert (shown["card"] and shown["card"]["atr"]) == look(0), (what, shown, look(0))
    assert (look(0) is None) is (what == "remove")
control.ask("POST", "/readers/2/insert", {"image": "psam"})
assert look(2)
control.ask("POST", "/reset")
assert look(0) and look(1) and look(2) is None

from smartcard.scard import *
name = control.ask("GET", "/readers/0")["name"]
_, card, _ = SCardConnect(context, name, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0)
control.ask("POST", "/readers/0/reset")
assert SCardStatus(card)[0] & 0xFFFFFFFF == SCARD_W_RESET_CARD & 0xFFFFFFFF
SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, SCARD_LEAVE_CARD)
assert control.ask("POST", "/readers/0/transmit", {"apdu": "0084000004"})["sw"] == "9000"
control.ask("POST", "/readers/0/faults", {"name": "pull", "on": "GET CHALLENGE"})
code, answer = SCardTransmit(card, SCARD_PCI_T0, [0, 0x84, 0, 0, 8])
assert not answer
assert control.ask("GET", "/readers/0")["card"] is None
control.ask("POST", "/readers/0/insert", {})
assert look(0)
signals = [event["signal"] for event in control.ask("GET", "/trace?format=json")]
signals = [each for each in signals if each not in ("power off", "card powered")]
assert signals[-3:] == ["fault fired", "card removed", "card ready"], signals
print("all seen")
"""
    )
    options = ["--reader", "demo", "--reader", "psam", "--reader", "empty"]
    done = rig(*options, "--", sys.executable, "-c", script, env=environment(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "all seen\n", "")
    await_nothing(tmp_path)


def test_what_a_fault_has_done_to_a_reader_ends_with_it(tmp_path: Path) -> None:
    """PC/SC keeps an answer to reset, and a card that comes back is late: a call returns when both are as it says."""
    script = (
        LOOK
        + """
import time
atr = control.ask("GET", "/readers/0")["card"]["atr"]
name = control.ask("GET", "/readers/0")["name"]

def connects():
    code, card, _ = scard.SCardConnect(context, name, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
    return code == 0 and scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD) == 0

for method, path in [("POST", "/reset"), ("DELETE", "/readers/0/faults"), ("DELETE", "/readers/0/faults/{}")]:
    number = control.ask("POST", "/readers/0/faults", {"name": "garbage-atr"})["fault"]
    control.ask("POST", "/readers/0/reset")
    assert (look(0), connects()) == ("FF001337", False), (path, look(0))
    control.ask("POST", "/readers/0/reset")
    control.ask(method, path.format(number))
    assert (look(0), connects()) == (atr, True), (path, look(0))

control.ask("POST", "/readers/0/faults", {"name": "lost-answer", "back": 0.1})
try:
    control.ask("POST", "/readers/0/transmit", {"apdu": "0084000004"})
except Exception:
    pass
end = time.monotonic() + 20
while not control.ask("GET", "/readers/0")["card"]:
    assert time.monotonic() < end
assert look(0) == atr
print("all seen")
"""
    )
    done = rig("--reader", "demo", "--", sys.executable, "-c", script, env=environment(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "all seen\n", "")


def test_the_automation_hears_of_what_a_client_does(tmp_path: Path) -> None:
    """A program that knows nothing of control connects and sends; `sscard ctl events` ends at the signal."""
    with serving(tmp_path, "--reader", "demo", "--fault", "status on='GET CHALLENGE' sw=6581") as (process, client):
        assert process.stdout is not None
        socket = next(line for line in process.stdout if line.startswith("PC/SC")).strip().partition("=")[2]
        command = [SSCARD, "ctl", "--address", client.address, "events", "--after", "0", "--until", "fault fired"]
        with child.start(command, stdout=subprocess.PIPE, text=True) as follower:
            sender = [sys.executable, "-c", CONNECT]
            done = child.run(sender, env=child.environment(PCSCLITE_CSOCK_NAME=socket))
            assert (done.returncode, done.stdout) == (0, "6581\n"), done
            output, _ = follower.communicate(timeout=WAIT)
        signals = [json.loads(line)["signal"] for line in output.splitlines()]
        assert {"card ready", "card powered"} <= {*signals}
        assert signals[-1] == "fault fired"
    await_nothing(tmp_path)


CONNECT: Final = """
from smartcard.System import readers
connection = readers()[0].createConnection()
connection.connect()
print("%02X%02X" % connection.transmit([0, 0x84, 0, 0, 8])[1:])
"""


def test_ten_cards_are_pulled_over_http_while_a_client_watches() -> None:
    assert control("", 10, 60).startswith("10 removals and 10 insertions, each seen at once and once")


# -- the command ------------------------------------------------------------------------------------------


def test_the_command_has_the_address_and_its_status_is_the_rigs(tmp_path: Path) -> None:
    script = 'test -n "$SSCARD_CONTROL" && sscard ctl readers; exit 7'
    path = f"{SSCARD.parent}:{os.environ['PATH']}"
    done = rig("--", "sh", "-c", script, env=environment(tmp_path, PATH=path))
    assert (done.returncode, done.stderr) == (7, "")
    assert [each["card"]["profile"] for each in json.loads(done.stdout)] == ["ssc-2.0", "psam"]
    await_nothing(tmp_path)


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        (["no-such-program"], 127, "sscard: no-such-program: there is no such command\n"),
        (["/etc/passwd"], 126, "sscard: /etc/passwd: cannot be executed: Permission denied\n"),
        (["sh", "-c", "kill -9 $$"], 137, ""),
        (["sh", "-c", "kill -TERM $$"], 143, ""),
        (["true"], 0, ""),
    ],
    ids=["no such", "no program", "killed", "ended", "good"],
)
def test_the_status_is_that_of_exec(tmp_path: Path, command: list[str], status: int, sentence: str) -> None:
    done = rig("--reader", "empty", "--", *command, env=environment(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (status, "", sentence)
    await_nothing(tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGQUIT"])
def test_signals_reach_the_command_and_it_decides(tmp_path: Path, name: str) -> None:
    """The threads of cards and server take no signal, so each one is passed on."""
    script = f"trap 'echo {name}; exit 5' {name[3:]}; echo ready; while :; do sleep 0.05; done"
    command = [SSCARD, "rig", "--reader", "demo", "--", "sh", "-c", script]
    with child.start(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.stdout.readline() == f"{name}\n"
        assert process.wait(WAIT) == 5
    await_nothing(tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_without_a_command_a_signal_ends_it_in_order(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, "--reader", "demo", "--reader", "empty") as (process, client):
        assert client.ask("GET", "/readers/1")["card"] is None
        process.send_signal(getattr(signal, name))
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read()
        status = process.wait(WAIT)
        assert (status, process.stderr.read()) == ((130, "sscard: interrupted\n") if name == "SIGINT" else (0, ""))
    assert re.match(r"reader   Virtual PCD 00 00  ssc-2.0\nreader   Virtual PCD 00 01  empty\nPC/SC    PCSC", output)
    await_nothing(tmp_path)


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    script = "setsid sleep 1000 & (trap '' TERM HUP; setsid sleep 1001 & ) & sleep 0.2; exit 3"
    done = rig("--reader", "empty", "--", "sh", "-c", script, env=environment(tmp_path))
    assert (done.returncode, done.stderr) == (3, "")
    await_nothing(tmp_path)


# -- kills --------------------------------------------------------------------------------------------------

PARTS: Final = {
    "the rig": r"sscard rig ",
    "unshare": r"^\S*unshare ",
    "the first process of the stack": r"^\S*python\S* .*stack_init",
    "pcscd": r"^\S*/pcscd ",
    "what enters the command": r"stack_enter",
    "the command": r"^sh -c ",
}
"""The processes of a rig with a command, by their command lines."""


@pytest.mark.parametrize("namespaces", [True, False], ids=["namespaces", "apart"])
@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_left_when_one_of_its_processes_is_killed(tmp_path: Path, part: str, *, namespaces: bool) -> None:
    """The command ignores what asks it to end, and has a child that does so, too."""
    script = "trap '' TERM HUP INT; sleep 1000 & echo ready; wait"
    files = tmp_path / "files"
    files.mkdir()
    path = tmp_path / "bin"
    path.mkdir()
    changes = {"PATH": f"{path}:{os.environ['PATH']}"}
    if not namespaces:
        if part == "unshare" or NO_FOLDER:
            pytest.skip("there is no unshare, or no stack without one")
        (path / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
        (path / "unshare").chmod(0o755)
    sock = files / "rig.sock"
    command = [SSCARD, "rig", "--reader", "demo", "--socket", sock, "--", "sh", "-c", script]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with child.start(command, env=environment(files, **changes), text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        found = [
            pid
            for pid, line in marked(files).items()
            if re.search(PARTS[part], line)
            and (part == "the rig") == ("sscard rig" in line.partition(" -- ")[0])
            and not (part == "the first process of the stack" and "unshare " in line.partition("python")[0])
        ]
        assert found, marked(files)
        os.kill(min(found), signal.SIGKILL)
        if part in ("unshare", "the first process of the stack", "pcscd"):
            # The command goes on: it may have something to say about readers that are gone.
            time.sleep(1)
            assert process.poll() is None
            [shell] = [pid for pid, line in marked(files).items() if line.startswith("sh -c trap")]
            os.kill(shell, signal.SIGKILL)
        _, errors = process.communicate(timeout=WAIT)
        expected = -9 if part == "the rig" else 137
        assert process.returncode == expected, errors
        if part in ("unshare", "the first process of the stack", "pcscd"):
            assert errors.count("the readers are gone") == 1, errors
        assert "Traceback" not in errors
    await_nothing(files)


def test_a_rig_without_a_command_leaves_nothing_when_it_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "--reader", "demo", "--socket", tmp_path / "rig.sock") as (process, client):
        assert client.ask("GET", "/readers/0")["card"]
        process.kill()
        process.wait(WAIT)
        await_nothing(tmp_path)


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--listen", "x"], "--listen: 'x' is not of the form HOST:PORT, 127.0.0.1:8000 for example"),
        (["--listen", "127.0.0.1:70000"], "--listen: '127.0.0.1:70000' is not of the form"),
        (["--listen", ":0"], "--listen: ':0' is not of the form"),
        (["--listen", "127.0.0.1:0", "--socket", "s"], "--listen and --socket: choose one of them"),
        (["--panel", "--socket", "s"], "--panel: no browser reaches a Unix socket"),
        (["--reader", "demo", "--fault", "pull reader=1"], "--fault: no card in reader 1; readers with a card: 0"),
        (["--fault", "pul"], "did you mean 'pull'?"),
        (["--timing", "slow"], "there is no timing 'slow'"),
        (["--reader", "psma"], "psma: there is no such image file; did you mean 'psam'?"),
        (["--raeder", "demo"], "No such option '--raeder'"),
        (["--reader", "empty"] * 17, "a rig has 1 to 16 readers, not 17"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_refused_with_a_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = rig(*arguments, "--", "true", env=environment(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    await_nothing(tmp_path)


def test_without_the_extra_a_sentence_says_what_to_install() -> None:
    script = """
import sys
sys.modules["starlette"] = None
from emulator.cli import run
sys.argv = ["sscard", "rig", "--", "true"]
run()
"""
    done = child.run([sys.executable, "-c", script])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "sscard: sscard rig needs two libraries that this installation lacks (starlette): pip install 'sscard[rig]', "
        "or in a checkout: .venv/bin/pip install starlette uvicorn\n"
    )
    loaded = "import sys, emulator.cli; print([each for each in sys.modules if each in ('starlette', 'uvicorn')])"
    assert child.run([sys.executable, "-c", loaded]).stdout == "[]\n"


def test_other_machines_are_served_only_if_asked_for_and_that_is_said(tmp_path: Path) -> None:
    done = rig("--reader", "empty", "--", "sh", "-c", "echo $SSCARD_CONTROL", env=environment(tmp_path))
    assert done.stdout.startswith("http://127.0.0.1:")
    open_ = ["--listen", "0.0.0.0:0"]
    done = rig("--reader", "empty", *open_, "--", "sh", "-c", "echo $SSCARD_CONTROL", env=environment(tmp_path))
    assert done.stdout.startswith("http://0.0.0.0:")
    assert re.fullmatch(
        r"sscard: whoever reaches http://0\.0\.0\.0:\d+ can control the rig, and read and write files as you\n",
        done.stderr,
    )


# -- sscard ctl ----------------------------------------------------------------------------------------------

DONE: Final[dict[str, list[str]]] = {
    "readers": [],
    "reader": ["0"],
    "remove": ["0"],
    "insert": ["0"],
    "swap": ["0", "demo", "pin=4711", 'settings={"pin": {"tries": 6}}'],
    "reset-card": ["0"],
    "transmit": ["0", SELECT],
    "card": ["0"],
    "timing": ["0", "contact-115200"],
    "arm": ["0", "status", "sw=6581", "on=GET CHALLENGE"],
    "faults": ["0"],
    "disarm": ["0", "1"],
    "disarm-all": ["0"],
    "snapshot": ["0"],
    "snapshots": ["0"],
    "restore": ["0", "2"],
    "kinds": [],
    "timings": [],
    "profiles": [],
    "images": [],
    "commands": [],
    "status-words": [],
    "cards": [],
    "reset": [],
}
"""The words of `sscard ctl` for each operation, in an order in which each works."""


def ctl(client: Client, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `sscard ctl`."""
    return child.run([SSCARD, "ctl", *arguments], env=child.environment(SSCARD_CONTROL=client.address))


def test_ctl_does_every_operation_over_a_unix_socket(tmp_path: Path) -> None:
    with serving(tmp_path, "--reader", "demo", "--socket", tmp_path / "s") as (_, client):
        assert client.address == f"unix:{tmp_path}/s"
        assert DONE.keys() == OPERATIONS.keys()
        answers = {}
        for name, arguments in DONE.items():
            done = ctl(client, name, *arguments)
            assert (done.returncode, done.stderr) == (0, ""), (name, done)
            answers[name] = json.loads(done.stdout)
        assert answers["remove"]["card"] is None
        assert answers["transmit"]["sw"].startswith("61")
        assert answers["arm"]["text"] == "status on='GET CHALLENGE' sw=6581"
        assert [answers["disarm"], answers["disarm-all"], answers["snapshots"]] == [[], [], [2]]
        assert answers["reset"][0]["card"]["timing"] == "none"
        capture = tmp_path / "capture"
        child.run(["sh", "-c", f"{SSCARD} ctl --address {client.address} trace --format pcapng > {capture}"])
        assert capture.read_bytes()[:4] == bytes.fromhex("0A0D0D0A")
        capture.unlink()
        done = ctl(client, "trace")
        assert "SELECT" in done.stdout
        assert done.stdout.endswith("\n")
        newest = json.loads(ctl(client, "trace", "--format", "json").stdout)[-1]
        number = newest["number"]
        done = ctl(client, "events", "--after", str(number - 1), "--until", newest["signal"])
        assert [json.loads(line)["number"] for line in done.stdout.splitlines()] == [number]
        later = json.loads(ctl(client, "trace", "--format", "json", "--after", str(number - 1)).stdout)
        assert later[0] == newest
        for wrong, sentence in (
            (["remove", "9"], "there is no reader 9; there are 0 to 0"),
            (["swap", "0", "imgae=x"], "swap has no field 'imgae'; did you mean 'image'?"),
            (["swap", "0", "demo", "x"], "ctl swap: 'x' is not of the form FIELD=VALUE"),
            (["swap", "0", "demo", "settings={"], "ctl swap: settings must be JSON"),
            (["swap", "0", "demo", "settings=" + "[" * 50_000], "ctl swap: settings must be JSON"),
            (["arm", "0"], "arm needs name: a kind of fault"),
            (["remov", "0"], "Did you mean 'remove'?"),
            (["remove", "x"], "'x' is not a valid integer"),
            (
                ["events", "--until", "card removd"],
                "--until: there is no signal 'card removd'; did you mean 'card removed'?",
            ),
        ):
            done = ctl(client, *wrong)
            assert (done.returncode, done.stdout) == (2, ""), done
            assert sentence in done.stderr
            assert done.stderr.count("\n") == 1
    await_nothing(tmp_path)


def test_ctl_says_where_a_rig_comes_from() -> None:
    done = child.run([SSCARD, "ctl", "readers"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sscard: which rig? give --address, or set SSCARD_CONTROL: `sscard rig` prints it\n"
    done = child.run([SSCARD, "ctl", "--address", "http://127.0.0.1:1", "readers"])
    assert "no rig answers at http://127.0.0.1:1 (Connection refused): start one with `sscard rig`" in done.stderr
    loaded = "import sys, emulator.control.operations; print([each for each in sys.modules if 'emulator.rig' in each])"
    assert child.run([sys.executable, "-c", loaded]).stdout == "[]\n", "it starts quickly"


def test_every_operation_has_a_help_with_its_fields() -> None:
    listed = child.run([SSCARD, "ctl", "--help"]).stdout
    for name, operation in OPERATIONS.items():
        assert re.search(rf"^  {name} ", listed, re.MULTILINE), name
        if operation.body:
            shown = child.run([SSCARD, "ctl", name, "--help"]).stdout
            assert all(f"{field.name}: " in shown for field in operation.body), shown


def test_a_rig_of_a_python_program_is_served_too() -> None:
    """The face and the server in one process: another program controls what this one made."""
    from emulator.control.server import Server  # noqa: PLC0415

    with sscard.Rig(["demo"]) as made, Server(made) as server:
        done = ctl(Client(server.address), "transmit", "0", "0084000008")
        assert json.loads(done.stdout)["sw"] == "9000"
        assert made.trace.commands[-1].name == "GET CHALLENGE"
