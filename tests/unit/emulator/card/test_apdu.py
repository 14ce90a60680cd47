"""A command APDU as a value (Part 5, 5.1). The cases and lengths of whole APDUs are in `conformance/social`."""

import pytest

from emulator.card.apdu import Command, parse

VERIFY = bytes.fromhex("0020000003123456")


def test_commands_of_the_same_bytes_are_one_value() -> None:
    one, other = parse(VERIFY), parse(VERIFY)
    assert one is not None
    assert one == other
    assert {one: "first"}[other] == "first"
    assert one != VERIFY


@pytest.mark.parametrize(
    "changes",
    [
        {"cla": 0x80},
        {"ins": 0x84},
        {"p1": 1},
        {"p2": 1},
        {"data": b"\x12\x34\x57"},
        {"le": 1},
        {"le_zero": True},
        {"well_formed": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_field_counts_in_a_comparison(changes: dict[str, object]) -> None:
    command = Command(0x00, 0x20, 0x00, 0x00, b"\x12\x34\x56")
    assert command._replace(**changes) != command  # type: ignore[arg-type]
    assert command._replace() == command


def test_what_is_shown_of_a_command_holds_no_pin() -> None:
    assert repr(parse(VERIFY)) == "Command(00200000, 3 bytes)"
    assert repr(parse(bytes.fromhex("0084000008"))) == "Command(00840000, 0 bytes, Le 8)"


@pytest.mark.parametrize(("cla", "secured"), [(0x00, False), (0x04, True), (0x84, True), (0x80, False), (0x0C, False)])
def test_the_class_announces_secure_messaging(cla: int, secured: bool) -> None:
    """Part 4, 8.1: CLA x4."""
    assert Command(cla, 0x20, 0, 0).secured is secured
