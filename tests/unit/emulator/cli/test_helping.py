"""Help: every command stands under a title with one line and examples, and the examples are command lines."""

import os
import shlex
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from emulator.cli import main
from emulator.cli.helping import GROUPS, HELP
from tests.kit import child

TERMINAL = main.commands["terminal"]
assert isinstance(TERMINAL, click.Group)
TRACE = main.commands["trace"]
assert isinstance(TRACE, click.Group)
PATHS = sorted(
    [
        *main.commands,
        *(f"{group.name} {name}" for group in (TERMINAL, TRACE) for name in group.commands),
    ]
)


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--help"])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_command_has_its_help_and_there_is_none_for_others() -> None:
    assert sorted(HELP) == PATHS


@pytest.mark.parametrize("path", PATHS)
def test_the_brackets_of_a_usage_line_are_closed(path: str) -> None:
    usage = shown(*path.split()).partition("\n\n")[0]
    assert usage.startswith("Usage: ")
    assert usage.count("[") == usage.count("]")


def test_commands_stand_under_their_titles() -> None:
    text = shown()
    titles = [line.rstrip(":") for line in text.splitlines() if line.rstrip(":") in GROUPS]
    assert titles == list(GROUPS)
    for path, entry in HELP.items():
        if " " not in path:
            assert any(line.split() == [*path.split(), *entry.line.split()] for line in text.splitlines()), path
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", PATHS)
def test_help_ends_with_examples(path: str) -> None:
    lines = shown(*path.split()).rstrip().splitlines()
    at = lines.index("Examples:")
    assert lines[at + 1 :] == [f"  sscard {line}" for line in HELP[path].examples]


@pytest.mark.parametrize("path", PATHS)
def test_every_example_is_a_command_line(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and arguments are those of the command; what `exec` runs is looked at, too."""
    monkeypatch.chdir(tmp_path)
    Path("script.apdu").write_text("")
    for line in HELP[path].examples:
        words = shlex.split(line.partition(" > ")[0])
        reached = []
        while words and words[0] != "opensc-tool":
            command, words = parsed(words)
            reached.append(command)
            if words[:1] != ["sscard"]:
                break
            words = words[1:]
        assert any(f"{each} ".startswith(f"{path} ") for each in reached), line


def parsed(words: list[str]) -> tuple[str, list[str]]:
    """Read a command line as `sscard` does, without running it; the command's path, and what `exec` runs."""
    command: click.Command = main
    path: list[str] = []
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words, path = found, words[1:], [*path, words[0]]
    with command.make_context(" ".join(path), list(words)) as context:
        return " ".join(path), list(context.params.get("command") or ())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_SSCARD_COMPLETE={shell}_complete" in done.output


def test_bash_completes_commands_and_options() -> None:
    script = (
        'eval "$(sscard completion bash)"; COMP_WORDS=(sscard iss); COMP_CWORD=1; _sscard_completion sscard;'
        "echo ${COMPREPLY[@]}; COMPREPLY=(); COMP_WORDS=(sscard issue --reg); COMP_CWORD=2; _sscard_completion sscard;"
        "echo ${COMPREPLY[@]}"
    )
    folder = Path(sys.executable).parent
    environment = child.environment(PATH=f"{folder}:{os.environ['PATH']}")
    done = child.run(["bash", "-c", script], env=environment, check=True)
    assert done.stdout.split() == ["issue", "--region"]
