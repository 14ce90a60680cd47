"""Characters that do something to a terminal are shown and not sent: what a card holds cannot move the cursor.

They are written as in JSON (``\\u001b``), so that the same holds for JSON documents.
"""

import re
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and newline; those that begin with 80 too
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # no width, or another direction
    "\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Show control characters, and characters without a width or that turn the direction, by their numbers."""
    return _INVISIBLE.sub(_number, text)


def one_line(text: str) -> str:
    """Show newlines and tabs by their numbers, too."""
    return visible(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def _number(found: re.Match[str]) -> str:
    code = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
