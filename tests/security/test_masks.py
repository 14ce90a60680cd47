"""What is secret of every command, on cards of every kind: no such byte stands in an event of the trace.

The table says it anew, from the standard and the manuals, and does not ask the rows.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfs.memory.image import Image
from cardfs.model.files import CardContents, CommandSet
from cardfs.model.settings import Settings
from emulator.card.context import Answer
from emulator.card.describer import Describer
from emulator.card.engine import Card
from emulator.card.row import Row, any_sequence
from emulator.card.table import CommandSets
from emulator.cli.console import trace_text
from emulator.commands.sets import SETS
from emulator.trace.event import Event
from emulator.trace.mask import MASK
from emulator.trace.text import event_lines
from emulator.trace.traced import Traced
from keys.generate import SeededRandom
from tests.kit.card import contents

WINDOW: Final = 6
"""As many bytes of a secret in a row are taken for a leak; fewer may stand in a text by chance."""
MAC: Final = 4


class Hidden(NamedTuple):
    """What is secret of a command: a part of the data field, and the response data. ``p1`` where P1 decides."""

    data: slice | None = None
    answer: bool = False
    p1: tuple[int, ...] = ()


WHOLE: Final = Hidden(slice(None))
ENCIPHERED: Final = Hidden(slice(0, -MAC))
CRYPTOGRAM: Final = Hidden(slice(0, 8))
ANSWER: Final = Hidden(answer=True)
SHOWN: Final = Hidden()

_FILES: Final = dict.fromkeys(
    ("SELECT", "READ RECORD", "READ BINARY", "UPDATE RECORD", "UPDATE BINARY", "GET CHALLENGE", "GET RESPONSE"), SHOWN
)
_TRADES: Final = dict.fromkeys(
    (
        *("CREDIT FOR LOAD", "DEBIT FOR PURCHASE", "GET BALANCE", "GET TRANSACTION PROOF", "INITIALIZE FOR LOAD"),
        *("INITIALIZE FOR PURCHASE", "UPDATE STARTING DAY", "GET STARTING DAY"),
    ),
    SHOWN,
)
SOCIAL: Final = {
    **_FILES,
    **_TRADES,
    "EXTERNAL AUTHENTICATION": CRYPTOGRAM,
    "INTERNAL AUTHENTICATION": ANSWER,
    "VERIFY": WHOLE,
    "CHANGE PIN": WHOLE,
    "PIN CHANGE/UNBLOCK": ENCIPHERED,
    "APPLICATION BLOCK": SHOWN,
    "CARD BLOCK": SHOWN,
}
PSAM: Final = {
    **_FILES,
    "INITIALIZE ENVIRONMENT": SHOWN,
    "EXTERNAL AUTHENTICATION": CRYPTOGRAM,
    "CREATE KEY": ENCIPHERED,
    "CHANGE KEY": ENCIPHERED,
    "DELIVERY SESSION KEY": SHOWN,
    # Enciphering: the data may be a PIN, and the answer a proof. The other functions make MACs.
    "CIPHER DATA": Hidden(slice(None), answer=True, p1=(0x00, 0x02)),
    "INIT SAM FOR PURCHASE": SHOWN,
    "CREDIT SAM FOR PURCHASE": SHOWN,
}
FINANCIAL: Final = {**_FILES, "EXTERNAL AUTHENTICATION": CRYPTOGRAM}
PURSE: Final = {
    **_FILES,
    **dict.fromkeys(
        (f"INITIALIZE FOR {name}" for name in ("LOAD", "PURCHASE", "CASH WITHDRAW", "CAPP PURCHASE")), SHOWN
    ),
    **dict.fromkeys(("INITIALIZE FOR UPDATE", "INITIALIZE FOR UNLOAD", "CREDIT FOR LOAD", "DEBIT FOR PURCHASE"), SHOWN),
    **dict.fromkeys(("DEBIT FOR UNLOAD", "UPDATE OVERDRAW LIMIT", "UPDATE CAPP DATA CACHE", "GET BALANCE"), SHOWN),
    **dict.fromkeys(("GET TRANSACTION PROVE", "APPLICATION BLOCK", "APPLICATION UNBLOCK", "CARD BLOCK"), SHOWN),
    # The whole data field is the cryptogram: 8 bytes, with SM4 16.
    "EXTERNAL AUTHENTICATION": WHOLE,
    "INTERNAL AUTHENTICATION": ANSWER,
    "VERIFY": WHOLE,
    "RELOAD PIN": WHOLE,
    "CHANGE PIN": WHOLE,
    "PIN UNBLOCK": ENCIPHERED,
    "APPEND RECORD": WHOLE,
}
DEBIT: Final = {
    **_FILES,
    **dict.fromkeys(("GET PROCESSING OPTIONS", "GENERATE AC", "PUT DATA", "GET DATA"), SHOWN),
    **dict.fromkeys(("APPLICATION BLOCK", "APPLICATION UNBLOCK", "CARD BLOCK"), SHOWN),
    "VERIFY": WHOLE,
    "PIN CHANGE/UNBLOCK": ENCIPHERED,
    "EXTERNAL AUTHENTICATE": CRYPTOGRAM,
    "INTERNAL AUTHENTICATE": ANSWER,
}
T514: Final = {
    # P1 03 sets the transport key, 06 writes data, also into internal files.
    "CREATE FILE": Hidden(slice(None), p1=(0x03, 0x06)),
    "DELETE FILE": SHOWN,
    "WRITE KEY": ENCIPHERED,
    "WRITE KEY in clear": WHOLE,
}
FMCOS: Final = {
    **_FILES,
    "CREATE FILE": SHOWN,
    "WRITE KEY": ENCIPHERED,
    "WRITE KEY in clear": WHOLE,
    "ERASE DF": SHOWN,
    "EXTERNAL AUTHENTICATE": WHOLE,
    "INTERNAL AUTHENTICATE": ANSWER,
    "VERIFY PIN": WHOLE,
    "APPEND RECORD": WHOLE,
}
TABLES: Final = {
    CommandSet.SOCIAL: SOCIAL,
    CommandSet.PSAM: PSAM,
    CommandSet.FINANCIAL: FINANCIAL,
    CommandSet.PURSE: PURSE,
    CommandSet.DEBIT: DEBIT,
}
CODINGS: Final = {"t514": T514, "fmcos": FMCOS, "none": dict[str, Hidden]()}


def _name(row: Row) -> str:
    return f"{row.name} in clear" if (row.name, row.cla) == ("WRITE KEY", 0x80) else row.name


HIDDEN: Final = {
    id(row): table[_name(row)]
    for rows, table in (
        *((rows, TABLES[kind]) for kind, rows in SETS.rows.items()),
        *((rows, CODINGS[cos]) for cos, rows in SETS.codings.items()),
    )
    for row in rows
}
"""What is secret of each row; a row that the table does not have is a `KeyError`."""


# -- cards of every kind ----------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of card."""

    profile: str
    overrides: str
    cos: str | None = None


