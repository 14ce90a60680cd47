"""Recorded exchanges for tests: a day of a terminal with a card and a PSAM, and what tshark makes of a capture."""

import json
import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import sscard
from tests.kit import child

TIME: Final = "20261127093000"
ATR: Final = "3B6D000000814A44468660519947187938"
"""An answer to reset of a card of the demo inputs."""


class Day(NamedTuple):
    """A day of a terminal, recorded without masks, and both cards as they were in the morning."""

    trace: sscard.Trace
    card: sscard.Card
    psam: sscard.Card
    readers: tuple[str, str]


def a_day(rig: sscard.Rig) -> Day:
    """Identify the card, read it, load it, pay, read the balance, write and unblock the PIN; one refusal."""
    card, psam = rig.card.fork(), rig.psam.fork()
    hsm, terminal = rig.hsm(), rig.terminal()
    basic = terminal.read_basic().text
    holder, info = sscard.HsmCard.of(basic), terminal.identify().info
    terminal.read(info, "DF01EF05|$")
    terminal.verify_pin()
    terminal.load(info, "100.00", lambda text: hsm.load(text, holder, TIME))
    terminal.debit(info, f"12.50|12.50|{TIME}|")
    terminal.balance()
    terminal.write(info, "DF01EF07|29|$", "DF01EF07|1|$")
    terminal.unblock_pin(info)
    with pytest.raises(sscard.TerminalError):
        rig.terminal(pin="999999").verify_pin()
    one, two = (reader.name for reader in rig.readers)
    return Day(rig.trace, card, psam, (one, two))


def recorded_day() -> Day:
    """Return such a day in process."""
    with sscard.Rig(["demo", "psam"], unmasked=True) as rig:
        return a_day(rig)


def bytes_of(events: Any) -> list[tuple[str, str, str, str]]:
    """Return reader, command, answer and status word of the commands among events."""
    return [(each.reader, each.apdu, each.answer, each.sw) for each in events if each.kind == "command"]


def dissected(path: Path, *options: str) -> list[dict[str, Any]]:
    """Return the layers of each packet as tshark shows them; skip the test where there is no tshark."""
    if shutil.which("tshark") is None:
        pytest.skip("there is no tshark")
    command = ["tshark", "-n", "-r", str(path), "-T", "json", "--no-duplicate-keys", *options]
    return [packet["_source"]["layers"] for packet in json.loads(child.run(command).stdout)]
