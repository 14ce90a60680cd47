"""A terminal that is not ours: klks/fmcos-python trades over a real reader with an issued card.

It computes and checks every MAC and TAC itself. Its connection knows no 61xx, so the card gives its data at once.
"""

import json
import os
import sys
from typing import Final

import pytest

from tests.kit.bank import DIRECT, IssuedPurseBench
from tests.kit.card import PIN_CN
from tests.kit.purse import AID, ED, EP, TERMINAL
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

CLIENT: Final = os.environ.get("FMCOS_CLIENT", "")
"""Folder of a checkout of the public client fmcos.py; without one there is no such test."""

SCRIPT: Final = """
import json, sys
sys.path.insert(0, sys.argv[1])
from conn_pyscard import BRIDGE_PYSCARD
import fmcos
said = json.loads(sys.argv[2])
keys = {name: bytes.fromhex(value) for name, value in said["keys"].items()}
pin, terminal = bytes.fromhex(said["pin"]), bytes.fromhex(said["terminal"])
both = {"key_id": 1, "terminal_id": terminal, "internal_key": keys["DTK"]}
driver = fmcos.FMCOS(BRIDGE_PYSCARD("Virtual PCD", False), True)

def ok(answer):
    assert driver.is_success(answer), answer.hex()

ok(driver.cmd_select(name=bytes.fromhex(said["aid"])))
ok(driver.cmd_verify_pin(0, pin))
for kind in fmcos.BalanceType:
    ok(driver.cmd_add_credit(balance_type=kind, amount=1000, credit_key=keys["DLK"], **both))
ok(driver.cmd_purchase_wallet(amount=50, purchase_key=keys["DPK"], **both))
ok(driver.cmd_purchase_passbook(amount=50, purchase_key=keys["DPK"], **both))
ok(driver.cmd_cash_withdraw(amount=100, purchase_key=keys["DPK"], **both))
ok(driver.cmd_online_transfer(amount=10, debit_key=keys["DULK"], **both))
ok(driver.cmd_update_overdraft_limit(new_overdraft_limit=1000, overdraft_key=keys["DUK"], **both))
ok(driver.cmd_pin_reset(0, pin, keys["DRPK"]))
ok(driver.cmd_pin_unblock(0, pin, keys["DPUK"]))
ok(driver.cmd_app_block(fmcos.ApplicationBlock.Temporary, keys["DAMK"]))
ok(driver.cmd_app_unblock(keys["DAMK"]))
print("all done")
"""


if CLIENT:

    def test_the_public_client_trades_with_an_issued_card(stack: PcscStack) -> None:
        bank = IssuedPurseBench("pboc", DIRECT)
        names = ("DTK", "DLK", "DPK", "DULK", "DUK", "DRPK", "DPUK", "DAMK")
        said = {
            "aid": AID.hex(),
            "pin": PIN_CN.hex(),
            "terminal": TERMINAL.hex(),
            "keys": {name: bank.key_of(name)[1].hex() for name in names},
        }
        done = stack.run([sys.executable, "-c", SCRIPT, CLIENT, json.dumps(said)], cards=[bank.card])
        assert done.returncode == 0, done.stdout
        assert done.stdout.rstrip().endswith("all done"), done.stdout
        bank.card.power_on()
        bank.select()
        assert bank.pin(PIN_CN) == "9000"
        assert (bank.balance(ED), bank.balance(EP)) == (1840, 950)
