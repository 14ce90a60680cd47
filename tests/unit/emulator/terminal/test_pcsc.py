"""The reader library's codes (Part 8, table A1.2) from what PC/SC says, and the command line over readers."""

import json
import shlex
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from emulator.cli import main
from emulator.cli.helping import HELP
from emulator.terminal import Hsm, InProcess, Settings, TerminalError, pcsc
from tests.kit.card import PIN
from tests.kit.terminal import INFO, TERMINAL_NUMBER, TIME, TerminalBench, psam_contents, roots_without

PCSC_CODES = {
    0x80100069: (-2, "removed"),
    0x8010000C: (-2, "no card"),
    0x80100067: (-3, "no power"),
    0x80100066: (-4, "unresponsive"),
    0x80100016: (-4, "not transacted"),
    0x80100065: (-1, "unsupported card"),
    0x8010000F: (-1, "protocol"),
    0x80100009: (-11, "unknown reader"),
    0x8010000B: (-11, "another program has it"),
    0x8010001D: (-11, "no service"),
    0x80100003: (-12, "no handle"),
    0x8010001F: (-13, "unsupported feature"),
    0x80100004: (-14, "parameter"),
    0x8010002F: (-15, "data lost"),
    0x80100013: (-15, "communication"),
    0x80109999: (-11, "anything else"),
}


class Library:
    """A PC/SC library whose calls fail as told."""

    SCARD_SCOPE_USER = SCARD_PROTOCOL_T0 = SCARD_PROTOCOL_T1 = SCARD_SHARE_SHARED = 1
    SCARD_UNPOWER_CARD = SCARD_LEAVE_CARD = 0

    def __init__(self, code: int, failing: str) -> None:
        self.code = code - (1 << 32)
        self.failing = failing
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, tuple[Any, ...]] = {
            "SCardEstablishContext": (7,),
            "SCardConnect": (8, 1),
            "SCardReconnect": (1,),
            "SCardStatus": ("name", 0, 1, [0x3B, 0x00]),
            "SCardTransmit": ([0x90, 0x00],),
            "SCardListReaders": (["one"],),
        }

        def call(*_: Any) -> Any:
            self.called.append(name)
            if name == "SCardGetErrorMessage":
                return "as PC/SC says."
            code = self.code if name == self.failing else 0
            return code if name not in answers else (code, *answers[name])

        return call


@pytest.mark.parametrize(("code", "expected"), PCSC_CODES.items(), ids=[why for _, why in PCSC_CODES.values()])
@pytest.mark.parametrize("failing", ["SCardConnect", "SCardReconnect", "SCardBeginTransaction", "SCardTransmit"])
def test_a_result_of_pcsc_has_a_code_of_the_reader_library(
    monkeypatch: pytest.MonkeyPatch, code: int, expected: tuple[int, str], failing: str
) -> None:
    library = Library(code, failing)
    monkeypatch.setattr(pcsc, "library", lambda: library)

    def use() -> bytes:
        return pcsc.PcscReader("one").open().transmit(b"\x00\xa4\x00\x00")

    with pytest.raises(TerminalError) as caught:
        use()
    assert caught.value.code == expected[0]
    assert str(caught.value)
    # What was opened is let go of, unless the card is only lost.
    assert ("SCardReleaseContext" in library.called) is (failing != "SCardTransmit")
    assert ("SCardDisconnect" in library.called) is (failing in ("SCardReconnect", "SCardBeginTransaction"))


def test_a_library_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "smartcard", None)
    with pytest.raises(TerminalError, match="the PC/SC library cannot be loaded") as caught:
        pcsc.reader_names()
    assert (caught.value.code, caught.value.text) == (-5, "加载动态库错")


class Shelf:
    """A PC/SC library with readers, some with a card."""

    SCARD_SCOPE_USER = SCARD_STATE_UNAWARE = 0
    SCARD_STATE_PRESENT = 0x20

    def __init__(self, readers: dict[str, bool]) -> None:
        self.readers = readers

    def SCardEstablishContext(self, _scope: int) -> list[int]:  # noqa: N802
        return [0, 7]

    def SCardReleaseContext(self, _context: int) -> int:  # noqa: N802
        return 0

    def SCardListReaders(self, _context: int, _groups: list[str]) -> list[Any]:  # noqa: N802
        return [0, list(self.readers)]

    def SCardGetStatusChange(self, _context: int, _limit: int, asked: list[tuple[str, int]]) -> list[Any]:  # noqa: N802
        return [0, [(name, 0x20 if self.readers[name] else 0x10, []) for name, _ in asked]]


