"""What can go wrong around an image: full disks, files and folders that cannot be written, damage, deletion.

Each ends in one clear sentence when a card is inserted, and in 6581 when it is in use; the card goes on, and
what it answered before is there (Part 5, table 5; Part 7, 14). `tests/unit/cardfs/memory/test_store.py` has the rest.
"""

import ctypes
import os
import random
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from cardfs.memory.cells import CONTENTS, TRIES
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, CellKey
from cardfs.model.errors import ImageError
from emulator.cards import Card
from keys.records import KeyRef
from tests.kit import child
from tests.kit.card import SSSE, CardBench, handmade, handmade_value
from tests.kit.cli import refused, sscard
from tests.kit.damage import DAMAGES, names

NOBODY: Final = 65534
UPDATE: Final = "00D6870002"
READ: Final = "00B0870002"
COUNTER: Final = (TRIES, f"{SSSE}#PIN.1")
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MS_RDONLY, MS_REMOUNT = 0x1, 0x20
DISK: Final = 512 * 1024


class OnDisk(CardBench):
    """The card made by hand in an image file, inserted, with its SSSE selected."""

    def __init__(self, path: Path) -> None:
        super().__init__(card=Card(Image.open(path)))
        self.select_ssse()

    def key_value(self, name: str, suite: str, version: int = 1) -> bytes:
        return handmade_value(name, suite, version)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An image of the card made by hand, alone in its folder."""
    folder = tmp_path / "cards"
    folder.mkdir()
    Image.create(folder / "card.sscard", handmade())
    return folder / "card.sscard"


def refusal(path: Path, *, writable: bool = True) -> str:
    """The one sentence that opening an image ends in, after the file's name."""
    with pytest.raises(ImageError) as error:
        Image.open(path, writable=writable)
    text = str(error.value)
    assert text.startswith(f"{path}: "), text
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def contents_start(path: Path) -> bytes:
    """What the commands of these tests write."""
    with closing(Image.open(path)) as image:
        contents = image.contents[f"{SSSE}/EF07"]
        assert isinstance(contents, bytes)
        return contents[:2]


def in_child(function: Callable[[], None]) -> None:
    """Run a function in a process of its own, whose user, limits and mounts it may change for good."""
    pid = os.fork()
    if not pid:
        try:
            function()
        except BaseException:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert child.reap([pid])[1] == 0, "standard error says why"


# -- a full disk ----------------------------------------------------------------------------------


def mount_small_disk(at: Path) -> bool:
    """Give this process a disk of 512 KB of its own; False where the kernel does not allow that."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS):
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path(f"/proc/self/{name}").write_text(text)
    libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    return not libc.mount(b"tmpfs", str(at).encode(), b"tmpfs", ctypes.c_ulong(0), f"size={DISK}".encode())


def fill_disk(folder: Path) -> None:
    """Leave not one byte free."""
    with (folder / "rubbish").open("ab", buffering=0) as rubbish:
        for size in (4096, 1):
            try:
                while True:
                    rubbish.write(bytes(size))
            except OSError:
                continue


def limit_files(size: int) -> None:
    """Let no file of this process grow beyond a size: for SQLite the disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def meets_a_full_disk(path: Path, fill: Callable[[], None], free: Callable[[], None]) -> None:
    """A card in use: 6581, nothing proven, no try gone, reading works, and with room again so does all else."""
    bench = OnDisk(path)
    assert bench.send(UPDATE + "A1A1") == "9000"
    fill()
    for _ in range(3):
        assert bench.send(UPDATE + "B2B2") == "6581"
        assert bench.reason.startswith(f"{path}: ")
        assert "\n" not in bench.reason
        assert bench.verify() == "6581"
        assert bench.authenticate("UK") == "6581"
        assert not bench.card.session.proofs
        assert bench.ask(READ) == "A1A19000"
    assert bench.card.image.left((KeyRef(SSSE, "PIN"), 1)) == 3
    free()
    assert bench.verify() == "9000"
    assert bench.authenticate("UK") == "9000"
    assert bench.send(UPDATE + "C3C3") == "9000"
    bench.card.close()
    assert contents_start(path) == b"\xc3\xc3"


