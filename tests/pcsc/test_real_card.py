"""The social-security card through a real pcscd, read by clients that are not ours.

Expected cryptograms come from an independent computation; every client is asserted on what it shows.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from smartcard import scard

from cardfs.memory.image import Image
from emulator.cards import Card
from emulator.reader.stack import Stack
from tests.kit import child
from tests.kit.card import ORIGINAL, REGION, SERIAL, SSSE_NAME, roots
from tests.kit.reference import Reference, card_key
from tests.pcsc.harness import PcscStack, Terminal

pytestmark = pytest.mark.pcsc

SSCARD = [sys.executable, "-m", "emulator.cli"]
SELECT = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
PIN = "739154"
ATR_HEAD = "3B6D000000814A444686605199"
ATR = bytes.fromhex(ATR_HEAD + SERIAL)
NAME = "测试甲".encode("gb18030").ljust(30, b"\x00")
READ_NAME = bytes.fromhex("00B2023420")
"""READ RECORD of EF06, record 2: the holder's name."""


def issue(path: Path, *options: str, serial: str = SERIAL) -> Path:
    """A demo card with a known serial and PIN."""
    command = [*SSCARD, "issue", str(path), "--region", REGION, "--serial", serial, "--pin", PIN, *options]
    child.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An image of each kind, made once."""
    folder = tmp_path_factory.mktemp("cards")
    return {
        "2.0": issue(folder / "2.0.sscard"),
        "3.0": issue(folder / "3.0.sscard", "--profile", "ssc-3.0", serial="000001AD"),
        "T=1": issue(folder / "t1.sscard", "--profile", str(_t1_profile(folder))),
    }


def _t1_profile(folder: Path) -> Path:
    profile = folder / "t1.toml"
    profile.write_text('extends = "ssc-2.0"\n[atr]\nprotocol = "T=1"\n')
    return profile


@pytest.fixture
def image(made: dict[str, Path], tmp_path: Path) -> Path:
    """A fresh 2.0 card."""
    return fresh(made["2.0"], tmp_path)


def fresh(image: Path, folder: Path) -> Path:
    """A copy of an image that nobody else changes."""
    copy = folder / image.name
    copy.write_bytes(image.read_bytes())
    return copy


@contextmanager
def inserted(stack: PcscStack, image: Path, slot: int = 0) -> Iterator[Card]:
    """The card of an image, held by this process, which can look into it."""
    memory = Image.open(image)
    try:
        card = Card(memory)
        with stack.card(card, slot):
            yield card
    finally:
        memory.close()


def proof(terminal: Terminal, name: str, kid: int, suite: str = "3DES", serial: str = SERIAL) -> bytes:
    """GET CHALLENGE through PC/SC, and the EXTERNAL AUTHENTICATION that follows from it."""
    answer = terminal.transmit(bytes.fromhex("0084000008"))
    assert answer[-2:] == b"\x90\x00"
    key = card_key(suite, roots()[name], REGION, bytes.fromhex(ATR_HEAD[8:] + serial))
    data = Reference(suite).auth(key, answer[:-2], ORIGINAL) + ORIGINAL
    return terminal.transmit(bytes((0x00, 0x82, 0x00, kid, len(data))) + data)


def select(terminal: Terminal) -> None:
    """SELECT SSSE, and fetch the FCI where it waits."""
    answer = terminal.transmit(SELECT)
    if answer[0] == 0x61:
        answer = terminal.transmit(b"\x00\xc0\x00\x00" + answer[1:])
    assert answer[:1] == b"\x6f"
    assert SSSE_NAME in answer
    assert answer[-2:] == b"\x90\x00"


# OpenSC ---------------------------------------------------------------------------------------------


def test_opensc_tool_lists_the_card_and_its_atr(stack: PcscStack, image: Path) -> None:
    done = stack.run(["sh", "-c", "opensc-tool -l && opensc-tool -r 0 -a"], cards=[image])
    assert done.returncode == 0
    assert re.search(r"^0 +Yes +Virtual PCD 00 00$", done.stdout, re.M), done.stdout
    assert re.search(r"^1 +No +Virtual PCD 00 01$", done.stdout, re.M), done.stdout
    assert done.stdout.strip().endswith(ATR.hex(":"))


def test_opensc_tool_selects_and_reads_the_holder(stack: PcscStack, image: Path) -> None:
    """It fetches what waits (61xx) and repeats with the right Le (6Cxx) by itself."""
    commands = ["-s", SELECT.hex() + "00", "-s", "00B2023400", "-s", "00B2063400"]
    done = stack.run(["opensc-tool", "-r", "0", "-c", "default", *commands], cards=[image])
    fci, name, place = done.stdout.split("Received ")[1:]
    assert [part.startswith("(SW1=0x90, SW2=0x00):") for part in (fci, name, place)] == [True] * 3, done.stdout
    assert fci.split("\n")[1].startswith("6F 1C 84 0F 73 78 31 2E 73 68 2E")
    assert name.split("\n")[1].startswith("09 1E B2 E2 CA D4 BC D7 00")
    assert place.split("\n")[1].startswith("0D ") or "99 99 99" in place


def test_opensc_tool_sees_a_refusal(stack: PcscStack, image: Path) -> None:
    commands = ["-s", SELECT.hex() + "00", "-s", "00A4000002DF0400", "-s", "00B2014400", "-s", "0070000000"]
    done = stack.run(["opensc-tool", "-r", "0", "-c", "default", *commands], cards=[image])
    words = re.findall(r"SW1=0x(..), SW2=0x(..)", done.stdout)
    assert words == [("90", "00"), ("90", "00"), ("69", "82"), ("6D", "00")], done.stdout


# pcsc-tools -----------------------------------------------------------------------------------------


def test_scriptor_shows_what_waits_and_the_right_length(stack: PcscStack, image: Path, tmp_path: Path) -> None:
    """It fetches nothing by itself: 61xx and 6Cxx are seen as the card sends them (Part 2, 9.3.2)."""
    script = tmp_path / "script"
    script.write_text(f"{SELECT.hex()}\n00C000001E\n00B2023400\n{READ_NAME.hex()}\n00C0000001\n0020000003999999\n")
    done = stack.run(["scriptor", "-r", stack.readers[0], "-p", "T=0", str(script)], cards=[image])
    replies = [re.sub(r"\s+", " ", reply).strip() for reply in re.findall(r"^< (.*?) : ", done.stdout, re.M | re.S)]
    assert [reply[-5:] for reply in replies] == ["61 1E", "90 00", "6C 20", "90 00", "6F 00", "63 C2"], done.stdout
    assert bytes.fromhex(replies[1])[:-2].startswith(b"\x6f\x1c\x84\x0f" + SSSE_NAME)
    assert bytes.fromhex(replies[3])[:-2] == b"\x09\x1e" + NAME


def test_pcsc_scan_shows_insertion_with_the_atr_and_removal(stack: PcscStack, image: Path) -> None:
    with stack.start(
        ["stdbuf", "-oL", "pcsc_scan", "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as scan:
        until(scan.stdout, r"Virtual PCD 00 01")
        with inserted(stack, image):
            until(scan.stdout, r"Card inserted")
            assert ATR.hex(" ").upper() in until(scan.stdout, r"ATR: ")
        until(scan.stdout, r"Card removed")
        scan.terminate()


def until(output: "IO[str] | None", pattern: str) -> str:
    """Read lines until one has a pattern; return it."""
    assert output is not None
    seen = []
    for line in output:
        seen.append(line)
        if re.search(pattern, line):
            return line
    raise AssertionError(f"no {pattern} in {seen}")


# pyscard --------------------------------------------------------------------------------------------


def test_a_terminal_proves_a_key_updates_and_reads_back(stack: PcscStack, image: Path) -> None:
    """UKSSSE opens EF06 for writing (Part 6, table 4)."""
    record = b"\x09\x1e" + "测试乙".encode("gb18030").ljust(30, b"\x00")
    update = b"\x00\xdc\x02\x34\x20" + record
    with inserted(stack, image), stack.terminal() as terminal:
        select(terminal)
        assert terminal.transmit(update) == bytes.fromhex("6982")
        assert proof(terminal, "UKSSSE", 0x04) == bytes.fromhex("9000")
        assert terminal.transmit(update) == bytes.fromhex("9000")
        assert terminal.transmit(READ_NAME) == record + b"\x90\x00"
    with inserted(stack, image), stack.terminal() as terminal:
        select(terminal)
        assert terminal.transmit(READ_NAME) == record + b"\x90\x00", "it is in the image"


def test_a_proof_ends_with_reset_and_with_loss_of_power(stack: PcscStack, image: Path) -> None:
    """Part 7, 6.6: a right lasts until power is lost; a PIN too (5.8)."""
    update = b"\x00\xdc\x02\x34\x20\x09\x1e" + NAME
    with inserted(stack, image) as card, stack.terminal() as terminal:
        for end in (terminal.reset, terminal.unpower):
            select(terminal)
            assert proof(terminal, "UKSSSE", 0x04) == bytes.fromhex("9000")
            assert terminal.transmit(bytes.fromhex(f"0020000003{PIN}")) == bytes.fromhex("9000")
            assert terminal.transmit(update) == bytes.fromhex("9000")
            assert len(card.session.proofs) == 2
            end()
            assert not card.session.proofs
            assert terminal.transmit(READ_NAME) == bytes.fromhex("6A82"), "the MF is current"
            select(terminal)
            assert terminal.transmit(update) == bytes.fromhex("6982")
            assert terminal.atr == ATR


def test_a_challenge_ends_with_reset(stack: PcscStack, image: Path) -> None:
    with inserted(stack, image), stack.terminal() as terminal:
        select(terminal)
        terminal.transmit(bytes.fromhex("0084000008"))
        terminal.reset()
        select(terminal)
        assert terminal.transmit(bytes.fromhex("0082000A10") + bytes(16)) == bytes.fromhex("6984")


def test_the_try_counter_of_the_pin_outlives_card_and_reader(stack: PcscStack, image: Path) -> None:
    answers = []
    for _ in range(2):
        with inserted(stack, image), stack.terminal() as terminal:
            for _ in range(2):
                select(terminal)
                answers.append(terminal.transmit(bytes.fromhex("0020000003999999")).hex())
                terminal.reset()
    assert answers == ["63c2", "63c1", "63c0", "6983"]


def test_a_t1_card_answers_whole_over_t1(stack: PcscStack, made: dict[str, Path], tmp_path: Path) -> None:
    """T=1 carries data in both directions at once: neither 61xx nor 6Cxx."""
    with inserted(stack, fresh(made["T=1"], tmp_path)):
        with stack.terminal(protocol=scard.SCARD_PROTOCOL_T1) as terminal:
            answer = terminal.transmit(SELECT + b"\x00")
            assert answer[:4] == b"\x6f\x1c\x84\x0f"
            assert answer[-2:] == b"\x90\x00"
            assert terminal.transmit(bytes.fromhex("00B2023400")) == b"\x09\x1e" + NAME + b"\x90\x00"
            assert proof(terminal, "RKSSSE", 0x0A) == bytes.fromhex("9000")
        done = stack.run([*SSCARD, "read", "--json"])
    assert json.loads(done.stdout)["genuine"] is True


# Two cards ------------------------------------------------------------------------------------------


def test_two_cards_do_not_disturb_each_other(stack: PcscStack, made: dict[str, Path], tmp_path: Path) -> None:
    """A 3DES card and an SM4 card, command by command in turn: proofs, challenges and counters stay apart."""
    one, two = fresh(made["2.0"], tmp_path), fresh(made["3.0"], tmp_path)
    with (
        inserted(stack, one, 0) as old,
        inserted(stack, two, 1) as new,
        stack.terminal(0) as left,
        stack.terminal(1) as right,
    ):
        assert (left.atr, right.atr) == (ATR, ATR[:-1] + b"\xad")
        select(left)
        assert right.transmit(READ_NAME) == bytes.fromhex("6A82"), "what one selects is not selected in the other"
        select(right)
        assert left.transmit(READ_NAME) == b"\x09\x1e" + NAME + b"\x90\x00"
        assert right.transmit(READ_NAME) == bytes.fromhex("6982"), "version 3.0 wants RKSSSE first"
        challenges = [terminal.transmit(bytes.fromhex("0084000008"))[:-2] for terminal in (left, right)]
        for terminal, suite, serial, challenge in (
            (right, "SM4", "000001AD", challenges[1]),
            (left, "3DES", SERIAL, challenges[0]),
        ):
            key = card_key(suite, roots()["RKSSSE"], REGION, bytes.fromhex(ATR_HEAD[8:] + serial))
            data = Reference(suite).auth(key, challenge, ORIGINAL) + ORIGINAL
            assert terminal.transmit(b"\x00\x82\x00\x0a\x10" + data) == b"\x90\x00"
        assert right.transmit(READ_NAME) == b"\x09\x1e" + NAME + b"\x90\x00"
        assert left.transmit(bytes.fromhex("0020000003999999")) == bytes.fromhex("63C2")
        assert right.transmit(bytes.fromhex(f"0020000003{PIN}")) == bytes.fromhex("9000")
        left.reset()
        assert not old.session.proofs
        assert {ref.name for ref in new.session.proofs} == {"RKSSSE", "PIN"}
        assert right.transmit(READ_NAME)[-2:] == b"\x90\x00"
        select(left)
        assert left.transmit(bytes.fromhex("00200000")) == bytes.fromhex("63C2")
        assert right.transmit(bytes.fromhex("00200000")) == bytes.fromhex("63C3")


def test_two_clients_hammer_two_cards_at_once(stack: PcscStack, made: dict[str, Path], tmp_path: Path) -> None:
    script = (
        "import sys; from smartcard.System import readers\n"
        "card = readers()[int(sys.argv[1])].createConnection(); card.connect()\n"
        f"select = list(bytes.fromhex('{SELECT.hex()}'))\n"
        "answers = {str(card.transmit(select)) for _ in range(300)}\n"
        "atrs = {bytes(card.getATR()).hex()}\n"
        "print(answers, atrs)\n"
    )
    with inserted(stack, fresh(made["2.0"], tmp_path), 0), inserted(stack, fresh(made["3.0"], tmp_path), 1):
        given: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True}
        with ExitStack() as running:
            clients = [
                running.enter_context(stack.start([sys.executable, "-c", script, slot], **given)) for slot in "01"
            ]
            said = [client.communicate(timeout=30)[0] for client in clients]
    assert [client.returncode for client in clients] == [0, 0]
    for text, atr in zip(said, (ATR, ATR[:-1] + b"\xad"), strict=True):
        assert text == f"{{'([], 97, {0x1E})'}} {{'{atr.hex()}'}}\n"


# The command line -----------------------------------------------------------------------------------


def sscard(*arguments: object, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the command line, outside of any stack of the tests."""
    return child.run([*SSCARD, *arguments], cwd=folder)


