"""Escape characters that control a terminal, so that text from a card cannot move the cursor.

The escapes are those of JSON (``\\u001b``), so the result is also right in a JSON document.
"""

import re
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and newline; those that begin with 80 too
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # no width, or another direction
    "\U000e0000-\U000e007f]"
)


_MOST: Final = 80
"""Characters of a file that a sentence repeats."""


def visible(text: str) -> str:
    """Return text with control, zero-width and direction-changing characters escaped; tabs and newlines stay."""
    return _INVISIBLE.sub(_number, text)


def one_line(text: str) -> str:
    """Return text with these characters, newlines and tabs escaped."""
    return visible(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def quoted(text: str) -> str:
    """Return text of a file in quotes for a sentence, cut: it may be as long as the file."""
    return repr(text if len(text) <= _MOST else f"{text[:_MOST]}…")


def _number(found: re.Match[str]) -> str:
    code = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
