"""What can be done with a rig from outside, in terms of numbers and JSON; no HTTP.

A reader is named by its number, a fault and a snapshot by the number that it was given. Requests come in several
threads: what changes a reader waits for its lock, and what looks into a card or changes its memory for the end of the
command that the card works on. Both waits have a limit.
"""

import itertools
import os
import threading
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from cardfs.model.errors import nearest
from cardfs.profile.source import SHIPPED, shipped_profiles

from ..chinese.chinese import chinese
from ..naming import NEW, resolve
from ..rig.any_card import AnyCard
from ..rig.card import Card, Snapshot
from ..rig.fault import SELECTOR, Fault, command_rows, shown
from ..rig.foreign import DEFAULT_PROFILE
from ..rig.kinds import KINDS, REQUIRED
from ..rig.reader import STILL, Reader
from ..rig.relay import Relay
from ..rig.rig import FROM, Rig
from ..rig.timing import NONE, TIMINGS, wire
from ..status import MEANINGS
from ..trace.event import Event
from .errors import ControlError
from .operations import TEST_CARD

SHORTEST, LONGEST = 4, 65_535
"""Bytes of a command; the driver takes one of a single byte for a signal, and none of more."""

PATIENCE: Final = 20.0
"""Seconds that a request waits for another one that has the same reader."""


@dataclass(eq=False)
class _Known:
    """A card that is or was in a reader, with the numbers that its faults and snapshots were given."""

    card: AnyCard
    faults: dict[int, Fault] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)


class _Place:
    """What control keeps of a reader.

    Attributes:
        lock: held by what changes the reader.
        sending: held by what sends a command, so that a card can be pulled out meanwhile.
        last: the card that is in it, or was in it last.
    """

    def __init__(self, card: AnyCard | None) -> None:
        self.lock = threading.Lock()
        self.sending = threading.Lock()
        self.last = None if card is None else _Known(card)