KINDS: Final = {
    **{
        f"{cos}, {level}, reading {reading}": Kind(
            "ssc-2.0",
            '[settings.financial]\nkind = "both"\n'
            f'[settings.transport]\nlevel = "{level}"\n[settings.sm]\nread_commands = "{reading}"\n',
            cos,
        )
        for cos in CODINGS
        for level, reading in (("tpdu", "off"), ("apdu", "per-file"))
    },
    **{f"psam, {level}": Kind("psam", f'[settings.transport]\nlevel = "{level}"\n') for level in ("tpdu", "apdu")},
}


@cache
def made(name: str) -> CardContents:
    """A card of a kind; the coding is laid over an issued card, since an FMCOS card is not issued but built."""
    kind = KINDS[name]
    card = contents(kind.profile, kind.overrides)
    if kind.cos is None:
        return card
    personalisation = msgspec.structs.replace(card.info.settings.personalisation, cos=kind.cos)
    laid_over = msgspec.structs.replace(card.info.settings, personalisation=personalisation)
    return replace(card, info=replace(card.info, settings=laid_over))


class Place(NamedTuple):
    """A DF of a card, and a row that its commands have there."""

    kind: str
    df: str
    row: Row

    def __str__(self) -> str:
        return f"{self.kind}: {self.row.name} {self.row.cla:02X} in {self.df[-4:]}, P1 {self.row.p1}"


