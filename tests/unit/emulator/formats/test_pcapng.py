"""Captures: what tshark decodes of them, what is read again, and what of other tools' captures is refused."""

import io
import struct
from pathlib import Path

import pytest

import sscard
from emulator.formats import pcapng
from emulator.trace.errors import TraceError
from emulator.trace.event import Event
from tests.kit import child
from tests.kit.traces import ATR, bytes_of, dissected, recorded_day

READ = Event(
    1_800_000_000.5,
    "command",
    "READ RECORD",
    "DF04/EF05",
    "record 1",
    "00B2012C00",
    sw="6982",
    meaning="security status not satisfied",
    clause="Part 5, table 5",
    reason="DF04/EF05 read needs PIN | RK1DF04; proven: nothing",
    seconds=0.25,
    reader="Reader 甲",
)
VERIFY = Event(1_800_000_001.0, "command", "VERIFY", "DF04", "PIN masked", "0020000003******", sw="9000", reader="two")


def write(path: Path, *events: Event) -> Path:
    path.write_bytes(b"".join(pcapng.write(events)))
    return path


def read(data: bytes) -> list[Event]:
    return list(pcapng.read(io.BytesIO(data), "a.pcapng"))


def test_tshark_decodes_commands_and_answers_of_several_readers(tmp_path: Path) -> None:
    on = Event(1_800_000_000.0, "power on", answer=ATR, reader="Reader 甲")
    inserted = Event(1_800_000_000.0, "inserted", fields="ssc-2.0", reader="Reader 甲")
    packets = dissected(write(tmp_path / "a.pcapng", inserted, on, READ, VERIFY))
    frames = [each["frame"] for each in packets]
    names = [each["frame.interface_id_tree"]["frame.interface_name"] for each in frames]
    assert names == ["Reader 甲"] * 3 + ["two"] * 2
    assert [float(each["frame.time_epoch"]) for each in frames] == [
        1_800_000_000.0,
        1_800_000_000.25,
        1_800_000_000.5,
        1_800_000_001.0,
        1_800_000_001.0,
    ]
    assert packets[0]["iso7816.atr"]["iso7816.atr.historical_bytes"] == "00:81:4a:44:46:86:60:51:99:47:18:79:38"
    command, refusal = packets[1]["iso7816"], packets[2]["iso7816"]
    assert "_ws.malformed" not in str(packets)
    assert command["iso7816.apdu.ins"] == "0xb2"
    assert (refusal["iso7816.apdu.sw1"], refusal["iso7816.apdu.sw2"]) == ("0x69", "0x82")
    lines = child.run(["tshark", "-n", "-r", str(tmp_path / "a.pcapng")]).stdout.splitlines()
    assert lines[1].endswith("Read record, EF 5, record 1")
    assert lines[2].endswith("Response APDU (to Read record)")
    assert "Interface → Card" in lines[1]
    assert "Card → Interface" in lines[2]


