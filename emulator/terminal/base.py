"""What every national function does around its commands: power up the cards, check the user card, power down.

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
"""Terminal number of a terminal without a PSAM (terminal interface, 1.3.2)."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a function.

    Attributes:
        text: the output parameter pOutInfo, in the form of the standard.
        fields: the same by name, for people and programs.
        labels: Chinese names of the items of files, by ``DF01EF05/20``.

    Text and fields are not shown by ``repr``: the second step of a reload brings the new PIN in them.
    """

    text: str = field(default="", repr=False)
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    labels: dict[str, str] = field(default_factory=dict)


def result(**values: str) -> Result:
    """Return a result whose text is its fields in order, each with ``|`` behind it."""
    return Result("".join(f"{value}|" for value in values.values()), dict(values))


def no_pad(prompt: str) -> str:
    """Raise `TerminalError` (-31): the pad of a terminal without one."""
    raise TerminalError(f"the terminal has no PIN pad, and the function asks: {prompt}", -31)


@dataclass(slots=True)
class Session:
    """Cards with power, from the start of a function to its end."""

    card: UserCard
    psam: Psam | None = None

    def close(self) -> None:
        """Take the power from both cards; ignore a card that is gone."""
        for each in (self.card, self.psam):
            if each is not None:
                with suppress(TerminalError):
                    each.close()


@dataclass(slots=True)
class Step:
    """What a step of a function leaves for the next one.

    Attributes:
        function: name of the function that is done in steps.
        number: of the step that was done last, from 1.
        session: cards that stay powered.
        data: what the step found out.
    """

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
        pad: asks for a PIN: gets the standard's prompt, returns the digits; it may raise `TerminalError`
            with -31 (cancelled) or -32 (timed out).
        settings: how the terminal works; by default as `Settings` has it.
        clock: returns today's date, by which cards are valid (Part 7, 5.4; Part 8, 6.2.9).

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
        """Open a session with the user card powered up; with ``keep`` leave it open unless there is an error."""
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
        """Read who the card is, and check whether it may be used here (Part 7, 5.4).

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
            raise TerminalError(f"the type of card is 1 to 4, not {kind}", INPUT_WRONG)
        missing = TerminalError("the terminal has no reader for this type of card", NO_CARD)
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
        """Power up the PSAM and select what fits the card; raise `TerminalError` (-2201, -2202) if it cannot."""
        psam = session.psam or self._power_up_psam(session)
        psam.begin(session.card.data.algorithm)
        return psam

    def _power_up_psam(self, session: Session) -> Psam:
        if self._psam is None:
            raise TerminalError("the terminal has no PSAM, and this function needs one", NO_PSAM)
        try:
            connection = self._psam.open()
        except TerminalError as error:
            raise TerminalError(f"no PSAM: {error}", NO_PSAM) from None
        session.psam = Psam(connection, self.settings, self._index, self._psam.name)
        return session.psam

    def _terminal_number(self, session: Session) -> str:
        """Return the terminal number of the PSAM, zeros if no PSAM works, twelve digits."""
        with suppress(TerminalError):
            return self._open_psam(session).terminal_number
        return NO_TERMINAL_NUMBER

    # -- functions in steps -------------------------------------------------------------------

    def _keep(self, step: Step) -> None:
        """Leave the card powered until the next step (terminal interface, 1.2 and others)."""
        self._step = step

    @contextmanager
    def _continue(self, function: str, number: int, *, last: bool = False) -> Iterator[Step]:
        """Go on with what the step before left; raise `TerminalError` (-12) if that was another function, or none."""
        step, self._step = self._step, None
        if step is None or (step.function, step.number + 1) != (function, number):
            if step is not None:
                step.session.close()
            raise TerminalError(f"step {number} of {function} needs its step {number - 1} before it", NOT_OPEN)
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
        """Take the power from the cards that a first step left powered; do nothing if there is none."""
        step, self._step = self._step, None
        if step is not None:
            step.session.close()
