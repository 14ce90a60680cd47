"""The host side of PC/SC: readers and connections to the cards in them (pyscard).

Errors of PC/SC become codes of the reader library (Part 8, table A1.2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any, Final, NamedTuple

from . import Channel, Settings, TerminalError
from .errors import (
    BAD_CHECKSUM,
    BAD_PARAMETER,
    NO_ANSWER,
    NO_CARD,
    NO_FUNCTION,
    NO_LIBRARY,
    NO_POWER,
    NO_READER,
    NOT_OPEN,
    WRONG_CARD,
)
from .psam import recognise

CODES: Final[dict[int, int]] = {
    0x80100002: NOT_OPEN,  # cancelled
    0x80100003: NOT_OPEN,  # invalid handle
    0x80100004: BAD_PARAMETER,  # invalid parameter
    0x80100009: NO_READER,  # unknown reader
    0x8010000A: NO_ANSWER,  # time-out
    0x8010000B: NO_READER,  # sharing violation: another program has the card for itself
    0x8010000C: NO_CARD,  # no card
    0x8010000F: WRONG_CARD,  # protocol mismatch
    0x80100011: BAD_PARAMETER,  # invalid value
    0x80100013: BAD_CHECKSUM,  # communication error
    0x80100016: NO_ANSWER,  # not transacted
    0x80100017: NO_READER,  # reader unavailable
    0x8010001C: WRONG_CARD,  # card unsupported
    0x8010001D: NO_READER,  # no service
    0x8010001E: NO_READER,  # service stopped
    0x8010001F: NO_FUNCTION,  # unsupported feature
    0x8010002E: NO_READER,  # no readers
    0x8010002F: BAD_CHECKSUM,  # data lost
    0x80100065: WRONG_CARD,  # unsupported card
    0x80100066: NO_ANSWER,  # unresponsive card
    0x80100067: NO_POWER,  # unpowered card
    0x80100068: NO_ANSWER,  # another program reset the card
    0x80100069: NO_CARD,  # removed card
}
"""Codes of the reader library by results of PC/SC (PC/SC Part 10, SCARD_E_ and SCARD_W_)."""

PATIENCE: Final = 15.0
"""Seconds that a connection waits for the transaction of another program to end."""

NO_SERVICE: Final = (0x8010001D, 0x8010001E)
_ABSENT: Final = (NO_CARD, NO_ANSWER, WRONG_CARD, NO_POWER)


class PcscConnection:
    """A connection to a card in an exclusive PC/SC transaction, until closed.

    Args:
        name: name of the reader.
        cold: whether the card is reset cold first.
        shared: whether other programs may use the card between its commands: there is no transaction.

    Raises:
        TerminalError: no card, no reader, or no PC/SC service.

    Attributes:
        atr: answer to reset.
    """

    def __init__(self, name: str, *, cold: bool, shared: bool = False) -> None:
        self._scard = library()
        self._shared = shared
        _within_patience(lambda: self._open(name, cold=cold), self.close)

    def _open(self, name: str, *, cold: bool) -> None:
        scard = self._scard
        self._context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        try:
            mode = scard.SCARD_SHARE_SHARED
            self._card, self._protocol = checked(scard.SCardConnect(self._context, name, mode, protocols))
            try:
                if cold:
                    self._protocol = checked(
                        scard.SCardReconnect(self._card, mode, protocols, scard.SCARD_UNPOWER_CARD)
                    )
                self._begin()
            except BaseException:
                scard.SCardDisconnect(self._card, scard.SCARD_UNPOWER_CARD)
                raise
        except BaseException:
            scard.SCardReleaseContext(self._context)
            raise

    def _begin(self) -> None:
        if not self._shared:
            checked(self._scard.SCardBeginTransaction(self._card))
        self.atr = bytes(checked(self._scard.SCardStatus(self._card))[3])

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU and return the response; raise `TerminalError` if the card is gone."""
        code, answer = self._scard.SCardTransmit(self._card, self._protocol, list(command))
        if code:
            error = error_of(code)
            raise TerminalError(f"the reader lost the card: {error}", error.code)
        return bytes(answer)

    def reset(self) -> None:
        """Reset the card warm and go on with it; raise `TerminalError` if that is not possible."""
        _within_patience(self._reset, self.close)

    def _reset(self) -> None:
        scard = self._scard
        if not self._shared:
            scard.SCardEndTransaction(self._card, scard.SCARD_LEAVE_CARD)
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        self._protocol = checked(
            scard.SCardReconnect(self._card, scard.SCARD_SHARE_SHARED, protocols, scard.SCARD_RESET_CARD)
        )
        self._begin()

    def close(self) -> None:
        """Take the power from the card and release it."""
        scard = self._scard
        if not self._shared:
            scard.SCardEndTransaction(self._card, scard.SCARD_LEAVE_CARD)
        scard.SCardDisconnect(self._card, scard.SCARD_UNPOWER_CARD)
        scard.SCardReleaseContext(self._context)


