"""GET RESPONSE (获取响应; Part 5, 6.6; Part 2, 9.3.3)."""

from ...card.context import Answer, Context
from ...status import MOST_BYTES, ExpectedLengthWrong, ResponseMissing, waiting_word


def get_response(ctx: Context) -> Answer:
    """Answer data that wait: Le bytes of them, and 61xx while more wait.

    Raises:
        ResponseMissing: no data wait.
        ExpectedLengthWrong: Le is too large, or smaller and ``transport.get_response_short`` refuses that.
    """
    waiting = ctx.session.pending
    command = ctx.command
    if not waiting:
        raise ResponseMissing("no data wait for GET RESPONSE")
    wanted = command.le or MOST_BYTES
    most = min(len(waiting), MOST_BYTES)
    # Le 00 asks for 256 bytes, so unless those wait it is a wrong length (Part 5, 6.6.4).
    if wanted > most or (wanted < most and ctx.settings.transport.get_response_short == "6Cxx"):
        raise ExpectedLengthWrong(len(waiting))
    rest = waiting[wanted:]
    ctx.session.pending = rest
    return Answer(waiting[:wanted], word=waiting_word(len(rest)) if rest else 0x9000)
