"""What is handed to others: the locked libraries, the page of the package, what the source distribution holds."""

import re
import shutil
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit import child
from tests.kit.places import ROOT

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED: Final[dict[str, list[str]]] = {
    "requirements.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    ],
    "requirements-build.lock": [*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]],
}
PACKAGES: Final = ("cardfs", "emulator", "keys")
FOLDERS: Final = (*PACKAGES, "scripts", "tests")


def locked(name: str) -> dict[str, str]:
    """Version by library of a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_file_has_a_version_in_range_for_all_that_is_asked_for(name: str) -> None:
    versions = locked(name)
    for text in ASKED[name]:
        asked = Requirement(text)
        assert asked.specifier.contains(versions[canonicalize_name(asked.name)]), text


def test_what_the_locked_libraries_need_is_locked_too() -> None:
    versions = locked("requirements.lock")
    for name in versions:
        if name == "colorama":  # for Windows
            continue
        needs = map(Requirement, distribution(name).requires or [])
        missing = {
            need.name
            for need in needs
            if (need.marker is None or need.marker.evaluate({"extra": ""}))
            and canonicalize_name(need.name) not in versions
        }
        assert not missing, name


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_file_has_a_hash_for_each_library_and_names_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(name))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host", text)


# The page of the package ----------------------------------------------------------------------------


def test_the_page_of_the_package_has_no_link_that_leads_nowhere() -> None:
    """Where the package is shown, the files beside the page are not there."""
    page = (ROOT / PROJECT["project"]["readme"]).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]*)\)|^\[[^\]]*\]: (\S+)|(?:href|src)=\"([^\"]*)\"", page, re.MULTILINE)
    assert [link for link in map("".join, links) if not link.startswith("https://")] == []


def test_the_metadata_name_the_licence_and_the_versions_that_are_tried(tmp_path: Path) -> None:
    for each in ("pyproject.toml", "PACKAGE.md", "LICENSE"):
        (tmp_path / each).write_bytes((ROOT / each).read_bytes())
    for each in PACKAGES:
        (tmp_path / each).symlink_to(ROOT / each)
    code = "from setuptools.build_meta import prepare_metadata_for_build_wheel as make; print(make('.'))"
    done = child.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    folder = tmp_path / done.stdout.split()[-1]
    text = (folder / "METADATA").read_text(encoding="utf-8")
    assert {"License-Expression: Apache-2.0", "License-File: LICENSE"} <= set(text.split("\n"))
    assert "Classifier: License" not in text
    assert re.findall(r"Classifier: Programming Language :: Python :: (3\.\d+)", text) == ["3.11", "3.12", "3.13"]
    assert text.endswith((ROOT / "PACKAGE.md").read_text(encoding="utf-8"))


def test_the_source_distribution_holds_the_tests_and_all_that_they_and_the_pages_need(tmp_path: Path) -> None:
    """Its list of files is made as for the distribution, in a folder of its own."""
    code = "from setuptools import setup; setup()"
    child.run([sys.executable, "-c", code, "-q", "egg_info", "--egg-base", tmp_path], cwd=ROOT, check=True)
    held = set((tmp_path / "sscard.egg-info/SOURCES.txt").read_text(encoding="utf-8").splitlines())
    top = [each for each in ROOT.iterdir() if each.suffix in (".md", ".toml", ".lock", ".in")]
    there = [*top, ROOT / "LICENSE", *(each for name in FOLDERS for each in (ROOT / name).rglob("*"))]
    needed = {str(path.relative_to(ROOT)) for path in there if path.is_file() and "__pycache__" not in path.parts}
    assert needed - held == set()
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert set(links) <= held


def test_every_folder_with_modules_is_a_package_that_is_handed_over() -> None:
    folders = {path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    names = {".".join(folder.parts).replace("emulator.sscard", "sscard") for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == names


def test_a_wheel_holds_the_public_face_and_issues_a_card(tmp_path: Path) -> None:
    for each in ("pyproject.toml", "PACKAGE.md", "LICENSE"):
        shutil.copy(ROOT / each, tmp_path)
    for each in (*PACKAGES, "scripts"):
        shutil.copytree(ROOT / each, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__"))
    code = "from setuptools.build_meta import build_wheel; build_wheel('wheel')"
    child.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    inside = tmp_path / "inside"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(inside)
    assert {each.name for each in inside.iterdir() if each.suffix == ""} == {*PACKAGES, "sscard"}
    script = (
        f"import sys; sys.path.insert(0, {str(inside)!r}); import sscard; print(sscard.__file__, sscard.Card.issue())"
    )
    done = child.run([sys.executable, "-c", script], cwd=tmp_path / "wheel", check=True)
    assert done.stdout.startswith(f"{inside / 'sscard' / '__init__.py'} <Card ssc-2.0 ATR 3B6D")


# What is built here ---------------------------------------------------------------------------------


def test_the_module_of_pcsc_loads_and_ends_where_warnings_are_errors() -> None:
    """One that SWIG 4.3 wrote does not: the process crashes when it ends."""
    done = child.run([sys.executable, "-W", "error", "-c", "import smartcard.scard"])
    assert (done.returncode, done.stderr) == (0, "")
