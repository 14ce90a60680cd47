"""Describe what has bytes only: traces of other tools, of cards that are not ours, and single commands."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from typing import Final

from cardfs.life import command_set_of
from cardfs.profile.loader import Profile

from ..card.apdu import parse
from ..card.engine import Outcome
from ..card.row import Row
from ..formats import masks
from ..trace.describe import describe
from ..trace.event import MASK, Event
from .foreign import DEFAULT_PROFILE, Foreign, accepted, structure

PSAM: Final = "psam"
_RESTARTS: Final = ("power on", "power off", "reset", "inserted", "removed")
_BY_BYTES: Final = ("6700", "6A81", "6A86", "6D00", "6E00")
"""Refusals that the bytes of a command decide alone, whatever was selected and proven before."""


class Explainer:
    """Describes commands that have no name yet, for each reader a card of its own.

    Args:
        profile: card type: a shipped name, a TOML file, or what `load_profile` returns.
        psam: name of the reader with the PSAM, or its beginning; empty for none.

    Raises:
        InputError: there is no such profile, or it is wrong.
    """

    def __init__(self, profile: str | PathLike[str] | Profile = DEFAULT_PROFILE, psam: str = "") -> None:
        self._profile = profile
        self._contents = structure(profile)
        self._psam = psam
        self._cards: dict[str, Foreign] = {}

    def events(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield events in order, described; what was described when it was recorded stays as it is."""
        for event in events:
            if event.kind == "command":
                yield event if event.name else self._described(event)
            elif event.kind in _RESTARTS:
                self._card(event.reader).restart()
                yield replace(event, fields=f"ATR {event.answer}") if event.answer and not event.fields else event
            else:
                yield event

    def _card(self, reader: str) -> Foreign:
        card = self._cards.get(reader)
        if card is None:
            is_psam = self._psam and reader.startswith(self._psam)
            card = self._cards[reader] = Foreign(structure(PSAM) if is_psam else self._contents)
        return card

    def _described(self, event: Event) -> Event:
        card, sent, received = self._card(event.reader), event.apdu, event.answer + event.sw
        if MASK not in sent and MASK not in received:
            raw, response = bytes.fromhex(sent), bytes.fromhex(received)
            return card.describe(raw, response, event.time, event.seconds, event.reader)
        raw, response = bytes.fromhex(masks.filled(sent)), bytes.fromhex(masks.filled(received))
        found = card.describe(raw, response, event.time, event.seconds, event.reader)
        apdu = event.apdu if masks.note(event.apdu) else found.apdu
        answer = event.answer if masks.note(event.answer) else found.answer
        return found if (apdu, answer) == (found.apdu, found.answer) else replace(found, apdu=apdu, answer=answer)

    def alone(self, command: bytes, response: bytes | None = None) -> Event:
        """Describe one command, with its answer or without.

        Which file it means is not known, nor what was proven before: a refusal has a reason only where the bytes of the
        command decide it.

        Args:
            command: the command APDU.
            response: the answer, status word last.

        Returns:
            the event; without an answer it has no status word.
        """
        card = self._card("")
        row = self._place(card, command)
        if response is None:
            parsed = parse(command, extended=card.image.info.settings.transport.extended)
            session = card.session
            outcome = Outcome(command, bytes(2), parsed, row, session.df, None, 0, "")
            event = describe(outcome, card.image, None, 0.0)
            reason = "" if row else f"no directory of {card.profile} has such a command"
            return replace(event, file="", sw="", meaning="", clause=row.clause if row else "", reason=reason)
        event = card.describe(command, response)
        sure = event.sw in _BY_BYTES or (row is not None and event.reason.startswith(f"{row.name} has no status word"))
        selected = row is not None and row.selects and accepted(int(event.sw, 16))
        return replace(event, file=event.file if selected else "", reason=event.reason if sure else "")

    @staticmethod
    def _place(card: Foreign, command: bytes) -> Row | None:
        """Take a DF for current in which there is such a command; return its row, None if there is none anywhere."""
        image = card.image
        seen = set()
        for path in (*(path for path, df in image.dfs.items() if df.label == "SSSE"), *sorted(image.dfs)):
            command_set = command_set_of(image, path)
            if path == image.other or command_set in seen:
                continue
            seen.add(command_set)
            card.suppose(path)
            row, _ = card.find_row(command)
            if row is not None:
                return row
        card.suppose(next(path for path in sorted(image.dfs, key=len)))
        return None


def described(events: Iterable[Event], profile: str, psam: str = "") -> Iterator[Event]:
    """Yield events in order, those that have bytes only described; without such ones no profile is loaded.

    Args:
        profile, psam: as for `Explainer`.

    Raises:
        InputError: there is no such profile.
    """
    explainer: Explainer | None = None
    for event in events:
        if explainer is None and event.kind == "command" and not event.name:
            explainer = Explainer(profile, psam)
        yield from (event,) if explainer is None else explainer.events((event,))