def test_exec_with_two_cards(made: dict[str, Path], tmp_path: Path) -> None:
    one, two = fresh(made["2.0"], tmp_path), fresh(made["3.0"], tmp_path)
    reads = " && ".join(f"{' '.join(SSCARD)} read --json --reader 'Virtual PCD 00 0{slot}'" for slot in (0, 1))
    done = sscard("exec", "--card", one, "--card", two, "--trace", tmp_path / "trace", "--", "sh", "-c", reads)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("\n}\n")[:2]
    old, new = json.loads(first + "}"), json.loads(second + "}")
    assert [(each["algorithm"], each["version"], each["genuine"]) for each in (old, new)] == [
        ("3DES", "2.00", True),
        ("SM4", "3.00", True),
    ]
    for each in (old, new):
        assert {item["name"]: item["value"] for item in each["elements"]}["holder_name"] == "测试甲"
    names = {json.loads(line).get("name") for line in (tmp_path / "trace").read_text().splitlines()}
    assert {"SELECT", "INTERNAL AUTHENTICATION", "EXTERNAL AUTHENTICATION", "READ RECORD"} <= names


def test_exec_makes_a_card_where_none_is_given_and_passes_the_status() -> None:
    done = sscard("exec", "--", "sh", "-c", f"{' '.join(SSCARD)} read; exit 7")
    assert done.returncode == 7
    assert "测试甲" in done.stdout
    assert sscard("exec", "--", "no-such-command").returncode == 127