def is_not_made_on_a_full_disk(path: Path) -> None:
    """Making an image fails with one sentence, and nothing of it stays."""
    before = names(path.parent)
    with pytest.raises(ImageError) as error:
        Image.create(path, handmade())
    assert str(error.value).startswith(f"{path}: the image cannot be written: ")
    assert names(path.parent) == before


def test_a_card_goes_on_when_its_disk_is_full(tmp_path: Path) -> None:
    """On a disk of its own; where the kernel refuses that, the limit of the next test is all there is."""

    def child() -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        if not mount_small_disk(disk):
            return
        path = disk / "card.sscard"
        Image.create(path, handmade())
        meets_a_full_disk(path, lambda: fill_disk(disk), (disk / "rubbish").unlink)
        fill_disk(disk)
        is_not_made_on_a_full_disk(disk / "new.sscard")
        sentence = f"{path}: the image cannot be written: "
        assert refused(sscard("issue", "--force", path)).startswith((sentence, f"{path}: the image cannot be opened: "))
        assert "disk" in refusal(path)
        assert "not a card image" not in refusal(path)
        assert refused(sscard("insert", path)).startswith(f"{path}: the image cannot be opened: ")
        (disk / "rubbish").unlink()
        assert contents_start(path) == b"\xc3\xc3"

    in_child(child)


def test_a_card_goes_on_when_its_files_may_not_grow(path: Path) -> None:
    def child() -> None:
        whole = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        meets_a_full_disk(path, lambda: limit_files(100), lambda: limit_files(whole))
        limit_files(5000)
        is_not_made_on_a_full_disk(path.with_name("new.sscard"))

    in_child(child)
    assert contents_start(path) == b"\xc3\xc3"


# -- files and folders that cannot be written -----------------------------------------------------


def as_ordinary_user(function: Callable[[Path], None]) -> None:
    """Call a function with an image in a folder, both its own, in a process that is not the superuser's."""
    # The program's own files may be closed to others: what the commands import must be there before.
    with tempfile.TemporaryDirectory() as folder:
        Image.create(Path(folder) / "card.sscard", handmade())
        assert sscard("show", Path(folder) / "card.sscard").exit_code == 0
        refused(sscard("insert", Path(folder) / "missing.sscard"))

    def child() -> None:
        if not os.geteuid():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        folder = Path(tempfile.mkdtemp(prefix="sscard-"))
        try:
            path = folder / "card.sscard"
            Image.create(path, handmade())
            function(path)
        finally:
            folder.chmod(0o700)
            shutil.rmtree(folder)

    in_child(child)


def test_a_read_only_image_is_refused_and_works_when_it_is_writable_again() -> None:
    """Nothing is left beside it: a log as read-only as the image would answer 6581 from then on."""

    def child(path: Path) -> None:
        path.chmod(0o400)
        assert refusal(path) == "the image is read-only, and a card must be able to write"
        assert refused(sscard("insert", path)) == f"{path}: the image is read-only, and a card must be able to write"
        assert sscard("show", path).exit_code == 0
        assert names(path.parent) == [path.name]
        path.chmod(0o600)
        bench = OnDisk(path)
        assert bench.send(UPDATE + "A1A1") == "9000"
        bench.card.close()

    as_ordinary_user(child)


def test_a_read_only_folder_is_named_as_the_reason() -> None:
    def child(path: Path) -> None:
        path.parent.chmod(0o500)
        sentence = "the folder is read-only, and a card in use keeps a log beside its image"
        assert refusal(path) == sentence
        assert refused(sscard("insert", path)) == f"{path}: {sentence}"
        assert sscard("show", path).exit_code == 0
        is_not_made_on_a_full_disk(path.with_name("new.sscard"))
        assert names(path.parent) == [path.name]

    as_ordinary_user(child)


