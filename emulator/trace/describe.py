"""Make the event of a command: its file, fields, status word and reason."""

from cardfs.memory.image import Image

from ..card.apdu import HEADER_LENGTH
from ..card.describer import Exchange
from ..card.engine import Outcome
from ..status import explain
from .event import Event, Plain
from .mask import MASK, fits, masked_answer, masked_command, secret_of


def describe(
    outcome: Outcome,
    image: Image,
    origin: Outcome | None,
    now: float,
    seconds: float = 0.0,
    reader: str = "",
    *,
    unmasked: bool = False,
) -> Event:
    """Return the event of one command. Never raises: if a describer fails, the event has no fields.

    Args:
        outcome: what the card did.
        image: the files as they were directly after the command.
        origin: for a GET RESPONSE the command whose data it fetches, None if it is not known; ignored for any other.
        now: seconds since 1970.
        seconds: how long the card took.
        reader: which reader the card is in.
        unmasked: whether the event also keeps the bytes without masks (`Event.plain`).
    """
    plain = Plain(outcome.raw.hex().upper(), outcome.response[:-2].hex().upper()) if unmasked else None
    try:
        return _describe(outcome, image, origin, now, seconds, reader, plain)
    except Exception as error:  # whatever a describer's bug raises
        shown = outcome.raw[:HEADER_LENGTH].hex().upper() + MASK * len(outcome.raw[HEADER_LENGTH:])
        fault = f"a defect of this program, the command cannot be described: {type(error).__name__}"
        return Event(
            now,
            "command",
            _unknown(outcome.raw),
            fields=fault,
            apdu=shown,
            sw=f"{outcome.word:04X}",
            seconds=seconds,
            plain=plain,
        )


def _describe(
    outcome: Outcome,
    image: Image,
    origin: Outcome | None,
    now: float,
    seconds: float,
    reader: str,
    plain: Plain | None,
) -> Event:
    row, word = outcome.row, outcome.word
    meaning = explain(word)
    source = origin if fetches(outcome) else outcome
    file, fields = _meaning(outcome, image, source)
    return Event(
        time=now,
        kind="command",
        name=row.name if row else _unknown(outcome.raw),
        file=file,
        fields=fields,
        apdu=masked_command(outcome.raw, row, outcome.command),
        answer=masked_answer(outcome, source),
        sw=f"{word:04X}",
        meaning=meaning.text,
        clause=row.clause if row and word == 0x9000 else meaning.clause,
        reason=outcome.reason,
        seconds=seconds,
        reader=reader,
        zh=row.zh if row else "",
        plain=plain,
    )


def fetches(outcome: Outcome) -> bool:
    """Return whether a command fetches data that an earlier one left (GET RESPONSE)."""
    return outcome.row is not None and outcome.row.fetches


def _unknown(raw: bytes) -> str:
    return f"INS {raw[1]:02X}" if len(raw) > 1 else "fragment"


def _meaning(outcome: Outcome, image: Image, source: Outcome | None) -> tuple[str, str]:
    """Return the label of the file that a command means, and its fields, decoded."""
    row, command = outcome.row, outcome.command
    if row is None or command is None:
        return image.label(outcome.df), ""
    data = outcome.response[:-2]
    exchange = Exchange(command, data, outcome.word, outcome.df, outcome.ef, image, fits(row, command))
    file = image.label(row.describe.file(exchange) or outcome.df)
    fields, answer = row.describe.fields(exchange), _answer(source, data)
    if row.fetches:
        return file, answer or fields
    return file, "; ".join(part for part in (fields, answer) if part)


def _answer(source: Outcome | None, data: bytes) -> str:
    """Return the fields of response data, decoded; empty if they are secret."""
    if source is None or source.row is None or secret_of(source.row, source.command).answer:
        return ""
    return source.row.describe.answer(data)