def test_read_without_a_card_and_with_a_wrong_reader(stack: PcscStack) -> None:
    empty = stack.run([*SSCARD, "read"])
    assert (empty.returncode, empty.stdout) == (
        2,
        "sscard: no card in 'Virtual PCD 00 00' or 'Virtual PCD 00 01'\n",
    )
    missing = stack.run([*SSCARD, "read", "--reader", "Nobody"])
    assert missing.returncode == 2
    assert missing.stdout.startswith("sscard: PC/SC shows no reader that begins with 'Nobody'; there are 'Virtual PCD")


def test_read_shows_a_table_and_names_foreign_cards(stack: PcscStack, image: Path) -> None:
    done = stack.run([*SSCARD, "read"], cards=[image])
    assert re.search(r"姓名 .*holder_name .*测试甲", done.stdout)
    assert "genuine    the card knows the issuer's key" in done.stdout
    foreign = stack.python(
        "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-m', 'emulator.cli', 'read']))",
        cards=[Refuser()],
    )
    assert foreign.stdout == "sscard: the card has no social-security environment: 6A82, file not found\n"
    assert foreign.returncode == 2


class Refuser:
    """A card that is none of social security."""

    atr = bytes.fromhex("3b6500002063cb6800")

    def power_on(self) -> None:
        """Nothing to do."""

    def power_off(self) -> None:
        """Nothing to do."""

    def reset(self) -> None:
        """Nothing to do."""

    def transmit(self, _command: bytes, /) -> bytes:
        """The same to everything."""
        return b"\x6a\x82"


