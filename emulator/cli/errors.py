"""Errors of the command line itself."""

from keys.errors import SscardError


class UsageFault(SscardError):
    """What was asked for cannot be done; the text is one sentence that names the file, line or option."""
