"""The public face `sscard`: few names, each with a docstring and an example, which is run here."""

import doctest
import sys
from pathlib import Path

import pytest

import sscard
from tests.kit import child

MOST_NAMES = 25
NAMES = sorted(set(sscard.__all__) - {"__version__"})


def test_the_face_has_few_names_and_lists_them() -> None:
    assert len(sscard.__all__) <= MOST_NAMES
    assert sscard.__all__ == sorted(sscard.__all__, key=lambda name: (not name[0].isupper(), name))
    assert dir(sscard) == sorted(sscard.__all__)
    assert sscard.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sscard.nothing


@pytest.mark.parametrize("name", ["", *NAMES])
def test_each_name_has_a_docstring_with_an_example_that_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(sscard, name) if name else sscard
    test = doctest.DocTestParser().get_doctest(thing.__doc__ or "", {}, f"sscard.{name}", None, 0)
    assert test.examples, "no example"
    shown: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=shown.append)
    assert not result.failed, "".join(shown)


def test_methods_of_a_card_have_docstrings() -> None:
    for name, member in vars(sscard.Card).items():
        if not name.startswith("_"):
            assert member.__doc__, name


def test_what_a_program_catches_has_one_base() -> None:
    errors = [name for name in NAMES if name.endswith("Error")]
    assert len(errors) == 5
    assert all(issubclass(getattr(sscard, name), sscard.SscardError) for name in errors)


def test_nothing_is_loaded_before_it_is_used() -> None:
    """The import alone takes no time: at most 40 ms over the bare interpreter, here by what it loads."""
    script = (
        "import sys; before = set(sys.modules); import sscard; "
        "print(*sorted({n.split('.')[0] for n in set(sys.modules) - before}))"
    )
    loaded = set(child.run([sys.executable, "-c", script], env=child.unmeasured(), check=True).stdout.split())
    assert not {"keys", "cardfs", "emulator", "click", "rich", "msgspec", "Crypto", "cryptography"} & loaded


@pytest.mark.parametrize("name", ["keys", "cardfs", "emulator"])
@pytest.mark.parametrize("inside", ["__init__.py", "other.py"])
def test_a_folder_of_the_same_name_is_named(name: str, inside: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / inside).write_text("")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from sscard import Card"
    done = child.run([sys.executable, "-c", script])
    last = done.stderr.strip().splitlines()[-1] if done.stderr else ""
    if inside == "__init__.py":
        assert last.startswith(f"ImportError: sscard needs its own package '{name}', but Python finds {folder} first:")
    else:  # a folder without __init__.py comes after every real package
        assert done.returncode == 0, done.stderr


def test_a_foreign_module_that_is_there_already_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys.py").write_text("")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import keys; from sscard import Card"
    done = child.run([sys.executable, "-c", script])
    assert f"but Python finds {tmp_path / 'keys.py'} first" in done.stderr
