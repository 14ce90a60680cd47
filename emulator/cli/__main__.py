"""`python -m emulator.cli` is `sscard`."""

from . import main

main(prog_name="sscard")
