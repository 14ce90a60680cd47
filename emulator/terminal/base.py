"""What every national function does around its work: open, power up, work, power down, close.

Terminal interface, part 1, 6.3.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from .card import CardData, Pad, UserCard
from .checks import Checks, Clock, Finding
from .errors import INPUT_WRONG, NO_CARD, NO_PSAM, NOT_OPEN, TerminalError
from .link import Reader
from .psam import Index, Psam
from .settings import Settings

CONTACT, CONTACTLESS, CONTACT_FIRST, CONTACTLESS_FIRST = 1, 2, 3, 4
NO_TERMINAL_NUMBER: Final = "0" * 12
"""What stands for the terminal number without a PSAM (terminal interface, 1.3.2)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gives back.

    Attributes:
        text: as the standard has it, the output parameter pOutInfo.
        fields: the same by name, for people and programs.
        labels: what items of files are called, by ``DF01EF05/20``.

    Text and fields are not shown by ``repr``: the second step of a reload brings the new PIN in them.
    """

    text: str = field(default="", repr=False)
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    labels: dict[str, str] = field(default_factory=dict)


def result(**values: str) -> Result:
    """A result whose text is its fields in order, each with ``|`` behind it."""
    return Result("".join(f"{value}|" for value in values.values()), dict(values))


def no_pad(prompt: str) -> str:
    """The pad of a terminal without one."""
    raise TerminalError(f"there is no PIN pad, and the function asks: {prompt}", -31)


@dataclass(slots=True)
class Session:
    """Cards with power, from the start of a function to its end."""

    card: UserCard
    psam: Psam | None = None

    def close(self) -> None:
        """Take the power away from both."""
        for each in (self.card, self.psam):
            if each is not None:
                with suppress(TerminalError):
                    each.close()


@dataclass(slots=True)
class Step:
    """What a first step leaves for the next: its session, and what it found out."""

    function: str
    number: int
    session: Session
    data: dict[str, Any] = field(default_factory=dict, repr=False)


class Base:
    """A terminal: readers, a PIN pad, settings.

    Args:
        card: the reader of user cards with contacts; None for a terminal without.
        psam: the reader of the PSAM; None for a terminal without.
        contactless: the reader of contactless cards, if there is one (iType 2 to 4; terminal interface, 1.1.2).
        pad: asks for a PIN: gets the standard's prompt, gives the digits; it may raise `TerminalError`
            with -31 (cancelled) or -32 (timed out).
        clock: gives the date of today, by which cards are valid (Part 7, 5.4; Part 8, 6.2.9).

    Attributes:
        findings: what the checks of Part 7, 5.4, found against the card of the last function.
    """

    def __init__(
        self,
        card: Reader | None,
        psam: Reader | None = None,
        *,
        pad: Pad = no_pad,
        settings: Settings | None = None,
        contactless: Reader | None = None,
        clock: Clock = datetime.date.today,
    ) -> None:
        self._readers = {CONTACT: card, CONTACTLESS: contactless}
        self._psam = psam
        self.pad = pad
        self.settings = settings or Settings()
        self.findings: tuple[Finding, ...] = ()
        self._checks = Checks(self.settings.terminal, clock)
        self._index = Index()
        self._step: Step | None = None

    @contextmanager
    def _session(self, kind: int, *, keep: bool = False) -> Iterator[Session]:
        """A session with the user card powered up; with ``keep`` it stays open unless there is an error."""
        self.close()
        self.findings = ()
        session = Session(self._power_up(kind))
        try:
            yield session
        except BaseException:
            session.close()
            raise
        if not keep:
            session.close()

    def _begin(self, card: UserCard, card_info: str | None) -> CardData:
        """Learn who the card is, and check whether it may be used here (Part 7, 5.4).

        Raises:
            TerminalError: it is another card than the caller expects, or a check refuses it.
        """
        data = card.begin(card_info)
        self.findings = self._checks.run(data.identification, data.number, data.version, card.issuer)
        return data

    def _power_up(self, kind: int) -> UserCard:
        orders = {
            CONTACT: (CONTACT,),
            CONTACTLESS: (CONTACTLESS,),
            CONTACT_FIRST: (CONTACT, CONTACTLESS),
            CONTACTLESS_FIRST: (CONTACTLESS, CONTACT),
        }
        if kind not in orders:
            raise TerminalError(f"the kind of card is 1 to 4, not {kind}", INPUT_WRONG)
        missing = TerminalError("the terminal has no reader for this kind of card", NO_CARD)
        for each in orders[kind]:
            reader = self._readers[each]
            if reader is None:
                continue
            try:
                return UserCard(reader.open(), self.settings)
            except TerminalError as error:
                missing = error
        raise missing

    def _open_psam(self, session: Session) -> Psam:
        """Power up the PSAM, and select what fits the card: -2201, -2202."""
        psam = session.psam or self._power_up_psam(session)
        psam.begin(session.card.data.algorithm)
        return psam

    def _power_up_psam(self, session: Session) -> Psam:
        if self._psam is None:
            raise TerminalError("the terminal has no PSAM, which would have to compute here", NO_PSAM)
        try:
            connection = self._psam.open()
        except TerminalError as error:
            raise TerminalError(f"no PSAM: {error}", NO_PSAM) from None
        session.psam = Psam(connection, self.settings, self._index, self._psam.name)
        return session.psam

    def _terminal_number(self, session: Session) -> str:
        """The terminal number of the PSAM, if there is one that works, else zeros."""
        with suppress(TerminalError):
            return self._open_psam(session).terminal_number
        return NO_TERMINAL_NUMBER

    # -- functions in steps -------------------------------------------------------------------

    def _keep(self, step: Step) -> None:
        """Hold the card powered until the next step (terminal interface, 1.2 and others)."""
        self._step = step

    @contextmanager
    def _continue(self, function: str, number: int, *, last: bool = False) -> Iterator[Step]:
        """Take up what the step before left; -12 if that was another function, or there was none."""
        step, self._step = self._step, None
        if step is None or (step.function, step.number + 1) != (function, number):
            if step is not None:
                step.session.close()
            raise TerminalError(f"step {number} of {function} comes without its step {number - 1}", NOT_OPEN)
        try:
            yield step
        except BaseException:
            step.session.close()
            raise
        if last:
            step.session.close()
        else:
            step.number = number
            self._step = step

    def close(self) -> None:
        """End what a first step left open."""
        step, self._step = self._step, None
        if step is not None:
            step.session.close()
