"""What runs behind `sscard terminal`: its readers, PIN pad and HSM, from the options to the printed result."""

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault
from .terminal_results import print_json, print_table, print_warnings, warnings_of

if TYPE_CHECKING:
    import datetime

    from ..terminal import Hsm, HsmCard, Result, Settings, Uncertain
    from ..terminal.card import CardData

CONTACT, CONTACTLESS = 1, 2
"""Types of card (iType; terminal interface, 1.1.2)."""

TRADES: Final = {"1": "load", "2": "purchase"}
"""What the command line calls the types of trade."""

PINS: Final = {"请输入密码": "pin", "请输入原密码": "pin", "请输入新密码": "new_pin", "请再次输入新密码": "new_pin"}
"""The option that answers each prompt of the PIN pad."""

WITHOUT_PSAM: Final = "`sscard exec --psam demo` adds a PSAM, and --hsm needs none"


Function = Callable[["TerminalRun"], "Result"]
"""One function of the terminal, with the PSAM or the HSM as the options ask."""


class TerminalRun:
    """The terminal, its readers found, and the HSM that may stand in for the PSAM."""

    def __init__(self, options: dict[str, Any]) -> None:
        from ..terminal import Terminal, load_settings
        from ..terminal.pcsc import find_readers
        from .issuing import assignments

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
        """Return the data of the card, read once; raise `TerminalError` if another one is expected."""
        if self._seen is None:
            self._seen = self.terminal.identify(self.kind, card_info=self.expected)
        return self._seen

    @property
    def info(self) -> str:
        """Return the card information that is expected; without the option, that of the card in the reader."""
        return self.expected if self.expected is not None else self._look().info

    def _pad(self, prompt: str) -> str:
        from ..terminal import TerminalError
        from ..terminal.errors import CANCELLED

        given = self.options[PINS[prompt]]
        if given is not None:
            return str(given)
        if not interactive():
            # What comes from a pipe is seen by nobody, and cannot be hidden either.
            click.echo(f"{prompt}: ", err=True)
            line = sys.stdin.readline()
            if not line:
                raise TerminalError(_unanswered(prompt), CANCELLED)
            return line.rstrip("\r\n")
        try:
            return str(click.prompt(prompt, hide_input=True, err=True))
        except click.Abort:
            raise TerminalError(_unanswered(prompt), CANCELLED) from None

    def hsm(self) -> "Hsm":
        """Return a new software HSM with the root keys of ``--roots``; raise `IssueError` if they cannot be read."""
        from cardfs.issuing.roots import load_roots
        from cardfs.profile.loader import DEMO

        from ..terminal import Hsm

        roots = load_roots(self.options["roots"] or DEMO / "roots.toml")
        return Hsm(roots, self.settings, sequence=trade_sequence())

    def card(self) -> "HsmCard":
        """Return what the back office knows of the card from its basic data."""
        from ..terminal import HsmCard

        data = self._look()
        return HsmCard(data.region, data.historical)

    @property
    def reinsert(self) -> Callable[[str], bool] | None:
        """Return a function that asks the holder to put the card back; None if standard input is no terminal."""
        return _ask_again if interactive() else None

    def with_psam_or_hsm(
        self, psam: "Callable[[], Result]", steps: "Callable[[Callable[..., str]], Result]"
    ) -> "Result":
        """Do a function with the PSAM, or in steps with the HSM, as the option asks; ``auto`` tries the PSAM first.

        Args:
            psam: does the function with the PSAM.
            steps: does it in steps; gets a function that turns the result of a step into the HSM's answer.

        Raises:
            TerminalError: it failed; with ``auto``, not by one of the codes after which the HSM goes on (10.5).
        """
        from ..terminal import HSM_CODES, TerminalError

        how = self.options["hsm"]
        if how in (None, "auto"):
            try:
                return psam()
            except TerminalError as error:
                if how is None or error.code not in HSM_CODES:
                    raise
                click.echo(f"note: {error.code} {error.text}: {error}; going on with the HSM", err=True)
        return steps(self._by_hand if how == "stdin" else self._software)

    def _software(self, step: "Result", compute: Callable[[str], str]) -> str:
        return compute(step.text)

    def _by_hand(self, step: "Result", _compute: Callable[[str], str]) -> str:
        return self.ask_hsm(step.text)

    def ask_hsm(self, request: str) -> str:
        """Print what the HSM needs and return the line that answers it (``--hsm-stdin``).

        Raises:
            TerminalError: standard input ended before an answer (-31).
        """
        from ..terminal import TerminalError
        from ..terminal.errors import CANCELLED

        # With --json standard output is one document.
        click.echo(request, err=self.options["as_json"])
        try:
            return str(click.prompt("HSM", prompt_suffix="> ", err=True))
        except click.Abort:
            raise TerminalError("standard input ended before the HSM's answer", CANCELLED) from None


