"""The picture of a session that the README shows, made from what the commands really print.

    python -m tests.kit.picture           write docs/images/session.svg
    python -m tests.kit.picture --check   status 1 if the picture shows something else than is printed now

Times of day and durations may differ.
"""

import html
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from . import child
from .book import plain
from .places import ROOT

PICTURE: Final = ROOT / "docs/images/session.svg"
COLUMNS: Final = 122
SCRIPT: Final = """\
00A404000F 7378312E73682EC9E7BBE1B1A3D5CF   # SELECT the social-security environment
00A4040006 D15600000503                     # SELECT DF04, medical insurance
00B2012C00                                  # READ RECORD 1 of EF05: nothing proven yet
0020000003 123456                           # VERIFY
00B2012C0A                                  # again
"""
COMMANDS: Final = (
    "sscard issue my.sscard --region 330100 --serial 00000042",
    "sscard apdu my.sscard pin.apdu",
    "sscard exec --card my.sscard -- sscard read",
)
CHAR: Final = 8.4
LINE: Final = 19
EDGE: Final = 16
HEAD: Final = 50
"""Width of a column, height of a line, margin, and height of the head, in pixels."""
FONTS: Final = (
    "'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', 'Noto Sans CJK SC', "
    "'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Zen Hei', monospace"
)
"""Fonts of the reader's machine: a page shows a picture without any that would have to be loaded."""


def picture() -> str:
    """Run the session in a folder of its own and return its picture, an SVG."""
    console = Console(width=COLUMNS, file=io.StringIO())
    lines: list[Text] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pin.apdu").write_text(SCRIPT, encoding="utf-8")
        path = f"{Path(sys.executable).parent}:{child.environment()['PATH']}"
        env = child.environment(PATH=path, FORCE_COLOR="1", TERM="xterm-256color", COLUMNS=str(COLUMNS))
        for command in COMMANDS:
            done = child.run(["bash", "-c", command], cwd=folder, env=env, check=True)
            lines += [Text(f"$ {command}", style="bold"), *map(Text.from_ansi, done.stdout.splitlines()), Text()]
    body = "\n".join(each for at, line in enumerate(lines[:-1]) for each in _texts(line, at, console))
    width, height = COLUMNS * CHAR + 2 * EDGE, len(lines) * LINE + HEAD
    dots = "".join(
        f'<circle cx="{EDGE + 6 + 20 * at}" cy="20" r="6" fill="{color}"/>'
        for at, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="{FONTS}" font-size="14">
<title>A session with sscard</title>
<rect width="100%" height="100%" rx="8" fill="#0c0c0c"/>
{dots}
{body}
</svg>
"""


def _texts(line: Text, at: int, console: Console) -> Iterator[str]:
    """Make one piece of text for each word. Each character that is not ASCII has a place of its own."""
    column = 0
    for segment in line.render(console):
        style = segment.style or Style.null()
        color = style.color.get_truecolor(SVG_EXPORT_THEME).hex if style.color else "#e6edf3"
        weight = ' font-weight="bold"' if style.bold else ""
        for word in re.findall(r" +|[!-~]+|[^ -~]+", segment.text):
            cells = [cell_len(each) for each in word]
            if not word.isspace():
                starts = [column + sum(cells[:each]) for each in range(1 if word.isascii() else len(word))]
                x = " ".join(f"{EDGE + each * CHAR:.6g}" for each in starts)
                y = HEAD + at * LINE
                yield f'<text x="{x}" y="{y:g}" fill="{color}"{weight}>{html.escape(word, quote=False)}</text>'
            column += sum(cells)


def shown(svg: str) -> list[str]:
    """Return the lines of a picture without what may differ; how many spaces are between words is not among it."""
    lines: dict[str, list[str]] = {}
    for y, word in re.findall(r'<text x="[^"]*" y="([^"]*)"[^>]*>([^<]*)</text>', svg):
        lines.setdefault(y, []).append(html.unescape(word))
    return plain("\n".join(" ".join(texts) for texts in lines.values()))


def main(arguments: list[str]) -> int:
    """Write the picture, or check it."""
    new = picture()
    if "--check" not in arguments:
        PICTURE.write_text(new, encoding="utf-8")
        return 0
    if shown(new) == shown(PICTURE.read_text(encoding="utf-8")):
        return 0
    print("the picture is stale: run scripts/picture", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
