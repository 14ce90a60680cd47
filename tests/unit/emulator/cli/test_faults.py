"""Faults, timings and scenarios on the command line, on cards without a reader and with a driver of ours."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.kit import child
from tests.kit.cli import SAME, SELECT_SSSE, Reader, process, refused, sscard

CHALLENGE = "0084000008"
WRONG = "0020000003999999"
SCRIPT = f"{SELECT_SSSE}\n{WRONG}\n{CHALLENGE}\nreset\n{SELECT_SSSE}\n{WRONG}\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A demo card."""
    path = tmp_path / "card.sscard"
    assert sscard("issue", path, *SAME).exit_code == 0
    return path


def raw(image: Path, *options: object) -> list[str]:
    """The answers to the script."""
    done = sscard("apdu", image, "--raw", *options, stdin=SCRIPT)
    assert done.exit_code == 0
    return [line.partition(" > ")[2] for line in done.stdout.splitlines()]


# Without a reader -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("moment", "left"), [("before", "63C2"), ("after", "63C1")])
def test_a_script_goes_on_after_a_reset(image: Path, moment: str, left: str) -> None:
    answers = raw(image, "--fault", f"power-cut on=VERIFY moment={moment}")
    assert answers == ["611E", "out of the reader", "out of the reader", "611E", left]


def test_a_card_that_comes_back_by_itself_needs_a_reset_in_a_script_too(image: Path) -> None:
    answers = raw(image, "--fault", "lost-answer on=VERIFY back=0")
    assert answers == ["611E", "out of the reader", "out of the reader", "611E", "63C1"]


