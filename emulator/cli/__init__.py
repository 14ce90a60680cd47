"""The command line `sscard`.

Importing this package loads no command yet: Ctrl-C is taken care of first, see `run`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .group import IMAGE, main

__all__ = ["IMAGE", "main", "run"]


def run() -> None:
    """Be the program `sscard`; never returns."""
    from . import interrupt

    interrupt.end_at_once()
    from .group import main

    try:
        main(prog_name="sscard")
    except interrupt.Interrupted:
        interrupt.say()
        raise


def __getattr__(name: str) -> object:
    """Load the commands when somebody asks for them."""
    if name not in ("IMAGE", "main"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import group

    return getattr(group, name)