def _rows(sets: CommandSets, kind: CommandSet, card_settings: Settings) -> Iterator[Row]:
    """The rows that DFs of a command set have on a card with these settings."""
    table = sets.table(card_settings, kind)
    for row in (*sets.rows[kind], *sets.codings[card_settings.personalisation.cos]):
        if table.find(row.cla, row.ins, row.p1 or 0) is row:
            yield row


@cache
def places(kind: str) -> tuple[Place, ...]:
    """Each row of a card, in a DF that has it."""
    card = made(kind)
    deepest = {df.command_set: path for path, df in sorted(card.dfs.items())}
    return tuple(
        Place(kind, path, row) for a_set, path in deepest.items() for row in _rows(SETS, a_set, card.info.settings)
    )


EVERYWHERE: Final = tuple(place for kind in KINDS for place in places(kind))
SECRET_DATA: Final = tuple(place for place in EVERYWHERE if HIDDEN[id(place.row)].data is not None)
ANSWERING: Final = tuple(place for place in EVERYWHERE if place.row.le is not None and not place.row.fetches)


class Seen:
    """A card in one of its DFs, and everything that its trace says of it."""

    def __init__(self, place: Place, sets: CommandSets = SETS) -> None:
        self.card = Card(Image.in_memory(made(place.kind)), sets, SeededRandom("masks"))
        self.events: list[Event] = []
        self.outcomes: list[str] = []
        self.traced = Traced(self.card, self.events.append, clock=lambda: 0.0)
        self.df = place.df
        for fid in place.df.split("/")[1:]:
            self.traced.transmit(bytes.fromhex(f"00A4000002{fid}"))
        assert self.card.session.df == place.df
        self.events.clear()

    def send(self, raw: bytes) -> bytes:
        """Send one command."""
        answer = self.traced.transmit(raw)
        self.outcomes.append(repr(self.card.last))
        return answer

    def lock(self, how: str) -> None:
        """Lock the card or the application, or leave it as it is."""
        image = self.card.image
        change = image.begin()
        if how == "card":
            change.put_info(replace(image.info, blocked=True))
        else:
            df = image.dfs[self.df]
            change.put_df(replace(df, blocked=how == "blocked", suspended=how == "suspended"))
        change.commit()

    def texts(self) -> Iterator[str]:
        """All that people may see of it."""
        for event in self.events:
            yield event.json()
            yield repr(event)
            yield trace_text(event).plain
            yield from event_lines(event)
        yield from self.outcomes

    def check(self, secret: bytes) -> None:
        """No window of a secret stands anywhere: in hex, as bytes in a repr, or as a number."""
        texts = [text.upper() for text in self.texts()]
        for at in range(len(secret) - WINDOW + 1):
            window = secret[at : at + WINDOW]
            for form in (
                window.hex(),
                repr(window)[2:-1],
                str(int.from_bytes(window)),
                str(int.from_bytes(window, "little")),
            ):
                assert not any(form.upper() in text for text in texts), (form, texts)


@cache
def _parameters(row: Row, p1: int | None) -> tuple[int, int]:
    """P1 and P2 that a row takes; P1 may be given."""
    wanted = row.p1 if p1 is None else p1
    return next(
        (first, second)
        for first in (range(256) if wanted is None else (wanted,))
        for second in range(256)
        if row.parameters(first, second)
    )


def _header(row: Row, p1: int | None = None) -> bytes:
    return bytes((row.cla, row.ins, *_parameters(row, p1)))


