"""`Outside`: the PC/SC library in a process of its own, for readers of another pcscd than this process uses.

The library asks the environment once in a process where pcscd is, and keeps what it knows of readers for all callers.
So a process that has led it to a private stack reaches the machine's readers through another one, and only there.

`main` runs in that process, in a Python without site packages: it needs the standard library and pyscard. It reads
calls from a socket, a JSON object a line, and answers each as soon as it is done, until the other end closes.
"""

import contextlib
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from .processes import await_end

RESULTS: Final[Mapping[str, int]] = {
    "SCardCancel": 0,
    "SCardConnect": 2,
    "SCardDisconnect": 0,
    "SCardEstablishContext": 1,
    "SCardGetStatusChange": 1,
    "SCardListReaders": 1,
    "SCardReconnect": 1,
    "SCardReleaseContext": 0,
    "SCardStatus": 4,
    "SCardTransmit": 1,
}
"""The functions that are called there, and how many results each returns beside its code."""

NO_SERVICE: Final = 0x8010001D
LONGEST: Final = 600.0
"""Seconds that a call may take: a card may let its reader wait for long."""

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_MAIN: Final = f"import sys; sys.path.append({_ROOT!r}); from emulator.reader.outside import main; main()"


class Outside:
    """`smartcard.scard` with its constants, and with the functions of `RESULTS` called in another process.

    If that process ends, calls return SCARD_E_NO_SERVICE.

    Args:
        scard: `smartcard.scard` of this process, for its constants.
        environment: of the other process; it says where pcscd is.
    """

    def __init__(self, scard: Any, environment: Mapping[str, str]) -> None:
        self._scard = scard
        self._lock = threading.Lock()
        self._calls: dict[int, queue.SimpleQueue[Any]] = {}
        self._count = 0
        self._ours, theirs = socket.socketpair()
        paths = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", "-c", _MAIN, str(theirs.fileno()), json.dumps(paths)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(environment),
            )
        threading.Thread(target=self._listen, name="PC/SC outside", daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, name) if name in RESULTS else getattr(self._scard, name)

    def _call(self, name: str, *arguments: object) -> Any:
        box: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            self._count += 1
            number = self._count
            self._calls[number] = box
            line = json.dumps({"number": number, "name": name, "arguments": arguments})
            try:
                self._ours.sendall(line.encode() + b"\n")
            except OSError:
                self._lose()
        result = None
        with contextlib.suppress(queue.Empty):
            result = box.get(timeout=LONGEST)
        if result is None:
            self._calls.pop(number, None)
            return [NO_SERVICE, *[None] * RESULTS[name]] if RESULTS[name] else NO_SERVICE
        return result

    def _listen(self) -> None:
        """Hand out results until the other process ends."""
        with contextlib.suppress(OSError, ValueError), self._ours.makefile("rb") as lines:
            for line in lines:
                answer = json.loads(line)
                with self._lock:
                    box = self._calls.pop(answer["number"], None)
                if box is not None:
                    box.put(answer["result"])
        with self._lock:
            self._lose()

    def _lose(self) -> None:
        """Answer all calls that wait: the process is gone."""
        while self._calls:
            self._calls.popitem()[1].put(None)

    def close(self) -> None:
        """End the other process, and with it all that it holds."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()
        await_end(self._process)


# -- the other process --------------------------------------------------------------------------------


def main() -> None:
    """Call what is asked for until the socket closes, each call in a thread: some wait for a card."""
    sys.path.extend(json.loads(sys.argv[2]))
    from smartcard import scard  # noqa: PLC0415 - the path to it came just now

    lock = threading.Lock()
    with socket.socket(fileno=int(sys.argv[1])) as control, control.makefile("rb") as lines:
        for line in lines:
            call = json.loads(line)
            threading.Thread(target=_answer, args=(scard, call, control, lock), daemon=True).start()


def _answer(scard: Any, call: Mapping[str, Any], control: socket.socket, lock: threading.Lock) -> None:
    result = getattr(scard, call["name"])(*map(_as_asked, call["arguments"]))
    line = json.dumps({"number": call["number"], "result": result})
    with lock, contextlib.suppress(OSError):
        control.sendall(line.encode() + b"\n")


def _as_asked(argument: Any) -> Any:
    """Return an argument as the library takes it: what JSON has made a list of lists was a list of tuples."""
    if isinstance(argument, list):
        return [tuple(each) if isinstance(each, list) else each for each in argument]
    return argument
