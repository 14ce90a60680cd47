"""Faults: something goes wrong on purpose at a chosen moment. What can go wrong stands in `emulator.rig.kinds`."""

import re
import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, Final

from cardfs.model.errors import hint
from cardfs.model.files import LABELS, NAMES
from keys.errors import SscardError

from ..card.engine import Card
from ..card.row import Row
from ..commands.sets import SETS
from .kinds import KINDS, REQUIRED, Call, Kind, Parameter, keys_named, whole, words

ALL: Final = "all"
_DFS: Final = "|".join(("MF", *NAMES.values(), *LABELS.values()))
_LABEL: Final = re.compile(rf"({_DFS}|[0-9A-F]{{4}})(/(EF[0-9A-F]{{2}}|[0-9A-F]{{4}}))?", re.IGNORECASE)
"""What a file can be called."""


class FaultError(SscardError, ValueError):
    """A fault cannot be armed: no such fault, parameter or value; one sentence with the nearest right name."""


class Fault:
    """Something that goes wrong on purpose, at a chosen moment; `Card.fault` arms it.

    Which commands it strikes: those that ``on`` and ``file`` name, of these the ``nth`` and so many ``times``
    from there. Faults of the memory count durable writes of these commands, the others the commands themselves.

    Args:
        name: a kind: ``power-cut``, ``status``, ``pull`` and others.
        on: name of a command, ``UPDATE RECORD``, or the beginning of its bytes in hex, ``00DC``; any if left out.
        file: the file that the command means, ``DF04/EF05``, or a DF with all in it, ``DF04``; any if left out.
        nth: which of them is the first, from 1.
        times: how many from there on, a number or ``all``; mostly one.
        parameters: what this kind of fault can be told: ``moment="after"``.

    Attributes:
        seen: how many commands or writes it has counted.
        fired: how often it has struck.

    Raises:
        FaultError: there is no such kind, parameter or value; one sentence with the nearest right name.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue()
        >>> fault = card.fault("status", on="GET CHALLENGE", sw="6581")
        >>> card.transmit(bytes.fromhex("0084000008")).hex(), fault.fired
        ('6581', 1)
        >>> str(sscard.Fault.parse('pull on="READ RECORD" nth=2 moment=after'))
        "pull on='READ RECORD' nth=2 moment=after"
    """

    def __init__(
        self,
        name: str,
        /,
        *,
        on: str | None = None,
        file: str | None = None,
        nth: int | str = 1,
        times: int | str | None = None,
        **parameters: Any,
    ) -> None:
        kind = KINDS.get(name)
        if kind is None:
            raise FaultError(f"there is no fault {name!r}{hint(name, KINDS)}")
        self.kind = kind
        if kind.spoils_atr and (on, file, nth, times) != (None, None, 1, None):
            raise FaultError(f"fault {name} has no selector: leave {', '.join(SELECTOR)} out")
        self.on = _read(SELECTORS["on"], name, on)
        self.file = _read(SELECTORS["file"], name, file)
        if self.file is not None and not _LABEL.fullmatch(self.file):
            raise FaultError(f"fault {name}: no file is called {self.file!r}: write DF04/EF05, or DF04 for all in it")
        self.nth = _read(SELECTORS["nth"], name, nth)
        self.times = kind.times if times is None else _read(SELECTORS["times"], name, times)
        self.seen = 0
        self.fired = 0
        self._ended = threading.Event()
        self._pulled = False
        self._values = _read_all(kind, parameters)
        self._prefix = _prefix(name, self.on)

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read a fault as the command line has it: the name, then ``parameter=value``, values with spaces in quotes.

        Raises:
            FaultError: it cannot be read, or there is no such fault.
        """
        return cls.of(*read_words(text))

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> "Fault":
        """Make a fault from what a mapping says, selector and parameters; raise `FaultError`."""
        return cls(name, **{str(key): value for key, value in given.items()})

    @property
    def name(self) -> str:
        """Return the name of its kind."""
        return self.kind.name

    def __getitem__(self, parameter: str) -> Any:
        """Return the value of a parameter."""
        return self._values[parameter]

    def __str__(self) -> str:
        """Return it as `parse` reads it, without what is as usual."""
        selector = {
            "on": self.on,
            "file": self.file,
            "nth": self.nth,
            "times": ALL if self.times is None else self.times,
        }
        usual = {"on": None, "file": None, "nth": 1, "times": ALL if self.kind.times is None else self.kind.times}
        defaults = {each.name: each.default for each in self.kind.parameters}
        parts = [
            f"{key}={shlex.quote(shown(value))}"
            for key, value in (selector | self._values).items()
            if value != (usual | defaults)[key]
        ]
        return " ".join((self.name, *parts))

    def __repr__(self) -> str:
        """Show it with how often it has struck."""
        return f"<Fault {self}, fired {self.fired}>"

    # -- when ---------------------------------------------------------------------------------

    @property
    def spent(self) -> bool:
        """Return whether it has struck as often as it was to."""
        return self.times is not None and self.seen >= self.nth + self.times - 1

    def means(self, call: Call, files: Iterable[str] = ()) -> bool:
        """Return whether its selector names a command; ``files`` are labels of files that it changes, too."""
        if self._prefix is not None:
            if not call.raw.startswith(self._prefix):
                return False
        elif self.on is not None and call.name.casefold() != self.on.casefold():
            return False
        return self.file is None or any(_within(each, self.file) for each in (call.file, *files))

    def strikes(self) -> bool:
        """Count one more command or write that it means; return whether this one is struck."""
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)

    def delay(self, seconds: float) -> bool:
        """Wait, at most until `end_delay`; return whether the card was pulled out meanwhile."""
        self._ended.clear()
        return self._ended.wait(seconds) and self._pulled

    def end_delay(self, *, pulled: bool = False) -> None:
        """End a delay that is under way in another thread.

        Args:
            pulled: whether that is so since the card leaves its reader: its answer never comes.
        """
        self._pulled = pulled
        self._ended.set()

    def uncount(self) -> None:
        """Take back the last count: there was nothing to spoil."""
        self.seen -= 1


def read_words(text: str) -> tuple[str, dict[str, str]]:
    """Read a name and ``parameter=value``, values with spaces in quotes; return the name, and the values as text.

    Raises:
        FaultError: the text has not this form.
    """
    try:
        name, *rest = shlex.split(text) or [""]
    except ValueError:
        raise FaultError(f"{text!r}: a quotation mark is missing") from None
    given: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise FaultError(f"{name}: {part!r} is not of the form parameter=value")
        if key in given:
            raise FaultError(f"{name}: {key} is given twice")
        given[key] = value
    return name, given


def require_key(fault: Fault, engine: Card) -> None:
    """Refuse a fault of a key that a card does not have; raise `FaultError`."""
    if any(each.name == "key" for each in fault.kind.parameters) and not keys_named(engine, fault["key"]):
        names = sorted({at[0].name for at in list(engine.image.keys)})
        raise FaultError(f"fault {fault.name}: the card has no key {fault['key']!r}{hint(fault['key'], names)}")


def _within(label: str, wanted: str) -> bool:
    label, wanted = label.casefold(), wanted.casefold()
    return label == wanted or label.startswith(f"{wanted}/")


def _named(given: Any) -> str | None:
    return None if given is None else words(given)


def _times(given: Any) -> int | None:
    return None if given == ALL else whole(1, 1_000_000)(given)


SELECTORS: Final[Mapping[str, Parameter]] = {
    each.name: each
    for each in (
        Parameter(
            "on",
            _named,
            None,
            "name or bytes of a command",
            "which command, by its name or by how its bytes begin; any if left out",
            "哪条命令：命令名称或其开头字节；省略时为任何命令",
        ),
        Parameter(
            "file",
            _named,
            None,
            "label of a file",
            "which file the command means, DF04/EF05, or a DF with all in it, DF04; any if left out",
            "命令涉及哪个文件：DF04/EF05，或整个 DF：DF04；省略时为任何文件",
        ),
        Parameter(
            "nth",
            whole(1, 1_000_000),
            1,
            "1 to 1000000",
            "the first one that is struck, of those that the selector names",
            "从符合条件的第几次开始",
        ),
        Parameter(
            "times", _times, 1, "1 to 1000000, or all", "how many are struck from there on", "从该次起连续多少次"
        ),
    )
}
"""What every fault can be told: which commands it strikes."""
SELECTOR: Final = tuple(SELECTORS)


def _read(parameter: Parameter, name: str, given: Any) -> Any:
    try:
        return parameter.read(given)
    except (ValueError, TypeError):
        raise FaultError(
            f"fault {name}: {parameter.name} is {shown(given)!r}, but can be: {parameter.values}"
        ) from None


def _read_all(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name: each for each in kind.parameters}
    for key in given:
        if key not in known:
            raise FaultError(f"fault {kind.name} has no parameter {key!r}{hint(key, (*SELECTOR, *known))}")
    values = {}
    for name, parameter in known.items():
        if name not in given and parameter.default is REQUIRED:
            raise FaultError(f"fault {kind.name} needs {name}=…: {parameter.values}")
        values[name] = _read(parameter, kind.name, given[name]) if name in given else parameter.default
    return values


def _prefix(name: str, on: str | None) -> bytes | None:
    """Return the bytes that ``on`` begins with if it is hex; refuse a command that no card has."""
    if on is None or on.casefold() in command_names():
        return None
    try:
        prefix = bytes.fromhex(on)
    except ValueError:
        prefix = b""
    if not prefix:
        raise FaultError(f"fault {name}: no card has a command {on!r}{hint(on.upper(), command_names().values())}")
    return prefix


@cache
def command_names() -> dict[str, str]:
    """Return the names of all commands of all command sets, by themselves in lower case."""
    return {row.name.casefold(): row.name for row in command_rows()}


def command_rows() -> Iterator[Row]:
    """Yield the commands of all command sets; one name may come several times."""
    yield from chain(*SETS.rows.values(), *SETS.codings.values())


def shown(value: Any) -> str:
    """Return the value of a parameter as `Fault.parse` reads it."""
    if isinstance(value, bytes):
        return value.hex().upper()
    return "never" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
