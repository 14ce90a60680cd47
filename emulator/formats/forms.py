"""The forms of traces, in one table; files are recognised by what is in them, not by their names."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final

from ..trace.errors import TraceError
from ..trace.event import Event
from . import apdu4j, jsonl, pcapng, pcscd, scriptor, text

_OLD_CAPTURES: Final = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a trace.

    Attributes:
        name: on the command line.
        text, zh: what it is.
        read: yields the events of an open file, which has a name for errors; None if there is nothing to read.
        begins: returns whether a file that begins so is one.
        write: yields the bytes of events, piece by piece; None if it is only read.
    """

    name: str
    text: str
    zh: str
    read: Callable[[BinaryIO, str], Iterator[Event]] | None
    begins: Callable[[bytes], bool]
    write: Callable[[Iterable[Event]], Iterator[bytes]] | None


def _never(_head: bytes) -> bool:
    return False


FORMS: Final[dict[str, Form]] = {
    form.name: form
    for form in (
        Form(
            "jsonl",
            "JSON lines, as `--trace` writes them",
            "`--trace` 写出的 JSON 行",
            jsonl.read,
            jsonl.begins,
            jsonl.write,
        ),
        Form("text", "lines for people, as `sscard` shows them", "`sscard` 显示的文本", None, _never, text.write),
        Form(
            "scriptor",
            "a script for `scriptor` of pcsc-tools, of one card",
            "pcsc-tools 中 `scriptor` 的脚本，一张卡",
            None,
            scriptor.begins,
            scriptor.write,
        ),
        Form(
            "apdu4j", "a dump of apdu4j, of one card", "apdu4j 的转储，一张卡", apdu4j.read, apdu4j.begins, apdu4j.write
        ),
        Form(
            "pcapng",
            "a capture for Wireshark and tshark",
            "供 Wireshark 和 tshark 使用的抓包文件",
            pcapng.read,
            pcapng.begins,
            pcapng.write,
        ),
        Form(
            "pcscd", "a log of `pcscd --debug --apdu`", "`pcscd --debug --apdu` 的日志", pcscd.read, pcscd.begins, None
        ),
    )
}
"""Every form; of several that a file may be, the first one counts."""

WRITTEN: Final = tuple(name for name, form in FORMS.items() if form.write)


def read_events(path: str | PathLike[str]) -> Iterator[Event]:
    """Yield the events of a file, in order; memory does not grow with the file.

    Commands of other tools' files have bytes only: no name, no reason. Such files may have no times, or times that
    count from their beginning.

    Raises:
        TraceError: it cannot be read, is empty, is of no known form, or is damaged; one sentence with the place.
    """
    name, found = str(path), False
    try:
        with Path(path).open("rb") as file:
            if file.peek().startswith(BOM_UTF8):  # what Windows' editors put before text
                file.read(len(BOM_UTF8))
            for event in _form(file.peek(), name)(file, name):
                found = True
                yield event
    except OSError as error:
        raise TraceError(f"{name}: {error.strerror or error}") from None
    if not found:
        raise TraceError(f"{name}: nothing passed while this was recorded")


def _form(head: bytes, name: str) -> Callable[[BinaryIO, str], Iterator[Event]]:
    """Return what reads a file that begins so; raise `TraceError` if there is none."""
    if not head.strip():
        raise TraceError(f"{name}: the file is empty")
    if head[:4] in _OLD_CAPTURES:
        raise TraceError(f"{name}: a capture in the old form; let Wireshark save it as pcapng")
    form = next((form for form in FORMS.values() if form.begins(head)), None)
    if form is None:
        known = ", ".join(each.name for each in FORMS.values() if each.read)
        raise TraceError(f"{name}: this is no trace of a form that is read: {known}")
    if form.read is None:
        raise TraceError(f"{name}: this is {form.text}: such a file has no answers, so it is no trace")
    return form.read


def write_events(events: Iterable[Event], form: str) -> Iterator[bytes]:
    """Yield events in a form, piece by piece.

    Args:
        events: in order.
        form: one of `WRITTEN`.

    Raises:
        TraceError: there is no such form, or it cannot hold these events.
    """
    known = FORMS.get(form)
    if known is None or known.write is None:
        raise TraceError(f"there is no form {form!r} to write; there are: {', '.join(WRITTEN)}")
    return known.write(events)