@pytest.mark.parametrize(
    ("readers", "found"),
    [
        ({"Virtual 1": False, "Other": True}, "Virtual 1"),
        ({"Virtual 0": False, "Virtual 1": True}, "Virtual 1"),
        ({"Virtual 0": True, "Virtual": False}, "Virtual"),
    ],
    ids=["the only one that begins so", "the only one of them with a card", "the whole name"],
)
def test_a_reader_is_found_by_the_beginning_of_its_name(readers: dict[str, bool], found: str) -> None:
    assert pcsc.reader_named("Virtual", Shelf(readers)) == found


@pytest.mark.parametrize("full", [True, False])
def test_several_readers_that_begin_so_are_listed(monkeypatch: pytest.MonkeyPatch, *, full: bool) -> None:
    shelf = Shelf({"Virtual 0": full, "Virtual 1": full, "Other": True})
    sentence = "PC/SC shows several readers that begin with 'Virtual': 'Virtual 0', 'Virtual 1'; name one"
    monkeypatch.setattr(pcsc, "library", lambda: shelf)
    for ask in (
        lambda: pcsc.reader_named("Virtual"),
        lambda: pcsc.find_readers("Virtual", None, Settings()),
        lambda: pcsc.find_readers("Other", "Virtual", Settings()),
        lambda: pcsc.open_reader("Virtual").__enter__(),
    ):
        with pytest.raises(TerminalError) as caught:
            ask()
        assert (caught.value.code, str(caught.value)) == (-11, sentence)


# The command line -----------------------------------------------------------------------------------


NO_USER_CARD = {
    "a card of another kind": (("other", ""), None, "the card in 'R0' is not a social-security card"),
    "the same beside a PSAM": (("other", "psam"), None, "the card in 'R0' is not a social-security card"),
    "a PSAM alone in its reader": (("", "psam"), None, "no card in 'R0'"),
    "a PSAM in the only reader": (("psam",), None, "the card in 'R0' is a PSAM"),
    "a second PSAM": (("psam", "psam"), None, "the card in 'R1' is a PSAM"),
    "the user card where the PSAM should be": (("user", ""), "R0", "the card in 'R0' is not a PSAM"),
    "another card where the PSAM should be": (("other", "other"), "R1", None),
    "nothing": (("", ""), None, "no card in 'R0' or 'R1'"),
}


@pytest.mark.parametrize(("cards", "psam", "sentence"), NO_USER_CARD.values(), ids=list(NO_USER_CARD))
def test_what_lies_there_instead_of_a_user_card_is_said(
    monkeypatch: pytest.MonkeyPatch, cards: tuple[str, ...], psam: str | None, sentence: str | None
) -> None:
    lying = {f"R{number}": card for number, card in enumerate(cards)}
    monkeypatch.setattr(pcsc, "reader_names", lambda: list(lying))
    monkeypatch.setattr(pcsc, "_recognised", lambda name, _: lying[name])
    with pytest.raises(TerminalError) as caught:
        pcsc.find_readers(None, psam, Settings())
    both = "the card in 'R0' is not a social-security card; the card in 'R1' is not a PSAM"
    assert (caught.value.code, str(caught.value)) == (-2, sentence or both)


class Noted(InProcess):
    """A reader that notes when it is opened."""

    opened: ClassVar[list[str]] = []

    def open(self) -> InProcess:
        self.opened.append(self.name)
        return super().open()


@pytest.fixture(name="bench")
def _bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalBench]:
    bench = TerminalBench()
    Noted.opened.clear()

    def found(card: str | None, psam: str | None, settings: Settings, **how: Any) -> tuple[Any, ...]:
        assert (card, psam) == (None, None)
        module = InProcess(bench.psam) if how["with_psam"] and bench.psam else None
        user, near = Noted(bench.user, "user"), Noted(bench.user, "near") if how["contactless"] else None
        return pcsc.Readers(user if how["with_contacts"] else None, module, near)  # type: ignore[arg-type]

    monkeypatch.setattr(pcsc, "find_readers", found)
    yield bench
    bench.no_power()


