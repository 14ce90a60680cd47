"""The trace: every command decoded, every secret masked, every refusal with its reason and clause."""

import json
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cardfs.memory.image import Image
from cardfs.model.settings import ChallengeSettings, Settings, SmSettings
from emulator.cards import Card
from emulator.commands.sets import SETS
from emulator.commands.social.rows import ROWS
from emulator.status import MEANINGS
from emulator.trace.event import Event, JsonLines
from emulator.trace.mask import MASK
from emulator.trace.traced import Traced
from keys.generate import SeededRandom
from tests.kit.card import (
    MF,
    ORIGINAL,
    PIN,
    PIN_CN,
    SSSE,
    SSSE_NAME,
    CardBench,
    HandmadeBench,
    contents,
    handmade,
    masked_by,
)
from tests.kit.fmcos import FmcosBench, application
from tests.kit.issuer import ADF, stage
from tests.kit.reference import Reference

SECRET = bytes.fromhex("D1E2F3A4B5C6D7E8")
SECURED = Settings(sm=SmSettings(update_commands="per-file", read_commands="per-file"))


class Witness(CardBench):
    """A demo card whose trace is kept."""

    def __init__(self, profile: str = "ssc-2.0", *, card: Card | None = None) -> None:
        super().__init__(card=card or Card(Image.in_memory(contents(profile)), SeededRandom("trace")))
        self.events: list[Event] = []
        self.traced = Traced(self.card, self.events.append)

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = self.traced.transmit(raw)
        assert self.card.bug is None, self.card.bug
        return answer.hex().upper()

    def told(self, apdu: str | bytes) -> Event:
        """Send one command; what was told of it."""
        self.send(apdu)
        return self.events[-1]


