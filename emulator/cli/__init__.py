"""The command line `sscard`.

Importing this package loads no command yet: Ctrl-C is taken care of first, see `run`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .program import IMAGE, main

__all__ = ["IMAGE", "main", "run"]


def run() -> None:
    """Run the program `sscard`; never return."""
    from . import interrupt

    interrupt.end_at_once()
    from .program import main

    try:
        main(prog_name="sscard")
    except interrupt.Interrupted:
        interrupt.print_message()
        raise


def __getattr__(name: str) -> object:
    """Load the commands when somebody asks for them."""
    if name not in ("IMAGE", "main"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import program

    return getattr(program, name)
