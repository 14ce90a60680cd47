"""The command line: every subcommand, every input error as one sentence, and output for every reader of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.profile.loader import DEMO, shipped_profiles
from emulator.cli import main
from tests.kit import child
from tests.kit.card import HISTORICAL, ORIGINAL, contents, reference_key
from tests.kit.cli import SAME, SELECT_SSSE, SSCARD, Reader, process, refused, sscard
from tests.kit.reference import Reference

COMMANDS = tuple(main.commands)


def cells(path: Path) -> dict[tuple[str, str], tuple[str, bytes]]:
    """Every cell of an image file, byte for byte."""
    store = SqliteStore(path, writable=False)
    try:
        return {key: (cell.meta, cell.data) for key, cell in store.load().items()}
    finally:
        store.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A demo card."""
    path = tmp_path / "card.sscard"
    assert sscard("issue", path, *SAME).exit_code == 0
    return path


@pytest.fixture
def in_use(image: Path) -> Iterator[Path]:
    """A card that another process holds, which has a reader of ours to itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        command = [*SSCARD, "insert", str(image), "--port", str(server.getsockname()[1]), "--quiet"]
        with child.start(command) as holder:
            link, _ = server.accept()
            yield image
            holder.terminate()
            link.close()


# Help -----------------------------------------------------------------------------------------------


def test_the_help_names_every_command() -> None:
    output = sscard("--help").output
    assert {"issue", "show", "keys", "apdu", "insert", "exec", "read", "demo", "doctor"} <= set(COMMANDS)
    assert all(re.search(rf"^  {name} ", output, re.M) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(name: str, option: str) -> None:
    result = sscard(name, option)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith(f"Usage: main {name}")


def test_the_version_is_the_distributions() -> None:
    assert re.fullmatch(r"\S+, version \d+\.\d+\.\d+\S*\n", process("--version").stdout)


def test_a_usage_error_is_one_sentence_too() -> None:
    assert refused(process("nope")) == "No such command 'nope'; see sscard --help"
    assert refused(process("show")) == "Missing argument 'IMAGE'; see sscard show --help"
    assert "'--slot': 99 is not in the range" in refused(process("insert", "x", "--slot", "99"))
    assert "'IMAGE': File '.' is a directory" in refused(process("show", "."))


# issue ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", shipped_profiles())
def test_every_shipped_profile_is_issued_with_the_demo_inputs(tmp_path: Path, profile: str) -> None:
    path = tmp_path / "card.sscard"
    result = sscard("issue", path, "--profile", profile)
    assert result.exit_code == 0
    assert re.fullmatch(rf"{path}: {profile}, (3DES|SM4), ATR 3B[0-9A-F]+\n", result.stdout)
    assert result.stderr == "note: the demo root keys are public test keys\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_profiles_are_listed() -> None:
    lines = sscard("issue", "--list-profiles").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(shipped_profiles())


def test_the_image_is_card_sscard_if_no_name_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sscard("issue").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["card.sscard"]


def test_every_option_of_issuing_arrives_on_the_card(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    holder, roots = tmp_path / "holder.toml", tmp_path / "roots.toml"
    holder.write_text((DEMO / "holder.toml").read_text().replace("测试甲", "测试丁"))
    roots.write_text((DEMO / "roots.toml").read_text())
    options = (
        "--profile",
        "ssc-2.0",
        "--holder",
        holder,
        "--roots",
        roots,
        "--region",
        "330100",
        "--serial",
        "0A0B0C0D",
    )
    more = ("--pin", "654321", "--issue-date", "2021-02-03", "--expiry-date", "2029-08-07", "--card-number", "A1234567")
    overrides = ("--set", "settings.pin.tries=6", "--value", 'sex="2"', "--value", "birth_date=1991-02-03")
    result = sscard("issue", path, *options, *more, *overrides)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "", "own root keys need no warning"
    shown = sscard("show", path).stdout
    assert "ATR 3B6D000000814A4446866033010A0B0C0D" in shown
    assert re.search(r"PIN +pin +1 +6 of 6 +set", shown)
    for name, value in (
        ("holder_name", "测试丁"),
        ("sex", "2"),
        ("birth_date", "1991-02-03"),
        ("issue_date", "2021-02-03"),
        ("expiry_date", "2029-08-07"),
        ("card_number", "A1234567"),
    ):
        assert re.search(rf"{name} +{value}", shown), name
    assert sscard("apdu", path, "--raw", stdin=SELECT_SSSE + "\n0020000003 654321").stdout.endswith(" > 9000\n")


def test_a_bare_word_is_a_string_and_later_values_lie_over_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    values = ("--value", "name=测试乙", "--value", "name=测试丙", "--set", "settings.pin.tries=4")
    assert sscard("issue", path, *values, "--set", "settings.pin.tries=5").exit_code == 0
    shown = sscard("show", path).stdout
    assert "测试丙" in shown
    assert "测试乙" not in shown.split("SSSE")[1].split("DF01")[0]
    assert "5 of 5" in shown


def test_an_empty_pin_is_none(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    assert sscard("issue", path, "--pin", "").exit_code == 0
    assert re.search(r"PIN +pin .*not set", sscard("show", path).stdout)


def test_the_same_inputs_and_seed_give_the_same_card_byte_for_byte(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.sscard" for number in range(3)]
    for path, seed in zip(paths, ("a", "a", "b"), strict=True):
        assert sscard("issue", path, "--seed", seed).exit_code == 0
    one, same, other = map(cells, paths)
    assert one == same
    assert one != other, "another seed draws another serial"


def test_without_a_seed_every_card_has_a_serial_of_its_own(tmp_path: Path) -> None:
    atrs = {sscard("issue", tmp_path / f"{number}.sscard").stdout.split()[-1] for number in range(3)}
    assert len(atrs) == 3


def test_an_existing_file_is_not_replaced(image: Path) -> None:
    before = cells(image)
    assert refused(sscard("issue", image)) == f"{image}: the file exists already; --force replaces it"
    assert cells(image) == before


def test_force_replaces_a_card(image: Path) -> None:
    before = cells(image)
    assert sscard("issue", image, "--force", "--seed", "another").exit_code == 0
    assert cells(image) != before
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_force_makes_a_card_where_there_is_none(tmp_path: Path) -> None:
    assert sscard("issue", tmp_path / "new.sscard", "--force").exit_code == 0


def test_force_replaces_nothing_but_a_card(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    assert "this is not a card image" in refused(sscard("issue", path, "--force"))
    assert path.read_text() == "years of work"


def test_force_replaces_no_card_that_is_in_a_reader(in_use: Path) -> None:
    assert (
        refused(sscard("issue", in_use, "--force")) == f"{in_use}: another process has this card in use; end it first"
    )


def test_force_keeps_the_old_card_if_the_inputs_are_wrong(image: Path) -> None:
    before = cells(image)
    refused(sscard("issue", image, "--force", "--pin", "12"))
    assert cells(image) == before


def test_a_killed_process_leaves_nothing_of_the_old_card_in_the_new_one(image: Path) -> None:
    """Its last writes stand in a log beside the image; they belong to the card that is replaced."""
    script = (
        "import os, signal, sys; from pathlib import Path; from cardfs.memory.image import Image\n"
        "image = Image.open(Path(sys.argv[1])); at = next(iter(image.tries)); image.charge(at)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = child.run([sys.executable, "-c", script, image])
    assert killed.returncode == -signal.SIGKILL
    assert image.with_name("card.sscard-wal").stat().st_size
    assert sscard("issue", image, *SAME[2:], "--force", "--profile", "ssc-3.0").exit_code == 0
    new = Image.open(image)
    assert new.info.profile == "ssc-3.0"
    assert all(left == new.keys[at].tries_max for at, left in new.tries.items())
    new.close()


@pytest.mark.parametrize("command", [("blank", "{image}", "--profile", "ssc-1.0"), ("personalise", "ssc-1.0")])
def test_other_ways_to_a_card_refuse_what_its_type_has_not(tmp_path: Path, command: tuple[str, ...]) -> None:
    said = refused(sscard(*(each.format(image=tmp_path / "x") for each in command), "--with-financial"))
    assert said.startswith("--with-financial: ssc-1.0 has no financial environment; ")
    assert not (tmp_path / "x").exists()


BAD_ROOTS = '[roots]\nIRK = "12"\n'
INPUT_ERRORS: dict[str, tuple[tuple[str, ...], str]] = {
    "no such profile": (("--profile", "nope"), r"^nope: neither a file nor a shipped profile \(.*ssc-1\.0, "),
    "profile without sense": (("--profile", "{bad}"), r"^bad\.toml: .*line 1"),
    "no holder": (("--holder", "{folder}/nope.toml"), r"^.*/nope\.toml: No such file or directory$"),
    "holder is a folder": (("--holder", "{folder}"), r"Is a directory"),
    "holder is no TOML": (("--holder", "{bad}"), r"^bad\.toml: .*line 1"),
    "holder is no text": (("--holder", "{binary}"), r"^binary\.toml: not UTF-8 at byte 0; save it as UTF-8$"),
    "no roots": (("--roots", "{folder}/nope.toml"), r"^.*/nope\.toml: No such file or directory$"),
    "short root key": (("--roots", "{roots}"), r"^roots\.toml: roots\.IRK: write 32 hexadecimal digits"),
    "region": (("--region", "12"), r"^region: write six digits, not '12'$"),
    "serial": (("--serial", "zz"), r"^serial: write eight hexadecimal digits, not 'zz'$"),
    "PIN": (("--pin", "12a4"), r"^pin: a PIN has 4 to 16 digits$"),
    "card number": (("--card-number", "12"), r"^card_number: "),
    "date": (("--issue-date", "2024-13-01"), r"'--issue-date': '2024-13-01' is not a date YYYY-MM-DD"),
    "date in another form": (("--expiry-date", "20340101"), r"'--expiry-date': '20340101' is not a date YYYY-MM-DD"),
    "setting out of range": (
        ("--set", "settings.pin.tries=99"),
        r"^--set: settings\.pin\.tries: expected .* <= 15$",
    ),
    "no financial environment": (
        ("--profile", "ssc-1.0", "--with-financial"),
        r"^--with-financial: ssc-1\.0 has no financial environment; pboc, ssc-2\.0, ssc-2\.0-sm4, ssc-3\.0 have one$",
    ),
    "no financial environment, as a setting": (
        ("--profile", "ssc-1.0", "--set", 'settings.financial.kind="edep"'),
        r"^--set: settings\.financial\.kind: ssc-1\.0 has no financial environment; ",
    ),
    "no environment left": (
        ("--profile", "pboc", "--with-financial=none"),
        r"^--with-financial: pboc has nothing but the financial environment$",
    ),
    "no such setting": (("--set", "settings.pin.nope=1"), r"settings\.pin\.nope: no such setting$"),
    "setting of a similar name": (
        ("--set", "settings.pin.trys=3"),
        r"^--set: settings\.pin\.trys: no such setting; did you mean settings\.pin\.tries\?$",
    ),
    "section of a similar name": (
        ("--set", "settings.pni.tries=3"),
        r"pni: no such setting; did you mean settings\.pin\?$",
    ),
    "setting without its head": (
        ("--set", "pin.tries=3"),
        r"^--set: pin: unknown key; did you mean settings\.pin\.tries\?$",
    ),
    "nothing like a setting": (("--set", "zebra=3"), r"^--set: zebra: unknown key$"),
    "setting without value": (("--set", "nope"), r"^--set nope: the value is missing; write name=value$"),
    "setting that is no TOML": (
        ("--set", "a b=1"),
        r"^--set a b=1: this is no assignment; write name=value, as in TOML$",
    ),
    "no such element": (("--value", 'nam="x"'), r"^--value: nam: no such data element; did you mean 'name'\?$"),
    "element of a financial environment": (
        ("--value", "electronic_cash_balance=5"),
        r"^--value: electronic_cash_balance: no such data element; add it with --with-financial$",
    ),
    "element of no environment that it can have": (
        ("--profile", "ssc-1.0", "--value", "electronic_cash_balance=5"),
        r"^--value: electronic_cash_balance: no such data element(?!.*--with-financial)",
    ),
    "value of another type": (("--value", "name=7"), r"^--value: SSSE/EF06 holder_name: characters stand in"),
    "value too long": (
        ("--value", f"name={'测' * 60}"),
        r"^--value: SSSE/EF06 holder_name\w*: \d+ bytes in GB 18030",
    ),
    "two ways to nowhere": (("--value", "name"), r"^--value name: the value is missing; write name=value$"),
}


@pytest.mark.parametrize(("options", "sentence"), INPUT_ERRORS.values(), ids=INPUT_ERRORS)
def test_a_wrong_input_is_one_sentence_that_names_it(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    files = {name: tmp_path / f"{name}.toml" for name in ("bad", "binary", "roots")}
    files["bad"].write_text("= =")
    files["binary"].write_bytes(b"\xff\xff")
    files["roots"].write_text(BAD_ROOTS)
    path = tmp_path / "card.sscard"
    said = refused(sscard("issue", path, *(each.format(folder=tmp_path, **files) for each in options)))
    assert re.search(sentence, said), said
    assert not path.exists()


def test_an_image_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nope" / "card.sscard"
    assert refused(sscard("issue", path)) == f"{path}: the image cannot be written: no such file or directory"


# show -----------------------------------------------------------------------------------------------


def test_show_has_rules_and_both_languages_and_key_states(image: Path) -> None:
    shown = sscard("show", image).stdout
    assert re.search(r"EF06 +SFI 06 linear-variable +read free +update UKSSSE", shown)
    assert re.search(r"姓名 +holder_name +测试甲", shown)
    assert re.search(r"RKSSSE +0A +external-auth +3DES +3 +3 of 3 +active", shown)
    assert all(f"DF0{number}" in shown for number in range(1, 8))


def test_show_says_how_files_are_secured(tmp_path: Path) -> None:
    """Part 4, 8.1; as long as the setting is on."""
    (tmp_path / "city.toml").write_text(
        'extends = "ssc-2.0"\n[settings.sm]\nupdate_commands = "per-file"\nread_commands = "per-file"\n'
        '[[ef]]\nid = "DF01/EF05"\nsecured = { update = "mac+cipher", read = "mac" }\n'
        '[[ef]]\nid = "SSSE/EF06"\nsecured = true\n'
    )
    path = tmp_path / "city.sscard"
    assert sscard("issue", path, "--profile", tmp_path / "city.toml").exit_code == 0
    shown = sscard("show", path).stdout
    rules = r"EF05 +SFI 05 linear-variable +read PIN \| RK1DF01 with MAC +update UK1DF01 enciphered with MAC\n"
    assert re.search(rules, shown)
    assert re.search(r"EF06 +SFI 06 linear-variable +read free +update UKSSSE with MAC\n", shown)
    assert shown.count("with MAC") == 3
    off = ("--set", "settings.sm.update_commands=off", "--set", "settings.sm.read_commands=off")
    assert sscard("issue", path, "--profile", tmp_path / "city.toml", *off, "--force").exit_code == 0
    assert "with MAC" not in sscard("show", path).stdout


@pytest.mark.parametrize("profile", shipped_profiles())
def test_show_has_no_value_of_a_key(tmp_path: Path, profile: str) -> None:
    path = tmp_path / "card.sscard"
    pin = () if profile == "psam" else ("--pin", "75319842")
    assert sscard("issue", path, "--profile", profile, *pin).exit_code == 0
    shown = sscard("show", path).stdout.upper()
    card = Image.open(path, writable=False)
    for key in card.keys.values():
        assert key.value.hex().upper() not in shown, key.name
    card.close()


def test_show_tells_what_happened_to_the_counters(image: Path) -> None:
    wrong = f"{SELECT_SSSE}\n0020000003 999999\n"
    assert "63C2" in sscard("apdu", image, "--raw", stdin=wrong).stdout
    assert re.search(r"PIN +pin +1 +2 of 3 +set", sscard("show", image).stdout)


def test_show_works_beside_a_process_that_has_the_card(in_use: Path) -> None:
    assert "测试甲" in sscard("show", in_use).stdout


@pytest.mark.parametrize("command", ["show", "apdu", "insert"])
def test_a_bad_image_is_one_sentence(tmp_path: Path, command: str) -> None:
    missing, text, broken = (tmp_path / name for name in ("missing", "text", "broken"))
    text.write_text("not an image")
    assert sscard("issue", broken, *SAME).exit_code == 0
    broken.write_bytes(broken.read_bytes()[:9000])
    assert refused(process(command, missing)) == f"{missing}: there is no such image file"
    assert refused(process(command, text)).startswith(f"{text}: this is not a card image")
    assert refused(process(command, broken)).startswith(f"{broken}: ")


# What is read is no terminal ------------------------------------------------------------------------


def test_what_is_piped_is_not_cut_and_has_no_colours(image: Path) -> None:
    shown = process("show", image, env=child.environment(COLUMNS="40", TERM="xterm-256color")).stdout
    assert "\x1b" not in shown
    assert "\N{HORIZONTAL ELLIPSIS}" not in re.sub("[0-9A-F]{48}\N{HORIZONTAL ELLIPSIS}", "", shown)
    assert re.search("worker_certificate_date 2016-05-20, worker_certificate_number TEST000000000001 *$", shown, re.M)


def test_a_narrow_terminal_loses_nothing(image: Path) -> None:
    environment = child.environment(COLUMNS="30", FORCE_COLOR="1")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", process("show", image, env=environment).stdout)
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    assert "测" in shown
    assert max(map(len, shown.splitlines())) <= 30


def test_a_locale_without_chinese_shows_numbers(image: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name in ("LC_ALL", "PYTHONIOENCODING"):
        result = process("show", image, env={**bare, name: {"LC_ALL": "C"}.get(name, "latin-1")})
        assert (result.returncode, result.stderr) == (0, "")
        assert "\\u6d4b\\u8bd5\\u7532" in result.stdout
    wrong = process("issue", image.with_name("x"), "--value", "测=1", env=bare)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr


def test_the_plain_c_locale_shows_chinese(image: Path) -> None:
    result = process("show", image, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, encoding="utf-8")
    assert "测试甲" in result.stdout


@pytest.mark.parametrize("command", ["show {image}", "issue --list-profiles", "apdu --raw {image} {script}"])
def test_a_closed_pipe_is_no_error(image: Path, tmp_path: Path, command: str) -> None:
    script = tmp_path / "script"
    script.write_text("00A40000023F00\n" * 3000)
    pipe = f"set -o pipefail; {' '.join(SSCARD)} {command.format(image=image, script=script)} | true"
    result = child.run(["bash", "-c", pipe])
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_sentence(image: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = process("show", image, stdout=full)
    assert (result.returncode, result.stderr) == (2, "sscard: the output cannot be written: No space left on device\n")


# apdu -----------------------------------------------------------------------------------------------

SCRIPT = f"""
# a comment, and an empty line

