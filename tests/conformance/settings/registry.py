"""The exercises of all settings, and cards with one setting changed."""

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from cardfs.model.settings import Settings
from tests.kit.card import (
    CardBench,
)

Exercise = Callable[[Any], None]
EXERCISES: Final[dict[str, tuple[tuple[Any, ...], Exercise]]] = {}


def exercise(name: str, *values: Any) -> Callable[[Exercise], Exercise]:
    """Note how a setting shows with each of these values."""

    def note(function: Exercise) -> Exercise:
        assert name not in EXERCISES
        EXERCISES[name] = (values, function)
        return function

    return note


def settings(name: str, value: Any) -> Settings:
    """All defaults but one."""
    section, _, field = name.partition(".")
    return msgspec.convert({section: {field: value}} if field else {section: value}, Settings)


def issued(name: str, value: Any, profile: str = "ssc-2.0") -> CardBench:
    """An issued card with one setting written as a profile writes it."""
    section, _, field = name.partition(".")
    return CardBench(profile, f"[settings.{section}]\n{field} = {json.dumps(value)}\n")


def files(bench: CardBench, path: str) -> Any:
    """Contents of a file, looked up by the end of its path."""
    return next(contents for key, contents in bench.card.image.contents.items() if key.endswith(path))
