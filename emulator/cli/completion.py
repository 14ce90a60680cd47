"""Completion of commands and options in a shell."""

import click

from .group import main


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that lets a SHELL complete the commands and options of sscard.

    Write it where the shell looks for it: for bash ~/.local/share/bash-completion/completions/sscard, for zsh _sscard
    in a folder of $fpath, for fish ~/.config/fish/completions/sscard.fish.
    """
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise AssertionError(f"click does not know {shell}")
    source = completion_class(main, {}, "sscard", "_SSCARD_COMPLETE")
    # click asks bash for its version by running it; the text is the same for every version that it supports.
    click.echo(source.source_template % source.source_vars())
