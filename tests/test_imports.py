"""What importing a part of the project loads, and how long it takes."""

import sys
from graphlib import TopologicalSorter

import grimp

from . import child

MOST_SECONDS = 0.16
MOST_MODULES = 50

_TERMINAL = """
import sys, time
began = time.process_time()
import emulator.terminal
print(time.process_time() - began)
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("emulator", "cardfs", "keys")))
print(*sorted(sys.modules))
"""


def test_a_terminal_is_imported_fast_and_without_a_card() -> None:
    """A program of a terminal waits for it at every start. Time of the processor counts, the best of three."""
    times = []
    for _ in range(3):
        seconds, own, everything = child.run([sys.executable, "-c", _TERMINAL]).stdout.splitlines()
        times.append(float(seconds))
    assert len(own.split()) <= MOST_MODULES, own
    assert not {
        "emulator.card.engine",
        "emulator.trace.traced",
        "cardfs.memory.image",
        "cardfs.memory.store",
        "sqlite3",
    } & set(everything.split())
    assert min(times) <= MOST_SECONDS


_CARD = """
import sys
before = set(sys.modules)
import emulator.card.engine, emulator.cards
print(*sorted(set(sys.modules) - before))
"""


def test_a_card_is_imported_without_what_files_readers_and_threads_need() -> None:
    """The core works with bytes: its memory, its reader and its clock are others' business."""
    loaded = set(child.run([sys.executable, "-c", _CARD]).stdout.split())
    assert "emulator.card.engine" in loaded
    assert not {"sqlite3", "fcntl", "socket", "subprocess", "threading", "tempfile"} & loaded


def test_no_files_of_keys_and_cardfs_import_each_other_in_a_circle() -> None:
    """Imports for the type checker count as well: what cannot be imported in order cannot be understood in order."""
    graph = grimp.build_graph("keys", "cardfs", exclude_type_checking_imports=False, cache_dir=None)
    assert {"cardfs.memory.image", "keys.suites"} <= graph.modules
    TopologicalSorter({each: graph.find_modules_directly_imported_by(each) for each in graph.modules}).prepare()