def test_lines_say_that_the_card_is_out_and_hide_the_pin(image: Path, tmp_path: Path) -> None:
    script = f"{SELECT_SSSE}\n{WRONG}\n{WRONG}\n"
    trace = tmp_path / "trace.jsonl"
    done = sscard("apdu", image, "--fault", "pull on=VERIFY", "--trace", trace, stdin=script)
    assert done.exit_code == 0
    assert done.stderr == ""
    shown = [line[14:] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert shown[1:] == [
        "fault pull on=VERIFY in SSSE",
        "note the card is out of the reader: the card was pulled out before the command; a line 'reset' puts it back",
        "note no answer to 0020000003******: the card is out of the reader",
    ]
    written = trace.read_text(encoding="utf-8")
    assert [json.loads(line)["kind"] for line in written.splitlines()] == [
        *("command", "fault", "note", "note"),
    ]
    assert "999999" not in done.stdout + written


def test_several_faults_and_a_fault_that_never_struck(image: Path) -> None:
    done = sscard(
        *("apdu", image, "--raw", "--fault", 'status on="GET CHALLENGE" sw=6581', "--fault", "pull on=VERIFY nth=3"),
        stdin=SCRIPT,
    )
    assert done.exit_code == 0
    assert done.stderr == "sscard: this fault never struck: pull on=VERIFY nth=3\n"
    assert [line.partition(" > ")[2] for line in done.stdout.splitlines()] == ["611E", "63C2", "6581", "611E", "63C1"]


def test_a_scenario_file_and_options_over_it(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.toml"
    path.write_text('seed = 3\n[[fault]]\nname = "status"\non = "VERIFY"\nsw = "6400"\n')
    first = raw(image, "--scenario", path)
    assert first[1] == "6400"
    assert raw(image, "--scenario", path)[2] == first[2], "the challenge comes from the seed"
    other = raw(image, "--scenario", path, "--seed", "4", "--fault", 'status on="SELECT" sw=6A82')
    assert other[0] == "6A82"
    assert other[2] != first[2]


def test_a_slow_card_is_slow(image: Path) -> None:
    began = time.monotonic()
    sscard("apdu", image, "--timing", "contact-9600", stdin=f"{CHALLENGE}\n" * 10)
    # 16 characters of 12 bits at 9600 bit/s, ten times.
    assert time.monotonic() - began >= 10 * 16 * 12 / 9600


@pytest.mark.parametrize("command", ["apdu", "insert", "exec"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--fault", "pul"), "--fault: there is no fault 'pul'; did you mean 'pull'?"),
        (("--fault", "pull on=VERFY"), "--fault: fault pull: no card has a command 'VERFY'; did you mean 'VERIFY'?"),
        (("--timing", "contact-960"), "--timing: there is no timing 'contact-960'; did you mean 'contact-9600'?"),
        (("--scenario", "there-is-none.toml"), "there-is-none.toml: No such file or directory"),
        (
            ("--fault", "tries-left key=PINN"),
            "--fault: fault tries-left: the card has no key 'PINN'; did you mean 'PIN'?",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(image: Path, command: str, options: tuple[str, ...], sentence: str) -> None:
    arguments = ["exec", "--card", image, *options, "--", "true"] if command == "exec" else [command, image, *options]
    assert refused(process(*arguments)) == sentence


def test_a_card_that_is_not_there_is_refused(image: Path) -> None:
    sentence = "--fault: no card in reader 1; readers with a card: 0"
    assert refused(sscard("apdu", image, "--fault", "pull reader=1", stdin="")) == sentence
    assert refused(process("exec", "--card", image, "--fault", "pull reader=1", "--", "true")) == sentence


# In a reader ----------------------------------------------------------------------------------------


def test_an_inserted_card_that_is_pulled_stays_out_and_ends_with_0(image: Path) -> None:
    reader = Reader(image, "--quiet", "--fault", "pull on=VERIFY", "--fault", "delay nth=9")
    assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
    assert reader.ask(bytes.fromhex(WRONG)) == b"", "the link ends without an answer"
    assert reader.process.wait(20) == 0, "by itself"
    assert reader.end(signal.SIGTERM) == (
        0,
        "",
        "sscard: the card was pulled out before the command\nsscard: this fault never struck: delay nth=9\n",
    )


def test_an_inserted_card_shows_what_struck_it(image: Path) -> None:
    reader = Reader(image, "--fault", "pull on=VERIFY moment=after")
    reader.ask(bytes.fromhex(SELECT_SSSE))
    reader.ask(bytes.fromhex(WRONG))
    reader.process.wait(20)
    status, output, errors = reader.end(signal.SIGTERM)
    assert (status, errors) == (0, "sscard: the card was pulled out after the command\n")
    shown = [line[14:] for line in output.splitlines() if not line.startswith(" ")]
    assert shown[-4:] == [
        f"{'VERIFY':<24}{'SSSE':<10} PIN masked",
        "fault pull on=VERIFY moment=after in SSSE",
        "power off",
        "note out of the reader: the card was pulled out after the command",
    ]


def test_a_card_that_comes_back_dials_again(image: Path) -> None:
    reader = Reader(image, "--quiet", "--fault", "lost-answer on=VERIFY back=0.1")
    reader.ask(bytes.fromhex(SELECT_SSSE))
    began = time.monotonic()
    assert reader.ask(bytes.fromhex(WRONG)) == b""
    reader.take_again()
    assert time.monotonic() - began >= 1.2, "sooner the reader may not notice"
    reader.ask(bytes.fromhex(SELECT_SSSE))
    assert reader.ask(bytes.fromhex(WRONG)).hex() == "63c1", "the command whose answer was lost was carried out"
    assert reader.end(signal.SIGTERM) == (0, "", "")


def test_ctrl_c_tells_of_a_fault_that_never_struck(image: Path) -> None:
    reader = Reader(image, "--quiet", "--fault", "pull nth=9")
    reader.ask(bytes.fromhex(SELECT_SSSE))
    assert reader.end(signal.SIGINT) == (
        130,
        "",
        "sscard: this fault never struck: pull nth=9\nsscard: interrupted\n",
    )


def test_answers_no_card_gives_pass_the_link(image: Path) -> None:
    reader = Reader(image, "--quiet", "--fault", "one-byte value=61", "--fault", "pad nth=2 bytes=300 value=EE")
    assert reader.ask(bytes.fromhex(CHALLENGE)) == b"\x61"
    assert reader.ask(bytes.fromhex(CHALLENGE))[8:] == b"\x90\x00" + b"\xee" * 300
    reader.end(signal.SIGTERM)


def test_a_quiet_card_without_faults_loads_nothing_of_it(image: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from emulator.cli.inserting import open_card
from emulator.cli import program
from emulator.reader.vpcd import Slot
with open_card(Path({str(image)!r}), None) as card:
    card.transmit(bytes(5))
print(*sys.modules)
"""
    loaded = child.run([sys.executable, "-c", script], env=child.unmeasured(), check=True).stdout.split()
    assert not [each for each in loaded if each.startswith(("emulator.rig", "emulator.trace.traced", "shlex"))]