@cache
def _lengths(row: Row) -> tuple[int, ...]:
    return tuple(length for length in range(1, 256) if length in row.lc)


# -- the tests --------------------------------------------------------------------------------------


def test_every_row_of_every_set_is_on_a_card_here_and_says_what_is_secret_and_what_it_means() -> None:
    every = {id(row): row for rows in (*SETS.rows.values(), *SETS.codings.values()) for row in rows}
    assert set(HIDDEN) == set(every) == {id(place.row) for place in EVERYWHERE}
    for row in every.values():
        assert isinstance(row.describe, Describer)
    for table, rows in (
        *((TABLES[kind], rows) for kind, rows in SETS.rows.items()),
        *((CODINGS[cos], rows) for cos, rows in SETS.codings.items()),
    ):
        assert set(table) >= {_name(row) for row in rows}


def _forms(header: bytes, data: bytes, row: Row) -> Iterator[bytes]:
    """A command as it should be, and as programs get it wrong."""
    length = bytes((len(data),))
    yield header + length + data
    yield header + length + data + b"\x00"
    for wrong in {0, len(data) - 1, (len(data) + 1) & 0xFF, 0xFF} - {len(data)}:
        yield header + bytes((wrong,)) + data
    yield header + length + data[:-1]
    yield header + length + data + data[-1:]
    for short in (len(data) - cut for cut in (1, 4, 8)):
        if short > 0 and short not in row.lc:
            yield header + bytes((short,)) + data[:short]
    yield header + b"\x00" + len(data).to_bytes(2) + data
    yield header + b"\x00" + len(data).to_bytes(2) + data + b"\x00\x00"
    yield header + data
    yield b"\xff" + header[1:] + length + data
    yield bytes((header[0] ^ 0x10,)) + header[1:] + length + data
    if not HIDDEN[id(row)].p1:
        yield header[:2] + b"\xff" + header[3:] + length + data
        yield header[:3] + b"\xff" + length + data


@pytest.mark.parametrize("place", SECRET_DATA, ids=str)
@pytest.mark.clause("Part 4, 6.4", "no PIN and no key of any command in its trace, however wrong the command is")
@settings(max_examples=2)
@given(seed=st.integers(0, 2**32), choice=st.integers(0, 255))
def test_no_byte_of_a_secret_stands_in_the_trace_of_its_command(place: Place, seed: int, choice: int) -> None:
    row, hidden, chance = place.row, HIDDEN[id(place.row)], random.Random(seed)  # noqa: S311 - test data
    lengths = _lengths(row)
    data = chance.randbytes(lengths[choice % len(lengths)])
    # Whole blocks without a MAC are all secret.
    no_mac = hidden is ENCIPHERED and len(data) % 8 != MAC
    at = range(len(data))[slice(None) if no_mac else hidden.data or slice(0)]
    # Another secret of the same form: behind a header without Lc its first byte is taken for one.
    other = bytes(byte ^ chance.randrange(1, 256) if each in at and each else byte for each, byte in enumerate(data))
    for p1 in hidden.p1 or (None,):
        for how in ("", "blocked", "suspended", "card"):
            shown = []
            for each in (data, other):
                seen = Seen(place)
                if how:
                    seen.lock(how)
                for raw in _forms(_header(row, p1), each, row):
                    seen.send(raw)
                seen.check(each[at.start : at.stop])
                shown.append([(event.file, event.fields, event.apdu, event.answer) for event in seen.events])
            assert shown[0] == shown[1]
            # A secret may be too short for a window: in the command as it should be each byte of it is masked.
            assert set(shown[0][0][2][10:][2 * at.start : 2 * at.stop]) <= {"*"}