def terminal(*arguments: str, stdin: str = "", **environment: str) -> Result:
    return CliRunner().invoke(main, ["terminal", *arguments], input=stdin, env=environment)


EXAMPLES = {line: 0 for help_ in HELP.values() for line in help_.examples if line.startswith("terminal ")} | {
    # On a fresh card there was no purchase, and the account is empty.
    "terminal proof purchase 0001": -37894,
    "terminal debit 12.50 10.00 --pin 123456 --set terminal.debit_amounts=account": -37889,
}


@pytest.mark.parametrize(("line", "code"), EXAMPLES.items(), ids=EXAMPLES)
def test_every_example_of_the_help_works(bench: TerminalBench, line: str, code: int) -> None:
    """What a terminal with its own PIN pad does with a demo card, whose PIN is 123456."""
    assert bench.psam is not None
    done = terminal(*shlex.split(line.replace("123456", PIN))[1:], stdin=f"{PIN}\n")
    assert (done.exit_code, code) == (0, 0) or done.stderr.startswith(f"sscard: {code} "), done.output


def test_every_function_prints_what_the_standard_has(bench: TerminalBench) -> None:
    pin = ("--pin", PIN, "--new-pin", PIN, "--raw")
    assert terminal("read", "DF01EF05|20|$", *pin).stdout == "DF01EF05|11|$\n"
    assert terminal("read", "DF01EF05|20|$", "--by", "key", "--raw").stdout == "DF01EF05|11|$\n"
    for how in ((), ("--hsm",), ("--hsm-auto",)):
        assert terminal("read", "DF04EF06|90|$", *pin, *how).stdout == "DF04EF06|1|$\n"
        assert terminal("write", "DF01EF07|29|$", "DF01EF07|3|$", *pin, *how).stdout == "\n"
        assert terminal("reload-pin", *pin, *how).stdout == "\n"
        assert terminal("unblock-pin", *pin, *how).stdout == "\n"
        paid = terminal("debit", "5", "4.00", "--time", TIME, *pin, *how).stdout
        assert "|000001F400000190|2|" in paid
        assert terminal("read-basic", *pin, *how).stdout.count("|") == 11
    assert terminal("change-pin", *pin).stdout == "\n"
    assert terminal("verify-pin", *pin).stdout == "\n"
    assert terminal("load", "1", "--time", TIME, *pin).stdout.startswith("01|00B5|00000064|0000|00000064|1|")
    assert terminal("read-debit-records", *pin).stdout.count("^5.00^4.00^|") == 3
    assert terminal("proof", "load", "0000", *pin).stdout.startswith("00000000|")


def test_a_table_has_names_and_values_and_json_both(bench: TerminalBench) -> None:
    shown = terminal("read-basic").stdout
    assert "社会保障号码" in shown
    assert "999999199001010000" in shown
    document = json.loads(terminal("read-basic", "--json").stdout)
    assert (document["code"], document["terminal_number"]) == (0, TERMINAL_NUMBER)
    shown = terminal("read", "DF01EF05|20|$DF02EF07|2|$DF01EF16|$", "--pin", PIN).stdout
    assert "户口类别" in shown
    assert "从事职业^就业起始日期" in shown
    terminal("debit", "5.00", "--pin", PIN)
    shown = terminal("read-debit-records", "--pin", PIN).stdout
    assert "消费总金额" in shown
    assert "5.00" in shown


