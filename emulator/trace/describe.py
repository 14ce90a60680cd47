"""From what the card did to an event: the file, the fields, the status word and the reason."""

from collections.abc import Callable
from typing import Final

from cardfs.memory.image import Image
from cardfs.memory.securing import securing
from cardfs.model.codecs import decode_fields
from cardfs.model.elements import find_element, name_text, read_record, value_text
from cardfs.model.files import CommandSet, Protection
from cardfs.model.records import Mode
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ..card.apdu import Command
from ..card.engine import Outcome
from ..commands.financial.debit.describe import DEBIT_TELLERS
from ..commands.financial.purse.describe import PURSE_TELLERS
from ..commands.medical.describe import is_trade, tell_answer, tell_trade
from ..commands.psam import describe as psam
from ..commands.social.pin import UNBLOCK
from ..status import explain
from .event import Event
from .mask import HEADER, MASK, is_open_trade, masked_answer, masked_command


def describe(outcome: Outcome, image: Image, origin: Outcome | None, now: float, seconds: float = 0.0) -> Event:
    """Tell one command; one that cannot be described is told without its meaning, and never fails.

    Args:
        origin: the command whose data a GET RESPONSE fetches; of other commands the command itself.
    """
    try:
        return _describe(outcome, image, origin, now, seconds)
    except Exception as error:  # whatever a describer's bug raises
        shown = outcome.raw[:HEADER].hex().upper() + MASK * len(outcome.raw[HEADER:])
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
        apdu=outcome.raw.hex().upper() if is_open_trade(outcome, image) else masked_command(outcome.raw),
        answer=masked_answer(outcome, origin),
        sw=f"{word:04X}",
        meaning=meaning.text,
        clause=outcome.row.clause if outcome.row and word == 0x9000 else meaning.clause,
        reason=outcome.reason,
        seconds=seconds,
    )


def is_get_response(outcome: Outcome) -> bool:
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
    if is_get_response(outcome) and origin is not None and origin.row and is_trade(origin.row.cla, origin.row.ins):
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
