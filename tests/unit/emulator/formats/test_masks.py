"""Masked bytes as FF, with a note that gives the masks back."""

import pytest

from emulator.formats.masks import filled, masked, masked_answer, masked_command, note


@pytest.mark.parametrize(
    ("shown", "bytes_of", "text"),
    [
        ("0020000003******", "0020000003FFFFFF", "masked: bytes 6-8 stand as FF"),
        ("********9000", "FFFFFFFF9000", "masked: bytes 1-4 stand as FF"),
        ("00**FF**", "00FFFFFF", "masked: bytes 2-2, 4-4 stand as FF"),
        ("0084000008", "0084000008", ""),
        ("", "", ""),
    ],
)
def test_there_and_back(shown: str, bytes_of: str, text: str) -> None:
    assert (filled(shown), note(shown)) == (bytes_of, text)
    assert masked(filled(shown), f"# {note(shown)}, and more") == shown


def test_a_note_of_somebody_else_masks_no_more_than_there_is() -> None:
    assert masked("00FF", "masked: bytes 2-999999999 stand as FF") == "00**"
    assert masked("00FF", "masked: bytes 0-0, 7-3 stand as FF") == "00FF"
    assert masked("00FF", "bytes 1-2") == "00FF"


def test_a_header_and_a_status_word_are_never_masked() -> None:
    """Else no other form could hold them."""
    note_of_all = "masked: bytes 1-9 stand as FF"
    assert masked_command("0020000003FF", note_of_all) == "00200000****"
    assert masked_answer("ABCD9000", note_of_all) == "****9000"
    assert masked_answer("90", note_of_all) == "90"
