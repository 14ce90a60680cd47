"""The state machine of trades: idle, load and purchase (空闲, 帐户划入, 医疗消费; Part 5, 7 and table 49).

Every cell of the table, and every other command of the card: what is not in the table ends the trade,
whether it succeeds or not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from emulator.card.table import Row
from emulator.cards import Card
from emulator.commands.medical.rows import TRADE_ROWS
from emulator.commands.personalise.t514_rows import T514_ROWS
from emulator.commands.social.rows import ROWS
from tests.kit.card import ORIGINAL, PIN_CN
from tests.kit.medical import LOAD, TIME, Begun, MedicalBench, Purse, card_with
from tests.kit.reference import Reference

KEEP: Final = "[settings.trade]\ninit_lifetime = 'keeps'\n"
END: Final = "[settings.trade]\ninit_lifetime = 'ends'\n"
APDU_LEVEL: Final = "[settings.transport]\nlevel = 'apdu'\n"
SECURED: Final = """
[settings.sm]
update_commands = "per-file"
[[ef]]
id = "DF04/EF05"
secured = true
"""
STATES: Final = ("load", "purchase")


def bench(overrides: str = "") -> MedicalBench:
    """A card with money whose last trade was load number 1, so that its proof can be asked for."""
    b = MedicalBench(card_with(Purse(), overrides=overrides))
    b.load(500)
    return b


def enter(b: MedicalBench, state: str) -> Begun:
    """Bring the card into a state; in each the balance suffices."""
    return b.begin_load() if state == "load" else b.begin_purchase()


def finish(b: MedicalBench, state: str, begun: Begun) -> bytes:
    """The command that the state waits for, with the right MAC."""
    return b.credit(begun) if state == "load" else b.debit(begun)


def assert_ended(b: MedicalBench, state: str, begun: Begun) -> None:
    """The trade is over: its second command comes out of turn, and nothing has moved."""
    before = b.cells()
    assert b.trade is None
    assert b.word(finish(b, state, begun)) == "6901"
    assert b.cells() == before


# -- table 49 ----------------------------------------------------------------------------------------

INITIALIZE: Final = ("INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE")


@pytest.mark.parametrize("state", ["idle", *STATES])
@pytest.mark.parametrize("name", INITIALIZE)
@pytest.mark.clause("Part 5, 7", "table 49: an INITIALIZE command begins its trade from every state")
def test_an_initialize_command_begins_its_trade_from_every_state(state: str, name: str) -> None:
    b = bench()
    old = None if state == "idle" else enter(b, state)
    new = b.begin_load(7) if name == INITIALIZE[0] else b.begin_purchase((1, 2, 3))
    if old is not None:
        # What was begun before is forgotten.
        assert b.word(finish(b, state, old)) == ("9302" if (state == "load") is (name == INITIALIZE[0]) else "6901")
        new = b.begin_load(7) if name == INITIALIZE[0] else b.begin_purchase((1, 2, 3))
    word = b.word(finish(b, "load" if name == INITIALIZE[0] else "purchase", new))
    assert word == "9000"


@pytest.mark.parametrize("state", ["idle", *STATES])
@pytest.mark.parametrize("name", ["CREDIT FOR LOAD", "DEBIT FOR PURCHASE"])
@pytest.mark.clause("Part 5, 7", "table 49: the second command of a trade comes after its first only")
def test_the_second_command_of_a_trade_comes_after_its_own_first_only(state: str, name: str) -> None:
    b = bench()
    begun = None if state == "idle" else enter(b, state)
    fits = (state, name) in (("load", "CREDIT FOR LOAD"), ("purchase", "DEBIT FOR PURCHASE"))
    if fits and begun is not None:
        command = finish(b, state, begun)
    else:
        command = bytes.fromhex("B02A00000B") + TIME + bytes(4)
        if name == "DEBIT FOR PURCHASE":
            command = bytes.fromhex("B02C01000F") + bytes(4) + TIME + bytes(4)
    before = b.cells()
    assert b.word(command) == ("9000" if fits else "6901")
    assert (b.cells() == before) is not fits
    # After success as after failure the card is idle.
    assert b.trade is None
    if begun is not None:
        assert_ended(b, state, begun)


INQUIRIES: Final = {
    "balance": "B026000104",
    "self-paid": "B026000206",
    "fund": "B026000306",
    "proof": "B02E0001020001",
}


@pytest.mark.parametrize("overrides", ["", KEEP, END, APDU_LEVEL], ids=["default", "keeps", "ends", "apdu"])
@pytest.mark.parametrize("state", ["idle", *STATES])
@pytest.mark.parametrize("inquiry", list(INQUIRIES))
@pytest.mark.clause("Part 5, 7", "table 49: an inquiry leaves the state")
def test_an_inquiry_leaves_the_state_unless_the_profile_has_it_end(overrides: str, state: str, inquiry: str) -> None:
    """Table 49 against 7.5.1 and 7.6.1: ``trade.init_lifetime``."""
    b = bench(overrides)
    begun = None if state == "idle" else enter(b, state)
    for _ in range(2):
        assert b.word(INQUIRIES[inquiry]) == "9000"
    if begun is None:
        assert b.trade is None
    elif overrides == END:
        assert_ended(b, state, begun)
    else:
        assert b.word(finish(b, state, begun)) == "9000"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("apdu", "word"),
    [
        ("B026000206 00", "6700"),
        ("B026000104 00", "6700"),
        ("B026000106", "6700"),
        ("B026000100", "6700"),
        ("B026000404", "6A86"),
        ("B02E0001020099", "9406"),
        ("B02E0003020001", "6A86"),
        ("B02E00010101", "6700"),
    ],
)
def test_an_inquiry_that_fails_ends_the_trade(state: str, apdu: str, word: str) -> None:
    """Part 5, 7: 如果命令执行不成功，则卡片进入空闲状态."""
    b = bench()
    begun = enter(b, state)
    assert b.send(apdu) == word
    assert_ended(b, state, begun)


@pytest.mark.parametrize("state", STATES)
def test_a_failing_initialize_ends_the_trade_before_it(state: str) -> None:
    b = bench()
    begun = enter(b, state)
    assert b.word(b.begin_load_command(index=9)) == "9403"
    assert_ended(b, state, begun)


@pytest.mark.parametrize("state", STATES)
def test_a_wrong_mac_ends_the_trade_and_the_right_one_comes_too_late(state: str) -> None:
    """Part 7, 11.7 and 12.5."""
    b = bench()
    begun = enter(b, state)
    before = b.cells()
    wrong = b.credit(begun, wrong=True) if state == "load" else b.debit(begun, wrong=True)
    assert b.word(wrong) == "9302"
    assert b.cells() == before
    assert_ended(b, state, begun)


# -- the transport is no command of its own ----------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("how", ["not at all", "at once", "in parts", "after a wrong Le", "after Le 00"])
@pytest.mark.clause("Part 2, 9.3.3", "GET RESPONSE belongs to the command before it")
def test_get_response_belongs_to_the_command_before_it(state: str, how: str) -> None:
    """Part 2, 9.3: under T=0 the answer of INITIALIZE is fetched, which is no command between the two."""
    b = bench()
    command = b.begin_load_command() if state == "load" else b.begin_purchase_command()
    length = 16 if state == "load" else 22
    # The card draws the same numbers again, so what another card answers is what this one would.
    twin = bench()
    begun = enter(twin, state)
    assert b.send(command) == f"61{length:02X}"
    if how == "in parts":
        assert b.send("00C0000005") == begun.answer[:5].hex().upper() + f"61{length - 5:02X}"
        assert b.send(f"00C00000{length - 5:02X}") == begun.answer[5:].hex().upper() + "9000"
    elif how != "not at all":
        if how != "at once":
            assert b.send("00C00000" + ("00" if how == "after Le 00" else "30")) == f"6C{length:02X}"
        assert b.send(f"00C00000{length:02X}") == begun.answer.hex().upper() + "9000"
    assert b.word(finish(b, state, begun)) == "9000"


@pytest.mark.parametrize("state", STATES)
def test_get_response_with_nothing_to_fetch_fails_and_so_ends_the_trade(state: str) -> None:
    b = bench()
    begun = enter(b, state)
    assert b.send("00C0000010") == "6F00"
    assert_ended(b, state, begun)


@pytest.mark.parametrize("state", STATES)
def test_the_answer_to_a_proof_may_be_fetched_within_a_trade(state: str) -> None:
    b = bench()
    begun = enter(b, state)
    assert b.send("B02E0001020001") == "6108"
    assert b.send("00C0000000") == "6C08"
    assert b.send("00C0000008")[-4:] == "9000"
    assert b.word(finish(b, state, begun)) == "9000"


def test_where_a_wrong_le_has_another_word_it_is_a_failure() -> None:
    """Only 6Cxx asks for the command again."""
    b = bench("[settings.status]\nexpected_length_wrong = '6700'\n")
    assert b.send(b.begin_load_command()) == "6110"
    assert b.trade is not None
    assert b.send("00C0000020") == "6700"
    assert b.trade is None


# -- everything else ends it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Other:
    """A command beside table 49.

    Attributes:
        build: brings the card where the command succeeds, before the trade begins, and returns it.
        word: what it answers there.
    """

    build: Callable[[MedicalBench], bytes]
    word: str = "9000"


def plain(apdu: str, *proofs: str) -> Callable[[MedicalBench], bytes]:
    """A command after some authentications."""

    def build(b: MedicalBench) -> bytes:
        b.prove(proofs)
        return bytes.fromhex(apdu)

    return build


def secured(header: str, key: str, *proofs: str, data: str = "") -> Callable[[MedicalBench], bytes]:
    """A command with a MAC under the challenge that was drawn last."""

    def build(b: MedicalBench) -> bytes:
        b.prove(proofs)
        return b.secured(header, bytes.fromhex(data), key)

    return build


def new_pin(b: MedicalBench) -> bytes:
    """PIN CHANGE, under a challenge drawn before the trade."""
    b.prove(("PUK",))
    challenge = b.challenge()
    rules = Reference("DES")
    session = rules.session_key(b.key_value("STK", "DES"), challenge)
    return b.secured("84240001", rules.encrypt(session, PIN_CN), challenge=challenge)


Where = tuple[str, int]
OTHERS: Final[dict[Where, Other]] = {
    ("SELECT", 0x00): Other(plain("00A4020002EF05")),
    ("READ RECORD", 0x00): Other(plain("00B2012C0A")),
    ("READ BINARY", 0x00): Other(plain("00B0850004"), "6981"),
    ("UPDATE RECORD", 0x00): Other(plain("00DC00AB03000131", "UK2DF04")),
    ("UPDATE RECORD", 0x04): Other(secured("04DC012C", "STKDF04", "UK1DF04", data="8108" + "31" * 8)),
    ("UPDATE BINARY", 0x00): Other(plain("00D6850002FFFF"), "6981"),
    ("UPDATE BINARY", 0x04): Other(plain("04D6850006FFFF00000000"), "6981"),
    ("GET CHALLENGE", 0x00): Other(plain("0084000008")),
    ("EXTERNAL AUTHENTICATION", 0x00): Other(lambda b: b.authentication("RK1DF04", 0x84)),
    ("INTERNAL AUTHENTICATION", 0x00): Other(plain("0088000010" + ORIGINAL.hex() * 2), "6108"),
    ("VERIFY", 0x00): Other(plain("0020000003" + PIN_CN.hex())),
    ("CHANGE PIN", 0x80): Other(plain("805E010007" + PIN_CN.hex() + "FF" + PIN_CN.hex())),
    ("PIN CHANGE/UNBLOCK", 0x84): Other(new_pin),
    ("APPLICATION BLOCK", 0x84): Other(secured("841E0001", "STKDF04", "LKDF04")),
    ("CARD BLOCK", 0x84): Other(secured("84160000", "STK", "BK")),
    ("CREATE FILE", 0x80): Other(plain("80E0020000"), "6985"),
    ("DELETE FILE", 0x80): Other(plain("80E1000202EF05"), "6985"),
    ("WRITE KEY", 0x84): Other(plain("84D4000024" + "00" * 36), "6985"),
    ("WRITE KEY", 0x80): Other(plain("80D4000020" + "00" * 32), "6987"),
    ("UPDATE STARTING DAY", 0xB0): Other(plain("B0560000020701", "DSK")),
    ("GET STARTING DAY", 0xB0): Other(plain("B056010002")),
}
IN_TABLE_49: Final = frozenset(
    (
        *INITIALIZE,
        "CREDIT FOR LOAD",
        "DEBIT FOR PURCHASE",
        "GET BALANCE",
        "GET TRANSACTION PROOF",
        "GET RESPONSE",  # of the transport
    )
)


def _where(row: Row) -> Where:
    return row.name, row.cla


def test_every_command_of_the_card_is_in_table_49_or_among_the_others() -> None:
    every = {_where(row) for row in (*ROWS, *TRADE_ROWS, *T514_ROWS)}
    assert {where for where in every if where[0] not in IN_TABLE_49} == set(OTHERS)
    assert {where[0] for where in every} >= IN_TABLE_49


def _other(where: Where, b: MedicalBench, state: str) -> tuple[bytes, Begun]:
    command = OTHERS[where].build(b)
    return command, enter(b, state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("where", list(OTHERS), ids=lambda where: f"{where[0]}/{where[1]:02X}")
def test_any_other_command_ends_the_trade(where: Where, state: str) -> None:
    """Part 5, 7.5.1 and 7.6.1: 仅对下一条命令有效."""
    b = bench(SECURED)
    command, begun = _other(where, b, state)
    assert b.trade is not None
    assert b.send(command)[-4:] == OTHERS[where].word
    assert b.trade is None
    expected = {"APPLICATION BLOCK": "9303", "CARD BLOCK": "6A81"}.get(where[0], "6901")
    assert b.word(finish(b, state, begun)) == expected


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("where", list(OTHERS), ids=lambda where: f"{where[0]}/{where[1]:02X}")
def test_any_other_command_ends_the_trade_also_when_it_fails(where: Where, state: str) -> None:
    b = bench(SECURED)
    command, begun = _other(where, b, state)
    # P1 P2 that no command has. Those with a row of their own for each P1 get the last one's refusal.
    assert b.send(command[:2] + b"\x7f\x7f" + command[4:]) in ("6A86", "6982", "6B00", "6A82", "6A83", "6986")
    assert_ended(b, state, begun)


NO_COMMANDS: Final = {
    "an unknown instruction": ("0033000000", "6D00"),
    "an unknown class": ("7F84000008", "6E00"),
    "another class": ("002A00000B" + "00" * 11, "6E00"),
    "trade class, instruction of the environment": ("B084000008", "6E00"),
    "an unknown trade instruction": ("B033000000", "6D00"),
    "three bytes": ("00A400", "6700"),
    "nothing": ("", "6700"),
    "a length that is wrong": ("B02A00000C" + "00" * 11, "6700"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", list(NO_COMMANDS))
def test_what_is_no_command_ends_the_trade_too(name: str, state: str) -> None:
    apdu, word = NO_COMMANDS[name]
    b = bench()
    begun = enter(b, state)
    assert b.send(apdu) == ("6901" if name == "a length that is wrong" and state == "purchase" else word)
    assert_ended(b, state, begun)


@pytest.mark.parametrize("event", [Card.reset, Card.power_on, Card.power_off], ids=lambda each: each.__name__)
@pytest.mark.parametrize("state", STATES)
def test_a_reset_between_the_two_commands_ends_the_trade(event: Callable[[Card], None], state: str) -> None:
    """Part 4, 7.5: the session key is volatile."""
    b = bench()
    begun = enter(b, state)
    command = finish(b, state, begun)
    event(b.card)
    b.get_ready()
    before = b.cells()
    assert b.word(command) == "6901"
    assert b.cells() == before
    assert b.proof(LOAD, 1)[-4:] == "9000"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("select", ["00A4000002DF04", "00A4000002DF03", "00A4000002DDF1", "00A4040006D15600000503"])
def test_selecting_an_application_makes_the_card_idle(state: str, select: str) -> None:
    """Part 5, 7: 应用选择完成后，卡片首先进入空闲状态; also when it was selected before."""
    b = bench()
    begun = enter(b, state)
    command = finish(b, state, begun)
    assert b.word(select) == "9000"
    assert b.trade is None
    b.select_df("DF04")
    assert b.word(command) == "6901"


def test_two_cards_are_two_trades() -> None:
    one, other = bench(), bench("[settings.trade]\nalgorithm_byte = 'fci'\n")
    begun = one.begin_load()
    assert other.word(other.credit(begun)) == "6901"
    assert one.word(one.credit(begun)) == "9000"