def test_the_reason_stands_in_the_comment(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcapng", READ, VERIFY)
    dissected(path)  # skips where there is no tshark
    command = ["tshark", "-n", "-r", str(path), "-Y", "iso7816.apdu.sw1 == 0x69", "-T", "fields", "-e", "frame.comment"]
    shown = child.run(command).stdout
    assert shown == (
        "why: DF04/EF05 read needs PIN | RK1DF04; proven: nothing [security status not satisfied (Part 5, table 5)]\n"
    )
    text = child.run(["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.comment"]).stdout
    assert "READ RECORD  DF04/EF05  record 1" in text
    assert "masked: bytes 6-8 stand as FF" in text


def test_tshark_decodes_a_day_of_two_readers(tmp_path: Path) -> None:
    day = recorded_day()
    path = tmp_path / "day.pcapng"
    day.trace.save(path, form="pcapng")
    packets = dissected(path)
    commands = len(day.trace.commands)
    resets = sum(event.kind in ("power on", "reset") for event in day.trace)
    assert len(packets) == 2 * commands + resets > 500
    # What a card sends and begins as an answer to reset, Wireshark takes for one, whatever its dissector is told.
    taken = [event for event in day.trace.commands if event.bare().answer[:2] in ("3B", "3F")]
    if not taken:
        assert "_ws.malformed" not in str(packets)
    seen = [each["iso7816"] for each in packets if "iso7816" in each]
    words = [each["iso7816.apdu.sw1"] + each["iso7816.apdu.sw2"][2:] for each in seen if "iso7816.apdu.sw1" in each]
    assert words == [f"0x{event.sw.lower()}" for event in day.trace.commands if event not in taken]
    interfaces = {each["frame"]["frame.interface_id_tree"]["frame.interface_name"] for each in packets}
    assert interfaces == set(day.readers)


def test_what_is_written_is_read_again() -> None:
    reset = Event(3.0, "reset", answer=ATR, reader="two")
    again = read(b"".join(pcapng.write([READ, reset, VERIFY])))
    assert bytes_of(again) == bytes_of([READ, VERIFY])
    assert [each.kind for each in again] == ["command", "reset", "command"]
    assert [each.time for each in again] == [READ.time, reset.time, VERIFY.time]
    assert (again[0].seconds, again[1].answer) == (0.25, ATR)


def test_notes_wait_for_a_packet_and_are_not_kept_for_ever() -> None:
    notes = [Event(0.0, "note", fields=f"number {at}") for at in range(1000)]
    data = b"".join(pcapng.write([*notes, READ]))
    assert b"number 15" in data
    assert b"number 16" not in data


def test_a_card_in_memory_has_no_reader(tmp_path: Path) -> None:
    card = sscard.Card.issue()
    card.trace = sscard.Trace()
    card.power_on()
    card.transmit(bytes.fromhex("0084000008"))
    card.trace.save(tmp_path / "a.pcapng", form="pcapng")
    assert bytes_of(read((tmp_path / "a.pcapng").read_bytes())) == bytes_of(card.trace)


@pytest.mark.parametrize("apdu", ["", "84", "00A4"])
def test_a_command_of_fewer_than_four_bytes_is_read_again(apdu: str) -> None:
    short = Event(1.0, "command", apdu=apdu, sw="6700")
    assert bytes_of(read(b"".join(pcapng.write([short])))) == bytes_of([short])


def test_a_masked_answer_to_reset_stays_masked() -> None:
    (event,) = read(b"".join(pcapng.write([Event(1.0, "reset", answer="3B**00")])))
    assert (event.kind, event.answer) == ("reset", "3B**00")


@pytest.mark.parametrize(("letter", "left"), [("x", 65_535), ("器", 21_845), ("é", 32_767)])
def test_a_name_and_a_comment_that_no_option_holds_are_cut(letter: str, left: int) -> None:
    """An option has 65,535 bytes at most; the cut is between characters."""
    long = Event(1.0, "command", "READ", "DF04", letter * 70_000, "00B20100", sw="9000", reader=letter * 70_000)
    data = b"".join(pcapng.write([long]))
    assert [each.reader for each in read(data)] == [letter * left]
    assert "\ufffd" not in data.decode("utf-8", "replace").partition(letter)[2].rstrip("\0\ufffd")[: left + 10]


def test_a_clock_that_is_put_back_takes_no_time_away() -> None:
    (event,) = read(section() + interface() + packet(SENT, moment=9) + packet(RECEIVED, moment=4))
    assert event.seconds == 0.0


# -- captures of others, put together here by the format's own description -------------------------------


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    length = 12 + len(body)
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 252, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def packet(
    data: bytes, order: str = "<", *, at: int = 0, whole: int | None = None, moment: int = 0, high: int = 0
) -> bytes:
    head = struct.pack(f"{order}IIIII", at, high, moment, len(data), len(data) if whole is None else whole)
    return block(6, head + data + bytes(-len(data) % 4), order)


def upper(name: bytes, direction: int | None, data: bytes) -> bytes:
    padded = name + bytes(-len(name) % 4)
    way = b"" if direction is None else struct.pack(">HHI", 35, 4, direction)
    return struct.pack(">HH", 12, len(padded)) + padded + way + bytes(4) + data


LATE = struct.pack("<HH", 9, 1) + bytes(8)
"""A clock that counts seconds, and no end of it."""
SENT, RECEIVED = upper(b"iso7816", 0, bytes.fromhex("0084000002")), upper(b"iso7816", 1, bytes.fromhex("ABCD9000"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_orders_of_bytes_and_blocks_that_are_none_of_ours(order: str) -> None:
    nanoseconds = struct.pack(f"{order}HH", 9, 1) + b"\x09\0\0\0" + bytes(4)
    names = block(4, bytes(4), order)
    data = section(order) + interface(options=nanoseconds, order=order) + names + packet(SENT, order, moment=10**9)
    (event,) = read(data + packet(RECEIVED, order, moment=15 * 10**8))
    assert (event.apdu, event.answer, event.sw, event.time, event.seconds) == ("0084000002", "ABCD", "9000", 1.5, 0.5)


def test_commands_without_answers_are_notes() -> None:
    events = read(section() + interface() + packet(RECEIVED) + packet(SENT) + packet(SENT))
    assert [each.kind for each in events] == ["note"] * 3
    assert [each.fields.split(":")[0] for each in events] == [
        "an answer without its command",
        "no answer to 00840000…",
        "no answer to 00840000…",
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            section() + interface(1),
            "interface 0 has link type 1 (Ethernet), and exchanges with cards are read from link",
        ),
        (section() + interface(147), "interface 0 has link type 147, and"),
        (section() + interface() + packet(upper(b"dns", 0, b"x")), "packet 1 is of 'dns', not of a card"),
        (section() + interface() + packet(bytes(8)), "packet 1 is of 'nothing that has a name', not of a card"),
        (section() + interface() + packet(upper(b"iso7816", None, b"x")), "packet 1 does not say which way it went"),
        (
            section() + interface(options=struct.pack("<HHHH", 9, 0, 0, 0)),
            "interface 0 says with 0 bytes how exact its times are (if_tsresol), and it takes one",
        ),
        (section() + packet(SENT), "packet 1 is of interface 0, which is not described"),
        (section() + interface() + packet(SENT, whole=999), "packet 1 is cut off"),
        (section() + interface(options=LATE) + packet(SENT, high=100), "packet 1 has a time after 9998"),
        (section() + interface() + block(3, bytes(8)), "a packet in a block of type 3"),
        (section() + interface() + packet(SENT)[:-9], "cut off in block 3 of the capture"),
        (section() + interface() + packet(SENT)[:5], "cut off in block 3 of the capture"),
        (section() + interface()[:-4] + bytes(4), "a block of the capture begins and ends with other lengths"),
        (section() + struct.pack("<II", 6, 13) + bytes(20), "a block of the capture has 13 bytes: the file is damaged"),
        (
            section() + struct.pack("<II", 6, 1 << 30),
            "a block of the capture has 1073741824 bytes: the file is damaged",
        ),
        (section()[:8] + bytes(20), "a section of the capture has no order of bytes"),
        (section() + block(1, b""), "cut off in block 2 of the capture"),
        (section() + interface() + packet(b"\x00\x0c\x00\x08iso"), "cut off in block 3 of the capture"),
    ],
)
def test_what_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(data)
    assert str(refused.value).startswith(f"a.pcapng: {sentence}")


def test_a_cut_anywhere_is_one_sentence_or_fewer_events() -> None:
    data = b"".join(pcapng.write([READ, VERIFY]))
    for end in range(4, len(data)):
        sentence = ""
        try:
            assert len(read(data[:end])) <= 2
        except TraceError as error:
            sentence = str(error)
        assert not sentence or "cut off in block" in sentence
