"""`chinese`: what a sentence is in Chinese.

Cards, checks and faults give their reasons as one English sentence, and trace files hold it so. Where somebody reads
Chinese, its form is looked up in one table: ``UK1DF01 is locked: no tries left`` has the form ``{key} is locked: no
tries left``, and the table says what that is in Chinese. What stands in a place is looked up in turn, so that lists,
rules and names of commands come out right, too.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from ..status import MEANINGS
from .faults import FAULTS
from .findings import FINDINGS
from .parts import LISTS, PARTS
from .reasons import REASONS

SENTENCES: Final[Mapping[str, str]] = {**REASONS, **FINDINGS, **FAULTS}
"""The form of every sentence in English, and its Chinese one.

A place ``{name}`` holds anything but a semicolon, which joins sentences; ``{name*}`` holds anything, and forms with
such a place are tried first. Of the others that with the most text is taken.
"""

_WORDS: Final[Mapping[str, str]] = {
    **PARTS,
    **{each.text.replace("{}", "{count}"): each.zh.replace("{}", "{count}") for each in MEANINGS.values()},
}
"""What can stand in a place, besides sentences."""

_PLACE: Final = re.compile(r"\{(\w+)(\*?)\}")
_SPACE: Final = re.compile(r"(?<=[\u4e00-\u9fff]) (?=\{)|(?<=\}) (?=[\u4e00-\u9fff])")
_BORDER: Final = re.compile(r"[\u4e00-\u9fff][-0-9A-Za-z]|[0-9A-Za-z][\u4e00-\u9fff]")
"""Where a space stands, between Chinese and Latin characters: in a form it waits for what comes into the place."""


class _Form(NamedTuple):
    """A form, ready to be matched.

    Attributes:
        sign: the longest text in it, which every such sentence has.
        pattern: matches such a sentence, with a group for each place.
        pieces: of the Chinese form: texts and names of places in turn.
    """

    sign: str
    pattern: re.Pattern[str]
    pieces: list[str]


@lru_cache(maxsize=4096)
def chinese(sentence: str) -> str:
    """Return a sentence in Chinese; as it is if the table does not have its form."""
    return _filled(sentence, *_sentences()) or sentence


@lru_cache(maxsize=4096)
def _part(text: str) -> str:
    """Return what stands in a place in Chinese: a sentence, a part, a list of parts, or a name, which stays."""
    return _filled(text, *_sentences()) or _filled(text, *_words()) or _filled(text, *_lists()) or text


def _filled(text: str, exact: Mapping[str, str], forms: Iterable[_Form]) -> str:
    """Return a text in Chinese by the first form that fits; empty if none does."""
    if text in exact:
        return exact[text]
    for form in forms:
        match = form.pattern.fullmatch(text) if form.sign in text else None
        if match is not None:
            return _joined(_part(match[piece]) if at % 2 else piece for at, piece in enumerate(form.pieces))
    return ""


@cache
def _sentences() -> tuple[Mapping[str, str], list[_Form]]:
    return _sorted(SENTENCES)


@cache
def _words() -> tuple[Mapping[str, str], list[_Form]]:
    return _sorted(_WORDS)


@cache
def _lists() -> tuple[Mapping[str, str], list[_Form]]:
    return _sorted(LISTS)


def _sorted(table: Mapping[str, str]) -> tuple[Mapping[str, str], list[_Form]]:
    """Return the forms without places, and those with places, in the order in which they are tried."""
    exact = {english: zh for english, zh in table.items() if not _PLACE.search(english)}
    others = sorted(table.keys() - exact.keys(), key=lambda each: ("*" not in each, -len(_PLACE.sub("", each)), each))
    return exact, [_form(english, table[english]) for english in others]


def _form(english: str, zh: str) -> _Form:
    texts, places = _PLACE.split(english)[::3], _PLACE.findall(english)
    pattern = re.escape(texts[0]) + "".join(
        f"(?P<{name}>{'.' if wide else '(?:(?!; ).)'}+?){re.escape(text)}"
        for (name, wide), text in zip(places, texts[1:], strict=True)
    )
    return _Form(max(texts, key=len), re.compile(pattern, re.DOTALL), re.split(r"\{(\w+)\}", _SPACE.sub("", zh)))


def _joined(pieces: Iterable[str]) -> str:
    """Join pieces, with a space where Chinese meets Latin letters or digits."""
    text = ""
    for piece in pieces:
        text += f" {piece}" if _BORDER.fullmatch(text[-1:] + piece[:1]) else piece
    return text
