"""The workflow and the Dockerfile of the page on CI and containers: what they build and run works on this machine.

Their set-up is not run here, where all is set up: `scripts/fresh --examples` runs them whole on a bare system.
"""

import shutil
import sys
from pathlib import Path

import pytest

from tests.kit import child, recipes

SET_UP = {
    "sscard/scripts/setup",
    'echo "$PWD/sscard/.venv/bin" >> "$GITHUB_PATH"',
    "sudo mkdir -p /run/pcscd",
    'cp -rL "$context/sscard" /opt/sscard',
    "/opt/sscard/scripts/setup",
    "export PATH=/opt/sscard/.venv/bin:$PATH",
    "mkdir -p /app && cd /app",
    'cp -rL "$context/card_test.c" .',
}


@pytest.mark.pcsc
@pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("pkg-config")), reason="gcc or pkg-config is missing")
@pytest.mark.parametrize("kind", [recipes.WORKFLOW, recipes.CONTAINER])
def test_what_a_recipe_builds_and_runs_works_here(kind: str, tmp_path: Path) -> None:
    recipes.write(tmp_path)
    parts = {recipes.WORKFLOW: recipes.workflow, recipes.CONTAINER: recipes.container}[kind]
    own = [command for command in parts(recipes.files()[kind]) if command not in SET_UP]
    assert len(own) == 2
    path = f"{Path(sys.executable).parent}:{child.environment()['PATH']}"
    done = child.run(
        ["bash", "-c", recipes.script(own, head="")], cwd=tmp_path, env=child.environment(PATH=path), limit=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("VERIFY: 9000\n")


def test_a_recipe_is_read_whole_or_not_at_all() -> None:
    assert recipes.workflow("steps:\n  - uses: x\n  - run: make\n") == ["make"]
    assert recipes.container('FROM debian:12\nCOPY a /b\nCMD ["a", "b c"]\n') == ['cp -rL "$context/a" /b', "a 'b c'"]
    for wrong in ("  - run: |\n      make\n", "  - name: x\n    run: make\n"):
        with pytest.raises(ValueError, match="not on its line"):
            recipes.workflow(wrong)
    with pytest.raises(ValueError, match="EXPOSE"):
        recipes.container("EXPOSE 80\n")
