"""Dynamic signatures: INTERNAL AUTHENTICATE, and the combined one of GENERATE AC (EMV Book 2, 6.5 and 6.6)."""

from collections.abc import Mapping, Sequence
from typing import Final

from cardfs.model import tlv
from cardfs.model.errors import ConditionsUnmet, IssuerDataWrong
from keys import certificates

from ....card.context import Answer, Context
from ....status import LengthWrong
from . import risk
from .application import DDOL, listed, signer
from .state import Cvr, Stage, State, remember, state_of

FORMAT_1: Final = 0x80
SIGNED_DATA: Final = 0x9F4B
UNPREDICTABLE: Final = 0x9F37
LONGEST_BODY: Final = 256 - 3


def internal_authenticate(ctx: Context) -> Answer:
    """Sign the terminal's data: dynamic data authentication (内部认证; EMV Book 2, 6.5).

    The ICC dynamic number is the transaction counter. Answer: template 80 with the signature.

    Raises:
        ConditionsUnmet: the stage is wrong, or the AIP lacks this authentication.
        LengthWrong: the data are not as long as the DDOL.
        KeyUnknown: there is no RSA key.
        IssuerDataWrong: the key cannot sign, or the signature is too long for one answer.
    """
    state = state_of(ctx, Stage.INITIATED)
    if not risk.supports(state, risk.DDA):
        raise ConditionsUnmet("the AIP has no dynamic data authentication")
    data = ctx.command.data
    ddol = listed(ctx, state.files, DDOL)
    if ddol is not None and len(data) != tlv.total(ddol):
        raise LengthWrong(f"the DDOL asks for {tlv.total(ddol)} bytes, {len(data)} came")
    signature = _signed(ctx, certificates.dynamic_data(_number(state)), data)
    if len(signature) > LONGEST_BODY:
        raise IssuerDataWrong(f"a signature of {len(signature)} bytes is too long for one answer")
    remember(ctx, state._replace(results=state.results | Cvr.DDA_DONE))
    return Answer(tlv.encode(FORMAT_1, signature))


def combined(
    ctx: Context,
    state: State,
    cdols: Sequence[bytes],
    terminal: Mapping[int, bytes],
    cryptogram: bytes,
    answered: Mapping[int, bytes],
) -> bytes:
    """Return template 77 of GENERATE AC with its signature directly before the issuer's data (EMV Book 2, 6.6).

    Args:
        cdols: the values of each GENERATE AC of this transaction.
        terminal: the values of the latest one by tag.
        cryptogram: the application cryptogram, 8 bytes.
        answered: the objects of the answer but the signature: 9F27, 9F36, 9F10.

    Raises:
        ConditionsUnmet: the terminal sent no random number, or the signature is too long for one answer.
        KeyUnknown, IssuerDataWrong: there is no RSA key, or it cannot sign.
    """
    number = terminal.get(UNPREDICTABLE)
    if number is None:
        raise ConditionsUnmet("CDA needs the terminal's random number in the CDOL")
    parts = {tag: tlv.encode(tag, value) for tag, value in answered.items()}
    whole = certificates.transaction_data_hash(state.pdol, cdols, b"".join(parts.values()))
    dynamic = certificates.combined_data(_number(state), answered[0x9F27][0], cryptogram, whole)
    signature = tlv.encode(SIGNED_DATA, _signed(ctx, dynamic, number))
    body = b"".join(part if tag != 0x9F10 else signature + part for tag, part in parts.items())
    if len(body) > LONGEST_BODY:
        raise ConditionsUnmet("the signature is too long for one answer")
    return tlv.encode(0x77, body)


def _signed(ctx: Context, dynamic: bytes, terminal: bytes) -> bytes:
    """Return a signature under the card's key; raise `KeyUnknown`, or `IssuerDataWrong` if the key cannot sign."""
    key = signer(ctx)
    try:
        return certificates.sign_dynamic(key, dynamic, terminal)
    except (ValueError, ArithmeticError) as error:
        raise IssuerDataWrong(f"the RSA key of the card cannot sign: {error}") from None


def _number(state: State) -> bytes:
    return state.atc.to_bytes(2)
