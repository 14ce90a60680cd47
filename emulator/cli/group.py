"""The group of all commands, and what their refusals look like.

What a subcommand needs is imported inside it, so that inserting a card does not wait for table drawing.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import click

from .errors import UsageFault
from .helping import GroupedHelp, HelpedCommand
from .interrupt import unwind
from .output import prepare, print_message
from .targets import Target, make_private


class _Own:
    """Finds the project's own packages: PYTHONPATH or the folder may have other ones of the same names."""

    root = str(Path(__file__).parents[2])

    @classmethod
    def find_spec(
        cls, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the place of a package of ours, None for any other module."""
        return PathFinder.find_spec(name, [cls.root]) if name in ("cardfs", "keys") else None


sys.meta_path.insert(0, _Own)

IMAGE = click.argument("image", type=click.Path(path_type=Path, dir_okay=False))
TRACE = click.option("--trace", type=Target(), help="Write the trace to this file, as JSON lines.")
_UNMASKED = click.option(
    "--unmasked", is_flag=True, help="Mask nothing in the file of --trace: PINs and keys stand there. It must be new."
)
_FORCE = click.option("--force", is_flag=True, help="Let --unmasked replace the file.")


def unmasked_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--unmasked`` and ``--force`` to a command that has ``--trace``."""
    return _UNMASKED(_FORCE(command))


def require_unmasked(trace: Path | None, *, unmasked: bool, force: bool) -> None:
    """Make the file of an unmasked trace, which only its owner can read, and warn; nothing for a masked one.

    Raises:
        UsageFault: there is no ``--trace``, or the file exists and there is no ``--force``.
    """
    if not unmasked:
        if force:
            raise UsageFault("--force: only an unmasked trace replaces a file; add --unmasked")
        return
    if trace is None:
        raise UsageFault("--unmasked: only with --trace FILE")
    make_private(trace, "--trace", force=force)
    print_message(f"WARNING: {trace} WILL HOLD PINS AND KEYS IN CLEAR (--unmasked): delete it when you are done")


class _Group(GroupedHelp):
    """A group whose refusals are one sentence and exit status 2, never a traceback."""

    command_class = HelpedCommand
    group_class = GroupedHelp

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the command line's beginning: the options before the subcommand."""
        prepare()
        with _one_sentence(str(self.name)):
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand."""
        unwind()
        with _one_sentence(ctx.command_path):
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_sentence(command: str) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else command
        _refuse(f"{error.format_message().rstrip('.')}; see {path} --help")
    except OSError as error:
        _refuse(f"{error.filename or 'the output cannot be written'}: {error.strerror or error}")
    except Exception as error:
        from keys.errors import SscardError

        if not isinstance(error, SscardError):
            raise
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    print_message(sentence)
    raise click.exceptions.Exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sscard")
def main() -> None:
    """A virtual Chinese social-security card (社会保障卡) in a virtual PC/SC reader."""
