"""Passbook and purse in directories that FMCOS commands build: published dialogues, the rights of FMCOS, its client.

Clauses are those of the FMCOS 2.0 user manual. The dialogues are written down from the manual and from records of
real cards.
"""

import importlib
import os
from typing import Any, Final

import pytest

from cardfs.model.files import CommandSet
from emulator.cards import Card
from keys.records import KeyState
from tests.kit.card import MF, scripted
from tests.kit.fmcos import FmcosBench, create, directory, fmcos_contents, write_key
from tests.kit.purse import AID, TERMINAL, flipped, folded, mac
from tests.kit.reference import Reference
from tests.kit.wallet import PIN, TRIPLE, VALUES, Wallet

APP: Final = f"{MF}/3F02"


def replay(bench: FmcosBench, *dialogue: tuple[str, str]) -> None:
    """Send whole commands; whole answers are expected."""
    for command, answer in dialogue:
        assert bench.send(command.replace(" ", "")) == answer.replace(" ", "").upper(), (command, bench.reason)


# -- published dialogues ------------------------------------------------------------------------------------


def test_the_simple_test_environment_from_the_blank_card_to_the_log() -> None:
    """Every command of it, in its order."""
    bench = FmcosBench(random=scripted("4E066548"))
    ok = "9000"
    replay(
        bench,
        ("80E03F010D 38 0800 F0 F0 95 FFFF 1122334455", ok),
        ("00A40000023F0100", "6F07 8405 1122334455 9000"),
        ("80E0000007 3F 018F 95 F0 FFFF", ok),
        ("80D401000D 39 F0F0 AAFF 1122334455667788", ok),
        ("80D4010015 3E F0F0 0001 3E3E3E3E3E3E3E3E 1122334455667788", ok),
        ("80D4010015 3F F0F0 0001 3F3F3F3F3F3F3F3F 1122334455667788", ok),
        ("80D4010015 34 F0F0 0001 3434343434343434 1122334455667788", ok),
        ("80D4010007 3A F0EF AAFF 1234", ok),
        ("80E0001807 2E 0A17 F0EF FFFF", ok),
        ("80E0000207 2F 0208 F000 FF18", ok),
        ("805C000204", "00000000 9000"),
        ("00200000021234", ok),
        ("805000020B 00 00000010 666666666666 10", "00000000 0000 00 01 4E066548 0D39ADBB 9000"),
        ("805200000B 20240411 212121 097E98FE 04", "A802863E 9000"),
        ("805C000204", "00000010 9000"),
        ("00B201C400", "0001 000000 00000010 02 666666666666 20240411212121 9000"),
    )


def test_the_e_wallet_debugging_record() -> None:
    """Its keys without a PIN beside them: a load begun and left, the load, the purchase."""
    bench = FmcosBench(random=scripted("E0B84748", "C903814D", "584633C9"))
    for apdu in ("80E03F010D380800F0F095FFFF1122334455", "00A40000023F01", "80E00000073F018F95F0FFFF"):
        bench.ok(apdu)
    value = "00112233445566778899AABBCCDDEEFF"
    ok = "9000"
    replay(
        bench,
        (f"80D4010115 3FF0F20100 {value}", ok),
        (f"80D4010215 3FF0F20000 {value}", ok),
        (f"80D4010315 3FF0F00100 {value}", ok),
        (f"80D4010015 34F0F20101 {value}", ok),
        (f"80D4010015 3EF0F20000 {value}", ok),
    )
    bench.ok("80E00018072E0A17F0EFFFFF")
    bench.ok("80E00002072F0208F000FF18")
    replay(
        bench,
        ("00A4000002000200", ok),
        ("805000020B 02 00002000 001122334455 10", "00000000 0000 00 00 E0B84748 EA411F90 9000"),
        ("805000020B 01 00002000 001122334455 10", "00000000 0000 01 00 C903814D 03976C22 9000"),
        ("805200000B 20161216105800 8AFA5718 04", "FA00066D 9000"),
        ("805001020B 00 00000001 001122334455", "00002000 0000 000000 00 00 584633C9 9000"),
        ("805401000F 00000000 20161216134600 D45737C5 08", "8AF270DC 66B54A6B 9000"),
    )


