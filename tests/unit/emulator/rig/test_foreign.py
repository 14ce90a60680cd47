"""A card that is described by its bytes alone: as our own engine describes it, and no more than bytes can show.

The events of our cards, which know their engine, are what is expected of the same bytes without it.
"""

import itertools
import random
import time
import tracemalloc
from typing import Any

import pytest

import sscard
from cardfs.memory.image import Image
from cardfs.profile.loader import DEMO
from emulator.cards import Card
from emulator.rig.foreign import Foreign, structure
from emulator.trace.event import Event
from emulator.trace.traced import Traced

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
"""SELECT of SSSE by its name, sx1.sh.社会保障."""
DF04 = "00A4000002DF04"
TIME = "20261127093000"
SHOWN = ("kind", "name", "file", "fields", "apdu", "answer", "sw", "meaning", "clause", "reader")


class Recorded:
    """A card of ours whose bytes are recorded, and the events that its engine gives for them."""

    def __init__(self, card: sscard.Card) -> None:
        self.events: list[Event] = []
        self.exchanges: list[tuple[bytes, bytes] | None] = []
        self._card = Traced(Card(_image(card)), self.events.append)

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def power_on(self) -> None:
        self._card.power_on()
        self.exchanges.append(None)

    def power_off(self) -> None:
        self._card.power_off()
        self.exchanges.append(None)

    def reset(self) -> None:
        self._card.reset()
        self.exchanges.append(None)

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        self.exchanges.append((command, answer))
        return answer


def _image(card: sscard.Card) -> Any:
    return Image.in_memory(card.contents)


def described(foreign: Foreign, recorded: Recorded) -> list[Event | None]:
    found: list[Event | None] = []
    for exchange in recorded.exchanges:
        if exchange is None:
            foreign.restart()
            found.append(None)
        else:
            found.append(foreign.describe(*exchange))
    return found


def shown(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in SHOWN}


@pytest.fixture(scope="module")
def contents() -> Any:
    return structure("ssc-2.0")


@pytest.fixture
def foreign(contents: Any) -> Foreign:
    return Foreign(contents)


def ask(foreign: Foreign, command: str, answer: str) -> Event:
    return foreign.describe(bytes.fromhex(command), bytes.fromhex(answer))


def a_day(terminal: sscard.Terminal, wrong_pin: sscard.Terminal) -> None:
    """What a terminal does with a card on a day, some of it refused."""
    hsm = sscard.Hsm(sscard.load_roots(DEMO / "roots.toml"), sscard.load_settings())
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
        wrong_pin.verify_pin()


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0", "ssc-2.0-sm4"])
def test_a_day_of_a_terminal_is_described_as_the_engine_describes_it(profile: str) -> None:
    user, module = Recorded(sscard.Card.issue(profile)), Recorded(sscard.Card.issue("psam"))
    terminal = sscard.Terminal(sscard.InProcess(user), sscard.InProcess(module), pad=lambda _: "123456")
    a_day(terminal, sscard.Terminal(sscard.InProcess(user), None, pad=lambda _: "999999"))
    for command in (SELECT, DF04, "00B2012C00", "00DC012C0500030000FF", "8050000004", "00B2", "00A4000002DF99"):
        user.transmit(bytes.fromhex(command))
    for recorded, kind in ((user, profile), (module, "psam")):
        events = described(Foreign(structure(kind)), recorded)
        assert len([each for each in events if each]) > 40
        for expected, event in zip(recorded.events, events, strict=True):
            assert event is None or shown(event) == shown(expected)


def test_a_pin_is_in_no_event(foreign: Foreign) -> None:
    ask(foreign, SELECT, "9000")
    verified = ask(foreign, "0020000003739154", "9000")
    changed = ask(foreign, "805E010007739154FF471100", "63C2")
    unknown = ask(foreign, "80F0000004739154FF", "6D00")
    assert "739154" not in f"{verified.json()}{changed.json()}{unknown.json()}"
    assert (verified.apdu, verified.fields) == ("0020000003******", "PIN masked")
    assert unknown.apdu == "80F0000004" + "**" * 4


