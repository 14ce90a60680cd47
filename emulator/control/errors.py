"""What control refuses."""

from keys.errors import SscardError


class ControlError(SscardError):
    """A request cannot be carried out: one sentence, and the HTTP status that says what kind of mistake it is.

    Attributes:
        status: 400 for a wrong request, 404 for what there is not, 409 for what does not go now.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status
