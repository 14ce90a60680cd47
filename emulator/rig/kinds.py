"""Kinds of faults: what goes wrong, where, and what the client sees of it, in the one table `KINDS`.

When a fault strikes is the matter of `emulator.rig.fault`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple, Protocol

from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, Store
from cardfs.memory.tearing import PowerCut
from cardfs.model.errors import StoreFailed
from keys.records import KeyId, KeyState

from ..card.apdu import Command
from ..card.describer import Exchange
from ..card.engine import Card, Outcome
from ..card.row import Row
from ..card.session import Session
from ..chinese.chinese import chinese
from ..ports import AsIs, CardRemoved
from ..trace.mask import fits

Layer = Literal["memory", "card", "wire"]
"""Where a fault acts: in the non-volatile memory, in the card's commands, or between card and reader."""

RETURN_AFTER: Final = 1.2
"""Seconds after which a card whose answer was lost is back in the reader: sooner the reader may not notice."""


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


class Chosen(Protocol):
    """What an act sees of its fault: the values of its parameters."""

    def __getitem__(self, parameter: str) -> Any:
        """Return the value of a parameter."""
        ...

    def delay(self, seconds: float) -> bool:
        """Wait so long at most; return whether the card was pulled out meanwhile."""
        ...


Send = Callable[[bytes], bytes]
OnWrite = Callable[[Chosen, Store, Mapping[CellKey, Cell | None], bool, Call], None]
OnCommand = Callable[[Chosen, Call, Send], bytes]


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


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Return what reads a whole number within bounds."""

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


def words(given: Any) -> str:
    """Return a text that is not empty; raise ValueError for anything else."""
    if not isinstance(given, str) or not given:
        raise ValueError
    return given


_MOMENT: Final = Parameter(
    "moment", _choice("before", "after"), "before", "before, after", "before or after it happens", "发生之前或之后"
)
_BACK: Final = Parameter(
    "back", _back, None, "seconds, never", "when the card is back in the reader by itself", "多少秒后卡自行回到读写器"
)
_KEY: Final = Parameter("key", words, "PIN", "name of a key", "which key, or the PIN", "哪一个密钥或 PIN")


# -- what each does -----------------------------------------------------------------------------------


def _power_cut(fault: Chosen, store: Store, changes: Mapping[CellKey, Cell | None], erases: bool, _call: Call) -> None:
    if fault["moment"] == "after":
        store.write(changes, erases=erases)
    raise PowerCut(f"power was cut {fault['moment']} a write")


def _memory_failure(
    _fault: Chosen, _store: Store, _changes: Mapping[CellKey, Cell | None], _erases: bool, _call: Call
) -> None:
    raise StoreFailed("fault memory-failure: the memory does not take the write")


def _partial_batch(
    _fault: Chosen, store: Store, changes: Mapping[CellKey, Cell | None], erases: bool, _call: Call
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


def _status(fault: Chosen, call: Call, _send: Send) -> bytes:
    word = int.from_bytes(fault["sw"])
    return call.answer(word, f"fault status: {word:04X} instead of an answer of the card")


def _tries_left(fault: Chosen, call: Call, send: Send) -> bytes:
    image = call.engine.image
    change = image.begin()
    for at in keys_named(call.engine, fault["key"]):
        if at in image.tries:
            change.put_tries(at, fault["tries"])
    change.commit()
    return send(call.raw)


def _key_expired(fault: Chosen, call: Call, send: Send) -> bytes:
    image = call.engine.image
    found = keys_named(call.engine, fault["key"])
    kept = {at: image.keys[at] for at in found}
    image.keys.update({at: replace(key, value=b"", state=KeyState.RETIRED) for at, key in kept.items()})
    image.forget_cached(found)
    try:
        return send(call.raw)
    finally:
        image.keys.update(kept)
        image.forget_cached(found)


def keys_named(engine: Card, name: str) -> list[KeyId]:
    """Return every key with this name, in whatever DF, in every version."""
    return [at for at in list(engine.image.keys) if at[0].name == name]


def _stuck_random(fault: Chosen, call: Call, send: Send) -> bytes:
    engine, value = call.engine, fault["value"]
    kept, engine.random = engine.random, lambda length, /: (value * length)[:length]
    try:
        return send(call.raw)
    finally:
        engine.random = kept


def _wrong_mac(_fault: Chosen, call: Call, send: Send) -> bytes:
    response = send(call.raw)
    if len(response) > 2:
        return _flipped(response[:-2]) + response[-2:]
    if not call.engine.spoil_pending(_flipped):
        call.missed = True
    return response


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 0x01,))


def _delay(fault: Chosen, call: Call, send: Send) -> bytes:
    response = send(call.raw)
    if fault.delay(fault["seconds"]):
        raise CardRemoved("the card was pulled out before its answer came")
    return response


def _truncate(fault: Chosen, call: Call, send: Send) -> bytes:
    response = send(call.raw)
    # Never nothing: the driver would wait for ever.
    return AsIs(response[: max(1, len(response) - fault["bytes"])])


def _one_byte(fault: Chosen, call: Call, send: Send) -> bytes:
    send(call.raw)
    return AsIs(fault["value"])


def _pad(fault: Chosen, call: Call, send: Send) -> bytes:
    return AsIs(send(call.raw) + fault["value"] * fault["bytes"])


def _lost_answer(fault: Chosen, call: Call, send: Send) -> bytes:
    send(call.raw)
    raise CardRemoved("the answer was lost", back=fault["back"])


def _pull(fault: Chosen, call: Call, send: Send) -> bytes:
    if fault["moment"] == "after":
        send(call.raw)
    raise CardRemoved(f"the card was pulled out {fault['moment']} the command", back=fault["back"])


# -- the table ----------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of fault.

    Attributes:
        layer: where it acts.
        parameters: what it can be told, beside the selector.
        text: what the client sees; `zh` is the same in Chinese.
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
    on_write: OnWrite | None = None
    on_command: OnCommand | None = None
    spoils_atr: bool = False
    times: int | None = 1
    silent: bool = False

    @property
    def zh(self) -> str:
        """Return in Chinese what the client sees."""
        return chinese(self.text)


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "power-cut",
            "memory",
            (_MOMENT, _BACK),
            "The card is gone before or after a durable write of the command; it keeps all of the write, or nothing.",
            on_write=_power_cut,
        ),
        Kind(
            "memory-failure",
            "memory",
            (),
            "The memory refuses a write; the card answers 6581 or what the command's table has.",
            on_write=_memory_failure,
        ),
        Kind(
            "partial-batch",
            "memory",
            (_BACK,),
            "The card is gone within a write, and half of it is done: a card without anti-tearing.",
            on_write=_partial_batch,
        ),
        Kind(
            "status",
            "card",
            (Parameter("sw", _hex(2, 2), REQUIRED, "4 hex digits", "the status word", "状态字"),),
            "The status word, without data; the command is not carried out.",
            on_command=_status,
        ),
        Kind(
            "tries-left",
            "card",
            (
                _KEY,
                Parameter(
                    "tries", whole(0, 15), 1, "0 to 15", "tries that are left before the command", "执行前剩余次数"
                ),
            ),
            "The PIN or key has so many tries left: the next wrong value gets 63Cx one lower, 0 left 6983.",
            on_command=_tries_left,
        ),
        Kind(
            "key-expired",
            "card",
            (_KEY,),
            "The key does not work in this command, as if a newer version had retired it.",
            on_command=_key_expired,
        ),
        Kind(
            "stuck-random",
            "card",
            (Parameter("value", _hex(1, 256), b"\x00", "hex", "the bytes that repeat", "重复的字节"),),
            "GET CHALLENGE and whatever else draws random bytes gives the same ones each time.",
            on_command=_stuck_random,
            times=None,
        ),
        Kind(
            "wrong-mac",
            "card",
            (),
            "The last bit of the response data is wrong: a MAC, a cryptogram or a TAC that does not verify.",
            on_command=_wrong_mac,
        ),
        Kind(
            "delay",
            "wire",
            (Parameter("seconds", _seconds, 1.0, "0 to 600", "how long", "秒数"),),
            "The answer comes late.",
            on_command=_delay,
        ),
        Kind(
            "truncate",
            "wire",
            (Parameter("bytes", whole(1, 65536), 1, "1 to 65536", "bytes that are cut off", "截掉的字节数"),),
            "The end of the answer is missing, the status word first; one byte at least is left.",
            on_command=_truncate,
        ),
        Kind(
            "one-byte",
            "wire",
            (Parameter("value", _hex(1, 1), b"\x90", "2 hex digits", "the byte", "该字节"),),
            "An answer of one byte.",
            on_command=_one_byte,
        ),
        Kind(
            "pad",
            "wire",
            (
                Parameter("bytes", whole(1, 4096), 1, "1 to 4096", "how many", "个数"),
                Parameter("value", _hex(1, 1), b"\x00", "2 hex digits", "the byte that is repeated", "重复的字节"),
            ),
            "Bytes behind the status word.",
            on_command=_pad,
        ),
        Kind(
            "lost-answer",
            "wire",
            (_BACK._replace(default=RETURN_AFTER),),
            "The command is carried out and its answer never arrives; the reader loses the card, which comes back.",
            on_command=_lost_answer,
        ),
        Kind(
            "pull",
            "wire",
            (_MOMENT, _BACK),
            "The card is pulled out of the reader before or after the command is carried out.",
            on_command=_pull,
        ),
        Kind(
            "garbage-atr",
            "wire",
            (Parameter("atr", _hex(1, 33), b"\xff\x00\x13\x37", "hex", "the answer to reset", "复位应答"),),
            "An answer to reset that no card gives, for as long as the fault is armed; it has no selector.",
            spoils_atr=True,
            times=None,
        ),
    )
}
"""Every kind of fault by its name."""
