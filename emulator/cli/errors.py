"""Errors of the command line itself."""


class UsageFault(Exception):
    """What was asked for cannot be done; the text is one sentence that names the file, line or option."""
