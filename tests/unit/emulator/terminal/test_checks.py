"""Whether a card may be used at a terminal (Part 7, 5.4; Part 8, 7): every check, off, as a warning, as a refusal."""

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cardfs.model.files import CardContents
from cardfs.profile.inputs import InputError
from emulator.cli import main
from emulator.terminal import TerminalError, load_black_list, pcsc
from emulator.terminal.checks import BlackList
from tests.kit.card import PIN, SSSE, contents
from tests.kit.terminal import CARD, CARD_NUMBER, IDENTIFICATION, INFO, PAYMENT, TerminalBench, settings

EXPIRED = datetime.date(2034, 1, 2)
LAST_DAY = datetime.date(2034, 1, 1)
FIRST_DAY = datetime.date(2024, 1, 1)
NOT_YET = datetime.date(2023, 12, 31)


def card(tag: int, value: bytes | None, profile: str = "ssc-2.0") -> CardContents:
    """A demo card with another value in an element of the issuer's file; None: the records end before it."""
    made = contents(profile)
    records = made.contents[f"{SSSE}/EF05"]
    assert isinstance(records, tuple)
    before, after = records[: tag - 1], records[tag:]
    changed = before if value is None else (*before, bytes((tag, len(value))) + value, *after)
    return replace(made, contents={**made.contents, f"{SSSE}/EF05": changed})


def listed(folder: Path, text: str) -> str:
    path = folder / "black.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


CHECKS: dict[str, tuple[Callable[[str, Path], TerminalBench], int, str]] = {
    "validity": (
        lambda how, _: TerminalBench(settings=settings(card_check=how), today=EXPIRED),
        -27013,
        "the card expired on 2034-01-01 (today is 2034-01-02)",
    ),
    "black-list": (
        lambda how, folder: TerminalBench(settings=settings(card_check=how, black_list=listed(folder, INFO))),
        -27013,
        "the card is on the black list",
    ),
    "institution": (
        lambda how, _: TerminalBench(settings=settings(card_check=how, institutions="9156000002330100 915600000211")),
        -27013,
        "the terminal does not support cards of the institution 915600000251990051990001",
    ),
    "category": (
        lambda how, _: TerminalBench(settings=settings(card_check=how, categories="12")),
        -1,
        "the terminal does not support cards of category 3",
    ),
    "version": (
        lambda how, _: TerminalBench(settings=settings(card_check=how, versions="1.0 3.0")),
        -1,
        "the terminal does not support cards of version 2.0",
    ),
}


@pytest.mark.parametrize("how", ["off", "warn", "refuse"])
@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_silent_warns_or_refuses(check: str, how: str, tmp_path: Path) -> None:
    make, code, text = CHECKS[check]
    bench = make(how, tmp_path)
    before = bench.cells()
    answer = bench.call("iReadCardBas", 3)
    if how == "refuse":
        assert answer[0] == code
        assert answer[1] == {-1: "卡类型不对", -27013: "不满足使用条件、应用被锁定、应用未选择、余额上溢"}[code]
        assert bench.cells() == before
        assert not any(sent.startswith(("0088", "0082", "0020")) for sent in bench.user.sent)
    else:
        assert answer == (0, TerminalBench().ok("iReadCardBas", 3))
    found = [(each.check, each.text, each.code) for each in bench.terminal.findings]
    assert found == ([(check, text, code)] if how == "warn" else [])