def _answering(answer: bytes) -> CommandSets:
    """All commands, with handlers that succeed and answer the same bytes; GET RESPONSE fetches them as ever."""

    def changed(row: Row) -> Row:
        if row.fetches:
            return row
        succeeding = replace(row, handler=lambda _: Answer(answer), in_sequence=any_sequence)
        # One that gives a secret answer away: nobody may ask it.
        return replace(succeeding, describe=Describer(answer=bytes.hex)) if HIDDEN[id(row)].answer else succeeding

    return replace(
        SETS,
        rows={kind: tuple(map(changed, rows)) for kind, rows in SETS.rows.items()},
        codings={cos: tuple(map(changed, rows)) for cos, rows in SETS.codings.items()},
    )


def _answered(place: Place, p1: int | None, answer: bytes, pieces: tuple[int, ...]) -> Seen:
    """Send a command that succeeds with an answer, and fetch in pieces what waits."""
    selecting = Seen(place)
    seen = Seen.__new__(Seen)
    seen.card = Card(selecting.card.image, _answering(answer), SeededRandom("masks"))
    seen.events, seen.outcomes, seen.df = [], [], place.df
    seen.card._session = selecting.card.session
    seen.traced = Traced(seen.card, seen.events.append, clock=lambda: 0.0)
    row = place.row
    lengths = _lengths(row)
    data = bytes((lengths[0], *bytes(lengths[0]))) if lengths else b""
    le = bytes((len(answer),)) if row.le is not None and not (lengths and "tpdu" in place.kind) else b""
    word = seen.send(_header(row, p1) + data + le)
    for piece in pieces if word[-2:-1] == b"\x61" else ():
        seen.send(bytes((0x00, 0xC0, 0x00, 0x00, piece)))
    return seen


@pytest.mark.parametrize("place", ANSWERING, ids=str)
@settings(max_examples=2)
@given(seed=st.integers(0, 2**32))
def test_an_answer_is_masked_if_it_is_secret_and_shown_if_not(place: Place, seed: int) -> None:
    """At once, fetched whole, and fetched in pieces with a wrong length between them."""
    hidden = HIDDEN[id(place.row)]
    length = max(length for length in range(9) if length in (place.row.le or ()))
    # A data object, as GET DATA answers it.
    answer = bytes((0xC1, length - 2)) + random.Random(seed).randbytes(length - 2)  # noqa: S311 - test data
    for pieces in ((8,), (3, 9, 5)):
        for p1 in hidden.p1 or (None,):
            seen = _answered(place, p1, answer, pieces)
            shown = "".join(event.answer for event in seen.events)
            if hidden.answer:
                assert shown == MASK * 8
                seen.check(answer[2:])
            else:
                assert shown == answer.hex().upper()


def test_a_response_whose_command_nobody_has_seen_is_masked() -> None:
    """A trace that begins between command and GET RESPONSE cannot know what is fetched."""
    place = next(
        each for each in EVERYWHERE if each.row.name == "INTERNAL AUTHENTICATION" and "t514, tpdu" in each.kind
    )
    seen = Seen(place)
    assert seen.card.transmit(bytes.fromhex("0088000010") + bytes(16))[:1] == b"\x61"
    seen.traced = Traced(seen.card, seen.events.append)
    answer = seen.send(bytes.fromhex("00C0000008"))
    assert seen.events[-1].answer == MASK * 8
    seen.check(answer[:-2])


def test_what_is_secret_depends_on_the_command_alone() -> None:
    """A policy takes any command, also one that its row refuses."""
    for place in places("t514, tpdu, reading off"):
        event = Seen(place)
        event.send(bytes((place.row.cla, place.row.ins, 0xFF, 0xFF, 0x01, 0x00)))
        assert event.events[0].name
        assert "defect" not in event.events[0].fields


def test_the_search_finds_what_it_is_for() -> None:
    seen = Seen(places("t514, tpdu, reading off")[0])
    seen.events.append(Event(0.0, "command", fields=f"amount {0x123456789ABC}", apdu="00A1B2C3D4E5F6"))
    for secret in (bytes.fromhex("123456789ABC"), bytes.fromhex("99A1B2C3D4E5F6")):
        with pytest.raises(AssertionError):
            seen.check(secret)
    seen.check(bytes.fromhex("123456789ABD"))