class HandmadeWitness(HandmadeBench):
    """The card made by hand, traced."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.events: list[Event] = []
        self.traced = Traced(self.card, self.events.append)

    def send(self, apdu: str | bytes) -> str:
        if not hasattr(self, "traced"):
            return super().send(apdu)
        return self.traced.transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu).hex().upper()

    def told(self, apdu: str | bytes) -> Event:
        self.send(apdu)
        return self.events[-1]


@pytest.fixture
def card() -> Witness:
    """A 2.0 card with its SSSE selected."""
    witness = Witness()
    witness.select_ssse()
    return witness


# Every command says what it means -------------------------------------------------------------------


def test_a_select_by_name_says_the_name_in_characters(card: Witness) -> None:
    event = card.told(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME)
    assert (event.name, event.file, event.fields) == ("SELECT", "SSSE", "name sx1.sh.社会保障")
    assert (event.sw, event.meaning, event.clause) == ("611E", "30 bytes wait for GET RESPONSE", "Part 2, 9.3.2")


@pytest.mark.parametrize(
    ("apdu", "file", "fields"),
    [
        ("00A4000002DF04", "DF04", "FID DF04"),
        ("00A40000023F00", "MF", "FID 3F00"),
        ("00A40000", "MF", "FID none: MF"),
        ("00A4020002EF05", "SSSE/EF05", "FID EF05"),
        ("00A4000002DF0F", "SSSE", "FID DF0F"),
        ("00A4040205D156000005", "DF02", "name D156000005, next"),
    ],
)
def test_a_select_says_what_it_looks_for(card: Witness, apdu: str, file: str, fields: str) -> None:
    if "04020" in apdu:
        card.send(apdu.replace("A40402", "A40400"))
    event = card.told(apdu)
    assert (event.name, event.file, event.fields) == ("SELECT", file, fields)


def test_a_record_is_told_by_its_element_and_value(card: Witness) -> None:
    event = card.told("00B2023400")
    assert (event.sw[:2], event.file, event.fields) == ("6C", "SSSE/EF06", "record 2")
    length = event.sw[2:]
    event = card.told(f"00B20234{length}")
    assert event.fields == "record 2: holder_name 测试甲"
    assert event.answer.startswith("091E")


@pytest.mark.parametrize(
    ("p1", "p2", "words"),
    [
        ("4E", 0, "first with tag 4E"),
        ("4E", 1, "last with tag 4E"),
        ("00", 2, "next with tag 00"),
        ("00", 3, "previous with tag 00"),
        ("02", 4, "record 2"),
        ("00", 4, "the current record"),
        ("02", 5, "record 2 to the last"),
        ("02", 6, "the last to record 2"),
        ("02", 7, "mode 7"),
    ],
)
def test_every_way_to_name_a_record_is_told(card: Witness, p1: str, p2: int, words: str) -> None:
    assert card.told(f"00B2{p1}{0x30 | p2:02X}00").fields.split(":")[0] == words


def test_an_update_of_a_record_is_told_as_what_is_written(card: Witness) -> None:
    card.prove(("UKSSSE",))
    event = card.told("00DC0434034D0131")
    assert (event.name, event.file, event.sw) == ("UPDATE RECORD", "SSSE/EF06", event.sw)
    assert event.fields.startswith("record 4")


def test_a_secured_update_is_told_without_its_mac() -> None:
    card = HandmadeWitness(SECURED)
    plain = bytes.fromhex("0104A1A2A3A4")
    event = card.told(card.secured("04DC0164", plain))
    assert (event.sw, event.file) == ("9000", "SSSE/EF0C")
    event = card.told(card.secured("04D68D00", b"\x01\x02\x03"))
    assert (event.sw, event.fields) == ("9000", "3 bytes at 0")


def test_an_enciphered_update_is_told_as_such_and_not_decoded() -> None:
    """Its bytes say nothing, and are no secret; the MAC of a reading is none either."""
    card = HandmadeWitness(SECURED)
    raw = card.secured("04DC01B4", bytes.fromhex("0104A1A2A3A4"), enciphered=True)
    event = card.told(raw)
    assert (event.sw, event.fields, event.apdu) == ("9000", "record 1: enciphered", raw.hex().upper())
    event = card.told(card.secured("04D69702", b"\x01\x02\x03", enciphered=True))
    assert (event.sw, event.fields) == ("9000", "8 bytes, enciphered, at 2")
    raw = card.secured("04B201B4")
    event = card.told(raw)
    assert (event.name, event.sw, event.fields, event.apdu) == ("READ RECORD", "6106", "record 1", raw.hex().upper())
    assert event.clause == "Part 2, 9.3.2"
    event = card.told("00C0000006")
    assert event.answer == "0104A1A2A3A4"


def test_binary_commands_are_told_by_length_and_offset() -> None:
    card = HandmadeWitness()
    assert card.told("00B0870010").fields == "16 bytes at 0"
    assert card.told("00B0010004").fields == "4 bytes at 256"
    assert card.told("00D6870A020102").fields == "2 bytes at 10"
    assert card.told("00B0FF0010").fields.startswith("at ")


def test_an_authentication_is_told_by_the_name_of_its_key(card: Witness) -> None:
    assert card.told("0084000008").fields == "8 random bytes"
    event = card.told(card.authentication("RKSSSE", 0x0A))
    assert (event.fields, event.sw) == ("RKSSSE 0A", "9000")
    assert card.told(card.authentication("UKSSSE", 0x04, 2)).fields == "UKSSSE 04 version 2"
    assert card.told("0082007F10" + "00" * 16).fields == "key 7F"
    assert card.told("0088000010" + "00" * 16).fields == "IRK"
    assert card.told("0088000011" + "00" * 16 + "02").fields == "IRK version 2"


def test_pins_are_told_of_and_not_told(card: Witness) -> None:
    assert card.told("00200000").fields == "no PIN: how many tries?"
    assert card.told(f"0020000003{PIN}").fields == "PIN masked"
    assert card.told(f"805E010007{PIN}FF{PIN}").fields == "PINs masked"
    assert card.told("8424000004" + "00" * 4).fields == "unblock the PIN"
    assert card.told("842400010C" + "00" * 12).fields == "replace the PIN, which is masked"


def test_what_cannot_be_taken_back_is_told_as_such(card: Witness) -> None:
    card.send("00A4000002DF04")
    assert card.told("841E000104" + "00" * 4).fields == "DF04 for ever"
    assert card.told("8416000004" + "00" * 4).fields == "the card for ever"


def test_a_get_response_is_told_by_its_length(card: Witness) -> None:
    card.send("00A4000002DF04")
    event = card.told("00C000000A")
    assert (event.name, event.fields, event.sw) == ("GET RESPONSE", "10 bytes", "9000")
    assert event.answer.startswith("6F08")


def test_what_is_no_command_is_told_too(card: Witness) -> None:
    assert card.told("").name == card.told("00").name == "fragment"
    assert card.told("0070").name == "INS 70"
    assert card.told("0070000001FF").name == "INS 70"


def test_every_row_of_the_table_is_told_by_its_name_and_clause() -> None:
    for row in ROWS:
        card = HandmadeWitness(SECURED)
        event = card.told(bytes((row.cla, row.ins, 0, 0, 0)))
        assert event.name == row.name
        assert event.clause


def test_a_success_has_the_clause_of_its_command(card: Witness) -> None:
    assert card.told("0084000008").clause == "Part 5, 6.5"
    assert card.told(f"0020000003{PIN}").clause == "Part 5, 6.14"


# Secrets --------------------------------------------------------------------------------------------


def masked(event: Event, *secrets: bytes) -> None:
    """Check that no secret, and no half of one, stands anywhere in an event."""
    # Not in the whole line: digits of a time are no secret.
    told = (event.name, event.file, event.fields, event.apdu, event.answer, event.meaning, event.reason)
    text = " ".join(told).upper()
    for secret in secrets:
        half = secret[: max(2, len(secret) // 2)].hex().upper()
        assert half not in text, (half, text)
        assert secret[-len(secret) // 2 :].hex().upper() not in text, text


@pytest.mark.parametrize("cla", [0x00, 0x04, 0x80, 0x84, 0xFF])
@pytest.mark.parametrize("p3", ["03", "02", "04", "00", "FF", ""])
@pytest.mark.parametrize("ins", [0x20, 0x5E, 0x24, 0xD4, 0xFE])
def test_a_pin_is_masked_whatever_class_and_length_it_comes_with(card: Witness, cla: int, p3: str, ins: int) -> None:
    for rest in ("", "00", "0000", "9999"):
        event = card.told(f"{cla:02X}{ins:02X}0000{p3}{PIN}{rest}")
        masked(event, PIN_CN)


def test_the_mask_keeps_the_length(card: Witness) -> None:
    assert card.told(f"0020000003{PIN}").apdu == "0020000003" + MASK * 3
    assert card.told(f"805E010007{PIN}FF{PIN}").apdu == "805E010007" + MASK * 7
    assert card.told(f"0020000005{PIN}").apdu == "00200000" + MASK * 4


def test_an_enciphered_pin_is_masked_and_its_mac_is_not() -> None:
    command = bytes.fromhex("842400010C") + SECRET + b"\x11\x22\x33\x44"
    assert shown(command) == "842400010C" + MASK * 8 + "11223344"
    plain = b"\x80" + command[1:]
    assert shown(plain) == "802400010C" + MASK * 12, "without secure messaging there is no MAC"


def test_authentication_data_are_masked_and_the_original_data_are_not(card: Witness) -> None:
    command = card.authentication("RKSSSE", 0x0A)
    event = card.told(command)
    assert event.apdu == "0082000A10" + MASK * 8 + ORIGINAL.hex().upper()
    version = card.told(card.authentication("RKSSSE", 0x0A, 2))
    assert version.apdu == "0082000A11" + MASK * 8 + ORIGINAL.hex().upper() + "02"


@pytest.mark.parametrize("p3", ["0F", "11", "00", "000010", "08"])
def test_authentication_data_with_a_wrong_length_are_masked(card: Witness, p3: str) -> None:
    command = card.authentication("RKSSSE", 0x0A)
    masked(card.told(command[:4] + bytes.fromhex(p3) + command[5:]), command[5:13])


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
def test_the_answer_of_internal_authentication_is_masked_when_it_is_fetched(profile: str) -> None:
    card = Witness(profile)
    card.select_ssse()
    command = "0088000010" + "0102030405060708" + "1112131415161718"
    answer = bytes.fromhex(card.ask(command)[:-4])
    suite = card.key_suite("IRK")
    assert answer == Reference(suite).auth(card.key_value("IRK", suite), bytes(range(1, 9)), bytes(range(0x11, 0x19)))
    assert [event.name for event in card.events[-2:]] == ["INTERNAL AUTHENTICATION", "GET RESPONSE"]
    assert card.events[-1].answer == MASK * 8
    for event in card.events:
        masked(event, answer)


def test_it_is_masked_in_pieces_and_after_a_wrong_length_too(card: Witness) -> None:
    command = "0088000010" + "00" * 16
    answer = bytes.fromhex(card.ask(command)[:-4])
    card.send(command)
    for part in ("00C0000003", "00C0000009", "00C0000003", "00C0000002"):
        card.send(part)
    for event in card.events:
        masked(event, answer)
    assert card.told("00A4000002DF04").sw == "610A"
    assert card.told("00C000000A").answer.startswith("6F08"), "other answers are shown"


def test_it_is_masked_under_t1_where_it_comes_at_once() -> None:
    card = HandmadeWitness(t1=True)
    event = card.told("0088000010" + "00" * 16 + "00")
    assert (event.sw, event.answer) == ("9000", MASK * 8)


def test_a_transport_key_and_a_key_to_load_are_masked(card: Witness) -> None:
    key = SECRET * 2
    masked(card.told(b"\x80\xe0\x03\x00\x10" + key), key)
    masked(card.told(b"\x80\xe0\x00\x00\x10" + key), key)
    masked(card.told(b"\x80\xd4\x00\x00\x10" + key), key)
    masked(card.told(b"\x84\xd4\x00\x00\x24" + key + key + b"\x01\x02\x03\x04"), key)


TABLE = SETS.table(Settings())


def shown(raw: bytes) -> str:
    """A command as the trace of a social-security card shows it."""
    return masked_by(TABLE, raw)


@given(cla=st.integers(0, 255), ins=st.integers(0, 255), p3=st.binary(max_size=3), rest=st.binary(max_size=4))
def test_a_command_that_the_card_does_not_have_is_masked_whole(cla: int, ins: int, p3: bytes, rest: bytes) -> None:
    assume(TABLE.find(cla, ins, 0) is None)
    raw = bytes((cla, ins, 0, 0)) + p3 + SECRET + rest
    assert set(shown(raw)[10:]) == {"*"}


@given(
    cla=st.integers(0, 255),
    ins=st.sampled_from((0x20, 0x5E)),
    p1p2=st.binary(min_size=2, max_size=2),
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
)
def test_a_pin_is_masked_wherever_it_stands(cla: int, ins: int, p1p2: bytes, before: bytes, after: bytes) -> None:
    raw = bytes((cla, ins)) + p1p2 + before + SECRET + after
    text = shown(raw)
    assert len(text) == 2 * len(raw)
    assert set(text[10:]) == {"*"}


# JSON lines -----------------------------------------------------------------------------------------


def test_json_lines_are_valid_and_complete(card: Witness) -> None:
    stream = StringIO()
    traced = Traced(card.card, JsonLines(stream), clock=lambda: 1_700_000_000.25)
    traced.power_on()
    traced.transmit(bytes.fromhex("00B2010400"))
    traced.transmit(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME)
    traced.reset()
    traced.power_off()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["kind"] for line in lines] == ["power on", "command", "command", "reset", "power off"]
    assert {datetime.fromisoformat(line["time"]).timestamp() for line in lines} == {1_700_000_000.25}
    refused, selected = lines[1:3]
    assert set(selected) == {
        *("time", "kind", "name", "zh", "file", "fields", "apdu", "sw", "meaning", "clause", "seconds"),
    }
    assert set(refused) == {*selected, "reason"}
    assert 0 < selected["seconds"] < 1
    assert "社会保障" in stream.getvalue(), "as characters, not escaped"


def test_an_event_is_one_line_whatever_is_in_it(card: Witness) -> None:
    name = "a\nb\u2028c".encode("gb18030")
    event = card.told(b"\x00\xa4\x04\x00" + bytes((len(name),)) + name)
    assert len(event.json().splitlines()) == 1
    assert json.loads(event.json())["apdu"].startswith("00A40400")


@settings(max_examples=300, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=40),
        st.builds(
            lambda row, p, tail: bytes((row.cla, row.ins)) + p + tail,
            st.sampled_from(ROWS),
            st.binary(min_size=2, max_size=2),
            st.binary(max_size=30),
        ),
    )
)
def test_any_bytes_can_be_told(raw: bytes) -> None:
    for profile in ("ssc-2.0", "ssc-3.0"):
        card = Witness(profile)
        card.select_ssse()
        event = card.told(raw)
        again = json.loads(event.json())
        assert again["sw"] == event.sw
        assert again["name"]


def test_what_is_told_later_is_the_same() -> None:
    waiting: list[Any] = []
    card, events = Witness(), list[Event]()
    late = Traced(card.card, events.append, clock=lambda: 1.0, later=lambda tell, _: waiting.append(tell))
    for apdu in ("00A40000023F00", "00C0000004", f"0020000003{PIN}"):
        late.transmit(bytes.fromhex(apdu))
    late.power_off()
    assert not events
    for tell in waiting:
        tell()
    assert [event.name or event.kind for event in events] == ["SELECT", "GET RESPONSE", "VERIFY", "power off"]
    assert events[1].answer


class Retold(Traced):
    """A card in the place of a bench's own: every command is told at once, and kept to be told again."""

    def __init__(self, bench: CardBench) -> None:
        self.events: list[Event] = []
        self._kept: list[Any] = []
        super().__init__(bench.card, self.events.append, clock=lambda: 1.0, later=self._both)
        bench.card = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._card, name)

    def _both(self, tell: Any, _size: int) -> None:
        tell()
        self._kept.append(tell)

    def again(self) -> list[Event]:
        """Tell everything once more, on the card as it is now."""
        at_once, self.events[:] = list(self.events), []
        for tell in self._kept:
            tell()
        again, self.events[:] = list(self.events), at_once
        return again


