"""How things look on a terminal: trace lines, the table of a reading, the tree of an image."""

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cardfs.memory.image import Image
from cardfs.memory.securing import securing
from cardfs.model.codecs import decode, decode_fields
from cardfs.model.elements import find_element, read_record, value_text
from cardfs.model.files import CommandSet, Element, Protection, Structure
from keys.records import KeyRef, KeyState, Usage

from ..terminal import Reading
from ..trace.event import Event
from ..trace.text import Language, padded, time_text, worded
from ..trace.visible import one_line, visible
from .output import Styled

_PREVIEW: Final = 24
_ON_A_LINE: Final = 8
"""Fields of one file that are shown on one line; more make a table."""
_INDENT: Final = 14
_SECURED: Final = {Protection.NONE: "", Protection.MAC: " with MAC", Protection.CIPHER: " enciphered with MAC"}
_PIPED: Final = 1000
"""Columns of an output that is no terminal: enough for every line."""


QUIET: Final = "color(243)"
GOOD: Final = "color(28)"
BAD: Final = "color(161)"
WHERE: Final = "color(30)"
WHY: Final = "color(130)"
"""Colours that can be read on white and on black alike; nothing is dim."""


def trace_text(event: Event, language: Language = "en") -> Text:
    """Return one event as text: a command in two lines, and a third one for the reason of a refusal."""
    event, words = worded(event, language)
    line = Text().append(f"{time_text(event.time)}  ", style=QUIET)
    if event.kind == "fault":
        line.append(f"{words.kind} {event.fields}", style=f"bold {WHY}")
        line.append(words.where, style=WHERE)
        return line.append(f"\n{'':{_INDENT}}> {event.apdu}  ").append(event.reason, style=WHY)
    if event.kind != "command":
        return line.append(words.kind + (f" {event.fields}" if event.fields else ""), style=f"italic {QUIET}")
    good = not event.refused
    line.append(padded(event.name, 24), style="bold")
    line.append(f"{event.file:<10} ", style=WHERE)
    line.append(event.fields)
    line.append(f"\n{'':{_INDENT}}> {event.apdu}  < {event.answer + ' ' if event.answer else ''}", style="")
    line.append(event.sw, style=f"bold {GOOD if good else BAD}")
    clause = f" ({event.clause})" if event.clause else ""
    line.append(f" {event.meaning}{clause}", style="" if good else BAD)
    line.append(f"  {event.seconds * 1000:.2f} ms", style=QUIET)
    if event.reason and not good:
        line.append(f"\n{'':{_INDENT}}{words.why}{event.reason}", style=WHY)
    return line


def reading_table(reading: Reading) -> Iterator[Table | Text]:
    """Yield what a terminal read: a table, then a few lines."""
    table = Table(title="社会保障卡  Social-security card", title_style="bold", header_style="bold")
    for column in ("file", "数据项", "element", "value"):
        table.add_column(column, overflow="fold")
    file = ""
    for item in reading.items:
        if file and file != item.file:
            table.add_section()
        table.add_row(item.file if item.file != file else "", item.zh, item.name, one_line(item.value))
        file = item.file
    yield table
    yield Text(f"ATR        {reading.atr.hex(' ').upper()}")
    yield Text(f"algorithm  {reading.algorithm}, specification {reading.version or 'unknown'}, region {reading.region}")
    style = {True: GOOD, False: BAD, None: WHY}[reading.genuine]
    yield Text(f"genuine    {reading.proof}", style=style)
    for note in reading.notes:
        yield Text(f"note       {note}", style=WHY)


def image_tree(image: Image) -> Tree:
    """Return the files of a card with rules and contents, and the states of its keys; never a key's value."""
    tree = _card_tree(image)
    _add_df(tree, image, image.root)
    return tree


def df_tree(image: Image, path: str) -> Tree:
    """Return one DF as `image_tree` does, with only the names of the directories below it."""
    tree = _card_tree(image)
    branch = _add_df(tree, image, path, deep=False)
    for child in image.children(path):
        branch.add(_df_line(image, child))
    return tree


def _card_tree(image: Image) -> Tree:
    info = image.info
    state = "  [locked for ever]" if info.blocked else ""
    return Tree(
        Text.assemble(
            ("card ", "bold"),
            f"{info.profile}, {info.suite}, ATR {info.atr.hex().upper()}{state}",
        )
    )


def _df_line(image: Image, path: str) -> Text:
    df = image.dfs[path]
    name = f"  name {df.name.hex().upper()}" if df.name else ""
    line = Text.assemble((df.label, f"bold {WHERE}"), f"  {df.fid:04X} {df.kind}{name}")
    if df.blocked:
        line.append("  permanently locked", style=BAD)
    elif df.suspended:
        line.append("  locked until it is unblocked", style=BAD)
    return line