FUNCTIONS: dict[str, Callable[[TerminalBench], object]] = {
    "iReadCardBas_HSM_Step1": lambda bench: bench.terminal.read_basic_hsm_step1(),
    "iReadCard": lambda bench: bench.terminal.read(INFO, "DF01EF05|20|$"),
    "iReadCard_HSM_Step1": lambda bench: bench.terminal.read_hsm_step1(INFO, "DF04EF06|90|$"),
    "iWriteCard": lambda bench: bench.terminal.write(INFO, "DF01EF07|29|$", "DF01EF07|2|$"),
    "iWriteCard_HSM_Step1": lambda bench: bench.terminal.write_hsm_step1(INFO, "DF01EF07|29|$"),
    "iVerifyPIN": lambda bench: bench.terminal.verify_pin(),
    "iChangePIN": lambda bench: bench.terminal.change_pin(),
    "iReloadPIN": lambda bench: bench.terminal.reload_pin(INFO),
    "iReloadPIN_HSM_Step1": lambda bench: bench.terminal.reload_pin_hsm_step1(INFO),
    "iUnblockPIN": lambda bench: bench.terminal.unblock_pin(INFO),
    "iUnblockPIN_HSM_Step1": lambda bench: bench.terminal.unblock_pin_hsm_step1(INFO),
    "iDoDebit": lambda bench: bench.terminal.debit(INFO, PAYMENT),
    "iDoDebit_HSM_Step1": lambda bench: bench.terminal.debit_hsm_step1(INFO, PAYMENT),
    "iReadDebitRecord": lambda bench: bench.terminal.read_debit_records(),
    "load": lambda bench: bench.terminal.load(INFO, "1.00", lambda text: bench.hsm.load(text, CARD, "20240131121500")),
    "balance": lambda bench: bench.terminal.balance(),
    "identify": lambda bench: bench.terminal.identify(),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_checks_the_card_before_it_does_anything(function: str) -> None:
    """Part 7, 5: the checks come before every trade, reading and writing."""
    bench = TerminalBench(settings=settings(card_check="refuse"), today=EXPIRED)
    before = bench.cells()
    with pytest.raises(TerminalError, match=r"^the card expired on 2034-01-01 \(today is 2034-01-02\)$") as caught:
        FUNCTIONS[function](bench)
    assert caught.value.code == -27013
    assert bench.cells() == before
    assert bench.prompts == []
    bench.no_power()


def test_an_expired_card_pays_with_a_warning_and_its_trade_can_be_proven() -> None:
    bench = TerminalBench(today=EXPIRED)
    bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert [each.check for each in bench.terminal.findings] == ["validity"]
    bench.terminal.settings = settings(card_check="refuse")
    # Part 7, 14: what is asked for is a trade that is done.
    assert bench.terminal.proof(INFO, "2", "0000").text.count("|") == 2
    assert bench.terminal.findings == ()


@pytest.mark.parametrize("today", [FIRST_DAY, LAST_DAY])
def test_the_first_and_the_last_day_are_days_of_use(today: datetime.date) -> None:
    bench = TerminalBench(today=today)
    bench.ok("iReadCardBas", 3)
    assert bench.terminal.findings == ()


@pytest.mark.parametrize(
    ("made", "today", "text"),
    [
        (None, NOT_YET, "the card is not valid before 2024-01-01 (today is 2023-12-31)"),
        (card(0x06, b"\xff" * 4), FIRST_DAY, "the card has no date of expiry"),
        (card(0x06, bytes.fromhex("20240230")), FIRST_DAY, "the card has no date of expiry"),
        (card(0x06, None), FIRST_DAY, "the card has no date of expiry"),
        (card(0x02, b"\0"), FIRST_DAY, "the terminal does not support cards of category none"),
        (card(0x02, b"7"), FIRST_DAY, "the terminal does not support cards of category 7"),
    ],
)
def test_what_a_card_says_of_itself_is_told(made: CardContents | None, today: datetime.date, text: str) -> None:
    bench = TerminalBench(user=made, today=today)
    bench.terminal.identify()
    assert [each.text for each in bench.terminal.findings] == [text]


def test_a_card_that_names_no_version_is_one_of_1_0() -> None:
    """Terminal interface, 10.2."""
    made = card(0x03, b"\0\0\0\0", "ssc-1.0")
    for versions, found in (("1.0", []), ("2.0", ["the terminal does not support cards of version 1.0"])):
        bench = TerminalBench(user=made, settings=settings(versions=versions))
        bench.terminal.identify()
        assert [each.text for each in bench.terminal.findings] == found


def test_another_card_is_refused_as_such_first() -> None:
    bench = TerminalBench(settings=settings(card_check="refuse"), today=EXPIRED)
    assert bench.call("iReadCard", 3, 1, INFO.replace("A0", "B0"), "DF01EF05|20|$")[0] == -22


def test_all_that_was_found_is_in_the_refusal() -> None:
    bench = TerminalBench(settings=settings(card_check="refuse", categories="1"), today=EXPIRED)
    error = bench.fails(bench.terminal.verify_pin)
    assert str(error) == (
        "the terminal does not support cards of category 3; the card expired on 2034-01-01 (today is 2034-01-02)"
    )
    assert error.code == -1


# The black list (Part 8, 7) -------------------------------------------------------------------------

OTHER = IDENTIFICATION.replace("01AC", "01AD")


@pytest.mark.parametrize(
    ("line", "on"),
    [
        (f"{IDENTIFICATION}|{CARD_NUMBER}|", True),
        (f"{IDENTIFICATION.lower()}||", True),
        (f"|{CARD_NUMBER}|  # lost", True),
        ("A00004282-A00004282", True),
        ("A00004000-A00004999", True),
        (f"{OTHER}|{CARD_NUMBER}|", False),
        (f"{IDENTIFICATION}|A00004283|", False),
        ("A00004283-A00009999", False),
        ("B00004000-B00004999", False),
        ("A0000-A9999", False),
        ("# nobody", False),
    ],
)
def test_a_card_is_on_the_list_by_code_and_number_or_in_a_range(line: str, on: bool, tmp_path: Path) -> None:
    black_list = load_black_list(Path(listed(tmp_path, f"\ufeff# cards that are lost\n\n{line}\n")))
    assert black_list.has(IDENTIFICATION, CARD_NUMBER) is on
    assert BlackList().has(IDENTIFICATION, CARD_NUMBER) is False


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\nA1\n",
            "black.txt, line 2: 'A1' is not a record: "
            "write 'identification code|card number|' or 'first number-last number'",
        ),
        ("12|A00000001|", "black.txt, line 1: '12|A00000001|': an identification code has 32 hexadecimal digits"),
        ("||", "black.txt, line 1: '||': an identification code has 32 hexadecimal digits"),
        ("A2-A1", "black.txt, line 1: A2-A1 is not a range: write the first and the last card number, equally long"),
        ("A1-A11", "black.txt, line 1: A1-A11 is not a range: write the first and the last card number, equally long"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_black_list(Path(listed(tmp_path, text)))
    assert str(caught.value) == sentence


def test_a_list_that_is_missing_or_no_utf_8_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.txt: No such file or directory$"):
        load_black_list(tmp_path / "no.txt")
    (tmp_path / "gbk.txt").write_bytes("丢失|A00000001|".encode("gbk"))
    with pytest.raises(InputError, match=r"^gbk\.txt: not UTF-8 at byte 0; save it as UTF-8$"):
        load_black_list(tmp_path / "gbk.txt")


# The command line -----------------------------------------------------------------------------------


@pytest.fixture(name="terminal")
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`sscard terminal` with a card and a PSAM in process."""
    bench = TerminalBench()

    def found(*_: object, **__: object) -> pcsc.Readers:
        return pcsc.Readers(bench.terminal._readers[1], bench.terminal._psam, None)  # type: ignore[arg-type]

    monkeypatch.setattr(pcsc, "find_readers", found)
    return lambda *arguments: CliRunner().invoke(main, ["terminal", *arguments, "--pin", PIN])


WARNING = "the card expired on 2034-01-01 (today is 2034-02-01)"


def test_a_warning_is_seen_and_can_be_read_by_programs(terminal: Callable[..., Result]) -> None:
    done = terminal("balance", "--raw", "--date", "2034-02-01")
    assert (done.exit_code, done.stdout) == (0, "0.00|0.00|0.00|\n")
    assert done.stderr == f"warning: {WARNING}\n"
    for function in (("balance",), ("debit", "1.00"), ("verify-pin",)):
        document = json.loads(terminal(*function, "--json", "--date", "2034-02-01").stdout)
        assert (document["code"], document["warnings"]) == (0, [{"check": "validity", "text": WARNING}])
    assert "warnings" not in json.loads(terminal("balance", "--json").stdout)
    assert terminal("balance", "--raw").stderr == ""


def test_a_function_that_fails_has_warned_before(terminal: Callable[..., Result]) -> None:
    done = terminal("read", "DF01EF7F|$", "--json", "--date", "2034-02-01")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"warning: {WARNING}\nsscard: -27266 ")
    document = json.loads(done.stdout)
    assert (document["code"], document["warnings"][0]["check"]) == (-27266, "validity")


def test_a_refusal_is_an_error_of_the_function(terminal: Callable[..., Result]) -> None:
    options = ("--date", "2034-02-01", "--set", "terminal.card_check=refuse")
    done = terminal("debit", "1.00", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"sscard: -27013 不满足使用条件、应用被锁定、应用未选择、余额上溢: {WARNING}\n"
    assert json.loads(terminal("balance", *options, "--json").stdout)["code"] == -27013
    quiet = terminal("balance", "--raw", "--date", "2034-02-01", "--set", "terminal.card_check=off")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_options_that_cannot_be_used_are_one_sentence(terminal: Callable[..., Result], tmp_path: Path) -> None:
    wrong = terminal("balance", "--date", "01.02.2034")
    assert (wrong.exit_code, wrong.stderr) == (2, "sscard: --date: '01.02.2034' is not a date YYYY-MM-DD\n")
    path = listed(tmp_path, "nobody")
    done = terminal("balance", "--set", f"terminal.black_list={path}")
    assert done.exit_code == 2
    assert done.stderr.startswith("sscard: black.txt, line 1: 'nobody' is not a record")
    assert terminal("balance", "--set", "terminal.card_check=maybe").exit_code == 2
