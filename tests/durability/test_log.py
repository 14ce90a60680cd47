"""An image and its write-ahead log belong together: neither is used without the other, at no moment of a card's life.

What a killed process leaves is what lies there while the card is in use, so a copy of both files stands for a kill.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardfs.memory.cells import TRIES
from cardfs.memory.fmcos_heads import heads_path
from cardfs.memory.image import Image
from cardfs.memory.log import Mark, log_of, salt_of
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell
from cardfs.model.errors import ImageError, LogError, StoreFailed
from emulator.cards import Card
from keys.records import KeyState
from tests.kit.card import PIN_CN, SSSE, CardBench, contents, handmade
from tests.kit.cli import refused, sscard
from tests.kit.fmcos import fmcos_contents as fmcos_card

COUNTER = (TRIES, f"{SSSE}#PIN.1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An image of the card made by hand."""
    Image.create(tmp_path / "card.sscard", handmade())
    return tmp_path / "card.sscard"


def write(store: SqliteStore, left: int) -> None:
    """One acknowledged write."""
    store.write({COUNTER: Cell(str(left), b"")})


def tries(path: Path) -> int:
    """What the image has as the last write."""
    with closing(SqliteStore(path)) as store:
        return int(store.load()[COUNTER].meta)


def copied(path: Path, to: str) -> Path:
    """A copy of both files, as a kill at this moment leaves them."""
    copy = path.with_name(to)
    for source, target in ((path, copy), (log_of(path), log_of(copy))):
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    return copy


def refusal(path: Path) -> str:
    """The sentence with which a reader and a card are refused; neither file changes."""
    before = path.read_bytes(), log_of(path).exists() and log_of(path).read_bytes()
    texts = set()
    for writable in (False, True):
        with pytest.raises(LogError) as error:
            Image.open(path, writable=writable)
        texts.add(str(error.value))
    assert (path.read_bytes(), log_of(path).exists() and log_of(path).read_bytes()) == before
    (text,) = texts
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_a_copy_without_its_log_is_refused_and_says_what_to_do(path: Path) -> None:
    copy = path.with_name("copy.sscard")
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        shutil.copyfile(path, copy)
        text = refusal(copy)
        assert "bring copy.sscard-wal from the same place, or copy the card again when it is out of the reader" in text
        shutil.copyfile(log_of(path), log_of(copy))
        assert tries(copy) == 2
        write(store, 1)
    shutil.copyfile(path, copy)
    assert tries(copy) == tries(path) == 1