VERIFIED = ("0020000003123456", "9000")
READ = ("00B2012C00", "6982")
"""READ RECORD of DF04/EF05, record 1."""
NOTHING = "in ssc-2.0 DF04/EF05 read needs PIN | RK1DF04; proven: nothing"

REFUSALS: dict[str, tuple[list[tuple[str, str] | None], tuple[str, str], str]] = {
    # what went before (None: a reset), the command and its answer, why
    "a rule": ([(SELECT, "611E"), (DF04, "610A")], READ, NOTHING),
    "a rule that holds": (
        [(SELECT, "611E"), (DF04, "610A"), VERIFIED],
        READ,
        "in ssc-2.0 DF04/EF05 read needs PIN | RK1DF04, which is proven: this card differs",
    ),
    "a rule of updates": (
        [(SELECT, "611E"), (DF04, "610A"), VERIFIED],
        ("00DC012C0500030000FF", "6982"),
        "in ssc-2.0 DF04/EF05 update needs UK1DF04; proven: PIN",
    ),
    "a free file": (
        [(SELECT, "611E")],
        ("00B2043400", "6982"),
        "in ssc-2.0 SSSE/EF06 read is free: this card differs",
    ),
    "a proof ends with the power": (
        [(SELECT, "9000"), VERIFIED, None, (SELECT, "9000"), (DF04, "9000")],
        READ,
        NOTHING,
    ),
    "a PIN that was wrong proves nothing": (
        [(SELECT, "9000"), (DF04, "9000"), ("0020000003123456", "63C2")],
        READ,
        NOTHING,
    ),
    "a key": (
        [(SELECT, "9000"), (DF04, "9000"), ("0084000008", "11" * 8 + "9000"), ("0082008410" + "22" * 16, "9000")],
        ("00B2013400", "6982"),
        "in ssc-2.0 DF04/EF06 read needs PIN & RK1DF04; proven: RK1DF04",
    ),
    "a key of an application ends with it": (
        [
            (SELECT, "9000"),
            (DF04, "9000"),
            ("0084000008", "11" * 8 + "9000"),
            ("0082008410" + "22" * 16, "9000"),
            ("00A4000002DF01", "9000"),
            (DF04, "9000"),
        ],
        READ,
        NOTHING,
    ),
    "a key that the profile does not have": (
        [
            (SELECT, "9000"),
            (DF04, "9000"),
            ("0084000008", "11" * 8 + "9000"),
            ("0082009910" + "22" * 16, "9000"),
        ],
        READ,
        "",
    ),
    "no challenge": (
        [(SELECT, "9000"), (DF04, "9000")],
        ("0082008410" + "22" * 16, "6984"),
        "in ssc-2.0 there is no challenge: send GET CHALLENGE first, once for each use",
    ),
    "no file": (
        [(SELECT, "9000")],
        ("00B2012C00", "6A82"),
        "",  # ssc-2.0 has SSSE/EF05
    ),
    "no file in the profile, too": (
        [(SELECT, "9000"), ("00A4000002DF05", "9000")],
        ("00B201AC00", "6A82"),
        "in ssc-2.0 DF05 has no EF with SFI 15; DF01, DF02, DF03, DF04 and EDEP have one",
    ),
    "no current file": ([(SELECT, "9000")], ("00B2010400", "6986"), "in ssc-2.0 no EF is selected in SSSE"),
    "the current file": (
        [
            (SELECT, "9000"),
            (DF04, "9000"),
            VERIFIED,
            ("00B2012C00", "0102039000"),
            None,
            (SELECT, "9000"),
            (DF04, "9000"),
        ],
        ("00B2010400", "6986"),
        "in ssc-2.0 no EF is selected in DF04",
    ),
    "a length": ([(SELECT, "9000")], ("0084000003", "6700"), "in ssc-2.0 GET CHALLENGE has Le 04, 08, 10"),
    "parameters": (
        [(SELECT, "9000")],
        ("0084010008", "6A86"),
        "in ssc-2.0 GET CHALLENGE has P1 00 with P2 00",
    ),
    "a length that is right": (
        [(SELECT, "9000")],
        ("0084000008", "6700"),
        "by the standard GET CHALLENGE may have this length (Part 5, 6.5)",
    ),
    "parameters that are right": (
        [(SELECT, "9000")],
        ("0084000004", "6A86"),
        "by the standard GET CHALLENGE may have P1 00 with P2 00 (Part 5, 6.5)",
    ),
    "a class that is right": (
        [(SELECT, "9000")],
        ("0084000008", "6E00"),
        "by the standard there is such a command, GET CHALLENGE (Part 5, 6.5)",
    ),
    "a length, though the parameters are wrong, too": (
        [(SELECT, "9000")],
        ("0084010003", "6700"),
        "in ssc-2.0 GET CHALLENGE has Le 04, 08, 10",
    ),
    "a command of another DF": (
        [],
        ("0088000010" + "00" * 16, "6A88"),
        "in ssc-2.0 MF has no key for internal authentication; SSSE has one",
    ),
    "another DF": ([("00A40000021234", "9000")], ("00B2010C00", "6A82"), "the current DF is none of ssc-2.0"),
    "not in the table": (
        [(SELECT, "9000")],
        ("0084000008", "6985"),
        "GET CHALLENGE has no status word 6985 (Part 5, 6.5)",
    ),
    "what only the card knows": ([(SELECT, "9000")], ("0020000003123456", "63C2"), ""),
    "no status word": ([], ("0084000008", "90"), "the answer has 1 bytes, and a status word has 2"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_why_it_refused(foreign: Foreign, name: str) -> None:
    before, (command, answer), why = REFUSALS[name]
    for exchange in before:
        if exchange is None:
            foreign.restart()
        else:
            assert ask(foreign, *exchange).reason == ""
    assert ask(foreign, command, answer).reason == why


def test_the_current_file_is_that_of_the_last_short_identifier(foreign: Foreign) -> None:
    for command in (SELECT, DF04, "0020000003123456"):
        ask(foreign, command, "9000")
    assert ask(foreign, "00B2012C00", "0102039000").file == "DF04/EF05"
    assert ask(foreign, "00B2010400", "0102039000").file == "DF04/EF05"
    assert ask(foreign, "00A4020002EF08", "9000").file == "DF04/EF08"
    assert ask(foreign, "00B2010400", "6982").file == "DF04/EF08"
    assert ask(foreign, SELECT, "9000").file == "SSSE"


def test_a_df_that_the_profile_does_not_have_is_another_one(foreign: Foreign) -> None:
    selected = ask(foreign, "00A4040007A0000000031010", "6F009000")
    assert (selected.file, selected.fields) == ("other DF", "name A0000000031010")
    read = ask(foreign, "00B2010C00", "700201009000")
    assert (read.name, read.file) == ("READ RECORD", "other DF")
    assert ask(foreign, SELECT, "611E").file == "SSSE"


def test_response_data_belong_to_the_command_before(foreign: Foreign) -> None:
    ask(foreign, SELECT, "9000")
    ask(foreign, "0088000010" + "11" * 16, "6108")
    fetched = ask(foreign, "00C0000008", "AABBCCDDEEFF00119000")
    assert fetched.answer == "**" * 8
    foreign.restart()
    alone = ask(foreign, "00C0000008", "AABBCCDDEEFF00119000")
    assert alone.answer == "**" * 8


def test_the_same_bytes_mean_what_the_command_before_makes_of_them(foreign: Foreign) -> None:
    """What is remembered of an exchange is its meaning in one place only, and no time."""
    for _ in range(2):
        select = foreign.describe(bytes.fromhex(SELECT), bytes.fromhex("611E"), 5.0, 0.5, "one")
        again = foreign.describe(bytes.fromhex(SELECT), bytes.fromhex("611E"), 7.0, 0.25, "two")
        assert [(each.time, each.seconds, each.reader) for each in (select, again)] == [
            (5, 0.5, "one"),
            (7, 0.25, "two"),
        ]
        assert (select.name, select.zh) == (again.name, again.zh) == ("SELECT", "选择文件")
        assert ask(foreign, "00C0000008", "AABBCCDDEEFF00119000").answer == "AABBCCDDEEFF0011"
        ask(foreign, "0088000010" + "11" * 16, "6108")
        assert ask(foreign, "00C0000008", "AABBCCDDEEFF00119000").answer == "**" * 8
        assert ask(foreign, *READ).file == "SSSE/EF05"
        ask(foreign, DF04, "610A")
        assert ask(foreign, *READ).file == "DF04/EF05"
        foreign.restart()


def test_no_more_is_remembered_than_fits(foreign: Foreign) -> None:
    for number in range(3000):
        ask(foreign, "0084000008", f"{number:016X}9000")
    assert 0 < len(foreign._known) <= 2048
    foreign._known.clear()
    ask(foreign, "00B0000000", "00" * 700 + "9000")
    assert foreign._known == {}, "a long answer is not kept"


def test_bytes_without_masks_are_kept_when_they_are_asked_for(foreign: Foreign) -> None:
    for unmasked in (False, True, False, True):
        verify, word = bytes.fromhex("0020000003123456"), bytes.fromhex("63C2")
        event = foreign.describe(verify, word, unmasked=unmasked)
        assert event.apdu == "0020000003******"
        assert event.bare().apdu == ("0020000003123456" if unmasked else "0020000003******")


def test_a_card_of_a_financial_environment_is_followed_there(foreign: Foreign) -> None:
    named = ask(foreign, "00A4040008A000000333010101", "6110")
    assert named.file == "DEBIT"
    assert ask(foreign, "80CA9F3600", "6982").name == "GET DATA"


@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0-sm4", "ssc-3.0", "pboc", "psam"])
def test_every_shipped_profile_can_be_followed(profile: str) -> None:
    card = Foreign(structure(profile))
    event = ask(card, "0084000004", "010203049000")
    assert (card.profile, event.name, event.file) == (profile, "GET CHALLENGE", "MF")


def test_whatever_the_bytes_are_there_is_an_event(foreign: Foreign) -> None:
    drawn = random.Random(15)  # noqa: S311
    for _ in range(2000):
        command, answer = drawn.randbytes(drawn.randrange(30)), drawn.randbytes(drawn.randrange(12))
        event = foreign.describe(command, answer)
        assert "a defect of this program" not in event.fields + event.reason
    for cla, ins in itertools.product((0x00, 0x04, 0x80, 0x84, 0xB0), range(256)):
        for word in ("9000", "6110", "6982", "6A88", "6985", "6700"):
            event = foreign.describe(bytes((cla, ins, 0, 0, 4, 1, 2, 3, 4)), bytes.fromhex(word))
            assert "a defect of this program" not in event.fields + event.reason


def test_ten_thousand_exchanges_a_second_and_no_memory(foreign: Foreign) -> None:
    recorded = Recorded(sscard.Card.issue())
    terminal = sscard.Terminal(sscard.InProcess(recorded), sscard.InProcess(sscard.Card.issue("psam")))
    terminal.read_basic()
    day = [each for each in recorded.exchanges if each]

    def rate() -> float:
        began = time.thread_time()
        for _ in range(20):
            for exchange in day:
                foreign.describe(*exchange)
        return 20 * len(day) / (time.thread_time() - began)

    assert max(rate() for _ in range(5)) >= 10_000
    tracemalloc.start()
    try:
        rate()
        before = tracemalloc.get_traced_memory()[0]
        rate()
        rate()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
