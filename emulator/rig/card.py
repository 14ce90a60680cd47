"""`Card`: a virtual card as a test sees it, made, kept and asked in one place."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.files import CardContents
from keys.generate import RandomSource, system_random

from .. import cards
from ..trace.traced import Answering
from .any_card import AnyCard
from .fault import Fault, require_key
from .faulty import FaultyCard, FaultyStore
from .state import card_table, session_table

if TYPE_CHECKING:
    from cardfs.issuing.roots import Roots
    from cardfs.profile.loader import Profile

    from ..personaliser import Progress
    from ..terminal import Channel

DEMO_REGION: Final = "519900"
DEMO_PIN: Final = "123456"
FilePath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The memory of a card at one moment, from `Card.snapshot`.

    Attributes:
        cells: everything that the card held, keys included; never printed.
    """

    cells: Mapping[CellKey, Cell] = field(repr=False)


class Card(AnyCard):
    """A virtual card: bytes in, bytes out, with a memory that people can look into.

    A card made by `issue` or `blank` lives with the process until `save` writes it to an image file; one that
    `open` reads keeps every acknowledged change in its file. It can sit in a reader: `Stack.insert`, `Slot` and
    `InProcess` take it.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue(pin="4711")
        >>> card.transmit(bytes.fromhex("0020000003999999")).hex()
        '6a88'
        >>> card.last.reason
        'MF has no PIN; SSSE has one'
    """

    def __init__(self, image: Image, *, random: RandomSource = system_random) -> None:
        self._random = random
        self._core: cards.Card
        self._store = image.store
        self._bug: tuple[Exception | None, str] = (None, "")
        self._known: tuple[dict[CellKey, Cell], CardContents] | None = None
        super().__init__(cards.Card(image, random))

    # -- making -------------------------------------------------------------------------------

    @classmethod
    def issue(
        cls,
        profile: "FilePath | Profile" = "ssc-2.0",
        *,
        holder: FilePath | Mapping[str, Any] | None = None,
        roots: "FilePath | Roots | None" = None,
        region: str = DEMO_REGION,
        serial: str = "",
        pin: str = DEMO_PIN,
        financial: str | None = None,
        settings: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        issue_date: datetime.date | None = None,
        expiry_date: datetime.date | None = None,
        card_number: str = "",
        seed: str | None = None,
        random: RandomSource = system_random,
    ) -> Self:
        """Make a card, as `sscard issue` does.

        Args:
            profile: card type: a shipped name, ``ssc-2.0`` or ``psam`` for example, or a TOML file.
            holder: TOML file or mapping with the holder's elements; an invented holder if left out.
            roots: TOML file with root keys, or what `load_roots` returns; public test keys if left out.
            region: application city code (应用城市代码), six digits.
            serial: TA to TD of the answer to reset, 8 hexadecimal digits; drawn if empty. Of a PSAM up to 20 digits.
            pin: 4 to 16 digits, or empty for a card without PIN.
            financial: ``edep``, ``debit_credit`` or ``both``, to add a financial environment with these applications.
            settings: laid over the profile's, ``{"pin": {"tries": 6}}``.
            values: single elements laid over the holder's, ``{"name": "测试乙"}``.
            issue_date, expiry_date, card_number: elements of SSSE/EF05.
            seed: draw from it, so that the same inputs give the same card.
            random: where the card's challenges come from: a number of bytes in, random bytes out.

        Raises:
            InputError: an input is wrong; the sentence names file, place and reason.
        """
        from .making import issued  # noqa: PLC0415 - whoever opens a card loads nothing of issuing

        contents = issued(
            profile,
            holder,
            roots,
            settings=settings,
            financial=financial,
            values=values,
            region=region,
            serial=serial,
            pin=pin,
            seed=seed,
            issue_date=issue_date,
            expiry_date=expiry_date,
            card_number=card_number,
        )
        return cls(Image.in_memory(contents), random=random)

    @classmethod
    def blank(
        cls,
        profile: "FilePath | Profile" = "ssc-2.0",
        *,
        settings: Mapping[str, Any] | None = None,
        financial: str | None = None,
        random: RandomSource = system_random,
    ) -> Self:
        """Make a card as it leaves its manufacturer: an MF and a transport key (Part 10, 5.1).

        Args:
            profile, settings, financial, random: as in `issue`; `personalise` builds such a card.

        Raises:
            InputError: an input is wrong, or a card of this type has no blank state.
        """
        from .making import blank  # noqa: PLC0415 - as in `issue`

        return cls(Image.in_memory(blank(profile, settings, financial)), random=random)

    @classmethod
    def open(cls, path: FilePath, *, random: RandomSource = system_random) -> Self:
        """Open an image file; no other process can use the card until `close`.

        Raises:
            ImageError: there is no such file, it is damaged or in use; one sentence that names it.
        """
        return cls(Image.open(path), random=random)

    def save(self, path: FilePath, *, replace: bool = False) -> None:
        """Write the card as it is now to a new image file.

        Args:
            replace: whether a file of this name may be replaced.

        Raises:
            ImageError: it exists, or cannot be written.
        """
        Image.create(path, self.contents, replace=replace)

    def close(self) -> None:
        """Give the image file back; a card in memory is gone. Closing twice is allowed."""
        self._core.close()

    def __enter__(self) -> Self:
        """Return the card itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the card."""
        self.close()

    def __repr__(self) -> str:
        """Name type and answer to reset; never a key or a PIN."""
        return f"<Card {self.profile} ATR {self.atr.hex().upper()}>"

    # -- states -------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the memory of the card as it is now; it never changes, and its ``repr`` shows no key.

        Example:
            >>> import sscard
            >>> card = sscard.Card.issue(pin="4711")
            >>> before = card.snapshot()
            >>> sscard.exchange(card.transmit, bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[1] == 0x9000
            True
            >>> card.transmit(bytes.fromhex("00200000024712")).hex()  # a wrong PIN costs a try
            '63c2'
            >>> card.restore(before)
            >>> card.snapshot() == before
            True
        """
        return Snapshot(self._store.load())

    def restore(self, snapshot: Snapshot) -> None:
        """Put the memory of the card back, in one durable write; the session ends, as at a loss of power.

        Args:
            snapshot: of this card or of a fork of it; with another card's, this one becomes that one.
        """
        now = self._store.load()
        changes: dict[CellKey, Cell | None] = {key: None for key in now if key not in snapshot.cells}
        changes |= {key: cell for key, cell in snapshot.cells.items() if now.get(key) != cell}
        if changes:
            self._store.write(changes, erases=True)
        self._start_over()

    def fork(self) -> "Card":
        """Return another card with the same memory, which lives with the process, whatever this one is kept in.

        It has no faults, no trace and no timing of its own.
        """
        held, contents = self._memory()
        return Card(Image(contents, MemoryStore(held)), random=self._random)

    def _memory(self) -> tuple[dict[CellKey, Cell], CardContents]:
        """Return the memory as it is kept and read; forks and restarts that find it the same read it once.

        Nobody may change what is returned; `Image` and `MemoryStore` copy the tables.
        """
        held, known = self._store.load(), self._known
        if known is None or known[0] != held:
            self._known = known = held, cells.read_cells(held)
        return known

    def _start_over(self) -> None:
        """Read the memory again, as a card does that gets power."""
        self._bug = (self.bug, self.bug_command)
        self._core = cards.Card(Image(self._memory()[1], self._store), self._random)
        self._connect()

    def _require(self, fault: Fault) -> None:
        require_key(fault, self._core)

    def _spoiled(self) -> Answering:
        core, armed = self._core, self._armed
        core.image.store = self._store
        if armed.of("memory"):
            core.image.store = FaultyStore(self._store, armed, core.image)
        if armed.of("memory") or armed.of("card"):
            return FaultyCard(core, armed, self._start_over)
        return core

    # -- as people see it ---------------------------------------------------------------------

    @property
    def bug(self) -> Exception | None:
        """The exception behind the last 6F00 that no refusal explains: a defect of this program; mostly None."""
        return self._core.bug or self._bug[0]

    @property
    def bug_command(self) -> str:
        """Name of the command that met `bug`; empty if there is none."""
        return self._core.bug_command or self._bug[1]

    @property
    def random(self) -> RandomSource:
        """Where challenges come from: takes a number of bytes, returns so many. Assign another source."""
        return self._random

    @random.setter
    def random(self, source: RandomSource) -> None:
        self._random = self._core.random = source

    def state(self) -> dict[str, Any]:
        """Return what there is to see of the card now, as tables that JSON can write: files, keys, session.

        No value of a key or a PIN is in it.

        Example:
            >>> import sscard
            >>> card = sscard.Card.issue()
            >>> state = card.state()
            >>> state["profile"], state["session"]["df"], state["session"]["proven"]
            ('ssc-2.0', 'MF', [])
        """
        image = Image(self.contents, self._store)
        return {**card_table(image), "session": session_table(image, self._core.session)}

    @property
    def contents(self) -> CardContents:
        """Everything that the card holds now, keys included; a copy that stays as it is."""
        return cells.read_cells(self._store.load())


def personalise(finished: Card, channel: "Channel", *, progress: "Progress" = lambda *_: None) -> int:
    """Build a card out of a blank one, command by command, as an issuing machine does (Part 10, 5).

    Args:
        finished: the card that shall come out, of the same type as the blank one.
        channel: sends one command APDU and returns the answer: ``blank.transmit``, or a connection over PC/SC.
        progress: gets title, number and count of the steps.

    Returns:
        how many commands were sent.

    Raises:
        PersonaliseError: the card refused a command, or cannot be built so; an `SscardError` that names the step.

    Example:
        >>> import sscard
        >>> blank, finished = sscard.Card.blank(), sscard.Card.issue()
        >>> sscard.personalise(finished, blank.transmit) > 100
        True
        >>> blank.atr == finished.atr
        True
    """
    from ..personaliser import Personaliser  # noqa: PLC0415 - as in `Card.issue`

    contents = finished.contents
    key = bytes.fromhex(contents.info.settings.personalisation.maker_key)
    return Personaliser(channel, contents, key).run(progress)
