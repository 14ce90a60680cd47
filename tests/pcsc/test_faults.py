"""Faults on the command line, as programs behind PC/SC meet them."""

import sys
from pathlib import Path

import pytest

from emulator.rig.kinds import KINDS
from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import NO_FOLDER, REFUSAL

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")


def faulting(count: int, env: dict[str, str]) -> tuple[list[str], str]:
    """Meet each fault so often in one stack; return the names of those that came through, and standard error."""
    done = child.run([sys.executable, "-m", "tests.pcsc.faulting", count], cwd=ROOT, env=env, limit=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.partition(":")[0] for line in done.stdout.splitlines()], done.stderr


def test_each_fault_three_times_and_a_plain_read_in_the_same_stack() -> None:
    assert faulting(3, child.environment()) == ([*KINDS], "")


def test_each_fault_without_namespaces(refusing: dict[str, str]) -> None:
    if NO_FOLDER:
        with pytest.raises(AssertionError, match="there is no /run/pcscd"):
            faulting(1, refusing)
        return
    names, errors = faulting(1, refusing)
    assert names == [*KINDS]
    assert errors.startswith(f"sscard: no namespaces here ({REFUSAL}): whoever reaches ports ")
    assert errors.count("\n") == 1


def test_the_status_is_the_programs_and_the_trace_has_the_fault(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    command = [SSCARD, "exec", "--fault", 'pull on="READ RECORD" nth=2', "--trace", trace, "--", SSCARD, "read"]
    done = child.run(command)
    assert done.returncode == 2
    assert "sscard: the card gave no answer: was it pulled out?\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert '"kind": "fault", "name": "pull"' in trace.read_text()


def test_a_program_that_goes_on_sees_an_empty_reader() -> None:
    script = f"{SSCARD} read; sleep 1; opensc-tool -l; exit 7"
    done = child.run([SSCARD, "exec", "--fault", 'pull on="READ RECORD" reader=0', "--", "bash", "-c", script])
    assert done.returncode == 7
    assert "sscard: a card is out of its reader: the card was pulled out before the command\n" in done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line[:1].isdigit()] == ["No", "Yes"]


def test_a_card_whose_answer_was_lost_comes_back() -> None:
    script = f"{SSCARD} read; sleep 3; {SSCARD} read"
    done = child.run([SSCARD, "exec", "--fault", 'lost-answer on="READ RECORD"', "--", "bash", "-c", script])
    assert done.returncode == 0
    assert done.stdout.count("测试甲") == 1
    assert done.stderr == "sscard: the card gave no answer: was it pulled out?\n"


def test_faults_of_two_cards_and_one_that_never_struck() -> None:
    faults = ("status on=VERIFY sw=6A81 reader=1 nth=5", 'delay on="READ RECORD" seconds=0.01')
    options = [each for fault in faults for each in ("--fault", fault)]
    done = child.run([SSCARD, "exec", *options, "--timing", "contact-115200", "--", SSCARD, "read"])
    assert done.returncode == 0
    assert done.stderr == "sscard: this fault never struck: status on=VERIFY nth=5 sw=6A81 reader=1\n"


def test_the_same_seed_gives_the_same_random_numbers() -> None:
    shown = []
    for seed in ("9", "9", "8"):
        done = child.run([SSCARD, "exec", "--seed", seed, "--", "opensc-tool", "-r", "0", "-s", "0084000008"])
        assert "SW1=0x90, SW2=0x00" in done.stdout
        shown.append(done.stdout)
    assert shown[0] == shown[1] != shown[2]


def test_a_rig_takes_the_same_options() -> None:
    command = ["rig", "--fault", 'pull on="READ RECORD"', "--fault", "pull on=VERIFY reader=1", "--timing", "none"]
    done = child.run([SSCARD, *command, "--", SSCARD, "read"])
    assert done.returncode == 2
    assert done.stderr == (
        "sscard: the card gave no answer: was it pulled out?\n"
        "sscard: this fault never struck: pull on=VERIFY reader=1\n"
    )
    done = child.run([SSCARD, "rig", "--reader", "demo", "--fault", "pul", "--", "true"])
    assert (done.returncode, done.stderr) == (2, "sscard: --fault: there is no fault 'pul'; did you mean 'pull'?\n")