def test_on_a_read_only_file_system_the_image_is_named(tmp_path: Path) -> None:
    """Not a file that the program would have made beside it."""

    def child() -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        if not mount_small_disk(disk):
            return
        Image.create(disk / "old.sscard", handmade())
        remount = MS_REMOUNT | MS_RDONLY
        assert not ctypes.CDLL(None).mount(b"none", str(disk).encode(), None, ctypes.c_ulong(remount), None)
        for command in ("issue", "blank"):
            said = refused(sscard(command, disk / "new.sscard"))
            assert said == f"{disk / 'new.sscard'}: the image cannot be written: read-only file system"
        sentence = f"{disk / 'old.sscard'}: the image is read-only, and a card must be able to write"
        assert refused(sscard("issue", "--force", disk / "old.sscard")) == sentence
        assert refused(sscard("insert", disk / "old.sscard")) == sentence
        assert sscard("show", disk / "old.sscard").exit_code == 0
        assert names(disk) == ["old.sscard"]

    in_child(child)


@pytest.mark.parametrize("writable", [True, False])
def test_what_may_not_even_be_read_is_said(writable: bool) -> None:
    def child(path: Path) -> None:
        path.parent.chmod(0)
        assert refusal(path, writable=writable) == "the image cannot be opened: permission denied"
        path.parent.chmod(0o700)
        path.chmod(0 if not writable else 0o200)
        assert refusal(path, writable=writable) == "the image cannot be opened: permission denied"
        assert "is not readable" in refused(sscard("show", path))

    as_ordinary_user(child)


# -- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show", "apdu", "insert"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__.strip("_"))
def test_every_damage_is_one_sentence_on_the_command_line(
    damage: Callable[[Path], None], command: str, path: Path
) -> None:
    damage(path)
    said = refused(sscard(command, path, stdin=""))
    assert said.startswith(f"{path}: ") or "is a directory" in said


def test_a_flipped_bit_anywhere_is_refused_or_harmless(path: Path) -> None:
    """Refused in one sentence, or a whole card that answers every command; never a defect, never a traceback."""
    chance = random.Random("flipped bits")  # noqa: S311 - places of a test
    data = path.read_bytes()
    flipped = path.with_name("flipped.sscard")
    commands = ("00B2012C00", UPDATE + "FFFE", "0020000003739154", "00A4000002DF01", "00DC014C0441414141", "0084000008")
    refusals = 0
    for at in (*range(0, 100, 3), *(chance.randrange(len(data)) for _ in range(500))):
        bits = bytearray(data)
        bits[at] ^= 1 << chance.randrange(8)
        flipped.write_bytes(bits)
        try:
            image = Image.open(flipped)
        except ImageError:
            refusals += 1
            refusal(flipped)
            assert flipped.read_bytes() == bits, at
            continue
        card = Card(image)
        for command in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", *commands):
            card.transmit(bytes.fromhex(command))
            assert card.bug is None, (at, command, card.bug)
        card.close()
    assert refusals > 50


def states_and_log(path: Path) -> tuple[list[dict[CellKey, Cell]], bytes, bytes]:
    """A card in use for five commits: its cells after each, its file and its log as they then lie there."""
    states = []
    with closing(SqliteStore(path)) as store:
        states.append(store.load())
        for left in range(2, -1, -1):
            store.write({COUNTER: Cell(str(left), b"")})
            states.append(store.load())
            store.write({(CONTENTS, f"{SSSE}/EF07"): Cell("null", bytes((left,)) * 300), COUNTER: Cell("3", b"")})
            states.append(store.load())
        return states, path.read_bytes(), Path(f"{path}-wal").read_bytes()


def left_behind(path: Path, file: bytes, log: bytes) -> dict[CellKey, Cell]:
    """What a card is when these two files are found."""
    path.write_bytes(file)
    Path(f"{path}-wal").write_bytes(log)
    Path(f"{path}-shm").unlink(missing_ok=True)
    with closing(SqliteStore(path)) as store:
        return store.load()


def test_a_log_that_ends_anywhere_gives_the_state_after_some_whole_transaction(path: Path) -> None:
    """As when the whole machine loses power: of the last transactions some may be gone, none is there in part."""
    states, file, log = states_and_log(path)
    torn = path.with_name("torn.sscard")
    reached = [states.index(left_behind(torn, file, log[:length])) for length in (*range(0, len(log), 509), len(log))]
    assert reached == sorted(reached)
    assert set(reached) == set(range(len(states)))