class Controller:
    """A rig as its control sees it.

    Args:
        rig: the readers; the controller does not close them.
        folder: where relative paths of images begin.
    """

    def __init__(self, rig: Rig, folder: Path | None = None) -> None:
        self.rig: Final = rig
        self._folder = folder or Path.cwd()
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()  # of what is kept of the readers; held for a moment only
        self._places = [_Place(reader.inserted or reader.relay) for reader in rig.readers]
        self._start = [
            None if place.last is None else (place.last, _memory_of(place.last.card), place.last.card.timing)
            for place in self._places
        ]

    # -- readers ------------------------------------------------------------------------------

    def readers(self) -> list[dict[str, Any]]:
        """Return all readers."""
        return [self.reader(place) for place in range(len(self.rig.readers))]

    def reader(self, place: int) -> dict[str, Any]:
        """Return what is in a reader."""
        reader = self._reader(place)
        card = reader.inserted
        shown = None
        if card is not None:
            shown = {
                "profile": card.profile,
                "atr": card.atr.hex().upper(),
                "psam": card.is_psam,
                "timing": card.timing,
            }
            if isinstance(card, Relay):
                shown["from"] = card.name
        return {"reader": place, "name": reader.name, "card": shown, "faults": self.faults(place)}

    def insert(self, place: int, image: str = "", **options: Any) -> dict[str, Any]:
        """Put a card into an empty reader: without an image and options the one that was there last."""
        with self._changing(place) as reader:
            if reader.inserted is not None:
                raise ControlError(f"reader {place} holds a card already: remove it first, or swap", 409)
            last = self._places[place].last
            if last is None or image or options:
                self._put(place, self._card(image, options))
            else:
                reader.insert(last.card)
        return self.reader(place)

    def remove(self, place: int) -> dict[str, Any]:
        """Pull the card out."""
        with self._changing(place) as reader:
            if reader.inserted is None and reader.relay is None:
                raise ControlError(f"reader {place} is empty", 409)
            reader.remove()
        return self.reader(place)

    def swap(self, place: int, image: str = "demo", **options: Any) -> dict[str, Any]:
        """Pull the card out and put another one in."""
        with self._changing(place):
            self._put(place, self._card(image, options))
        return self.reader(place)

    def reset_card(self, place: int) -> dict[str, Any]:
        """Reset the card warm."""
        with self._changing(place) as reader:
            self._inserted(place)
            reader.reset()
        return self.reader(place)

    def reset(self) -> list[dict[str, Any]]:
        """Disarm all faults, and put every reader back as it was at the start, with the cards as they were."""
        with ExitStack() as held:
            readers = [held.enter_context(self._changing(place)) for place in range(len(self._places))]
            # First all out: a card of the start may be in another reader.
            for reader, start in zip(readers, self._start, strict=True):
                there = reader.inserted or reader.relay
                if there is not None and (start is None or there is not start[0].card):
                    reader.remove()
            for place, (reader, start) in enumerate(zip(readers, self._start, strict=True)):
                if start is None:
                    self._replace_last(place, None)
                    continue
                known, snapshot, timing = start
                self._replace_last(place, known)
                known.card.rearm()
                known.faults.clear()
                if reader.inserted is None and known.card is not reader.relay:
                    reader.insert(known.card)
                with reader.still(STILL):
                    if isinstance(known.card, Card) and snapshot is not None:
                        known.card.restore(snapshot)
                reader.renew()
                known.card.timing = timing
        return self.readers()

    def transmit(self, place: int, apdu: str) -> dict[str, Any]:
        """Send one command APDU through the reader, as a client does."""
        try:
            command = bytes.fromhex(apdu)
        except ValueError:
            raise ControlError("apdu: it must be hexadecimal") from None
        if not SHORTEST <= len(command) <= LONGEST:
            raise ControlError(f"apdu: a command has {SHORTEST} to {LONGEST} bytes, not {len(command)}")
        self._inserted(place)
        reader = self._reader(place)
        with _held(self._places[place].sending, f"reader {place} is busy with another command"):
            answer = reader.transmit(command)
        return {"answer": answer[:-2].hex().upper(), "sw": answer[-2:].hex().upper()}

    # -- the card -----------------------------------------------------------------------------

    def card(self, place: int) -> dict[str, Any]:
        """Return files, keys and session of the card."""
        with self._reader(place).still(STILL):
            return _memory(place, self._inserted(place)).state()

    def timing(self, place: int, timing: str) -> dict[str, Any]:
        """Let the card answer as slowly as that."""
        wire(timing)
        self._inserted(place).timing = timing
        return self.reader(place)

    def snapshots(self, place: int) -> list[int]:
        """Return the numbers of the snapshots that were taken."""
        self._reader(place)
        last = self._places[place].last
        return sorted(last.snapshots) if last else []

    def snapshot(self, place: int) -> dict[str, int]:
        """Keep the card's memory as it is now."""
        with self._reader(place).still(STILL):
            known = self._known(place)
            number = next(self._numbers)
            known.snapshots[number] = _memory(place, known.card).snapshot()
        return {"snapshot": number}

    def restore(self, place: int, snapshot: int) -> dict[str, Any]:
        """Put the card's memory back."""
        with self._reader(place).still(STILL):
            known = self._known(place)
            if snapshot not in known.snapshots:
                raise ControlError(f"reader {place} has no snapshot {snapshot}{_those(known.snapshots)}", 404)
            _memory(place, known.card).restore(known.snapshots[snapshot])
        self._renew(place)
        return self.reader(place)

    # -- faults -------------------------------------------------------------------------------

    def kinds(self) -> list[dict[str, Any]]:
        """Return the kinds of faults that there are."""
        return [
            {
                "name": kind.name,
                "layer": kind.layer,
                "text": kind.text,
                "zh": kind.zh,
                "selector": [] if kind.spoils_atr else list(SELECTOR),
                "parameters": [
                    {
                        "name": each.name,
                        "values": each.values,
                        "required": each.default is REQUIRED,
                        "default": "" if each.default is REQUIRED else shown(each.default),
                        "text": each.text,
                        "zh": each.zh,
                    }
                    for each in kind.parameters
                ],
            }
            for kind in KINDS.values()
        ]

    def timings(self) -> list[dict[str, str]]:
        """Return how slowly cards can answer."""
        return [
            *({"name": name, "text": way.text, "zh": way.zh} for name, way in TIMINGS.items()),
            {"name": NONE, "text": "as fast as the machine", "zh": "按本机速度，不等待"},
        ]

    def faults(self, place: int) -> list[dict[str, Any]]:
        """Return the faults of the card in a reader, or of the one that was there last."""
        self._reader(place)
        known = self._places[place].last
        return [] if known is None else [_fault_table(*each) for each in self._numbered(known).items()]

    def arm(self, place: int, /, name: str, **chosen: Any) -> dict[str, Any]:
        """Arm a fault."""
        self._inserted(place)
        known = self._known(place)
        fault = Fault.of(name, chosen)
        with self._lock:
            known.card.fault(fault)
            number = next(self._numbers)
            known.faults[number] = fault
        return _fault_table(number, fault)

    def disarm(self, place: int, fault: int) -> list[dict[str, Any]]:
        """Take a fault away."""
        self._reader(place)
        known = self._places[place].last
        found = self._numbered(known) if known else {}
        if known is None or fault not in found:
            raise ControlError(f"reader {place} has no fault {fault}{_those(found)}", 404)
        known.card.disarm(found[fault])
        self._renew(place)
        return self.faults(place)

    def disarm_all(self, place: int) -> list[dict[str, Any]]:
        """Take all faults of a card away."""
        self._reader(place)
        known = self._places[place].last
        if known is not None:
            known.card.disarm()
        self._renew(place)
        return self.faults(place)

    def _renew(self, place: int) -> None:
        """Let clients see the answer to reset that the card gives now; wait for nobody where they know it."""
        if self._reader(place).is_stale:
            with self._changing(place) as reader:
                reader.renew()

    def _numbered(self, known: _Known) -> dict[int, Fault]:
        """Give numbers to the faults of a card, also to those that were armed by others; return them in order."""
        with self._lock:
            numbers = {id(fault): number for number, fault in known.faults.items()}
            known.faults = {numbers.get(id(fault)) or next(self._numbers): fault for fault in known.card.faults}
            return known.faults

    # -- what can be chosen -------------------------------------------------------------------

    def profiles(self) -> list[dict[str, str]]:
        """Return the card types that new cards can have, a PSAM among them."""
        return _profiles()

    def cards(self) -> list[dict[str, Any]]:
        """Return the test cards of the catalogue, for people: what each is for, and what a right terminal does."""
        from ..rig.catalogue.entries import catalogue  # noqa: PLC0415 - read when somebody asks

        return [
            {name: getattr(entry, name) for name in TEST_CARD} | {"psam": entry.is_psam, "codes": list(entry.codes)}
            for entry in catalogue().values()
        ]

    def images(self) -> list[str]:
        """Return the image files in the folder where relative paths begin."""
        return sorted(_images(self._folder))

    def commands(self) -> list[dict[str, Any]]:
        """Return the names of all commands, in Chinese as each command set has them."""
        names: dict[str, list[str]] = {}
        for row in command_rows():
            known = names.setdefault(row.name, [])
            if row.zh not in known:
                known.append(row.zh)
        return [{"name": name, "zh": known} for name, known in sorted(names.items())]

    def status_words(self) -> list[dict[str, str]]:
        """Return what the status words mean; ``{}`` stands for the number in 61xx, 63Cx and 6Cxx."""
        return [{"sw": f"{word:04X}", **meaning._asdict()} for word, meaning in MEANINGS.items()]

    # -- what they share ----------------------------------------------------------------------

    def _reader(self, place: int) -> Reader:
        if not 0 <= place < len(self.rig.readers):
            raise ControlError(f"there is no reader {place}; there are 0 to {len(self.rig.readers) - 1}", 404)
        return self.rig.readers[place]

    @contextmanager
    def _changing(self, place: int) -> Iterator[Reader]:
        """Have a reader for a change of what is in it."""
        reader = self._reader(place)
        with _held(self._places[place].lock, f"reader {place} is busy with another request"):
            yield reader

    def _inserted(self, place: int) -> AnyCard:
        card = self._reader(place).inserted
        if card is None:
            raise ControlError(f"reader {place} is empty", 409)
        return card

    def _known(self, place: int) -> _Known:
        """Return the card in a reader with what is known of it, also if it was put there by others."""
        card = self._inserted(place)
        with self._lock:
            last = self._places[place].last
            if last is None or last.card is not card:
                last = _Known(card)
                self._replace_last(place, last)
            return last

    def _card(self, image: str, options: dict[str, Any]) -> AnyCard:
        """Make a new card, open an image, or find the way to a physical card; without an image it is a new card."""
        if image.startswith(FROM):
            if image == FROM:
                raise ControlError(f"image: {FROM}READER names a PC/SC reader, and no name stands behind {FROM!r}")
            profile = options.pop("profile", DEFAULT_PROFILE)
            if options:
                raise ControlError(f"{', '.join(options)}: only a new card takes this, and {image} is a physical one")
            return self.rig.relay(image.removeprefix(FROM), profile)
        if options and image and image not in NEW:
            kind = resolve(image, made=lambda _: "a test card", file=lambda _: "an image file")
            raise ControlError(f"{', '.join(options)}: only a new card takes this, and {image} is {kind}")
        return resolve(
            image or "demo",
            new=lambda profile: self._issue(image, {"profile": profile, **options}),
            made=self.rig.test_card,
            file=self._open,
        )

    def _issue(self, image: str, options: dict[str, Any]) -> Card:
        """Make a new card; refuse what it would not have."""
        card = self.rig.issue(**options)
        if image and card.is_psam is not (image == "psam"):
            kind = "a PSAM" if card.is_psam else "a user card"
            raise ControlError(
                f"image is {image!r}, and profile {options['profile']!r} is {kind}: leave one of them out"
            )
        if card.is_psam and "pin" in options:
            raise ControlError("pin: a PSAM has no holder and no PIN: leave it out")
        return card

    def _open(self, image: Path) -> Card:
        path = self._folder / image
        if not os.path.isfile(path):  # noqa: PTH113 - unlike the method of a path it refuses no name
            near = nearest(path.name, (*NEW, *_images(path.parent)))
            meant = f"; did you mean {near!r}?" if near else _OTHERS
            raise ControlError(f"{str(image)[:255]}: there is no such image file{meant}", 404)
        return self.rig.open(path)

    def _put(self, place: int, card: AnyCard) -> None:
        """Put a card into a reader, in the place of the one that is there; forget that one."""
        reader = self.rig.readers[place]
        known = next((each.last for each in self._places if each.last and each.last.card is card), None)
        try:
            reader.swap(card)
        except BaseException:
            if known is None:
                self.rig.put_away(card)
            raise
        self._replace_last(place, known or _Known(card))

    def _replace_last(self, place: int, known: _Known | None) -> None:
        """Remember another card as the last of a reader; close the image of one that nothing needs any more."""
        with self._lock:
            before = self._places[place].last
            for each in self._places:
                if each.last is known:  # it was in another reader before
                    each.last = None
            self._places[place].last = known
            needed = [start[0] for start in self._start if start] + [each.last for each in self._places if each.last]
            if before is not None and all(each.card is not before.card for each in needed):
                self.rig.put_away(before.card)


