"""Pull a card out and put it back over HTTP while a PC/SC client watches: ``sscard rig -- python -m … COUNT``.

One thread waits for changes as any client does, the other one asks control, and looks directly after each call. Every
removal and every insertion must be seen at once by who looks, and once, in order, by who waits.
"""

import os
import sys
import threading
import time
from typing import Final

from smartcard import scard

from emulator.control.client import Client
from tests.pcsc.harness import checked

PRESENT: Final = scard.SCARD_STATE_PRESENT
LIMIT: Final = 10.0


class Watcher:
    """Waits for changes of a reader, in a thread of its own.

    Attributes:
        seen: whether there was a card, after each change.
        counted: how many changes pcscd has counted.
    """

    def __init__(self, reader: str) -> None:
        self.seen: list[bool] = []
        self.counted = 0
        self._reader = reader
        self._ready = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(LIMIT)

    def _run(self) -> None:
        context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        state = look(context, self._reader)
        first = state >> 16
        self._ready.set()
        while not self._stop:
            code, [(_, new, _)] = scard.SCardGetStatusChange(context, 200, [(self._reader, state)])
            if code == scard.SCARD_S_SUCCESS and (new ^ state) & PRESENT:
                self.seen.append(bool(new & PRESENT))
            state, self.counted = new, (new >> 16) - first
        scard.SCardReleaseContext(context)

    def close(self) -> None:
        """End the thread, when it has seen what there is to see."""
        time.sleep(0.5)
        self._stop = True
        self._thread.join(LIMIT)


def look(context: int, reader: str) -> int:
    """Return the state of a reader as it is now."""
    [(_, state, _)] = checked(scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)]))
    return int(state)


def main(count: int) -> int:
    """Remove and insert so often; print what was seen, and end with 1 if anything was missed or came late."""
    control = Client(os.environ["SSCARD_CONTROL"])
    reader = control.ask("GET", "/readers/0")["name"]
    context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
    watcher = Watcher(reader)
    late, took = [], {"remove": 0.0, "insert": 0.0}
    for _ in range(count):
        for what, there in (("remove", False), ("insert", True)):
            began = time.perf_counter()
            control.ask("POST", f"/readers/0/{what}", {} if there else None)
            took[what] += time.perf_counter() - began
            if bool(look(context, reader) & PRESENT) is not there:
                late.append(what)
    watcher.close()
    expected = [False, True] * count
    if watcher.seen != expected or watcher.counted != 2 * count or late:
        print(
            f"seen {len(watcher.seen)} of {2 * count}, counted {watcher.counted}, in order: "
            f"{watcher.seen == expected}, {len(late)} late",
            file=sys.stderr,
        )
        return 1
    times = ", ".join(f"{what} {1000 * seconds / count:.0f} ms" for what, seconds in took.items())
    print(f"{count} removals and {count} insertions, each seen at once and once; on average {times}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
