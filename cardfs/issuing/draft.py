"""A card with a holder while it is issued: the inputs, read and checked, and the parts that come of them."""

import datetime
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from keys.records import Key, KeyId

from ..model.codecs import from_cn
from ..model.files import Contents
from ..profile.inputs import Document, IssueError
from ..profile.loader import Profile
from .holder import Placed, lay_over, place
from .options import ISSUE_DATE, IssueOptions, years_later
from .roots import Roots

ISSUER_FILE: Final = "SSSE/EF05"
"""The file of the issuer's elements (发卡机构数据; V2.0 notice, 8.1.1)."""


class Part(NamedTuple):
    """What one environment of a card holds.

    Attributes:
        keys: by `KeyId`.
        contents: of EFs by path.
    """

    keys: dict[KeyId, Key]
    contents: dict[str, Contents]


@dataclass(frozen=True, slots=True)
class Draft:
    """The inputs of a card with a holder.

    Attributes:
        profile, holder, roots, options: as `issue` takes them.
        placed: encoded values by path of the EF: the holder's, and over them those of the options.
        serial: TA to TD of the historical bytes, 4 bytes.
        historical: the historical bytes, 13 bytes (Part 2, table 16).
    """

    profile: Profile
    holder: Document
    roots: Roots
    options: IssueOptions
    placed: dict[str, Placed]
    serial: bytes
    historical: bytes

    @classmethod
    def of(cls, profile: Profile, holder: Document, roots: Roots, options: IssueOptions) -> Self:
        """Read and encode the inputs.

        Raises:
            IssueError: the region or the serial has another form, or a value of the holder does not fit.
        """
        region = options.require_region()
        serial = _serial(options)
        placed = place(holder, profile)
        if options.values is not None:
            lay_over(placed, place(options.values, profile))
        return cls(profile, holder, roots, options, placed, serial, profile.atr.historical(region, serial))

    def on(self, path: str) -> Placed:
        """Return the inputs for an EF."""
        return self.placed.get(path, Placed())

    def written(self, file: str) -> dict[str, bytes]:
        """Return the encoded values that the inputs give for an EF, by element name; ``file`` is its id."""
        plan = next((each for each in self.profile.files.values() if each.id == file), None)
        return {} if plan is None else self.on(plan.ef.path).values

    def issue_date(self) -> datetime.date:
        """Return the first day: that of the options, else the holder's, else the default."""
        return self.options.issue_date or _date(self.written(ISSUER_FILE).get("issue_date", b"")) or ISSUE_DATE

    def expiry_date(self) -> datetime.date:
        """Return the last day: that of the options, else the holder's, else ten years after the first."""
        given = self.options.expiry_date or _date(self.written(ISSUER_FILE).get("expiry_date", b""))
        return given or years_later(self.issue_date())


def _date(data: bytes) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(from_cn(data), "%Y%m%d").date()
    except ValueError:
        return None


def _serial(options: IssueOptions) -> bytes:
    """Return four bytes; a drawn serial has decimal digits, since it also stands in a cn element."""
    if not options.serial:
        return bytes.fromhex(f"{int.from_bytes(options.random()(8)) % 100_000_000:08d}")
    try:
        serial = bytes.fromhex(options.serial)
    except ValueError:
        serial = b""
    if len(serial) != 4:
        raise IssueError("serial", f"write eight hexadecimal digits, not {options.serial!r}")
    return serial
