"""`sscard trace convert`, `explain`, `replay`, and `--unmasked`: files, standard output, refusals, permissions."""

import json
import os
import stat
from pathlib import Path

import pytest

import sscard as face
from tests.kit.cli import process, refused, sscard
from tests.kit.places import DATA
from tests.kit.traces import Day, recorded_day

LOG = DATA / "pcscd-1.9.9.log"
BESIDE = DATA / "pcscd-1.9.9.jsonl"
SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SCRIPT = f"{SELECT}\n00A4000002DF04\n0020000003123456\n0084000008\n00B2012C00\n"


@pytest.fixture(scope="module")
def day() -> Day:
    return recorded_day()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "c.sscard"
    face.Card.issue(pin="123456").save(path)
    return path


@pytest.fixture
def unmasked(image: Path, tmp_path: Path) -> Path:
    """A trace of a script without masks."""
    path = tmp_path / "unmasked.jsonl"
    assert sscard("apdu", image, "--raw", "--trace", path, "--unmasked", stdin=SCRIPT).exit_code == 0
    return path


# -- convert ---------------------------------------------------------------------------------------------


def test_text_on_standard_output() -> None:
    shown = sscard("trace", "convert", BESIDE, "--to", "text").stdout
    assert "why: DF04/EF05 read needs PIN | RK1DF04; proven: nothing" in shown
    assert shown.splitlines()[0] == "00:00:00.000  power on  [Virtual PCD 00 00]"


def test_bytes_on_standard_output_are_those_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "a.pcapng"
    assert sscard("trace", "convert", BESIDE, "--to", "pcapng", "--out", out).exit_code == 0
    assert sscard("trace", "convert", BESIDE, "--to", "pcapng").stdout_bytes == out.read_bytes()
    assert out.read_bytes()[:4] == bytes.fromhex("0A0D0D0A")


def test_one_reader_of_several() -> None:
    assert "one card is wanted: choose a reader (--of)" in (sscard("trace", "convert", BESIDE, "--to", "apdu4j").stderr)
    shown = sscard("trace", "convert", BESIDE, "--to", "apdu4j", "--of", "Virtual PCD 00 01").stdout.splitlines()
    assert shown[:3] == ["# ATR: 3B6D000000814A44468660519917486449", "# PROTOCOL: T=0", "#"]
    assert shown[3] == "0084000008"
    why = refused(sscard("trace", "convert", BESIDE, "--to", "text", "--of", "x"))
    assert why == "the trace has no reader that begins with 'x'; there are 'Virtual PCD 00 00', 'Virtual PCD 00 01'"


def test_a_foreign_log_is_described_if_the_card_type_is_named(tmp_path: Path) -> None:
    plain = sscard("trace", "convert", LOG, "--to", "jsonl").stdout.splitlines()
    assert {json.loads(line).get("name") for line in plain} == {None}
    out = tmp_path / "a.jsonl"
    assert sscard("trace", "convert", LOG, "--to", "jsonl", "--profile", "ssc-2.0", "--out", out).exit_code == 0
    events = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [each["reason"] for each in events if each.get("sw") == "6982"] == [
        "in ssc-2.0 DF04/EF05 read needs PIN | RK1DF04; proven: nothing"
    ]
    assert "123456" not in out.read_text(encoding="utf-8")


def test_the_output_has_the_permissions_of_the_trace(tmp_path: Path) -> None:
    trace, out = tmp_path / "a.jsonl", tmp_path / "b.txt"
    trace.write_bytes(BESIDE.read_bytes())
    trace.chmod(0o600)
    assert sscard("trace", "convert", trace, "--to", "text", "--out", out).exit_code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_no_file_is_replaced_unasked(tmp_path: Path, image: Path) -> None:
    out = tmp_path / "b.txt"
    out.write_text("mine")
    command = ("trace", "convert", BESIDE, "--to", "text", "--out")
    assert refused(sscard(*command, out)) == f"{out}: the file exists already; --force replaces it"
    assert refused(sscard(*command, image, "--force")).startswith(f"{image}: a card image, which --out never replaces")
    assert refused(sscard(*command, tmp_path / "no" / "b")).startswith(f"{tmp_path}/no/b: there is no folder")
    same = tmp_path / "a.jsonl"
    same.write_bytes(BESIDE.read_bytes())
    why = refused(sscard("trace", "convert", same, "--to", "text", "--out", same, "--force"))
    assert why == f"{same}: --out names the trace itself; name another file"
    assert out.read_text() == "mine"
    assert sscard(*command, out, "--force").exit_code == 0
    assert "READ RECORD" in out.read_text(encoding="utf-8")