def test_a_failure_is_code_text_and_sentence_and_no_pin(bench: TerminalBench) -> None:
    done = terminal("verify-pin", "--pin", "918273", "--json")
    assert done.exit_code == 2
    assert done.stderr == "sscard: -51 PIN 校验失败，剩余次数 2 次: VERIFY: the PIN is wrong, 2 tries are left\n"
    assert json.loads(done.stdout)["code"] == -51
    assert "918273" not in done.output
    wrong = terminal("debit", "5.001", "--pin", PIN)
    assert wrong.stderr.startswith("sscard: -23 传入数据不合法: '5.001' is not an amount in yuan")
    assert terminal("read-basic", "--no-psam").stderr == (
        "sscard: -2201 无 PSAM 卡: the terminal has no PSAM, and this function needs one; "
        "`sscard exec --psam demo` adds a PSAM, and --hsm needs none\n"
    )
    explained = json.loads(terminal("read-basic", "--no-psam", "--json").stdout)["explanation"]
    assert explained.endswith("; `sscard exec --psam demo` adds a PSAM, and --hsm needs none")
    other = terminal("reload-pin", "--card-info", INFO.replace("A0", "B0"), "--new-pin", "4711")
    assert other.stderr.startswith("sscard: -22 ")


def test_the_pin_is_asked_for_and_never_shown(bench: TerminalBench) -> None:
    asked = terminal("verify-pin", stdin=f"{PIN}\n")
    assert asked.exit_code == 0
    assert "请输入密码" in asked.stderr
    assert PIN not in asked.output
    assert terminal("verify-pin", SSCARD_PIN=PIN).exit_code == 0
    nobody = terminal("verify-pin")
    assert (
        nobody.stderr.splitlines()[-1]
        == "sscard: -31 用户取消密码输入: nobody typed a PIN (请输入密码); give it with --pin"
    )


def test_the_hsm_may_be_somebody_elses(bench: TerminalBench) -> None:
    done = terminal("read-basic", "--hsm-stdin", "--raw", stdin="0\n")
    assert done.exit_code == 2
    step1 = done.stdout.splitlines()[0]
    assert step1.count("|") == 8
    assert done.stderr.splitlines()[-1].startswith("sscard: -42 ")


def test_after_one_of_five_codes_the_hsm_goes_on(monkeypatch: pytest.MonkeyPatch, bench: TerminalBench) -> None:
    bench.psam = TerminalBench(psam=psam_contents(roots=roots_without("UK2DF01"))).psam
    write = ("write", "DF01EF07|29|$", "DF01EF07|3|$")
    assert terminal(*write).stderr.startswith("sscard: -27272 ")
    done = terminal(*write, "--hsm-auto")
    assert done.exit_code == 0
    assert done.stderr.startswith("note: -27272 未找到引用数据、未找到密钥: the PSAM has no key UK2DF01")


def test_settings_and_addresses(bench: TerminalBench) -> None:
    done = terminal("read-basic", "--set", "terminal.device_number=D9", "--raw")
    assert done.stdout.endswith("|D9|\n")
    unknown = terminal("read-basic", "--set", "terminal.nope=1")
    assert unknown.exit_code == 2
    assert unknown.stderr == "sscard: --set: terminal.nope: no such setting\n"
    assert terminal("addresses", "0199").stdout == "0199  DPK       version 2, group 1\n"
    assert len(terminal("addresses").stdout.splitlines()) == 155
    assert terminal("addresses", "FFFF").exit_code == 2


def test_only_the_card_named_is_worked_with(bench: TerminalBench) -> None:
    other = ("--card-info", INFO.replace("A0", "B0"), "--pin", PIN, "--new-pin", "4711")
    before = bench.cells()
    for command in ("read-basic", "verify-pin", "change-pin", "reload-pin", "read-debit-records", "balance"):
        assert terminal(command, *other).stderr.startswith("sscard: -22 "), command
    assert terminal("read-basic", "--hsm", *other).stderr.startswith("sscard: -22 ")
    assert bench.cells() == before
    assert bench.pin == PIN
    own = ("--card-info", INFO, "--pin", PIN, "--new-pin", "4711")
    assert terminal("change-pin", *own).exit_code == 0
    assert bench.pin == "4711"


@pytest.mark.parametrize("command", [("debit", "1.00"), ("load", "1.00"), ("reload-pin",), ("read", "DF01EF05|20|$")])
def test_the_card_is_looked_at_once_before_an_hsm_computes(bench: TerminalBench, command: tuple[str, ...]) -> None:
    done = terminal(*command, "--hsm", "--pin", PIN, "--new-pin", PIN)
    assert done.exit_code == 0, done.output
    assert bench.user.powered == 2