def _memory(place: int, card: AnyCard) -> Card:
    """Return a card whose memory can be looked into; refuse a physical one."""
    if not isinstance(card, Card):
        raise ControlError(f"reader {place} holds a physical card, and nobody looks into its memory", 409)
    return card


def _memory_of(card: AnyCard) -> Snapshot | None:
    return card.snapshot() if isinstance(card, Card) else None


@contextmanager
def _held(lock: threading.Lock, busy: str) -> Iterator[None]:
    if not lock.acquire(timeout=PATIENCE):
        raise ControlError(busy, 409)
    try:
        yield
    finally:
        lock.release()


def _fault_table(number: int, fault: Fault) -> dict[str, Any]:
    return {"fault": number, "name": fault.name, "text": str(fault), "fired": fault.fired}


def event_table(event: Event) -> dict[str, Any]:
    """Return an event as a table that JSON can write, its reason in Chinese, too; empty fields are left out."""
    return event.table() | ({"reason_zh": chinese(event.reason)} if event.reason else {})


@cache
def _profiles() -> list[dict[str, str]]:
    """Read the titles alone: to load a card type takes much longer."""
    files = [(name, SHIPPED / f"{name}.toml") for name in shipped_profiles()]
    return [{"name": name, "text": tomllib.loads(path.read_text("utf-8"))["title"]} for name, path in files]


_OTHERS: Final = "; a new card is 'demo', a new PSAM 'psam', a test card 'catalogue:ID'"


def _images(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir() if each.suffix == ".sscard"]
    except (OSError, ValueError):
        return []


def _those(numbers: Iterable[int]) -> str:
    known = ", ".join(str(each) for each in sorted(numbers))
    return f"; there are: {known}" if known else ""
