"""GET RESPONSE (获取响应; Part 5, 6.6; Part 2, 9.3.3)."""

from ..context import Answer, Context
from ..status import ExpectedLengthWrong, ResponseMissing


def get_response(ctx: Context) -> Answer:
    """Hand out waiting data: as many bytes as Le says, and 61xx while more wait."""
    waiting = ctx.session.pending
    command = ctx.command
    if not waiting:
        raise ResponseMissing("nothing waits for GET RESPONSE")
    wanted = command.le or 256
    # Le 00 asks for 256 bytes, so unless just those wait it is a wrong length (Part 5, 6.6.4).
    if wanted > len(waiting) or (wanted < len(waiting) and ctx.settings.transport.get_response_short == "6Cxx"):
        raise ExpectedLengthWrong(len(waiting))
    rest = waiting[wanted:]
    ctx.session.pending = rest
    return Answer(waiting[:wanted], word=0x6100 | len(rest) & 0xFF if rest else 0x9000)
