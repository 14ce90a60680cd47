"""Every clause of Part 4, chapters 5 to 8, has a proof, and docs/clauses.md says which."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import child, clauses
from tests.kit.clauses import BEGIN, CLAUSES, END, PART, sections, unproven, written
from tests.kit.places import ROOT

PROVEN = {PART + number: {f"what {number} asks": "tests/conformance/test_clauses.py"} for number, *_ in CLAUSES}


def test_the_page_is_fresh_and_no_clause_without_proof() -> None:
    """In a process of its own: only there all tests are collected, whatever this run was asked for."""
    done = child.run([sys.executable, "-X", "faulthandler", "-m", "tests.kit.clauses", "--check"], cwd=ROOT, limit=400)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_clause_without_proof_and_a_marker_of_no_clause_are_noticed() -> None:
    assert unproven(PROVEN) == []
    without = {number: whats for number, whats in PROVEN.items() if number != "Part 4, 7.3"}
    assert unproven(without) == ["Part 4, 7.3"]
    assert sections(without).count("**nothing**") == 1
    assert "## 7.3 密钥的装载和更新\n\nAsks: secure messaging, and the key enciphered.\n\n* **nothing**" in sections(
        without
    )
    assert unproven({**PROVEN, "Part 4, 7.9": {"what": "where"}}) == ["Part 4, 7.9"]
    assert unproven({**PROVEN, "Part 10, 5.2": {"what": "where"}}) == []


def test_a_stale_page_is_noticed_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "clauses.md"
    page.write_text(f"before\n{BEGIN}\nstale lines\n{END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(clauses, "PAGE", page)
    monkeypatch.setattr(clauses, "collect", lambda: PROVEN)
    assert clauses.main(["--check"]) == 1
    assert "stale lines" in page.read_text(encoding="utf-8")
    assert clauses.main([]) == 0
    text = page.read_text(encoding="utf-8")
    assert "stale lines" not in text
    assert text.startswith(f"before\n{BEGIN}\n\n## 5.1 ")
    assert text.endswith(f"what 8.5 asks\n\n{END}\nafter\n")
    assert written(text, PROVEN) == text
    assert clauses.main(["--check"]) == 0
    monkeypatch.setattr(clauses, "collect", dict)
    assert clauses.main(["--check"]) == 1
    with pytest.raises(SystemExit, match="no place for the clauses"):
        written("no comments", PROVEN)


def test_the_markers_of_one_test_are_taken_in_the_order_in_which_they_stand() -> None:
    class Item:
        path = ROOT / "tests/conformance/test_clauses.py"

        def iter_markers(self, name: str) -> Iterator[pytest.Mark]:
            assert name == "clause"
            yield pytest.mark.clause("Part 4, 5.1", "second").mark
            yield pytest.mark.clause("Part 4, 5.1", "first").mark

    class Session:
        items = (Item(), Item())

    collector = clauses.Collector()
    collector.pytest_collection_finish(Session())  # type: ignore[arg-type]
    assert list(collector.found["Part 4, 5.1"]) == ["first", "second"]


def test_the_clauses_are_in_the_order_of_the_standard_and_none_twice() -> None:
    numbers = [tuple(map(int, number.split("."))) for number, *_ in CLAUSES]
    assert numbers == sorted(set(numbers))
    assert {number[0] for number in numbers} == {5, 6, 7, 8}