def test_a_log_with_a_flipped_bit_gives_the_state_before_it(path: Path) -> None:
    chance = random.Random("flipped bits of a log")  # noqa: S311 - places of a test
    states, file, log = states_and_log(path)
    torn = path.with_name("torn.sscard")
    for _ in range(60):
        bits = bytearray(log)
        at = chance.randrange(32, len(log))
        bits[at] ^= 1 << chance.randrange(8)
        # No harm, or the state after a whole transaction before the damage.
        assert left_behind(torn, file, bytes(bits)) in states, at


# -- two processes --------------------------------------------------------------------------------


def test_of_many_processes_that_insert_a_card_at_once_one_gets_it(path: Path) -> None:
    """The others are told; nothing is damaged."""
    start_read, start_write = os.pipe()
    end_read, end_write = os.pipe()
    children = []
    for _ in range(8):
        pid = os.fork()
        if not pid:
            os.close(start_write)
            os.close(end_write)
            os.read(start_read, 1)
            try:
                store = SqliteStore(path)
            except ImageError as error:
                os._exit(1 if str(error) == f"{path}: another process has this card in use; end it first" else 2)
            store.write({COUNTER: Cell("1", b"")})
            os.read(end_read, 1)
            os._exit(0)
        children.append(pid)
    for each in (start_read, start_write, end_read):
        os.close(each)
    # All but the winner end by themselves; then so does the winner.
    codes = []
    while len(children) > 1:
        ended, code = child.reap(children)
        children.remove(ended)
        codes.append(code)
    os.close(end_write)
    assert codes == [1] * 7
    assert child.reap(children)[1] == 0
    with closing(SqliteStore(path)) as store:
        assert store.load()[COUNTER].meta == "1"


# -- the file goes away under the card ------------------------------------------------------------


def test_a_card_whose_image_is_deleted_answers_6581_and_goes_on(path: Path) -> None:
    """What is written to a deleted file would be gone with the card, so nothing more is answered 9000."""
    bench = OnDisk(path)
    assert bench.send(UPDATE + "A1A1") == "9000"
    path.unlink()
    assert bench.send(UPDATE + "B2B2") == "6581"
    assert bench.reason == f"{path}: the image was moved or deleted, so nothing written to it would last"
    assert bench.verify() == "6581"
    assert bench.ask(READ) == "A1A19000"
    bench.card.close()


def test_a_card_whose_folder_is_deleted_answers_6581_and_goes_on(path: Path) -> None:
    bench = OnDisk(path)
    shutil.rmtree(path.parent)
    assert bench.send(UPDATE + "B2B2") == "6581"
    assert bench.ask(READ) == "00019000"
    bench.card.close()


def test_a_card_whose_image_was_moved_away_and_back_has_all_that_it_answered(path: Path) -> None:
    bench = OnDisk(path)
    assert bench.send(UPDATE + "A1A1") == "9000"
    away = path.rename(path.with_name("away.sscard"))
    assert bench.send(UPDATE + "B2B2") == "6581"
    away.rename(path)
    assert bench.send(UPDATE + "C3C3") == "9000"
    path.rename(away)
    bench.card.close()
    assert contents_start(away) == b"\xc3\xc3"


def test_a_card_in_the_place_of_a_deleted_one_is_not_touched_by_it(path: Path) -> None:
    old = OnDisk(path)
    assert old.send(UPDATE + "A1A1") == "9000"
    path.unlink()
    Image.create(path, handmade())
    new = OnDisk(path)
    assert old.send(UPDATE + "B2B2") == "6581"
    assert new.send(UPDATE + "C3C3") == "9000"
    old.card.close()
    assert new.send("00D6870202D4D4") == "9000"
    new.card.close()
    with closing(Image.open(path)) as image:
        assert image.contents[f"{SSSE}/EF07"][:4] == bytes.fromhex("C3C3D4D4")


def test_an_image_found_by_a_relative_name_is_the_same_after_a_change_of_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    bench = OnDisk(Path(path.name))
    monkeypatch.chdir(tmp_path)
    assert bench.send(UPDATE + "A1A1") == "9000"
    bench.card.close()
    assert contents_start(path) == b"\xa1\xa1"
