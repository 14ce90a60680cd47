"""Errors of the command line itself."""

from pathlib import Path
from typing import TextIO


class UsageFault(Exception):
    """What was asked for cannot be done; the text is one sentence that names the file, line or option."""


def open_trace(path: Path | None) -> TextIO | None:
    """Open the file of ``--trace``; `UsageFault` if it cannot be written."""
    try:
        return path.open("a", encoding="utf-8") if path else None
    except OSError as error:
        raise UsageFault(f"{path}: the trace cannot be written: {error.strerror}") from None
