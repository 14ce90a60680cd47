"""The terminal whole, and the national functions by their own names and parameters."""

from collections.abc import Callable
from typing import Any, Final

from .base import Result
from .basic import BasicFunctions
from .errors import BAD_PARAMETER, NO_FUNCTION, TEXTS, TerminalError
from .files import FileFunctions
from .inquiry import InquiryFunctions
from .pins import PinFunctions
from .trades import TradeFunctions


class Terminal(BasicFunctions, FileFunctions, PinFunctions, TradeFunctions, InquiryFunctions):
    """A terminal with the national functions; each powers up the cards, works, and powers them down.

    Args:
        card: the reader of user cards with contacts: `PcscReader` or `InProcess`; None for a terminal without.
        psam: the reader of the PSAM; None for a terminal that asks an HSM.
        pad: asks for a PIN: gets the standard's prompt, returns the digits.
        settings: from `load_settings`.
        contactless: the reader of contactless cards, if there is one.
        clock: returns today's date.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a result with ``text``, the standard's
    pOutInfo, and ``fields`` by name; it raises `TerminalError`, with minus the status word of a command that a card
    refused.

    Example:
        >>> import sscard
        >>> card, psam = sscard.Card.issue(pin="4711"), sscard.Card.issue("psam")
        >>> terminal = sscard.Terminal(sscard.InProcess(card), sscard.InProcess(psam), pad=lambda prompt: "4711")
        >>> terminal.balance().fields["account"]  # in yuan
        '0.00'
    """


FUNCTIONS: Final[dict[str, Callable[..., Result]]] = {
    "iReadCardBas": lambda t, kind: t.read_basic(kind),
    "iReadCardBas_HSM_Step1": lambda t, kind: t.read_basic_hsm_step1(kind),
    "iReadCardBas_HSM_Step2": lambda t, key: t.read_basic_hsm_step2(key),
    "iReadCard": lambda t, kind, auth, info, address: t.read(info, address, auth, kind),
    "iReadCard_HSM_Step1": lambda t, kind, info, address: t.read_hsm_step1(info, address, kind),
    "iReadCard_HSM_Step2": lambda t, key: t.read_hsm_step2(key),
    "iWriteCard": lambda t, kind, info, address, data: t.write(info, address, data, kind),
    "iWriteCard_HSM_Step1": lambda t, kind, info, address: t.write_hsm_step1(info, address, kind),
    "iWriteCard_HSM_Step2": lambda t, key, data: t.write_hsm_step2(key, data),
    "iVerifyPIN": lambda t, kind: t.verify_pin(kind),
    "iChangePIN": lambda t, kind: t.change_pin(kind),
    "iReloadPIN": lambda t, kind, info: t.reload_pin(info, kind),
    "iReloadPIN_HSM_Step1": lambda t, kind, info: t.reload_pin_hsm_step1(info, kind),
    "iReloadPIN_HSM_Step2": lambda t, key: t.reload_pin_hsm_step2(key),
    "iReloadPIN_HSM_Step3": lambda t, key: t.reload_pin_hsm_step3(key),
    "iUnblockPIN": lambda t, kind, info: t.unblock_pin(info, kind),
    "iUnblockPIN_HSM_Step1": lambda t, kind, info: t.unblock_pin_hsm_step1(info, kind),
    "iUnblockPIN_HSM_Step2": lambda t, key: t.unblock_pin_hsm_step2(key),
    "iUnblockPIN_HSM_Step3": lambda t, key: t.unblock_pin_hsm_step3(key),
    "iDoDebit": lambda t, kind, info, payment: t.debit(info, payment, kind),
    "iDoDebit_HSM_Step1": lambda t, kind, info, payment: t.debit_hsm_step1(info, payment, kind),
    "iDoDebit_HSM_Step2": lambda t, key: t.debit_hsm_step2(key),
    "iReadDebitRecord": lambda t, kind: t.read_debit_records(kind),
}
"""The functions of the standard by the names that it gives them, with its parameters but the last, pOutInfo."""


def call(terminal: Terminal, name: str, *parameters: Any) -> tuple[int, str]:
    """Call a national function by its name, as the standard has it: ``iReadCardBas(iType, pOutInfo)``.

    Args:
        terminal: the terminal that does it.
        name: a name of `FUNCTIONS`.
        parameters: those of the standard but the last one, pOutInfo.

    Returns:
        the function's result, 0 or a negative code, and pOutInfo, which after a failure is the error's text. An unknown
        name and a wrong number of parameters have codes, too; nothing is raised.

    Example:
        >>> import sscard
        >>> card, psam = sscard.Card.issue(), sscard.Card.issue("psam")
        >>> terminal = sscard.Terminal(sscard.InProcess(card), sscard.InProcess(psam))
        >>> status, text = sscard.call(terminal, "iReadCardBas", 1)
        >>> status, text.split("|")[0]
        (0, '519900')
    """
    function = FUNCTIONS.get(name)
    if function is None:
        return NO_FUNCTION, TEXTS[NO_FUNCTION]
    if function.__code__.co_argcount != len(parameters) + 1:
        return BAD_PARAMETER, TEXTS[BAD_PARAMETER]
    try:
        return 0, function(terminal, *parameters).text
    except TerminalError as error:
        return error.code, error.text
