"""A scenario: the faults, the timing and the random numbers of a run, from options or a TOML file.

    timing = "contact-9600"
    seed = "1"

    [[fault]]
    name = "power-cut"
    on = "UPDATE RECORD"
    moment = "after"

    [[fault]]
    reader = 1
    name = "status"
    sw = "6A88"

A fault without ``reader`` is one of the first card. A timing is that of all cards; ``[[timing]]`` with ``name`` and
``reader`` gives one card another.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from cardfs.model.errors import hint
from cardfs.profile.inputs import Document, InputError, read_document
from keys.generate import RandomSource, SeededRandom, system_random

from .any_card import AnyCard
from .fault import Fault, FaultError, read_words
from .timing import NONE, TimingError, wire

KEYS: Final = ("timing", "seed", "fault")
"""What a file may have."""

T = TypeVar("T")
Make = Callable[[str, Mapping[str, Any]], Any]
"""Makes a fault or a timing of a name and what else was given."""


class ScenarioError(InputError):
    """A scenario is wrong: ``cut.toml: fault[0]: there is no fault 'pul'; did you mean 'pull'?``."""


class ForReader(NamedTuple):
    """Something that goes with the card in one reader.

    Attributes:
        reader: number of the reader, from 0; None if none was named.
        thing: a `Fault`, or the name of a timing.
        place: where it was written, for errors: ``--fault``, ``cut.toml: fault[0]``.
    """

    reader: int | None
    thing: Any
    place: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong in a run, how slowly cards answer, and what random numbers are drawn from.

    Faults count what they strike: a scenario is good for one run.

    Attributes:
        faults: the faults, each for one reader.
        timings: names of timings; of two for one card the later counts.
        seed: makes the random numbers of all cards the same each time; None for those of the system.
    """

    faults: tuple[ForReader, ...] = ()
    timings: tuple[ForReader, ...] = ()
    seed: str | None = None

    def faults_of(self, reader: int) -> list[Fault]:
        """Return the faults of the card in a reader."""
        return [each.thing for each in self.faults if (each.reader or 0) == reader]

    def timing_of(self, reader: int) -> str:
        """Return the timing of the card in a reader; one that names the reader comes before one for all."""
        found = NONE
        for each in sorted(self.timings, key=lambda each: each.reader is not None):
            if each.reader in (None, reader):
                found = each.thing
        return found

    def seed_of(self, reader: int) -> str | None:
        """Return the seed from which the card in a reader is made; None without one."""
        return None if self.seed is None else f"{self.seed}/{reader + 1}"

    def random_of(self, reader: int) -> RandomSource:
        """Return the source of the random numbers of the card in a reader, as a rig with the same seed has it."""
        seed = self.seed_of(reader)
        return system_random if seed is None else SeededRandom(f"{seed}/card")

    def require_cards(self, readers: Collection[int]) -> None:
        """Refuse a fault or a timing of a card that is not there.

        Args:
            readers: numbers of the readers that hold a card.

        Raises:
            ScenarioError: there is no card in the reader; names the ones with a card.
        """
        wanted = [(each.place, each.reader or 0) for each in self.faults]
        wanted += [(each.place, each.reader) for each in self.timings if each.reader is not None]
        for place, reader in wanted:
            if reader not in readers:
                held = ", ".join(map(str, sorted(readers))) or "none"
                raise ScenarioError(place, f"no card in reader {reader}; readers with a card: {held}")

    def prepare(self, card: AnyCard, reader: int) -> None:
        """Arm the faults of a card, and let it answer as slowly as it is to.

        Raises:
            ScenarioError: a fault is of a key that the card does not have.
        """
        for each in self.faults:
            if (each.reader or 0) == reader:
                with_place(each.place, card.fault, each.thing)
        timing = self.timing_of(reader)
        if timing != NONE:
            card.timing = timing

    def unfired(self, reader: int | None = None) -> Iterator[str]:
        """Yield a sentence for each fault that has not struck, of the card in one reader or of all."""
        for each in self.faults:
            at = each.reader or 0
            if reader in (None, at) and not each.thing.fired:
                yield f"this fault never struck: {each.thing}{f' reader={at}' if at else ''}"

    def __add__(self, more: "Scenario") -> "Scenario":
        """Return both as one; seed and timings of the second come before those of the first."""
        return Scenario(
            (*self.faults, *more.faults), (*self.timings, *more.timings), self.seed if more.seed is None else more.seed
        )


