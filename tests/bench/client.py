"""A PC/SC client that times commands to two cards in turn: ``client.py ROUNDS READER READER COMMAND...``.

Prints for each command the medians of both readers in seconds, and the answers, as JSON.
"""

import json
import sys
from statistics import median
from time import perf_counter
from typing import Any

from smartcard import scard


def connect(context: Any, reader: str) -> Any:
    """Connect with T=0."""
    code, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
    if code:
        raise SystemExit(f"{reader}: {scard.SCardGetErrorMessage(code)}")
    return card


def timed(card: Any, command: list[int]) -> tuple[float, list[int]]:
    """One exchange: seconds and answer."""
    began = perf_counter()
    code, answer = scard.SCardTransmit(card, scard.SCARD_PROTOCOL_T0, command)
    seconds = perf_counter() - began
    if code:
        raise SystemExit(scard.SCardGetErrorMessage(code))
    return seconds, answer


def main() -> None:
    """Measure."""
    rounds, readers, commands = int(sys.argv[1]), sys.argv[2:4], sys.argv[4:]
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    cards = [connect(context, reader) for reader in readers]
    result = []
    for text in commands:
        command = list(bytes.fromhex(text))
        answers = [bytes(timed(card, command)[1]).hex() for card in cards for _ in range(100)]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for card, seconds in zip(cards, times, strict=True):
                seconds.append(timed(card, command)[0])
        result.append({"medians": [median(each) for each in times], "answers": sorted(set(answers))})
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
