"""The host side of PC/SC: a channel for APDUs to the card in a reader (pyscard)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from smartcard.Exceptions import CardConnectionException, NoCardException, SmartcardException
from smartcard.pcsc.PCSCExceptions import BaseSCardException
from smartcard.System import readers

from .terminal import Channel, TerminalError


@contextmanager
def open_reader(wanted: str | None) -> Iterator[tuple[str, bytes, Channel]]:
    """Connect to the card in a reader.

    Args:
        wanted: name of the reader or its beginning; None for the first one with a card.

    Yields:
        the reader's name, the card's ATR, and a channel.

    Raises:
        TerminalError: no PC/SC service, no such reader, no card.
    """
    try:
        found = [each for each in readers() if wanted is None or str(each).startswith(wanted)]
    except (SmartcardException, BaseSCardException):
        raise TerminalError("no PC/SC service answers: start pcscd, or use `sscard exec`") from None
    if not found:
        raise TerminalError("PC/SC shows no reader" + (f" that begins with {wanted!r}" if wanted else ""))
    for reader in found:
        connection = reader.createConnection()
        try:
            connection.connect()
        except (NoCardException, CardConnectionException):
            continue
        try:
            yield str(reader), bytes(connection.getATR()), _channel(connection)
        finally:
            with suppress(SmartcardException):
                connection.disconnect()
        return
    raise TerminalError("no card in " + " or ".join(repr(str(each)) for each in found))


def _channel(connection: object) -> Channel:
    def transmit(command: bytes) -> bytes:
        try:
            data, sw1, sw2 = connection.transmit(list(command))  # type: ignore[attr-defined]
        except SmartcardException as error:
            raise TerminalError(f"the reader lost the card: {error}") from None
        return bytes((*data, sw1, sw2))

    return transmit
