"""`python -m emulator.cli` is `sscard`."""

from . import run

run()
