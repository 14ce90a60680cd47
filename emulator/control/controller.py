"""What can be done with a rig from outside, in terms of numbers and JSON; no HTTP.

A reader is named by its number, a fault and a snapshot by the number that it was given.
"""

import difflib
import threading
import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from cardfs.profile.source import SHIPPED, shipped_profiles

from ..rig.card import Card, Snapshot
from ..rig.fault import KINDS, REQUIRED, SELECTOR, Fault, command_rows, shown
from ..rig.reader import Reader
from ..rig.rig import Rig
from ..rig.timing import NONE, TIMINGS
from ..status import MEANINGS
from ..terminal import TerminalError
from ..trace.event import Event
from .errors import ControlError

NEW: Final = {"demo": "ssc-2.0", "psam": "psam"}
"""Images that are no files: new cards, and their type."""


class Controller:
    """A rig as its control sees it.

    Args:
        rig: the readers; the controller does not close them.
        folder: where relative paths of images begin.
    """

    def __init__(self, rig: Rig, folder: Path | None = None) -> None:
        self.rig: Final = rig
        self._folder = folder or Path.cwd()
        self._locks = [threading.Lock() for _ in rig.readers]
        self._faults: list[dict[int, Fault]] = [{} for _ in rig.readers]
        self._snapshots: list[dict[int, Snapshot]] = [{} for _ in rig.readers]
        self._numbers = 0
        self._start = [(card, card.snapshot()) if (card := reader.card) else None for reader in rig.readers]

    # -- readers ------------------------------------------------------------------------------

    def readers(self) -> list[dict[str, Any]]:
        """Return all readers."""
        return [self.reader(place) for place in range(len(self.rig.readers))]

    def reader(self, place: int) -> dict[str, Any]:
        """Return what is in a reader."""
        reader = self._reader(place)
        card = reader.card
        shown = None
        if card is not None:
            shown = {
                "profile": card.profile,
                "atr": card.atr.hex().upper(),
                "psam": card.is_psam,
                "timing": card.timing,
            }
        return {"reader": place, "name": reader.name, "card": shown, "faults": self.faults(place)}

    def insert(self, place: int, image: str = "demo", **options: Any) -> dict[str, Any]:
        """Put a card into an empty reader."""
        with self._locks[self._reader(place).place]:
            self._reader(place).insert(self._card(image, options))
            self._forget(place)
        return self.reader(place)

    def remove(self, place: int) -> dict[str, Any]:
        """Pull the card out."""
        with self._locks[self._reader(place).place]:
            self._reader(place).remove()
        return self.reader(place)

    def swap(self, place: int, image: str = "demo", **options: Any) -> dict[str, Any]:
        """Pull the card out and put another one in."""
        with self._locks[self._reader(place).place]:
            self._reader(place).swap(self._card(image, options))
            self._forget(place)
        return self.reader(place)

    def reset_card(self, place: int) -> dict[str, Any]:
        """Reset the card warm."""
        with self._locks[self._reader(place).place]:
            self._inserted(place)
            self._reader(place).reset()
        return self.reader(place)

    def reset(self) -> list[dict[str, Any]]:
        """Disarm all faults, and put every reader back as it was at the start, with the cards as they were."""
        for place, start in enumerate(self._start):
            reader = self.rig.readers[place]
            with self._locks[place]:
                self._disarm_all(place)
                if start is None:
                    if reader.card is not None:
                        reader.remove()
                    continue
                card, snapshot = start
                if reader.card is not card:
                    reader.swap(card)
                card.disarm()
                card.restore(snapshot)
        return self.readers()

    def transmit(self, place: int, apdu: str) -> dict[str, Any]:
        """Send one command APDU through the reader, as a client does."""
        try:
            command = bytes.fromhex(apdu)
        except ValueError:
            raise ControlError("apdu: it must be hexadecimal") from None
        with self._locks[self._reader(place).place]:
            try:
                answer = self._reader(place).transmit(command)
            except TerminalError as error:
                raise ControlError(str(error), 409) from None
        return {"answer": answer[:-2].hex().upper(), "sw": answer[-2:].hex().upper()}

    # -- the card -----------------------------------------------------------------------------

    def card(self, place: int) -> dict[str, Any]:
        """Return files, keys and session of the card."""
        return self._inserted(place).state()

    def timing(self, place: int, timing: str) -> dict[str, Any]:
        """Let the card answer as slowly as that."""
        self._inserted(place).timing = timing
        return self.reader(place)

    def snapshots(self, place: int) -> list[int]:
        """Return the numbers of the snapshots that were taken."""
        return sorted(self._snapshots[self._reader(place).place])

    def snapshot(self, place: int) -> dict[str, int]:
        """Keep the card's memory as it is now."""
        card = self._inserted(place)
        self._numbers += 1
        self._snapshots[place][self._numbers] = card.snapshot()
        return {"snapshot": self._numbers}

    def restore(self, place: int, snapshot: int) -> dict[str, Any]:
        """Put the card's memory back."""
        found = self._snapshots[self._reader(place).place].get(snapshot)
        if found is None:
            raise ControlError(f"reader {place} has no snapshot {snapshot}{_those(self._snapshots[place])}", 404)
        with self._locks[place]:
            self._inserted(place).restore(found)
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
        """Return the faults of the card in a reader."""
        return [
            {"fault": number, "name": fault.name, "text": str(fault), "fired": fault.fired}
            for number, fault in self._faults[self._reader(place).place].items()
        ]

    def arm(self, place: int, name: str, **chosen: Any) -> dict[str, Any]:
        """Arm a fault."""
        fault = self._inserted(place).fault(Fault.of(name, chosen))
        self._numbers += 1
        self._faults[place][self._numbers] = fault
        return {"fault": self._numbers, "name": fault.name, "text": str(fault), "fired": 0}

    def disarm(self, place: int, fault: int) -> list[dict[str, Any]]:
        """Take a fault away."""
        found = self._faults[self._reader(place).place].pop(fault, None)
        if found is None:
            raise ControlError(f"reader {place} has no fault {fault}{_those(self._faults[place])}", 404)
        card = self.rig.readers[place].card
        if card is not None:
            card.disarm(found)
        return self.faults(place)

    def disarm_all(self, place: int) -> list[dict[str, Any]]:
        """Take all faults of a card away."""
        self._reader(place)
        self._disarm_all(place)
        return self.faults(place)

    def _disarm_all(self, place: int) -> None:
        card = self.rig.readers[place].card
        for fault in self._faults[place].values():
            if card is not None:
                card.disarm(fault)
        self._faults[place].clear()

    # -- what can be chosen -------------------------------------------------------------------

    def profiles(self) -> list[dict[str, str]]:
        """Return the card types that new cards can have, a PSAM among them."""
        return _profiles()

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

    def _inserted(self, place: int) -> Card:
        card = self._reader(place).card
        if card is None:
            raise ControlError(f"reader {place} is empty", 409)
        return card

    def _card(self, image: str, options: dict[str, Any]) -> Card:
        """Make a new card, or open an image; the one that another reader holds is refused with its sentence."""
        if image in NEW:
            profile = options.pop("profile", NEW[image])
            return self.rig.issue(profile, **options)
        if options:
            raise ControlError(f"{', '.join(options)}: only a new card takes this, and {image} is an image file")
        path = self._folder / image
        if not path.exists():
            near = difflib.get_close_matches(path.name, _images(path.parent), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; a new card is 'demo', a new PSAM 'psam'"
            raise ControlError(f"{image}: there is no such image file{hint}", 404)
        return self.rig.open(path)

    def _forget(self, place: int) -> None:
        """Another card has other faults and snapshots."""
        self._faults[place].clear()
        self._snapshots[place].clear()


def event_table(event: Event) -> dict[str, Any]:
    """Return an event as a table that JSON can write; empty fields are left out."""
    return {name: value for name, value in asdict(event).items() if value not in ("", 0.0)}


@cache
def _profiles() -> list[dict[str, str]]:
    """Read the titles alone: to load a card type takes much longer."""
    files = [(name, SHIPPED / f"{name}.toml") for name in shipped_profiles()]
    return [{"name": name, "text": tomllib.loads(path.read_text("utf-8"))["title"]} for name, path in files]


def _images(folder: Path) -> list[str]:
    return [each.name for each in folder.glob("*.sscard")] if folder.is_dir() else []


def _those(numbers: Iterable[int]) -> str:
    known = ", ".join(str(each) for each in sorted(numbers))
    return f"; there are: {known}" if known else ""