def test_an_image_that_moves_without_its_log_after_a_kill_is_refused_until_the_log_follows(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        killed = copied(path, "killed.sscard")
    moved = path.with_name("moved.sscard")
    killed.rename(moved)
    assert refused(sscard("insert", moved)) == refusal(moved)
    assert refused(sscard("show", moved)) == refusal(moved)
    log_of(killed).rename(log_of(moved))
    assert tries(moved) == 2
    assert not log_of(moved).exists()


def test_an_old_log_is_not_played_back_over_another_image(path: Path) -> None:
    """A copy that was made in peace is put back in the place of a card that was killed."""
    saved = Path(shutil.copy(path, path.with_name("saved.sscard")))
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        killed = copied(path, "killed.sscard")
    shutil.copyfile(saved, killed)
    text = refusal(killed)
    assert "killed.sscard-wal beside it is the log of another image" in text
    assert text.endswith("move the log away to use the image as it is")
    log_of(killed).unlink()
    assert tries(killed) == 3


def test_a_later_log_is_not_played_back_over_an_earlier_state_of_the_same_image(path: Path) -> None:
    """Both states were in use; in between the log started over."""
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        early = copied(path, "early.sscard")
        store._settle()
        write(store, 1)
        store._settle()
        write(store, 0)
        late = copied(path, "late.sscard")
    mixed = path.with_name("mixed.sscard")
    shutil.copyfile(early, mixed)
    shutil.copyfile(log_of(late), log_of(mixed))
    assert refusal(mixed).endswith("bring the log that belongs to it")
    assert (tries(early), tries(late)) == (2, 0)


def test_an_image_in_use_is_read_and_its_copies_are_whole_at_every_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before and after each step in which image and log get to know each other, and part."""
    states: list[tuple[set[int], Path]] = []
    may_be = {3}

    def look() -> None:
        states.append((set(may_be), copied(path, f"state-{len(states)}")))

    def steps(name: str) -> None:
        real = getattr(SqliteStore, name)

        def watched(store: SqliteStore, *args: Any) -> Any:
            look()
            made = real(store, *args)
            look()
            return made

        monkeypatch.setattr(SqliteStore, name, watched)

    for name in ("_begin", "_put_mark", "_settle", "_end"):
        steps(name)
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            for each in (2, 1, 0):
                may_be |= {each}
                write(store, each)
                may_be = {each}
                look()
                with closing(SqliteStore(path, writable=False)) as reader:
                    assert reader.load()[COUNTER].meta == str(each)
            store._settle()
    monkeypatch.undo()
    assert len(states) > 30
    for at, (allowed, copy) in enumerate(states):
        assert tries(copy) in allowed, at
        # Opened a second time, and once more after a kill of the second.
        with closing(SqliteStore(copy)) as store:
            write(store, 2)
            again = copied(copy, "again")
        assert tries(again) == tries(copy) == 2, at


def test_the_log_has_its_space_before_the_writes_come(path: Path) -> None:
    """A log that grows with a write makes it wait for the file system; what was cut short is a log as any other."""
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        size = log_of(path).stat().st_size
        for at in range(100):
            write(store, at % 4)
        assert log_of(path).stat().st_size == size
        store._settle()
        assert log_of(path).read_bytes() == bytes(size)
        killed = copied(path, "killed.sscard")
    for length in (0, 1, 5000, size):
        copy = copied(killed, "copy.sscard")
        with log_of(copy).open("r+b") as log:
            log.truncate(length)
        assert tries(copy) == 3


def test_a_card_that_is_killed_again_when_it_is_about_to_write_needs_no_other_log(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        store._settle()
        killed = copied(path, "killed.sscard")
    with closing(SqliteStore(killed)) as store:
        store._put_mark(Mark(in_use=True))
        again = copied(killed, "again.sscard")
    assert salt_of(again) is not None
    assert tries(again) == 2


def test_a_write_that_was_acknowledged_is_in_every_copy_after_it(path: Path) -> None:
    """Also when the log starts over by itself, after many writes."""
    with closing(SqliteStore(path)) as store:
        for at in range(1100):
            write(store, at % 4)
            if at % 50 == 0:
                assert tries(copied(path, "copy.sscard")) == at % 4
        assert log_of(path).stat().st_size < 700 * 4200
        refusal(Path(shutil.copy(path, path.with_name("alone.sscard"))))


def test_a_card_that_was_killed_before_it_wrote_needs_no_log(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        assert store.load()[COUNTER].meta == "3"
        copy = Path(shutil.copy(path, path.with_name("copy.sscard")))
    assert tries(copy) == 3


def test_an_image_of_the_time_before_marks_is_taken_as_it_is_with_its_log(path: Path) -> None:
    """Nothing says that the log is its own, but what the card acknowledged is in it."""
    old = sqlite3.connect(path, isolation_level=None)
    with closing(old):
        old.execute("DELETE FROM cell WHERE kind = 'log'")
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("UPDATE cell SET meta = '1' WHERE kind = 'tries' AND path = ?", COUNTER[1:])
        copy = copied(path, "copy.sscard")
    assert salt_of(copy) is not None
    assert tries(copy) == 1
    with closing(SqliteStore(copy)) as store:
        write(store, 2)
        refusal(Path(shutil.copy(copy, path.with_name("alone.sscard"))))


def test_a_moved_image_needs_no_log_once_its_card_is_out(path: Path) -> None:
    moved = path.with_name("moved.sscard")
    with closing(SqliteStore(path)) as store:
        write(store, 1)
        path.rename(moved)
        with pytest.raises(StoreFailed, match="moved or deleted"):
            write(store, 0)
    assert tries(moved) == 1


def test_a_card_does_not_write_while_nobody_can_mark_its_image(path: Path) -> None:
    """Another process reads the image for long: a write that no copy could be trusted with is refused."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader, closing(SqliteStore(path)) as store:
        store._connection.execute("PRAGMA busy_timeout = 50")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM cell").fetchone()
        with pytest.raises(StoreFailed, match="another process reads the image"):
            write(store, 1)
        reader.execute("COMMIT")
        write(store, 1)
    assert tries(path) == 1


def test_an_image_whose_log_is_lost_can_be_replaced(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        write(store, 2)
        copy = Path(shutil.copy(path, path.with_name("copy.sscard")))
    assert sscard("issue", "--force", copy).exit_code == 0
    Image.open(copy).close()


# -- what is replaced leaves no copy behind -------------------------------------------------------


class Reader(CardBench):
    """An issued card in an image file."""

    def __init__(self, path: Path) -> None:
        super().__init__(card=Card(Image.open(path)))
        self.path = path

    def files(self) -> bytes:
        """Everything that a power cut leaves."""
        return self.path.read_bytes() + log_of(self.path).read_bytes()


@pytest.fixture
def issued(tmp_path: Path) -> Iterator[Reader]:
    """A 2.0 card in use."""
    Image.create(tmp_path / "issued.sscard", contents())
    reader = Reader(tmp_path / "issued.sscard")
    reader.select_ssse()
    yield reader
    reader.card.close()


def test_after_card_block_and_a_power_cut_no_key_is_in_the_files(issued: Reader) -> None:
    """Part 4, 7.5: the keys are erased, not only from the pages that are read."""
    secrets = {name: key.value for (name, _), key in issued.card.image.keys.items() if len(key.value) > 4}
    assert len(secrets) > 20
    assert all(value in issued.files() or value in issued.path.read_bytes() for value in secrets.values())
    issued.prove(["BK"])
    assert issued.send(issued.secured("84160000", key="STK")) == "9000"
    assert all(key.state is KeyState.DEAD for key in issued.card.image.keys.values())
    found = issued.files()
    assert [name for name, value in secrets.items() if value in found] == []


def test_after_change_pin_and_a_power_cut_the_old_pin_is_in_no_file(issued: Reader) -> None:
    old, new = bytes.fromhex("91827364"), bytes.fromhex("55443322")
    for given, wanted in ((PIN_CN, old), (old, new)):
        data = given + b"\xff" + wanted
        assert issued.send(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data) == "9000"
    found = issued.files()
    assert new in found
    assert old not in found


# -- an image is not believed ---------------------------------------------------------------------

PIN_META = '{"kid":null,"state":"active","suite":"","tries_max":0,"usage":"pin"}'


@pytest.mark.parametrize(
    ("kind", "at", "column", "value", "says"),
    [
        ("tries", f"{SSSE}#PIN.1", "meta", "-1", "Expected `int` >= 0"),
        ("tries", f"{SSSE}#PIN.1", "meta", "99", "Expected `int` <= 15"),
        ("tries", f"{SSSE}#PIN.1", "meta", "[[1]]", "Expected `int`, got `array`"),
        ("tries", f"{SSSE}#PIN.1", "meta", "15", "15 tries are left of 3"),
        ("tries", f"{SSSE}#PIN.1", "meta", "3.5", "Expected `int`, got `float`"),
        ("tries", f"{SSSE}#PIN.1", "meta", "[" * 3000 + "]" * 3000, ""),
        ("names", "3F00/DDF1", "meta", "[" * 3000 + "]" * 3000, ""),
        ("key", f"{SSSE}#IRK.1", "data", b"12345", "it has 5 bytes, but a 3DES key has 16"),
        ("key", f"{SSSE}#IRK.1", "data", b"", "it has 0 bytes, but a 3DES key has 16"),
        ("key", f"{SSSE}#STK.1", "data", bytes(16), "it has 16 bytes, but a DES key has 8"),
        ("key", f"{SSSE}#PIN.1", "data", bytes(9), "it has 9 bytes, but a PIN has 2 to 8"),
        ("key", f"{SSSE}#PIN.1", "data", b"\x12", "it has 1 bytes, but a PIN has 2 to 8"),
        ("key", f"{SSSE}#PIN.2", "meta", PIN_META, "it has version 2, but a PIN has version 1 only"),
        ("key", f"{SSSE}#IRK.1", "meta", '{"usage":"magic"}', "Invalid enum value 'magic'"),
        ("ef", f"{SSSE}/EF05", "meta", "{}", "Object missing required field"),
        ("contents", f"{SSSE}/EF05", "meta", "[300,-284]", "Expected `int` >= 0"),
        ("contents", f"{SSSE}/EF05", "meta", "null", "it is linear-variable, but its contents are not"),
        ("contents", f"{SSSE}/EF07", "data", bytes(299), "it has 299 bytes, not 300"),
        ("contents", f"{SSSE}/EF09", "meta", "[3,5]", "record 1 has 3 bytes, not 4"),
        ("contents", f"{SSSE}/EF05", "data", bytes(41), "record lengths do not add up"),
        ("df", SSSE, "meta", '{"kind":"mf"}', "Object missing required field"),
        ("card", "", "meta", '"card"', "Expected `object`, got `str`"),
    ],
)
def test_a_damaged_cell_is_refused_by_its_place(
    kind: str, at: str, column: str, value: str | bytes, says: str, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        changed = connection.execute(
            f"INSERT OR REPLACE INTO cell SELECT kind, path, {'?, data' if column == 'meta' else 'meta, ?'} "  # noqa: S608
            "FROM (SELECT 1) LEFT JOIN cell ON kind = ? AND path = ? WHERE kind IS NOT NULL",
            (value, kind, at),
        ).rowcount
        if not changed:
            connection.execute("INSERT INTO cell VALUES (?, ?, ?, x'')", (kind, at, value))
    text = refused(sscard("insert", path))
    place = "ef" if kind == "contents" and "lengths" not in says and "Expected" not in says else kind
    assert text.startswith(f"{path}: the image is damaged: {f'{place} {at}'.strip()}: "), text
    assert says in text
    with pytest.raises(ImageError):
        Image.open(path, writable=False)


@pytest.mark.parametrize(
    "heads",
    [(), (b"\x3f\x00\x38",), (bytes(9),), (bytes.fromhex("3F00382000F0F001FF"),)],
    ids=["none", "cut", "no directory", "a file without one"],
)
def test_the_heads_of_an_fmcos_directory_are_those_of_its_files(heads: tuple[bytes, ...], tmp_path: Path) -> None:
    card = fmcos_card()
    path = tmp_path / "fmcos.sscard"
    Image.create(path, card)
    Image.open(path).close()
    at = heads_path("3F00")
    Image.create(path, replace(card, contents={**card.contents, at: heads}), replace=True)
    with pytest.raises(ImageError, match=rf"the image is damaged: contents {at}: "):
        Image.open(path)


def test_a_mark_that_cannot_be_read_is_none(path: Path) -> None:
    """The mark is no part of the card: what is wrong with it must not take the card away."""
    for text in ("{", "[]", '{"in_use":true,"salt":"x"}', "[" * 3000):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE cell SET meta = ? WHERE kind = 'log'", (text,))
        assert tries(path) == 3


def test_a_new_image_is_marked_as_out_of_use(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT meta FROM cell WHERE kind = 'log'").fetchall()
    assert rows == [(Mark().text(),)]
