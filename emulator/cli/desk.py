"""The desk behind `sscard terminal`: its options, readers, PIN pad and HSM, and how results are shown."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault

if TYPE_CHECKING:
    from emulator.terminal import Hsm, HsmCard, Result, Settings

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

_SHARED: Final = (
    click.option("--reader", help="Reader of the user card, or its beginning.  [default: the first with one]"),
    click.option("--psam-reader", help="Reader of the PSAM, or its beginning.  [default: the first with one]"),
    click.option("--no-psam", is_flag=True, help="Work without a PSAM."),
    click.option(
        "--hsm",
        type=click.Choice(["software", "stdin", "auto"]),
        is_flag=False,
        flag_value="software",
        help="Let an HSM compute: the software one, yours over standard input, or the software one after the PSAM.",
    ),
    click.option("--roots", type=click.Path(path_type=Path), help="Root keys of the HSM.  [default: public test keys]"),
    click.option("--card-info", help="Identification code|card number| that the card must have.  [default: any]"),
    click.option("--pin", envvar="SSCARD_PIN", show_envvar=True, help="The PIN.  [default: ask]"),
    click.option("--new-pin", envvar="SSCARD_NEW_PIN", show_envvar=True, help="The new PIN.  [default: ask]"),
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
        from emulator.pcsc import find_readers
        from emulator.terminal import Terminal, load_settings

        from .cards import assignments

        self.options = options
        self.settings: Settings = load_settings(options["settings"], assignments("--set", options["sets"]))
        needs_psam = not options["no_psam"] and options["hsm"] not in ("software", "stdin")
        readers = find_readers(options["reader"], options["psam_reader"], self.settings, with_psam=needs_psam)
        self.terminal: Terminal = Terminal(*readers, pad=self._pad, settings=self.settings)
        self._info: str | None = options["card_info"]

    @property
    def info(self) -> str:
        """The card that is expected; without an option, the one that is there."""
        if self._info is None:
            self._info = self.terminal.identify().info
        return self._info

    def _pad(self, prompt: str) -> str:
        from emulator.terminal import TerminalError

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
        from cardfs.profile import DEMO
        from cardfs.roots import load_roots
        from emulator.terminal import Hsm

        return Hsm(load_roots(self.options["roots"] or DEMO / "roots.toml"), self.settings)

    def card(self) -> "HsmCard":
        """What the back office knows of the card from its basic data."""
        from emulator.terminal import HsmCard

        data = self.terminal.identify()
        return HsmCard(data.region, data.historical)

    def run(self, psam: "Callable[[], Result]", steps: "Callable[[Callable[..., str]], Result]") -> "Result":
        """Do a function with the PSAM, or in steps with the HSM, or with the HSM after one of the five codes."""
        from emulator.terminal import HSM_CODES, TerminalError

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
        from emulator.terminal import TerminalError

        click.echo(step.text)
        try:
            return str(click.prompt("HSM", prompt_suffix="> ", err=True))
        except click.Abort:
            raise TerminalError("nobody brought the HSM's answer", -31) from None


def perform(options: dict[str, Any], work: "Callable[[Desk], Result]", title: str = "") -> None:
    """Do one function and print what it gives; a failure is one sentence with the national code, and status 2."""
    from emulator.terminal import TerminalError

    try:
        done = work(Desk(options))
    except TerminalError as error:
        if options["as_json"]:
            _print_json({"code": error.code, "text": error.text, "explanation": str(error)})
        raise UsageFault(f"{error.code} {error.text}: {error}") from None
    if options["raw"]:
        click.echo(done.text)
    elif options["as_json"]:
        _print_json({"code": 0, "text": done.text, **done.fields})
    elif done.text:
        _print_table(done, title)
    else:
        click.echo(f"{title}: done")


def _print_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _print_table(done: "Result", title: str) -> None:
    from rich.table import Table

    from .console import console

    table = Table(title=title, title_style="bold", header_style="bold")
    records = done.fields.get("records")
    if records is not None:
        for name in records[0] if records else ():
            table.add_column(f"{NAMES[name]}\n{name}")
        for record in records:
            table.add_row(*record.values())
    elif done.labels or any(isinstance(value, dict) for value in done.fields.values()):
        for column in ("file", "item", "数据项", "value"):
            table.add_column(column, overflow="fold")
        for file, items in done.fields.items():
            for item, value in items.items():
                table.add_row(file, item, done.labels[f"{file}/{item}"], value)
    else:
        for column in ("数据项", "element", "value"):
            table.add_column(column, overflow="fold")
        for name, value in done.fields.items():
            table.add_row(NAMES.get(name, ""), name, value)
    console().print(table)


def texted(text: str) -> "Result":
    """A text that is a result of nothing else."""
    from emulator.terminal import Result

    return Result(text)


def yuan(text: str) -> str:
    """An amount as the national functions take it."""
    return text if "." in text else f"{text}.00"


def now() -> str:
    """The time of a trade."""
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d%H%M%S")


def interactive() -> bool:
    """Whether somebody sits at the terminal."""
    return sys.stdin.isatty()
