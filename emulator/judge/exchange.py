"""One command and its status word, as the rules see it: taken apart once."""

from typing import Final

from ..trace.event import Event

_HEADER: Final = 8
"""Hex digits of the header."""


class Exchange:
    """A command of a trace.

    Attributes:
        line: number of its event in the trace, from 1.
        event: the event.
        name: name of the command in the standard, or ``INS xx``.
        file: label of the file that it means: ``SSSE/EF05``.
        apdu: the command in hex, ``**`` for a masked byte.
        cla, ins, p1, p2: its header; -1 if the command is shorter.
        data: its data field in hex; empty without one, or if the length bytes contradict the length.
        le: Le, 0 for 256; None without.
        word: the status word.
        done: whether the card carried it out: 9000 or 61xx; also 63Cx where it refuses nothing: of an update it is a
            success (Part 7, 7.5), of VERIFY without data the number of tries (Part 5, 6.14.5).
        corrected: whether the card asked for another Le: 6Cxx.
        refused: whether the card refused it.
    """

    __slots__ = (
        "apdu",
        "cla",
        "corrected",
        "data",
        "done",
        "event",
        "file",
        "ins",
        "le",
        "line",
        "name",
        "p1",
        "p2",
        "refused",
        "word",
    )

    def __init__(self, line: int, event: Event) -> None:
        self.line, self.event = line, event
        self.name, self.file = event.name, event.file
        self.apdu = apdu = event.apdu
        if len(apdu) >= _HEADER:
            header = int(apdu[:_HEADER], 16)
            self.cla, self.ins = header >> 24, header >> 16 & 0xFF
            self.p1, self.p2 = header >> 8 & 0xFF, header & 0xFF
        else:
            self.cla = self.ins = self.p1 = self.p2 = -1
        self.data, self.le = _body(apdu)
        word = int(event.sw, 16)
        first = word >> 8
        self.word = word
        told = self.name.startswith("UPDATE ") or (self.name == "VERIFY" and not self.data)
        self.done = word == 0x9000 or first == 0x61 or (told and self.tries is not None)
        self.corrected = first == 0x6C
        self.refused = not (self.done or self.corrected)

    @property
    def answer(self) -> str:
        """Return the response data in hex, ``**`` for a masked byte."""
        return self.event.answer

    @property
    def masked(self) -> bool:
        """Return whether bytes of the command are masked."""
        return "*" in self.apdu

    @property
    def length(self) -> int:
        """Return the length of the data field in bytes."""
        return len(self.data) >> 1

    @property
    def tries(self) -> int | None:
        """Return how many tries 63Cx leaves, None for another status word."""
        return self.word & 0x0F if self.word & 0xFFF0 == 0x63C0 else None


def _body(apdu: str) -> tuple[str, int | None]:
    """Return data field and Le of a command in hex."""
    length = len(apdu) >> 1
    if length < 5 or "*" in apdu[8:10]:
        return "", None
    fifth = int(apdu[8:10], 16)
    if length == 5:
        return "", fifth
    end = 10 + 2 * fifth
    if fifth and len(apdu) == end:
        return apdu[10:], None
    if fifth and len(apdu) == end + 2 and "*" not in apdu[end:]:
        return apdu[10:end], int(apdu[end:], 16)
    return "", None
