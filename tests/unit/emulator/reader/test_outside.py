"""The PC/SC library in a process of its own: it goes where it is told, and its end is a result like any other."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from smartcard import scard

from emulator.reader.outside import NO_SERVICE, RESULTS, Outside
from tests.kit import child


@pytest.fixture
def outside() -> Iterator[Any]:
    library = Outside(scard, child.environment(PCSCLITE_CSOCK_NAME="/nowhere/pcscd.comm"))
    yield library
    library.close()


def process_of(library: Outside) -> int:
    return library._process.pid


def test_calls_are_made_there_and_constants_are_known_here(outside: Any) -> None:
    assert outside.SCARD_SCOPE_USER == scard.SCARD_SCOPE_USER
    code, _ = outside.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert code & 0xFFFFFFFF == NO_SERVICE
    # An answer of the library there: 3 is no handle.
    assert outside.SCardDisconnect(3, scard.SCARD_LEAVE_CARD) & 0xFFFFFFFF == scard.SCARD_E_INVALID_HANDLE & 0xFFFFFFFF
    code, states = outside.SCardGetStatusChange(3, 10, [("a reader", 0)])
    assert code & 0xFFFFFFFF == scard.SCARD_E_INVALID_HANDLE & 0xFFFFFFFF
    assert states[0][0] == "a reader"


def test_when_the_process_has_ended_there_is_no_service(outside: Any) -> None:
    os.kill(process_of(outside), signal.SIGKILL)
    end = time.monotonic() + 5
    while outside.SCardCancel(1) != NO_SERVICE:
        assert time.monotonic() < end
    for name, more in RESULTS.items():
        result = getattr(outside, name)(1)
        assert result == ([NO_SERVICE, *[None] * more] if more else NO_SERVICE)


def test_closing_it_ends_the_process(outside: Any) -> None:
    process = process_of(outside)
    outside.close()
    assert outside.SCardReleaseContext(1) == NO_SERVICE
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_it_ends_with_who_has_started_it() -> None:
    script = (
        "import os; from smartcard import scard; from emulator.reader.outside import Outside\n"
        "print(Outside(scard, os.environ)._process.pid, flush=True); os._exit(0)"
    )
    process = int(child.run([sys.executable, "-c", script]).stdout)
    end = time.monotonic() + 5
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
