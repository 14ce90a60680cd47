"""What a card costs beyond what it cannot do without: key loading beside its ciphers, a commit beside SQLite's."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3

from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, CellKey
from cardfs.model.files import CardContents, Phase
from emulator.cards import Card
from emulator.commands.personalise import t514
from keys.generate import system_random
from keys.records import KeyRef, Usage
from tests.bench.measure import Pairs, Row, leave
from tests.kit.card import SSSE, contents
from tests.kit.reference import Reference

CHALLENGE = bytes(range(8))
GET_CHALLENGE = b"\x00\x84\x00\x00\x08"
MASTER = KeyRef(SSSE, "EMK")
BOUND = 1.5


def interleaved(one: Callable[[], float], other: Callable[[], float], rounds: int) -> Pairs:
    """Medians of two functions that time themselves, in turn, and the ratio of these medians."""
    ones: list[float] = []
    others: list[float] = []
    for at in range(rounds + 2):
        first, second = (one, other) if at % 2 else (other, one)
        for function in (first, second):
            (ones if function is one else others).append(function())
    return Pairs(median(ones[2:]), median(others[2:]), median(ones[2:]) / median(others[2:]))


# -- key loading ----------------------------------------------------------------------------------


def without_keys() -> CardContents:
    """A card whose environment has its master key and all files, and waits for its keys."""
    whole = contents()
    return replace(
        whole,
        dfs={path: replace(df, phase=Phase.PERSONALISING) if path == SSSE else df for path, df in whole.dfs.items()},
        keys={at: key for at, key in whole.keys.items() if key.usage is Usage.MASTER},
    )


def loads() -> tuple[list[bytes], int]:
    """The commands that load every key of the environment and its applications, and how many keys that are."""
    whole = contents()
    master, rules = whole.keys[MASTER, 1].value, Reference("3DES")
    commands, count, here = [], 0, SSSE
    for (ref, _), key in sorted(whole.keys.items(), key=lambda item: item[0]):
        if key.usage is Usage.MASTER:
            continue
        if ref.owner != here:
            here = ref.owner
            commands.append(b"\x00\xa4\x00\x00\x02" + bytes.fromhex(here[-4:]))
        cipher = rules.encrypt(master, t514.key_data(key))
        covered = bytes((0x84, 0xD4, t514.INSTALL, 0x00, len(cipher) + 4)) + cipher
        commands += [GET_CHALLENGE, covered + rules.key_load_mac(master, CHALLENGE, covered)]
        count += 1
    return commands, count


def bench_loading_every_key(benchmark: Any) -> None:
    """GET CHALLENGE and WRITE KEY for every key, against the MAC and the decipherment that each takes."""
    empty, (commands, count) = without_keys(), loads()
    master = contents().keys[MASTER, 1].value
    secured = [command for command in commands if command[0] == 0x84]

    def random(length: int) -> bytes:
        return system_random(length) and CHALLENGE[:length]

    def fresh() -> Card:
        card = Card(Image.in_memory(empty), random)
        assert card.transmit(b"\x00\xa4\x00\x00\x02\xdd\xf1")[-2] in (0x61, 0x90)
        return card

    def loading() -> float:
        transmit = fresh().transmit
        began = perf_counter()
        answers = [transmit(command) for command in commands]
        took = perf_counter() - began
        assert all(answer[-2] in (0x61, 0x90) for answer in answers)
        return took / count

    def bare() -> float:
        began = perf_counter()
        for command in secured:
            bare_load(master, command)
        return (perf_counter() - began) / count

    for command in secured:
        assert bare_load(master, command)
    measured = interleaved(loading, bare, 60)
    benchmark.pedantic(loading, rounds=5)
    what = f"loading a key, all {count} of ssc-2.0, in process"
    note = "against its bare MAC and decipherment"
    leave(benchmark, Row(what, measured.one * 1e6, "us", measured.other * 1e6, measured.ratio, BOUND, note=note))


def bare_load(key: bytes, command: bytes) -> bool:
    """What the key in control has to compute: the MAC in the two-key form, then the cipher data in 3DES."""
    covered, mac = command[:-4], command[-4:]
    padded = covered + b"\x80" + bytes(-(len(covered) + 1) % 8)
    last = DES.new(key[:8], DES.MODE_CBC, CHALLENGE).encrypt(padded)[-8:]  # noqa: S304
    last = DES.new(key[:8], DES.MODE_ECB).encrypt(DES.new(key[8:], DES.MODE_ECB).decrypt(last))  # noqa: S304
    plain = DES3.new(key, DES3.MODE_ECB).decrypt(command[5:-4])
    return last[:4] == mac and plain[0] == 24


# -- durable commits ------------------------------------------------------------------------------


def changes(size: int) -> list[dict[CellKey, Cell | None]]:
    """Two states of a counter and a file's contents, to be written in turn."""
    return [
        {("tries", f"{SSSE}#PIN.1"): Cell(str(left), b""), ("contents", f"{SSSE}/EF07"): Cell("null", fill * size)}
        for left, fill in ((3, b"\x55"), (2, b"\xaa"))
    ]


@pytest.mark.parametrize(("name", "size"), [("a try counter", 0), ("a counter and 256 bytes", 256)])
def bench_a_durable_commit(benchmark: Any, tmp_path: Path, name: str, size: int) -> None:
    """One transaction of the store against the same statements on a bare connection, same pragmas."""
    paths = [tmp_path / "card.sscard", tmp_path / "bare.sscard"]
    for path in paths:
        SqliteStore.create(path, write_cells(contents()))
    turns = changes(size)
    if not size:
        turns = [{key: cell for key, cell in turn.items() if key[0] == "tries"} for turn in turns]
    with closing(SqliteStore(paths[0])) as store, closing(sqlite3.connect(paths[1], isolation_level=None)) as raw:
        for pragma in ("synchronous = FULL", "busy_timeout = 2000", "secure_delete = ON"):
            raw.execute(f"PRAGMA {pragma}")
        for pragma in ("synchronous", "secure_delete", "journal_mode", "page_size"):
            ours = store._connection.execute(f"PRAGMA {pragma}").fetchone()
            assert raw.execute(f"PRAGMA {pragma}").fetchone() == ours, pragma
        at = 0

        def ours() -> float:
            nonlocal at
            at += 1
            began = perf_counter()
            store.write(turns[at % 2])
            return perf_counter() - began

        def bare() -> float:
            rows = [(kind, path, *cell) for (kind, path), cell in turns[at % 2].items() if cell is not None]
            began = perf_counter()
            raw.execute("BEGIN IMMEDIATE")
            for row in rows:
                raw.execute("INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?)", row)
            raw.execute("COMMIT")
            return perf_counter() - began

        measured = interleaved(ours, bare, 400)
        benchmark.pedantic(ours, rounds=20)
    note = "against a bare SQLite transaction, same bytes, same pragmas"
    what = f"a durable commit of {name}"
    leave(benchmark, Row(what, measured.one * 1e6, "us", measured.other * 1e6, measured.ratio, BOUND, note=note))
