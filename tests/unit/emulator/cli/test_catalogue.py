"""Test cards on the command line: listed, filtered, shown; named wherever an image is."""

import json

from emulator.rig.catalogue.entries import catalogue
from tests.kit.cli import SELECT_SSSE, refused, sscard


def test_all_are_listed_with_both_names_and_their_codes() -> None:
    done = sscard("cards")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{len(catalogue())} cards"
    row = next(line for line in lines if line.startswith("pin-locked "))
    assert row.split() == ["pin-locked", "PIN", "locked", "PIN", "已锁定", "-52", "0"]


def test_words_filter_and_one_card_is_shown_whole() -> None:
    listed = sscard("cards", "psam", "-2202").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:-1]] == ["card-ssf33", "psam-no-sm4"]
    for name in ("pin-locked", "catalogue:pin-locked"):
        shown = sscard("cards", name).stdout
        assert shown.startswith("catalogue:pin-locked  PIN locked  PIN 已锁定\n")
        assert "  iVerifyPIN -> -52 PIN 锁定\n" in shown


def test_json_has_all_that_an_entry_says() -> None:
    (table,) = json.loads(sscard("cards", "pin-locked", "--json").stdout)
    assert (table["id"], table["codes"], table["clause"]) == ("pin-locked", [-52, 0], "Part 7, 5.8")
    assert len(json.loads(sscard("cards", "--json").stdout)) == len(catalogue())


def test_what_is_not_there_is_one_sentence() -> None:
    assert refused(sscard("cards", "zzz", "pin")) == ("no test card has all of: zzz pin; `sscard cards` lists them all")
    for command in ("show", "keys", "apdu"):
        assert refused(sscard(command, "catalogue:pin-lockd")) == (
            "catalogue:pin-lockd: the catalogue has no such card; did you mean catalogue:pin-locked?"
        )


def test_a_test_card_is_looked_into_as_an_image() -> None:
    table = json.loads(sscard("show", "catalogue:pin-locked", "SSSE", "--json").stdout)
    keys = {key["name"]: key["tries"] for key in table["directories"][0]["keys"]}
    assert (keys["PIN"], keys["PUK"]) == (0, 3)
    assert json.loads(sscard("keys", "catalogue:pin-longest", "PIN", "--json").stdout)[0]["value"] == "1234567890123456"


def test_a_script_runs_on_a_test_card_with_its_faults() -> None:
    script = f"{SELECT_SSSE}\n0020000003999999\n0020000003123456\n"
    done = sscard("apdu", "catalogue:pin-last-try", "--raw", stdin=script)
    assert [line.partition(" > ")[2] for line in done.stdout.splitlines()] == ["611E", "63C0", "6983"]
    done = sscard("apdu", "catalogue:answer-cut", "--raw", stdin="0084000008\n")
    assert done.stdout == "0084000008 > 90\n"
