"""The terminal over two real PC/SC readers: user card and PSAM in them, keys nowhere else."""

import json
import sys
from collections.abc import Iterator

import pytest

from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey
from emulator.cards import Card
from emulator.reader.vpcd import Slot
from emulator.terminal import Settings, Terminal, TerminalError
from emulator.terminal.pcsc import PcscReader, find_readers
from tests.kit import child
from tests.kit.card import PIN, SSSE, contents
from tests.kit.cli import NAME, harmless
from tests.kit.terminal import INFO, PAYMENT, TERMINAL_NUMBER, TIME, expected_tac, psam_contents, with_money
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

SSCARD = [sys.executable, "-m", "emulator.cli"]
DEMO = ["--pin", "123456"]


class Readers:
    """A stack with both cards in it, the user card in the second reader."""

    def __init__(self, stack: PcscStack, profile: str) -> None:
        self.stack = stack
        self.user = Card(Image.in_memory(with_money(contents(profile), 5000)))
        self.psam = Card(Image.in_memory(psam_contents()))
        self.slots: list[Slot] = []

    def cells(self) -> list[dict[CellKey, Cell]]:
        return [dict(card.image.store.load()) for card in (self.user, self.psam)]

    def terminal(self, pin: str = PIN) -> Terminal:
        card, psam, _ = find_readers(None, None, Settings())
        assert card is not None
        assert psam is not None
        assert [card.name, psam.name] == [self.stack.readers[1], self.stack.readers[0]]
        return Terminal(card, psam, pad=lambda _: pin)


@pytest.fixture(params=["ssc-2.0", "ssc-3.0"])
def readers(stack: PcscStack, request: pytest.FixtureRequest) -> Iterator[Readers]:
    made = Readers(stack, request.param)
    with stack.card(made.psam, 0), stack.card(made.user, 1):
        yield made


def test_the_cards_are_told_apart_and_the_functions_work(readers: Readers) -> None:
    terminal = readers.terminal()
    basic = terminal.read_basic()
    assert basic.fields["name"] == "测试甲"
    assert basic.fields["terminal_number"] == TERMINAL_NUMBER
    terminal.write(INFO, "DF01EF07|29|$", "DF01EF07|4|$")
    assert terminal.read(INFO, "DF01EF07|29|$", 2).text == "DF01EF07|4|$"
    suite = readers.user.image.info.suite
    text = terminal.debit(INFO, PAYMENT).text
    assert text.split("|")[7] == expected_tac(suite, text)
    assert terminal.read_debit_records().text == f"0001^{TERMINAL_NUMBER}^{TIME}^12.50^10.00^|"
    changed = readers.terminal("4711")
    changed.reload_pin(INFO)
    changed.verify_pin()


def test_no_proof_outlives_a_function(readers: Readers) -> None:
    """Every function gives the card power anew and takes it away (terminal interface, 1.1.3)."""
    terminal = readers.terminal()
    terminal.verify_pin()
    connection = PcscReader(readers.stack.readers[1]).open()
    try:
        connection.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        connection.transmit(bytes.fromhex("00A4000002DF01"))
        assert connection.transmit(bytes.fromhex("00B2012C00")).hex() == "6982"
    finally:
        connection.close()


def test_a_wrong_pin_and_a_missing_card_have_their_codes(readers: Readers) -> None:
    terminal = readers.terminal("000000")
    with pytest.raises(TerminalError) as wrong:
        terminal.debit(INFO, PAYMENT)
    assert (wrong.value.code, wrong.value.text) == (-51, "PIN 校验失败，剩余次数 2 次")
    nowhere = Terminal(PcscReader("No such reader"))
    with pytest.raises(TerminalError) as missing:
        nowhere.read_basic()
    assert missing.value.code == -11


def test_a_card_pulled_out_of_its_reader_in_a_trade(stack: PcscStack) -> None:
    """The answer of DEBIT FOR PURCHASE is lost; the card comes back, and its proof ends the trade."""

    class Pulled(Card):
        pull = True

        def transmit(self, raw: bytes) -> bytes:
            answer = super().transmit(raw)
            if raw[:2] == b"\xb0\x2c" and self.pull:
                self.pull = False
                # This answer, 61xx, still goes out; the card is gone when its data are fetched.
                held[0].close()
            return answer

    user = Pulled(Image.in_memory(contents()))
    psam = Card(Image.in_memory(psam_contents()))
    held: list[Slot] = []
    with stack.card(psam, 0):
        held.append(stack.insert(user, 1))

        def again(_: str) -> bool:
            held.append(stack.insert(user, 1))
            return True

        try:
            terminal = Terminal(PcscReader(stack.readers[1]), PcscReader(stack.readers[0]), pad=lambda _: PIN)
            text = terminal.debit(INFO, PAYMENT, reinsert=again).text
        finally:
            for link in held:
                link.close()
        assert text.split("|")[7] == expected_tac("3DES", text)
        assert len(held) == 2
    stack.wait_until_empty([0, 1])


