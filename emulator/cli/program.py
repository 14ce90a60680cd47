"""The program `sscard`: the group with all its commands, which add themselves to it when they are imported."""

from . import (
    apdu,
    cards,
    catalogue,
    checking,
    completion,
    control,
    demo,
    judging,
    life,
    look,
    readers,
    spy,
    terminal,
    traces,
)
from .group import IMAGE, main

__all__ = [
    "IMAGE",
    "apdu",
    "cards",
    "catalogue",
    "checking",
    "completion",
    "control",
    "demo",
    "judging",
    "life",
    "look",
    "main",
    "readers",
    "spy",
    "terminal",
    "traces",
]