# -- an application with both accounts ------------------------------------------------------------------------


def test_a_directory_with_an_account_has_the_commands_of_one() -> None:
    wallet = Wallet()
    assert wallet.bench.card.image.dfs[APP].command_set is CommandSet.PURSE
    assert wallet.select() == "6F0C840A" + b"walletTest".hex().upper() + "9000"
    assert wallet.verify() == "9000"
    assert wallet.load(2, 1000) == wallet.load(1, 2000) == "9000"
    assert wallet.bench.ask("805C000204") == "000003E89000"
    assert wallet.bench.ask("805C000104") == "000007D09000"


def test_each_account_has_the_log_that_it_names() -> None:
    wallet = Wallet()
    wallet.verify()
    for amount in range(7):
        assert wallet.load(2, amount) == "9000"
    assert wallet.load(1, 9) == "9000"
    assert [wallet.bench.ask(f"00B20{at}C417")[10:18] for at in range(1, 6)] == [f"{at:08X}" for at in range(6, 1, -1)]
    assert wallet.bench.ask("00B201CC17")[10:20] == "0000000901"
    assert wallet.bench.ask("00B202CC17") == "6A83"


def test_the_pin_is_asked_for_and_not_the_state_that_follows_it() -> None:
    """8.7 and 8.8; a state that another key gives is worth nothing here."""
    wallet = Wallet()
    assert wallet.load(2, 1) == "6982"
    assert wallet.bench.word(wallet.bench.authenticated(0, VALUES[0x39])) == "9000"
    assert wallet.load(2, 1) == "6982"
    assert wallet.verify() == "9000"
    assert wallet.load(2, 1) == "9000"
    wallet.select()
    assert wallet.load(2, 1) == "6982"


def test_the_right_of_an_account_is_asked_for() -> None:
    """4.4 and 7.13.3: the byte of CREATE FILE; 22 is state 2 alone."""
    wallet = Wallet(use=0x22, pin_next=0x02)
    assert wallet.bench.word("805C000204") == "6982"
    assert wallet.verify() == "9000"
    assert wallet.bench.word("805C000204") == "9000"


def test_the_right_of_a_trade_key_is_asked_for() -> None:
    """7.12.3: the use byte."""
    wallet = Wallet(key_use=0x22)
    assert wallet.verify() == "9000"
    assert wallet.load(2, 1) == "6982"
    wallet = Wallet(key_use=0x22, pin_next=0x02)
    assert wallet.verify() == "9000"
    assert wallet.load(2, 1) == "9000"


@pytest.mark.parametrize(
    ("fid", "data"),
    [(1, "2F0209F000FF18"), (3, "2F0208F000FF18"), (1, "AF0208F000FF18"), (0x100, "2F0208F000FF18")],
)
def test_what_is_no_account(fid: int, data: str) -> None:
    bench = FmcosBench(fmcos_contents())
    bench.ok(directory(0x3F02, b"walletTest", create_erase="F0F0"))
    bench.ok("00A40000023F02")
    assert bench.word(create(fid, data)) == "6A80"
    assert bench.card.image.dfs[APP].command_set is CommandSet.SOCIAL


def test_an_account_takes_two_records_of_the_directory() -> None:
    """7.13.3: number times length and one, and its head."""
    bench = FmcosBench(fmcos_contents("personalisation space directory"))
    bench.ok(directory(0x3F02, b"walletTest", size=11 + 18, create_erase="F0F0"))
    bench.ok("00A40000023F02")
    bench.ok(create(2, "2F0208F000FF18"))
    assert bench.word(create(1, "2F0208F000FF18")) == "6A84"


def test_an_account_without_its_log_does_not_trade() -> None:
    bench = FmcosBench(fmcos_contents())
    for apdu in (directory(0x3F02, b"walletTest", create_erase="F0F0"), "00A40000023F02", create(2, "2F0208F000FF18")):
        bench.ok(apdu)
    assert bench.word("805C000204") == "9000"
    assert bench.word("805000020B00000000016666666666661 0".replace(" ", "")) == "6A82"