def test_nothing_is_left_of_an_output_that_fails(tmp_path: Path) -> None:
    trace, out = tmp_path / "a.jsonl", tmp_path / "b.txt"
    trace.write_bytes(BESIDE.read_bytes()[:-20])
    why = refused(sscard("trace", "convert", trace, "--to", "text", "--out", out))
    assert why.startswith(f"{trace}, line 17: the file ends in the middle of a line")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", ": the file is empty"),
        (b'{"name": "package.json"}\n', ", line 1: this is not an event of a trace"),
        (b"SQLite format 3\0", ": this is no trace of a form that is read"),
        (b"# ATR: 3B00\n00A40400\n", ", line 2: the file ends after a command without its answer: it is cut off"),
        (b"\xd4\xc3\xb2\xa1", ": a capture in the old form"),
    ],
)
@pytest.mark.parametrize("command", [("explain",), ("trace", "convert", "--to", "text"), ("replay", "--card", "IMAGE")])
def test_what_is_no_trace_is_one_sentence(
    tmp_path: Path, image: Path, command: tuple[str, ...], content: bytes, sentence: str
) -> None:
    trace = tmp_path / "a"
    trace.write_bytes(content)
    words = [str(image) if word == "IMAGE" else word for word in command]
    result = sscard(*words, trace)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"sscard: {trace}{sentence}")
    assert result.stderr.count("\n") == 1


# -- explain ---------------------------------------------------------------------------------------------


def test_a_log_of_pcscd_is_explained() -> None:
    shown = sscard("explain", LOG, "--psam", "Virtual PCD 00 01").stdout
    assert "why: in ssc-2.0 DF04/EF05 read needs PIN | RK1DF04; proven: nothing" in shown
    assert "PIN masked" in shown
    assert "123456" not in shown
    assert "[Virtual PCD 00 01]" in shown
    assert "[Virtual PCD 00 01]" not in sscard("explain", LOG, "--of", "Virtual PCD 00 00").stdout


def test_a_command_in_hex() -> None:
    assert sscard("explain", "0084010008", "6A86").stdout == (
        "GET CHALLENGE\n> 0084010008  < 6A86 wrong P1 P2 (Part 5, table 5)\n"
        "why: in ssc-2.0 GET CHALLENGE has P1 00 with P2 00\n"
    )
    assert sscard("explain", "0084000008", "6700").stdout.splitlines()[2:] == [
        "why: by the standard GET CHALLENGE may have this length (Part 5, 6.5)"
    ]
    assert sscard("explain", "00A4000002DF04", "610A").stdout.splitlines()[0] == "SELECT  DF04  FID DF04"
    assert sscard("explain", "00A4000002DF04", "6A82").stdout.splitlines()[0] == "SELECT  FID DF04", "no file is known"
    assert sscard("explain", "00 84 00 00 08").stdout == "GET CHALLENGE\n> 0084000008  (Part 5, 6.5)\n"
    assert "DELIVERY SESSION KEY" in sscard("explain", "BFDE670820" + "00" * 32, "--profile", "psam").stdout


def test_a_trace_and_a_command_are_explained_in_chinese() -> None:
    shown = sscard("explain", LOG, "--language", "zh").stdout
    assert "原因：按卡型 ssc-2.0：读取 DF04/EF05 需要个人密码或 RK1DF04；已验证：无" in shown
    assert "why:" not in shown
    assert sscard("explain", "0084010008", "6A86", "--language", "zh").stdout == (
        "获取随机数\n> 0084010008  < 6A86 P1、P2 错误 (Part 5, table 5)\n"
        "原因：按卡型 ssc-2.0：GET CHALLENGE 的参数应为 P1 00（P2 00）\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("00A",), "00A: a command has hex digits, two for each byte, and four bytes at least"),
        (("00A400",), "00A400: a command has hex digits, two for each byte, and four bytes at least"),
        (("00840000", "9"), "9: an answer has hex digits, two for each byte, with the status word at its end"),
        (("none.jsonl",), "none.jsonl: No such file or directory"),
        (("none.jsonl", "9000"), "none.jsonl: a command has hex digits, two for each byte, and four bytes at least"),
        (("00A4", "6700"), "00A4: a command has hex digits, two for each byte, and four bytes at least"),
        ((BESIDE, "9000"), f"9000: only a command in hex has an answer beside it, and {BESIDE} is a file"),
    ],
)
def test_what_cannot_be_explained(words: tuple[str | Path, ...], sentence: str) -> None:
    assert refused(sscard("explain", *words)) == sentence


# -- replay ----------------------------------------------------------------------------------------------


def test_a_trace_on_the_card_it_was_recorded_of(image: Path, unmasked: Path) -> None:
    before = image.read_bytes()
    result = sscard("replay", unmasked, "--card", image)
    assert (result.exit_code, result.stdout) == (0, "5 commands: 5 answered as recorded, 0 otherwise\n")
    assert image.read_bytes() == before


