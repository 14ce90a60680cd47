"""The scripts of the checkout, with stand-ins for what they start; `scripts/fresh` tries them on a bare system."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.kit import child
from tests.kit.places import ROOT

STEP: Final = """#!/bin/sh
echo "$(basename "$0") $*"
env | grep ^PYTHON
case "$*" in *hang*) exec sleep 60 ;; esac
[ "$(basename "$0")" != mypy ]
"""
PYTHON: Final = f"""#!/bin/sh
case "$*" in
  -c*) exec {sys.executable} "$@" ;;
  "-m pip --version") exit 0 ;;
esac
echo "$*" >>"$LOG"
for last; do :; done
case "$*" in
  "-m venv"*) mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
esac
"""


def write(path: Path, text: str) -> None:
    """Make a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


# scripts/test ---------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which every step tells what it got; the types are wrong."""
    for name in ("ruff", "mypy", "lint-imports", "python"):
        write(tmp_path / ".venv/bin" / name, STEP)
    write(tmp_path / "scripts/setup", STEP)
    for name in ("test", "check"):
        write(tmp_path / "scripts" / name, (ROOT / "scripts" / name).read_text(encoding="utf-8"))
    return tmp_path


def run_test(checkout: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return child.run([checkout / "scripts/test", *options], env=child.environment(**environment))


def test_all_steps_run_without_what_python_is_told_outside(checkout: Path) -> None:
    habits = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": "/", "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_test(checkout, "-k", "golden", **habits)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("==")]
    assert lines == [
        *("setup --test", "ruff check .", "ruff format --check .", "mypy ", "lint-imports "),
        *("Failed: Types", "python -m pytest -n auto --dist loadfile -k golden"),
    ]
    assert done.returncode == 1, "one step failed"


def test_the_newest_libraries_are_an_option_of_the_setup(checkout: Path) -> None:
    lines = run_test(checkout, "--unlocked", "-x").stdout.splitlines()
    assert lines[0] == "setup --test --unlocked"
    assert lines[-1] == "python -m pytest -n auto --dist loadfile -x"


def test_a_step_that_hangs_ends_with_the_run(checkout: Path) -> None:
    script = checkout / "scripts/test"
    text = script.read_text(encoding="utf-8")
    assert "\nlimit=3600\n" in text
    script.write_text(text.replace("\nlimit=3600\n", "\nlimit=1\n"), encoding="utf-8")
    assert run_test(checkout, "hang").returncode == 1


# scripts/setup --------------------------------------------------------------------------------------


def test_the_setup_installs_what_is_locked_once_and_the_newest_if_asked(tmp_path: Path) -> None:
    """All packages of the distribution are there, or these tests would not run."""
    log, root = tmp_path / "log", tmp_path / "root"
    write(tmp_path / "bin/python3", PYTHON)
    (root / "scripts").mkdir(parents=True)
    for name in ("scripts/setup", "pyproject.toml", "requirements.lock", "requirements-build.lock"):
        shutil.copy(ROOT / name, root / name)

    def set_up(*options: str) -> list[str]:
        log.write_text("")
        path = f"{tmp_path / 'bin'}:{child.environment()['PATH']}"
        child.run([root / "scripts/setup", *options], env=child.environment(PATH=path, LOG=str(log)), check=True)
        return log.read_text().replace("-m pip install --disable-pip-version-check --no-input ", "").splitlines()

    made = f"-m venv --clear {root}/.venv"
    locked = [
        f"--require-hashes --requirement {root}/requirements-build.lock",
        f"--require-hashes --no-build-isolation --requirement {root}/requirements.lock",
        f"--no-deps --no-build-isolation --editable {root}",
    ]
    newest = ["--upgrade pip setuptools", f"--upgrade --upgrade-strategy eager --editable {root}[test]"]
    assert set_up() == [made, *locked]
    assert set_up() == set_up("--test") == []
    with (root / "requirements.lock").open("a") as file:
        file.write("# renewed\n")
    assert set_up() == locked, "a new lock file is installed, in the same environment"
    assert set_up("--unlocked") == [made, *newest]
    assert set_up("--unlocked") == []
    assert set_up() == [made, *locked]
    refused = child.run([root / "scripts/setup", "--nonsense"])
    assert (refused.returncode, refused.stderr) == (2, "usage: scripts/setup [--test] [--unlocked]\n")


# scripts/fresh --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--as nobody", "fresh: --as takes root or user\n"),
        ("--nonsense", "fresh: there is no option --nonsense; see the head of scripts/fresh\n"),
    ],
)
def test_a_wrong_option_of_the_trial_is_told(option: str, sentence: str) -> None:
    done = child.run([ROOT / "scripts/fresh", *option.split()])
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)
