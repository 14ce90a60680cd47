"""The root of everything a card refuses.

A `CardError` is a *semantic* refusal: it names what is wrong, never the status word. The
one table from errors to status words stands in the outermost ring.
"""


class SscardError(Exception):
    """Base of what a program of yours can catch: bad input, no PC/SC, an error of the terminal; one sentence each.

    Example:
        >>> import sscard
        >>> try:
        ...     sscard.Card.open("none.sscard")
        ... except sscard.SscardError as error:
        ...     print(error)
        none.sscard: there is no such image file
    """


class CardError(Exception):
    """A refusal that the card answers with a status word.

    Args:
        reason: one phrase for the people at the host, without any secret in it.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class KeyUnknown(CardError):
    """No such key, no such version of it, or a key of another function (一密钥一功能; Part 4, 7.1)."""


class MethodBlocked(CardError):
    """The try counter of a key or of the PIN is at zero (验证方法锁定)."""


class ChallengeUnusable(CardError):
    """There is no challenge, or its length does not fit the cipher of the key."""


class MacWrong(CardError):
    """The MAC of a secured command does not verify (安全报文数据项不正确)."""


class MacMissing(CardError):
    """A command that must be secured carries no MAC."""


class SecuredDataWrong(CardError):
    """The MAC of a secured command verifies, but its cipher is not that of LD || data || padding (Part 4, 8.3)."""


class CipherDataWrong(CardError):
    """Deciphered data do not have the form LD || data || padding (Part 4, 8.3)."""
