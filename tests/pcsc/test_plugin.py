"""The plug-in for pytest over PC/SC: hot swap, stacks of their own, in parallel, and nothing is left."""

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.reader.machine import find_program
from tests.kit.suite import PARALLEL, Cage, Result, Suite
from tests.pcsc.harness import NEW, READ_ONLY, REFUSAL, PcscStack, machine

pytestmark = pytest.mark.pcsc

TESTS = '''
import subprocess
import sys

from smartcard.System import readers


def test_fresh(pcsc_card):
    assert pcsc_card.transmit(SELECT)[0] == 0x61
    assert pcsc_card.transmit(WRONG).hex() == "63c2"
    assert pcsc_card.last.reason == "the PIN is wrong"


def test_fresh_again(pcsc_card):
    assert pcsc_card.transmit(WRONG).hex() == "6a88", "nothing is selected"
    pcsc_card.transmit(SELECT)
    assert pcsc_card.transmit(WRONG).hex() == "63c2"


def test_a_connection(pcsc_card):
    connection = pcsc_card.connect()
    assert bytes(connection.getATR()) == pcsc_card.atr
    assert len(connection.transmit(list(CHALLENGE))[0]) == 8


@pytest.mark.sscard(profile="ssc-3.0")
def test_another_answer_to_reset(pcsc_card):
    assert bytes(pcsc_card.connect().getATR()) == pcsc_card.atr
    assert pcsc_card.card.profile == "ssc-3.0"


LEFT = []


def test_that_leaves_a_connection(pcsc_card):
    connection = readers()[0].createConnection()
    connection.connect()
    connection.transmit(list(SELECT))
    LEFT.append(connection)


def test_after_it(pcsc_card):
    assert pcsc_card.connect().transmit(list(WRONG))[1:] == (0x6A, 0x88)


HOLD = """
import time
from smartcard.System import readers

connection = readers()[0].createConnection()
connection.connect()
print(flush=True)
time.sleep(30)
"""


def test_that_leaves_a_program_with_the_card(pcsc_card):
    program = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert program.stdout.readline() == b"\\n"
    LEFT.append(program)


def test_after_that_program(pcsc_card):
    assert pcsc_card.transmit(WRONG).hex() == "6a88"
    pcsc_card.transmit(SELECT)
    assert pcsc_card.transmit(WRONG).hex() == "63c2"
    LEFT[-1].kill()
    LEFT[-1].communicate(timeout=5)


def test_that_pulls_the_card(pcsc_card):
    pcsc_card.fault("pull", on="GET CHALLENGE")
    with pytest.raises(sscard.TerminalError):
        pcsc_card.transmit(CHALLENGE)


def test_after_the_pull(pcsc_card):
    assert len(pcsc_card.transmit(CHALLENGE)) == 10
    pcsc_card.remove()


def test_after_the_removal(pcsc_card, pcsc_rig):
    assert len(pcsc_card.transmit(CHALLENGE)) == 10
    assert pcsc_rig.terminal().read_basic().fields["name"] == "测试甲"


@pytest.mark.sscard(readers=["empty", "demo"])
def test_an_empty_reader(pcsc_rig):
    assert [reader.card is None for reader in pcsc_rig.readers] == [True, False]
    with pytest.raises(Exception, match="(?i)no smart ?card"):
        readers()[0].createConnection().connect()
    assert len(pcsc_rig.readers[1].transmit(CHALLENGE)) == 10


@pytest.mark.sscard(isolate=True)
def test_a_stack_of_its_own(pcsc_card, pcsc_psam):
    connection = readers()[1].createConnection()
    connection.connect()
    LEFT.append(connection)
    assert len(pcsc_psam.transmit(CHALLENGE)) == 10


def test_both_transports(card, pcsc_card):
    answers = card.transmit(SELECT), pcsc_card.transmit(SELECT)
    assert answers[0] == answers[1]


@pytest.mark.sscard(transport="pcsc")
def test_the_marker(card, psam):
    assert len(psam.transmit(CHALLENGE)) == 10
    assert card.name.startswith("Virtual PCD")


def test_whose_stack_dies(pcsc_rig):
    import os
    os.kill(pcsc_rig._link.stack.pid, 9)


def test_that_gets_another(pcsc_rig):
    assert len(pcsc_rig.readers[1].transmit(CHALLENGE)) == 10
'''


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "suite").mkdir()
    return Suite(tmp_path / "suite")


