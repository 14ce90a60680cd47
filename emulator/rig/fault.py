"""Faults: what goes wrong on purpose, and when. `KINDS` is the one table; everything else is drawn from it."""

import difflib
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any, Final, Literal, NamedTuple, Protocol

from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, Store
from cardfs.memory.tearing import PowerCut
from cardfs.model.errors import StoreFailed
from keys.errors import SscardError
from keys.records import KeyId, KeyState

from ..card.apdu import Command
from ..card.describer import Exchange
from ..card.engine import Card, Outcome
from ..card.row import Row
from ..card.session import Session
from ..commands.sets import SETS
from ..ports import AsIs, CardRemoved
from ..trace.mask import fits

Layer = Literal["memory", "card", "wire"]
"""Where a fault acts: in the non-volatile memory, in the card's commands, or between card and reader."""

ALL: Final = "all"
RETURN_AFTER: Final = 1.2
"""Seconds after which a card whose answer was lost is back in the reader: sooner the reader may not notice."""


class FaultError(SscardError, ValueError):
    """A fault cannot be armed: no such fault, parameter or value; one sentence with the nearest right name."""


# -- what a fault sees --------------------------------------------------------------------------------


class View(Protocol):
    """What faults see of a card: the engine of ours, and of a physical one what its answers have shown."""

    @property
    def image(self) -> Image:
        """The files."""
        ...

    @property
    def session(self) -> Session:
        """The volatile state; a copy."""
        ...

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command would have now, and the command as parsed."""
        ...


class Call:
    """One command on its way, as faults see it.

    Attributes:
        raw: the command APDU.
        view: the card, before the command.
        row, command: its row in the command table, and the command as parsed; None if the card knows none.
        name: the row's name, or ``INS`` and the instruction.
        file: label of the file that it means: ``DF04/EF05``.
        outcome: what a fault answered instead of the card, if one did.
        missed: set by a fault that found nothing to spoil; then it has not fired.
    """

    def __init__(self, view: View, raw: bytes) -> None:
        self.raw = raw
        self.view = view
        self.row, self.command = view.find_row(raw)
        self.file = _file(view, self.row, self.command)
        self.name = self.row.name if self.row else f"INS {raw[1:2].hex().upper()}"
        self.outcome: Outcome | None = None
        self.missed = False

    @property
    def engine(self) -> Card:
        """The engine of a card of ours; faults of memory and card have no other."""
        assert isinstance(self.view, Card)  # noqa: S101 - no other card takes such a fault
        return self.view

    def answer(self, word: int, reason: str) -> bytes:
        """Return a status word in the card's place; the command is not carried out."""
        session = self.view.session
        response = word.to_bytes(2)
        self.outcome = Outcome(self.raw, response, self.command, self.row, session.df, session.ef, word, reason)
        return response


def _file(view: View, row: Row | None, command: Command | None) -> str:
    """Return the label of the file that a command means, before it is carried out; the current DF if it means none."""
    session, image = view.session, view.image
    path = session.df
    if row is not None and command is not None:
        exchange = Exchange(command, b"", 0, session.df, session.ef, image, fits(row, command))
        path = row.describe.file(exchange) or path
    return image.label(path)


Send = Callable[[bytes], bytes]
OnWrite = Callable[["Fault", Store, Mapping[CellKey, Cell | None], bool, Call], None]
OnCommand = Callable[["Fault", Call, Send], bytes]


