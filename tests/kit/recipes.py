"""The two files of the page on CI and containers as shell scripts: a workflow's ``run:`` lines, a Dockerfile's steps.

    python -m tests.kit.recipes FOLDER    write the files of the page and `workflow.sh`, `container.sh` into a folder

`scripts/fresh --examples` runs both scripts on a bare Debian. Beside them it puts the project as ``sscard``.
"""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Final

from tests.kit.book import blocks, text_of

PAGE: Final = "docs/how-to/ci-and-containers.md"
WORKFLOW: Final = ".github/workflows/card.yml"
CONTAINER: Final = "Dockerfile"


def files() -> dict[str, str]:
    """Return the files that the page shows, by name."""
    return {block.marker[1]: block.text for block in blocks(text_of(PAGE)) if block.marker[0] == "file"}


def workflow(text: str) -> list[str]:
    """Return the commands of a workflow; ValueError for a ``run:`` that has more than its line."""
    commands = re.findall(r"^ *- run: (.+)$", text, re.MULTILINE)
    if len(commands) != text.count("run:") or any(command[0] in "|>'\"" for command in commands):
        raise ValueError("a step whose command is not on its line")
    return commands


def container(text: str) -> list[str]:
    """Return the steps of a Dockerfile as shell commands; ValueError for an instruction that is not understood."""
    commands = []
    for line in text.splitlines():
        instruction, _, rest = line.partition(" ")
        match instruction:
            case "FROM" | "":
                continue
            case "RUN":
                commands.append(rest)
            case "ENV":
                commands.append(f"export {rest}")
            case "WORKDIR":
                commands.append(f"mkdir -p {rest} && cd {rest}")
            case "COPY":
                source, target = rest.split()
                commands.append(f'cp -rL "$context/{source}" {target}')
            case "CMD":
                commands.append(shlex.join(json.loads(rest)))
            case _:
                raise ValueError(f"{instruction} is no instruction that this knows")
    return commands


def script(commands: list[str], *, head: str) -> str:
    """Return a script that shows each command, runs it, and ends at the first that fails."""
    return "\n".join(["set -e", head, *(f"printf '+ %s\\n' {shlex.quote(each)}\n{each}" for each in commands), ""])


def write(folder: Path) -> None:
    """Write the files of the page and both scripts; the first reads what a step adds to PATH, as GitHub does."""
    shown = files()
    for name, text in shown.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    steps = []
    for command in workflow(shown[WORKFLOW]):
        steps.append(command)
        if "GITHUB_PATH" in command:
            steps.append('PATH="$(cat "$GITHUB_PATH"):$PATH"')
    path = 'export GITHUB_PATH="$PWD/added.path"'
    (folder / "workflow.sh").write_text(script(steps, head=path), encoding="utf-8")
    text = script(container(shown[CONTAINER]), head='context="$PWD"')
    (folder / "container.sh").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
