"""What people write in files: encodings of other systems, other formats, and more than anybody means."""

import itertools
import pickle
from pathlib import Path

import pytest

from cardfs.model.errors import DamagedImage, LogError
from cardfs.model.rules import MAX_ALTERNATIVES, RuleSyntax, parse_rule
from cardfs.model.settings import Settings
from cardfs.profile.inputs import (
    IssueError,
    Misfit,
    NoSuchElement,
    TomlWrong,
    convert,
    parse_toml,
    read_document,
    read_text,
)
from keys.records import KeyRef
from tests.kit.cli import refused, sscard

HOLDER = '[holder]\nname = "测试甲"\n'


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (HOLDER.encode("gbk"), "this is GBK; save it as UTF-8"),
        (HOLDER.encode("gb18030"), "this is GBK; save it as UTF-8"),
        (HOLDER.encode("utf-16"), "this is UTF-16; save it as UTF-8"),
        (b'name = "\xff\xff"', "not UTF-8 at byte 8; save it as UTF-8"),
        ("姓名,性别\n测试甲,1\n".encode(), "this is a table with commas (CSV), no TOML file; write name = "),
        (b"a = " + b"[" * 2000 + b"]" * 2000, "nested deeper than 16 levels"),
        (b"a = " + b"[" * 17 + b"]" * 17, "nested deeper than 16 levels"),
        (b"a = " + b"{ a = " * 400 + b"1" + b"}" * 400, "nested deeper than 16 levels"),
        (b".".join([b"a"] * 3000) + b" = 1", "nested deeper than 16 levels"),
        (b"a = " + b"9" * 5000, "a number has too many digits"),
    ],
)
def test_a_file_that_cannot_be_meant_is_one_sentence(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "holder.toml"
    path.write_bytes(data)
    with pytest.raises(IssueError) as error:
        read_document(path, IssueError)
    assert str(error.value).startswith(f"holder.toml: {says}")
    assert refused(sscard("issue", tmp_path / "x.sscard", "--holder", path)) == str(error.value)
    assert not (tmp_path / "x.sscard").exists()


def test_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(b"\xef\xbb\xbf" + HOLDER.encode())
    assert read_document(path, IssueError).data == {"holder": {"name": "测试甲"}}
    assert read_text(path, IssueError) == HOLDER


@pytest.mark.parametrize("deep", ["[" * 2000 + "]" * 2000, "9" * 5000])
def test_an_option_takes_no_more_than_a_file(deep: str, tmp_path: Path) -> None:
    said = refused(sscard("issue", tmp_path / "x.sscard", "--set", f"settings.pin.tries={deep}"))
    assert len(said) < len(deep) + 200


def test_sixteen_levels_are_enough() -> None:
    assert parse_toml("a = " + "[" * 15 + "]" * 15)
    with pytest.raises(TomlWrong, match="Invalid value"):
        parse_toml("a = ")


@pytest.mark.parametrize(
    ("encoding", "says"), [("utf-8-sig", ""), ("gbk", "this is GBK; save it as UTF-8"), ("utf-16", "this is UTF-16")]
)
def test_a_script_of_commands_is_read_in_the_same_way(encoding: str, says: str, tmp_path: Path) -> None:
    image, script = tmp_path / "card.sscard", tmp_path / "script.apdu"
    assert sscard("issue", image).exit_code == 0
    script.write_bytes("00A40000023F00 # 选择主文件\n".encode(encoding))
    result = sscard("apdu", image, script, "--raw")
    if not says:
        assert result.exit_code == 0
        assert result.stdout.count(">") == 1
        return
    assert refused(result).startswith(f"{script}: {says}")


# -- rules ---------------------------------------------------------------------------------------


def resolve(name: str) -> KeyRef:
    """Every name is a key."""
    return KeyRef("3F00", name)


def test_a_rule_that_says_the_same_many_times_is_read_at_once() -> None:
    assert parse_rule(" & ".join(["(PIN | UK1)"] * 60), resolve).text == "PIN | UK1"


def test_a_long_rule_means_what_it_says() -> None:
    """Against the truth table of the expression."""
    text = "(A | B) & (B | C) & (C | D) & (A | D & B) | E & (A | C)"
    rule = parse_rule(text, resolve)
    python = text.replace("|", " or ").replace("&", " and ")
    for size in range(6):
        for proven in itertools.combinations("ABCDE", size):
            wanted = eval(python, {}, {name: name in proven for name in "ABCDE"})  # noqa: S307 - the text above
            assert rule.holds({resolve(name) for name in proven}) == wanted, proven


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" & ".join(f"(A{at} | B{at})" for at in range(24)), f"at most {MAX_ALTERNATIVES} ways"),
        (" | ".join(f"A{at}" for at in range(MAX_ALTERNATIVES + 1)), f"at most {MAX_ALTERNATIVES} ways"),
        ("(" * 17 + "A" + ")" * 17, "at most 16 brackets within each other"),
        ("(" * 400 + "A" + ")" * 400, "at most 16 brackets within each other"),
        ("A & " * 400 + "A", "at most 1000 characters, this one has 1601"),
    ],
)
def test_a_rule_that_nobody_means_is_refused_at_once(text: str, says: str) -> None:
    with pytest.raises(RuleSyntax, match=says):
        parse_rule(text, resolve)
    assert parse_rule(" | ".join(f"A{at}" for at in range(MAX_ALTERNATIVES)), resolve)


def test_errors_carry_what_their_sentences_are_made_of() -> None:
    """Whoever shows an error builds a sentence from its fields, and takes none apart; a copy is the same error."""
    wrong = IssueError("region", "write six digits")
    missing = NoSuchElement("--value: pohne", "pohne", "; did you mean 'phone'?")
    damaged = DamagedImage("a.sscard", "1 try is left of 0", "tries 3F00#PIN.1")
    assert (wrong.place, wrong.reason, str(wrong)) == (
        "region", "write six digits", "region: write six digits",
    )  # fmt: skip
    assert (missing.name, str(missing)) == ("pohne", "--value: pohne: no such data element; did you mean 'phone'?")
    assert str(damaged) == "a.sscard: the image is damaged: tries 3F00#PIN.1: 1 try is left of 0"
    for error in (wrong, missing, damaged, LogError("a.sscard", "the log is missing")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"pin": {"tries": "many"}}, (".pin.tries", "pin", "", "", "")),
        ({"pin": {"trials": 3}}, (".pin", "pin", "trials", "", "")),
        ({"status": {"no_such": "6985"}}, (".status", "status", "", "", "no_such")),
        ({"nothing": 1}, ("", "", "nothing", "", "")),
    ],
)
def test_what_does_not_fit_its_type_is_said_in_fields(data: dict[str, object], found: tuple[str, ...]) -> None:
    with pytest.raises(Misfit) as error:
        convert(data, Settings)
    wrong = error.value
    assert (wrong.path, wrong.key, wrong.unknown, wrong.missing, wrong.bad_key) == found
