"""Stores: one durable transaction at a time, an image file of mode 0600, and one sentence for what is wrong."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cardfs.memory import cells
from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import APPLICATION_ID, SCHEMA_VERSION, SqliteStore
from cardfs.memory.store import Cell, CellKey, MemoryStore, Store
from cardfs.model.errors import ImageError, StoreFailed
from tests.kit import child
from tests.kit.card import contents
from tests.kit.damage import DAMAGES, names

CELLS: dict[CellKey, Cell] = {
    ("card", ""): Cell("{}", b""),
    ("ef", "3F00/EF05"): Cell('{"sfi":5}', b"\x00\xff"),
    ("tries", "3F00#K.1"): Cell("3", b""),
}
HOLDER = """
import sys
from pathlib import Path
from cardfs.memory.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print("holding", flush=True)
sys.stdin.read()
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An image file with a few cells."""
    file = tmp_path / "card.sscard"
    SqliteStore.create(file, CELLS.items())
    return file


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store with the same few cells."""
    if request.param == "memory":
        yield MemoryStore(CELLS)
        return
    file = tmp_path / "card.sscard"
    SqliteStore.create(file, CELLS.items())
    opened = SqliteStore(file)
    yield opened
    opened.close()


# -- the contract of every store ------------------------------------------------------------------


def test_a_store_gives_back_what_was_put_in(store: Store) -> None:
    assert store.load() == CELLS


def test_a_write_replaces_adds_and_removes_cells(store: Store) -> None:
    new = Cell("2", b"\x01")
    store.write({("tries", "3F00#K.1"): new, ("key", "3F00#K.1"): new, ("ef", "3F00/EF05"): None, ("ef", "none"): None})
    assert store.load() == {("card", ""): CELLS["card", ""], ("tries", "3F00#K.1"): new, ("key", "3F00#K.1"): new}


def test_what_was_loaded_does_not_change_when_the_store_does(store: Store) -> None:
    loaded = store.load()
    store.write({("tries", "3F00#K.1"): Cell("0", b"")})
    assert loaded == CELLS


def test_closing_twice_is_allowed(store: Store) -> None:
    store.close()
    store.close()


# -- the file -------------------------------------------------------------------------------------


def test_a_new_image_is_for_its_owner_alone_whatever_the_umask_says(tmp_path: Path) -> None:
    for mask in (0o000, 0o022, 0o077):
        old = os.umask(mask)
        try:
            file = tmp_path / f"{mask:o}.sscard"
            SqliteStore.create(file, CELLS.items())
            with closing(SqliteStore(file)) as store:
                store.write({("tries", "3F00#K.1"): Cell("2", b"")})
                for each in tmp_path.glob(f"{mask:o}.sscard*"):
                    assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
        finally:
            os.umask(old)


def test_creating_leaves_one_file_and_nothing_beside_it(tmp_path: Path, path: Path) -> None:
    assert names(tmp_path) == [path.name]
    with closing(SqliteStore(path)) as store:
        store.write({("tries", "3F00#K.1"): Cell("2", b"")})
    assert names(tmp_path) == [path.name]


def test_an_existing_file_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ImageError, match=r"card\.sscard: the file exists already$"):
        SqliteStore.create(path, [])
    assert path.read_bytes() == before
    assert names(path.parent) == [path.name]


def test_an_image_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "none" / "card.sscard"
    with pytest.raises(ImageError) as error:
        SqliteStore.create(file, CELLS.items())
    assert str(error.value) == f"{file}: the image cannot be written: no such file or directory"
    assert names(tmp_path) == []


def test_creating_is_all_or_nothing(tmp_path: Path) -> None:
    """Cells that break off halfway leave no file, and so do cells that are there twice."""

    def broken() -> Iterator[tuple[CellKey, Cell]]:
        yield from CELLS.items()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SqliteStore.create(tmp_path / "card.sscard", broken())
    with pytest.raises(ImageError, match="cannot be written"):
        SqliteStore.create(tmp_path / "card.sscard", [*CELLS.items(), *CELLS.items()])
    assert names(tmp_path) == []