# -- parameters ---------------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """What a kind of fault can be told.

    Attributes:
        read: turns what was given, a value or its text, into the value; raises ValueError.
        default: the value if nothing was given; `REQUIRED` if something must be.
        values: which values there are, in words.
        text, zh: what it is for.
    """

    name: str
    read: Callable[[Any], Any]
    default: Any
    values: str
    text: str
    zh: str


REQUIRED: Final = object()


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(given: Any) -> int:
        value = int(str(given))
        if not low <= value <= high:
            raise ValueError
        return value

    return read


def _choice(*words: str) -> Callable[[Any], str]:
    def read(given: Any) -> str:
        if given not in words:
            raise ValueError
        return str(given)

    return read


def _hex(low: int, high: int) -> Callable[[Any], bytes]:
    def read(given: Any) -> bytes:
        value = bytes(given) if isinstance(given, bytes | bytearray) else bytes.fromhex(str(given))
        if not low <= len(value) <= high:
            raise ValueError
        return value

    return read


def _seconds(given: Any) -> float:
    value = float(given)
    if not 0 <= value <= 600:
        raise ValueError
    return value


def _back(given: Any) -> float | None:
    return None if given is None or given == "never" else _seconds(given)


def _text(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError
    return given


_MOMENT: Final = Parameter(
    "moment", _choice("before", "after"), "before", "before, after", "before or after it happens", "发生之前或之后"
)
_BACK: Final = Parameter(
    "back", _back, None, "seconds, never", "when the card is back in the reader by itself", "多少秒后卡自行回到读写器"
)
_KEY: Final = Parameter("key", _text, "PIN", "name of a key", "which key, or the PIN", "哪一个密钥或 PIN")


# -- what each does -----------------------------------------------------------------------------------


def _power_cut(fault: "Fault", store: Store, changes: Mapping[CellKey, Cell | None], erases: bool, _call: Call) -> None:
    if fault["moment"] == "after":
        store.write(changes, erases=erases)
    raise PowerCut(f"power was cut {fault['moment']} a write")


def _memory_failure(
    _fault: "Fault", _store: Store, _changes: Mapping[CellKey, Cell | None], _erases: bool, _call: Call
) -> None:
    raise StoreFailed("fault memory-failure: the memory does not take the write")


def _partial_batch(
    _fault: "Fault", store: Store, changes: Mapping[CellKey, Cell | None], erases: bool, _call: Call
) -> None:
    store.write(partial(store.load(), changes), erases=erases)
    raise PowerCut("power was cut within a write")


def partial(now: Mapping[CellKey, Cell], changes: Mapping[CellKey, Cell | None]) -> dict[CellKey, Cell | None]:
    """Return what of a batch of changes reaches the memory of a card without anti-tearing.

    The first half of the cells is written whole, the one in the middle by half: of the bytes that differ the first
    half is new. A cell of which no half can be read any more stays old.

    Args:
        now: the cells as they are.
        changes: the batch, None to remove a cell.
    """
    names = list(changes)
    whole = {name: changes[name] for name in names[: len(names) // 2]}
    if len(names) % 2:
        name = names[len(names) // 2]
        old, new = now.get(name), changes[name]
        if old is not None and new is not None and old.meta == new.meta and len(old.data) == len(new.data):
            differing = [at for at, (a, b) in enumerate(zip(old.data, new.data, strict=True)) if a != b]
            middle = differing[len(differing) // 2] if differing else 0
            whole[name] = Cell(new.meta, new.data[:middle] + old.data[middle:])
    return whole


def _status(fault: "Fault", call: Call, _send: Send) -> bytes:
    word = int.from_bytes(fault["sw"])
    return call.answer(word, f"fault status: {word:04X} instead of an answer of the card")


def _tries_left(fault: "Fault", call: Call, send: Send) -> bytes:
    image = call.engine.image
    change = image.begin()
    for at in _keys(call.engine, fault["key"]):
        if at in image.tries:
            change.put_tries(at, fault["tries"])
    change.commit()
    return send(call.raw)


def _key_expired(fault: "Fault", call: Call, send: Send) -> bytes:
    image = call.engine.image
    found = _keys(call.engine, fault["key"])
    kept = {at: image.keys[at] for at in found}
    image.keys.update({at: replace(key, value=b"", state=KeyState.RETIRED) for at, key in kept.items()})
    image.forget_cached(found)
    try:
        return send(call.raw)
    finally:
        image.keys.update(kept)
        image.forget_cached(found)


def _keys(engine: Card, name: str) -> list[KeyId]:
    """Return every key with this name, in whatever DF, in every version."""
    return [at for at in list(engine.image.keys) if at[0].name == name]


def _stuck_random(fault: "Fault", call: Call, send: Send) -> bytes:
    engine, value = call.engine, fault["value"]
    kept, engine.random = engine.random, lambda length, /: (value * length)[:length]
    try:
        return send(call.raw)
    finally:
        engine.random = kept


def _wrong_mac(_fault: "Fault", call: Call, send: Send) -> bytes:
    response = send(call.raw)
    if len(response) > 2:
        return _flipped(response[:-2]) + response[-2:]
    if not call.engine.spoil_pending(_flipped):
        call.missed = True
    return response


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 0x01,))


def _delay(fault: "Fault", call: Call, send: Send) -> bytes:
    response = send(call.raw)
    if fault.delay(fault["seconds"]):
        raise CardRemoved("the card was pulled out before its answer came")
    return response


def _truncate(fault: "Fault", call: Call, send: Send) -> bytes:
    response = send(call.raw)
    # Never nothing: the driver would wait for ever.
    return AsIs(response[: max(1, len(response) - fault["bytes"])])


def _one_byte(fault: "Fault", call: Call, send: Send) -> bytes:
    send(call.raw)
    return AsIs(fault["value"])


def _pad(fault: "Fault", call: Call, send: Send) -> bytes:
    return AsIs(send(call.raw) + fault["value"] * fault["bytes"])


def _lost_answer(fault: "Fault", call: Call, send: Send) -> bytes:
    send(call.raw)
    raise CardRemoved("the answer was lost", back=fault["back"])


def _pull(fault: "Fault", call: Call, send: Send) -> bytes:
    if fault["moment"] == "after":
        send(call.raw)
    raise CardRemoved(f"the card was pulled out {fault['moment']} the command", back=fault["back"])


# -- the table ----------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of fault.

    Attributes:
        layer: where it acts.
        parameters: what it can be told, beside the selector.
        text, zh: what the client sees.
        on_write: what it does with a durable write of the card.
        on_command: what it does with a command.
        spoils_atr: whether it replaces the answer to reset, for as long as it is armed.
        times: how often it fires if nothing else is said; None for without end.
        silent: whether the trace says nothing of it.
    """

    name: str
    layer: Layer
    parameters: tuple[Parameter, ...]
    text: str
    zh: str
    on_write: OnWrite | None = None
    on_command: OnCommand | None = None
    spoils_atr: bool = False
    times: int | None = 1
    silent: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "power-cut",
            "memory",
            (_MOMENT, _BACK),
            "The card is gone before or after a durable write of the command; it keeps all of the write, or nothing.",
            "命令的一次非易失性写入之前或之后卡断电；该写入要么全部生效，要么全部不生效。",
            on_write=_power_cut,
        ),
        Kind(
            "memory-failure",
            "memory",
            (),
            "The memory refuses a write; the card answers 6581 or what the command's table has.",
            "存储器写入失败；卡返回 6581 或该命令状态字表所列的值。",
            on_write=_memory_failure,
        ),
        Kind(
            "partial-batch",
            "memory",
            (_BACK,),
            "The card is gone within a write, and half of it is done: a card without anti-tearing.",
            "写入中途断电且只写入一半：没有防拔保护的卡。",
            on_write=_partial_batch,
        ),
        Kind(
            "status",
            "card",
            (Parameter("sw", _hex(2, 2), REQUIRED, "4 hex digits", "the status word", "状态字"),),
            "The status word, without data; the command is not carried out.",
            "只返回该状态字，不返回数据；命令不执行。",
            on_command=_status,
        ),
        Kind(
            "tries-left",
            "card",
            (
                _KEY,
                Parameter(
                    "tries", _whole(0, 15), 1, "0 to 15", "tries that are left before the command", "执行前剩余次数"
                ),
            ),
            "The PIN or key has so many tries left: the next wrong value gets 63Cx one lower, 0 left 6983.",
            "PIN 或密钥只剩这么多次：下一次错误返回少一次的 63Cx，剩 0 次返回 6983。",
            on_command=_tries_left,
        ),
        Kind(
            "key-expired",
            "card",
            (_KEY,),
            "The key does not work in this command, as if a newer version had retired it.",
            "该密钥在本命令中不可用，如同已被新版本取代。",
            on_command=_key_expired,
        ),
        Kind(
            "stuck-random",
            "card",
            (Parameter("value", _hex(1, 256), b"\x00", "hex", "the bytes that repeat", "重复的字节"),),
            "GET CHALLENGE and whatever else draws random bytes gives the same ones each time.",
            "取随机数及其他使用随机数的命令每次得到相同的值。",
            on_command=_stuck_random,
            times=None,
        ),
        Kind(
            "wrong-mac",
            "card",
            (),
            "The last bit of the response data is wrong: a MAC, a cryptogram or a TAC that does not verify.",
            "响应数据的最后一位错误：MAC、密文或 TAC 校验不通过。",
            on_command=_wrong_mac,
        ),
        Kind(
            "delay",
            "wire",
            (Parameter("seconds", _seconds, 1.0, "0 to 600", "how long", "秒数"),),
            "The answer comes late.",
            "应答延迟。",
            on_command=_delay,
        ),
        Kind(
            "truncate",
            "wire",
            (Parameter("bytes", _whole(1, 65536), 1, "1 to 65536", "bytes that are cut off", "截掉的字节数"),),
            "The end of the answer is missing, the status word first; one byte at least is left.",
            "应答尾部缺失，状态字最先缺失；至少保留一个字节。",
            on_command=_truncate,
        ),
        Kind(
            "one-byte",
            "wire",
            (Parameter("value", _hex(1, 1), b"\x90", "2 hex digits", "the byte", "该字节"),),
            "An answer of one byte.",
            "应答只有一个字节。",
            on_command=_one_byte,
        ),
        Kind(
            "pad",
            "wire",
            (
                Parameter("bytes", _whole(1, 4096), 1, "1 to 4096", "how many", "个数"),
                Parameter("value", _hex(1, 1), b"\x00", "2 hex digits", "the byte that is repeated", "重复的字节"),
            ),
            "Bytes behind the status word.",
            "状态字之后多出字节。",
            on_command=_pad,
        ),
        Kind(
            "lost-answer",
            "wire",
            (_BACK._replace(default=RETURN_AFTER),),
            "The command is carried out and its answer never arrives; the reader loses the card, which comes back.",
            "命令已执行但应答丢失；读写器失去该卡，随后卡重新出现。",
            on_command=_lost_answer,
        ),
        Kind(
            "pull",
            "wire",
            (_MOMENT, _BACK),
            "The card is pulled out of the reader before or after the command is carried out.",
            "在命令执行之前或之后卡被拔出读写器。",
            on_command=_pull,
        ),
        Kind(
            "garbage-atr",
            "wire",
            (Parameter("atr", _hex(1, 33), b"\xff\x00\x13\x37", "hex", "the answer to reset", "复位应答"),),
            "An answer to reset that no card gives, for as long as the fault is armed; it has no selector.",
            "不合规范的复位应答，故障撤销之前一直如此；没有选择条件。",
            spoils_atr=True,
            times=None,
        ),
    )
}
"""Every kind of fault by its name."""