# -- from options --------------------------------------------------------------------------------------


def read_options(faults: Sequence[str], timings: Sequence[str], seed: str | None) -> Scenario:
    """Read what the options ``--fault``, ``--timing`` and ``--seed`` have.

    Args:
        faults: each as `Fault.parse` reads it, with ``reader=N`` for another card than the first.
        timings: names, with ``reader=N`` for the timing of one card.

    Raises:
        ScenarioError: one of them is wrong; names the option.
    """
    return Scenario(
        tuple(_from_words("--fault", text, _fault) for text in faults),
        tuple(_from_words("--timing", text, _timing) for text in timings),
        seed,
    )


def _from_words(option: str, text: str, make: Make) -> ForReader:
    name, given = with_place(option, read_words, text)
    return _for_reader(option, name, given, make)


# -- from a file ---------------------------------------------------------------------------------------


def read_scenario(path: str | PathLike[str]) -> Scenario:
    """Read a TOML file.

    Raises:
        ScenarioError: it cannot be read, or something in it is wrong; names file and place.
    """
    document = read_document(Path(path), ScenarioError)
    for key in document.data:
        if key not in KEYS:
            raise ScenarioError(document.name, f"there is no {key!r} in a scenario{hint(key, KEYS)}")
    seed = document.data.get("seed")
    if seed is not None and not (isinstance(seed, str | int) and not isinstance(seed, bool)):
        raise ScenarioError(f"{document.name}: seed", "write a text or a number")
    return Scenario(
        tuple(_rows(document, "fault", document.data.get("fault", []), _fault)),
        tuple(_timings(document)),
        None if seed is None else str(seed),
    )


def _timings(document: Document) -> Iterable[ForReader]:
    given = document.data.get("timing", [])
    if isinstance(given, str):
        place = f"{document.name}: timing"
        return [_for_reader(place, given, {}, _timing)]
    return _rows(document, "timing", given, _timing)


def _rows(document: Document, key: str, rows: object, make: Make) -> Iterator[ForReader]:
    if not isinstance(rows, list):
        raise ScenarioError(f"{document.name}: {key}", f"write [[{key}]] above each")
    for number, row in enumerate(rows):
        place = f"{document.name}: {key}[{number}]"
        if not isinstance(row, dict):
            raise ScenarioError(place, f"write [[{key}]] above it")
        if not isinstance(row.get("name"), str):
            raise ScenarioError(place, 'the name is missing: name = "…"')
        yield _for_reader(place, row["name"], {each: value for each, value in row.items() if each != "name"}, make)


# -- both ----------------------------------------------------------------------------------------------


def _for_reader(place: str, name: str, given: Mapping[str, Any], make: Make) -> ForReader:
    rest = dict(given)
    reader = rest.pop("reader", None)
    if reader is not None:
        try:
            reader = int(str(reader))
        except ValueError:
            reader = -1
        if reader < 0:
            raise ScenarioError(place, f"reader is {given['reader']!r}, but is a number from 0")
    return ForReader(reader, with_place(place, make, name, rest), place)


def _fault(name: str, given: Mapping[str, Any]) -> Fault:
    return Fault.of(name, given)


def _timing(name: str, given: Mapping[str, Any]) -> str:
    wire(name)
    for key in given:
        raise TimingError(f"a timing has no {key!r}; it may have: reader")
    return name


def with_place(place: str, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function; let what it refuses name a place."""
    try:
        return function(*arguments)
    except (FaultError, TimingError) as error:
        raise ScenarioError(place, str(error)) from None
