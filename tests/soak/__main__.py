"""Run what takes longer than a test may, with counts and a limit for each: ``python -m tests.soak [NAME...]``.

A line for each kind says what was done, and what was lost; the status is 1 if anything was.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.kit import child
from tests.kit.places import ROOT
from tests.kit.suite import PARALLEL, Cage, Suite
from tests.pcsc.faulting import RUNS as FAULTS
from tests.pcsc.swapping import KINDS

SSCARD: Final = Path(sys.executable).with_name("sscard")
SLOTS: Final = 8


class Lost(Exception):
    """Something did not come through; the text says what."""


def swaps(kind: str, count: int, limit: float) -> str:
    """Swap cards so often, in eight slots at the same time."""
    each = -(-count // SLOTS)
    command = [sys.executable, "-m", "tests.pcsc.swapping", kind, each, SLOTS]
    done = child.run(command, limit=limit, cwd=ROOT)
    if done.returncode:
        raise Lost(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip().partition(": ")[2]


def starts(_kind: str, count: int, limit: float) -> str:
    """Start `sscard exec` so often, all at once."""
    command = [SSCARD, "exec", "--", "opensc-tool", "-l"]
    with ExitStack() as held:
        running = [
            held.enter_context(child.start(command, limit=limit, stdout=-1, stderr=-1, text=True)) for _ in range(count)
        ]
        results = [each.communicate(timeout=limit) for each in running]
    failed = [errors for output, errors in results if output.count(" Yes ") != 2]
    if failed:
        raise Lost(f"{len(failed)} of {count} had no two cards: {failed[0].strip()}")
    return f"{count} saw both cards"


def kills(_kind: str, count: int, limit: float) -> str:
    """End `sscard exec` by SIGKILL at any moment: no process and no file of it stays."""
    chance = random.Random("kills")  # noqa: S311 - moments of a test
    with tempfile.TemporaryDirectory() as folder:
        environment = child.environment(TMPDIR=folder, SSCARD_SOAK=folder)
        for _ in range(count):
            with child.start([SSCARD, "exec", "--", "sleep", limit], env=environment) as outer:
                time.sleep(chance.uniform(0, 3))
                outer.kill()
            _await_nothing(folder)
        left = [each.name for each in Path(folder).iterdir()]
    if left:
        raise Lost(f"files stay: {left}")
    return f"{count} left nothing"


def suites(_kind: str, count: int, limit: float) -> str:
    """Run a suite of so many tests over PC/SC with six workers: nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder:
        suite, cage = Suite(Path(folder) / "suite"), Cage(Path(folder) / "tmp")
        suite.folder.mkdir()
        cage.folder.mkdir()
        suite.write(PARALLEL.format(count=count))
        result = suite.run("-n", "6", env=cage.env, limit=limit)
        left = cage.left()
    if result.outcomes != {"passed": count}:
        raise Lost(result.output.strip().splitlines()[-1])
    if left:
        raise Lost(f"stays: {left}")
    return f"{count} passed and left nothing"


def control(_kind: str, count: int, limit: float) -> str:
    """Pull a card out and put it back over HTTP so often, while a PC/SC client watches."""
    command = [SSCARD, "rig", "--reader", "demo", "--", sys.executable, "-m", "tests.pcsc.controlling", count]
    done = child.run(command, limit=limit, cwd=ROOT)
    if done.returncode:
        raise Lost(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip()


def _await_nothing(mark: str) -> None:
    deadline = time.monotonic() + 10
    while alive := [each.name for each in Path("/proc").glob("[0-9]*") if _is_marked(each, mark)]:
        if time.monotonic() > deadline:
            raise Lost(f"processes stay: {alive}")
        time.sleep(0.05)


def _is_marked(process: Path, mark: str) -> bool:
    try:
        return f"SSCARD_SOAK={mark}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def faults(kind: str, count: int, limit: float) -> str:
    """Meet a fault so often in one stack, with a plain read after each."""
    command = [sys.executable, "-m", "tests.pcsc.faulting", count, kind.removeprefix("fault ")]
    done = child.run(command, limit=limit, cwd=ROOT)
    if done.returncode:
        raise Lost(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip().partition(": ")[2]


Soak = Callable[[str, int, float], str]
TABLE: Final[dict[str, tuple[Soak, int, float]]] = {
    **{kind: (swaps, 100 if kind == "commands of one byte" else 500, 900.0) for kind in KINDS},
    "pulled over HTTP": (control, 200, 600.0),
    "started at once": (starts, 30, 300.0),
    "killed at any moment": (kills, 50, 600.0),
    **{f"fault {name}": (faults, 100, 600.0) for name in FAULTS},
    "tests with six workers": (suites, 60, 300.0),
}
"""What is done, how often, and how many seconds it may take."""


def main() -> int:
    """Run the kinds that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Run what takes longer than a test may.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"one of: {', '.join(TABLE)}; all if none is named")
    parser.add_argument("--count", type=int, help="how often, instead of what the table says")
    arguments = parser.parse_args()
    unknown = [kind for kind in arguments.kinds if kind not in TABLE]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}")
    failed = False
    for kind in arguments.kinds or TABLE:
        run, count, limit = TABLE[kind]
        began = time.monotonic()
        try:
            result = run(kind, arguments.count or count, limit)
        except Exception as error:  # one kind that fails keeps no other from running
            result, failed = f"LOST: {error}", True
        print(f"{kind}, {time.monotonic() - began:.0f} s: {result}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