def _within_patience(call: Callable[[], None], undo: Callable[[], None]) -> None:
    """Call PC/SC in a thread: while another program has a transaction, PC/SC itself waits for ever.

    Args:
        undo: called if the call succeeds after nobody waits for it any more.

    Raises:
        TerminalError: of the call, or it has taken longer than `PATIENCE`.
    """
    lock, given_up = Lock(), False
    ended: list[BaseException | None] = []

    def run() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as reason:
            error = reason
        with lock:
            ended.append(error)
            late = given_up
        if late and error is None:
            undo()

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    with lock:
        given_up = not ended
    if given_up:
        raise TerminalError(
            f"another program has had the card for itself for {PATIENCE:g} seconds: end it, or use another reader",
            NO_READER,
        )
    if ended[0] is not None:
        raise ended[0]


class PcscReader:
    """A PC/SC reader by its name, for `Terminal`; nothing is asked of PC/SC before the terminal works.

    Args:
        name: the whole name, as PC/SC lists it. If there is no such reader, the terminal's function raises
            `TerminalError`.

    Example:
        >>> import sscard
        >>> terminal = sscard.Terminal(sscard.PcscReader("Virtual PCD 00 00"), sscard.PcscReader("Virtual PCD 00 01"))
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> PcscConnection:
        """Reset the card cold and return the connection; raise `TerminalError` if there is no card, or no reader."""
        return PcscConnection(self.name, cold=True)


@contextmanager
def open_reader(wanted: str | None) -> Iterator[tuple[str, bytes, Channel]]:
    """Connect to the card in a reader.

    Args:
        wanted: name of the reader or its beginning, as `reader_named` takes it; None for the first one with a card.

    Yields:
        the reader's name, the card's ATR, and a channel.

    Raises:
        TerminalError: no PC/SC service, no such reader, no card.
    """
    found = reader_names() if wanted is None else [reader_named(wanted)]
    for name in found:
        try:
            connection = PcscConnection(name, cold=False)
        except TerminalError as error:
            if error.code not in _ABSENT:
                raise
            continue
        try:
            yield name, connection.atr, connection.transmit
        finally:
            connection.close()
        return
    raise _nothing_in(found)


def reader_names(wanted: str | None = None, scard: Any = None) -> list[str]:
    """Return the PC/SC readers, or those whose names begin as wanted; raise `TerminalError` (-11) if there is none.

    Args:
        wanted: the name, or its beginning; None for all.
        scard: the PC/SC library to ask; that of this process if left out.
    """
    scard = scard or library()
    context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
    try:
        code, names = scard.SCardListReaders(context, [])
    finally:
        scard.SCardReleaseContext(context)
    if code & 0xFFFFFFFF in NO_SERVICE:
        raise error_of(code)
    found = [name for name in names if wanted is None or name.startswith(wanted)]
    if not found:
        raise _no_reader(names, wanted)
    return found


def reader_named(wanted: str, scard: Any = None) -> str:
    """Return the one PC/SC reader that is meant.

    Args:
        wanted: its whole name, or a beginning that no other reader has, or no other one with a card in it.
        scard: as of `reader_names`.

    Raises:
        TerminalError: there is no such reader (-11), or there are several.
    """
    return _named(reader_names(wanted, scard), wanted, scard)


class Readers(NamedTuple):
    """The readers of a terminal; None for one that it does not use."""

    card: PcscReader | None
    psam: PcscReader | None
    contactless: PcscReader | None


def find_readers(
    card: str | None,
    psam: str | None,
    settings: Settings,
    *,
    with_psam: bool = True,
    contactless: str | None = None,
    with_contacts: bool = True,
) -> Readers:
    """Find the reader of the user card and that of the PSAM.

    Args:
        card, psam: names or their beginnings; None tries every reader and recognises the cards by SELECT.
        settings: of the terminal, for the names of PSAM environments.
        with_psam: False for a terminal that works without one.
        contactless: the reader of contactless cards, or its beginning; nothing else is looked for in it.
        with_contacts: False where the user card is in that reader.

    Raises:
        TerminalError: no reader, or one for two cards (-11), or no user card in any (-2, with what lies there instead),
            unless contactless ones are read too. A missing PSAM is no error here.
    """
    names = reader_names()
    apart = _named(names, contactless) if contactless else None
    user = _named(names, card) if card and with_contacts else None
    module = _named(names, psam) if psam and with_psam else None
    if user is not None and user == module:
        raise TerminalError(f"{user!r} is named for the user card and for the PSAM: they need two readers", NO_READER)
    seen: dict[str, str] = {}
    for name in names:
        complete = (user or not with_contacts) and (module or not with_psam)
        if complete or name in (user, module, apart):
            continue
        found = seen[name] = _recognised(name, settings)
        if found == "user" and not user and with_contacts:
            user = name
        elif found == "psam" and not module and with_psam:
            module = name
    if user is None and apart is None:
        if psam and module:
            seen[module] = _recognised(module, settings)
        raise _no_user_card(names, seen, module)
    return Readers(*(PcscReader(name) if name else None for name in (user, module, apart)))


def _recognised(name: str, settings: Settings) -> str:
    """Return what sort of card is in a reader: ``user``, ``psam`` or ``other``; empty for an empty one."""
    try:
        connection = PcscConnection(name, cold=False)
    except TerminalError as error:
        if error.code not in _ABSENT:
            raise
        return ""
    try:
        return recognise(connection, settings) or "other"
    except TerminalError:
        return ""
    finally:
        connection.close()


def _named(names: Sequence[str], wanted: str, scard: Any = None) -> str:
    found = [wanted] if wanted in names else [name for name in names if name.startswith(wanted)]
    if not found:
        raise _no_reader(names, wanted)
    if len(found) > 1:
        found = _with_a_card(found, scard or library()) or found
    if len(found) > 1:
        there = ", ".join(repr(name) for name in found)
        raise TerminalError(f"PC/SC shows several readers that begin with {wanted!r}: {there}; name one", NO_READER)
    return found[0]


def _with_a_card(names: Sequence[str], scard: Any) -> list[str]:
    """Return those readers that hold a card now."""
    context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
    try:
        code, states = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE) for name in names])
    finally:
        scard.SCardReleaseContext(context)
    return [] if code else [name for name, state, _ in states if state & scard.SCARD_STATE_PRESENT]


def _no_reader(names: Sequence[str], wanted: str | None) -> TerminalError:
    """Return the error that lists the readers that there are."""
    if not names:
        return TerminalError("PC/SC shows no reader: connect one, or use `sscard exec`", NO_READER)
    there = ", ".join(repr(name) for name in names)
    return TerminalError(f"PC/SC shows no reader that begins with {wanted!r}; there are {there}", NO_READER)


def _nothing_in(names: Sequence[str]) -> TerminalError:
    return TerminalError("no card in " + " or ".join(repr(name) for name in names), NO_CARD)


def _no_user_card(names: Sequence[str], seen: Mapping[str, str], module: str | None) -> TerminalError:
    """Return the error that names what is in the readers instead; a PSAM in its own reader is where it belongs."""
    found = [
        f"the card in {name!r} is not a PSAM"
        if name == module
        else f"the card in {name!r} is not a social-security card"
        for name in names
        if seen.get(name) == "other" or (name == module and seen.get(name) == "user")
    ]
    modules = [name for name in names if seen.get(name) == "psam" and (name != module or len(names) == 1)]
    found += [f"the card in {name!r} is a PSAM" for name in modules]
    if found:
        return TerminalError("; ".join(found), NO_CARD)
    return _nothing_in([name for name in names if name != module] or names)


def library() -> Any:
    try:
        from smartcard import scard  # noqa: PLC0415 - its absence has a code of its own
    except ImportError as error:
        raise TerminalError(f"the PC/SC library cannot be loaded ({error}): see `sscard doctor`", NO_LIBRARY) from None
    return scard


def checked(result: Any) -> Any:
    """Return what a call of the library returned beside its code; raise `TerminalError` for a failure."""
    code, *rest = result if isinstance(result, list | tuple) else (result,)
    if code:
        raise error_of(code)
    return rest[0] if len(rest) == 1 else rest


def error_of(code: int) -> TerminalError:
    code &= 0xFFFFFFFF
    if code in NO_SERVICE:
        return TerminalError("no PC/SC service answers: start pcscd, or use `sscard exec`", NO_READER)
    with suppress(TerminalError):
        return TerminalError(library().SCardGetErrorMessage(code).rstrip("."), CODES.get(code, NO_READER))
    return TerminalError(f"PC/SC error {code:08X}", CODES.get(code, NO_READER))