def test_what_is_told_after_its_files_were_deleted_is_the_same() -> None:
    """DELETE FILE and DELETE STRUCTURE of the coding t514, and the erasing of FMCOS."""
    issuer = stage("personalising", at=ADF)
    told = Retold(issuer)
    issuer.send("00B0850010")
    issuer.send("00B2014400")
    issuer.select(SSSE)
    assert issuer.prove() == "9000"
    assert issuer.delete(0xDF01) == "9000"
    assert issuer.prove() == "9000"
    assert issuer.delete_all() == "9000"
    issuer.select(MF)
    assert issuer.prove() == "9000"
    assert issuer.delete(0xDDF1) == "6985"
    bench = application(FmcosBench(), create_erase="F0F0")
    retold = Retold(bench)
    bench.send("00B0960008")
    bench.ok("800E000000")
    bench.ok("00A40000023F00")
    bench.ok("800E000000")
    for each in (told, retold):
        assert each.again() == each.events
        assert not [event for event in each.events if "defect" in event.fields]
    assert told.events[0].file == "DF01/EF05"
    assert retold.events[0].name == "READ BINARY"


def test_what_cannot_be_described_is_told_without_its_meaning(card: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise LookupError("nowhere")

    monkeypatch.setattr("emulator.trace.describe._meaning", broken)
    event = card.told(f"0020000003{PIN}")
    assert (event.sw, event.apdu, event.fields) == (
        *("9000", "00200000" + MASK * 4),
        "a defect of this program, the command cannot be described: LookupError",
    )


# Refusals -------------------------------------------------------------------------------------------


def refusals() -> Iterator[tuple[str, HandmadeWitness, str | bytes]]:
    """For every word of the standard a card and a command that it refuses with it."""

    def card(**options: Any) -> HandmadeWitness:
        return HandmadeWitness(SECURED, **options)

    yield "6700", card(), "00200000"[:6]
    yield "6700", card(), "0020000009123456"
    yield "6981", card(), "00B0850010"
    yield "6982", card(), "00B2013400"
    yield "6984", card(), "0082000A10" + "00" * 16
    yield "6986", card(), "00B2010400"
    yield "6987", card(), "00DC0164060104A1A2A3A4"
    yield "6A80", card(), "805E010003123456"
    yield "6A82", card(), "00A4000002DF0F"
    yield "6A83", card(), "00B2092C00"
    yield "6A84", card(), "00DC0028" + "26" + "7F24" + "00" * 36
    yield "6A85", card(), "00DC012C030105A1"
    yield "6A86", card(), "00A4010002DF01"
    yield "6A88", card(), "0082007F10" + "00" * 16
    yield "6B00", card(), "00B08D7F01"
    yield "6D00", card(), "0070000000"
    yield "6E00", card(), "90A40000023F00"
    yield "6F00", card(), "00C0000005"
    yield "6C10", card(), "00B08D0020"
    wrong = card()
    yield "63C2", wrong, "0020000003999999"
    locked = card(tries=1)
    locked.send("0020000003999999")
    yield "6983", locked, f"0020000003{PIN}"
    bad = card()
    bad.challenge()
    yield "6988", bad, "04DC01640A0104A1A2A3A400000000"
    puk = card()
    puk.prove(("PUK",))
    yield "6984", puk, "8424000004" + "00" * 4
    closed = card()
    closed.lock_application()
    yield "9303", closed, "00B2010400"
    dead = card()
    dead.lock_card()
    yield "6A81", dead, "00A40000023F00"
    worn = card()
    worn.store.writes_left = 0
    yield "6581", worn, f"0020000003{PIN}"


def test_every_refusal_has_its_reason_and_clause() -> None:
    seen = set()
    for word, card, apdu in refusals():
        event = card.told(apdu)
        assert event.sw == word, (word, event)
        assert event.reason, event
        assert event.clause, event
        assert event.meaning, event
        assert "\n" not in event.reason
        seen.add(event.sw)
    rare = {"9000", "6100", "6901", "6985", "6C00", "63C0", "9302", "9401", "9402", "9403", "9406", "6283", "6300"}
    assert {f"{word:04X}" for word in MEANINGS} - seen <= rare


def test_an_access_refusal_names_rule_and_proofs() -> None:
    card = HandmadeWitness()
    card.prove(("PIN",))
    event = card.told("00B2013400")
    assert (event.file, event.reason) == ("SSSE/EF06", "SSSE/EF06 read needs RK; proven: PIN")


def test_a_challenge_that_is_gone_is_said() -> None:
    card = HandmadeWitness(Settings(challenge=ChallengeSettings()))
    event = card.told("0082000A10" + "00" * 16)
    assert event.reason == "there is no challenge: send GET CHALLENGE first, once for each use"


def test_a_success_has_no_reason(card: Witness) -> None:
    assert card.told("0084000008").reason == ""
    assert card.told(f"0020000003{PIN}").reason == ""


def test_the_trace_changes_no_answer() -> None:
    plain, traced = CardBench(), Witness(card=Card(Image.in_memory(contents()), SeededRandom("bench")))
    for apdu in ("00A40000023F00", "00C0000004", "0084000008", "00B2010400", "0020000003999999", "", "00"):
        assert plain.send(apdu) == traced.send(apdu)
    assert plain.cells() == traced.cells()
    assert traced.traced.atr == plain.card.atr


def test_a_card_made_by_hand_without_data_elements_is_told() -> None:
    card = HandmadeWitness(contents=handmade())
    assert card.told("00B2012C04").fields == "record 1"
