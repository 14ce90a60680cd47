"""Commands `rig` and `ctl`: readers that are controlled from outside, and a client for that."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cardfs.model.errors import hint

from ..control.operations import OPERATIONS, OTHER_EVENTS, SIGNALS, TRACE_FORMS
from .errors import UsageFault
from .faults import fault_options, scenario_of
from .group import TRACE, main, require_unmasked, unmasked_options
from .helping import write_examples
from .inserting import end_cleanly, run_beside, wait_for_a_signal
from .output import open_trace, print_message, write_line
from .traces import BINARY

if TYPE_CHECKING:
    from ..control.operations import Operation
    from ..control.server import Server
    from ..rig.rig import Rig
    from ..trace.event import Event, Sink

VARIABLE: Final = "SSCARD_CONTROL"
DEFAULT: Final = ("demo", "psam")
EXTRA: Final = (
    "sscard rig needs two libraries that this installation lacks ({missing}): pip install 'sscard[rig]', "
    "or in a checkout: .venv/bin/pip install starlette uvicorn"
)


@main.command(
    "rig",
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="empty|demo|psam|catalogue:ID|IMAGE|from:READER",
    help="What is in the next reader.  [default: demo, then psam]",
)
@fault_options
@click.option("--listen", metavar="HOST:PORT", help="Where to listen.  [default: 127.0.0.1, a free port]")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Listen at this Unix socket instead.")
@TRACE
@unmasked_options
@click.option("--panel", is_flag=True, help="Serve a live panel for browsers, too.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def rig(
    readers: tuple[str, ...],
    listen: str | None,
    path: Path | None,
    trace: Path | None,
    command: tuple[str, ...],
    *,
    unmasked: bool,
    force: bool,
    panel: bool,
    **conditions: Any,
) -> None:
    """Start readers that are controlled from outside while a program uses them.

    With COMMAND run it, with the address of the control in SSCARD_CONTROL, and end with its status; without one print
    the address and go on until Ctrl-C. `sscard ctl` asks that address, and so does anything that speaks HTTP.
    A fault is one of the first card, or with reader=1 of the second; a timing is that of all cards, or with reader=1
    of the second.
    """
    require_extra()
    if listen and path:
        raise UsageFault("--listen and --socket: choose one of them")
    if panel and path:
        raise UsageFault("--panel: no browser reaches a Unix socket: leave --socket out")
    from ..control.server import Server
    from ..rig.rig import Rig

    end_cleanly(128 + signal.SIGTERM if command else 0)
    readers = readers or DEFAULT
    scenario = scenario_of(len(readers), **conditions)
    host, port = _address(listen)
    require_unmasked(trace, unmasked=unmasked, force=force)
    try:
        with (
            _written(trace) as write,
            Rig(readers, transport="pcsc", scenario=scenario, unmasked=unmasked) as made,
            Server(made, host, port, path=path, panel=panel) as server,
        ):
            if write is not None:
                for event in made.trace:
                    write(event)
                made.trace.watch(write)
            status = _serve(made, server, path, command, panel=panel)
    finally:
        for sentence in scenario.unfired() if scenario else ():
            print_message(sentence)
    sys.exit(status)


def _serve(made: "Rig", server: "Server", path: Path | None, command: tuple[str, ...], *, panel: bool) -> int:
    """Run a command beside the server, or wait for a signal; return the exit status."""
    if path:
        made.inherit(str(path.absolute()))
    if not server.is_local:
        print_message(f"whoever reaches {server.address} can control the rig, and read and write files as you")
    if command:
        return _run(command, server.address, made.look_after, panel=panel)
    return _wait(made, server.address, panel=panel)


@contextmanager
def _written(trace: Path | None) -> "Iterator[Sink | None]":
    """Yield what writes events to the file of ``--trace``, None if there is none."""
    stream = open_trace(trace)
    if stream is None:
        yield None
        return

    def write(event: "Event") -> None:
        write_line(stream, event.bare().json())

    try:
        yield write
    finally:
        stream.close()


def require_extra() -> None:
    """Refuse to go on without the libraries of the extra ``rig``; the sentence says how to get them."""
    from importlib.util import find_spec

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageFault(EXTRA.format(missing=", ".join(missing)))


def _address(listen: str | None) -> tuple[str, int]:
    if listen is None:
        return "127.0.0.1", 0
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageFault(f"--listen: {listen!r} is not of the form HOST:PORT, 127.0.0.1:8000 for example")
    return host.strip("[]"), int(port)


def _run(command: tuple[str, ...], address: str, look: Callable[[], object], *, panel: bool) -> int:
    """Run a command with the address in its environment; return its status."""
    if panel:
        print_message(f"panel {address}/")
    return run_beside(command, look, {VARIABLE: address})


def _wait(made: "Rig", address: str, *, panel: bool) -> int:
    """Print where the rig is, and wait for a signal."""
    click.echo(f"control  {address}")
    if panel:
        click.echo(f"panel    {address}/")
    for reader in made.readers:
        card = reader.inserted
        click.echo(f"reader   {reader.name}  {card.profile if card else 'empty'}")
    click.echo(f"PC/SC    PCSCLITE_CSOCK_NAME={os.environ.get('PCSCLITE_CSOCK_NAME', '')}")
    sys.stdout.flush()
    wait_for_a_signal(made.look_after)
    return 0


class _Control(click.Group):
    """The operations of control, each as a command; which there are is read when somebody asks."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - an override
        """List the operations, and the streams."""
        self._fill()
        return [*self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of an operation."""
        self._fill()
        return super().get_command(ctx, cmd_name)

    def _fill(self) -> None:
        for operation in OPERATIONS.values():
            self.commands.setdefault(operation.name, _command(operation))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        write_examples(ctx, formatter)


@main.group(cls=_Control)
@click.option("--address", envvar=VARIABLE, show_envvar=True, help="Address of the rig, as `sscard rig` prints it.")
@click.pass_context
def ctl(ctx: click.Context, address: str | None) -> None:
    """Ask a running rig: insert, remove, faults, snapshots, trace, events."""
    ctx.obj = address


def _client(ctx: click.Context) -> Any:
    from ..control.client import Client

    if not ctx.obj:
        raise UsageFault(f"which rig? give --address, or set {VARIABLE}: `sscard rig` prints it")
    return Client(ctx.obj)


def _command(operation: "Operation") -> click.Command:
    """Make the command of an operation: the numbers of its path, then its fields."""
    first = operation.body[0].name if operation.body else ""
    params: list[click.Parameter] = [click.Argument([name], type=click.IntRange(0)) for name in operation.numbers]
    if first:
        params.append(click.Argument(["values"], nargs=-1, metavar=f"[{first.upper()}] [FIELD=VALUE]..."))

    def run(values: tuple[str, ...] = (), **numbers: int) -> None:
        path = operation.path.format(**numbers)
        body = _body(operation, values) if operation.body else None
        _print(_client(click.get_current_context()).ask(operation.method, path, body))

    fields = "\n".join(f"  {field.name}: {field.text.replace('`', '')}" for field in operation.body)
    more = f"\n  FIELD: {operation.open_body}" if operation.open_body else ""
    text = f"{operation.text}.\n\n\b\n{fields}{more}" if fields else f"{operation.text}."
    return click.Command(operation.name, callback=run, params=params, help=text, short_help=operation.text)


def _body(operation: "Operation", values: tuple[str, ...]) -> dict[str, Any]:
    """Read fields: the first one may come without its name; numbers and tables are JSON."""
    kinds = {field.name: field.kind for field in operation.body}
    body: dict[str, Any] = {}
    for place, text in enumerate(values):
        name, equals, value = text.partition("=")
        if not equals:
            if place:
                raise UsageFault(f"ctl {operation.name}: {text!r} is not of the form FIELD=VALUE")
            name, value = operation.body[0].name, text
        try:
            body[name] = json.loads(value) if kinds.get(name, "string") != "string" else value
        except (ValueError, RecursionError):
            raise UsageFault(f"ctl {operation.name}: {name} must be JSON") from None
    return body


def _print(answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@ctl.command()
@click.option("--format", "form", type=click.Choice(TRACE_FORMS), default="text", show_default=True)
@click.option("--after", type=click.IntRange(0), default=0, help="Leave out the first events.")
@click.pass_context
def trace(ctx: click.Context, form: str, after: int) -> None:
    """Print what passed between the readers and their cards."""
    if form in BINARY and sys.stdout.isatty():
        raise UsageFault(f"--format {form}: this is no text for a terminal; send it to a file: > trace.{form}")
    answer = _client(ctx).ask("GET", f"/trace?format={form}&after={after}")
    click.echo(
        answer if isinstance(answer, str | bytes) else json.dumps(answer, ensure_ascii=False, indent=2), nl=False
    )


@ctl.command()
@click.option("--after", type=click.IntRange(0), help="Begin after the event with this number.")
@click.option("--until", metavar="SIGNAL", help="End after this one: 'card removed', 'fault fired'.")
@click.pass_context
def events(ctx: click.Context, after: int | None, until: str | None) -> None:
    """Print what happens as it happens, as JSON lines."""
    signals = (*SIGNALS.values(), *OTHER_EVENTS)
    if until is not None and until not in signals:
        raise UsageFault(f"--until: there is no signal {until!r}{hint(until, signals)}")
    for event in _client(ctx).events(after):
        click.echo(json.dumps(event, ensure_ascii=False))
        if event["signal"] == until:
            return