# -- a fault ------------------------------------------------------------------------------------------


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
            raise FaultError(f"there is no fault {name!r}{nearest(name, KINDS)}")
        self.kind = kind
        self.on = _read(SELECTORS["on"], name, on)
        self.file = _read(SELECTORS["file"], name, file)
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
    if any(each.name == "key" for each in fault.kind.parameters) and not _keys(engine, fault["key"]):
        names = sorted({at[0].name for at in list(engine.image.keys)})
        raise FaultError(f"fault {fault.name}: the card has no key {fault['key']!r}{nearest(fault['key'], names)}")


def _within(label: str, wanted: str) -> bool:
    label, wanted = label.casefold(), wanted.casefold()
    return label == wanted or label.startswith(f"{wanted}/")


def _named(given: Any) -> str | None:
    return None if given is None else _text(given)


def _times(given: Any) -> int | None:
    return None if given == ALL else _whole(1, 1_000_000)(given)


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
            _whole(1, 1_000_000),
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
            raise FaultError(f"fault {kind.name} has no parameter {key!r}{nearest(key, (*SELECTOR, *known))}")
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
        raise FaultError(f"fault {name}: no card has a command {on!r}{nearest(on.upper(), command_names().values())}")
    return prefix


@cache
def command_names() -> dict[str, str]:
    """Return the names of all commands of all command sets, by themselves in lower case."""
    return {row.name.casefold(): row.name for row in command_rows()}


def command_rows() -> Iterator[Row]:
    """Yield the commands of all command sets; one name may come several times."""
    yield from chain(*SETS.rows.values(), *SETS.codings.values())


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence on an unknown name: the one that was meant, else all if they are few."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}" if len(names) < 20 else ""


def shown(value: Any) -> str:
    """Return the value of a parameter as `Fault.parse` reads it."""
    if isinstance(value, bytes):
        return value.hex().upper()
    return "never" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
