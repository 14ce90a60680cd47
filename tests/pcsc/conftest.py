"""The stack for the whole session, and the guard that makes a missing pcscd a failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import child
from tests.pcsc.harness import REFUSAL, PcscStack, stub


@pytest.fixture(scope="session")
def stack() -> Iterator[PcscStack]:
    """A private PC/SC stack with two slots, both empty at the start and at the end of every test.

    The PC/SC library of this process talks to it as well, whatever else runs on the machine. Without
    pcscd the fixture fails: a test that did not meet a real reader has shown nothing.
    """
    with PcscStack() as private:
        # Before the first call: the library asks once.
        before = os.environ.get("PCSCLITE_CSOCK_NAME")
        os.environ["PCSCLITE_CSOCK_NAME"] = private.socket_path
        yield private
        os.environ.pop("PCSCLITE_CSOCK_NAME", None)  # with other habits a test may have dropped it
        if before is not None:
            os.environ["PCSCLITE_CSOCK_NAME"] = before


@pytest.fixture
def refusing(tmp_path: Path) -> dict[str, str]:
    """An environment in which unshare is refused."""
    stub(tmp_path, "unshare", f"echo '{REFUSAL}' >&2; exit 1")
    return child.environment(PATH=f"{tmp_path}:{os.environ['PATH']}")