def test_a_balance_is_shown_and_no_purchases_are_none(bench: TerminalBench) -> None:
    pin = ("--pin", PIN)
    assert terminal("read-debit-records", *pin).stdout == "读消费交易记录: no purchases\n"
    assert json.loads(terminal("read-debit-records", *pin, "--json").stdout)["records"] == []
    terminal("load", "100", *pin)
    account = ("--set", "terminal.debit_amounts=account")
    assert terminal("debit", "12.50", "10.00", *pin, *account).exit_code == 0
    assert terminal("balance", *pin, "--raw").stdout == "90.00|2.50|0.00|\n"
    shown = terminal("balance", *pin).stdout
    assert "个人账户余额" in shown
    assert "90.00" in shown


def test_the_flags_of_the_hsm_take_no_amount(bench: TerminalBench) -> None:
    done = terminal("debit", "--hsm", "12.50", "10.00", "--pin", PIN, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["amounts"] == "000004E2000003E8"


def test_the_software_hsm_gives_no_terminal_sequence_twice(
    bench: TerminalBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay = ("debit", "1.00", "--hsm", "--pin", PIN, "--json")
    clock = iter((1_800_000_000.0, 1_800_000_000.1, 1_800_000_000.2))
    monkeypatch.setattr("time.time_ns", lambda: int(next(clock) * 10) * 10**8)
    given = [json.loads(terminal(*pay).stdout)["terminal_sequence"] for _ in range(3)]
    assert given == [f"{(18_000_000_000 + each) % 2**32:08X}" for each in range(3)]


def test_a_time_that_is_none_costs_nothing(bench: TerminalBench) -> None:
    before = bench.cells()
    for command in ("load", "debit"):
        done = terminal(command, "1.00", "--time", "20261399990000", "--pin", PIN)
        assert done.stderr == "sscard: -23 传入数据不合法: '20261399990000' is not a time YYYYMMDDHHMMSS\n"
        assert command == "debit" or bench.user.powered == 0
    assert bench.cells() == before


@pytest.mark.parametrize("command", [("load", "1.00"), ("debit", "1.00"), ("read-basic",)])
def test_json_is_one_document_whoever_computes(bench: TerminalBench, command: tuple[str, ...]) -> None:
    answer = "nothing of use\n"
    done = terminal(*command, "--hsm-stdin", "--json", "--pin", PIN, stdin=answer)
    assert json.loads(done.stdout)["code"] in (-41, -42)
    step1 = done.stderr.splitlines()[0]
    assert step1.count("|") >= 8
    plain = terminal(*command, "--hsm-stdin", "--pin", PIN, stdin=answer)
    assert plain.stdout.splitlines()[0].count("|") == step1.count("|")


def test_json_and_raw_are_two_things() -> None:
    both = terminal("read-basic", "--json", "--raw")
    assert (both.exit_code, both.stderr) == (2, "sscard: --json and --raw exclude each other; give one of them\n")


def test_an_uncertain_trade_says_how_to_ask(bench: TerminalBench) -> None:
    bench.user.cut = lambda command: command[:2] == b"\xb0\x2c" and "after"
    settings_ = ("--set", "terminal.debit_amounts=account", "--set", "terminal.proof_type_byte=ascii")
    terminal("load", "100", "--pin", PIN)
    done = terminal("debit", "12.50", "10.00", "--pin", PIN, "--json", *settings_)
    assert done.exit_code == 2
    trade = json.loads(done.stdout)["trade"]
    assert (trade["card_info"], trade["trade"], trade["sequence"]) == (INFO, "2", "0000")
    assert done.stderr.endswith(f"; run: {trade['command']}\n")
    words = shlex.split(trade["command"])
    assert words[:2] == ["sscard", "terminal"]
    assert words[-4:] == list(settings_)
    bench.user.cut = lambda _: False
    proven = terminal(*words[2:], "--json")
    assert proven.exit_code == 0, proven.output
    assert len(json.loads(proven.stdout)["tac"]) == 8
    assert bench.balance() == 9000


def test_a_trade_that_is_booked_is_not_made_again_with_the_hsm(bench: TerminalBench) -> None:
    assert bench.psam is not None
    terminal("load", "100", "--pin", PIN)
    bench.psam.cut = lambda command: command[:2] == b"\x80\x72"
    done = terminal("debit", "1.00", "1.00", "--pin", PIN, "--hsm-auto", "--set", "terminal.debit_amounts=account")
    assert done.exit_code == 2
    assert "the card has booked the trade, but the PSAM in 'this process' does not answer any more" in done.stderr
    assert bench.balance() == 9900


@pytest.mark.parametrize(("command", "name"), [("load", "check_load_tac"), ("debit", "check_tac")])
def test_a_wrong_tac_is_said(bench: TerminalBench, monkeypatch: pytest.MonkeyPatch, command: str, name: str) -> None:
    """Terminal interface, C.7."""
    monkeypatch.setattr(Hsm, name, lambda *_: False)
    done = terminal(command, "1.00", "--hsm", "--pin", PIN, "--json")
    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert (document["code"], document["trade"]["sequence"]) == (-0x9302, "0000")
    assert "the card has booked the trade, but its" in done.stderr


@pytest.mark.parametrize("command", [("load", "1.00"), ("debit", "1.00", "1.00", "--hsm"), ("debit", "1.00", "1.00")])
def test_whoever_sits_there_puts_the_card_back(
    bench: TerminalBench, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    account = ("--set", "terminal.debit_amounts=account")
    terminal("load", "100", "--pin", PIN)
    monkeypatch.setattr("emulator.cli.terminal_run.interactive", lambda: True)
    booking = b"\xb0\x2a" if command[0] == "load" else b"\xb0\x2c"
    pulled = iter((True,))
    bench.user.cut = lambda raw: raw[:2] == booking and next(pulled, False) and "after"
    done = terminal(*command, *account, "--pin", PIN, "--json", stdin="y\n")
    assert done.exit_code == 0, done.output
    assert "请重新插入卡片" in done.stderr
    assert bench.balance() == (10100 if command[0] == "load" else 9900)


ALL_FUNCTIONS = (
    ("read-basic",),
    ("read", "DF01EF05|20|$"),
    ("write", "DF01EF07|29|$", "DF01EF07|3|$"),
    ("verify-pin",),
    ("change-pin",),
    ("reload-pin",),
    ("unblock-pin",),
    ("debit", "1.00"),
    ("load", "1.00"),
    ("read-debit-records",),
    ("balance",),
)


@pytest.mark.parametrize(("kind", "where"), [("1", "user"), ("2", "near"), ("3", "user"), ("4", "near")])
@pytest.mark.parametrize("hsm", [(), ("--hsm",)], ids=["psam", "hsm"])
def test_the_type_of_card_is_chosen(bench: TerminalBench, kind: str, where: str, hsm: tuple[str, ...]) -> None:
    """Terminal interface, 1.1.2, iType."""
    given = ("--pin", PIN, "--new-pin", PIN, "--type", kind, "--contactless-reader", "near")
    for command in ALL_FUNCTIONS:
        address = ("DF04EF06|90|$",) if hsm and command[0] == "read" else command[1:]
        done = terminal(command[0], *address, *given, *hsm)
        assert done.exit_code == 0, done.output
    assert terminal("proof", "load", "0000", *given).exit_code == 0
    assert set(Noted.opened) == {where}


def test_contactless_cards_need_a_reader(bench: TerminalBench) -> None:
    done = terminal("verify-pin", "--pin", PIN, "--type", "2")
    assert done.stderr == "sscard: --type 2: name the reader of contactless cards with --contactless-reader\n"


def test_a_missing_argument_is_one_sentence() -> None:
    done = terminal("proof")
    assert done.exit_code == 2
    assert done.stderr == "sscard: Missing argument '{load|purchase}'; see main terminal proof --help\n"


@pytest.mark.parametrize("amount", ["abc", "42949673", "000000001", "5.001", "\u0665", "-5"])
def test_what_is_no_amount_is_shown_as_typed(bench: TerminalBench, amount: str) -> None:
    for command in ("debit", "load"):
        done = terminal(command, "--pin", PIN, "--", amount)
        assert done.stderr == (
            f"sscard: -23 传入数据不合法: '{amount}' is not an amount in yuan with two decimals below 42949672.95\n"
        )
