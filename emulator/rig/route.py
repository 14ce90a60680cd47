"""How the PC/SC library of this process, and of the programs that it starts, finds a private stack.

The library asks the environment once in a process where pcscd is (``PCSCLITE_CSOCK_NAME``). So the answer stays the
same, a link in a folder of our own, and the link is what changes from stack to stack.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

COMM: Final = "/run/pcscd/pcscd.comm"
"""Where the library looks without the variable."""
VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
NAME: Final = "pcscd.comm"
LONGEST: Final = 107
"""Bytes that the path of a socket may have."""


class Route:
    """The link, and the stacks that it has led to, the present one last."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._owner = 0
        self._before: str | None = None
        self._stacks: list[str] = []

    def enter(self, socket_path: str) -> None:
        """Lead to a stack until `leave`."""
        self._stacks.append(socket_path)
        self._point()

    def leave(self, socket_path: str) -> None:
        """Lead to a stack no more, but to the one before it, or nowhere.

        The variable stays until `remove`: the library has read it, and another stack may come.
        """
        with contextlib.suppress(ValueError):
            self._stacks.remove(socket_path)
        if self._stacks:
            self._point()
        elif self._folder is not None and self._owner == os.getpid():
            (self._folder / NAME).unlink(missing_ok=True)

    @property
    def folder(self) -> str:
        """Return the folder with the link, empty if there is none."""
        return "" if self._folder is None else str(self._folder)

    def outside(self) -> dict[str, str]:
        """Return the environment of a program that shall find the pcscd that this process had before any stack."""
        environment = dict(os.environ)
        if self._folder is not None and environment.get(VARIABLE) == str(self._folder / NAME):
            del environment[VARIABLE]
            if self._before is not None:
                environment[VARIABLE] = self._before
        return environment

    def leads_outside_to(self, socket_path: str) -> bool:
        """Return whether the pcscd that `outside` finds is the one of a stack."""
        # Not by their paths: a stack in namespaces has the same one, behind a link of /proc.
        with contextlib.suppress(OSError):
            return Path(self.outside().get(VARIABLE) or COMM).samefile(socket_path)
        return False

    def prepare(self) -> None:
        """Set the variable before anything asks for it; the link leads nowhere yet."""
        if self._folder is not None and self._owner == os.getpid():
            return
        # After a fork the folder is the parent's.
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="sscard-pcsc-"))
        if len(os.fsencode(self._folder / NAME)) > LONGEST:
            self._folder.rmdir()
            self._folder = Path(tempfile.mkdtemp(prefix="sscard-pcsc-", dir="/tmp"))
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(self._folder / NAME)
        atexit.register(self.remove)

    def _point(self) -> None:
        self.prepare()
        assert self._folder is not None  # noqa: S101 - it was made just now
        new = self._folder / "new"
        new.unlink(missing_ok=True)
        new.symlink_to(self._stacks[-1])
        new.replace(self._folder / NAME)

    def remove(self) -> None:
        """Remove the folder and give the variable its value back."""
        if self._folder is None or self._owner != os.getpid():
            return
        atexit.unregister(self.remove)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        if self._before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._before


ROUTE: Final = Route()
"""The one of this process."""