def test_the_pin_changes_its_length() -> None:
    """8.5 and 8.6; the head in the key file has it, so that a later update finds it."""
    wallet = Wallet()
    assert wallet.bench.word("805E010008123456FF13371337") == "9000"
    assert wallet.verify(b"\x13\x37\x13\x37") == "9000"
    new = b"\x22\x33"
    reload = new + mac(TRIPLE, folded(VALUES[0x38], TRIPLE), new)
    assert wallet.bench.word(b"\x80\x5e\x00\x00\x06" + reload) == "9000"
    assert wallet.verify(new) == "9000"
    update = b"\x3a\xf0\xef\x01\x33"
    assert wallet.bench.word(b"\x80\xd4\x3a\x00\x08" + update + PIN) == "6982"
    # The change byte of a PIN is EF, never; the length is asked for behind it, so a PIN of its own is needed.
    wallet.bench.ok(write_key(0x3A, PIN, identifier=4))
    assert wallet.bench.word("805E010406123456FF2233") == "9000"
    assert wallet.bench.word(b"\x80\xd4\x3a\x04\x08\x3a\xf0\xf0\x01\x33" + PIN) == "6700"
    assert wallet.bench.word(b"\x80\xd4\x3a\x04\x07\x3a\xf0\xf0\x01\x33" + new) == "9000"


