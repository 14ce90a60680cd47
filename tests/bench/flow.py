"""A PC/SC client that times a terminal's flow against as many commands to cards that do nothing.

``flow.py FLOW ROUNDS CARD PSAM NOOP NOOP``: readers by name. Prints times in seconds, and the commands with their
answers in hex, as JSON. Both sides open and close their readers in the same way.
"""

import json
import sys
from time import perf_counter
from typing import Any

from emulator.terminal import Terminal
from emulator.terminal.pcsc import PcscReader
from tests.kit.card import PIN
from tests.kit.terminal import INFO, PAYMENT


class Recorded:
    """A reader that writes down what goes through it."""

    def __init__(self, name: str, log: list[tuple[str, str, str]]) -> None:
        self.name = name
        self._log = log

    def open(self) -> Any:
        connection = PcscReader(self.name).open()
        real = connection.transmit

        def transmit(command: bytes) -> bytes:
            answer = real(command)
            self._log.append((self.name, command.hex(), answer.hex()))
            return answer

        connection.transmit = transmit  # type: ignore[method-assign]
        return connection


def flow(name: str, card: Any, psam: Any) -> None:
    """One complete flow."""
    terminal = Terminal(card, psam, pad=lambda _: PIN)
    if name == "read-basic":
        terminal.read_basic()
    else:
        terminal.debit(INFO, PAYMENT)


def replay(log: list[tuple[str, str, str]], to: dict[str, str]) -> None:
    """The same exchanges with cards that do nothing."""
    connections = {name: PcscReader(other).open() for name, other in to.items()}
    for name, command, _ in log:
        connections[name].transmit(bytes.fromhex(command))
    for connection in connections.values():
        connection.close()


def timed(work: Any) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def main() -> None:
    """Measure."""
    name, rounds, card, psam, *noops = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
    log: list[tuple[str, str, str]] = []
    flow(name, Recorded(card, log), Recorded(psam, log))
    to = dict(zip((card, psam), noops, strict=True))
    ours, nothing = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: flow(name, PcscReader(card), PcscReader(psam))))
        nothing.append(timed(lambda: replay(log, to)))
    json.dump({"ours": ours, "noop": nothing, "log": log}, sys.stdout)


if __name__ == "__main__":
    main()