def _unanswered(prompt: str) -> str:
    return f"nobody typed a PIN ({prompt}); give it with --{PINS[prompt].replace('_', '-')}"


def _clock(text: str | None) -> "Callable[[], datetime.date]":
    import datetime

    if text is None:
        return datetime.date.today
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"--date: {text!r} is not a date YYYY-MM-DD") from None
    return lambda: day


def perform(options: dict[str, Any], function: Function, title: str, nothing: str = "done") -> None:
    """Do one function and print what it gives; a failure is one sentence with the national code, and status 2.

    Args:
        options: those of `terminal_options.shared`.
        function: what to do.
        title: Chinese name of the function, over its table.
        nothing: what to print if the function succeeds and gives nothing.

    Raises:
        UsageFault: it failed, or the options exclude each other.
    """
    from ..terminal import TerminalError
    from ..terminal.errors import NO_PSAM

    if options["as_json"] and options["raw"]:
        raise UsageFault("--json and --raw exclude each other; give one of them")
    run = TerminalRun(options)
    try:
        done = function(run)
    except TerminalError as error:
        print_warnings(run.terminal.findings)
        explanation = f"{error}; {WITHOUT_PSAM}" if error.code == NO_PSAM else str(error)
        document: dict[str, Any] = {"code": error.code, "text": error.text, "explanation": explanation}
        sentence = f"{error.code} {error.text}: {explanation}"
        if error.trade is not None:
            command = proof_command(error.trade, options)
            document["trade"] = {**error.trade._asdict(), "command": command}
            sentence += f"; run: {command}"
        if options["as_json"]:
            print_json({**document, **warnings_of(run.terminal.findings)})
        raise UsageFault(sentence) from None
    print_warnings(run.terminal.findings)
    if options["raw"]:
        click.echo(done.text)
    elif options["as_json"]:
        print_json({"code": 0, "text": done.text, **done.fields, **warnings_of(run.terminal.findings)})
    elif done.text:
        print_table(done, title)
    else:
        click.echo(f"{title}: {nothing}")


def proof_command(trade: "Uncertain", options: dict[str, Any]) -> str:
    """Return the command that asks whether a trade was booked, with the same card, readers and settings."""
    import shlex

    arguments = ["sscard", "terminal", "proof", TRADES[trade.trade], trade.sequence, "--card-info", trade.card_info]
    for option, value in (
        ("--reader", options["reader"]),
        ("--contactless-reader", options["contactless_reader"]),
        ("--type", options["kind"] if options["kind"] != "3" else None),
        ("--settings", options["settings"]),
        *(("--set", each) for each in options["sets"]),
    ):
        if value is not None:
            arguments += [option, str(value)]
    return shlex.join(arguments)


def _ask_again(prompt: str) -> bool:
    try:
        return click.confirm(prompt, default=True, err=True)
    except click.Abort:
        # The input has ended: nobody will put the card back.
        return False


def yuan(text: str) -> str:
    """Return an amount as the national functions take it; leave anything else as typed, for the error that names it."""
    from ..terminal.amounts import LARGEST

    whole = re.fullmatch("[0-9]{1,8}", text) and int(text) * 100 < LARGEST
    return f"{text}.00" if whole else text


def now() -> str:
    """Return the time of a trade, ``YYYYMMDDHHMMSS``."""
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d%H%M%S")


def trade_sequence() -> int:
    """Return a terminal trade sequence that no other run has: tenths of a second, repeated after 13 years."""
    import time

    return time.time_ns() // 10**8 % 2**32


def interactive() -> bool:
    """Return whether standard input is a terminal, so that somebody can answer."""
    return sys.stdin.isatty()