def test_a_trace_on_another_card(tmp_path: Path, unmasked: Path) -> None:
    other = tmp_path / "other.sscard"
    face.Card.issue(pin="654321").save(other)
    result = sscard("replay", unmasked, "--card", other)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "command 3  VERIFY  DF04  PIN masked"
    assert "  differs   63C2, recorded 9000" in lines
    assert lines[-1] == "5 commands: 3 answered as recorded, 2 otherwise"
    assert "123456" not in result.stdout


def test_differences_for_a_program_to_read(image: Path, tmp_path: Path, unmasked: Path) -> None:
    """As `judge --json`: an object a line for what differs, and no other line."""
    same = sscard("replay", unmasked, "--card", image, "--json")
    assert (same.exit_code, same.stdout) == (0, "")
    other = tmp_path / "other.sscard"
    face.Card.issue(pin="654321").save(other)
    result = sscard("replay", unmasked, "--card", other, "--json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert first == {
        "number": 3,
        "kind": "command",
        "name": "VERIFY",
        "file": "DF04",
        "fields": "PIN masked",
        "sent": True,
        "apdu": "0020000003******",
        "recorded": "9000",
        "answered": "63C2",
        "text": "63C2, recorded 9000",
        "reason": "the PIN is wrong",
    }
    assert (second["number"], second["sent"], second["answered"]) == (5, True, "6982")


def test_a_day_of_several_readers(tmp_path: Path, day: Day) -> None:
    trace, image = tmp_path / "day.jsonl", tmp_path / "day.sscard"
    day.trace.save(trace)
    day.card.save(image)
    result = sscard("replay", trace, "--card", image, "--of", day.readers[0])
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert result.stdout.endswith(" answered as recorded, 0 otherwise\n")


def test_what_cannot_be_replayed(image: Path, unmasked: Path, tmp_path: Path) -> None:
    masked = tmp_path / "masked.jsonl"
    sscard("apdu", image, "--raw", "--trace", masked, stdin=SCRIPT)
    assert refused(sscard("replay", masked, "--card", image)).startswith("command 3 of the trace, VERIFY, is masked")
    choose = "replay: name the card to ask, with --card IMAGE or with --reader NAME"
    assert refused(sscard("replay", unmasked)) == choose
    assert refused(sscard("replay", unmasked, "--card", image, "--reader", "x")) == choose
    assert refused(sscard("replay", unmasked, "--card", tmp_path / "no")).startswith(f"{tmp_path}/no: ")


# -- traces without masks --------------------------------------------------------------------------------


def test_an_unmasked_trace_is_private_and_warns(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    before = os.umask(0)
    try:
        result = sscard("apdu", image, "--trace", path, "--unmasked", stdin=SCRIPT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0020000003123456" in path.read_text(encoding="utf-8")
    assert result.stderr == (
        f"sscard: WARNING: {path} WILL HOLD PINS AND KEYS IN CLEAR (--unmasked): delete it when you are done\n"
    )
    assert "123456" not in result.stdout, "the terminal never shows them"


def test_an_unmasked_trace_replaces_no_file_unasked(image: Path, unmasked: Path, tmp_path: Path) -> None:
    command = ("apdu", image, "--raw", "--unmasked", "--trace")
    assert refused(sscard(*command, unmasked, stdin="")) == f"{unmasked}: the file exists already; --force replaces it"
    assert refused(sscard(*command, image, "--force", stdin="")).startswith(f"{image}: a card image")
    assert sscard(*command, unmasked, "--force", stdin="0084000004").exit_code == 0
    assert len(unmasked.read_text(encoding="utf-8").splitlines()) == 1
    assert refused(sscard("apdu", image, "--unmasked", stdin="")) == "--unmasked: only with --trace FILE"
    trace = tmp_path / "new.jsonl"
    assert "only an unmasked trace replaces a file" in refused(
        sscard("apdu", image, "--trace", trace, "--force", stdin="")
    )


@pytest.mark.pcsc
def test_exec_writes_an_unmasked_trace_of_all_cards_that_replays(image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    first = process("exec", "--card", image, "--trace", trace, "--unmasked", "--", "sscard", "read")
    assert first.returncode == 0, first.stderr
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600
    assert "WARNING" in first.stderr
    again = sscard("replay", trace, "--card", image)
    assert (again.exit_code, again.stdout.count("\n")) == (0, 1), again.stdout
    shown = process("exec", "--card", image, "--", "sscard", "replay", trace, "--reader", "Virtual PCD 00 00")
    assert (shown.returncode, shown.stdout) == (0, again.stdout), shown.stderr


def test_a_rig_keeps_what_is_not_shown() -> None:
    with face.Rig(["demo"], unmasked=True) as rig:
        rig.card.transmit(bytes.fromhex("0020000003123456"))
        (event,) = rig.trace.commands
    assert event.apdu == "0020000003******"
    assert event.bare().apdu == "0020000003123456"
    assert "123456" not in f"{event!r}{event.json()}{event.table()}{rig.trace}"