def test_demo_once_ends_and_shows_the_holder(tmp_path: Path) -> None:
    for made in (True, False):
        done = sscard("demo", "--once", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("Made demo.sscard" in done.stdout) is made, "the second time the card is there"
        assert re.search(r"姓名 .*holder_name .*测试甲", done.stdout)
        assert "the card knows the issuer's key" in done.stdout
        held = [0, 90][not made]
        balances = re.findall(r"account +│ +([0-9.]+) +│", done.stdout)
        assert balances == [f"{held + 100}.00", f"{held + 90}.00"], "the money moves"


def test_a_demo_card_with_another_pin_loses_one_try_only(tmp_path: Path) -> None:
    made = sscard(
        *("issue", "demo.sscard", "--region", "519900", "--serial", "00000001", "--pin", "4711"), folder=tmp_path
    )
    assert made.returncode == 0, made.stderr
    done = sscard("demo", "--once", folder=tmp_path)
    shown = done.stdout + done.stderr
    assert shown.count("sscard: -51 ") == 1
    assert "2 tries are left" in shown


def test_demo_keeps_the_card_until_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    image = issue(tmp_path / "demo.sscard")
    with child.start(
        [*SSCARD, "demo", image],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        line = until(demo.stdout, "PCSCLITE_CSOCK_NAME=")
        place = re.search(r"PCSCLITE_CSOCK_NAME=(\S+)", line)
        assert place
        inside = child.environment(PCSCLITE_CSOCK_NAME=place[1])
        client = child.run(["opensc-tool", "-a"], env=inside, check=True)
        assert client.stdout.strip() == ATR.hex(":")
        child.run(["opensc-tool", "-c", "default", "-s", SELECT.hex()], env=inside, check=True)
        until(demo.stdout, "SELECT")
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 130
    deadline = time.monotonic() + 5
    while (left := in_session(demo.pid, image)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def in_session(session: int, image: Path) -> list[str]:
    """Processes of a session, and those that name an image, on all of the machine."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            number = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, ValueError, IndexError):
            continue
        if number == session or str(image).encode() in command:
            found.append(command.decode(errors="replace"))
    return found


def test_an_inserted_card_survives_a_restart_of_pcscd(image: Path) -> None:
    """The image is held by `sscard insert`, a process of its own, which finds its way back."""
    with Stack(1) as stack:
        stack.hold([*SSCARD, "insert", str(image), "--quiet"])
        stack.wait_for_cards([0])
        for _ in range(2):
            with child.limited(stack.popen([*SSCARD, "read", "--json"], stdout=subprocess.PIPE, text=True)) as client:
                output, _ = client.communicate(timeout=30)
            assert json.loads(output)["genuine"] is True
            stack.restart_pcscd()
            stack.wait_for_cards([0])
