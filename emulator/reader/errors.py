"""Why there is no PC/SC stack."""

from keys.errors import SscardError


class StackError(SscardError):
    """No PC/SC stack can be had, or a card did not get into it; the text is one sentence.

    Example:
        >>> import sscard
        >>> sscard.Stack(17)
        Traceback (most recent call last):
        ...
        emulator.reader.errors.StackError: a PC/SC stack has 1 to 16 slots, not 17
    """


class WayClosed(Exception):
    """One way of building a stack is not possible here; another may be. The text is the reason."""
