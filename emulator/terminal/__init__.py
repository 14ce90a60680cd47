"""The host's side: what a terminal does with a user card and a PSAM (terminal interface, LD/T 33).

`Terminal` has the national functions; it never has a key, since the PSAM computes. `Hsm` stands for a
back office with root keys. Cards are reached over PC/SC (`emulator.terminal.pcsc`) or in process (`InProcess`).
"""

from .amounts import Uncertain
from .base import Result
from .checks import BlackList, Finding, load_black_list
from .errors import HSM_CODES, TerminalError
from .hsm import Hsm, HsmCard
from .link import Channel, Connection, InProcess, Reader, exchange
from .reading import Reading, algorithm_of, read_card
from .settings import Settings, TerminalSettings, load_settings
from .terminal import FUNCTIONS, Terminal, call

__all__ = [
    "FUNCTIONS",
    "HSM_CODES",
    "BlackList",
    "Channel",
    "Connection",
    "Finding",
    "Hsm",
    "HsmCard",
    "InProcess",
    "Reader",
    "Reading",
    "Result",
    "Settings",
    "Terminal",
    "TerminalError",
    "TerminalSettings",
    "Uncertain",
    "algorithm_of",
    "call",
    "exchange",
    "load_black_list",
    "load_settings",
    "read_card",
]