@pytest.fixture
def cage() -> Iterator[Cage]:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket must be short
        Path(folder).chmod(0o755)  # without namespaces, where root starts it, pcscd is nobody's
        yield Cage(Path(folder))


def test_the_fixtures_over_pcsc(suite: Suite, cage: Cage) -> None:
    suite.write(TESTS)
    result = suite.run(env=cage.env)
    assert result.outcomes == {"passed": 17}, result.output
    assert "sscard:" not in result.output
    assert cage.left() == []


def test_the_same_tests_in_the_other_mode(suite: Suite, cage: Cage) -> None:
    suite.write(
        """
def test_a_card(card, psam, rig, request):
    assert card.transmit(SELECT)[0] == 0x61
    assert card.connect().transmit(list(CHALLENGE))[1] == 0x90
    assert rig.transport == "pcsc"


def test_a_terminal(terminal, card, pcsc_card):
    assert terminal.read_basic().fields["name"] == "测试甲"
    assert card is pcsc_card, "over PC/SC they are one"


@pytest.mark.sscard(transport="process")
def test_not_this_one(card):
    assert card.name == "sscard 0"


def test_that_fails(card):
    card.transmit(WRONG)
    raise ValueError
"""
    )
    result = suite.run("--sscard-transport", "pcsc", env=cage.env)
    assert result.outcomes == {"failed": 1, "passed": 3}, result.output
    assert "why: MF has no PIN; SSSE has one" in result.output
    assert cage.left() == []


def test_in_parallel(suite: Suite, cage: Cage) -> None:
    """Sixty with six workers are in `scripts/soak`."""
    suite.write(PARALLEL.format(count=12))
    result = suite.run("-n", "3", env=cage.env)
    assert result.outcomes == {"passed": 12}, result.output
    assert cage.left() == []


@pytest.mark.parametrize("user", [False, True], ids=["root", "ordinary user"])
def test_without_namespaces(
    stack: PcscStack, refusing: dict[str, str], suite: Suite, cage: Cage, *, user: bool
) -> None:
    """In stacks that bind a socket of their own; the run says so, once for each worker."""
    suite.write(PARALLEL.format(count=6))
    setup = f"{READ_ONLY} /run/pcscd" if user else f"{NEW} /run"
    environment = cage.env | {"PATH": refusing["PATH"]}
    done = machine(stack, setup, shlex.join(suite.command("-n", "2")), environment, user=user, limit=120)
    assert Result(done.returncode, done.stdout).outcomes == {"passed": 6}, done
    assert done.stdout.count(f"sscard: no namespaces here ({REFUSAL}): whoever reaches ports ") == 2
    assert cage.left() == []


def test_no_pcscd_is_an_error_of_one_sentence(suite: Suite, cage: Cage) -> None:
    assert find_program("pcscd"), "the machine has one, and the suite is made to find none"
    (suite.folder / "conftest.py").write_text(
        """
import emulator.reader.machine as machine

find = machine.find_program
machine.find_program = lambda name: None if name == "pcscd" else find(name)
"""
    )
    suite.write("def test_card(pcsc_card):\n    pass\n\n\ndef test_process(card):\n    pass\n")
    result = suite.run(env=cage.env)
    assert result.outcomes == {"passed": 1, "error": 1}, result.output
    assert "\npcscd is not installed (on Debian and Ubuntu: apt install pcscd)\n" in result.output
    assert "Traceback" not in result.output
    assert cage.left() == []
