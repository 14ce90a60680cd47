"""Record rules: which record a command means, and what writing does (Part 3, 5.3; Part 5, 6.10 and 6.13).

Everything here is a pure function of an EF, its records and the record pointer. Places are counted
from 0 and are record numbers minus 1; in a cyclic file place 0 is the newest record.
"""

from enum import IntEnum
from typing import Final

from .errors import NoSpace, RecordLengthWrong, RecordUnknown, TlvWrong
from .files import Ef, Records, Structure
from .tlv import record_value

CURRENT: Final = 0
ANY_IDENTIFIER: Final = 0


class Mode(IntEnum):
    """b3 to b1 of P2 (Part 5, tables 32 and 44)."""

    FIRST = 0b000
    LAST = 0b001
    NEXT = 0b010
    PREVIOUS = 0b011
    NUMBER = 0b100
    TO_LAST = 0b101
    FROM_LAST = 0b110

    @property
    def by_identifier(self) -> bool:
        """Return whether P1 is a record identifier, else a number."""
        return self < Mode.NUMBER


def identifier(ef: Ef, record: bytes) -> int | None:
    """Return the identifier of a record, its tag; None for a record without TLV (Part 3, 5.3.1)."""
    return record[0] if ef.tlv and record else None


def find(ef: Ef, records: Records, mode: Mode, p1: int, pointer: int | None) -> int | None:
    """Find the place of the one record that ``mode`` and ``p1`` mean, or None.

    Args:
        pointer: place of the current record, None if there is none.
    """
    if not mode.by_identifier:
        place = pointer if p1 == CURRENT else p1 - 1
        return place if place is not None and place < len(records) else None
    places = [at for at, each in enumerate(records) if p1 in (ANY_IDENTIFIER, identifier(ef, each))]
    if pointer is not None and mode is Mode.NEXT:
        places = [at for at in places if at > pointer]
    elif pointer is not None and mode is Mode.PREVIOUS:
        places = [at for at in places if at < pointer]
    if not places:
        return None
    # Without a current record, "next" is the first and "previous" the last (Part 3, 5.3.1).
    return places[0] if mode in (Mode.FIRST, Mode.NEXT) else places[-1]


def locate(ef: Ef, records: Records, mode: Mode, p1: int, pointer: int | None) -> int:
    """Return the place of the one record, as `find` does.

    Raises:
        RecordUnknown: there is no such record, or no current one.
    """
    place = find(ef, records, mode, p1, pointer)
    if place is not None:
        return place
    if mode.by_identifier:
        raise RecordUnknown(
            f"no {mode.name.lower()} record has identifier {p1:02X}; the file has {len(records)} records"
        )
    if p1 == CURRENT:
        raise RecordUnknown("there is no current record")
    raise RecordUnknown(f"there is no record {p1}; the file has {len(records)}")


def span(ef: Ef, records: Records, mode: Mode, p1: int, pointer: int | None) -> tuple[bytes, int]:
    """Collect what READ RECORD answers: one record, or all of them between one and the last.

    Returns:
        the bytes, and the place that the command refers to.

    Raises:
        RecordUnknown: see `locate`.
    """
    if mode is Mode.NUMBER and 0 < p1 <= len(records):
        return records[p1 - 1], p1 - 1
    if mode not in (Mode.TO_LAST, Mode.FROM_LAST):
        place = locate(ef, records, mode, p1, pointer)
        return records[place], place
    place = locate(ef, records, Mode.NUMBER, p1, pointer)
    chosen = records[place:] if mode is Mode.TO_LAST else records[place:][::-1]
    return b"".join(chosen), place


def written(ef: Ef, records: Records, mode: Mode, p1: int, pointer: int | None, record: bytes) -> tuple[Records, int]:
    """Return the records after a write: one replaced, appended, or the newest of a cyclic file.

    Returns:
        the new records, and the place of the record written.

    Raises:
        RecordUnknown, RecordLengthWrong, TlvWrong, NoSpace: and nothing is written.
    """
    cyclic = ef.structure is Structure.CYCLIC
    if cyclic and mode is Mode.PREVIOUS:
        _check_form(ef, mode, p1, record)
        return ((record, *records)[: ef.max_records], 0)
    place = find(ef, records, mode, p1, pointer)
    if place is None:
        appends = not cyclic and (mode.by_identifier or p1 == len(records) + 1)
        if not appends:
            place = locate(ef, records, mode, p1, pointer)
        place = len(records)
    _check_form(ef, mode, p1, record)
    new = (*records[:place], record, *records[place + 1 :])
    if len(new) > ef.max_records:
        raise NoSpace(f"the file is full: it has {ef.max_records} records")
    if ef.structure is Structure.LINEAR_VARIABLE:
        needed = sum(map(len, new))
        if needed > ef.size:
            raise NoSpace(f"the records would need {needed} bytes, the file has {ef.size}")
    return new, place


def _check_form(ef: Ef, mode: Mode, p1: int, record: bytes) -> None:
    if ef.tlv:
        if record_value(record) is None:
            inner = f"an inner length of {record[1]}" if len(record) > 1 else "no inner length"
            raise TlvWrong(f"a record of {len(record)} bytes with {inner}")
        if mode.by_identifier and p1 not in (ANY_IDENTIFIER, record[0]):
            raise TlvWrong(f"a record with tag {record[0]:02X} is written under identifier {p1:02X}")
    if ef.record_length and len(record) != ef.record_length:
        error = TlvWrong if ef.tlv else RecordLengthWrong
        raise error(f"the record has {len(record)} bytes, every record of this file has {ef.record_length}")
