"""The public face of the virtual social-security card (社会保障卡): what a program of yours imports.

    >>> import sscard
    >>> card = sscard.Card.issue(pin="4711")
    >>> data, word = sscard.exchange(card.transmit, bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    >>> f"{word:04X}"
    '9000'

Names that stand in ``__all__`` keep their meaning from one version to the next that is compatible; everything else,
also in the packages `emulator`, `cardfs` and `keys` behind it, is private and may change.

Nothing behind a name is loaded before the name is used.
"""

import os.path
import sys
from importlib import import_module
from importlib.util import find_spec

TYPE_CHECKING = False  # what else `typing` has takes a program's time at every start
if TYPE_CHECKING:
    from typing import Any, Final

    from cardfs.issuing.roots import load_roots
    from cardfs.model.errors import ImageError
    from cardfs.profile.inputs import InputError
    from cardfs.profile.loader import load_profile
    from emulator.ports import CardRemoved
    from emulator.reader.errors import StackError
    from emulator.reader.stack import Stack
    from emulator.reader.vpcd import Slot
    from emulator.rig.card import Card, personalise
    from emulator.rig.fault import Fault
    from emulator.rig.reader import Reader
    from emulator.rig.rig import Rig
    from emulator.rig.trace import Trace
    from emulator.terminal import Hsm, HsmCard, InProcess, Terminal, TerminalError, call, exchange, load_settings
    from emulator.terminal.pcsc import PcscReader
    from keys.errors import SscardError

_PLACES: "Final" = {
    "Card": "emulator.rig.card",
    "CardRemoved": "emulator.ports",
    "Fault": "emulator.rig.fault",
    "Hsm": "emulator.terminal",
    "HsmCard": "emulator.terminal",
    "ImageError": "cardfs.model.errors",
    "InProcess": "emulator.terminal",
    "InputError": "cardfs.profile.inputs",
    "PcscReader": "emulator.terminal.pcsc",
    "Reader": "emulator.rig.reader",
    "Rig": "emulator.rig.rig",
    "Slot": "emulator.reader.vpcd",
    "SscardError": "keys.errors",
    "Stack": "emulator.reader.stack",
    "StackError": "emulator.reader.errors",
    "Terminal": "emulator.terminal",
    "TerminalError": "emulator.terminal",
    "Trace": "emulator.rig.trace",
    "call": "emulator.terminal",
    "exchange": "emulator.terminal",
    "load_profile": "cardfs.profile.loader",
    "load_roots": "cardfs.issuing.roots",
    "load_settings": "emulator.terminal",
    "personalise": "emulator.rig.card",
}
"""Where each name of the face comes from."""

__all__ = [
    "Card",
    "CardRemoved",
    "Fault",
    "Hsm",
    "HsmCard",
    "ImageError",
    "InProcess",
    "InputError",
    "PcscReader",
    "Reader",
    "Rig",
    "Slot",
    "SscardError",
    "Stack",
    "StackError",
    "Terminal",
    "TerminalError",
    "Trace",
    "__version__",
    "call",
    "exchange",
    "load_profile",
    "load_roots",
    "load_settings",
    "personalise",
]


def __getattr__(name: str) -> "Any":
    """Load a name of the face when it is first used."""
    _require_own_packages()
    if name == "__version__":
        value: Any = _version()
    elif name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module 'sscard' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names of the face."""
    return sorted(__all__)


def _version() -> str:
    """Return the installed version, ``0`` for a folder that was never installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow, and seldom asked for

    try:
        return version("sscard")
    except PackageNotFoundError:
        return "0"


def _require_own_packages() -> None:
    """Refuse packages of the same names that belong to somebody else.

    Raises:
        ImportError: ``keys``, ``cardfs`` or ``emulator`` comes from another folder than this package.
    """
    beside = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    # Beside this package when installed; the folder above `emulator` in a checkout.
    ours = (beside, os.path.dirname(beside))
    for name in ("keys", "cardfs", "emulator"):
        spec = getattr(sys.modules.get(name), "__spec__", None) or find_spec(name)
        found = os.path.realpath(spec.origin) if spec and spec.origin else ""
        if os.path.dirname(os.path.dirname(found)) not in ours:
            where = found.removesuffix(f"{os.sep}__init__.py") or "a folder that is no package"
            raise ImportError(
                f"sscard needs its own package {name!r}, but Python finds {where} first: "
                "rename it, or start your program from elsewhere"
            )
