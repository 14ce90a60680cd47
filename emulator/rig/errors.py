"""What a rig refuses."""

from keys.errors import SscardError


class RigError(SscardError):
    """A rig cannot do what was asked: a wrong reader, card or transport; one sentence."""