def _add_df(tree: Tree, image: Image, path: str, *, deep: bool = True) -> Tree:
    branch = tree.add(_df_line(image, path))
    keys = _key_table(image, path)
    if keys.row_count:
        branch.add(keys)
    for ef_path, ef in sorted(image.efs.items()):
        if ef.parent == path:
            _add_ef(branch, image, ef_path)
    for child in image.children(path) if deep else ():
        _add_df(branch, image, child)
    return branch


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table without lines."""
    table = Table(box=None, header_style=QUIET, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _key_table(image: Image, path: str) -> Table:
    table = Table(box=None, header_style=QUIET, pad_edge=False)
    for column in ("key", "KID", "function", "cipher", "version", "tries", "state"):
        table.add_column(column, overflow="fold")
    for (ref, version), key in sorted(image.keys.items(), key=lambda item: (item[1].kid or 0, item[0])):
        if ref.owner != path:
            continue
        tries = f"{image.tries[ref, version]} of {key.tries_max}" if key.tries_max else ""
        state = _pin_state(image, ref) if key.usage is Usage.PIN and key.state is KeyState.ACTIVE else str(key.state)
        kid = "" if key.kid is None else f"{key.kid:02X}"
        name = image.names.get(path, {}).get(ref.name, "") if image.dfs[path].command_set is CommandSet.PSAM else ""
        table.add_row(f"{ref.name} {name}".rstrip(), kid, key.usage, key.suite_name, str(version), tries, state)
    return table


def _pin_state(image: Image, ref: KeyRef) -> str:
    return "set" if image.keys[ref, 1].value else "not set"


def _add_ef(branch: Tree, image: Image, path: str) -> None:
    ef, contents = image.efs[path], image.contents[path]
    elements = image.dictionary.get(path, ())
    sfi = "" if ef.sfi is None else f" SFI {ef.sfi:02X}"
    secured = securing(image, ef)
    line = Text.assemble(
        (image.label(path).partition("/")[2] if ef.sfi is not None else f"{ef.fid:04X}", "bold"),
        f" {sfi} {ef.structure}  read {ef.read.text}{_SECURED[secured.read]}"
        f"  update {ef.update.text}{_SECURED[secured.update]}",
    )
    leaf = branch.add(line)
    if isinstance(contents, bytes):
        if len(elements) > _ON_A_LINE:
            leaf.add(_fields_table(elements, contents))
            return
        leaf.add(_bytes_line(elements, contents, internal=ef.structure is Structure.INTERNAL))
        return
    if not contents:
        leaf.add(Text(f"no records, {ef.max_records} fit", style=QUIET))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for number, record in enumerate(contents, 1):
        zh, name, value = _record_row(elements, contents, record, number if ef.tlv else 0)
        table.add_row(Text(str(number), style=QUIET), zh, name, value)
    leaf.add(table)


def _fields_table(elements: tuple[Element, ...], contents: bytes) -> Table:
    """Return a table of the fields that a file has, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    zh = {element.name: element.zh for element in elements}
    for name, value in decode_fields(elements, contents).items():
        table.add_row(zh.get(name, ""), name, value_text(value))
    return table


def _bytes_line(elements: tuple[Element, ...], contents: bytes, *, internal: bool) -> Text:
    if internal or len(elements) > 1:
        return Text(value_text(decode_fields(elements, contents)))
    what = f"{elements[0].zh} {elements[0].name}  " if elements else ""
    if not any(contents.strip(contents[:1])):
        return Text(f"{what}{len(contents)} bytes, all {contents[:1].hex().upper()}", style=QUIET)
    if len(contents) > _PREVIEW:
        return Text(f"{what}{len(contents)} bytes, {contents[:_PREVIEW].hex().upper()}…", style=QUIET)
    return Text(what + value_text(decode(elements[0], contents) if elements else contents.hex().upper()))


def _record_row(
    elements: tuple[Element, ...], records: tuple[bytes, ...], record: bytes, number: int
) -> tuple[str, str, str]:
    """Return Chinese name, English name and value of a record; number 0 for records without TLV."""
    if not number:
        return "", "", value_text(decode_fields(elements, record)) if elements else record.hex().upper()
    element = find_element(elements, record, number)
    if element is None:
        return "", f"tag {record[0]:02X}", record.hex().upper()
    meaning, value = read_record(element, record, records)
    return meaning.zh, meaning.name, value_text(value)


class _Console(Console):
    """A console that shows control characters out of a card by their numbers."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as it will be shown, so that its width is right."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, and show characters that would move the cursor by their numbers, except in control segments."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """Return a console that does not wrap what is piped into a file."""
    file = cast("IO[str]", Styled(stderr=stderr))
    shown = _Console(file=file, highlight=False, emoji=False, markup=False)
    if not shown.is_terminal:
        shown.width = _PIPED
    return shown