def test_without_a_psam_or_a_user_card_it_is_said(stack: PcscStack) -> None:
    user, psam = Card(Image.in_memory(contents())), Card(Image.in_memory(psam_contents()))
    with stack.card(user, 0):
        card, module, near = find_readers(None, None, Settings())
        assert card is not None
        assert (card.name, module, near) == (stack.readers[0], None, None)
        with pytest.raises(TerminalError) as caught:
            Terminal(card, module).read_basic()
        assert caught.value.code == -2201
    with stack.card(psam, 0), pytest.raises(TerminalError, match="no card in") as missing:
        find_readers(None, None, Settings())
    assert missing.value.code == -2
    bank = Card(Image.in_memory(contents("pboc")))
    with stack.card(user, 0), pytest.raises(TerminalError, match=r"^the card in '[^']+' is not a PSAM$") as misplaced:
        find_readers(None, stack.readers[0], Settings())
    assert misplaced.value.code == -2
    with stack.card(bank, 0), pytest.raises(TerminalError, match=r"is not a social-security card$") as foreign:
        find_readers(None, None, Settings())
    assert foreign.value.code == -2


@pytest.mark.parametrize("with_contacts", [True, False])
def test_a_contactless_reader_is_named_and_nothing_else_is_sought_in_it(stack: PcscStack, with_contacts: bool) -> None:
    """Terminal interface, 1.1.2: types 2 to 4."""
    user, psam = Card(Image.in_memory(contents())), Card(Image.in_memory(psam_contents()))
    with stack.card(psam, 0), stack.card(user, 1):
        near = stack.readers[1]
        found = find_readers(None, None, Settings(), contactless=near, with_contacts=with_contacts)
        assert found.card is None
        assert found.psam is not None
        assert found.contactless is not None
        assert (found.psam.name, found.contactless.name) == (stack.readers[0], near)
        terminal = Terminal(found.card, found.psam, contactless=found.contactless)
        for kind in (2, 3, 4):
            assert terminal.read_basic(kind).fields["terminal_number"] == TERMINAL_NUMBER
        with pytest.raises(TerminalError) as caught:
            terminal.read_basic(1)
        assert caught.value.code == -2
        done = stack.run([*SSCARD, "terminal", "verify-pin", "--pin", PIN, "--type", "2", "--contactless-reader", near])
        assert (done.returncode, done.stdout) == (0, "PIN 校验: done\n")


def test_a_psam_that_is_pulled_out_is_named_with_its_reader(stack: PcscStack) -> None:
    class Pulled(Card):
        def transmit(self, raw: bytes) -> bytes:
            answer = super().transmit(raw)
            if raw[:2] == b"\x80\x70":
                held.close()
            return answer

    user, psam = Card(Image.in_memory(contents())), Pulled(Image.in_memory(psam_contents()))
    with stack.card(user, 1):
        held = stack.insert(psam, 0)
        try:
            terminal = Terminal(PcscReader(stack.readers[1]), PcscReader(stack.readers[0]), pad=lambda _: PIN)
            with pytest.raises(
                TerminalError, match=f"the PSAM in '{stack.readers[0]}' does not answer any more"
            ) as caught:
                terminal.debit(INFO, PAYMENT)
        finally:
            held.close()
        assert caught.value.code == -2201
    stack.wait_until_empty([0, 1])


def test_one_line_makes_card_and_psam_and_pays() -> None:
    """`sscard exec` without images makes both for the run."""
    command = [*SSCARD, "exec", "--", "sscard", "terminal", "debit", "5.00", *DEMO, "--json"]
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
    done = child.run(command, env=environment)
    assert done.returncode == 0, done.stderr
    paid = json.loads(done.stdout)
    assert (paid["code"], paid["amounts"], paid["terminal_sequence"]) == (0, "000001F400000000", "00000001")


def test_the_command_line_works_and_says_what_it_cannot(stack: PcscStack) -> None:
    user, psam = Card(Image.in_memory(contents())), Card(Image.in_memory(psam_contents()))
    given = ["--pin", PIN, "--new-pin", "4711"]
    with stack.card(user, 0), stack.card(psam, 1):
        done = stack.run([*SSCARD, "terminal", "reload-pin", *given])
        assert (done.returncode, done.stdout) == (0, "PIN 重置: done\n")
        done = stack.run([*SSCARD, "terminal", "verify-pin", *given])
        assert done.returncode == 2
        assert done.stdout == "sscard: -51 PIN 校验失败，剩余次数 2 次: VERIFY: the PIN is wrong, 2 tries are left\n"
        done = stack.run([*SSCARD, "terminal", "read-basic", "--raw", "--hsm"])
        assert done.stdout.endswith("|2.00|20240101|20340101|000000000000||\n")


@pytest.mark.parametrize("form", ["table", "--raw", "--json"])
def test_a_name_that_would_move_the_cursor_is_shown_as_characters(stack: PcscStack, form: str) -> None:
    image = Image.in_memory(contents())
    records = image.contents[f"{SSSE}/EF06"]
    change = image.begin()
    evil = b"\x09\x1e" + NAME.encode("gb18030").ljust(30, b"\0")
    change.put_contents(f"{SSSE}/EF06", (records[0], evil, *records[2:]))  # type: ignore[arg-type]
    change.commit()
    with stack.card(Card(image), 0):
        done = stack.run([*SSCARD, "terminal", "read-basic", "--hsm", *([] if form == "table" else [form])])
    assert done.returncode == 0
    assert "\\u001b]0;title\\u0007\\u009b3m\\u202e\\u200f" in done.stdout
    assert harmless(done.stdout)