def test_a_locked_pin_is_unblocked() -> None:
    """8.4: the cipher of its example has a block; clients also pad aligned data."""
    wallet = Wallet()
    assert [wallet.verify(b"\x99\x99") for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    cipher = Reference(TRIPLE).encrypt(VALUES[0x37], PIN)
    assert wallet.bench.word(wallet.protected("84240001", cipher, 0x37)) == "9000"
    assert wallet.verify() == "9000"
    long = bytes((7,)) + b"\x12\x34\x56\x78\x90\x12\x34"
    padded = Reference(TRIPLE).blocks(VALUES[0x37], long + b"\x80" + bytes(7))
    assert wallet.bench.word(wallet.protected("84240000", padded, 0x37)) == "6A80"
    five = Reference(TRIPLE).blocks(VALUES[0x37], b"\x05\x12\x34\x56\x78\x90\x80\x00")
    assert wallet.bench.word(wallet.protected("84240000", five, 0x37)) == "9000"
    assert wallet.verify(b"\x12\x34\x56\x78\x90") == "9000"


def test_locks() -> None:
    """8.1 to 8.3."""
    wallet = Wallet()
    bench = wallet.bench
    assert bench.word(wallet.protected("841E0000")) == "9000"
    assert bench.word("805C000204") == bench.word("00B201C417") == wallet.verify() == "6A81"
    assert wallet.select() == "6A81"  # 8.3.1, and its example 1
    assert bench.word(wallet.protected("84180000")) == "9000"
    assert bench.word("805C000204") == "9000"
    assert [bench.word(flipped(wallet.protected("84180000"))) for _ in range(3)] == ["6988", "6988", "9303"]
    assert bench.word("805C000204") == "9303"


def test_card_block_locks_the_whole_card() -> None:
    """8.1: its environment is the card."""
    wallet = Wallet()
    assert wallet.bench.word(wallet.protected("84160000")) == "9000"
    assert wallet.select() == wallet.bench.word("00A40000023F00") == "6A81"
    assert {key.state for key in wallet.bench.card.image.keys.values()} == {KeyState.DEAD}


def test_erasing_the_directory_takes_its_accounts_and_their_commands() -> None:
    wallet = Wallet()
    wallet.verify()
    wallet.load(2, 5)
    wallet.bench.ok("800E000000")
    assert wallet.bench.card.image.dfs[APP].command_set is CommandSet.SOCIAL
    assert wallet.bench.word("805C000204") in ("6E00", "6D00")
    wallet.bench.ok(create(2, "2F0208F000FF18"))
    assert wallet.bench.ask("805C000204") == "000000009000"


# -- the public client ----------------------------------------------------------------------------------------

CLIENT: Final = os.environ.get("FMCOS_CLIENT", "")
"""Folder of a checkout of the public client fmcos.py; without one there is no such test."""

if CLIENT:

    class _Connection:
        """What the client talks to."""

        def __init__(self, card: Card) -> None:
            self._card = card
            self._answer = b""

        def sendToNfc(self, command: list[int]) -> None:  # noqa: N802 - the client's name
            self._answer = self._card.transmit(bytes(command))

        def nfcGetRecData(self) -> bytes:  # noqa: N802 - the client's name
            return self._answer

    def test_the_public_client_trades_with_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
        """It checks every MAC and TAC itself."""
        monkeypatch.syspath_prepend(CLIENT)
        client: Any = importlib.import_module("fmcos")
        wallet = Wallet()
        driver = client.FMCOS(_Connection(wallet.bench.card), fmcos_debug=True)
        passbook, purse = client.BalanceType.Passbook, client.BalanceType.Wallet

        def ok(answer: bytes) -> bytes:
            assert driver.is_success(answer), answer.hex()
            return answer[:-2]

        ok(driver.cmd_select(name=b"walletTest"))
        ok(driver.cmd_verify_pin(0, PIN))
        both = {"key_id": 0, "terminal_id": TERMINAL, "internal_key": VALUES[0x34]}
        spend = {**both, "purchase_key": VALUES[0x3E]}
        ok(driver.cmd_add_credit(balance_type=purse, amount=1000, credit_key=VALUES[0x3F], **both))
        ok(driver.cmd_add_credit(balance_type=passbook, amount=2000, credit_key=VALUES[0x3F], **both))
        ok(driver.cmd_purchase_wallet(amount=50, **spend))
        ok(driver.cmd_purchase_passbook(amount=50, **spend))
        ok(driver.cmd_cash_withdraw(amount=100, **spend))
        ok(driver.cmd_online_transfer(amount=10, debit_key=VALUES[0x3D], **both))
        ok(driver.cmd_update_overdraft_limit(new_overdraft_limit=1000, overdraft_key=VALUES[0x3C], **both))
        assert ok(driver.cmd_get_balance(purse)) == (950).to_bytes(4)
        assert ok(driver.cmd_get_balance(passbook)) == (2840).to_bytes(4)
        ok(driver.cmd_pin_change(0, PIN, b"\x13\x37"))
        ok(driver.cmd_pin_reset(0, PIN, VALUES[0x38]))
        for _ in range(3):
            driver.cmd_verify_pin(0, b"\x99\x99")
        assert driver.cmd_verify_pin(0, PIN) == b"\x69\x83"
        ok(driver.cmd_pin_unblock(0, PIN, VALUES[0x37]))
        ok(driver.cmd_app_block(client.ApplicationBlock.Temporary, VALUES[0x36]))
        assert not driver.is_success(driver.cmd_get_balance(purse))
        ok(driver.cmd_app_unblock(VALUES[0x36]))
        ok(driver.cmd_get_balance(purse))
        ok(driver.cmd_card_block(VALUES[0x36]))
        assert driver.cmd_select(name=b"walletTest") == b"\x6a\x81"


@pytest.mark.parametrize(("version", "told"), [("02", "9F080102"), ("none", "")])
def test_the_fci_of_a_purse_shows_its_file_behind_the_version(version: str, told: str) -> None:
    """Record of an issued card, 6F32 8409... A525 9F080102 9F0C1E...; the manual's example is without 9F08 (7.4)."""
    bench = FmcosBench(fmcos_contents(f"edep fci_version {version}"))
    for apdu in (directory(0x3F01, AID, size=0x0500, create_erase="F0F0"), "00A40000023F01"):
        bench.ok(apdu)
    bench.ok(create(0x15, "28001EF0F0FFFF"))
    shown = f"9F0C1E{'00' * 30}"
    assert bench.ask("00A40000023F01") == f"6F2E8409{AID.hex().upper()}A521{shown}9000"
    for apdu in (create(0x18, "2E0A17F0EFFFFF"), create(2, "2F0208F000FF18")):
        bench.ok(apdu)
    body = f"8409{AID.hex().upper()}A5{(len(told) + len(shown)) // 2:02X}{told}{shown}"
    assert bench.ask("00A40000023F01") == f"6F{len(body) // 2:02X}{body}9000"
    bench.ok("800E000000")
    assert bench.ask("00A40000023F01") == f"6F0B8409{AID.hex().upper()}9000"