def test_an_image_is_readable_with_sqlite3(path: Path) -> None:
    """An application id, a schema version, and one table with readable text."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,) == (0x53534344,)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT kind, path, meta, data FROM cell ORDER BY kind, path").fetchall()
    mark = ("log", "", '{"in_use":false,"salt":null}', b"")
    assert rows == sorted([*((*key, *CELLS[key]) for key in CELLS), mark])


def test_a_commit_is_on_the_disk_when_write_returns(path: Path) -> None:
    """Full synchronisation, which with write-ahead logging is not SQLite's default everywhere."""
    with closing(SqliteStore(path)) as store:
        (level,) = store._connection.execute("PRAGMA synchronous").fetchone()
        assert level == 2
        store.write({("tries", "3F00#K.1"): Cell("1", b"")})
        copy = path.with_name("copy.sscard")
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    with closing(SqliteStore(copy)) as found:
        assert found.load()["tries", "3F00#K.1"].meta == "1"


def test_a_write_that_fails_leaves_all_cells_as_they_were(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        changes = {("tries", "3F00#K.1"): Cell("2", b""), ("ef", "broken"): Cell(None, b"")}  # type: ignore[arg-type]
        with pytest.raises(StoreFailed, match=r"card\.sscard"):
            store.write(changes)
        assert store.load() == CELLS
        store.write({("tries", "3F00#K.1"): Cell("2", b"")})
        assert store.load()["tries", "3F00#K.1"].meta == "2"


def test_a_write_that_is_interrupted_is_rolled_back(path: Path) -> None:
    class Interrupted(dict[CellKey, Cell | None]):
        def items(self) -> object:  # type: ignore[override]
            yield from super().items()
            raise KeyboardInterrupt

    with closing(SqliteStore(path)) as store:
        with pytest.raises(KeyboardInterrupt):
            store.write(Interrupted({("tries", "3F00#K.1"): Cell("2", b"")}))
        assert store.load() == CELLS
        store.write({("tries", "3F00#K.1"): Cell("1", b"")})


def test_a_reader_cannot_write(path: Path) -> None:
    with closing(SqliteStore(path, writable=False)) as store:
        with pytest.raises(StoreFailed):
            store.write({("tries", "3F00#K.1"): Cell("2", b"")})
        assert store.load() == CELLS


@pytest.mark.clause("Part 4, 7.5", "an erased value is gone from the file")
def test_erased_values_are_gone_from_the_file(path: Path) -> None:
    """Keys of a locked application are erased (Part 4, 7.5): also in what SQLite frees."""
    secret = bytes.fromhex("5EC2E7") * 40
    with closing(SqliteStore(path)) as store:
        store.write({("key", "3F00#K.1"): Cell("{}", secret)})
        store.write({("key", "3F00#K.1"): Cell("{}", b"")})
    assert secret[:6] not in path.read_bytes()


# -- files that cannot be used --------------------------------------------------------------------


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__.strip("_"))
def test_a_file_that_is_no_usable_image_is_one_sentence_that_names_it_and_stays_as_it_is(
    damage: Callable[[Path], None], writable: bool, tmp_path: Path
) -> None:
    file = tmp_path / "damaged.sscard"
    Image.create(file, contents())
    damage(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(ImageError) as error:
        Image.open(file, writable=writable)
    text = str(error.value)
    assert text.startswith(f"{file}: "), text
    assert "\n" not in text
    assert len(text) < len(str(file)) + 120
    assert (file.read_bytes() if file.is_file() else None) == before
    # The next one to come is not locked out by what was refused.
    if before is not None and writable:
        with pytest.raises(ImageError, match="damaged") as again:
            Image.open(file)
        assert "another process" not in str(again.value)


def test_every_truncation_is_refused_or_harmless(tmp_path: Path) -> None:
    """Cut at each page and beside it: an image opens whole, or one sentence says that it does not."""
    whole = tmp_path / "whole.sscard"
    Image.create(whole, contents())
    data = whole.read_bytes()
    file = tmp_path / "cut.sscard"
    for length in sorted({*range(0, len(data), 4096), *range(1, len(data), 5000), len(data) - 1}):
        file.write_bytes(data[:length])
        with pytest.raises(ImageError) as error:
            Image.open(file)
        assert str(error.value).startswith(f"{file}: "), length
    file.write_bytes(data)
    Image.open(file).close()


def test_a_read_only_image_is_refused_for_a_card_and_good_for_a_reader(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.chmod(0o400)
    if os.access(path, os.W_OK):  # the superuser may write anyway
        monkeypatch.setattr(os, "access", lambda *_args, **_more: False)
    with pytest.raises(ImageError) as error:
        SqliteStore(path)
    assert str(error.value) == f"{path}: the image is read-only, and a card must be able to write"
    monkeypatch.undo()
    with closing(SqliteStore(path, writable=False)) as store:
        assert store.load() == CELLS


def test_a_reader_leaves_nothing_beside_the_image_and_needs_no_writable_folder(path: Path) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    path.parent.chmod(0o500)
    try:
        with closing(SqliteStore(path, writable=False)) as store:
            assert store.load() == CELLS
            assert names(path.parent) == [path.name]
    finally:
        path.parent.chmod(0o700)
    assert names(path.parent) == [path.name]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_reader_sees_what_a_killed_card_left_in_its_log(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.write({("tries", "3F00#K.1"): Cell("1", b"")})
        copy = path.with_name("copy.sscard")
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    with closing(SqliteStore(copy, writable=False)) as found:
        assert found.load()["tries", "3F00#K.1"].meta == "1"


# -- two processes --------------------------------------------------------------------------------


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the card in use."""
    command = [sys.executable, "-c", HOLDER, path]
    with child.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process


@pytest.mark.usefixtures("holder")
def test_a_card_in_use_by_another_process_is_refused_at_once(path: Path) -> None:
    with pytest.raises(ImageError) as error:
        SqliteStore(path)
    assert str(error.value) == f"{path}: another process has this card in use; end it first"


@pytest.mark.usefixtures("holder")
def test_a_card_in_use_by_another_process_can_be_read(path: Path) -> None:
    with closing(SqliteStore(path, writable=False)) as store:
        assert store.load() == CELLS


def test_the_card_is_free_again_when_the_other_process_ends(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.communicate(timeout=child.LIMIT)
    with closing(SqliteStore(path)) as store:
        store.write({("tries", "3F00#K.1"): Cell("2", b"")})


def test_a_card_in_use_by_this_process_is_refused_too(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        with pytest.raises(ImageError, match="in use"):
            SqliteStore(path)
        # The refused attempt did not loosen the lock of the first.
        store.write({("tries", "3F00#K.1"): Cell("2", b"")})
        with pytest.raises(ImageError, match="in use"):
            SqliteStore(path)


def test_a_reader_sees_what_the_card_wrote_while_it_is_in_use(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.write({("tries", "3F00#K.1"): Cell("1", b"")})
        with closing(SqliteStore(path, writable=False)) as reader:
            assert reader.load()["tries", "3F00#K.1"].meta == "1"
        store.write({("tries", "3F00#K.1"): Cell("0", b"")})
        with closing(SqliteStore(path, writable=False)) as reader:
            assert reader.load()["tries", "3F00#K.1"].meta == "0"


def test_many_cards_lie_side_by_side(tmp_path: Path) -> None:
    opened = []
    for name in ("one", "two", "three"):
        Image.create(tmp_path / name, contents())
        opened.append(Image.open(tmp_path / name))
    opened[0].store.write({(cells.TRIES, "x"): Cell("1", b"")})
    assert (cells.TRIES, "x") not in opened[1].store.load()
    for image in opened:
        image.close()


def test_a_memory_store_keeps_its_own_cells() -> None:
    given = dict(write_cells(contents()))
    store = MemoryStore(given)
    store.write({("card", ""): None})
    assert ("card", "") in given


def test_a_log_that_a_deleted_image_left_does_not_enter_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    leftover = path.with_name("card.sscard-wal")
    leftover.write_bytes(b"what a killed process left behind")
    path.unlink()
    Image.create(path, contents())
    assert not leftover.exists()
    assert path.exists()
