"""`sscard check`: outcomes as lines, files, exit statuses."""

import json
from pathlib import Path
from xml.etree import ElementTree

import sscard as library
from tests.kit.cli import refused, sscard


def test_outcomes_are_lines_and_files(tmp_path: Path) -> None:
    as_json, as_xml = tmp_path / "out.json", tmp_path / "out.xml"
    done = sscard("check", "--card", "demo", "--group", "parameters", "--json", str(as_json), "--junit", str(as_xml))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "ok  class: A class that the card does not have is refused (Part 5, table 5)"
    assert lines[-1] == "ssc-2.0: 17 passed, 0 failed, 0 not tested"
    assert json.loads(as_json.read_text())["counts"]["passed"] == 17
    suite = ElementTree.fromstring(as_xml.read_text())  # noqa: S314 - made here
    assert len(list(suite.iter("testcase"))) == 17
    chinese = sscard("check", "--card", "demo", "--group", "parameters", "--language", "zh").stdout.splitlines()
    assert chinese[-1] == "ssc-2.0: 17 通过, 0 失败, 0 未测试"


def test_no_file_and_no_card_is_written_over(tmp_path: Path) -> None:
    image, notes = tmp_path / "c.sscard", tmp_path / "notes.json"
    with library.Card.issue() as card:
        card.save(image)
    notes.write_text("mine")
    before = image.read_bytes()
    words = ("check", "--card", str(image), "--group", "parameters")
    for option in ("--json", "--junit"):
        sentence = f"{image}: a card image, which {option} never replaces; name another file"
        assert refused(sscard(*words, option, str(image), "--force")) == sentence
        assert refused(sscard(*words, option, str(notes))) == f"{notes}: the file exists already; --force replaces it"
    assert (image.read_bytes(), notes.read_text()) == (before, "mine")


def test_a_failure_is_exit_status_1(tmp_path: Path) -> None:
    image = tmp_path / "old.sscard"
    with library.Card.issue("ssc-1.0") as card:
        card.save(image)
    done = sscard("check", "--card", str(image), "--profile", "ssc-2.0", "--group", "structure")
    assert done.exit_code == 1
    assert "FAILED  read-rules-ssse" in done.stdout


def test_bad_input_is_one_sentence() -> None:
    assert refused(sscard("check")) == "name the card: --reader NAME or --card IMAGE, one of them"
    assert refused(sscard("check", "--card", "demo", "--group", "x")).startswith("there is no group 'x'; there are: ")
    near = refused(sscard("check", "--card", "demo", "--group", "comands"))
    assert near == "there is no group 'comands'; did you mean 'commands'?"
    assert "did you mean catalogue:pin-locked" in refused(sscard("check", "--card", "catalogue:pin-lockd"))
