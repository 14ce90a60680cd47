"""Describe what passes between a terminal and a card that is not ours: there are bytes, and no engine.

`Foreign` takes such a card for one of a profile. An issued card of that profile gives files, names and access rules,
and the command sets give names, masks and describers. What the card has selected and what was proven to it follows
from what it accepted. No value of a key takes part: whether a MAC is right nobody knows but the card.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from os import PathLike
from typing import Final

from cardfs.life import command_set_of
from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore
from cardfs.model import errors as fs
from cardfs.model.files import CardContents, CommandSet, Df, DfKind, child
from cardfs.profile.inputs import InputError
from cardfs.profile.loader import Profile
from keys import errors as ks
from keys.errors import CardError
from keys.records import KeyRef, Usage

from .. import status
from ..card.apdu import Command, parse
from ..card.context import Context
from ..card.describer import Exchange
from ..card.engine import Outcome
from ..card.gate import check_lengths, no_command
from ..card.gate import parameters as allowed_parameters
from ..card.row import Row
from ..card.session import Session
from ..card.table import Table
from ..commands.sets import SETS
from ..trace.describe import describe, fetches
from ..trace.event import Event
from ..trace.mask import fits
from .making import issued

DEFAULT_PROFILE: Final = "ssc-2.0"
_REGION: Final = "519900"
_OTHER: Final = "other DF"
"""Label of a DF that the profile does not have."""
_VERIFY: Final = 0x20
_EXTERNAL: Final = 0x82
_CHALLENGE: Final = 0x84
_OF_FILES: Final = frozenset((0xB0, 0xB2, 0xD6, 0xDC, 0xE2))
"""Instructions that make the EF current whose short identifier they name (Part 3, 5.3)."""
_MOST_KNOWN: Final = 2048
"""Descriptions that are remembered."""
_LONGEST_KNOWN: Final = 600
"""Bytes of a command and its answer of which the description is remembered."""
_Between = tuple[str, str, str, str, str, str, str, str, str, str]
"""The fields of an event between its time and how long it took."""
_between: Final[Callable[[Event], _Between]] = attrgetter(
    *("kind", "name", "file", "fields", "apdu", "answer", "sw", "meaning", "clause", "reason")
)
_LOCKED: Final = 0x9303
_DENIED: Final = 0x6982
_DECIDED: Final = (
    *(fs.AccessDenied, fs.FileUnknown, fs.NoCurrentEf, fs.StructureMismatch, fs.OffsetOutside),
    *(ks.KeyUnknown, ks.ChallengeUnusable, ks.MacMissing),
    *(status.UnknownClass, status.UnknownInstruction, status.SecuringUnsupported, status.FunctionMissing),
    *(status.ParametersWrong, status.LengthWrong, status.TradeStateWrong),
)
"""Refusals that structure and bytes decide. Others depend on what a card holds: keys, money, records, tries."""


def structure(profile: str | PathLike[str] | Profile = DEFAULT_PROFILE) -> CardContents:
    """Return a card of a type, with an invented holder: the structure that `Foreign` follows.

    A card type that can have a financial environment gets it, with both applications.

    Args:
        profile: a shipped name, a TOML file, or what `load_profile` returns.

    Raises:
        InputError: there is no such profile, or it is wrong.
    """
    options = {"region": _REGION, "pin": "123456", "seed": "foreign"}
    with suppress(InputError):  # not every type can have one
        return issued(profile, None, None, settings=None, financial="both", values=None, **options)
    return issued(profile, None, None, settings=None, financial=None, values=None, **options)


class _Structure(Image):
    """The files of a profile, and one DF that stands for all that it does not have."""

    def __init__(self, contents: CardContents) -> None:
        root = min(contents.dfs, key=len)
        self.other = child(root, 0xFFFF)
        # Nothing selects it: no file may have this identifier (ISO/IEC 7816-4).
        dfs = {**contents.dfs, self.other: Df(self.other, 0xFFFF, DfKind.ADF)}
        super().__init__(replace(contents, dfs=dfs), MemoryStore({}))

    def label(self, path: str) -> str:
        """Return the name of a file for people."""
        return _OTHER if path == self.other else super().label(path)


class Foreign:
    """A card that is not ours, as far as its commands and answers show it.

    Memory does not grow with the number of exchanges.

    Args:
        contents: a card of the type that it is taken for, from `structure`.

    Example:
        >>> from emulator.rig.foreign import Foreign, structure
        >>> card = Foreign(structure("ssc-2.0"))
        >>> event = card.describe(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"), bytes.fromhex("6130"))
        >>> event.name, event.file, event.sw
        ('SELECT', 'SSSE', '6130')
        >>> print(card.describe(bytes.fromhex("00B2013C00"), bytes.fromhex("6982")).reason)
        in ssc-2.0 SSSE/EF07 read needs RKSSSE; proven: nothing
    """

    def __init__(self, contents: CardContents) -> None:
        self.image: Final = _Structure(contents)
        # Refusals are tried on a card without the DF that stands for others: it would be among what there is.
        self._plain = Image(contents, MemoryStore(dict(cells.write_cells(contents))))
        self._other = self.image.other
        settings = contents.info.settings
        self._words = status.status_words(settings.status)
        self._extended = settings.transport.extended
        self._tables: dict[CommandSet, Table] = {}
        self._session = Session(self.image.root)
        self._unknown_proof = False
        self._previous = ""
        self._origin: Outcome | None = None
        self._known: dict[object, _Between] = {}

    @property
    def profile(self) -> str:
        """Name of the card type that it is taken for."""
        return self.image.info.profile

    @property
    def session(self) -> Session:
        """A copy of what is known of its volatile state."""
        return self._session.copy()

    def restart(self) -> None:
        """Take note of a reset or a loss of power: the MF is current and nothing is proven (Part 4, 7.5)."""
        self._session = Session(self.image.root)
        self._unknown_proof = False
        self._previous = ""
        self._origin = None

    def suppose(self, df: str) -> None:
        """Take another DF for the current one, by its path: where a command stands alone nobody has selected one."""
        self.restart()
        self._session = Session(df)

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command has now, and the command as parsed; None for what the profile knows not."""
        command = parse(raw, extended=self._extended)
        if command is None:
            return None, None
        return self._table_in(self._session.df).find(command.cla, command.ins, command.p1), command

    def describe(
        self,
        raw: bytes,
        response: bytes,
        now: float = 0.0,
        seconds: float = 0.0,
        reader: str = "",
        *,
        unmasked: bool = False,
    ) -> Event:
        """Take the next command with its answer and return its event, masked and described.

        Args:
            raw: the command APDU.
            response: the answer, status word last.
            now: seconds since 1970.
            seconds: how long the answer took.
            reader: which reader the card is in.
            unmasked: whether the event also keeps the bytes without masks.
        """
        outcome = self.take(raw, response)
        if not fetches(outcome):
            self._origin = outcome
        if unmasked:
            return describe(outcome, self.image, self._origin, now, seconds, reader, unmasked=True)
        # The files never change here, so the same outcome is described the same. Traces are full of them.
        origin = self._origin
        source = (origin.raw, id(origin.row)) if origin is not None and origin is not outcome else None
        key = (raw, response, id(outcome.row), outcome.df, outcome.ef, outcome.reason, source)
        known = self._known.get(key)
        if known is None:
            known = self._describe(key, outcome)
        return Event(now, *known, seconds, reader, outcome.row.zh if outcome.row else "")

    def _describe(self, key: object, outcome: Outcome) -> _Between:
        """Return the fields of an event that come between time and seconds, and remember some of them."""
        known = _between(describe(outcome, self.image, self._origin, 0.0))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        if len(outcome.raw) + len(outcome.response) <= _LONGEST_KNOWN:
            self._known[key] = known
        return known

    def take(self, raw: bytes, response: bytes) -> Outcome:
        """Take the next command with its answer; return what happened, with the reason as far as it can be known."""
        row, command = self.find_row(raw)
        word = int.from_bytes(response[-2:]) if len(response) > 1 else 0
        reason = ""
        if len(response) < 2:
            reason = f"the answer has {len(response)} bytes, and a status word has 2"
        elif accepted(word):
            self._follow(row, command, response, word)
        else:
            reason = self._reason(row, command, word)
            self._refused(row, command, word)
        if command is not None and (row is None or not row.fetches):
            self._previous = row.name if row else f"INS {command.ins:02X}"
            if row is None or not row.selects:
                self._session.scan = None
        session = self._session
        return Outcome(raw, response, command, row, session.df, session.ef, word, reason)

    # -- what it accepted ---------------------------------------------------------------------

    def _follow(self, row: Row | None, command: Command | None, response: bytes, word: int) -> None:
        """Change the session as the card must have changed its own."""
        if row is None or command is None:
            return
        session = self._session
        if row.selects:
            self._select(row, command)
        elif command.ins == _CHALLENGE:
            session.challenge = response[:-2] or None
        elif row.takes_challenge or command.secured:
            session.challenge = None
        if command.ins in _OF_FILES and not row.selects:
            exchange = Exchange(command, response[:-2], word, session.df, session.ef, self.image, fits(row, command))
            path = row.describe.file(exchange)
            if path in self.image.efs and path != session.ef:
                session.ef, session.pointer = path, None
        elif command.ins in (_VERIFY, _EXTERNAL) and command.data and word == 0x9000:
            self._prove(command)

    def _select(self, row: Row, command: Command) -> None:
        """Select as a card of the profile would; what that does not have is the other DF, or no EF."""
        ctx = self._context(self.image, command)
        try:
            row.handler(ctx)
        except CardError:
            session = self._session
            session.ef = None
            if command.p1 != 0x02:
                self._session = Session(self._other)
            return
        if ctx.session.df != self._session.df:
            self._unknown_proof = False
        self._session = ctx.session

    def _context(self, image: Image, command: Command) -> Context:
        session = self._session
        return Context(image, session.copy(), command, bytes, session.challenge, None, SETS.selections)

    def _prove(self, command: Command) -> None:
        ref = self._proven(command)
        if ref is None:
            self._unknown_proof = True
        else:
            self._session.proofs |= {ref}

    def _proven(self, command: Command) -> KeyRef | None:
        """Return the key or PIN that a command has proven, by its number or, without one, by its usage."""
        image, here, kid = self.image, self._session.df, command.p2
        environment = image.environment(here)
        if command.ins == _EXTERNAL:
            return image.ref_by_kid(here if kid & 0x80 else environment, kid)
        if kid:
            return image.ref_by_kid(here, kid)
        return image.ref_by_usage(here, Usage.PIN) or image.ref_by_usage(environment, Usage.PIN)

    def _refused(self, row: Row | None, command: Command | None, word: int) -> None:
        """Change the session after a refusal: the challenge is used, and a locked DF is current all the same."""
        if row is None or command is None:
            return
        if row.selects and word == _LOCKED:
            self._select(row, command)
        if row.takes_challenge or command.secured or command.ins == _CHALLENGE:
            self._session.challenge = None

    # -- why it refused -----------------------------------------------------------------------

    def _reason(self, row: Row | None, command: Command | None, word: int) -> str:
        """Return why the card refused, as far as structure and bytes decide it; empty if only the card knows."""
        if self._session.df == self._other:
            return f"the current DF is none of {self.profile}"
        try:
            self._try(row, command)
        except CardError as error:
            if isinstance(error, _DECIDED) and self._words[type(error)] == word and self._is_sure(error):
                return f"in {self.profile} {error.reason}"
        except Exception:  # a handler that meets what no card holds; then only the card knows
            return ""
        if row is None or command is None:
            return ""
        if word == _DENIED:
            return self._denied(row, command)
        if not _in_table(row, word):
            return f"{row.name} has no status word {word:04X} ({row.clause})"
        return self._of_bytes(row, command, word)

    def _of_bytes(self, row: Row, command: Command, word: int) -> str:
        """Return what of the bytes is wrong where the card says so, or that they are right by the standard."""
        if word == self._words[status.LengthWrong]:
            try:
                check_lengths(row, command)
            except status.LengthWrong as error:
                return f"in {self.profile} {error.reason}"
            return f"by the standard {row.name} may have this length ({row.clause})"
        if word == self._words[status.ParametersWrong]:
            if not row.parameters(command.p1, command.p2):
                return f"in {self.profile} {allowed_parameters(self._table_in(self._session.df).beside(row))}"
            return f"by the standard {row.name} may have P1 {command.p1:02X} with P2 {command.p2:02X} ({row.clause})"
        if word in (self._words[status.UnknownClass], self._words[status.UnknownInstruction]):
            return f"by the standard there is such a command, {row.name} ({row.clause})"
        return ""

    def _is_sure(self, error: CardError) -> bool:
        """Return whether what was proven is known, where a refusal depends on it."""
        return not (self._unknown_proof and isinstance(error, fs.AccessDenied))

    def _try(self, row: Row | None, command: Command | None) -> None:
        """Pass the gate and run the handler as a card of the profile would; its changes are dropped.

        Raises:
            CardError: the refusal of such a card.
        """
        if command is None:
            raise status.LengthWrong("the command has fewer than four bytes")
        here = self._session.df
        if row is None:
            raise no_command(self._plain, here, command, self._table_in)
        if not row.in_sequence(None) and "INITIALIZE" not in self._previous.upper():
            before = self._previous or "nothing"
            raise status.TradeStateWrong(f"its INITIALIZE command comes directly before {row.name}; {before} did")
        if not row.parameters(command.p1, command.p2):
            raise status.ParametersWrong(allowed_parameters(self._table_in(here).beside(row)))
        check_lengths(row, command)
        row.handler(self._context(self._plain, command))

    def _denied(self, row: Row, command: Command) -> str:
        """Return what the rule of the file is in the profile, where it would have allowed the command."""
        session = self._session
        path = row.describe.file(Exchange(command, b"", 0, session.df, session.ef, self.image, fits(row, command)))
        ef = self.image.efs.get(path or "")
        if ef is None or self._unknown_proof:
            return ""
        what, rule = ("read", ef.read) if row.reads else ("update", ef.update)
        if not rule.holds(session.proofs):
            return ""
        label = self.image.label(ef.path)
        if not rule.refs:
            return f"in {self.profile} {label} {what} is free: this card differs"
        return f"in {self.profile} {label} {what} needs {rule.text}, which is proven: this card differs"

    def _table_in(self, df: str) -> Table:
        """Return the command table of a DF."""
        command_set = command_set_of(self.image, df)
        table = self._tables.get(command_set)
        if table is None:
            table = self._tables[command_set] = SETS.table(self.image.info.settings, command_set)
        return table


_FAMILIES: Final[Mapping[int, Callable[[int], bool]]] = {
    0x63C0: lambda word: word & 0xFFF0 == 0x63C0,
    0x6C00: lambda word: word & 0xFF00 == 0x6C00,
}


def _in_table(row: Row, word: int) -> bool:
    """Return whether a command has a status word, or one of a family."""
    return word in row.status_words or any(each in row.status_words and has(word) for each, has in _FAMILIES.items())


def accepted(word: int) -> bool:
    """Return whether a status word says that the command was carried out: 9000, 61xx, and the warnings 62xx."""
    return word == 0x9000 or word >> 8 in (0x61, 0x62)
