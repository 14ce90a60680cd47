"""The desk behind `sscard terminal`: its options, readers, PIN pad and HSM, and how results are shown."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault

if TYPE_CHECKING:
    import datetime

    from ..terminal import Hsm, HsmCard, Result, Settings, Uncertain
    from ..terminal.card import CardData

CONTACT, CONTACTLESS = 1, 2
"""Types of card (iType; terminal interface, 1.1.2)."""

TRADES: Final = {"1": "load", "2": "purchase"}
"""What the command line calls the types of trade."""

PINS: Final = {"请输入密码": "pin", "请输入原密码": "pin", "请输入新密码": "new_pin", "请再次输入新密码": "new_pin"}
"""Which option answers which prompt of the PIN pad."""

NAMES: Final = {
    "region": "发卡地区行政区划代码",
    "social_security_number": "社会保障号码",
    "card_number": "卡号",
    "identification_code": "卡识别码",
    "name": "姓名",
    "historical_bytes": "卡复位信息",
    "version": "规范版本",
    "issue_date": "发卡日期",
    "expiry_date": "卡有效期",
    "terminal_number": "终端机编号",
    "device_number": "终端设备号",
    "algorithm": "算法标识",
    "key_address": "密钥地址",
    "amounts": "交易金额",
    "amount": "交易金额",
    "balance": "个人账户余额",
    "account": "个人账户余额",
    "self_paid": "个人自付累计金额",
    "fund": "统筹基金支付累计金额",
    "load_sequence": "划入交易序号",
    "type": "交易类型",
    "terminal_sequence": "终端交易序号",
    "sequence": "交易序号",
    "time": "交易时间",
    "total": "消费总金额",
    "account_plus_fund": "账户与统筹合计",
    "tac": "交易验证码",
    "mac": "交易认证码",
    "mac2": "MAC2",
}

WITHOUT_PSAM: Final = "--psam demo of sscard exec makes a PSAM, --hsm works without one"

_KINDS: Final = "Cards: 1 contact, 2 contactless, 3 contact first, 4 contactless first.  [default: 3]"

_DATE: Final = "The date that cards have to be valid on.  [default: today]"

_SHARED: Final = (
    click.option("--reader", help="Reader of the user card, or its beginning.  [default: the first with one]"),
    click.option("--psam-reader", help="Reader of the PSAM, or its beginning.  [default: the first with one]"),
    click.option("--no-psam", is_flag=True, help="Work without a PSAM."),
    click.option("--type", "kind", type=click.Choice(["1", "2", "3", "4"]), default="3", help=_KINDS),
    click.option("--contactless-reader", help="Reader of contactless cards, or its beginning.  [default: none]"),
    click.option("--hsm", "hsm", flag_value="software", help="Let the software HSM compute in place of a PSAM."),
    click.option("--hsm-stdin", "hsm", flag_value="stdin", help="Let your HSM compute: steps out, answers in."),
    click.option("--hsm-auto", "hsm", flag_value="auto", help="Let the software HSM compute where the PSAM cannot."),
    click.option("--roots", type=click.Path(path_type=Path), help="Root keys of the HSM.  [default: public test keys]"),
    click.option("--card-info", help="Identification code|card number| that the card must have.  [default: any]"),
    click.option("--pin", envvar="SSCARD_PIN", show_envvar=True, help="The PIN.  [default: ask]"),
    click.option("--new-pin", envvar="SSCARD_NEW_PIN", show_envvar=True, help="The new PIN.  [default: ask]"),
    click.option("--date", envvar="SSCARD_DATE", show_envvar=True, metavar="YYYY-MM-DD", help=_DATE),
    click.option("--settings", type=click.Path(path_type=Path), help="Settings of the terminal, TOML."),
    click.option("--set", "sets", multiple=True, metavar="TOML", help="One setting: terminal.debit_amounts=account"),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    click.option("--raw", is_flag=True, help="Print the text of the standard."),
)


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every function takes."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


class Desk:
    """The terminal, its readers found, and the HSM that may stand in for the PSAM."""

    def __init__(self, options: dict[str, Any]) -> None:
        from ..terminal import Terminal, load_settings
        from ..terminal.pcsc import find_readers
        from .cards import assignments

        self.options = options
        self.kind = int(options["kind"])
        if self.kind == CONTACTLESS and not options["contactless_reader"]:
            raise UsageFault("--type 2: name the reader of contactless cards with --contactless-reader")
        self.settings: Settings = load_settings(options["settings"], assignments("--set", options["sets"]))
        needs_psam = not options["no_psam"] and options["hsm"] not in ("software", "stdin")
        found = find_readers(
            options["reader"],
            options["psam_reader"],
            self.settings,
            with_psam=needs_psam,
            contactless=options["contactless_reader"] if self.kind != CONTACT else None,
            with_contacts=self.kind != CONTACTLESS,
        )
        self.terminal: Terminal = Terminal(
            found.card,
            found.psam,
            pad=self._pad,
            settings=self.settings,
            contactless=found.contactless,
            clock=_clock(options["date"]),
        )
        self.expected: str | None = options["card_info"]
        self._seen: CardData | None = None

    def _look(self) -> "CardData":
        """Who the card is, looked at once; another one than expected is refused."""
        if self._seen is None:
            self._seen = self.terminal.identify(self.kind, card_info=self.expected)
        return self._seen

    @property
    def info(self) -> str:
        """The card that is expected; without an option, the one that is there."""
        return self.expected if self.expected is not None else self._look().info

    def _pad(self, prompt: str) -> str:
        from ..terminal import TerminalError

        given = self.options[PINS[prompt]]
        if given is not None:
            return str(given)
        if not interactive():
            # What comes from a pipe is seen by nobody, and cannot be hidden either.
            click.echo(f"{prompt}: ", err=True)
            line = sys.stdin.readline()
            if not line:
                raise TerminalError(f"nobody answered: {prompt}", -31)
            return line.rstrip("\r\n")
        try:
            return str(click.prompt(prompt, hide_input=True, err=True))
        except click.Abort:
            raise TerminalError(f"nobody answered: {prompt}", -31) from None

    def hsm(self) -> "Hsm":
        """The software HSM with its root keys."""
        from cardfs.issuing.roots import load_roots
        from cardfs.profile.loader import DEMO

        from ..terminal import Hsm

        roots = load_roots(self.options["roots"] or DEMO / "roots.toml")
        return Hsm(roots, self.settings, sequence=trade_sequence())

    def card(self) -> "HsmCard":
        """What the back office knows of the card from its basic data."""
        from ..terminal import HsmCard

        data = self._look()
        return HsmCard(data.region, data.historical)

    @property
    def reinsert(self) -> Callable[[str], bool] | None:
        """What asks the holder for a card that was pulled out; nothing where nobody sits."""
        return _ask_again if interactive() else None

    def run(self, psam: "Callable[[], Result]", steps: "Callable[[Callable[..., str]], Result]") -> "Result":
        """Do a function with the PSAM, or in steps with the HSM, or with the HSM after one of the five codes."""
        from ..terminal import HSM_CODES, TerminalError

        how = self.options["hsm"]
        if how in (None, "auto"):
            try:
                return psam()
            except TerminalError as error:
                if how is None or error.code not in HSM_CODES:
                    raise
                click.echo(f"note: {error.code} {error.text}: {error}; going on with the HSM", err=True)
        return steps(self.by_hand if how == "stdin" else self._software)

    def _software(self, step: "Result", compute: Callable[[str], str]) -> str:
        return compute(step.text)

    def by_hand(self, step: "Result", _compute: Callable[[str], str]) -> str:
        """Print what the HSM needs, read what it answers."""
        from ..terminal import TerminalError

        # With --json standard output is one document.
        click.echo(step.text, err=self.options["as_json"])
        try:
            return str(click.prompt("HSM", prompt_suffix="> ", err=True))
        except click.Abort:
            raise TerminalError("nobody brought the HSM's answer", -31) from None


def _clock(text: str | None) -> "Callable[[], datetime.date]":
    import datetime

    if text is None:
        return datetime.date.today
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"--date: {text!r} is no date YYYY-MM-DD") from None
    return lambda: day


def perform(options: dict[str, Any], work: "Callable[[Desk], Result]", title: str, nothing: str = "done") -> None:
    """Do one function and print what it gives; a failure is one sentence with the national code, and status 2.

    Args:
        nothing: what to print where the function succeeds and gives nothing.
    """
    from ..terminal import TerminalError
    from ..terminal.errors import NO_PSAM

    if options["as_json"] and options["raw"]:
        raise UsageFault("--json or --raw: not both")
    desk = Desk(options)
    try:
        done = work(desk)
    except TerminalError as error:
        _warn(desk)
        explanation = f"{error}; {WITHOUT_PSAM}" if error.code == NO_PSAM else str(error)
        document: dict[str, Any] = {"code": error.code, "text": error.text, "explanation": explanation}
        sentence = f"{error.code} {error.text}: {explanation}"
        if error.trade is not None:
            command = proof_command(error.trade, options)
            document["trade"] = {**error.trade._asdict(), "command": command}
            sentence += f"; ask the card: {command}"
        if options["as_json"]:
            _print_json({**document, **_warnings(desk)})
        raise UsageFault(sentence) from None
    _warn(desk)
    if options["raw"]:
        click.echo(done.text)
    elif options["as_json"]:
        _print_json({"code": 0, "text": done.text, **done.fields, **_warnings(desk)})
    elif done.text:
        _print_table(done, title)
    else:
        click.echo(f"{title}: {nothing}")


def _warn(desk: Desk) -> None:
    """Say on standard error what the checks of the card found."""
    for each in desk.terminal.findings:
        click.echo(f"warning: {each.text}", err=True)


def _warnings(desk: Desk) -> dict[str, Any]:
    """The same for programs; nothing where nothing was found."""
    found = [{"check": each.check, "text": each.text} for each in desk.terminal.findings]
    return {"warnings": found} if found else {}


def proof_command(trade: "Uncertain", options: dict[str, Any]) -> str:
    """The command that tells whether a trade was booked, with the same card, readers and settings."""
    import shlex

    words = ["sscard", "terminal", "proof", TRADES[trade.trade], trade.sequence, "--card-info", trade.card_info]
    for option, value in (
        ("--reader", options["reader"]),
        ("--contactless-reader", options["contactless_reader"]),
        ("--type", options["kind"] if options["kind"] != "3" else None),
        ("--settings", options["settings"]),
        *(("--set", each) for each in options["sets"]),
    ):
        if value is not None:
            words += [option, str(value)]
    return shlex.join(words)


def _ask_again(prompt: str) -> bool:
    try:
        return click.confirm(prompt, default=True, err=True)
    except click.Abort:
        # The input has ended: nobody will put the card back.
        return False


def _print_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _print_table(done: "Result", title: str) -> None:
    from rich.table import Table

    from ..trace.visible import one_line
    from .console import console

    table = Table(title=title, title_style="bold", header_style="bold")
    records = done.fields.get("records")
    if records is not None:
        for name in records[0] if records else ():
            table.add_column(f"{NAMES[name]}\n{name}")
        for record in records:
            table.add_row(*map(one_line, record.values()))
    elif done.labels or any(isinstance(value, dict) for value in done.fields.values()):
        for column in ("file", "item", "数据项", "value"):
            table.add_column(column, overflow="fold")
        for file, items in done.fields.items():
            for item, value in items.items():
                table.add_row(file, item, done.labels[f"{file}/{item}"], one_line(value))
    else:
        for column in ("数据项", "element", "value"):
            table.add_column(column, overflow="fold")
        for name, value in done.fields.items():
            table.add_row(NAMES.get(name, ""), name, one_line(value))
    console().print(table)


def texted(text: str) -> "Result":
    """A text that is a result of nothing else."""
    from ..terminal import Result

    return Result(text)


def yuan(text: str) -> str:
    """An amount as the national functions take it; what is none stays as it was typed, for the error that names it."""
    from ..terminal.payment import LARGEST

    whole = re.fullmatch("[0-9]{1,8}", text) and int(text) * 100 < LARGEST
    return f"{text}.00" if whole else text


def now() -> str:
    """The time of a trade."""
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d%H%M%S")


def trade_sequence() -> int:
    """A terminal trade sequence that no other run gave: tenths of a second, around once in 13 years."""
    import time

    return time.time_ns() // 10**8 % 2**32


def interactive() -> bool:
    """Whether somebody sits at the terminal."""
    return sys.stdin.isatty()
