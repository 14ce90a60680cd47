"""The link that leads the PC/SC library from stack to stack, and what stays of it."""

import os
from pathlib import Path

import pytest

from emulator.rig.route import LONGEST, VARIABLE, Route


@pytest.fixture
def route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Route:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "before")
    return Route()


def link() -> Path:
    return Path(os.environ[VARIABLE])


def test_it_leads_to_the_last_stack(route: Route) -> None:
    route.prepare()
    path = link()
    assert not path.is_symlink()
    route.enter("/a")
    route.enter("/b")
    assert (link(), str(path.readlink())) == (path, "/b")
    route.leave("/b")
    assert str(path.readlink()) == "/a"
    route.enter("/a")
    route.leave("/a")
    assert str(path.readlink()) == "/a"
    route.remove()


def test_a_socket_has_a_short_path(route: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    route.prepare()
    try:
        assert len(os.environ[VARIABLE]) <= LONGEST
        assert list(folder.iterdir()) == []
    finally:
        route.remove()


def test_it_keeps_its_place_from_stack_to_stack_since_the_library_asks_once(route: Route, tmp_path: Path) -> None:
    route.enter("/a")
    path = link()
    route.leave("/a")
    assert link() == path
    assert not path.is_symlink()
    route.leave("/never")
    route.enter("/b")
    assert link() == path
    route.remove()
    assert os.environ[VARIABLE] == "before"
    assert list(tmp_path.iterdir()) == []
    route.remove()
    assert os.environ[VARIABLE] == "before"


def test_what_was_before_the_stacks_is_known(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    assert route.outside()[VARIABLE] == "before"
    route.enter("/a")
    assert os.environ[VARIABLE] != "before"
    assert route.outside() == {**os.environ, VARIABLE: "before"}
    monkeypatch.setenv(VARIABLE, "elsewhere")
    assert route.outside()[VARIABLE] == "elsewhere"
    route.remove()
    monkeypatch.delenv(VARIABLE)
    route.enter("/a")
    assert VARIABLE not in route.outside()
    route.remove()
