"""`Rig`: readers, the cards in them, one trace, one clock and one source of random numbers."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from cardfs.issuing.roots import Roots, load_roots
from cardfs.model.errors import ImageError, nearest
from cardfs.profile.loader import DEMO, Profile
from keys.generate import RandomSource, SeededRandom, system_random

from ..naming import NEW, resolve
from ..terminal import Hsm, InProcess, Settings, Terminal
from ..trace.event import Event
from .any_card import AnyCard
from .card import DEMO_PIN, Card
from .clock import Clock, When
from .errors import RigError
from .foreign import DEFAULT_PROFILE
from .reader import Reader
from .relay import Relay
from .scenario import Scenario, read_scenario
from .stock import Stock
from .sweep import Cut, Look, sweep
from .timing import NONE, wire
from .trace import Trace
from .transport import PcscTransport, ProcessTransport, Transport
from .visits import Visits

if TYPE_CHECKING:
    from ..check.check import Outcome
    from ..check.run import Report
    from ..trace.text import Language

Kind = Literal["process", "pcsc"]
Source = Card | Relay | str | PathLike[str] | None
"""What sits in a reader: a card, ``demo``, ``psam``, ``catalogue:ID``, an image file, ``from:READER`` for a physical
card; None or ``empty`` for nothing."""

FROM: Final = "from:"
"""What a source begins with that is another PC/SC reader."""
MOST_READERS: Final = 16
TRANSPORTS: Final = ("process", "pcsc")


def _print(line: str) -> None:
    sys.stderr.write(f"sscard: {line}\n")


def _kind(psam: bool) -> str:
    return "PSAM" if psam else "user card"


def _link(transport: Kind, count: int, report: Callable[[str], None]) -> Transport:
    return PcscTransport(count, report) if transport == "pcsc" else ProcessTransport(count)


class Rig:
    """Readers with cards in them, in this process or on a PC/SC stack of their own.

    Args:
        readers: how many empty readers, or what is in each: a `Card`, ``demo`` for a new card, ``psam`` for a new PSAM,
            ``catalogue:ID`` for a test card, the path of an image file, ``from:READER`` for the physical card in
            another PC/SC reader, ``empty``; 1 to 16.
        transport: ``process``, or ``pcsc`` for what other programs see, too.
        seed: makes new cards and all their random numbers the same each time.
        clock: a moment at which the clock of terminal and trace stands; the machine's clock if left out.
        timing: how slowly all cards answer: ``none``, ``contact-9600``, ``contact-115200`` or ``contactless-106``.
        scenario: TOML file, or what was read of one, with faults, timing and seed, for the cards that are in the
            readers at first; the arguments come before what it says.
        roots: TOML file with root keys of new cards and of the HSM, or what `load_roots` returns; public test keys.
        report: gets a sentence if the PC/SC stack is not a private one; by default it goes to standard error.
        stock: where new cards come from; each is issued anew if left out.
        unmasked: whether the trace keeps PINs and keys, too (`Trace`).
        link: readers that another rig has used and that stay when this one closes, cards in them too; their own if
            left out. A card of before is in the way of `Reader.insert`, but not of `Reader.replace`.

    Attributes:
        readers: the readers, in order.
        trace: what passed between all readers and cards.
        transport: ``process`` or ``pcsc``.

    Raises:
        RigError: the readers or the transport are not of those kinds; an `SscardError`.
        ImageError: an image file cannot be used.
        InputError: the scenario is wrong; the sentence names file and place. Or the catalogue has no such card.
        StackError: no PC/SC stack is possible here; the sentence says what is missing.

    Example:
        >>> import sscard
        >>> with sscard.Rig(["demo", "psam"], seed="1", clock="2026-03-01") as rig:
        ...     name = rig.terminal().read_basic().fields["name"]
        ...     print(name, len(rig.trace.refusals))
        测试甲 0
    """

    def __init__(
        self,
        readers: int | Sequence[Source] = ("demo", "psam"),
        *,
        transport: Kind = "process",
        seed: str | int | None = None,
        clock: When = None,
        timing: str | None = None,
        scenario: str | PathLike[str] | Scenario | None = None,
        roots: str | PathLike[str] | Roots | None = None,
        report: Callable[[str], None] = _print,
        stock: Stock | None = None,
        unmasked: bool = False,
        link: Transport | None = None,
    ) -> None:
        sources = [None] * readers if isinstance(readers, int) else list(readers)
        if not 1 <= len(sources) <= MOST_READERS:
            raise RigError(f"a rig has 1 to {MOST_READERS} readers, not {len(sources)}")
        if transport not in TRANSPORTS:
            raise RigError(f"there is no transport {transport!r}; there are: {', '.join(TRANSPORTS)}")
        wire(timing or NONE)
        plan = scenario or Scenario() if isinstance(scenario, Scenario | None) else read_scenario(scenario)
        self.transport: Final[Kind] = transport
        self.trace: Final = Trace(unmasked=unmasked)
        self.clock: Final = Clock(clock)
        self.seed: Final = plan.seed if seed is None else str(seed)
        self._roots = roots
        self._timings: dict[str, str] = {}
        self._made = 0
        self._opened: dict[Path, Card] = {}
        self._relays: list[Relay] = []
        self._stock = stock
        self._seen: dict[int, AnyCard] = {}
        self._visits = Visits()
        self._keeps = link is not None
        self._link: Transport
        try:
            cards = [self._source(each) for each in sources]
            plan.require_cards([place for place, card in enumerate(cards) if card is not None])
            self._link = link or _link(transport, len(sources), report)
        except BaseException:
            self._close_cards()
            raise
        self.readers: Final = tuple(Reader(self, self._link, place) for place in range(len(sources)))
        self._timings = {each.name: timing or plan.timing_of(each.place) for each in self.readers}
        try:
            for reader, card in zip(self.readers, cards, strict=True):
                if card is not None:
                    plan.prepare(card, reader.place)
                    reader.insert(card)
        except BaseException:
            self.close()
            raise

    # -- cards --------------------------------------------------------------------------------

    def issue(self, profile: str = "ssc-2.0", **options: Any) -> Card:
        """Make a card that goes with this rig: its roots, its seed, its clock; it is in no reader yet.

        Args:
            profile, options: as for `Card.issue`.

        Raises:
            InputError: an input is wrong.
        """
        self._made += 1
        if self._roots is not None:
            options.setdefault("roots", self._roots)
        if self.seed is not None:
            seed = f"{self.seed}/{self._made}"
            options.setdefault("seed", seed)
            options.setdefault("random", SeededRandom(f"{seed}/card"))
        if self.clock.fixed:
            options.setdefault("issue_date", self.clock.today())
        return self._stock.issue(profile, options) if self._stock else Card.issue(profile, **options)

    def open(self, path: str | PathLike[str]) -> Card:
        """Open an image file; the rig closes it at its end. Return the same card if it is open already.

        Raises:
            ImageError: it cannot be used.
        """
        place = Path(path).resolve()
        if place in self._opened:
            return self._opened[place]
        card = Card.open(path, random=self._random())
        self._opened[place] = card
        return card

    def relay(self, reader: str, profile: str | PathLike[str] = DEFAULT_PROFILE) -> Relay:
        """Return the way to a physical card in another PC/SC reader; it goes into a reader of this rig as a card does.

        What passes is in the trace, faults on the wire and timing are possible; of its memory nothing is seen.

        Args:
            reader: name of the PC/SC reader, or its beginning; readers of rigs of this process are none.
            profile: what type of card it is taken for, a shipped name or a TOML file: its trace follows it.

        Raises:
            TerminalError: there is no such reader, or several, or no PC/SC service; an `SscardError`.
            InputError: there is no such profile.
        """
        made = Relay(reader, profile)
        self._relays.append(made)
        return made

    def put_away(self, card: AnyCard) -> None:
        """Close the image file of a card that is in no reader and is needed no more; do nothing for any other card.

        A relay lets go of its physical card.
        """
        if any(card in (reader.inserted, reader.relay) for reader in self.readers):
            return
        if isinstance(card, Relay) and card in self._relays:
            self._relays.remove(card)
            card.close()
        else:
            for place in [place for place, each in self._opened.items() if each is card]:
                self._opened.pop(place).close()

    def copy(self, path: str | PathLike[str]) -> Card:
        """Return a new card with the contents of an image file, which stays as it is; raise `ImageError`."""
        return (self._stock or Stock()).copy(path, self._random())

    def test_card(self, name: str) -> Card:
        """Return a new card of the catalogue, with the root keys of this rig; it is in no reader yet.

        Args:
            name: ``pin-locked``, with or without ``catalogue:`` before it.

        Raises:
            InputError: the catalogue has no such card; names the nearest.
        """
        from .catalogue.making import make  # noqa: PLC0415 - most rigs need none

        return make(name, roots=self._root_keys() if self._roots is not None else None, random=self._random())

    def _root_keys(self) -> Roots:
        roots = self._roots
        return roots if isinstance(roots, Roots) else load_roots(DEMO / "roots.toml" if roots is None else roots)

    def _random(self) -> RandomSource:
        self._made += 1
        return system_random if self.seed is None else SeededRandom(f"{self.seed}/{self._made}/card")

    def _source(self, source: Source) -> AnyCard | None:
        if source is None or isinstance(source, AnyCard):
            return source
        if fspath(source) == "empty":
            return None
        if isinstance(source, str) and source.startswith(FROM):
            return self.relay(source.removeprefix(FROM))
        return resolve(source, new=self.issue, made=self.test_card, file=self._named)

    def _named(self, path: Path) -> Card:
        """Open an image file; where there is none name the new card that was meant."""
        near = nearest(str(path), NEW)
        if near and not path.exists():
            raise ImageError(path, f"there is no such image file; did you mean {near!r}?")
        return self.open(path)

    @property
    def card(self) -> Card:
        """The first user card in a reader; raise `RigError` if there is none."""
        return self._first(psam=False)

    @property
    def psam(self) -> Card:
        """The first PSAM in a reader; raise `RigError` if there is none."""
        return self._first(psam=True)

    def _first(self, *, psam: bool) -> Card:
        for reader in self.readers:
            if reader.card is not None and reader.card.is_psam is psam:
                return reader.card
        raise RigError(f"no reader of the rig holds a {_kind(psam)}")

    def reader_of(self, *, psam: bool) -> Reader:
        """Return the first reader with a user card in it, or with a PSAM; raise `RigError` if there is none."""
        for reader in self.readers:
            if reader.inserted is not None and reader.inserted.is_psam is psam:
                return reader
        raise RigError(f"no reader of the rig holds a {_kind(psam)}")

    @property
    def cards(self) -> tuple[Card, ...]:
        """Every virtual card that is or was in a reader of the rig."""
        return tuple(card for card in self._seen.values() if isinstance(card, Card))

    def require_free(self, card: AnyCard) -> None:
        """Refuse a card that is in a reader already, or one behind a reader of this rig; raise `RigError`."""
        if isinstance(card, Relay) and self._link.owns(card.name):
            raise RigError(f"{card.name!r} is a reader of this rig: name the one that the physical card is in")
        for reader in self.readers:
            if card in (reader.inserted, reader.relay):
                raise RigError(f"this card is in {reader.name!r} already: a card can be in one reader only")

    def watch(self, card: AnyCard, reader: str) -> None:
        """Record what a card does from now on in the trace of the rig."""
        self._seen[id(card)] = card
        self._visits.came(reader, card)
        card.record_to(self.trace, reader, self.clock.now, self.clock.timer)
        if self._timings[reader] != NONE:
            card.timing = self._timings[reader]

    def leave(self, card: AnyCard, reader: str) -> None:
        """Take what a card is now for what it was when it left a reader."""
        self._visits.left(reader, card)

    def note(self, kind: str, reader: str, what: str) -> None:
        """Record in the trace that something happened to a reader: ``inserted`` or ``removed``."""
        self.trace.record(Event(self.clock.now(), kind, fields=what, reader=reader))

    # -- who works with them ------------------------------------------------------------------

    def terminal(self, *, pin: str = DEMO_PIN, settings: Settings | None = None, psam: bool = True) -> Terminal:
        """Return a terminal at the readers of this rig: user card and, where there is one, PSAM.

        Args:
            pin: what its holder types.
            settings: from `load_settings`.
            psam: False for a terminal that asks an HSM.

        Raises:
            RigError: there is no user card in any reader.
        """
        module = next((each for each in self.readers if each.inserted is not None and each.inserted.is_psam), None)
        return Terminal(
            self.reader_of(psam=False),
            module if psam else None,
            pad=lambda _prompt: pin,
            settings=settings,
            clock=self.clock.today,
        )

    def hsm(self, settings: Settings | None = None) -> Hsm:
        """Return an HSM with the root keys of this rig's cards."""
        return Hsm(self._root_keys(), settings or Settings())

    def pyscard(self) -> AbstractContextManager[None]:
        """Return a block in which pyscard finds the readers of this rig, also those in process, and no others.

        What calls PC/SC by itself, `CardRequest` and the monitoring of cards, is refused with a sentence in process.

        Example:
            >>> import sscard
            >>> from smartcard.System import readers
            >>> with sscard.Rig(["demo"]) as rig, rig.pyscard():
            ...     connection = readers()[0].createConnection()
            ...     connection.connect()
            ...     data, sw1, sw2 = connection.transmit([0x00, 0x84, 0x00, 0x00, 0x08])
            ...     len(data), f"{sw1:02X}{sw2:02X}"
            (8, '9000')
        """
        if not isinstance(self._link, ProcessTransport):
            return nullcontext()
        from .pyscard import serve  # noqa: PLC0415 - pyscard is loaded for who uses it

        return serve(self._link.pyscard_readers())

    def sweep(
        self,
        scenario: Callable[["Rig"], object],
        *,
        of: Reader | None = None,
        look: Look | None = None,
        torn: bool = False,
    ) -> list[Cut]:
        """Cut the power at every write of a scenario, before and after it (防拔), and report what is left each time.

        Args:
            scenario: works with the rig: ``lambda rig: rig.terminal().debit(...)``; called again for each cut.
            of: the reader whose card loses its power; the first one with a user card.
            look: returns what counts of a card, as a value that can be compared; all of its memory if left out.
            torn: also within each write, as with a card that has no anti-tearing.

        Returns:
            one `Cut` for each write and moment.

        Example:
            >>> import sscard
            >>> def change(rig):
            ...     send = rig.card.transmit
            ...     sscard.exchange(send, bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
            ...     sscard.exchange(send, bytes.fromhex("0020000003999999"))  # a wrong PIN: one write
            >>> with sscard.Rig(["demo"]) as rig:
            ...     for cut in rig.sweep(change):
            ...         print(cut)
            write 1 (VERIFY), cut before: old
            write 1 (VERIFY), cut after: new
        """
        target = of or self.reader_of(psam=False)
        return sweep(self.readers, lambda: scenario(self), target, look, torn=torn)

    def report(
        self,
        path: str | PathLike[str],
        *,
        language: "Language" = "en",
        title: str = "",
        junit: str | PathLike[str] | None = None,
        json: str | PathLike[str] | None = None,
    ) -> None:
        """Write a report of what passed so far: one HTML page with cards, exchange, and what the judge found.

        Args:
            path: the page, replaced if it exists; it needs no other file and loads nothing.
            language: ``en`` or ``zh``.
            title: instead of the usual one.
            junit: also JUnit XML, with a test case for each rule of the judge.
            json: also JSON: verdict, counts, cards with what changed, findings.

        Example:
            >>> import pathlib, sscard, tempfile
            >>> with sscard.Rig(["demo", "psam"]) as rig, tempfile.TemporaryDirectory() as folder:
            ...     name = rig.terminal().read_basic().fields["name"]
            ...     rig.report(pathlib.Path(folder, "report.html"))
            ...     pathlib.Path(folder, "report.html").read_text(encoding="utf-8")[:15]
            '<!DOCTYPE html>'
        """
        from ..report.content import content  # noqa: PLC0415 - for who asks
        from ..report.forms import as_json, write  # noqa: PLC0415
        from ..report.forms import junit as as_junit  # noqa: PLC0415
        from ..report.page import page  # noqa: PLC0415

        made = content(self.trace.events, self._visits.states())
        write(path, page(made, language, title=title))
        write(junit, as_junit(made, title or "sscard"))
        write(json, as_json(made, title))

    def check(
        self,
        reader: Reader | None = None,
        *,
        groups: Iterable[str] = (),
        profile: str | PathLike[str] | Profile | None = None,
        pin: str | None = None,
        financial_pin: str | None = None,
        allow_writes: bool = False,
        progress: "Callable[[Outcome], None]" = lambda _: None,
    ) -> "Report":
        """Check a card, as `sscard check` does: whether it does what the standard has.

        Of a virtual card copies are checked, so that it stays as it is; a physical one is checked itself, and root
        keys are used with it only if the rig has got some.

        Args:
            reader: where the card is; the first one with a user card if left out.
            groups: names of groups of checks, ``commands`` or ``trades``; all if left out.
            profile: type of card, a shipped name or a TOML file; recognised if left out.
            pin: the PIN of the card; that of new cards if left out, of a physical card none.
            financial_pin: the PIN of the financial applications; ``pin`` if left out and the card is virtual or has no
                other one.
            allow_writes: whether a physical card may be written and may lose tries.
            progress: gets each outcome.

        Raises:
            SscardError: there is no such group, or the card is of no known type.

        Example:
            >>> import sscard
            >>> with sscard.Rig(["demo"]) as rig:
            ...     report = rig.check(groups=["parameters"])
            ...     report.ok, report.counts["failed"]
            (True, 0)
        """
        from ..check.run import run  # noqa: PLC0415 - most rigs need none

        place = reader or self.reader_of(psam=False)
        card = place.card
        module = next((each for each in self.readers if each.card is not None and each.card.is_psam), None)
        psam = InProcess(module.card.fork(), module.name) if module is not None and module.card is not None else None
        return run(
            None if card else place,
            fork=card.fork if card else None,
            name=place.name,
            psam=psam,
            profile=profile,
            roots=self._root_keys() if card is not None or self._roots is not None else None,
            pin=pin or (DEMO_PIN if card is not None else ""),
            financial_pin=financial_pin,
            allow_writes=allow_writes,
            groups=groups,
            progress=progress,
        )

    # -- the end ------------------------------------------------------------------------------

    def inherit(self, *paths: str) -> None:
        """Let the PC/SC stack remove files, these and no others, if this process dies before `close`."""
        self._link.inherit(*paths)

    def look_after(self) -> None:
        """Report once if the PC/SC readers are gone; whoever waits for something else calls it now and then."""
        self._link.look_after()

    def close(self) -> None:
        """Take all cards out and the PC/SC stack down; image files that the rig has opened are closed."""
        for reader in self.readers:
            reader.let_go()
        if not self._keeps:
            self._link.close()
        self._close_cards()

    def _close_cards(self) -> None:
        while self._opened:
            self._opened.popitem()[1].close()
        while self._relays:
            self._relays.pop().close()

    def __enter__(self) -> Self:
        """Return the rig itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the rig."""
        self.close()

    def __repr__(self) -> str:
        """Show the readers and what is in them."""
        return f"<Rig {self.transport} {list(self.readers)}>"
