"""The command line `sscard`.

What a subcommand needs is imported inside it, so that inserting a card does not wait for table drawing.
"""

import sys
from pathlib import Path

import click

IMAGE = click.argument("image", type=click.Path(path_type=Path, dir_okay=False))


class _Group(click.Group):
    """A group whose refusals are one sentence and exit status 2, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output went away, as `head` does; nothing is wrong.
            sys.stderr.close()
            ctx.exit(0)
        except Exception as error:
            if not isinstance(error, _refusals()):
                raise
            click.echo(f"sscard: {error}", err=True)
            ctx.exit(2)


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
    """A virtual Chinese social-security card (社会保障卡) in a real PC/SC reader."""


from . import cards, life, readers  # noqa: E402, F401 - they add their commands to the group
