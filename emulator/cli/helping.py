"""What `--help` shows beside options: groups of commands, one line for each, and examples, in one table."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import click


class Help(NamedTuple):
    """Help of one command.

    Attributes:
        group: title under which `sscard --help` lists it.
        line: what it does, for a reader who does not know this project.
        examples: command lines without the name ``sscard``; each is one that works.
    """

    group: str
    line: str
    examples: tuple[str, ...]


MAKE, USE, LOOK, TERMINAL, SETUP = "Make cards", "Use cards", "Look into cards", "Be the terminal", "Set-up"
TRACES = "Read what passed"
JUDGE: Final = "Judge a terminal"
GROUPS: Final = (MAKE, USE, LOOK, TRACES, JUDGE, TERMINAL, SETUP)
NATIONAL, TRADES, KEYS = "National functions", "Trades without a national function", "Keys of the HSM"

HELP: Final[Mapping[str, Help]] = {
    "issue": Help(
        MAKE,
        "Make a card: a file with holder, keys and PIN",
        (
            "issue my.sscard",
            "issue my.sscard --region 330100 --pin 4711 --set settings.pin.tries=6",
            'issue my.sscard --profile ssc-3.0 --value name="测试乙"',
            "issue psam.sscard --profile psam --region 330100",
        ),
    ),
    "blank": Help(MAKE, "Make a blank card, to be built over APDUs", ("blank blank.sscard", "blank --profile ssc-3.0")),
    "personalise": Help(
        MAKE,
        "Build the blank card in a reader, as an issuing machine does",
        ("exec --card blank.sscard -- sscard personalise ssc-2.0", "personalise ssc-2.0 --reader 'Virtual PCD 00 00'"),
    ),
    "exec": Help(
        USE,
        "Run any PC/SC program with a card in a reader of its own",
        (
            "exec -- opensc-tool -l",
            "exec --card my.sscard --trace trace.jsonl -- pytest",
            "exec --card my.sscard --psam demo -- ./my-terminal",
            "exec --fault 'pull on=\"READ RECORD\" nth=2' --timing contact-9600 -- ./my-terminal",
            "exec --card catalogue:pin-locked --psam catalogue:psam -- ./my-terminal",
        ),
    ),
    "insert": Help(
        USE,
        "Put a card into the virtual reader of a pcscd that runs",
        (
            "insert my.sscard",
            "insert my.sscard --slot 1 --quiet",
            "insert my.sscard --host 192.0.2.7",
            "insert my.sscard --scenario flaky.toml",
        ),
    ),
    "apdu": Help(
        USE,
        "Send commands to a card without any reader",
        (
            "apdu my.sscard script.apdu",
            "apdu my.sscard --raw --trace trace.jsonl",
            "apdu my.sscard script.apdu --fault 'power-cut on=VERIFY'",
        ),
    ),
    "demo": Help(USE, "Make a card, read it and pay with it; keep it in a reader", ("demo", "demo my.sscard --once")),
    "rig": Help(
        USE,
        "Start readers that a program controls while it uses them",
        (
            "rig",
            "rig --reader my.sscard --reader psam --panel",
            "rig --reader demo --reader empty -- ./my-test",
        ),
    ),
    "ctl": Help(
        USE,
        "Ask a running rig: insert, remove, faults, trace, events",
        (
            "ctl readers",
            "ctl insert 1 my.sscard",
            "ctl arm 0 power-cut on='UPDATE RECORD' moment=after",
        ),
    ),
    "spy": Help(
        USE,
        "Show what passes between a program and a physical card",
        (
            "spy --from 'ACS ACR39U' -- ./my-terminal",
            "spy --from 'ACS ACR39U' --trace trace.jsonl",
            "spy --from 'ACS ACR39U' --fault 'pull nth=20' -- ./my-terminal",
        ),
    ),
    "show": Help(
        LOOK,
        "Show files, contents, and states of keys",
        ("show my.sscard", "show my.sscard DF04", "show my.sscard --json"),
    ),
    "cards": Help(
        LOOK,
        "List the test cards: PIN locked, expired, PSAM without a key",
        ("cards", "cards pin -52", "cards pin-locked --json"),
    ),
    "keys": Help(
        LOOK, "Print the values of keys and PINs, and their roots", ("keys my.sscard", "keys my.sscard UK1DF04")
    ),
    "explain": Help(
        TRACES,
        "Explain a trace, or one command, also of a physical card",
        (
            "explain trace.jsonl",
            "explain pcscd.log --profile ssc-3.0",
            "explain 00B2012C00 6982",
        ),
    ),
    "replay": Help(
        TRACES,
        "Send a trace again, and show what the card answers otherwise",
        (
            "replay trace.jsonl --card my.sscard",
            "replay trace.jsonl --card my.sscard --json",
            "replay trace.jsonl --reader 'Virtual PCD 00 00' --of 'Virtual PCD 00 00'",
        ),
    ),
    "trace": Help(
        TRACES, "Convert traces for Wireshark, scriptor and apdu4j", ("trace convert trace.jsonl --to text",)
    ),
    "trace convert": Help(
        "Commands",
        "Convert a trace for another tool",
        (
            "trace convert trace.jsonl --to pcapng --out trace.pcapng",
            "trace convert trace.jsonl --to scriptor --of 'Virtual PCD 00 00'",
            "trace convert pcscd.log --to jsonl --profile ssc-2.0 --out trace.jsonl",
        ),
    ),
    "judge": Help(
        JUDGE,
        "Say what a terminal did wrong, by its trace",
        (
            "judge trace.jsonl",
            "judge trace.jsonl --rule wrong-pin-ignored --json",
            "judge trace.jsonl --language zh",
        ),
    ),
    "report": Help(
        JUDGE,
        "Make a page for people from a trace, with all findings",
        (
            "report trace.jsonl --out report.html",
            "report trace.jsonl --out report.html --language zh --junit junit.xml --json report.json",
        ),
    ),
    "check": Help(
        LOOK,
        "Check whether a card does what the standard has",
        (
            "check --card my.sscard",
            "check --reader 'ACS ACR39U' --junit checks.xml",
            "check --card catalogue:pin-locked --group commands --group keys",
        ),
    ),
    "read": Help(
        TERMINAL, "Read the card in a reader: is it genuine, whose is it", ("exec -- sscard read", "read --json")
    ),
    "terminal": Help(
        TERMINAL,
        "Read, write, load and pay with a card and a PSAM",
        (
            "exec -- sscard terminal read-basic",
            "exec -- sscard terminal debit 12.50 --pin 123456",
            "terminal read 'DF01EF05|$'",
        ),
    ),
    "doctor": Help(SETUP, "Show what is missing on this machine, and how to get it", ("doctor",)),
    "completion": Help(
        SETUP,
        "Print a script that lets your shell complete commands",
        ("completion bash > ~/.local/share/bash-completion/completions/sscard", "completion zsh", "completion fish"),
    ),
    "terminal read-basic": Help(
        NATIONAL,
        "Authenticate the card, read its basic data (iReadCardBas)",
        ("terminal read-basic", "terminal read-basic --hsm --json"),
    ),
    "terminal read": Help(
        NATIONAL, "Read data of files (iReadCard)", ("terminal read 'DF01EF05|$'", "terminal read 'DF01EF07|29|$'")
    ),
    "terminal write": Help(
        NATIONAL, "Write data of files (iWriteCard)", ("terminal write 'DF01EF07|29|$' 'DF01EF07|1|$' --pin 123456",)
    ),
    "terminal verify-pin": Help(NATIONAL, "Check the PIN (iVerifyPIN)", ("terminal verify-pin --pin 123456",)),
    "terminal change-pin": Help(
        NATIONAL, "Replace the PIN by a new one (iChangePIN)", ("terminal change-pin --pin 123456 --new-pin 471100",)
    ),
    "terminal reload-pin": Help(
        NATIONAL, "Set a new PIN without the old one (iReloadPIN)", ("terminal reload-pin --new-pin 471100",)
    ),
    "terminal unblock-pin": Help(
        NATIONAL, "Give the PIN all its tries again (iUnblockPIN)", ("terminal unblock-pin --pin 123456",)
    ),
    "terminal debit": Help(
        NATIONAL,
        "Pay in yuan (iDoDebit)",
        (
            "terminal debit 12.50 --pin 123456",
            "terminal debit 12.50 10.00 --pin 123456 --set terminal.debit_amounts=account",
        ),
    ),
    "terminal read-debit-records": Help(
        NATIONAL, "Read the records of purchases (iReadDebitRecord)", ("terminal read-debit-records --pin 123456",)
    ),
    "terminal load": Help(TRADES, "Load yuan into the account (帐户划入)", ("terminal load 100 --pin 123456",)),
    "terminal balance": Help(
        TRADES, "Read balance and totals of the year (读取余额)", ("terminal balance --pin 123456",)
    ),
    "terminal proof": Help(
        TRADES, "Ask for the proof of a trade whose answer was lost (取交易认证码)", ("terminal proof purchase 0001",)
    ),
    "terminal addresses": Help(KEYS, "List the logical addresses of keys (密钥逻辑地址)", ("terminal addresses",)),
}


class HelpedCommand(click.Command):
    """A command whose help ends with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        write_examples(ctx, formatter)


class GroupedHelp(click.Group):
    """A group of commands whose help lists them by topic, and ends with examples."""

    command_class = HelpedCommand

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their titles, in the order of the table."""
        prefix = "" if ctx.parent is None else f"{ctx.info_name} "
        titles: dict[str, list[tuple[str, str]]] = {}
        for path, entry in HELP.items():
            name = path.removeprefix(prefix)
            if path.startswith(prefix) and name in self.commands:
                titles.setdefault(entry.group, []).append((name, entry.line))
        width = max(len(name) for name in self.commands)
        for title, rows in titles.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in rows])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        write_examples(ctx, formatter)


def write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the examples of a command; of the whole program the first of some commands."""
    path = " ".join(ctx.command_path.split(" ")[1:])
    lines = HELP[path].examples if path else [HELP[name].examples[0] for name in ("issue", "show", "exec", "terminal")]
    with formatter.section("Examples"):
        for line in lines:
            formatter.write(f"  sscard {line}\n")
