"""Errors of traces."""

from keys.errors import SscardError


class TraceError(SscardError):
    """A file is not a trace, or a line of it is damaged; the text is one sentence with file and line."""
