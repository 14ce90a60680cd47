"""The PC/SC stack on machines without namespaces: four ways, each told, and `sscard doctor` tells the same.

A machine of its own is a place within the stack of the tests, where `unshare` is refused as in many containers.
"""

import os
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from emulator.reader.machine import find_program
from emulator.reader.stack import Stack, StackError
from tests.kit import child
from tests.pcsc.harness import NEW, READ_ONLY, REFUSAL, RUN, EchoCard, PcscStack, gone, machine, mark, stub

pytestmark = pytest.mark.pcsc

SSCARD = str(Path(sys.executable).with_name("sscard"))
OPEN_PORTS = "grep -c ' 00000000:0000 0A' /proc/net/tcp"


@pytest.fixture
def shared(refusing: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which pcscd cannot take over a socket, either."""
    pcscd = find_program("pcscd")
    stub(tmp_path, "pcscd", f'[ "$1" = --version ] || exec {pcscd} "$@"')
    return refusing


def doctor_says(stack: PcscStack, setup: str, env: dict[str, str], *, user: bool = False) -> str:
    """Return the doctor's last words; its table fits into 80 columns."""
    done = machine(stack, setup, f"{SSCARD} doctor", env, user=user)
    table = [line for line in done.stdout.splitlines() if line[0] in "┏┃┡│└"]
    assert len(table) > 10
    assert {len(line) for line in table} == {80}
    return (done.stdout + done.stderr).splitlines()[-1]


# Private without namespaces ---------------------------------------------------------------------------


@pytest.mark.parametrize("user", [False, True])
def test_three_at_once_are_private_without_namespaces(
    stack: PcscStack, refusing: dict[str, str], *, user: bool
) -> None:
    """Nobody may write to /run/pcscd but root, and it is enough that it is there."""
    setup = f"{READ_ONLY} /run/pcscd" if user else f"{NEW} /run"
    ask = "opensc-tool -l; sleep 1; opensc-tool -l"
    # Not pytest's folder: the path of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        script = f"for i in 1 2 3; do {SSCARD} exec -- sh -c '{ask}' & done; wait; {OPEN_PORTS}; ls {folder}"
        done = machine(stack, setup, script, {**refusing, "TMPDIR": folder}, user=user)
    assert done.stdout.count("Yes             Virtual PCD 00 00") == 6, done
    assert done.stdout.count("Yes             Virtual PCD 00 01") == 6
    assert done.stdout.endswith("\n0\n"), "ports are closed again, and no folder stays"
    told = [line for line in done.stderr.splitlines() if line.startswith("sscard: ")]
    beginning = f"sscard: no namespaces here ({REFUSAL}): whoever reaches ports "
    assert [line.startswith(beginning) for line in told] == [True] * 3, told
    assert doctor_says(stack, setup, refusing, user=user) == (
        "A card can be inserted and read here, in a private stack without namespaces."
    )


def test_cards_find_a_stack_without_namespaces(
    refusing: dict[str, str], monkeypatch: pytest.MonkeyPatch, stack: PcscStack, tmp_path: Path
) -> None:
    """Cards of the stack's own process, and those that a command in it inserts by itself."""
    for name in "ab":
        child.run([SSCARD, "issue", tmp_path / name])
    asks = (
        f"{SSCARD} insert {tmp_path}/b --slot 1 --quiet & until {SSCARD} read --reader 'Virtual PCD 00 01'; do :; done"
    )
    done = stack.run([SSCARD, "exec", "--card", str(tmp_path / "a"), "--", "sh", "-c", asks], env=refusing)
    assert "测试甲" in done.stdout, done.stdout
    monkeypatch.setenv("PATH", refusing["PATH"])
    if os.geteuid() and not Path("/run/pcscd").is_dir():
        # An ordinary user of a machine on which no pcscd ever ran.
        with pytest.raises(StackError, match="there is no /run/pcscd"):
            Stack().__enter__()
        return
    told: list[str] = []
    with Stack(report=told.append) as private, private.insert(EchoCard()):
        led = child.environment(PCSCLITE_CSOCK_NAME=private.socket_path)
        seen = child.run(["opensc-tool", "-l"], env=led).stdout.split()
        assert (private.mode, private.namespaces, seen.count("Yes")) == ("private", False, 1)
        private.restart_pcscd()
        private.wait_for_cards([0])
    assert told == [f"no namespaces here ({REFUSAL}): {private.openness}"]


def test_nothing_outlives_a_killed_owner_without_namespaces(
    stack: PcscStack, refusing: dict[str, str], tmp_path: Path
) -> None:
    seconds = mark()
    script = (
        f"{SSCARD} exec -- sh -c 'touch {tmp_path}/begun; exec sleep {seconds}' & "
        f"until [ -e {tmp_path}/begun ]; do sleep 0.05; done; kill -9 $!; sleep 1.5; {OPEN_PORTS}; ls $TMPDIR"
    )
    (tmp_path / "tmp").mkdir()
    done = machine(stack, f"{NEW} /run", script, {**refusing, "TMPDIR": str(tmp_path / "tmp")})
    assert done.stdout == "0\n", done
    assert gone(seconds)


def test_an_ordinary_user_learns_what_to_ask_root_for(stack: PcscStack, refusing: dict[str, str]) -> None:
    setup = f"{READ_ONLY} /run"
    done = machine(stack, setup, f"{SSCARD} exec -- true", refusing, user=True)
    assert (done.returncode, done.stderr) == (
        2,
        f"sscard: no private PC/SC stack here ({REFUSAL}; there is no /run/pcscd: make it as root, with"
        " `mkdir /run/pcscd`); `sscard doctor` shows what is missing\n",
    )
    assert doctor_says(stack, setup, refusing, user=True).endswith("see what is missing above")


def test_a_private_stack_only_if_asked_for(shared: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", shared["PATH"])
    with pytest.raises(StackError, match="no private PC/SC stack here"):
        Stack(private_only=True).__enter__()


# Shared with the machine ------------------------------------------------------------------------------


def test_a_running_pcscd_is_used_and_said(stack: PcscStack, shared: dict[str, str]) -> None:
    """Inside a stack, that stack's pcscd is the machine's."""
    done = stack.run([sys.executable, "-c", RUN, "opensc-tool", "-l"], env=shared)
    assert done.stdout.startswith(
        f"sscard: no private PC/SC stack here ({REFUSAL}; this pcscd does not take over a socket);"
        " using the running pcscd\n"
    )
    assert "Virtual PCD 00 01" in done.stdout
    assert done.returncode == 0
    said = stack.run([SSCARD, "doctor"], env=shared).stdout
    assert said.endswith("\nA card can be inserted and read here, in the running pcscd.\n")


def test_a_rig_takes_none_of_its_own_readers_for_one_with_a_physical_card(
    stack: PcscStack, shared: dict[str, str]
) -> None:
    """On the running pcscd they stand beside all others."""
    script = f'for each in 0 1; do {SSCARD} ctl insert 0 "from:Virtual PCD 00 0$each"; done; {SSCARD} ctl reader 0'
    command = [SSCARD, "rig", "--reader", "empty", "--reader", "empty", "--", "sh", "-c", script]
    done = stack.run(command, env=shared)
    for each in (0, 1):
        assert f"sscard: 'Virtual PCD 00 0{each}' is a reader of this rig: name the one that" in done.stdout
    assert '"card": null' in done.stdout


def test_an_own_pcscd_is_started_and_ended(stack: PcscStack, shared: dict[str, str]) -> None:
    """On a machine on which no pcscd runs yet."""
    seconds = mark()
    script = f"{sys.executable} -c {shlex.quote(RUN)} sh -c 'setsid sleep {seconds} & opensc-tool -l'; {OPEN_PORTS}"
    done = machine(stack, f"{NEW} /run/pcscd", script, shared)
    assert "using a pcscd that all of the machine can see" in done.stderr
    assert "Virtual PCD 00 01" in done.stdout
    assert done.stdout.endswith("\n0\n"), "its ports are closed again"
    assert gone(seconds)
    assert doctor_says(stack, f"{NEW} /run/pcscd", shared) == (
        "A card can be inserted and read here, in a pcscd of its own that all of the machine can see."
    )
