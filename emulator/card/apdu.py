"""Command APDUs: four cases in short form, extended where a profile allows it (Part 2, 9.4; Part 5, 5.1)."""

from typing import Final, TypedDict, Unpack

EXTENDED_LE_MAX: Final = 65536
HEADER_LENGTH: Final = 4


SELECT: Final = 0xA4
GET_RESPONSE: Final = 0xC0
BY_NAME: Final = 0x04
"""P1 of a SELECT by DF name."""


class _Changes(TypedDict, total=False):
    """Fields of `Command._replace`, so that the type checker finds a misspelt one."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    le_zero: bool
    well_formed: bool


class Command:
    """One command APDU (Part 2, 9.4). A value: use `_replace` to get another one.

    Attributes:
        cla, ins, p1, p2: the header, one byte each.
        data: the data field, without Lc.
        le: how many bytes the terminal expects, 1 to 256 (65536 extended); None if it sent no Le.
        le_zero: whether Le was sent as 00, which means "as many as there are".
        well_formed: whether the length bytes and the length of the whole agree.
    """

    __slots__ = ("cla", "data", "ins", "le", "le_zero", "p1", "p2", "well_formed")

    def __init__(
        self,
        cla: int,
        ins: int,
        p1: int,
        p2: int,
        data: bytes = b"",
        le: int | None = None,
        le_zero: bool = False,
        well_formed: bool = True,
    ) -> None:
        self.cla = cla
        self.ins = ins
        self.p1 = p1
        self.p2 = p2
        self.data = data
        self.le = le
        self.le_zero = le_zero
        self.well_formed = well_formed

    def __eq__(self, other: object) -> bool:
        """Compare all fields."""
        return isinstance(other, Command) and all(
            getattr(self, each) == getattr(other, each) for each in self.__slots__
        )

    def __hash__(self) -> int:
        """Hash header and data."""
        return hash((self.header, self.data))

    def __repr__(self) -> str:
        """Show header, length and Le, without the data, which may be a PIN."""
        le = "" if self.le is None else f", Le {self.le}"
        return f"Command({self.header.hex().upper()}, {len(self.data)} bytes{le})"

    def _replace(self, **changes: Unpack[_Changes]) -> "Command":
        """Return a copy with other values in these fields."""
        new = Command(self.cla, self.ins, self.p1, self.p2, self.data, self.le, self.le_zero, self.well_formed)
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    @property
    def header(self) -> bytes:
        """Return CLA INS P1 P2, four bytes."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def secured(self) -> bool:
        """Return whether the low nibble of CLA announces secure messaging (Part 4, 8.1)."""
        return self.cla & 0x0F == 0x04


def parse(raw: bytes, *, extended: bool = False) -> Command | None:
    """Read a command APDU (Part 2, 9.4).

    Args:
        raw: the bytes of the command, of any length.
        extended: whether 00 in the place of Lc begins lengths of two bytes.

    Returns:
        The command; ``well_formed`` is false if its length bytes contradict its length, and then it has no data.
        None if there are fewer than four bytes.
    """
    length = len(raw)
    if length < HEADER_LENGTH:
        return None
    cla, ins, p1, p2 = raw[:HEADER_LENGTH]
    if length == HEADER_LENGTH:
        return Command(cla, ins, p1, p2)
    lc = raw[4]
    if length == 5:
        return Command(cla, ins, p1, p2, b"", lc or 256, not lc)
    if lc:
        if length == 5 + lc:
            return Command(cla, ins, p1, p2, raw[5:])
        if length == 6 + lc:
            le = raw[-1]
            return Command(cla, ins, p1, p2, raw[5:-1], le or 256, not le)
    elif extended:
        return _parse_extended(raw)
    return Command(cla, ins, p1, p2, well_formed=False)


def _parse_extended(raw: bytes) -> Command:
    """Read the cases 2E, 3E and 4E: 00 after the header, then lengths of two bytes."""
    cla, ins, p1, p2 = raw[:HEADER_LENGTH]
    body = raw[5:]
    if len(body) == 2:
        le = int.from_bytes(body)
        return Command(cla, ins, p1, p2, b"", le or EXTENDED_LE_MAX, not le)
    lc = int.from_bytes(body[:2])
    data = body[2:]
    if lc and len(body) > 2:
        if len(data) == lc:
            return Command(cla, ins, p1, p2, data)
        if len(data) == lc + 2:
            le = int.from_bytes(data[-2:])
            return Command(cla, ins, p1, p2, data[:-2], le or EXTENDED_LE_MAX, not le)
    return Command(cla, ins, p1, p2, well_formed=False)
