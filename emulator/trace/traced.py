"""The trace: every command told to people, with the file, the fields, the word and the reason.

`Traced` stands between reader link and card, bytes in and bytes out; the card knows nothing of it.
PINs, keys and cryptograms made with keys are masked before anything is shown or written.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from cardfs.memory.image import Image
from cardfs.memory.securing import securing
from cardfs.model.changed import read_record
from cardfs.model.codecs import decode_fields, find_element, value_text
from cardfs.model.files import CommandSet, Protection
from cardfs.model.records import Mode
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ..card.apdu import Command
from ..card.engine import Card, Outcome
from ..commands.financial.debit.describe import DEBIT_TELLERS
from ..commands.financial.debit.describe import OPEN as OPEN_DEBIT
from ..commands.financial.purse.describe import OPEN_TRADES, PURSE_TELLERS
from ..commands.medical.describe import is_trade, tell_answer, tell_trade
from ..commands.psam import describe as psam
from ..commands.social.pin import UNBLOCK
from ..status import explain
from .visible import visible

MASK: Final = "**"
_HEADER: Final = 4

_BUT_MAC: Final = slice(None, -4)
_ENCIPHERED: Final = 12
"""Least length of enciphered data with their MAC; anything shorter was not enciphered."""
_SECRET_DATA: Final[dict[int, slice]] = {
    0x20: slice(None),  # VERIFY: the PIN
    0x5E: slice(None),  # CHANGE PIN: both PINs
    0x24: _BUT_MAC,  # PIN CHANGE/UNBLOCK: the enciphered PIN; the MAC stays
    0xD4: _BUT_MAC,  # WRITE KEY: the enciphered key; the MAC stays
    0x82: slice(None, 8),  # EXTERNAL AUTHENTICATION: the cryptogram; the original data stay
}
"""Parts of the data field that are masked, by instruction and whatever the class is."""

_OPEN: Final = frozenset((0xA4, 0xB0, 0xB2, 0xD6, 0xDC, 0x84, 0x88, 0xC0, 0x1E, 0x16, 0xE1))
"""Instructions whose data field holds no secret; of any other, known or not, everything is masked."""

_INTERNAL_AUTHENTICATION: Final = 0x88
_CREATE: Final = 0xE0
_CREATE_OPEN: Final = (0x01, 0x05)
"""Functions of CREATE FILE without a secret: a file, the historical bytes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the trace.

    Attributes:
        time: seconds since 1970.
        kind: ``command``, ``power on``, ``power off``, ``reset`` or ``note``.
        fields: what the command says, decoded.
        apdu, answer: hex, secrets masked.
        sw: four hex digits; ``meaning`` and ``clause`` say it in words.
        reason: why the card refused.
        seconds: how long the card took.
    """

    time: float
    kind: str
    name: str = ""
    file: str = ""
    fields: str = ""
    apdu: str = ""
    answer: str = ""
    sw: str = ""
    meaning: str = ""
    clause: str = ""
    reason: str = ""
    seconds: float = 0.0

    def json(self) -> str:
        """One JSON object on one line."""
        shown = {name: value for name, value in asdict(self).items() if value not in ("", 0.0)}
        shown["time"] = datetime.fromtimestamp(self.time).astimezone().isoformat(timespec="microseconds")
        if self.seconds:
            shown["seconds"] = round(self.seconds, 6)  # what lies below is the clock's
        return visible(json.dumps(shown, ensure_ascii=False))


Sink = Callable[[Event], None]


Later = Callable[[Callable[[], None], int], None]
"""Takes what is to be told, to be called at any time, from any thread, in order; or dropped.

The number is about how many bytes it holds until then.
"""


def at_once(tell: Callable[[], None], _size: int) -> None:
    """Tell before the answer goes out."""
    tell()


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...


class JsonLines:
    """A sink that writes JSON lines to a text stream."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        self._stream.write(event.json() + "\n")
        self._stream.flush()