{SELECT_SSSE[:8]} {SELECT_SSSE[8:]}   # SELECT by name
00C0000000
 00 b2 01 2c 00
reset
00b2012c00
"""


def test_a_script_runs_with_resets_and_comments(image: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    lines = sscard("apdu", image, script, "--raw").stdout.splitlines()
    assert [line.split(" > ")[0] for line in lines] == [SELECT_SSSE, "00C0000000", "00B2012C00", "00B2012C00"]
    answers = [line.split(" > ")[1] for line in lines]
    assert answers[0].startswith("61")
    assert answers[1].startswith("6C"), "an answer of another length than Le says is not cut"
    assert answers[2].startswith("6C")
    assert answers[3] == "6A82", "after the reset the MF is current"


def test_a_script_comes_from_standard_input(image: Path) -> None:
    assert (
        sscard("apdu", image, "--raw", stdin=SELECT_SSSE).stdout
        == sscard("apdu", image, "-", "--raw", stdin=SELECT_SSSE).stdout
    )
    assert process("apdu", image, "--raw", stdin=None, input=SELECT_SSSE).stdout.startswith(SELECT_SSSE)


def test_the_trace_says_what_happens(image: Path) -> None:
    shown = sscard("apdu", image, stdin=f"{SELECT_SSSE}\n00B2010C00\n0020000003123456\nreset\n").stdout
    for words in (
        "SELECT",
        "sx1.sh.",
        "bytes wait for GET RESPONSE (Part 2, 9.3.2)",
        "VERIFY",
        "PIN masked",
        "power on",
    ):
        assert words in shown, words
    assert "123456" not in shown.replace("0123456", "")


def test_a_refusal_comes_with_its_reason(image: Path) -> None:
    shown = sscard("apdu", image, stdin=f"{SELECT_SSSE}\n00A4000002DF04\n00B2014400\n").stdout
    assert "6982 security status not satisfied (Part 5, table 5)" in shown
    assert "why: DF04/EF08 read needs PIN; proven: nothing" in shown


def test_json_lines_are_written_beside(image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    for _ in range(2):
        assert (
            sscard("apdu", image, "--raw", "--trace", trace, stdin=f"{SELECT_SSSE}\nreset\n0020000003999999").exit_code
            == 0
        )
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["command", "power off", "power on", "command"] * 2, "appended"
    assert "999999" not in trace.read_text()


@pytest.mark.parametrize("line", ["0", "00A", "zz", "00 A4 0g", "0x00A4", "00;A4"])
def test_bad_hex_is_named_with_file_and_line_before_anything_runs(image: Path, tmp_path: Path, line: str) -> None:
    script = tmp_path / "script"
    script.write_text(f"# one\n{SELECT_SSSE}\n0020000003999999\n{line} # bad\n")
    before = cells(image)
    assert refused(sscard("apdu", image, script)) == f"{script}: line 4: write hex digits, two for each byte"
    assert cells(image) == before


def test_a_script_that_is_no_text_is_one_sentence(image: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"\xff\xff\x00")
    assert refused(sscard("apdu", image, script)) == f"{script}: not UTF-8 at byte 0; save it as UTF-8"
    assert "No such file" in refused(sscard("apdu", image, tmp_path / "nope"))


@pytest.mark.parametrize("command", ["apdu", "insert", "exec", "demo"])
def test_a_trace_that_cannot_be_written_is_one_sentence(image: Path, command: str) -> None:
    trace = image.parent / "nope" / "trace"
    arguments = (
        ["exec", "--card", image, "--trace", trace, "true"] if command == "exec" else [command, image, "--trace", trace]
    )
    assert refused(process(*arguments)) == f"{trace}: the trace cannot be written: No such file or directory"


def test_a_short_fragment_is_answered_like_anything(image: Path) -> None:
    assert sscard("apdu", image, "--raw", stdin="00\n0000\n").stdout == "00 > 6700\n0000 > 6700\n"


def test_what_a_script_changes_stays(image: Path) -> None:
    verify = f"{SELECT_SSSE}\n0020000003999999\n"
    assert [sscard("apdu", image, "--raw", stdin=verify).stdout[-5:-1] for _ in range(4)] == [
        "63C2",
        "63C1",
        "63C0",
        "6983",
    ]


# insert ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["apdu", "insert", "exec"])
def test_an_image_in_use_is_said(in_use: Path, command: str) -> None:
    arguments = ["exec", "--card", in_use, "true"] if command == "exec" else [command, in_use]
    assert refused(process(*arguments)) == f"{in_use}: another process has this card in use; end it first"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_inserted_card_answers_and_is_pulled_by_a_signal(image: Path, number: signal.Signals) -> None:
    reader = Reader(image)
    reader.send(b"\x01")
    assert reader.ask(b"\x04").hex().upper().startswith("3B6D")
    assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
    status, output, errors = reader.end(number)
    assert (status, errors) == ((130, "sscard: interrupted\n") if number is signal.SIGINT else (0, ""))
    assert "in the reader at 127.0.0.1" in output
    assert "SELECT" in output
    sscard("show", image)


def test_a_quiet_card_says_nothing(image: Path) -> None:
    reader = Reader(image, "--quiet")
    reader.ask(bytes.fromhex(SELECT_SSSE))
    assert reader.end(signal.SIGTERM) == (0, "", "")


def test_the_live_trace_masks_the_pin_and_is_written_when_the_card_is_pulled_at_once(
    image: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    reader = Reader(image, "--trace", str(trace))
    reader.ask(bytes.fromhex(SELECT_SSSE))
    assert reader.ask(bytes.fromhex("0020000003123456")) == b"\x90\x00"
    _, output, _ = reader.end(signal.SIGTERM)
    assert "VERIFY" in output
    assert "0020000003******" in output
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert [event["name"] for event in events if event["kind"] == "command"] == ["SELECT", "VERIFY"]
    assert [event["apdu"] for event in events if event["kind"] == "command"][1] == "0020000003******"


def test_the_trace_is_shown_while_the_card_is_in_use(image: Path) -> None:
    reader = Reader(image)
    reader.ask(bytes.fromhex(SELECT_SSSE))
    output = reader.process.stdout
    assert output is not None
    assert any("SELECT" in line for line in output), "before the process ends"
    reader.end(signal.SIGTERM)


def test_a_card_stays_in_the_reader_when_nobody_reads_its_trace(image: Path) -> None:
    reader = Reader(image)
    assert reader.process.stdout is not None
    reader.process.stdout.close()
    for _ in range(50):
        assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
        time.sleep(0.01)
    reader.process.stdout = None
    assert reader.end(signal.SIGTERM)[::2] == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_card_stays_in_the_reader_when_its_trace_file_is_full(image: Path) -> None:
    reader = Reader(image, "--quiet", "--trace", "/dev/full")
    for _ in range(30):
        assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
        time.sleep(0.01)
    assert reader.end(signal.SIGTERM) == (0, "", "sscard: /dev/full: the trace ends here: No space left on device\n")


def test_no_reader_is_waited_for_and_said_once(image: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [*SSCARD, "insert", image, "--port", port]
    with child.start(command, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        line = waiting.stdout.readline()
        assert f"no reader listens at 127.0.0.1:{port} (Connection refused): waiting" in line
        time.sleep(0.5)
        waiting.terminate()
        assert waiting.stdout.read() == ""
    assert waiting.returncode == 0


def test_every_authentication_of_the_demo_keys_goes_through_the_command_line(image: Path) -> None:
    """The crypto is an independent one: the card was issued with the demo roots, region and serial."""
    assert HISTORICAL.hex().upper() in sscard("show", image).stdout
    reader = Reader(image, "--quiet")
    reader.ask(bytes.fromhex(SELECT_SSSE))
    challenge = reader.ask(bytes.fromhex("0084000008"))[:-2]
    proof = Reference("3DES").auth(reference_key("RKSSSE", "3DES"), challenge, ORIGINAL)
    assert reader.ask(bytes.fromhex("0082000A10") + proof + ORIGINAL) == b"\x90\x00"
    reader.end(signal.SIGTERM)


# exec, read and doctor ------------------------------------------------------------------------------


def test_exec_names_a_missing_image_before_it_builds_anything(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert refused(process("exec", "--card", missing, "--", "true")) == f"{missing}: there is no such image file"


def test_exec_takes_an_image_once(image: Path) -> None:
    """A link to it is the same card."""
    link = image.with_name("link.sscard")
    link.symlink_to(image)
    sentence = "named twice; a card can be in one slot only"
    assert refused(process("exec", "--card", image, "--psam", image, "--", "true")) == f"{image}: {sentence}"
    assert refused(process("exec", "--card", image, "--card", link, "--", "true")) == f"{link}: {sentence}"


def test_exec_needs_a_command() -> None:
    assert refused(process("exec")) == "Missing argument 'COMMAND...'; see sscard exec --help"


def test_read_names_a_missing_roots_file(tmp_path: Path) -> None:
    missing = tmp_path / "nope.toml"
    assert refused(process("read", "--roots", missing)) == f"{missing}: No such file or directory"


def test_read_without_a_pcsc_service_is_one_sentence(tmp_path: Path) -> None:
    nowhere = child.environment(PCSCLITE_CSOCK_NAME=str(tmp_path / "nobody.comm"))
    assert refused(process("read", env=nowhere)) == "no PC/SC service answers: start pcscd, or use `sscard exec`"


def test_raw_output_masks_what_the_trace_masks(image: Path) -> None:
    printed = sscard("apdu", image, "--raw", stdin=SELECT_SSSE + "\n0020000003 739154").stdout
    assert "0020000003******" in printed
    assert "739154" not in printed


@pytest.mark.parametrize("value", ['name="王五"', 'holder_name="王五"', 'SSSE.EF06.holder_name="王五"'])
def test_a_value_takes_the_place_of_the_holders_however_it_is_named(value: str, tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    assert sscard("issue", path, "--value", value).exit_code == 0
    shown = sscard("show", path).stdout
    assert "王五" in shown
    assert "测试甲" not in shown


def test_the_built_in_holder_fits_a_variant_with_fewer_files(tmp_path: Path) -> None:
    profile = tmp_path / "small.toml"
    profile.write_text('extends = "ssc-2.0"\nname = "small"\n[[df]]\nid = "DF04"\nremove = true\n')
    assert sscard("issue", tmp_path / "card.sscard", "--profile", profile).exit_code == 0


def test_the_pin_of_a_locked_card_is_shown_as_dead(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    with closing(Image.open(path)) as image:
        change = image.begin()
        change.kill_keys(image.dfs)
        change.commit()
    row = next(line for line in sscard("show", path).stdout.splitlines() if " PIN " in line and " pin " in line)
    assert row.rstrip().endswith("dead")
