"""The command line `sscard`.

What a subcommand needs is imported inside it, so that inserting a card does not wait for table drawing.
"""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

IMAGE = click.argument("image", type=click.Path(path_type=Path, dir_okay=False))


class _Group(click.Group):
    """A group whose refusals are one sentence and exit status 2, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        _speak_whatever_the_terminal_can()
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else ctx.command_path
            _refuse(ctx, f"{error.format_message().rstrip('.')}; see {path} --help")
        except BrokenPipeError:
            # The reader of our output went away, as `head` does; nothing is wrong.
            _drop_output()
            ctx.exit(0)
        except OSError as error:
            _drop_output()
            _refuse(ctx, f"{error.filename or 'the output cannot be written'}: {error.strerror or error}")
        except Exception as error:
            if not isinstance(error, _refusals()):
                raise
            _refuse(ctx, str(error))


def _refuse(ctx: click.Context, sentence: str) -> NoReturn:
    # A process of ours that held a card may have said it first.
    click.echo(f"sscard: {sentence.removeprefix('sscard: ')}", err=True)
    ctx.exit(2)


def _speak_whatever_the_terminal_can() -> None:
    """Let an output that has no Chinese show the characters by number, and not fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Nobody reads our output any more: what is left of it must not fail at the end of the process."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refusals() -> tuple[type[Exception], ...]:
    """The errors whose text is one sentence for the person who called."""
    from cardfs.errors import ImageError
    from cardfs.inputs import InputError
    from emulator.stack import StackError

    from .errors import UsageFault

    return ImageError, InputError, StackError, UsageFault


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sscard")
def main() -> None:
    """A virtual Chinese social-security card (社会保障卡) in a virtual PC/SC reader."""


from . import cards, life, readers, terminal  # noqa: E402, F401 - they add their commands to the group