class Traced:
    """A card that tells a sink about every command; itself something that can be inserted.

    ``later`` may put off the telling, which takes longer than most answers.
    """

    def __init__(
        self, card: Card, sink: Sink, clock: Callable[[], float] = time.time, *, later: Later = at_once
    ) -> None:
        self._card = card
        self._sink = sink
        self._clock = clock
        self._later = later
        self._origin: Outcome | None = None

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._card.atr

    def power_on(self) -> None:
        """Cold reset."""
        self._card.power_on()
        self._tell("power on")

    def power_off(self) -> None:
        """Loss of power."""
        self._card.power_off()
        self._tell("power off")

    def reset(self) -> None:
        """Warm reset."""
        self._card.reset()
        self._tell("reset")

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU and tell of it."""
        started = time.perf_counter()
        response = self._card.transmit(command)
        seconds = time.perf_counter() - started
        outcome = self._card.last
        if outcome is not None:
            if not _is_get_response(outcome):
                self._origin = outcome
            # The files as they are now: the next command may delete them before this one is told.
            now, image, origin = self._clock(), self._card.image.still(), self._origin
            self._later(
                lambda: self._sink(describe(outcome, image, origin, now, seconds)), len(command) + len(response)
            )
        return response

    def _tell(self, kind: str) -> None:
        self._origin = None
        event = Event(self._clock(), kind)
        self._later(lambda: self._sink(event), 0)


def describe(outcome: Outcome, image: Image, origin: Outcome | None, now: float, seconds: float = 0.0) -> Event:
    """Tell one command; one that cannot be described is told without its meaning, and never fails.

    Args:
        origin: the command whose data a GET RESPONSE fetches; of other commands the command itself.
    """
    try:
        return _describe(outcome, image, origin, now, seconds)
    except Exception as error:  # whatever a describer's bug raises
        shown = outcome.raw[:_HEADER].hex().upper() + MASK * len(outcome.raw[_HEADER:])
        fault = f"a defect of this program, the command cannot be described: {type(error).__name__}"
        return Event(now, "command", _unknown(outcome.raw), "", fault, shown, sw=f"{outcome.word:04X}", seconds=seconds)


def _describe(outcome: Outcome, image: Image, origin: Outcome | None, now: float, seconds: float) -> Event:
    word = outcome.word
    meaning = explain(word)
    return Event(
        time=now,
        kind="command",
        name=outcome.row.name if outcome.row else _unknown(outcome.raw),
        file=_file(outcome, image),
        fields=_fields(outcome, image, origin),
        apdu=outcome.raw.hex().upper() if _is_open_trade(outcome, image) else masked_command(outcome.raw),
        answer=_masked_answer(outcome, origin),
        sw=f"{word:04X}",
        meaning=meaning.text,
        clause=outcome.row.clause if outcome.row and word == 0x9000 else meaning.clause,
        reason=outcome.reason,
        seconds=seconds,
    )


def masked_command(raw: bytes) -> str:
    """A command in hex with its secrets masked; what cannot be read as a command is masked whole."""
    if len(raw) <= _HEADER + 1 or _is_open(raw):
        return raw.hex().upper()
    lc, body = raw[_HEADER], raw[_HEADER + 1 :]
    if not lc or len(body) not in (lc, lc + 1):
        # Where the data begin is anybody's guess, so they may be anywhere after the header.
        return raw[:_HEADER].hex().upper() + MASK * (len(raw) - _HEADER)
    part = _SECRET_DATA.get(raw[1])
    if part is None or (part == _BUT_MAC and (raw[0] & 0x0F != 0x04 or lc < _ENCIPHERED)):
        part = slice(None)
    shown = [f"{byte:02X}" for byte in body]
    # What looks like Le may be the last byte of a PIN whose Lc is wrong.
    for at in range(len(body) if part == slice(None) else lc)[part]:
        shown[at] = MASK
    return raw[: _HEADER + 1].hex().upper() + "".join(shown)


def _is_open(raw: bytes) -> bool:
    return (
        raw[1] in _OPEN
        or is_trade(raw[0], raw[1])
        or psam.is_open(raw)
        or (raw[1] == _CREATE and raw[2] in _CREATE_OPEN)
    )


def _is_open_trade(outcome: Outcome, image: Image) -> bool:
    """Whether it is a trade of passbook or purse, or of debit/credit: amounts, terminals, times, MACs, no secret."""
    row, command = outcome.row, outcome.command
    known = {CommandSet.PURSE: OPEN_TRADES, CommandSet.DEBIT: OPEN_DEBIT}.get(image.dfs[outcome.df].command_set)
    if row is None or command is None or known is None:
        return False
    return row.ins in known and command.well_formed and len(command.data) in row.lc


def _masked_answer(outcome: Outcome, origin: Outcome | None) -> str:
    data = outcome.response[:-2]
    hidden = origin is not None and len(origin.raw) > _HEADER and psam.hides_answer(origin.raw)
    if hidden or (origin is not None and len(origin.raw) > 1 and origin.raw[1] == _INTERNAL_AUTHENTICATION):
        return MASK * len(data)
    return data.hex().upper()


def _is_get_response(outcome: Outcome) -> bool:
    return outcome.command is not None and outcome.command.ins == 0xC0


def _unknown(raw: bytes) -> str:
    return f"INS {raw[1]:02X}" if len(raw) > 1 else "fragment"


def _target(outcome: Outcome, image: Image) -> str | None:
    """Path of the EF that a file command means, also when it was refused."""
    command, row = outcome.command, outcome.row
    if command is None or row is None:
        return None
    sfi = 0
    if "RECORD" in row.name:
        sfi = command.p2 >> 3
    elif "BINARY" in row.name:
        sfi = command.p1 & 0x1F if command.p1 & 0x80 else 0
    else:
        return None
    if not sfi:
        return outcome.ef
    ef = image.ef_by_sfi(outcome.df, sfi)
    return ef.path if ef else None


def _file(outcome: Outcome, image: Image) -> str:
    path = _target(outcome, image)
    if path is None and outcome.row is not None and outcome.row.name == "SELECT":
        path = outcome.ef
    return image.label(path or outcome.df)


def _fields(outcome: Outcome, image: Image, origin: Outcome | None = None) -> str:
    row, command = outcome.row, outcome.command
    if row is None or command is None:
        return ""
    if is_trade(row.cla, row.ins):
        return tell_trade(row.name, command, outcome.response[:-2])
    if _is_get_response(outcome) and origin is not None and origin.row and is_trade(origin.row.cla, origin.row.ins):
        return tell_answer(origin.row.name, outcome.response[:-2]) or _tell_response(outcome, image)
    name = row.name
    own = {CommandSet.PURSE: PURSE_TELLERS, CommandSet.DEBIT: DEBIT_TELLERS}.get(image.dfs[outcome.df].command_set, {})
    teller = own.get(name) or _TELLERS.get(name)
    if teller is None and image.dfs[outcome.df].command_set is CommandSet.PSAM and name in psam.TELLERS:
        return psam.TELLERS[name](outcome.raw, outcome.df, image)
    return teller(outcome, image) if teller else ""


def _tell_select(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    assert command is not None  # noqa: S101 - a row was found, so there is a command
    following = ", next" if command.p2 == 0x02 else ""
    if command.p1 == 0x04:
        return f"name {name_text(command.data)}{following}"
    return f"FID {command.data.hex().upper() or 'none: MF'}{following}"


def name_text(name: bytes) -> str:
    """A DF name for people: as text where it is text, else in hex."""
    try:
        text = name.decode("gb18030")
    except UnicodeDecodeError:
        return name.hex().upper()
    return text if text.isprintable() else name.hex().upper()


def _tell_record(outcome: Outcome, image: Image) -> str:
    command = outcome.command
    assert command is not None  # noqa: S101 - a row was found, so there is a command
    mode = command.p2 & 7
    which = _MODE_WORDS[mode].format(command.p1) if mode < len(_MODE_WORDS) else f"mode {mode}"
    if mode == Mode.NUMBER and not command.p1:
        which = "the current record"
    if _is_enciphered(outcome, image):
        return f"{which}: enciphered"
    record = _written(command) if outcome.row is not None and outcome.row.writes else outcome.response[:-2]
    number = command.p1 if mode == Mode.NUMBER else 0
    said = record_text(image, _target(outcome, image), record, number) if record and mode <= Mode.NUMBER else ""
    return f"{which}: {said}" if said else which


def _written(command: Command) -> bytes:
    """What a command writes: its data, without the MAC of a secured one."""
    return command.data[:-MAC_LENGTH] if command.secured else command.data


def _is_enciphered(outcome: Outcome, image: Image) -> bool:
    """Whether what a command writes comes enciphered, so that its bytes say nothing."""
    row, command = outcome.row, outcome.command
    ef = image.efs.get(_target(outcome, image) or "")
    if row is None or command is None or ef is None:
        return False
    return row.writes and command.secured and securing(image, ef).update is Protection.CIPHER


_MODE_WORDS: Final = (
    "first with tag {:02X}",
    "last with tag {:02X}",
    "next with tag {:02X}",
    "previous with tag {:02X}",
    "record {}",
    "record {} to the last",
    "the last to record {}",
)


def record_text(image: Image, path: str | None, record: bytes, number: int = 0) -> str:
    """Say what a record means: ``holder_name 测试甲``; empty if the file has no data elements."""
    elements = image.dictionary.get(path or "", ())
    if path is None or not elements:
        return ""
    if not image.efs[path].tlv:
        return value_text(decode_fields(elements, record))
    element = find_element(elements, record, number)
    if element is None:
        return ""
    # The other records of the file are not kept until a command is told.
    meaning, value = read_record(element, record, None)
    return f"{meaning.name} {value_text(value)}"


def _tell_binary(outcome: Outcome, image: Image) -> str:
    command = outcome.command
    assert command is not None  # noqa: S101 - a row was found, so there is a command
    offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
    if _is_enciphered(outcome, image):
        return f"{len(_written(command))} bytes, enciphered, at {offset}"
    length = len(_written(command)) or len(outcome.response) - 2
    elements = image.dictionary.get(_target(outcome, image) or "", ())
    what = f" of {elements[0].name}" if len(elements) == 1 else ""
    return f"{length} bytes at {offset}{what}" if length else f"at {offset}{what}"


def _tell_challenge(outcome: Outcome, _image: Image) -> str:
    return f"{len(outcome.response) - 2} random bytes" if outcome.word == 0x9000 else ""


def _tell_external(outcome: Outcome, image: Image) -> str:
    command = outcome.command
    assert command is not None  # noqa: S101 - a row was found, so there is a command
    owner = outcome.df if command.p2 & 0x80 else image.environment(outcome.df)
    ref = image.ref_by_kid(owner, command.p2)
    version = f" version {command.data[16]}" if len(command.data) > 16 else ""
    if image.dfs[outcome.df].command_set is CommandSet.PSAM:
        return f"{'own' if command.p2 else 'master'} key {command.p2:02X}{version}"
    return f"{ref.name if ref else 'key'} {command.p2:02X}{version}"


def _tell_verify(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    if command is None or not command.well_formed:
        return ""
    return "PIN masked" if command.data else "no PIN: how many tries?"


def _tell_internal(outcome: Outcome, image: Image) -> str:
    command = outcome.command
    assert command is not None  # noqa: S101 - a row was found, so there is a command
    found = (image.ref_by_usage(owner, Usage.INTERNAL_AUTH) for owner in (outcome.df, image.environment(outcome.df)))
    ref = next((each for each in found if each is not None), None)
    version = f" version {command.data[16]}" if len(command.data) > 16 else ""
    return f"{ref.name if ref else 'no key'}{version}"


def _tell_response(outcome: Outcome, _image: Image) -> str:
    return f"{len(outcome.response) - 2} bytes" if len(outcome.response) > 2 else ""


def _tell_pin_change(outcome: Outcome, _image: Image) -> str:
    unblocks = outcome.command is not None and outcome.command.p2 == UNBLOCK
    return "unblock the PIN" if unblocks else "replace the PIN, which is masked"


def _tell_by_p1(*words: str) -> Callable[[Outcome, Image], str]:
    """Words for the functions of a command of the coding t514; other codings have other things in P1."""

    def tell(outcome: Outcome, image: Image) -> str:
        if image.info.settings.personalisation.cos != "t514":
            return ""
        at = outcome.command.p1 if outcome.command is not None else len(words)
        return words[at] if at < len(words) else ""

    return tell


_TELLERS: Final[dict[str, Callable[[Outcome, Image], str]]] = {
    "SELECT": _tell_select,
    "READ RECORD": _tell_record,
    "UPDATE RECORD": _tell_record,
    "READ BINARY": _tell_binary,
    "UPDATE BINARY": _tell_binary,
    "GET CHALLENGE": _tell_challenge,
    "EXTERNAL AUTHENTICATION": _tell_external,
    "INTERNAL AUTHENTICATION": _tell_internal,
    "GET RESPONSE": _tell_response,
    "VERIFY": _tell_verify,
    "PIN CHANGE/UNBLOCK": _tell_pin_change,
    "APPLICATION BLOCK": lambda outcome, image: f"{image.label(outcome.df)} for ever",
    "CARD BLOCK": lambda *_: "the card for ever",
    "CREATE FILE": _tell_by_p1(
        "", "a file", "end of this phase", "transport key, which is masked", "", "ATR history", "data of a file"
    ),
    "DELETE FILE": _tell_by_p1("files below here"),
    "WRITE KEY": _tell_by_p1("install a key, which is masked", "replace a key, which is masked", "retire a key"),
    "CHANGE PIN": lambda *_: "PINs masked",
}
